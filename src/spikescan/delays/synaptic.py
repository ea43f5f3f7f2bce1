"""A linear layer with a learned delay for each weight (DCLS, Hammouamri et al., ICLR 2024)."""

from numbers import Integral

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..scan._checks import accumulate_dtype, check_current, check_device, check_lengths
from ._positions import Positions
from ._reference import without_padding
from ._state import DelayOutput, DelayState, check_state, last_inputs

LOOK_UPS = 1 << 16
"""Weights times steps that are looked up at once in evaluation."""


class SynapticDelayLinear(nn.Module):
    """y[t, b, o] = Σ_i w[o, i] Σ_k g(k - d[o, i]) x[t - k, b, i] + bias[o];  g and d as in `AxonalDelay`.

    In training it is a convolution over time, D times the products of a linear layer. In evaluation d is rounded, and
    each weight is multiplied once, with the input d steps before.

    Args:
        in_features, out_features: as of `nn.Linear`, whose initial weights these are.
        max_delay: seconds (250 ms). D = round(max_delay / dt) + 1.
        dt: time step in seconds (1 ms).
        bias: whether there is one.
        sigma: σ in steps; None: D/2. `DelaySchedule` anneals it.
    Parameters: `weight`, `bias`, and `positions.delay` (out_features, in_features) in steps.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        max_delay: float = 0.25,
        dt: float = 1e-3,
        bias: bool = True,
        *,
        sigma: float | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(size, Integral) or size < 1:
                raise ValueError(f"{name}: a positive whole number is needed, found {size!r}")
        self.in_features, self.out_features = int(in_features), int(out_features)
        linear = nn.Linear(self.in_features, self.out_features, bias)
        self.weight, self.bias = linear.weight, linear.bias
        self.positions = Positions((self.out_features, self.in_features), max_delay, dt, sigma)

    def run(self, x: Tensor, state: DelayState | None = None, *, lengths: Tensor | None = None) -> DelayOutput:
        """The layer's output, and the state to go on with: chunks joined are the whole.

        Args:
            x: floating point (T, B, in_features).
            state, lengths: as of `AxonalDelay.run`; y is 0 in padding, the bias included.
        Raises:
            ValueError, TypeError: naming the argument.
        """
        check_current(x, "x")
        if x.dim() != 3 or x.shape[2] != self.in_features:
            raise ValueError(f"x: (T, B, {self.in_features}) is needed, found {tuple(x.shape)}")
        check_device(self.weight, x, "weight")
        lengths, inside = check_lengths(lengths, x), accumulate_dtype(x)
        history = check_state(state, (self.positions.reach, *x.shape[1:]), x, inside)
        flat = without_padding(x.to(inside), lengths)
        before = flat.new_zeros((self.positions.reach, *x.shape[1:])) if history is None else history
        joined = torch.cat([before, flat])
        y = (self._spread(joined) if self.training else self._sparse(joined)).to(x.dtype)
        y = y if self.bias is None else y + self.bias.to(x.dtype)
        after = last_inputs(flat, history, lengths, self.positions.reach)
        return DelayOutput(without_padding(y, lengths), DelayState(after))

    def _spread(self, joined: Tensor) -> Tensor:
        """(D - 1 + T, B, in) -> (T, B, out): every weight as D taps."""
        taps = self.positions.gaussians(self.positions.delay).to(joined.dtype) * self.weight.to(joined.dtype)
        kernel = taps.flip(0).permute(1, 2, 0)  # (out, in, D)
        return F.conv1d(joined.permute(1, 2, 0), kernel).permute(2, 0, 1).contiguous()

    def _sparse(self, joined: Tensor) -> Tensor:
        """The same with delays in whole steps. Rows of B inputs are looked up: row t·in + i is input i at step t."""
        reach, rows = self.positions.reach, joined.shape[1]
        table = joined.transpose(1, 2).flatten(0, 1)
        if table.numel() == 0:
            return joined.new_zeros((len(joined) - reach, rows, self.out_features))
        delay = self.positions.rounded(self.positions.delay)
        place = (reach - delay) * self.in_features + torch.arange(self.in_features, device=delay.device)
        weight, out = self.weight.to(joined.dtype), []
        for steps in torch.arange(len(joined) - reach, device=delay.device).split(max(1, LOOK_UPS // place.numel())):
            places = (steps[:, None, None] * self.in_features + place).flatten(0, 1)
            factors = weight.expand(len(steps), *weight.shape).reshape(places.shape)
            out.append(F.embedding_bag(places, table, mode="sum", per_sample_weights=factors))
        return torch.cat(out).view(-1, self.out_features, rows).transpose(1, 2).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """The output alone."""
        return self.run(x).output

    def advance(self, x: Tensor, state: DelayState | None = None) -> tuple[Tensor, DelayState]:
        """(output, state): one chunk of a longer sequence."""
        output, state = self.run(x, state)
        return output, state

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"
