"""Every figure that spikescan is held to, and the two it only reports: one row each, `spikescan bench --rows NAME`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from spikescan.bench.rows import layers, linear, sequences
from spikescan.bench.rows.kept import kept
from spikescan.bench.rows.map import comparison
from spikescan.bench.workbench import Workbench
from spikescan.errors import InputError

BOTH = ("cpu", "cuda")


def _epoch(bench: Workbench) -> None:
    """Imported when it is measured: it reads recordings, of which the rows of layers need nothing."""
    from spikescan.bench.rows.epoch import epoch

    epoch(bench)


@dataclass(frozen=True)
class Row:
    """`devices`: where it is measured; `demanded`: what the measured ratio is held to, in words; empty: nothing."""

    name: str
    what: str
    demanded: str
    devices: tuple[str, ...]
    measure: Callable[[Workbench], None]


ROWS = (
    Row(
        "spsn",
        "SPSN, every firing function",
        "25x faster than eq. (15) in torch; within 2x of three copies",
        ("cpu",),
        layers.spsn,
    ),
    Row("lif", "LIF", "25x an unbind loop; 20x SpikingJelly's LIFNode", ("cpu",), layers.lif),
    Row("mpe-psn", "MPE-PSN", "5x the equations in plain torch", ("cpu",), layers.mpe_psn),
    Row(
        "resonator",
        "ResonateAndFire beside SPSN",
        "1.6 times SPSN's time; 15x its Fourier form",
        ("cpu",),
        linear.resonators,
    ),
    Row(
        "delay",
        "AxonalDelay, 25 taps, beside SPSN",
        "training 2 layers' time, evaluation 1; 8x torch's conv1d",
        ("cpu",),
        linear.delays,
    ),
    Row("epoch", "a training epoch, published recipe", "15x the published formulation", ("cpu",), _epoch),
    Row(
        "flat",
        "cost of a time step in chunks",
        "flat within 1.5x up to a million steps; memory independent of T; gradients exact",
        ("cpu",),
        sequences.flat,
    ),
    Row("spsn-bandwidth", "SPSN", "60 % of the copy bandwidth", ("cuda",), layers.bandwidth),
    Row(
        "spsn-long",
        "SPSN, T = 10 000",
        "10x SpikingJelly's Triton LIFNode; 4000x a Python loop",
        ("cuda",),
        layers.long,
    ),
    Row("kept", "bytes kept for backward", "5 a neuron and step; 2 in a memory-saving mode", BOTH, kept),
    Row("memory", "peak memory of a training step", "", BOTH, sequences.memory),
    Row("map", "SPSN against three baselines over (T, B·N)", "", BOTH, comparison),
)


def choose(device: str, names: Iterable[str] = ()) -> list[Row]:
    """The rows of a device, or those of them that are named.

    Raises:
        InputError: for a row that does not exist, or is measured on another device.
    """
    known, names = {row.name: row for row in ROWS}, list(names)
    for name in names:
        if name not in known:
            raise InputError(f"--rows {name}: unknown; choose from {', '.join(known)}")
        if device not in known[name].devices:
            raise InputError(f"--rows {name}: is measured on {known[name].devices[0]}, not on {device} (--device)")
    return [row for row in ROWS if device in row.devices and (not names or row.name in names)]
