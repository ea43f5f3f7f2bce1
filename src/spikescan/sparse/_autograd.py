"""One operator for all backends. Differentiable in the weight and the bias; events are data."""

import torch
from torch import Tensor

from ..scan._checks import accumulate_dtype, check_places, refuse_transforms
from ..scan._operators import Operator
from ..scan._select import lazy, select
from . import _reference

DENSE = "the dense tensor, events.dense()"
FORWARD = {
    "reference": _reference.forward,
    "native": lazy("spikescan.sparse._native", "forward"),
    "triton": lazy("spikescan.sparse._triton", "forward"),
}
BACKWARD = {
    "reference": _reference.backward,
    "native": lazy("spikescan.sparse._native", "backward"),
    "triton": lazy("spikescan.sparse._triton", "backward"),
}


def _forward(
    weight: Tensor,
    bias: Tensor | None,
    step: Tensor,
    row: Tensor,
    channel: Tensor,
    value: Tensor | None,
    steps: int,
    rows: int,
    backend: str,
) -> Tensor:
    """weight (C, N), bias (N,), events (E,) -> (T, B, N). `value`: of the type in which sums are taken. Places are
    checked here, where a compiler does not look."""
    for size, name, place in ((steps, "step", step), (rows, "row", row), (len(weight), "channel", channel)):
        check_places(size, name, place)
    return select(FORWARD, backend, weight, "event-driven layer")(weight, bias, step, row, channel, value, steps, rows)


def _forward_fake(weight, bias, step, row, channel, value, steps, rows, backend):
    return weight.new_empty((steps, rows, weight.shape[1]))


def _adjoint(
    grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor | None, channels: int, backend: str
) -> Tensor:
    """The weight's gradient, (C, N)."""
    return select(BACKWARD, backend, grad, "event-driven layer")(grad, step, row, channel, value, channels)


def _adjoint_fake(grad, step, row, channel, value, channels, backend):
    return grad.new_empty((channels, grad.shape[2]))


def _setup(ctx, inputs, output) -> None:
    weight, _, *events, _, _, ctx.backend = inputs
    ctx.channels = len(weight)
    ctx.save_for_backward(*events)


def _backward(ctx, grad: Tensor):
    weight = None
    if ctx.needs_input_grad[0]:
        weight = event_backward_op(grad.contiguous(), *ctx.saved_tensors, ctx.channels, ctx.backend)
    bias = grad.sum((0, 1)) if ctx.needs_input_grad[1] else None
    return weight, bias, *[None] * 7


event_op = Operator("event_linear", _forward, _forward_fake, _setup, _backward, DENSE)
event_backward_op = Operator("event_linear_backward", _adjoint, _adjoint_fake, other=DENSE)


def event_linear(
    weight: Tensor,
    bias: Tensor | None,
    step: Tensor,
    row: Tensor,
    channel: Tensor,
    value: Tensor | None,
    shape: tuple[int, int, int],
    backend: str = "auto",
) -> Tensor:
    """What `nn.Linear` gives for the dense tensor of the events, (T, B, N), without that tensor.

    Args:
        weight: (N, C), bias: (N,) or None, as of `nn.Linear`.
        step, row, channel: int32 (E,), one event each; the same place may occur many times. Whether they are inside
            the shape is checked on the CPU only, where it costs no wait.
        value: (E,) what each event adds, or None: 1. Data: no gradient flows into it.
        shape: (T, B, C).
        backend: auto, reference, native or triton, as everywhere (`scan/README.md`). Sums are taken in float32 where
            the weight is float16 or bfloat16. The reference makes an array (E, N); the kernels do not.
    Returns:
        (T, B, N) of the weight's dtype.
    Raises:
        ValueError: shapes, lengths, dtypes or devices that do not fit each other, places outside the shape, a backend
            that does not serve the weight's device.
    """
    refuse_transforms("event_linear", weight, bias, value, other=DENSE)
    steps, rows, channels = shape
    if weight.dim() != 2 or weight.shape[1] != channels:
        raise ValueError(f"weight: (N, {channels}) is needed for {channels} channels, found {tuple(weight.shape)}")
    if bias is not None and (bias.shape != weight.shape[:1] or bias.device != weight.device):
        raise ValueError(
            f"bias: ({len(weight)},) on {weight.device} is needed, found {tuple(bias.shape)} on {bias.device}"
        )
    _check_columns({"step": step, "row": row, "channel": channel}, weight.device)
    if value is not None and (value.shape != step.shape or value.device != weight.device):
        raise ValueError(
            f"value: {tuple(step.shape)}, one for each event, on {weight.device} is needed, "
            f"found {tuple(value.shape)} on {value.device}"
        )
    if value is not None and value.requires_grad and torch.is_grad_enabled():
        raise ValueError(f"value: events are data and get no gradient; detach it, or take {DENSE}")
    values = None if value is None else value.to(accumulate_dtype(weight)).contiguous()
    start = None if bias is None else bias.contiguous()
    places = (place.contiguous() for place in (step, row, channel))
    return event_op(weight.t().contiguous(), start, *places, values, steps, rows, backend)


def _check_columns(places: dict[str, Tensor], device: torch.device) -> None:
    for name, place in places.items():
        if place.dtype != torch.int32 or place.device != device:
            raise ValueError(
                f"{name}: int32 on {device}, as the weight, is needed, found {place.dtype} on {place.device}"
            )
        if place.dim() != 1 or place.shape != places["step"].shape:
            steps = tuple(places["step"].shape)
            raise ValueError(f"{name}: (E,), as long as step, is needed, found {tuple(place.shape)} beside {steps}")
