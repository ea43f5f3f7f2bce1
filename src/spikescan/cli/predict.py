"""`spikescan predict`: what a trained run says about recordings, from files or from a stream."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikescan import report
from spikescan.cli._shared import RESULTS, Device, Json, Run, answer_ctrl_c, command
from spikescan.errors import InputError

if TYPE_CHECKING:
    from spikescan.inference import Model, Prediction

KEYS: list[str] = ["file", "label", "probability", "runner_up"]


@command(stopped="nothing was changed")
def predict(
    run: Run,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Recordings in a format that the run was trained on.")
    ] = None,
    as_json: Json = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV instead of a table.", rich_help_panel=RESULTS)
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Draw each recording's events and class scores over time.")
    ] = False,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the pictures of --explain.", rich_help_panel=RESULTS)
    ] = Path("explained"),
    stream: Annotated[
        bool, typer.Option("--stream", help="Read one recording from standard input as it arrives.")
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option(
            metavar="HZ",
            help="With --stream: the input is 16-bit mono sound at this rate; without it, lines “seconds channel”.",
        ),
    ] = None,
    every: Annotated[
        float | None, typer.Option(metavar="S", help="With --stream: answer at least every S seconds of the recording.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the draws of stochastic neurons.")] = 0,
    device: Device = None,
) -> None:
    """Classify recordings with the trained network of RUN.

    Prints label, probability and runner-up for each FILE; --json prints one line per recording. With --stream, a JSON
    line is printed whenever the answer changes, and a last one ("final": true) at the end of the input.
    """
    if as_json and as_csv:
        raise InputError("--json and --csv: give one of them")
    if stream == bool(files):
        raise InputError("give recordings to read, or --stream to read standard input")
    if stream and (explain or as_csv):
        raise InputError("--stream prints JSON lines: --explain and --csv are for files")
    if not stream and (rate is not None or every is not None):
        raise InputError("--rate and --every belong to --stream")
    from spikescan.inference import load

    answer_ctrl_c()

    model = load(run, device=device)
    if stream:
        _stream(model, rate, every, seed)
        return
    rows = _answers(model, files or [], seed, out if explain else None)
    if as_json:
        for row in rows:
            print(json.dumps(row), flush=True)
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, KEYS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        shown = [
            [row["file"], row["label"], report.percent(row["probability"]), row["runner_up"] or "–"] for row in rows
        ]
        report.show_table(f"{model.facts.name}: {run}", ["file", "label", "probability", "runner-up"], shown)


def _answers(model: Model, files: list[Path], seed: int, pictures: Path | None) -> Iterator[dict[str, Any]]:
    for file in files:
        for name, recording in model.recordings(file, seed=seed):
            answer = model.answer(recording, seed=seed)
            if pictures is not None:
                from spikescan.inference.explain import explain

                report.say(str(explain(model, name, recording, pictures, seed=seed)))
            yield _row(name, answer)


def _row(name: str, answer: Prediction) -> dict[str, Any]:
    values = name, answer.label, round(answer.probability, 6), answer.runner_up
    return dict(zip(KEYS, values, strict=True))


def _stream(model: Model, rate: int | None, every: float | None, seed: int) -> None:
    listening = model.stream(rate=rate, seed=seed)
    said: tuple[str, float] | None = None
    for answer in _pushed(listening, rate):
        if answer is None:
            continue
        now = listening.seconds
        if said is None or answer.label != said[0] or (every is not None and now - said[1] >= every):
            said = answer.label, now
            _print(answer, now, final=False)
    if (answer := listening.finish()) is None:
        raise InputError("standard input: holds no event" if rate is None else "standard input: holds no sound")
    _print(answer, listening.seconds, final=True)


def _pushed(listening: Any, rate: int | None) -> Iterator[Prediction | None]:
    """The answer after each piece of standard input, as soon as it is there."""
    source, rest = sys.stdin.buffer, b""
    while piece := source.read1(2**16):  # type: ignore[attr-defined]
        rest += piece
        whole = len(rest) // 2 * 2 if rate is not None else rest.rfind(b"\n") + 1
        ready, rest = rest[:whole], rest[whole:]
        if ready:
            yield _push(listening, ready, rate)
    if rest and rate is not None:
        raise InputError("standard input: ends inside a sample; signed 16-bit little-endian mono is expected")
    if rest:
        yield _push(listening, rest, rate)


def _push(listening: Any, ready: bytes, rate: int | None) -> Prediction | None:
    import numpy as np

    if rate is not None:
        return listening.push(np.frombuffer(ready, "<i2"))
    times, channels = [], []
    for line in ready.decode("utf-8", "replace").splitlines():
        try:
            seconds, channel = line.split()
            times.append(float(seconds))
            channels.append(int(channel))
        except ValueError:
            if line.strip():
                raise InputError(f"standard input: {line!r} is not “seconds channel”") from None
    return listening.push_events(np.array(times, np.float64), np.array(channels, np.int64))


def _print(answer: Prediction, seconds: float, *, final: bool) -> None:
    values = {"seconds": round(seconds, 6), "label": answer.label, "probability": round(answer.probability, 6)}
    print(json.dumps(values | {"runner_up": answer.runner_up, "final": final}), flush=True)
