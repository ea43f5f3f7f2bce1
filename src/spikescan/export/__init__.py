"""A trained network to where it is used: NIR graphs, and one time step as a torch.export program or an ONNX model.

Each writer returns sentences that the user should read: what the file holds otherwise than the network.
"""

from ._nir_read import from_nir
from ._nir_write import to_nir
from ._onnx import to_onnx
from ._torch import to_torch

__all__ = ["from_nir", "to_nir", "to_onnx", "to_torch"]
