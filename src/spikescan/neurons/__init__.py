"""WHAT: one model per file, a paper's equations as an nn.Module."""

from ._base import Neuron
from .adaptive_lif import AdaptiveLIF
from .c_silif import CSiLIF
from .iterated import IteratedLIF, iterated_lif
from .leaky_integrator import LeakyIntegrator
from .lif import LIF
from .mpe_psn import MPEPSN
from .relu import ReLU
from .resonate_and_fire import ResonateAndFire
from .resonator import Resonator
from .spsn import SPSN

__all__ = [
    "LIF",
    "MPEPSN",
    "SPSN",
    "AdaptiveLIF",
    "CSiLIF",
    "IteratedLIF",
    "LeakyIntegrator",
    "Neuron",
    "ReLU",
    "ResonateAndFire",
    "Resonator",
    "iterated_lif",
]
