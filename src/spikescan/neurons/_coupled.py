"""The base of neurons whose two states drive each other: resonators, and neurons that adapt."""

from abc import abstractmethod

import torch
from torch import Tensor

from ..scan._checks import over_features
from ._integrating import Coefficients, IntegratingNeuron


class CoupledNeuron(IntegratingNeuron):
    """i[t] = ii·i[t-1] + iu·u[t-1] + ix·x[t] + jump·s[t];  w[t] = uu·u[t-1] + ui·i[t-1] + ux·x[t], and firing and reset
    of w by `dynamics`. A state's `synapse` is i, its `potential` u."""

    @abstractmethod
    def _rows(self) -> tuple[Tensor, ...]:
        """The seven coefficients in the order of `fused.COUPLING`, float64, 0-d or over the features."""

    def _coefficients(self, current: Tensor) -> Coefficients:
        rows = self._rows()
        if all(row.dim() == 0 for row in rows):
            return Coefficients(coupling=torch.stack(rows)[:, None])
        return Coefficients(coupling=torch.stack([over_features(row, current, "tau") for row in rows]))
