"""A learned delay for each feature (axonal, or behind a layer dendritic), as in arXiv 2602.09746.

d delay and σ width in steps, g Gaussian over the taps k, D taps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..neurons._integrating import feature_shape
from ..scan._checks import accumulate_dtype, check_current, check_lengths, over_features
from ..scan._select import check_backend
from ._autograd import filtered, shifted
from ._events import delayed_events
from ._positions import Positions
from ._state import DelayOutput, DelayState, check_state, flattened, last_inputs

if TYPE_CHECKING:
    from ..networks._event_linear import Events


class AxonalDelay(Positions):
    """y[t, b, n] = Σ_k g(k - d_n) x[t - k, b, n], k = 0 … D - 1;  g a Gaussian of width σ, normalised over k.

    In evaluation d is rounded and x shifted: y[t, b, n] = x[t - d_n, b, n]. What would come after the last step is
    lost: to keep it, let the sequence end with max_delay of zeros, or go on with the state. In training a value that is
    not finite reaches all D steps that a tap sees it from, whatever the tap's weight.

    Args:
        features: N, or the feature shape; it broadcasts over the input's, so that (C, 1, 1) delays channels of images.
        max_delay: seconds (250 ms). D = round(max_delay / dt) + 1.
        dt: time step in seconds (1 ms).
        sigma: σ in steps; None: D/2. `DelaySchedule` anneals it.
        backend: auto, reference, native or triton, as everywhere (`scan/README.md`).
    Parameters: `delay`, in steps.
    """

    def __init__(
        self,
        features: int | tuple[int, ...],
        max_delay: float = 0.25,
        dt: float = 1e-3,
        *,
        sigma: float | None = None,
        backend: str = "auto",
    ) -> None:
        shape = feature_shape(features)
        if shape is None:
            raise ValueError("features: a positive whole number, or a tuple of them, is needed, found None")
        super().__init__(shape, max_delay, dt, sigma)
        self.features, self.backend = shape, check_backend(backend)

    def run(self, x: Tensor | Events, state: DelayState | None = None, *, lengths: Tensor | None = None) -> DelayOutput:
        """The delayed input, and the state to go on with: chunks joined are the whole.

        Args:
            x: floating point (T, B, *features); or an `EventTensor` of as many channels as features. Of events,
                evaluation gives events, whose time stamps the delay is added to; training, where every event becomes D
                weighted ones, gives a tensor.
            state: what an earlier chunk returned; None: nothing came before.
            lengths: int64 (B,); steps from lengths[b] on are padding: they enter nothing, y is 0 there, and the state
                of row b is the one after its last valid step.
        Raises:
            ValueError, TypeError: naming the argument.
        """
        if not isinstance(x, Tensor):
            return self._run_events(x, state, lengths)
        check_current(x, "x")
        lengths, dtype = check_lengths(lengths, x), accumulate_dtype(x)
        history = check_state(state, (self.reach, *x.shape[1:]), x, dtype)
        delay = over_features(self.delay, x, "features")
        flat = flattened(x.to(dtype))
        if self.training:
            y = filtered(flat, self.gaussians(delay).to(dtype), history, lengths, self.backend)
        else:
            y = shifted(flat, self.rounded(delay), history, lengths, self.reach, self.backend)
        after = last_inputs(flat, history, lengths, self.reach).view(self.reach, *x.shape[1:])
        return DelayOutput(y.view(x.shape).to(x.dtype), DelayState(after))

    def _run_events(self, x: Any, state: DelayState | None, lengths: Tensor | None) -> DelayOutput:
        if not hasattr(x, "step"):
            raise TypeError(f"x: a tensor (T, B, *features) or an EventTensor is needed, found {type(x).__name__}")
        if self.training or (x.value is not None and x.value.requires_grad and torch.is_grad_enabled()):
            return self.run(x.dense(self.delay.dtype), state, lengths=lengths)
        like = x.step.new_empty(()).expand(x.shape)
        lengths = check_lengths(lengths, like)
        history = check_state(state, (self.reach, *x.shape[1:]), like, self.delay.dtype)
        shift = self.rounded(over_features(self.delay, like, "features"))
        return DelayOutput(*delayed_events(x, shift, history, lengths, self.reach))

    def forward(self, x: Tensor | Events) -> Any:
        """The delayed input alone, so that delays work inside `nn.Sequential`."""
        return self.run(x).output

    def advance(self, x: Tensor | Events, state: DelayState | None = None) -> tuple[Any, DelayState]:
        """(output, state): one chunk of a longer sequence."""
        output, state = self.run(x, state)
        return output, state
