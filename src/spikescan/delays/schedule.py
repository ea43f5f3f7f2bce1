"""How the Gaussians of learned delays narrow while a network is trained (the DCLS recipe; see `DelaySchedule`)."""

from dataclasses import dataclass

from torch import nn

from ..scan._checks import check_finite
from ._positions import Positions


@dataclass(frozen=True)
class DelaySchedule:
    """σ falls exponentially from D/2 to `end` over the first `share` of the epochs, and stays.

    σ follows from the epoch alone, so a run that resumes needs nothing of what came before. Once an epoch
    `schedule.apply(network, epoch, epochs)`; after each step of the optimiser `schedule.project(network)`.

    Args:
        share: of the epochs (a quarter), in (0, 1].
        end: σ in steps from there on (0.23).
    Source: the published DCLS training code (`Thvnvtos/SNN-delays`), where σ falls so over a quarter of the epochs.
    """

    share: float = 0.25
    end: float = 0.23

    def __post_init__(self) -> None:
        check_finite(self.share, "share")
        check_finite(self.end, "end")
        if not 0 < self.share <= 1:
            raise ValueError(f"share: a number in (0, 1] is needed, found {self.share}")
        if not 0 < self.end <= 1:
            raise ValueError(f"end: a number of steps in (0, 1] is needed, found {self.end}")

    def sigma(self, taps: int, epoch: float, epochs: int) -> float:
        """σ in steps for delays of `taps` taps in `epoch`, counted from 0, of `epochs`."""
        if not (epochs > 0 and 0 <= epoch <= epochs):
            raise ValueError(f"epoch: 0 to {epochs} epochs are there, found {epoch}")
        progress = min(epoch / (self.share * epochs), 1.0)
        return taps / 2 * (2 * self.end / taps) ** progress

    def apply(self, network: nn.Module, epoch: float, epochs: int) -> None:
        """Set σ of every delay of `network` to that of `epoch`."""
        for delays in delays_of(network):
            delays.sigma = self.sigma(delays.taps, epoch, epochs)

    def project(self, network: nn.Module) -> None:
        """Bring every delay of `network` back into its range."""
        for delays in delays_of(network):
            delays.project()


def delays_of(network: nn.Module) -> list[Positions]:
    return [module for module in network.modules() if isinstance(module, Positions)]
