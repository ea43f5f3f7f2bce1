"""What a delay carries from chunk to chunk, and what it returns."""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class DelayState(NamedTuple):
    """The last inputs, of as many steps as a delay reaches back: (D - 1, B, *features), float32 (float64 for a float64
    input). A pytree of tensors through which gradients flow."""

    history: Tensor

    def detach(self) -> "DelayState":
        """The same values, cut from the graph."""
        return DelayState(self.history.detach())

    def to(self, device: torch.device | str) -> "DelayState":
        """The same on `device`."""
        return DelayState(self.history.to(device))


class DelayOutput(NamedTuple):
    """`output`: the delayed input, a tensor (T, B, *features) or events; `state`: that after the last step."""

    output: Any
    state: DelayState


torch.serialization.add_safe_globals([DelayState, DelayOutput])


def check_state(state: DelayState | None, shape: tuple[int, ...], like: Tensor, dtype: torch.dtype) -> Tensor | None:
    """The history of `state` in `dtype`, flat: (D - 1, B, N); None without a state. shape: that it has to be."""
    if state is None:
        return None
    if not isinstance(state, DelayState):
        raise TypeError(f"state: a DelayState that an earlier chunk returned is needed, found {type(state).__name__}")
    found = state.history
    if found.shape != shape or found.device != like.device:
        raise ValueError(
            f"state.history: {shape} on {like.device} is needed, found {tuple(found.shape)} on {found.device}"
        )
    return flattened(found.to(dtype)).contiguous()


def flattened(x: Tensor) -> Tensor:
    """(T, B, *features) -> (T, B, N)."""
    return x.flatten(2) if x.dim() > 2 else x.unsqueeze(-1)


def last_inputs(x: Tensor, history: Tensor | None, lengths: Tensor | None, reach: int) -> Tensor:
    """The inputs of the last `reach` steps, of row b those before lengths[b]; x (T, B, N) -> (reach, B, N)."""
    if history is None:
        history = x.new_zeros((reach, *x.shape[1:]))
    if lengths is None:
        tail = x[max(len(x) - reach, 0) :]
        return torch.cat([history[len(tail) :], tail])
    step = lengths + torch.arange(-reach, 0, device=x.device)[:, None]  # (reach, B)
    row = torch.arange(x.shape[1], device=x.device)
    now, before = x[step.clamp(min=0), row], history[(step + reach).clamp(max=max(reach - 1, 0)), row]
    return torch.where((step >= 0)[..., None], now, before)
