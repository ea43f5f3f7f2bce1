"""The benchmark from choosing rows to pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from spikescan.bench.environment import busy, environment
from spikescan.bench.grid import Grid, grid, sentences
from spikescan.bench.peers import find
from spikescan.bench.results import Results, prepare
from spikescan.bench.rows import Row, choose
from spikescan.bench.sizes import FULL, Sizes
from spikescan.bench.workbench import Workbench
from spikescan.training.devices import find_device


def run(
    device: str | None,
    folder: Path,
    *,
    rows: Iterable[str] = (),
    peers: bool = False,
    root: Path | None = None,
    sizes: Sizes = FULL,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> tuple[Results, bool]:
    """(the results, whether all chosen rows were measured). Ctrl-C ends the measuring and keeps what there is.

    Args:
        device: cpu or cuda; None: cuda where torch sees one.
        folder: receives bench.csv and bench.json after every row, map.png and rows.png at the end.
        rows: names from `rows.ROWS`; none: all of the device.
        peers: measure other packages too, where they are installed.
        root: real recordings in SHD layout for the training epoch.
    Raises:
        InputError: for a wrong device, row or folder.
    """
    device = find_device(device or "auto")
    chosen = choose(device, rows)
    prepare(folder, overwrite)
    results = Results(folder, environment(device, sizes.name))
    bench = Workbench(device, sizes, results, root=root, say=say)
    if warning := busy(results.environment):
        say(warning)
    if peers:
        add_peers(bench)
    whole = measure(bench, chosen)
    finish(results)
    return results, whole


def add_peers(bench: Workbench) -> None:
    """The other packages that are installed; a sentence for each that is not."""
    bench.peers, missing = find(bench.device)
    for sentence in missing:
        bench.say(sentence)
        bench.skip("peers", None, sentence.split()[0], sentence)


def measure(bench: Workbench, chosen: Iterable[Row]) -> bool:
    """Each row in turn, its results on disk as they come; whether all were measured."""
    try:
        for row in chosen:
            bench.say(f"{row.name}: {row.what}" + (f"; target: {row.demanded}" if row.demanded else ""))
            torch.manual_seed(0)
            row.measure(bench)
            bench.results.save()
    except KeyboardInterrupt:
        bench.say("stopped; what was measured is kept")
        return False
    return True


def conclude(results: Results) -> Grid | None:
    """Where the parallel neuron does not win, in sentences; the map, where it was measured."""
    if found := grid(results.measurements, results.skipped):
        results.sentences = sentences(found)
    return found


def finish(results: Results) -> None:
    """Sentences and pictures of what there is."""
    from spikescan.bench import pictures  # matplotlib, without which a machine can measure

    where = described(results)
    if found := conclude(results):
        pictures.save(results.folder / "map.png", lambda: pictures.comparison(found, where))
    if any(one.demanded and one.measured for one in results.findings):
        pictures.save(results.folder / "rows.png", lambda: pictures.demands(results.findings, where))
    results.save()


def described(results: Results) -> str:
    """Where the numbers come from, in a line."""
    found = results.environment
    line = f"{found['device']}, torch {found['versions']['torch']}, float32"
    return line if found["sizes"] == "full" else f"{line}; {found['sizes']} sizes, not those of the targets"
