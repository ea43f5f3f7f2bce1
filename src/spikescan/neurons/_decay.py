"""Time constants: seconds in, decays out, always in full precision."""

from numbers import Real

import torch
from torch import Tensor, nn


class FullPrecision(nn.Module):
    """Keeps its own parameters and buffers out of half precision: `.half()` moves the network's weights there, but a
    decay of 0.95 kept in bfloat16 would be another neuron."""

    def __init__(self) -> None:
        super().__init__()
        self._constants: dict[str, Tensor] = {}

    def add_constant(self, name: str, value: Tensor) -> None:
        """A buffer that no `state_dict` holds, and that keeps its dtype (1 - β loses its digits in float32), also over
        `to_empty` and the meta device: `value` is kept beside it."""
        self._constants[name] = value
        self.register_buffer(name, value.to(torch.get_default_device()), persistent=False)

    def _apply(self, fn, recurse=True):
        def wide_enough(tensor: Tensor) -> Tensor:
            out = fn(tensor)
            narrow = out.is_floating_point() and out.dtype.itemsize < torch.float32.itemsize
            return tensor.to(out.device) if narrow else out

        for child in self.children() if recurse else ():
            child._apply(fn)  # which knows for itself
        super()._apply(wide_enough, recurse=False)
        for name, value in self._constants.items():
            self._buffers[name] = value.to(getattr(self, name).device)
        return self


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
        if not isinstance(tau, Tensor | Real):
            raise TypeError(f"{name}: seconds are needed, a number or a tensor, found {type(tau).__name__}")
        if not isinstance(dt, Real):
            raise TypeError(f"dt: a number of seconds is needed, found {type(dt).__name__}")
        tau = torch.as_tensor(tau, dtype=torch.float64, device="cpu")
        if not dt > 0 or dt == float("inf"):
            raise ValueError(f"dt: a positive number of seconds is needed, found {dt}")
        if not bool((tau >= 0).all()):
            raise ValueError(f"{name}: a time constant in seconds, 0 or more, is needed, found {tau.tolist()}")
        value = torch.exp(-dt / tau)
        self.learn = learn
        if not learn:
            self.add_constant("value", value)
            return
        if features is None:
            raise ValueError(f"features: learn_tau needs the number of features, to learn one {name} for each")
        if not bool(((value > 0) & (value < 1)).all()):
            raise ValueError(f"{name}: a learned time constant must be positive and finite, found {tau.tolist()}")
        logit = torch.logit(value).expand(features).to(torch.get_default_device(), torch.float32)
        self.logit = nn.Parameter(logit.clone())

    def forward(self) -> Tensor:
        """float64, in [0, 1]; strictly inside where learned."""
        if not self.learn:
            return self.value
        return torch.sigmoid(self.logit.to(torch.float64).clamp(-30, 30))
