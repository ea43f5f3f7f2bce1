"""Without a reset, integration and firing come apart: two scans of any backend, then the firing function of torch on
the whole sequence. This serves `backend="fft"` (SPSN eq. 15) and firing functions that users write."""

import torch
from torch import Tensor

from ..scan._autograd import scan_op
from ..scan._checks import refuse_transforms
from ._estimate import last_valid
from ._problem import Dynamics, Operands, Result, draw, gain, without_padding


def integrate_and_fire(x: Operands, how: Dynamics, backend: str) -> Result:
    if how.reset != "none":
        raise ValueError(f"backend: {backend!r} cannot compute a reset, which is sequential; use auto or reference")
    refuse_transforms("integrate_and_fire (SPSN, LeakyIntegrator)", *x)
    dtype, features = x.potential.dtype, x.current.shape[2]

    def each(decay: Tensor) -> Tensor:
        return decay.to(dtype).expand(features).contiguous()

    i = without_padding(x.current, x.lengths).to(dtype)
    if x.decay_syn is not None:
        i = scan_op(i, each(x.decay_syn), x.synapse, False, backend)
    weight = gain(x.decay_mem, how.leaky_gain, dtype)
    u = scan_op((weight * i).contiguous(), each(x.decay_mem), x.potential, False, backend)
    s = None
    if how.firing is not None:
        draws = draw(x, how, "auto")
        s = how.firing(u, torch.cat([x.potential[None], u[:-1]]), draws, x.threshold)
    return Result(
        None if s is None else without_padding(s, x.lengths),
        without_padding(u, x.lengths),
        last_valid(i, x.synapse, x.lengths),
        last_valid(u, x.potential, x.lengths),
    )
