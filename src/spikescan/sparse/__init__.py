"""HOW, FOR EVENTS: a linear layer that gathers weight rows where events are, and never makes the dense tensor."""

from ._autograd import event_linear

__all__ = ["event_linear"]
