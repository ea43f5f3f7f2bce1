"""What a layer keeps alive for its backward pass, in bytes for each neuron and step."""

from __future__ import annotations

import inspect

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
    saving = memory_modes()
    for name, neuron in saving.items():
        _kept(bench, x, name, neuron, 2)
    if not saving:
        note = "no neuron of this version has an option memory="
        bench.find(
            Finding(
                "kept",
                "a memory-saving mode",
                "kept for backward, a neuron and step",
                None,
                2,
                at_least=False,
                unit=" B",
                note=note,
            )
        )


def memory_modes() -> dict[str, ss.Neuron]:
    """Neurons in each memory-saving mode that their classes offer."""
    makers = {"SPSN bernoulli": ss.SPSN, "LIF": ss.LIF, "MPE-PSN": ss.MPEPSN}
    found: dict[str, ss.Neuron] = {}
    for name, maker in makers.items():
        if "memory" not in inspect.signature(maker).parameters:
            continue
        for mode in ("half", "recompute"):
            try:
                found[f"{name}, memory={mode}"] = maker(**{"memory": mode})
            except ValueError:
                continue
    return found


def _kept(bench: Workbench, x: Tensor, name: str, neuron: ss.Neuron, most: float) -> None:
    neuron = neuron.to(bench.device)
    # What grows with time: state and decays, kept once, are not of a step.
    whole, half = (kept_for_backward(lambda part=part: neuron.run(part)) for part in (x, x[: len(x) // 2].clone()))
    bytes_ = (whole - half) / (x.numel() - x[: len(x) // 2].numel())
    shape = (x.shape[0], x.shape[1], x.shape[2])
    bench.number("kept", shape, name, "kept for backward", "bytes a neuron and step", bytes_)
    what = "kept for backward, a neuron and step"
    bench.find(Finding("kept", name, what, bytes_, most, at_least=False, unit=" B"))
