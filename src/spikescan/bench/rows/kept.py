"""What a layer keeps alive for its backward pass, in bytes for each neuron and step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

import spikescan as ss
from spikescan.bench.results import Finding
from spikescan.bench.workbench import Workbench, kept_for_backward
from spikescan.firing import FIRINGS


def kept(bench: Workbench) -> None:
    """Bytes that stay alive for backward, for each neuron and step."""
    shape = bench.sizes.layer
    x = bench.current(shape)
    neurons: dict[str, ss.Neuron] = {f"SPSN {firing}": ss.SPSN(firing=firing) for firing in FIRINGS}
    neurons |= {"LIF": ss.LIF(), "LIF, vanilla": ss.LIF.vanilla(), "MPE-PSN": ss.MPEPSN()}
    for name, neuron in neurons.items():
        _kept(bench, x, name, neuron, 5)
    makers: dict[str, Callable[..., ss.Neuron]] = {
        "SPSN bernoulli": ss.SPSN,
        "SPSN delta": partial(ss.SPSN, firing="delta"),
        "SPSN, learned time constants": partial(ss.SPSN, learn_tau=True, features=shape[2]),
        "LIF": ss.LIF,
        "MPE-PSN": ss.MPEPSN,
    }
    for name, make in makers.items():
        _kept(bench, x, f"{name}, memory=half", make(memory="half"), 2)


def _kept(bench: Workbench, x: Tensor, name: str, neuron: ss.Neuron, most: float) -> None:
    neuron = bench.place(neuron)
    # What grows with time: state and decays, kept once, are not of a step.
    whole, half = (kept_for_backward(lambda part=part: neuron.run(part)) for part in (x, x[: len(x) // 2].clone()))
    bytes_ = (whole - half) / (x.numel() - x[: len(x) // 2].numel())
    shape = (x.shape[0], x.shape[1], x.shape[2])
    bench.number("kept", shape, name, "kept for backward", "bytes a neuron and step", bytes_)
    what = "kept for backward, a neuron and step"
    bench.find(Finding("kept", name, what, bytes_, most, at_least=False, unit=" B"))
