"""Time constants: seconds in, decays out, always in full precision."""

import torch
from torch import Tensor, nn


class FullPrecision(nn.Module):
    """Keeps its own parameters and buffers from being narrowed: `.half()` moves the network's weights to half
    precision, but a decay of 0.95 kept in bfloat16 would be another neuron."""

    def _apply(self, fn, recurse=True):
        def never_narrower(tensor: Tensor) -> Tensor:
            out = fn(tensor)
            narrower = out.is_floating_point() and out.dtype.itemsize < tensor.dtype.itemsize
            return tensor.to(out.device) if narrower else out

        return super()._apply(never_narrower, recurse)


class Decay(FullPrecision):
    """exp(-dt/tau), computed in float64; learned as the logit of the decay of each feature where `learn` is set.

    Args:
        tau: seconds, >= 0 (0: forgets at once; infinity: never); a number or a tensor over the features.
        dt: the time step in seconds, > 0.
        features: the feature shape, needed to learn one decay for each.
    """

    logit: nn.Parameter
    value: Tensor

    def __init__(
        self,
        name: str,
        tau: float | Tensor,
        dt: float,
        learn: bool = False,
        features: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        tau = torch.as_tensor(tau, dtype=torch.float64)
        if not dt > 0 or dt == float("inf"):
            raise ValueError(f"dt: a positive number of seconds is needed, found {dt}")
        if not bool((tau >= 0).all()):
            raise ValueError(f"{name}: a time constant in seconds, 0 or more, is needed, found {tau.tolist()}")
        value = torch.exp(-dt / tau)
        self.learn = learn
        if not learn:
            self.register_buffer("value", value, persistent=False)
            return
        if features is None:
            raise ValueError(f"features: learn_tau needs the number of features, to learn one {name} for each")
        if not bool(((value > 0) & (value < 1)).all()):
            raise ValueError(f"{name}: a learned time constant must be positive and finite, found {tau.tolist()}")
        self.logit = nn.Parameter(torch.logit(value).expand(features).to(torch.float32).clone())

    def forward(self) -> Tensor:
        """float64, in [0, 1]; strictly inside where learned."""
        if not self.learn:
            return self.value
        return torch.sigmoid(self.logit.to(torch.float64).clamp(-30, 30))
