"""The definition: integrate, fire, reset, a loop over time that autograd differentiates. Oracle of every other body."""

from collections.abc import Callable

import torch
from torch import Tensor

from ._problem import Dynamics, Operands, Result, draw, gain, without_padding

Step = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(i[t-1], u[t-1], x[t]) to (i[t], w[t])."""


def integrate_and_fire(x: Operands, how: Dynamics) -> Result:
    """i[t] = α i[t-1] + x[t];  w[t] = β u[t-1] + gain·i[t];  s[t] = fire(w[t]);  u[t] = reset(w[t], s[t])

    (SPSN eq. 5, 7 and, with a reset, eq. 6 as the published code computes it), or with a coupling as `COUPLING` says.
    After `lengths` the state stands still and spikes and potentials are 0.
    """
    dtype = x.potential.dtype
    step = _leaks(x, how, dtype) if x.coupling is None else _coupled(x.coupling.to(dtype))
    i, u, spikes, potentials = x.synapse, x.potential, [], []
    draws = draw(x, how, "reference")
    for t, current in enumerate(without_padding(x.current, x.lengths).to(dtype)):
        i_new, w = step(i, u, current)
        s = None
        if how.firing is not None:
            s = how.firing(w, u, None if draws is None else draws[t], x.threshold)
        u_new = reset(w, s, x.threshold, how)
        if x.coupling is not None and how.reset != "none" and s is not None:
            i_new = i_new + x.coupling[-1].to(dtype) * (s.detach() if how.detach_reset else s)
        if x.lengths is not None:
            valid = (t < x.lengths)[:, None]
            i_new, s = torch.where(valid, i_new, i), None if s is None else s.masked_fill(~valid, 0)
            potentials.append(u_new.masked_fill(~valid, 0))
            u_new = torch.where(valid, u_new, u)
        else:
            potentials.append(u_new)
        i, u = i_new, u_new
        spikes.append(s)
    return Result(None if how.firing is None else torch.stack(spikes), torch.stack(potentials), i, u)


def _leaks(x: Operands, how: Dynamics, dtype: torch.dtype) -> Step:
    assert x.decay_mem is not None
    beta, weight = x.decay_mem.to(dtype), gain(x.decay_mem, how.leaky_gain, dtype)
    alpha = None if x.decay_syn is None else x.decay_syn.to(dtype)

    def step(i: Tensor, u: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        i = current if alpha is None else alpha * i + current
        return i, beta * u + weight * i

    return step


def _coupled(coupling: Tensor) -> Step:
    ii, iu, ix, uu, ui, ux, _ = coupling
    return lambda i, u, current: (ii * i + iu * u + ix * current, uu * u + ui * i + ux * current)


def reset(w: Tensor, s: Tensor | None, threshold: Tensor | None, how: Dynamics) -> Tensor:
    if how.reset == "none" or s is None or threshold is None:
        return w
    s = s.detach() if how.detach_reset else s
    return w * (1 - s) if how.reset == "hard" else w - threshold * s
