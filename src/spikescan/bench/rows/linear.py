"""What is linear in time beside the leaky integrator: resonators and delays."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import spikescan as ss
from spikescan.bench.results import Finding
from spikescan.bench.rows.layers import ratio
from spikescan.bench.timing import Mark, Subject
from spikescan.bench.workbench import Workbench, copy, layer, traffic

TAPS = 25


def resonators(bench: Workbench) -> None:
    """A complex pole against two leaks, with the same firing, and against its own Fourier form."""
    shape = bench.sizes.layer
    x = bench.current(shape)
    for firing in ("threshold", "bernoulli", "gumbel"):
        bench.say(f"  ResonateAndFire {firing}")
        ours, leaky, fourier = f"ResonateAndFire {firing}", f"SPSN {firing}", f"Fourier form, {firing}"
        neuron = bench.place(ss.ResonateAndFire(firing=firing))
        transformed = bench.place(ss.ResonateAndFire(firing=firing))
        transformed.backend = "fft"
        subjects = [
            copy(x),
            layer(ours, neuron, x),
            layer(leaky, bench.place(ss.SPSN(firing=firing)), x, kind="baseline"),
            layer(fourier, transformed, x, kind="baseline"),
        ]
        samples = bench.time("resonator", shape, subjects, traffic(x, lambda n=neuron: n(x)))
        bench.find(
            Finding("resonator", ours, "time over SPSN's", ratio(samples, ours, leaky), 1.6, at_least=False),
            Finding("resonator", ours, "faster than its Fourier form", ratio(samples, fourier, ours), 15),
        )


def delays(bench: Workbench) -> None:
    """A delay for each feature beside a layer of neurons, and against the depthwise convolution of torch."""
    shape = bench.sizes.layer
    x, features = bench.current(shape), shape[2]
    neuron = bench.place(ss.SPSN(firing="threshold"))
    learning = ss.AxonalDelay(features, (TAPS - 1) * 1e-3, 1e-3, backend=bench.backend).to(bench.device)
    shifting = ss.AxonalDelay(features, (TAPS - 1) * 1e-3, 1e-3, backend=bench.backend).to(bench.device).eval()
    weight = nn.Parameter(torch.randn(features, 1, TAPS, device=bench.device))

    def convolved(x: Tensor) -> Tensor:
        """The input as (B, N, T), as a convolution wants it."""
        return F.conv1d(F.pad(x, (TAPS - 1, 0)), weight, groups=features)

    names = "AxonalDelay, training", "AxonalDelay, evaluation", "SPSN threshold", "SPSN threshold, evaluation", "conv1d"
    batched = bench.current((shape[1], features, shape[0]))
    subjects = [
        copy(x),
        layer(names[0], learning, x, parameters=(learning.delay,)),
        _forward(names[1], shifting, x),
        layer(names[2], neuron, x, kind="baseline"),
        _forward(names[3], neuron, x, kind="baseline"),
        layer(names[4], convolved, batched, parameters=(weight,), kind="baseline"),
    ]
    samples = bench.time("delay", shape, subjects, traffic(x, lambda: neuron(x)))
    training, evaluation, trained, evaluated, convolution = names
    bench.find(
        Finding("delay", training, "layers' time", ratio(samples, training, trained), 2, at_least=False),
        Finding("delay", evaluation, "layers' time", ratio(samples, evaluation, evaluated), 1, at_least=False),
        Finding("delay", training, "faster than conv1d", ratio(samples, convolution, training), 8),
    )


def _forward(name: str, call: Callable[[Tensor], Tensor], x: Tensor, kind: str = "ours") -> Subject:
    """The forward pass alone, without gradients."""

    @torch.no_grad()
    def step(mark: Mark) -> None:
        call(x)
        mark()

    return Subject(name, step, kind)
