"""Networks by name: what ``network.kind`` chooses from.

A kind stands for a class that takes, by keyword, those values of the ``[network]`` section that its signature names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spikescan.errors import InputError
from spikescan.networks import VGG, ConvNet, FrameNetwork, GestureNet, ResNet19, SpikingMLP

if TYPE_CHECKING:
    from spikescan.training.sections import NetworkRecipe

Network = SpikingMLP | FrameNetwork

NETWORKS: dict[str, Callable[..., Network]] = {
    "mlp": SpikingMLP,
    "conv": ConvNet,
    "gesture": GestureNet,
    "vgg": VGG,
    "resnet19": ResNet19,
}
READOUT_TAUS = {"readout_tau_mem", "readout_tau_syn"}
OF_CONVOLUTIONS = {"init": "published", "readout": "linear"}
"""What these keys come to where there is no choice."""


def takes_frames(kind: str) -> bool:
    """Whether networks of this kind need to know the sensor's height and width."""
    return "sensor" in _defaults(kind)


def own(kind: str) -> dict[str, Any]:
    """Values that a network of this kind has where the recipe sets none, for the recipe's keys that it takes."""
    defaults = _defaults(kind)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()}


def check_keys(values: NetworkRecipe) -> None:
    """Raise ValueError for a key that this kind of network has no use for."""
    taken = (
        own(values.kind).keys()
        | {"kind", "outputs", "delays", "max_delay"}
        | (READOUT_TAUS if values.kind == "mlp" else set())
    )
    for key, field in type(values).model_fields.items():
        given = getattr(values, key)
        if key not in taken and given != field.default and given != OF_CONVOLUTIONS.get(key, field.default):
            choices = sorted(taken & type(values).model_fields.keys())
            raise ValueError(f"{key} is no key of kind = {values.kind!r}, which takes {', '.join(choices)}")


def build(values: NetworkRecipe, **given: Any) -> Network:
    """A network of the recipe's values, and of what is ``given`` besides and its class asks for.

    Raises:
        InputError: for values that do not make a network.
    """
    accepted = _defaults(values.kind)
    chosen = {key: value for key, value in values.model_dump().items() if value is not None}
    arguments = {key: value for key, value in (chosen | given).items() if key in accepted}
    try:
        return NETWORKS[values.kind](**arguments)
    except ValueError as error:
        raise InputError(f"network {values.kind}: {error}") from None


def _defaults(kind: str) -> dict[str, Any]:
    return {name: item.default for name, item in inspect.signature(NETWORKS[kind]).parameters.items()}
