"""WHEN: learned delays, exact over chunks; of each feature (a depthwise filter) or of each weight."""

from ._positions import Positions
from ._state import DelayOutput, DelayState
from .axonal import AxonalDelay
from .schedule import DelaySchedule

__all__ = ["AxonalDelay", "DelayOutput", "DelaySchedule", "DelayState", "Positions"]
