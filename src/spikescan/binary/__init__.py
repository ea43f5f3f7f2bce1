"""HOW, FOR SPIKES: a linear layer that knows that its input is 0 or 1, and keeps a bit of it instead of a number."""

from ._autograd import check_served, spike_linear
from ._product import linear

__all__ = ["check_served", "linear", "spike_linear"]
