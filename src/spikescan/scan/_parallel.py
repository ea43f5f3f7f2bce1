"""How kernels run in parallel on the CPU: as tasks, which are compiled apart, by one kernel that knows their address.

What a function calls by name is compiled into it, and numba puts what a parallel kernel calls through LLVM four times:
as a function, a loop's body, the body's wrapper and the kernel. By its address a task is compiled once.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numba import prange, typeof, types
from numba.core import cgutils
from numba.extending import intrinsic

from ._lanes import compiled
from ._threads import use_torch_threads

Kinds = tuple[types.Type, ...]
ALONE = {"parallel": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of what is called by its address alone."""


def address_of(function: Any, kinds: Kinds) -> int:
    """Where a function lies, compiled for arguments of these types."""
    if any(isinstance(kind, types.Array) and kind.layout != "C" for kind in kinds):
        raise TypeError(f"arrays without gaps are needed, found {kinds}")
    function.compile(kinds)
    made = function.overloads[kinds]
    if types.unliteral(made.signature.return_type) != types.int64:
        raise TypeError(f"a whole number is to be returned, found {made.signature.return_type}")
    return made.library.get_pointer_to_function(made.fndesc.llvm_func_name)


def call_at(context, builder, address, kinds, given):
    """LLVM's words for a call of the function at an address, which was compiled for these types and returns a whole
    number."""
    convention = context.call_conv
    function = builder.inttoptr(address, convention.get_function_type(types.int64, kinds).as_pointer())
    status, answer = convention.call_function(builder, function, types.int64, kinds, given)
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)
    return answer


def _called(context, address, number, given):
    kinds = number, *given

    def generate(context, builder, signature, args):
        return call_at(context, builder, args[0], kinds, [args[1], *cgutils.unpack_tuple(builder, args[2])])

    return types.int64(types.int64, number, given), generate


_call: Any = intrinsic(_called)


@compiled(error_model="numpy")
def in_parallel(address, count, given):
    """Runs tasks 0 to count - 1; the sum of what they return."""
    total = 0
    for index in prange(count):
        number = np.int64(index)  # it counts in another type
        total += _call(address, number, given)
    return total


def _kind(value: Any) -> object:
    """As good as numba's type, and sooner found."""
    if type(value) is np.ndarray:
        return value.dtype.num, value.ndim, value.flags.c_contiguous
    return type(value)


def task(**options: Any) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """A task of a text with its number and arguments (arrays, each without gaps, and numbers), which returns a whole
    number; compiled at the first call with arguments of these types. `run(count, *arguments)` runs as many as that on
    torch's number of threads and returns the sum."""

    def runs(text: Callable[..., int]) -> Callable[..., int]:
        function, addresses = compiled(**ALONE | options)(text), {}

        @wraps(text)
        def run(count: int, *given: Any) -> int:
            use_torch_threads()
            key = tuple([_kind(value) for value in given])
            if key not in addresses:
                addresses[key] = address_of(function, (types.int64, *map(typeof, given)))
            return in_parallel(addresses[key], count, given)

        return run

    return runs
