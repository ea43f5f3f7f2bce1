"""Stretches of time, which are compiled apart for each firing function: a task knows their address, and is compiled but
once for them all."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.dispatcher import Dispatcher
from numba.core.errors import TypingError
from numba.extending import intrinsic

from ..scan._lanes import compiled
from ..scan._parallel import Kinds, call_at
from ._numba_math import INNER


def variant(text: Callable[..., int], name: str, **own: Any) -> Dispatcher:
    """`text`, in which the names `own` mean these functions and constants. (Were they arguments, or in a closure, numba
    would not find the function again on the disk.)"""
    function = FunctionType(text.__code__, text.__globals__ | own, name)
    function.__qualname__ = name
    return compiled(**INNER)(function)


def caller(kinds_of: Callable[[types.Type, types.Type], Kinds]) -> Callable[[int, Any, Any, tuple], int]:
    """What a task calls a stretch with: its address, a row of state, one of the memo, its arguments. `kinds_of` says
    which types these have, from those of a number of both rows; others are refused, for nobody else would notice."""

    @intrinsic
    def stretch(context, address, state, memo, given):
        kinds = kinds_of(state.dtype, memo.dtype)
        for n, (found, wanted) in enumerate(zip(given, kinds, strict=True)):
            if found != wanted:
                raise TypingError(f"argument {n} of a stretch: {wanted} is needed, found {found}")

        def generate(context, builder, signature, args):
            return call_at(context, builder, args[0], kinds, cgutils.unpack_tuple(builder, args[3]))

        return types.int64(types.int64, state, memo, given), generate

    return stretch
