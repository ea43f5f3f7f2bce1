"""Functions that are compiled apart and know each other by their address alone: a parallel kernel runs tasks, and a
task calls a stretch.

What a function calls by name is compiled into it. A task would then be compiled anew for each firing function, of which
it is the same but for its stretch; and numba puts what a parallel kernel calls through LLVM four times, as a function,
a loop's body, the body's wrapper and the kernel. A first call so compiles what its neuron needs, once, and no more.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import prange, typeof, types
from numba.core import cgutils
from numba.core.dispatcher import Dispatcher
from numba.core.errors import TypingError
from numba.extending import intrinsic

from ..scan._lanes import Plan, compiled
from ._numba_math import INNER, OPTIONS

Kinds = tuple[types.Type, ...]
Run = Callable[[Dispatcher, int, tuple, tuple, tuple, Plan], int]


def variant(text: Callable[..., int], name: str, **own: Any) -> Dispatcher:
    """`text`, in which the names `own` mean these functions and constants. (Were they arguments, or in a closure, numba
    would not find the function again on the disk.)"""
    function = FunctionType(text.__code__, text.__globals__ | own, name)
    function.__qualname__ = name
    return compiled(parallel=False, **INNER)(function)


def address_of(function: Dispatcher, kinds: Kinds) -> int:
    """Where it lies, compiled for arguments of these types."""
    function.compile(kinds)
    made = function.overloads[kinds]
    return made.library.get_pointer_to_function(made.fndesc.llvm_func_name)


def _call(context, builder, address, kinds, given):
    """The function at an address, which was compiled for these types and returns a whole number."""
    convention = context.call_conv
    function = builder.inttoptr(address, convention.get_function_type(types.int64, kinds).as_pointer())
    status, answer = convention.call_function(builder, function, types.int64, kinds, given)
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)
    return answer


def stretches(kinds_of: Callable[[Kinds], Kinds]) -> Callable[[int, tuple, tuple], int]:
    """What a task calls its stretch with: address, the task's operands, the stretch's arguments. `kinds_of` says from
    the types of the first which ones the second have; others are refused, for no one else would notice."""

    @intrinsic
    def stretch(context, address, operands, given):
        kinds = kinds_of(tuple(operands))
        for n, (found, wanted) in enumerate(zip(given, kinds, strict=True)):
            if found != wanted:
                raise TypingError(f"argument {n} of a stretch: {wanted} is needed, found {found}")

        def generate(context, builder, signature, args):
            return _call(context, builder, args[0], kinds, cgutils.unpack_tuple(builder, args[2]))

        return types.int64(types.int64, operands, given), generate

    stretch.kinds_of = kinds_of
    return stretch


@intrinsic
def _task(context, address, number, stretch, operands, code, constants, tasks, span, warm, past):
    given = number, stretch, operands, code, constants, tasks, span, warm, past
    if any(isinstance(kind, types.Array) and kind.layout != "C" for kind in operands):
        raise TypingError(f"arrays without gaps are needed, found {operands}")

    def generate(context, builder, signature, args):
        return _call(context, builder, args[0], given, args[1:])

    return types.int64(types.int64, *given), generate


@compiled(**OPTIONS)
def in_parallel(task, stretch, steps, operands, code, constants, tasks, span, warm, past):
    """Each range of lanes by each span of time; how many of them say that they hold something back."""
    lost = 0
    for index in prange((len(tasks) - 1) * max((steps + span - 1) // span, 1)):
        number = np.int64(index)  # it counts in another type
        lost += _task(task, number, stretch, operands, code, constants, tasks, span, warm, past)
    return lost


def task(stretch: Any) -> Callable[[Callable[..., int]], Run]:
    """Makes a task of a text that calls this one of `stretches`.

    The text takes its number, the address of the stretch, operands (arrays, each without gaps, and whole numbers), code
    (whole numbers), constants and a `Plan`, and returns a whole number. `Run` takes the stretch, and the number of time
    steps before the operands."""

    def runs(text: Callable[..., int]) -> Run:
        function, addresses = compiled(parallel=False, **INNER)(text), {}

        def run(own: Dispatcher, steps: int, operands: tuple, code: tuple, constants: tuple, plan: Plan) -> int:
            key = own, *(value.dtype for value in operands if isinstance(value, np.ndarray))
            if key not in addresses:
                kinds = tuple(map(typeof, (operands, code, constants, *plan)))
                inner = address_of(own, stretch.kinds_of(tuple(kinds[0])))
                addresses[key] = address_of(function, (types.int64, types.int64, *kinds)), inner
            return in_parallel(*addresses[key], steps, operands, code, constants, *plan)

        return run

    return runs
