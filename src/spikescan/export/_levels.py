"""Firing as a comparison of the potential with a level, for what fires over one without draws.

The level is found on the firing function itself, in the network's precision: σ(u) > 1/2, say, holds in float32
from u = 9e-8 on. A reader that compared with 0 would go on firing after a silence, while potentials decay.
"""

import torch
from torch import Tensor

from ..firing import Bernoulli, Escape, Firing, Gumbel, Threshold

RISING = Bernoulli, Gumbel, Escape, Threshold
"""Firing functions that, without draws, fire at every potential over one at which they fire."""
FAR = 1e30


def firing_level(firing: Firing | None, threshold: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """The largest potential at which `firing` does not fire, of the threshold's shape; None where it has none: it
    compares something else, or never fires, or always."""
    if type(firing) not in RISING:
        return None
    assert firing is not None
    threshold = None if threshold is None else threshold.detach().to(dtype)
    if isinstance(firing, Threshold) and firing.activation == "identity":
        return threshold
    low = torch.full(() if threshold is None else threshold.shape, -FAR, dtype=dtype)
    high = -low

    def fires(potential: Tensor) -> Tensor:
        return firing(potential, potential, None, threshold) > 0.5

    with torch.no_grad():
        if fires(low).any() or not fires(high).all():
            return None
        while True:
            middle = low / 2 + high / 2
            if ((middle == low) | (middle == high)).all():
                return low
            over = fires(middle)
            low, high = torch.where(over, low, middle), torch.where(over, middle, high)
