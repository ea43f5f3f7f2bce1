"""Recipes as TOML: found by name or path, changed by ``key=value``, checked, and written back in full.

``none`` (in quotes in a file) stands for the null that TOML lacks. ``base`` names a packaged recipe to start from.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from spikescan.errors import InputError
from spikescan.training import neurons
from spikescan.training.recipe import Recipe
from spikescan.training.sections import NeuronRecipe

Tree = dict[str, Any]

USED_AS = {"tau_steps": "tau_mem"}
"""Keys of the neuron's section that reach it under another name."""


def packaged() -> list[str]:
    """Names of the recipes that come with spikescan."""
    folder = resources.files("spikescan.training") / "recipes"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def load(name_or_path: str, changes: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of that name, or in that file, with ``changes`` (dotted key to value) made to it.

    Raises:
        InputError: naming the recipe, the key, what was found and what can be chosen.
    """
    text, where = _read(name_or_path)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"recipe {where}: not a TOML file ({error})") from None
    changes = dict(changes or {})
    if changes.keys() & {"neuron.tau_mem", "neuron.tau_syn"}:  # seconds are asked for
        changes.setdefault("neuron.tau_steps", None)
    if "neuron.firing" in changes:  # which comes with its own surrogate
        changes.setdefault("neuron.surrogate", None)
    tree = _on_base(tree, where)
    chosen = changes.get("neuron.name")
    if chosen is not None and chosen != tree.get("neuron", {}).get("name"):  # whose own settings are not the recipe's
        tree = merge(tree, {f"neuron.{key}": None for key in neurons.OWN if key != "threshold"})
    recipe = check(merge(tree, changes), where)
    _check_used(recipe, changes)
    return recipe


def _on_base(tree: Tree, where: str) -> Tree:
    """``base = "shd"`` at the head of a file: what that packaged recipe says, but for what the file says itself."""
    if "base" not in tree:
        return tree
    own = {key: value for key, value in tree.items() if key != "base"}
    if tree["base"] not in packaged() or tree["base"] == where:
        raise InputError(f"recipe {where}: base is {tree['base']!r}, choose from {', '.join(packaged())}")
    return merge(load(tree["base"]).model_dump(), _flat(own))


def _check_used(recipe: Recipe, changes: Mapping[str, Any]) -> None:
    """A value that is asked for must have an effect. (What a recipe file says is for whichever neuron is chosen.)"""
    section = NeuronRecipe.model_fields
    for key in changes:
        name = key.removeprefix("neuron.")
        unused = name != key and name != "name" and not neurons.takes(recipe.neuron.name, USED_AS.get(name, name))
        if unused and getattr(recipe.neuron, name) != section[name].default:
            raise InputError(f"{key}: neuron {recipe.neuron.name} has no use for it; leave it out")


def _read(name_or_path: str) -> tuple[str, str]:
    if name_or_path in packaged():
        return (resources.files("spikescan.training") / "recipes" / f"{name_or_path}.toml").read_text(
            "utf-8"
        ), name_or_path
    path = Path(name_or_path).expanduser()
    try:
        return path.read_text("utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error
        raise InputError(
            f"recipe {name_or_path}: no readable file ({reason}) and none of {', '.join(packaged())}"
        ) from None


def merge(tree: Tree, changes: Mapping[str, Any]) -> Tree:
    """A copy of ``tree`` in which each dotted key holds its new value."""
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in tree.items()}
    for key, value in changes.items():
        *sections, last = key.split(".")
        node = merged
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                raise InputError(f"recipe key {key}: {section} is a value and has no keys")
        node[last] = value
    return merged


def parse_setting(setting: str) -> tuple[str, Any]:
    """``training.lr=0.01`` as key and value; the value is read as TOML, or else as plain text."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {setting}: expected key=value, for instance training.lr=0.01")
    try:
        tree = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return key.strip(), text.strip()
    if len(tree) > 1:
        raise InputError(f"--set {setting!r}: one key and its value are expected; repeat --set for the others")
    return key.strip(), tree["value"]


def check(tree: Tree, where: str) -> Recipe:
    """The recipe in ``tree``; every mistake in it goes into one InputError."""
    try:
        return Recipe.model_validate(_with_null(tree))
    except ValidationError as error:
        problems = "\n".join(f"  {_explain(item)}" for item in error.errors())
        raise InputError(f"recipe {where}:\n{problems}") from None


def _with_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_null(item) for key, item in value.items()}
    return None if value == "none" else value


def _explain(item: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] != "extra_forbidden":
        return f"{key}: {item['msg'].removeprefix('Value error, ')} (found {item['input']!r})"
    choices = _keys(item["loc"][:-1])
    near = difflib.get_close_matches(str(item["loc"][-1]), choices, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{key}: unknown key; {hint}choose from {', '.join(choices)}"


def _keys(sections: Iterable[Any]) -> list[str]:
    model: type[BaseModel] = Recipe
    for section in sections:
        inner = model.model_fields[str(section)].annotation
        assert isinstance(inner, type)
        assert issubclass(inner, BaseModel)
        model = inner
    return list(model.model_fields)


def dumps(recipe: Recipe) -> str:
    """``recipe`` as TOML, every key of it."""
    tree = recipe.model_dump()
    lines = [_line(key, value) for key, value in tree.items() if not isinstance(value, dict)]
    for section, values in tree.items():
        if isinstance(values, dict):
            lines += ["", f"[{section}]", *(_line(key, value) for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's too, but for one control character.
    text = json.dumps("none" if value is None else value, ensure_ascii=False)
    return f"{key} = {text}".replace("\x7f", "\\u007f")


def differences(one: Recipe, other: Recipe) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, with both values."""
    left, right = _flat(one.model_dump()), _flat(other.model_dump())
    return {key: (left[key], right[key]) for key in left if left[key] != right[key]}


def _flat(tree: Tree, prefix: str = "") -> Tree:
    flat: Tree = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
