"""Where training went wrong: the first layer whose numbers are no longer finite."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from spikescan.types import NetworkOutput


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """One answer, and one wait for the device, for all of ``tensors``."""
    tensors = [tensor for tensor in tensors if tensor.numel()]
    # The largest magnitude is infinite or NaN exactly where one of them is; a sum could overflow by itself.
    return not tensors or bool(torch.stack([t.detach().abs().amax().float() for t in tensors]).isfinite().all())


def faulty_weights(network: nn.Module) -> str | None:
    """The first parameter or running statistic that is not finite."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not all_finite([tensor]):
            return f"the weights {name}"
    return None


def faulty_gradient(network: nn.Module) -> str | None:
    """The first parameter in the order of the backward pass whose gradient is not finite."""
    for name, parameter in reversed(list(network.named_parameters())):
        if parameter.grad is not None and not all_finite([parameter.grad]):
            return f"the gradient of {name}"
    return None


def faulty_layer(inputs: Tensor, output: NetworkOutput, kinds: list[str]) -> str | None:
    """The first layer, from the input on, that gives a number which is not finite.

    Args:
        kinds: what the neurons of each hidden layer are called.
    """
    if not all_finite([inputs]):
        return "the input"
    for number, (layer, kind) in enumerate(zip(output.layers, kinds, strict=True), 1):
        for what, tensor in (
            ("potential", layer.potential),
            ("output", layer.spikes),
            ("L_mem", layer.estimation_loss),
        ):
            if tensor is not None and not all_finite([tensor]):
                return f"the {what} of hidden layer {number} ({kind})"
        if not all_finite(value for value in layer.state if value is not None):
            return f"the state of hidden layer {number} ({kind})"
    return None if all_finite([output.readout]) else "the readout layer"
