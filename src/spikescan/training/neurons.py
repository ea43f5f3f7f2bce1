"""Neurons by name: what ``--neuron`` and ``neuron.name`` choose from.

A name stands for a class or function that takes, by keyword, those of the recipe's values that its signature
names: ``dt``, ``steps`` (frames of a sample), ``features`` (neurons of the layer) and everything of the
``[neuron]`` section. A module of ``spikescan.neurons`` adds names with a table ``NAMED`` of its own, so that a
new neuron is one file; a program adds one with ``register``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import spikescan as ss
from spikescan.errors import InputError
from spikescan.training import custom

if TYPE_CHECKING:
    from spikescan.training.recipe import Recipe

Factory = Callable[..., ss.Neuron]

FRAMES = 16
"""Frames of a sample for a neuron with a fixed number of steps, where the recipe sets none."""

OWN = "threshold", "firing", "tau", "frequency", "input_gain", "surrogate"
"""Keys that are None for the neuron's own default."""

_TABLE: dict[str, Factory] = {
    "lif": ss.LIF,
    "vanilla-lif": ss.LIF.vanilla,
    "spsn": ss.SPSN,
    "spsn-sb": partial(ss.SPSN, firing="bernoulli"),
    "spsn-gs": partial(ss.SPSN, firing="gumbel"),
    "mpe-psn": ss.MPEPSN,
    "relu": ss.ReLU,
}


def register(name: str, factory: Factory) -> None:
    """Let recipes name a neuron of one's own."""
    if name in _table():
        raise ValueError(f"neuron name {name!r} is taken")
    _TABLE[name] = factory


def names() -> list[str]:
    return sorted(_table())


def fixed_steps(name: str) -> bool:
    """Whether this neuron's layers are made for a fixed number of steps."""
    return "steps" in _accepted(name)


def takes(name: str, key: str) -> bool:
    """Whether this neuron has a use for that key of the recipe's ``[neuron]`` section."""
    taken = _accepted(name)
    return key in taken or (key == "surrogate" and "firing" in taken)


def spiking(recipe: Recipe) -> bool:
    """Whether the recipe's hidden neurons give spikes."""
    return build(recipe).spiking


def build(recipe: Recipe, features: int = 1) -> ss.Neuron:
    """One layer of ``features`` of the recipe's neurons; raises InputError for values that they do not take."""
    name, offered = recipe.neuron.name, recipe.neuron.model_dump(exclude={"name"})
    for key in OWN:
        if offered[key] is None:
            del offered[key]
    if recipe.neuron.firing is not None:
        offered["firing"] = _firing(recipe.neuron.firing, recipe.neuron.surrogate)
    offered |= {"dt": recipe.data.step, "steps": recipe.steps, "features": features}
    taken: dict[str, Any] = {key: offered[key] for key in _accepted(name) if key in offered}
    try:
        return _factory(name)(**taken)
    except (ValueError, TypeError) as error:
        raise InputError(f"neuron {name}: {error}") from None


def _firing(name: str, surrogate: str | None) -> ss.firing.Firing:
    found = ss.firing.firing(custom.firing(name))
    if surrogate is None:
        return found
    if not isinstance(found, ss.firing.Threshold | ss.firing.Delta):
        raise InputError(f"neuron.surrogate: {name} has none")
    return replace(found, surrogate=surrogate)


def _accepted(name: str) -> list[str]:
    return list(inspect.signature(_factory(name)).parameters)


def _factory(name: str) -> Factory:
    return custom.FOUND.get(name) or _table()[name]


def _table() -> dict[str, Factory]:
    return _declared() | _TABLE


@cache
def _declared() -> dict[str, Factory]:
    package = importlib.import_module("spikescan.neurons")
    modules = (
        importlib.import_module(f"spikescan.neurons.{item.name}") for item in pkgutil.iter_modules(package.__path__)
    )
    return {name: factory for module in modules for name, factory in getattr(module, "NAMED", {}).items()}
