"""Networks to export, with every kind of layer that an export knows, and what they compute."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

import spikescan as ss
from spikescan.firing import Firing, straight_through
from spikescan.networks import SpikingMLP

INPUTS, CLASSES, T, B = 7, 3, 60, 4
DT = 1e-3


class Square(Firing):
    """A firing function such as a user writes: of torch operations, without a kernel."""

    def __call__(self, potential, previous, uniform, threshold):
        return straight_through(potential.square() > 0.3, potential)


NEURONS: dict[str, Callable[[], ss.Neuron]] = {
    "bernoulli": lambda: ss.SPSN(8e-3, 5e-3, deterministic=True),
    "relu_tanh": lambda: ss.SPSN(8e-3, None, firing="bernoulli_relu_tanh", deterministic=True),
    "gumbel": lambda: ss.SPSN(8e-3, 5e-3, firing="gumbel", deterministic=True),
    "escape": lambda: ss.SPSN(8e-3, None, firing="escape", deterministic=True),
    "threshold": lambda: ss.SPSN(8e-3, 5e-3, firing="threshold", threshold=0.1),
    "sigmoid": lambda: ss.SPSN(8e-3, 5e-3, firing="threshold_sigmoid"),
    "tanh": lambda: ss.SPSN(8e-3, 5e-3, firing="threshold_tanh", threshold=0.1),
    "tanh_thresholds": lambda: ss.SPSN(
        8e-3, 5e-3, firing="threshold_tanh", threshold=0.1, learn_threshold=True, features=5
    ),
    "thresholds": lambda: ss.SPSN(
        8e-3, 5e-3, firing="threshold", threshold=0.1, learn_threshold=True, learn_tau=True, features=5
    ),
    "lif": lambda: ss.LIF(8e-3, 5e-3, threshold=0.1),
    "lif_no_synapse": lambda: ss.LIF(8e-3, None, threshold=0.1),
    "lif_soft": lambda: ss.LIF(8e-3, 5e-3, threshold=0.1, reset="soft"),
    "lif_unit": lambda: ss.LIF(8e-3, 5e-3, threshold=1.0, input_gain="unit"),
    "lif_unit_soft": lambda: ss.LIF(8e-3, None, threshold=1.0, input_gain="unit", reset="soft"),
    "lif_vanilla": lambda: ss.LIF.vanilla(0.6),
    "lif_learned": lambda: ss.LIF(8e-3, 5e-3, threshold=0.1, learn_tau=True, learn_threshold=True, features=5),
    "lif_taus_no_synapse": lambda: ss.LIF(torch.linspace(1e-3, 9e-3, 5), None, threshold=0.1),
    "lif_taus": lambda: ss.LIF(torch.linspace(1e-3, 9e-3, 5), torch.linspace(9e-3, 2e-3, 5), threshold=0.1),
}
"""Those that have NIR nodes."""

WITHOUT_NODE: dict[str, Callable[[], ss.Neuron]] = {
    "delta": lambda: ss.SPSN(8e-3, 5e-3, firing="delta_tanh", threshold=0.01),
    "delta_half": lambda: ss.SPSN(8e-3, 5e-3, firing="delta", threshold=0.01, memory="half"),
    "custom": lambda: ss.SPSN(8e-3, 5e-3, firing=Square()),
    "mpe_previous": lambda: ss.MPEPSN(T, deterministic=True),
    "mpe_current": lambda: ss.MPEPSN(T, estimate="current", deterministic=True),
    "mpe_half": lambda: ss.MPEPSN(T, deterministic=True, memory="half"),
    "relu": ss.ReLU,
}


def mlp(*neurons: str, **options) -> SpikingMLP:
    """A layer of each; two of the only one, by default a LIF."""
    names = neurons if len(neurons) > 1 else 2 * (neurons or ("lif",))
    layers = iter([(NEURONS | WITHOUT_NODE)[name]() for name in names])
    return trained(SpikingMLP(INPUTS, (5,) * len(names), CLASSES, lambda: next(layers), **options))


def trained(network: nn.Module) -> nn.Module:
    """Weights, thresholds, decays and statistics as no initialisation makes them."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for name, statistic in network.named_buffers():
            if name.endswith("running_mean"):
                statistic.normal_()
            elif name.endswith("running_var"):
                statistic.uniform_(0.5, 2.0)
    return network.eval()


def currents(steps: int = T, rows: int = B) -> Tensor:
    return torch.randn(steps, rows, INPUTS)


def fires(output: ss.NetworkOutput) -> bool:
    """Whether every layer does, and is silent: a comparison of silent networks would show nothing."""
    return all(0.01 < float((layer.spikes > 0).float().mean()) < 0.99 for layer in output.layers)
