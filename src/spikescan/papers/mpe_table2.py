"""MPE-PSN Table 2: CIFAR-10, each image shown for four steps as a constant current."""

from __future__ import annotations

from spikescan.papers._mpe_tables import Case, declared
from spikescan.papers.experiment import Experiment

NAME = "mpe-table2"
CASES: list[Case] = [("cifar10", 4, {})]
FLOOR = (
    "L_mem, summed over the layers, is kept from falling below 0 (loss.estimation_floor = true), as the released "
    "CIFAR-10 code does: under Adam its weight κ soon turns negative, and it would drive estimate and membrane apart."
)
RUNS, REPORT = declared(NAME, CASES, FLOOR)

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
