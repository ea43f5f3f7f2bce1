"""What numba has no words for: fetch a row before it is needed, write past the caches, and make vector code of a loop
that looks as if it could not be.

A kernel that goes through long sequences reads each number once and writes each once. The processor cannot know: it
loads a line from memory before it overwrites it, and it notices too late that a strided row goes on. Nor can the
compiler: it expects arrays to overlap, and a loop with an exponential in it to need nothing beside it.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 64  # bytes
VECTOR = 16  # float32 lanes of a line
WIDE = 512  # lanes


def _row(context, builder, kind, value):
    """(first element's address, length, bytes of an element)"""
    array = context.make_array(kind)(context, builder, value)
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    return array.data, builder.extract_value(array.shape, 0), size


@intrinsic
def fetch(context, row):
    """Begin to load a row into the second-level cache. On one of the processors that were tried a core reads from there
    a third faster than if it fetches into the first level; the other one does not care."""

    def generate(context, builder, signature, args):
        data, length, size = _row(context, builder, signature.args[0], args[0])
        word, flag, byte = length.type, ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        with cgutils.for_range_slice(builder, word(0), length, word(LINE // size), word) as (n, _):
            address = builder.bitcast(builder.gep(data, [n]), byte)
            builder.call(prefetch, [address, flag(0), flag(2), flag(1)])  # read, into L2, data
        return context.get_dummy_value()

    return types.void(row), generate


@intrinsic
def apart(context):
    """No two arrays that are passed to this function overlap, but where they are only read. Its loops then become
    vector code without a test at each start."""

    def generate(context, builder, signature, args):
        for arg in builder.function.args:
            data = isinstance(arg.type, ir.PointerType) and arg.type != ir.IntType(8).as_pointer()  # no headers
            if data and "noalias" not in arg.attributes:
                arg.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def whole_lines(context):
    """The loops of the function that this is called in have vectors of a whole line where the processor knows them: for
    some that do, LLVM prefers halves."""

    def generate(context, builder, signature, args):
        wanted = '"prefer-vector-width"="512"'
        set.add(builder.function.attributes, wanted)  # llvmlite's own `add` knows no attributes with a value
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def borrowed(context, array):
    """The same array, of which cuts are not counted as references: that would lock the bus, which waits for all that
    was written past the caches. Its owner keeps it alive."""

    def generate(context, builder, signature, args):
        view = context.make_array(signature.args[0])(context, builder, args[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), generate


@intrinsic(prefer_literal=True)
def side_by_side(context, count):
    """Called in the body of a loop: that many vectors of it are computed side by side, because a processor that waits
    for the end of a long chain of operations does not look far enough ahead to begin the next one itself."""
    number = count.literal_value

    def generate(context, builder, signature, args):
        module, branch = builder.module, builder.branch

        def close(target):
            """The next branch back is that to the loop's head."""
            made = branch(target)
            if target.is_terminated:
                builder.branch = branch
                hint = module.add_metadata(["llvm.loop.interleave.count", ir.IntType(32)(number)])
                loop = module.add_metadata([hint, ir.IntType(64)(len(module.metadata))])  # one of its own
                loop.operands = (loop, hint)
                made.set_metadata("llvm.loop", loop)
            return made

        builder.branch = close
        return context.get_dummy_value()

    return types.void(count), generate


@njit(forceinline=True)
def place(begin, n):
    """begin + n for an index, without the test for a negative one, which would keep a loop from being vector code."""
    return np.uintp(begin) + np.uintp(n)


@njit(forceinline=True, error_model="numpy")
def pieces(row, piece):
    """How many pieces a row has. Loops count them, because a `range` with a step can raise, and where something can,
    references to arrays are counted: that locks the bus, which waits for all that was written past the caches."""
    return (len(row) + len(piece) - 1) // len(piece)


def _storing(past):
    def storing(context, row, n, value):
        def generate(context, builder, signature, args):
            data, _, size = _row(context, builder, signature.args[0], args[0])
            value = context.cast(builder, args[2], signature.args[2], signature.args[0].dtype)
            store = builder.store(value, builder.gep(data, [args[1]]), align=VECTOR * min(size, 4) if past else size)
            if past:
                store.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))
            return context.get_dummy_value()

        return types.void(row, n, value), generate

    return intrinsic(storing)


store: Any = _storing(past=False)
"""row[n] = value, n not counted from the end. (After a call of a function for it, LLVM forgets what `side_by_side`
asked for.)"""
stream: Any = _storing(past=True)
"""The same past the caches, in a loop over lanes from the beginning of a line on: see `streamable`. The store is
declared to be aligned as the vectors will be that LLVM makes of it."""


@njit(forceinline=False)
def streamable(sequence, first, lanes):
    """Whether a loop over lanes first, first + 1, … of each step of a (T, lanes) sequence is to stream: they begin a
    line, and are so many that a step has left the processor's queues when the next one reads its state. Stores to
    memory hold up those behind them, and so the loads that wait for these."""
    begins_lines = len(sequence) > 0 and (sequence[0, first:].ctypes.data | sequence.strides[0]) % LINE == 0
    return begins_lines and lanes >= WIDE


@intrinsic
def write(context, source, target, past):
    """target[:] = source; where `past`, by non-temporal stores of whole lines and plain ones before and behind them."""

    def generate(context, builder, signature, args):
        read, _, _ = _row(context, builder, signature.args[0], args[0])
        target, length, size = _row(context, builder, signature.args[1], args[1])
        word, line = length.type, ir.VectorType(context.get_data_type(signature.args[1].dtype), LINE // size)
        mark = builder.module.add_metadata([ir.IntType(32)(1)])

        def plainly(begin, end):
            parts = builder.gep(target, [begin]), builder.gep(read, [begin])
            cgutils.raw_memcpy(builder, *parts, builder.sub(end, begin), size)

        short = builder.and_(builder.neg(builder.ptrtoint(target, word)), word(LINE - 1))
        begin = builder.udiv(short, word(size))
        some = builder.and_(args[2], builder.icmp_unsigned("<", begin, length))
        begin = builder.select(some, begin, length)
        lines = builder.udiv(builder.sub(length, begin), word(LINE // size))
        end = builder.add(begin, builder.mul(lines, word(LINE // size)))
        plainly(word(0), begin)
        with cgutils.for_range_slice(builder, begin, end, word(LINE // size), word) as (n, _):
            value = builder.load(builder.bitcast(builder.gep(read, [n]), line.as_pointer()), align=size)
            store = builder.store(value, builder.bitcast(builder.gep(target, [n]), line.as_pointer()), align=LINE)
            store.set_metadata("nontemporal", mark)
        plainly(end, length)
        return context.get_dummy_value()

    return types.void(source, target, past), generate


@intrinsic
def settle(context):
    """Wait until what was written past the caches can be seen by the other threads."""

    def generate(context, builder, signature, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate
