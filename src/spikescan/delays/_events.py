"""Events delayed by whole steps: additions to their time stamps."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ._state import DelayState


def delayed_events(
    events: Any, shift: Tensor, history: Tensor | None, lengths: Tensor | None, reach: int
) -> tuple[Any, DelayState]:
    """Events of shape (T, B, C) -> (the same ones shift[channel] steps later, the state after the last step).

    Those that come after the end, of the sequence or of a row's length, are not among them: they are in the state. So
    the inputs of an earlier chunk (`history`, (D - 1, B, C)) come first, as events of negative steps.
    """
    steps, rows, channels = events.shape
    step, row, channel = events.step.long(), events.row.long(), events.channel.long()
    dtype = torch.float32 if history is None else history.dtype
    value = events.value if events.value is None else events.value.to(dtype)
    if history is not None:
        before = history.nonzero().unbind(1)
        if value is None:
            value = torch.ones(len(step), dtype=dtype, device=step.device)
        value = torch.cat([history[before], value])
        step, row, channel = (
            torch.cat([old, new]) for old, new in zip((before[0] - reach, *before[1:]), (step, row, channel))
        )
        order = torch.argsort(row, stable=True)  # rows rise
        step, row, channel, value = step[order], row[order], channel[order], value[order]
    end = step.new_tensor(steps) if lengths is None else lengths.to(step.device)[row]
    later = step + shift[channel]
    out = _some(events, (step < end) & (later >= 0) & (later < end), later, row, channel, value)
    place = step - end + reach  # in the state
    kept = _some(events, (place >= 0) & (place < reach), place, row, channel, value)
    return out, DelayState(replace(kept, shape=(reach, rows, channels)).dense(dtype))


def _some(events: Any, which: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor | None) -> Any:
    places = {"step": step, "row": row, "channel": channel}
    chosen = {name: place[which].to(torch.int32) for name, place in places.items()}
    return replace(events, **chosen, value=None if value is None else value[which])
