"""How kernels run in parallel on the CPU: as tasks, which are compiled apart, by one kernel that knows their address.

What a function calls by name is compiled into it, and numba puts what a parallel kernel calls through LLVM four times:
as a function, a loop's body, the body's wrapper and the kernel. By its address a task is compiled once.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np
from llvmlite import ir
from numba import prange, typeof, types
from numba.core import cgutils
from numba.core.callconv import errcode_t, excinfo_ptr_t
from numba.extending import intrinsic

from ._lanes import compiled
from ._threads import use_torch_threads

Kinds = tuple[types.Type, ...]
WORD = types.int64
ALONE = {"parallel": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of what is called by its address alone."""


def address_of(function: Any, kinds: Kinds) -> int:
    """Where a function lies, compiled for arguments of these types."""
    if any(isinstance(kind, types.Array) and kind.layout != "C" for kind in kinds):
        raise TypeError(f"arrays without gaps are needed, found {kinds}")
    function.compile(kinds)
    made = function.overloads[kinds]
    if types.unliteral(made.signature.return_type) != WORD:
        raise TypeError(f"a whole number is to be returned, found {made.signature.return_type}")
    return made.library.get_pointer_to_function(made.fndesc.llvm_func_name)


def call_at(context, builder, address, kinds, given):
    """LLVM's words for a call of the function at an address, which was compiled for these types and returns a whole
    number."""
    status, answer = _call_at(context, builder, address, kinds, given)
    _propagate(context, builder, status)
    return answer


def _call_at(context, builder, address, kinds, given):
    function = builder.inttoptr(address, context.call_conv.get_function_type(WORD, kinds).as_pointer())
    return context.call_conv.call_function(builder, function, WORD, kinds, given)


def _propagate(context, builder, status):
    with cgutils.if_unlikely(builder, status.is_error):
        context.call_conv.return_status_propagate(builder, status)


def _running(context, loop, address, count, given):
    """Lays a task's address and arguments down in memory, and makes a function that calls the one with the others: of
    these two the loop is told where they are. An error is laid down beside them, for the loop's threads have nobody to
    tell."""
    kinds = WORD, *given

    def generate(context, builder, signature, args):
        convention = context.call_conv
        loop, address, count, given = args
        values = [errcode_t(0), excinfo_ptr_t(None), address, *cgutils.unpack_tuple(builder, given)]
        record = ir.LiteralStructType([value.type for value in values])
        place = cgutils.alloca_once(builder, record)
        for k, value in enumerate(values):
            builder.store(value, cgutils.gep_inbounds(builder, place, 0, k))
        module = builder.module
        form = convention.get_function_type(WORD, (WORD, WORD))
        start = ir.Function(module, form, module.get_unique_name("start"))
        start.linkage = "internal"
        body = ir.IRBuilder(start.append_basic_block())
        number, held = start.args[-2:]
        held = body.inttoptr(held, record.as_pointer())
        fields = [cgutils.gep_inbounds(body, held, 0, k) for k in range(len(values))]
        address, *given = map(body.load, fields[2:])
        status, answer = _call_at(context, body, address, kinds, [number, *given])
        with cgutils.if_unlikely(body, status.is_error):
            body.store(status.excinfoptr, fields[1])
            body.store(status.code, fields[0])
        convention.return_value(body, body.select(status.is_error, answer.type(0), answer))
        words = builder.ptrtoint(start, count.type), count, builder.ptrtoint(place, count.type)
        total = call_at(context, builder, loop, (WORD,) * 3, words)
        error = [builder.load(cgutils.gep_inbounds(builder, place, 0, k)) for k in range(2)]
        _propagate(context, builder, convention._get_return_status(builder, *error))
        return total

    return WORD(loop, address, count, given), generate


def _starting(context, start, number, held):
    def generate(context, builder, signature, args):
        return call_at(context, builder, args[0], (WORD, WORD), args[1:])

    return WORD(start, number, held), generate


_run: Any = intrinsic(_running)
_start: Any = intrinsic(_starting)


@compiled(**ALONE | {"parallel": True}, error_model="numpy")
def loop(start, count, held):
    """The sum of what `start` returns, an address, called with 0 to count - 1 and with `held`, another."""
    total = 0
    for index in prange(count):
        number = np.int64(index)  # it counts in another type
        total += _start(start, number, held)
    return total


@compiled(parallel=False, error_model="numpy")
def in_parallel(loop, address, count, given):
    """Runs tasks 0 to count - 1; the sum of what they return. Only this is compiled for each kind of arguments, and not
    the loop, which takes longer."""
    return _run(loop, address, count, given)


@cache
def _loop_address() -> int:
    return address_of(loop, (WORD,) * 3)


def _kind(value: Any) -> object:
    """As good as numba's type, and sooner found."""
    if type(value) is np.ndarray:
        return value.dtype.num, value.ndim, value.flags.c_contiguous
    return type(value)


def task(**options: Any) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """A task of a text with its number and arguments (arrays, each without gaps, numbers, None), which returns a whole
    number; compiled at the first call with arguments of these types. `run(count, *arguments)` runs as many as that on
    torch's number of threads and returns the sum; what one of them raises, it raises."""

    def runs(text: Callable[..., int]) -> Callable[..., int]:
        function, addresses = compiled(**ALONE | options)(text), {}

        @wraps(text)
        def run(count: int, *given: Any) -> int:
            use_torch_threads()
            key = tuple([_kind(value) for value in given])
            if key not in addresses:
                addresses[key] = address_of(function, (WORD, *map(typeof, given)))
            return in_parallel(_loop_address(), addresses[key], int(count), given)

        return run

    return runs
