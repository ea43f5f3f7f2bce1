"""A trained run at work: `spikescan.load` and what it gives."""

from .model import Model, Prediction, load
from .stream import Stream

__all__ = ["Model", "Prediction", "Stream", "load"]
