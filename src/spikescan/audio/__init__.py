"""Sound to spikes: recordings are read here and turned into spikes by a front end.

`Cochlea` is the artificial cochlea that made the Spiking Heidelberg Digits; `CausalCochlea` the same for streams, its
membrane fitted by a few poles; `LogMel` a filter bank with delta or rate coding. A front end is called with samples and
their rate and gives times (s) and channels; a causal one also takes a stream in chunks. `Raw` gives the samples
themselves.
"""

from ._base import FrontEnd, Spikes, Stream
from .causal_cochlea import CausalCochlea
from .cochlea import Cochlea
from .files import read
from .kinds import from_settings
from .log_mel import LogMel
from .raw import Raw

__all__ = ["CausalCochlea", "Cochlea", "FrontEnd", "LogMel", "Raw", "Spikes", "Stream", "from_settings", "read"]
