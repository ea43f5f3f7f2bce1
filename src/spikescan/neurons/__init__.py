"""WHAT: one model per file, a paper's equations as an nn.Module."""

from ._base import Neuron
from .leaky_integrator import LeakyIntegrator
from .lif import LIF
from .mpe_psn import MPEPSN
from .relu import ReLU
from .spsn import SPSN

__all__ = ["LIF", "MPEPSN", "SPSN", "LeakyIntegrator", "Neuron", "ReLU"]
