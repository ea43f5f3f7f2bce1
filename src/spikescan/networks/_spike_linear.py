"""A layer between spiking neurons."""

from torch import Tensor, nn

from ..binary import check_served, spike_linear


class SpikeLinear(nn.Linear):
    """`nn.Linear` for spikes: quicker and keeping less where the input is 0 or 1 (see `binary.spike_linear`), the
    ordinary product where it is not. Its weights load into `nn.Linear` and back.

    Args:
        backend: "auto", "native" (tables on any CPU) or "reference" (the ordinary product).
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, backend: str = "auto") -> None:
        super().__init__(in_features, out_features, bias)
        self.backend = check_served(backend)

    def forward(self, input: Tensor) -> Tensor:
        return spike_linear(input, self.weight, self.bias, self.backend)
