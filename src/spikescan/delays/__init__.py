"""WHEN: learned delays, exact over chunks; of each feature (a filter of its own) or of each weight."""

from ._positions import Positions
from ._state import DelayOutput, DelayState
from .axonal import AxonalDelay
from .schedule import DelaySchedule
from .synaptic import SynapticDelayLinear

__all__ = ["AxonalDelay", "DelayOutput", "DelaySchedule", "DelayState", "Positions", "SynapticDelayLinear"]
