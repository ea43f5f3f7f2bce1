"""HOW, FASTER: integrate, fire and reset in one operation, with one signature and several bodies."""

import torch

from ..scan._select import resolve
from . import _composed, _estimate, _reference
from ._estimate import Estimated, Estimation, Inputs
from ._problem import Dynamics, Operands, Result

__all__ = [
    "Dynamics",
    "Estimated",
    "Estimation",
    "Inputs",
    "Operands",
    "Result",
    "estimate_and_fire",
    "integrate_and_fire",
]


def integrate_and_fire(
    x: Operands,
    how: Dynamics,
    *,
    backend: str = "auto",
    potentials: bool = False,
    spike_dtype: torch.dtype | None = None,
) -> Result:
    """The forward pass of every leaky neuron of the package: LI (no firing), SPSN (no reset), LIF (reset).

    Args:
        x: the tensors, shapes and dtypes as `Operands` says; neurons make them.
        how: the neuron apart from its tensors.
        backend: auto, reference, fft, native or triton.
        potentials: whether the result's potentials are wanted; a fused kernel then writes them.
        spike_dtype: of the spikes; None for the current's, which potentials always have.
    Returns:
        Spikes and potentials (T, B, N), or None where there are none or they are not wanted; the last state (B, N).
    Raises:
        ValueError: a backend that does not serve the current's device, has no kernel for the firing function, or keeps
            nothing in 16 bits for `how.half`; spikes that need a gradient in a dtype that carries none.
        NotImplementedError: for forward-mode derivatives and torch.func.grad, which the reference alone has.
    """
    spike_dtype = spike_dtype or x.current.dtype
    name = resolve(backend, x.current.device, x.current.dtype)
    own = how.code is None
    if own and how.reset != "none" and backend == "auto":
        name = "reference"  # documented: a surrogate of the user's own inside a reset loop
    if how.half:
        _check_half(name)
    if name == "reference":
        result = _reference.integrate_and_fire(x, how)
    elif name == "fft" or (own and how.reset == "none"):
        result = _composed.integrate_and_fire(x, how, name)
    else:
        from ._autograd import integrate_and_fire as fused

        result = fused(x, how, name, potentials, spike_dtype)
    return (result if potentials else result._replace(potential=None)).typed(spike_dtype, x.current.dtype)


def estimate_and_fire(inputs: Inputs, how: Estimation, *, backend: str = "auto", potentials: bool = False) -> Estimated:
    """The forward pass of MPE-PSN (see `spikescan.MPEPSN` for the equations); arguments and errors as above."""
    current = inputs.current
    name = resolve(backend, current.device, current.dtype)
    if how.half:
        _check_half(name)
    if name == "fft":
        raise ValueError("backend: 'fft' has nothing to transform in MPE-PSN, which has no recurrence")
    if name == "reference":
        return _estimate.estimate_and_fire(inputs, how, potentials)
    from ._estimate_autograd import estimate_and_fire as fused

    return fused(inputs, how, name, potentials)


def _check_half(backend: str) -> None:
    if backend in ("reference", "fft"):
        raise ValueError(
            f"memory: 'half' is kept by the fused kernels alone, and backend {backend!r} is torch's autograd"
        )
