"""Front ends by name, as recipes store them."""

from collections.abc import Callable
from typing import Any

from spikescan.errors import InputError

from ._base import FrontEnd
from .causal_cochlea import CausalCochlea
from .cochlea import Cochlea
from .log_mel import LogMel
from .raw import Raw

KINDS: dict[str, Callable[..., FrontEnd[Any]]] = {front.kind: front for front in (Cochlea, CausalCochlea, LogMel, Raw)}


def from_settings(settings: dict[str, Any]) -> FrontEnd[Any]:
    """The front end of which `settings()` gave this; keys that are missing have their defaults.

    Raises:
        InputError: for a kind or a key that is unknown, or a value that cannot be.
    """
    given = dict(settings)
    kind = given.pop("kind", None)
    if kind not in KINDS:
        raise InputError(f"kind: no front end is called {kind!r}; there are {', '.join(KINDS)}")
    known = [key for key in KINDS[kind]().settings() if key != "kind"]
    if unknown := sorted(set(given) - set(known)):
        raise InputError(f"{unknown[0]}: {kind} has no such setting; it has {', '.join(known)}")
    try:
        return KINDS[kind](**given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{kind}: {error}") from None
