"""Tasks that are compiled one by one, and run in parallel by a kernel that knows only their address.

A first call then compiles what its neuron needs and no more, and that once: numba puts what a parallel kernel calls
through LLVM four times, as a function, a loop's body, the body's wrapper and the kernel.
"""

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import prange, typeof, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from ..scan._lanes import Plan, compiled
from ._numba_math import INNER, OPTIONS

Run = Callable[[int, tuple, tuple, tuple, Plan], int]


@intrinsic
def _call(context, address, number, operands, code, constants, tasks, span, warm, past):
    """The task at `address`, which has been compiled for arguments of these types: for arrays without gaps."""
    given = number, operands, code, constants, tasks, span, warm, past
    if any(isinstance(kind, types.Array) and kind.layout != "C" for kind in operands):
        raise TypingError(f"arrays without gaps are needed, found {operands}")

    def generate(context, builder, signature, args):
        convention, kinds = context.call_conv, signature.args[1:]
        task = builder.inttoptr(args[0], convention.get_function_type(types.int64, kinds).as_pointer())
        status, lost = convention.call_function(builder, task, types.int64, kinds, args[1:])
        with cgutils.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
        return lost

    return types.int64(types.int64, *given), generate


@compiled(**OPTIONS)
def in_parallel(address, steps, operands, code, constants, tasks, span, warm, past):
    """Each range of lanes by each span of time; how many of them say that they hold something back."""
    lost = 0
    for index in prange((len(tasks) - 1) * max((steps + span - 1) // span, 1)):
        number = np.int64(index)  # it counts in another type
        lost += _call(address, number, operands, code, constants, tasks, span, warm, past)
    return lost


def variants(text: Callable[..., int]) -> Callable[[str, Any], Run]:
    """Tasks of one text, which calls a `stretch`: `text(name, stretch)` is the one of that name with that function.
    (Were the function an argument, numba would not find the task again on the disk.)

    A text takes its number, operands (arrays, each without gaps, and whole numbers), code (whole numbers), constants,
    and a `Plan`, and returns a whole number. `Run` takes the number of time steps before the operands."""

    @cache
    def variant(name: str, stretch: Any) -> Run:
        name = f"{text.__name__}_{name}"
        own = FunctionType(text.__code__, text.__globals__ | {"stretch": stretch}, name)
        own.__qualname__ = name
        task, addresses = compiled(parallel=False, **INNER)(own), {}

        def address(*args: Any) -> int:
            kinds = (types.int64, *map(typeof, args))
            task.compile(kinds)
            made = task.overloads[kinds]
            return made.library.get_pointer_to_function(made.fndesc.llvm_func_name)

        def run(steps: int, operands: tuple, code: tuple, constants: tuple, plan: Plan) -> int:
            kinds = tuple(value.dtype for value in operands if isinstance(value, np.ndarray))
            if kinds not in addresses:
                addresses[kinds] = address(operands, code, constants, *plan)
            return in_parallel(addresses[kinds], steps, operands, code, constants, *plan)

        return run

    return variant
