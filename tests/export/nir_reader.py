"""A small reader of NIR graphs that shares no code with the package: NIR's documented equations, step by step, numpy.

A stage τ v̇ = -v + c moves by the share f of the way to c in a step: f = Δt/τ by forward Euler, 1 - exp(-Δt/τ) exactly,
c held over the step. `test_nir_reader` holds it to closed forms.
"""

import nir
import numpy as np
from scipy.signal import correlate


class Reader:
    def __init__(self, graph: nir.NIRGraph, dt: float, exact: bool, rows: int) -> None:
        self.graph, self.dt, self.exact, self.rows = graph, dt, exact, rows
        self.state: dict[tuple[str, str], np.ndarray] = {}
        self.order = self._sorted()

    def _sorted(self) -> list[str]:
        order: list[str] = []
        while len(order) < len(self.graph.nodes):
            order += [
                name
                for name in self.graph.nodes
                if name not in order and all(a in order for a, b in self.graph.edges if b == name)
            ]
        return order

    def run(self, x: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Of x (T, B, *shape): what the Output gets, and what every node gives, (T, B, *shape)."""
        given: dict[str, list[np.ndarray]] = {name: [] for name in self.graph.nodes}
        for current in x:
            for name in self.order:
                before = [given[a][-1] for a, b in self.graph.edges if b == name]
                given[name].append(self._node(name, sum(before) if before else current))
        (output,) = [name for name, node in self.graph.nodes.items() if isinstance(node, nir.Output)]
        return np.stack(given[output]), {name: np.stack(values) for name, values in given.items()}

    def _move(self, name: str, what: str, tau: np.ndarray, towards: np.ndarray) -> np.ndarray:
        share = 1 - np.exp(-self.dt / tau) if self.exact else self.dt / tau
        value = self.state.get((name, what), np.zeros_like(towards))
        return self.state.setdefault((name, what), value) + share * (towards - value)

    def _node(self, name: str, x: np.ndarray) -> np.ndarray:
        node = self.graph.nodes[name]
        if isinstance(node, nir.Input | nir.Output):
            return x
        if isinstance(node, nir.Linear | nir.Affine):
            return x @ node.weight.T.astype(float) + getattr(node, "bias", 0)
        if isinstance(node, nir.Threshold):
            return (x > node.threshold).astype(float)
        if isinstance(node, nir.Flatten):
            assert node.start_dim == 0  # NIR counts no batch axis
            return x.reshape(len(x), -1)
        if isinstance(node, nir.Conv2d):
            return np.stack([_conv(node, sample) for sample in x])
        if isinstance(node, nir.AvgPool2d):
            return _pool(node, x)
        return self._neuron(name, node, x)

    def _neuron(self, name: str, node: nir.NIRNode, x: np.ndarray) -> np.ndarray:
        if isinstance(node, nir.CubaLI | nir.CubaLIF):
            x = self.state[name, "i"] = self._move(name, "i", node.tau_syn, node.w_in * x)
            tau = node.tau_mem
        else:
            assert isinstance(node, nir.LI | nir.LIF)
            tau = node.tau
        v = self._move(name, "v", tau, node.v_leak + node.r * x)
        fires = v > node.v_threshold if isinstance(node, nir.LIF | nir.CubaLIF) else None
        self.state[name, "v"] = v if fires is None else np.where(fires, node.v_reset, v)
        return v if fires is None else fires.astype(float)


def _conv(node: nir.Conv2d, image: np.ndarray) -> np.ndarray:
    assert tuple(node.dilation) == (1, 1)
    assert node.groups == 1
    (p, q), (s, t) = node.padding, node.stride
    padded = np.pad(image, ((0, 0), (p, p), (q, q)))
    maps = [correlate(padded, kernel.astype(float), mode="valid", method="direct")[0] for kernel in node.weight]
    return np.stack(maps)[:, ::s, ::t] + node.bias[:, None, None]


def _pool(node: nir.AvgPool2d, x: np.ndarray) -> np.ndarray:
    (k, m), stride = node.kernel_size, node.stride
    assert tuple(stride) == (k, m)
    assert not np.any(node.padding)
    b, c, h, w = x.shape
    return x[:, :, : h // k * k, : w // m * m].reshape(b, c, h // k, k, w // m, m).mean((3, 5))
