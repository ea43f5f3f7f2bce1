"""Every published number, from targets.toml, typed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict

from spikescan.papers.experiment import Label


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paper(Strict):
    title: str
    authors: str
    venue: str
    year: int
    code: str


class Target(Strict):
    """One published number."""

    quantity: str
    of: dict[str, str | int | float] = {}
    """The labels that a run must have for this number to be its target."""
    value: float
    deviation: float | None = None
    n: int | None = None
    """Repetitions."""
    unit: str = ""
    kind: Literal["printed", "about", "up to", "above", "below"] = "printed"


class Targets(Strict):
    """What a paper says in one table or figure."""

    paper: str
    where: str
    device: str = ""
    """On which times were measured."""
    claims: list[str] = []
    """What it says without a number."""
    values: list[Target] = []

    def find(self, quantity: str, labels: Mapping[str, Label]) -> Target | None:
        """The number for runs with these labels; of several, the one that asks for most of them."""
        fitting = [one for one in self.values if one.quantity == quantity and one.of.items() <= labels.items()]
        return max(fitting, key=lambda one: len(one.of), default=None)


class Published(Strict):
    papers: dict[str, Paper]
    experiments: dict[str, Targets]


@cache
def published() -> Published:
    """All of targets.toml."""
    text = (resources.files("spikescan.papers") / "targets.toml").read_text("utf-8")
    return Published.model_validate(tomllib.loads(text))


def of(experiment: str) -> Targets:
    return published().experiments[experiment]
