"""What the MPE-PSN paper's experiments share: its neurons, a run of one of its recipes, and what every page says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from spikescan.papers.experiment import Label, Options, Run
from spikescan.papers.training_runs import training_run
from spikescan.training.style import GREEN, ORANGE

NEURONS = {"MPE-PSN": "mpe-psn", "LIF": "vanilla-lif"}
COLOURS = {"MPE-PSN": GREEN, "LIF": ORANGE}

GESTURE_NET: dict[str, Any] = {
    "network.width": 8,
    "network.size": 32,
    "network.hidden": [64],
    "network.dropout": 0.0,
    "training.epochs": 20,
}
TINY: dict[str, dict[str, Any]] = {
    "dvsgesture": GESTURE_NET,
    "ncaltech101": GESTURE_NET,
    "cifar10dvs": {"network.width": 8, "network.size": 32},
    "cifar10": {"network.width": 4},
    "nmnist": {},
}
"""What ``--quick`` makes of each recipe's network."""
QUICK: dict[str, Any] = {
    "data.limit": 8,
    "training.epochs": 12,
    "training.batch_size": 8,
    "training.mixup": 0.0,
    "training.precision": "32",
    "protocol.drop_last": False,
}
"""Batches are small and not mixed up, so that batch norms have seen enough of them after twelve epochs."""

BOTH_PROTOCOLS = (
    "The published protocol trains on all training samples and looks at the test samples after every epoch: the best "
    "of these accuracies is what the paper reports, and the last one stands beside. As the published loaders do, it "
    "leaves out the test samples behind the last full batch (--quick counts them). The held-out protocol lets a tenth "
    "of the training samples choose the epoch and then tests once, on every sample."
)
KAPPA = (
    "κ, the learned weight of L_mem, is not constrained: where it is learned as published, L_mem can shrink because κ "
    "falls, by its own gradient and by weight decay, and then it need not bring the estimate closer to the membrane. "
    "The curves with κ held (loss.learn_kappa = false) and a larger weight show what L_mem does where it cannot."
)
SINGLE = (
    "On the CPU in single precision; the published runs on events of DVS128 Gesture and N-Caltech101 were in mixed."
)


def mpe_run(
    changes: Mapping[str, Any],
    labels: Mapping[str, Label],
    options: Options,
    *,
    data: str | None = None,
    quick: Mapping[str, Any] | None = None,
    **how: Any,
) -> Run:
    """The recipe of the set ``data`` (of the experiment's only one) with ``changes``."""
    assert options.recordings is not None
    name = options.recordings.of(data or options.recordings.name).name
    published = labels["protocol"] == "published"
    own: dict[str, Any] = {"protocol.test": "every-epoch", "protocol.drop_last": True} if published else {}
    own |= {"training.precision": "32"} if options.device == "cpu" else {}
    every = QUICK | TINY.get(name, {}) | dict(quick or {})
    return training_run(name, own | dict(changes), labels, options, quick=every, data=data, **how)


def remarks(options: Options, *more: str) -> list[str]:
    return [BOTH_PROTOCOLS, *more, *([SINGLE] if options.device == "cpu" else [])]


def mean_curve(curves: Sequence[Sequence[float | None]]) -> list[float]:
    """The mean over runs, epoch by epoch; NaN where one of them has no value."""
    known = ([math.nan if value is None else value for value in values] for values in zip(*curves, strict=True))
    return [sum(values) / len(values) for values in known]
