"""MPE-PSN Table 1: DVS128 Gesture, CIFAR10-DVS and N-Caltech101, steps as published."""

from __future__ import annotations

from spikescan.papers._mpe_tables import Case, declared
from spikescan.papers.experiment import Experiment

NAME = "mpe-table1"
CASES: list[Case] = [
    ("dvsgesture", 16, {}),
    ("cifar10dvs", 4, {"data.frames": 4, "training.mixup": 0.0}),
    ("cifar10dvs", 8, {"data.frames": 8}),
    ("cifar10dvs", 10, {}),
    ("ncaltech101", 10, {}),
]
RUNS, REPORT = declared(NAME, CASES)

EXPERIMENT = Experiment(
    NAME,
    "Accuracy of MPE-PSN on three sets of event-camera recordings",
    "mpe-psn",
    RUNS,
    REPORT,
    needs=("dvsgesture", "cifar10dvs", "ncaltech101"),
    seeds=3,
    quick_seeds=1,
)
