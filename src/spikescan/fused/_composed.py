"""Without a reset, integration and firing come apart: potentials of any backend, then the firing function of torch on
the whole sequence. This serves `backend="fft"` (SPSN eq. 15) and firing functions that users write."""

from dataclasses import replace

import torch
from torch import Tensor

from ..scan._autograd import scan_op
from ..scan._checks import refuse_transforms
from ..scan._fft import convolve
from ._estimate import last_valid
from ._problem import Dynamics, Operands, Result, draw, gain, powers, without_padding


def integrate_and_fire(x: Operands, how: Dynamics, backend: str) -> Result:
    if how.reset != "none":
        raise ValueError(f"backend: {backend!r} cannot compute a reset, which is sequential; use auto or reference")
    refuse_transforms("integrate_and_fire (SPSN, LeakyIntegrator)", *x)
    found = _fft(x, how) if backend == "fft" else _fused(x, how, backend)
    u, s = found.potential, None
    assert u is not None
    if how.firing is not None:
        draws = draw(x, how, "auto")
        s = how.firing(u, torch.cat([x.potential[None], u[:-1]]), draws, x.threshold)
    return found._replace(
        spikes=None if s is None else without_padding(s, x.lengths), potential=without_padding(u, x.lengths)
    )


def _fused(x: Operands, how: Dynamics, backend: str) -> Result:
    from ._autograd import integrate_and_fire as fused

    wide = x._replace(current=x.current.to(x.potential.dtype))  # potentials are not rounded before they fire
    return fused(wide, replace(how, firing=None, half=False), backend, True, wide.current.dtype)


def _fft(x: Operands, how: Dynamics) -> Result:
    dtype = x.potential.dtype
    current = without_padding(x.current, x.lengths).to(dtype)
    i, u = _leaks(current, x, how) if x.coupling is None else _coupled(current, x)
    return Result(None, u, last_valid(i, x.synapse, x.lengths), last_valid(u, x.potential, x.lengths))


def _leaks(i: Tensor, x: Operands, how: Dynamics) -> tuple[Tensor, Tensor]:
    assert x.decay_mem is not None
    dtype, features = i.dtype, i.shape[2]

    def each(decay: Tensor) -> Tensor:
        return decay.to(dtype).expand(features).contiguous()

    if x.decay_syn is not None:
        i = scan_op(i, each(x.decay_syn), x.synapse, False, "fft")
    weight = gain(x.decay_mem, how.leaky_gain, dtype)
    return i, scan_op((weight * i).contiguous(), each(x.decay_mem), x.potential, False, "fft")


def _coupled(current: Tensor, x: Operands) -> tuple[Tensor, Tensor]:
    """Both states, each a convolution of the current with its answer to an impulse."""
    assert x.coupling is not None
    of_t = powers(x.coupling, len(current) + 1).to(current.dtype).unsqueeze(3)  # (T + 1, 2, 2, 1, N)
    _, _, ix, _, _, ux, _ = x.coupling.to(current.dtype)
    i, u = (
        convolve(current, of_t[:-1, k, 0] * ix + of_t[:-1, k, 1] * ux)
        + (of_t[1:, k, 0] * x.synapse + of_t[1:, k, 1] * x.potential)
        for k in (0, 1)
    )
    return i, u
