"""MPE-PSN Table 2: CIFAR-10, each image shown for four steps as a constant current."""

from __future__ import annotations

from spikescan.papers._mpe_tables import Case, declared
from spikescan.papers.experiment import Experiment

NAME = "mpe-table2"
CASES: list[Case] = [("cifar10", 4, {})]
RUNS, REPORT = declared(NAME, CASES)

EXPERIMENT = Experiment(
    NAME,
    "Accuracy of MPE-PSN on still images, CIFAR-10",
    "mpe-psn",
    RUNS,
    REPORT,
    needs="cifar10",
    seeds=3,
    quick_seeds=1,
)
