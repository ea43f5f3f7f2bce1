"""What numba has no words for: fetch a row before it is needed, and write one past the caches.

A kernel that goes through long sequences reads each number once and writes each once. The processor cannot know: it
loads a line from memory before it overwrites it, and it notices too late that a strided row goes on.
"""

from llvmlite import ir
from numba import njit, types
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
def _write_past(context, source, target):
    """target[:] = source by non-temporal stores of whole lines; scalar ones before the first line and after the last."""

    def generate(context, builder, signature, args):
        read, _, _ = _row(context, builder, signature.args[0], args[0])
        write, length, size = _row(context, builder, signature.args[1], args[1])
        word, element = length.type, context.get_data_type(signature.args[1].dtype)
        line = ir.VectorType(element, LINE // size)
        past = builder.module.add_metadata([ir.IntType(32)(1)])

        def one_by_one(begin, end):
            with cgutils.for_range_slice(builder, begin, end, word(1), word) as (n, _):
                builder.store(builder.load(builder.gep(read, [n])), builder.gep(write, [n]))

        short = builder.and_(builder.neg(builder.ptrtoint(write, word)), word(LINE - 1))
        begin = builder.udiv(short, word(size))
        begin = builder.select(builder.icmp_unsigned("<", begin, length), begin, length)
        lines = builder.udiv(builder.sub(length, begin), word(LINE // size))
        end = builder.add(begin, builder.mul(lines, word(LINE // size)))
        one_by_one(word(0), begin)
        with cgutils.for_range_slice(builder, begin, end, word(LINE // size), word) as (n, _):
            value = builder.load(builder.bitcast(builder.gep(read, [n]), line.as_pointer()), align=size)
            store = builder.store(value, builder.bitcast(builder.gep(write, [n]), line.as_pointer()), align=LINE)
            store.set_metadata("nontemporal", past)
        one_by_one(end, length)
        return context.get_dummy_value()

    return types.void(source, target), generate


@intrinsic
def settle(context):
    """Wait until what was written past the caches can be seen by the other threads."""

    def generate(context, builder, signature, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@njit(error_model="numpy", forceinline=True)
def write(source, target, past):
    """target[:] = source, past the caches or into them."""
    if past:
        _write_past(source, target)
    else:
        for n in range(len(target)):
            target[n] = source[n]
