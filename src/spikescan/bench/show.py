"""The results on the screen: verdicts, medians, and where the parallel neuron does not win."""

from __future__ import annotations

from spikescan import report
from spikescan.bench import table
from spikescan.bench.results import Results
from spikescan.bench.run import described


def show(results: Results) -> None:
    title = f"Measured against the target: {described(results)}"
    report.show_table(title, table.FINDINGS, table.findings(results), numbers=False)
    for row, lines in table.times(results):
        report.show_table(row, table.TIMES, lines)
    for sentence in [*results.sentences, *(one.why for one in results.skipped if one.row == "peers")]:
        print(sentence)
    print(f"Results are in {results.folder}")


def show_json(results: Results) -> None:
    report.show_json(results.as_dict() | {"folder": str(results.folder)})
