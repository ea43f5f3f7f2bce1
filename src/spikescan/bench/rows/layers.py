"""One layer of neurons, forward and backward, against plain torch, peers and copies of the array."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

import spikescan as ss
from spikescan.bench import baselines
from spikescan.bench.results import Finding
from spikescan.bench.timing import Samples, Subject
from spikescan.bench.workbench import COPY, Workbench, copy, layer, traffic
from spikescan.firing import FIRINGS


def spsn(bench: Workbench) -> None:
    """Each firing function against eq. (15) and against three copies, which move as many bytes as a layer has to."""
    shape = bench.sizes.layer
    x, batch_first = bench.current(shape), bench.current(shape, batch_first=True)
    for firing in FIRINGS:
        bench.say(f"  SPSN {firing}")
        ours, theirs = f"SPSN {firing}", f"eq. (15) with torch.fft, {firing}"
        neuron = bench.place(ss.SPSN(firing=firing))
        subjects = [
            copy(x),
            layer(ours, neuron, x),
            layer(theirs, lambda x, f=firing: baselines.spsn(x, f), batch_first, kind="baseline"),
        ]
        samples = bench.time("spsn", shape, subjects, traffic(x, lambda n=neuron: n(x)))
        bench.find(
            Finding("spsn", ours, "faster than eq. (15) with torch.fft", ratio(samples, theirs, ours), 25),
            Finding("spsn", ours, "time over three copies", copies(samples, ours), 2, at_least=False),
        )


def lif(bench: Workbench) -> None:
    """The fused LIF against both Python loops and the peers."""
    shape = bench.sizes.layer
    x = bench.current(shape)
    ours, loop, published = "LIF, fused", "Python loop over unbind", "Python loop over x[:, t], as published"
    neuron = bench.place(ss.LIF())
    subjects = [
        copy(x),
        layer(ours, neuron, x, kind="sequential"),
        layer(loop, baselines.lif_unbound, x, kind="baseline"),
        layer(published, baselines.lif_indexed, bench.current(shape, batch_first=True), kind="baseline", least=2),
        *peers(bench, x),
    ]
    samples = bench.time("lif", shape, subjects, traffic(x, lambda: neuron(x)))
    bench.find(
        Finding("lif", ours, f"faster than a {loop}", ratio(samples, loop, ours), 25),
        Finding("lif", ours, f"faster than the {published}", ratio(samples, published, ours), None),
        Finding("lif", ours, "time over three copies", copies(samples, ours), None),
        against(bench, "lif", samples, ours, "SpikingJelly", 20),
        *others(bench, "lif", samples, ours),
    )


def mpe_psn(bench: Workbench) -> None:
    """MPE-PSN against its equations in plain torch, L_mem and its gradients included."""
    shape = bench.sizes.estimation
    x = bench.current(shape)
    neuron = bench.place(ss.MPEPSN(steps=shape[0]))
    assert isinstance(neuron.kappa, Tensor)
    level, kappa = (value.detach().clone().requires_grad_() for value in (neuron.threshold, neuron.kappa))

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        out = neuron.run(x)
        assert out.spikes is not None
        assert out.estimation_loss is not None
        return out.spikes, out.estimation_loss

    plain = "the equations in plain torch"
    subjects = [
        copy(x),
        layer("MPE-PSN", ours, x, parameters=tuple(neuron.parameters())),
        layer(plain, lambda x: baselines.mpe_psn(x, level, kappa), x, parameters=(level, kappa), kind="baseline"),
    ]
    samples = bench.time("mpe-psn", shape, subjects, traffic(x, lambda: ours(x)))
    bench.find(Finding("mpe-psn", "MPE-PSN", f"faster than {plain}", ratio(samples, plain, "MPE-PSN"), 5))


def bandwidth(bench: Workbench) -> None:
    """The share of the copy bandwidth that a layer reaches on a GPU."""
    shape = bench.sizes.device_layer
    x = bench.current(shape)
    for firing in ("bernoulli", "gumbel"):
        name, neuron = f"SPSN {firing}", bench.place(ss.SPSN(firing=firing))
        moved = traffic(x, lambda n=neuron: n(x))
        samples = bench.time("spsn-bandwidth", shape, [copy(x), layer(name, neuron, x)], moved)
        share = moved["whole"] / samples[name].median / (moved["copy"] / samples[COPY].median)
        bench.find(Finding("spsn-bandwidth", name, "share of the copy bandwidth", 100 * share, 60, unit=" %"))


def long(bench: Workbench) -> None:
    """A long sequence on a GPU: the published comparison, and the fairer ones beside it. A step of a loop takes
    seconds, so each loop is timed alone, after the others are on disk."""
    shape, row = bench.sizes.device_long, "spsn-long"
    x = bench.current(shape)
    ours, fused = "SPSN bernoulli", "LIF, fused"
    neuron = bench.place(ss.SPSN())
    subjects = [
        copy(x),
        layer(ours, neuron, x),
        layer(fused, bench.place(ss.LIF()), x, kind="sequential"),
        *peers(bench, x),
    ]
    samples = bench.time(row, shape, subjects, traffic(x, lambda: neuron(x)))
    bench.find(
        against(bench, row, samples, ours, "SpikingJelly", 10),
        Finding(row, ours, "faster than our own fused LIF", ratio(samples, fused, ours), None),
        *others(bench, row, samples, ours),
    )
    loop, published = "Python loop over unbind", "Python loop over x[:, t], as published"
    for name, call, batch_first, finding in (
        (published, baselines.lif_indexed, True, Finding(row, ours, f"faster than the {published}", None, 4000)),
        (loop, baselines.lif_unbound, False, Finding(row, ours, f"faster than a {loop}", None, None)),
    ):
        x = bench.current(shape, batch_first)
        samples |= bench.time(row, shape, [layer(name, call, x, kind="baseline", least=2)], {})
        bench.find(replace(finding, measured=ratio(samples, name, ours)))


def peers(bench: Workbench, x: Tensor) -> list[Subject]:
    return [layer(peer.name, peer.make(x), x, kind="peer", least=peer.least) for peer in bench.peers]


def ratio(samples: dict[str, Samples], slow: str, fast: str) -> float:
    """How many times as long `slow` takes."""
    return samples[slow].median / samples[fast].median


def copies(samples: dict[str, Samples], name: str) -> float:
    """The time over that of three copies: a layer that keeps one array passes over six, a copy over two."""
    return samples[name].median / (3 * samples[COPY].median)


def against(
    bench: Workbench, row: str, samples: dict[str, Samples], ours: str, package: str, demanded: float
) -> Finding:
    """The finding against one package, measured or not."""
    name = next((peer.name for peer in bench.peers if peer.name.startswith(package)), None)
    if name is None:
        note = f"{package} was not measured: install it and give --peers"
        return Finding(row, ours, f"faster than {package}'s LIFNode", None, demanded, note=note)
    return Finding(row, ours, f"faster than {name}", ratio(samples, name, ours), demanded)


def others(bench: Workbench, row: str, samples: dict[str, Samples], ours: str) -> list[Finding]:
    """The findings against the packages that nothing is demanded of."""
    names = [peer.name for peer in bench.peers if not peer.name.startswith("SpikingJelly")]
    return [Finding(row, ours, f"faster than {name}", ratio(samples, name, ours), None) for name in names]
