"""What numba has no words for: fetch a row before it is needed, and write one past the caches.

A kernel that goes through long sequences reads each number once and writes each once. The processor cannot know: it
loads a line from memory before it overwrites it, and it notices too late that a strided row goes on.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 64  # bytes


def _row(context, builder, kind, value):
    """(first element's address, length, bytes of an element)"""
    array = context.make_array(kind)(context, builder, value)
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    return array.data, builder.extract_value(array.shape, 0), size


@intrinsic
def fetch(context, row):
    """Begin to load a row into the caches."""

    def generate(context, builder, signature, args):
        data, length, size = _row(context, builder, signature.args[0], args[0])
        word, flag, byte = length.type, ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        with cgutils.for_range_slice(builder, word(0), length, word(LINE // size), word) as (n, _):
            address = builder.bitcast(builder.gep(data, [n]), byte)
            builder.call(prefetch, [address, flag(0), flag(3), flag(1)])  # read, keep, data
        return context.get_dummy_value()

    return types.void(row), generate


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
