"""What numba has no words for: sixteen tables looked up at once, sixteen comparisons as sixteen bits, and a small
transposition. Vectors of LLVM, which makes one instruction of each where the processor has it."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16  # of a vector, and numbers of a table
COLUMNS, VECTORS = 4, 4  # of a tile: its sums and what they are made of fill the 32 registers
WORD = 32  # bits
FLOAT, INT, LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
FLOATS, INTS = ir.VectorType(FLOAT, LANES), ir.VectorType(INT, LANES)


class _Array:
    """A numba array in the making of code: places in it, as addresses of vectors."""

    def __init__(self, context, builder, kind, value):
        array = context.make_array(kind)(context, builder, value)
        self.builder, self.data = builder, array.data
        self.strides = cgutils.unpack_tuple(builder, array.strides, kind.ndim)
        self.length = cgutils.unpack_tuple(builder, array.shape, kind.ndim)[0]

    def at(self, *place, vector=FLOATS):
        builder, offset = self.builder, LONG(0)
        for number, stride in zip(place, self.strides, strict=False):
            offset = builder.add(offset, builder.mul(number, stride))
        start = builder.bitcast(self.data, ir.IntType(8).as_pointer())
        return builder.bitcast(builder.gep(start, [offset]), vector.as_pointer())


def _look_up(builder, table, index):
    """table[index] lane by lane, as LLVM knows it for one instruction."""
    out = ir.Constant(FLOATS, ir.Undefined)
    for lane in range(LANES):
        value = builder.extract_element(table, builder.extract_element(index, INT(lane)))
        out = builder.insert_element(out, value, INT(lane))
    return out


@intrinsic(prefer_literal=True)
def look_up(context, more, sums, column, tables, block, index, first):
    """sums[column + c, n] = Σ_g tables[block, g, c, index[g, n]], if `more` added to what is there, for COLUMNS c and
    VECTORS vectors of lanes n from `first` on.

    sums float32 (columns, lanes), tables float32 (blocks, groups, COLUMNS, 16), index int32 (groups, lanes) of 0 to 15;
    rows begin at lines of the caches.
    """

    adds = more.literal_value

    def generate(context, builder, signature, args):
        sums, tables, index = (_Array(context, builder, signature.args[k], args[k]) for k in (1, 3, 5))
        column, block, first = args[2], args[4], args[6]
        lanes = [builder.add(first, LONG(LANES * vector)) for vector in range(VECTORS)]
        places = [sums.at(builder.add(column, LONG(c)), lane) for c in range(COLUMNS) for lane in lanes]
        begin, head, done = builder.block, builder.append_basic_block(), builder.append_basic_block()
        values = [builder.load(place, align=64) if adds else FLOATS([0.0] * LANES) for place in places]
        builder.branch(head)
        builder.position_at_end(head)
        group, running = builder.phi(LONG), [builder.phi(FLOATS) for _ in places]
        chosen = [builder.load(index.at(group, lane, vector=INTS), align=64) for lane in lanes]
        chosen = [builder.and_(vector, INTS([LANES - 1] * LANES)) for vector in chosen]
        ends = []
        for c in range(COLUMNS):
            table = builder.load(tables.at(block, group, LONG(c)), align=64)
            for vector in range(VECTORS):
                ends.append(builder.fadd(running[len(ends)], _look_up(builder, table, chosen[vector])))
        following = builder.add(group, LONG(1))
        for phi, value, end in zip([group, *running], [LONG(0), *values], [following, *ends], strict=True):
            phi.add_incoming(value, begin)
            phi.add_incoming(end, head)
        builder.cbranch(builder.icmp_unsigned("<", following, index.length), head, done)
        builder.position_at_end(done)
        for place, end in zip(places, ends, strict=True):
            builder.store(end, place, align=64)
        return context.get_dummy_value()

    return types.void(more, sums, types.int64, tables, types.int64, index, types.int64), generate


def _turn(builder, vectors, within):
    """Four vectors of four quarters of four numbers: number j of each quarter of vector i becomes number i of each
    quarter of vector j; not `within` the quarters but with them: quarter j of vector i quarter i of vector j."""

    def pick(left, right, parts):
        """parts: 0 to 3 of the left one and 4 to 7 of the right one."""
        if within:
            mask = [LANES * (part // 4) + 4 * quarter + part % 4 for quarter in range(4) for part in parts]
        else:
            mask = [4 * part + k for part in parts for k in range(4)]
        return builder.shuffle_vector(left, right, INTS(mask))

    a, b, c, d = vectors
    low, high = ((0, 4, 1, 5), (2, 6, 3, 7)) if within else ((0, 1, 4, 5), (2, 3, 6, 7))
    first, second = ((0, 1, 4, 5), (2, 3, 6, 7)) if within else ((0, 2, 4, 6), (1, 3, 5, 7))
    halves = [(pick(a, b, half), pick(c, d, half)) for half in (low, high)]
    return [pick(*pair, half) for pair in halves for half in (first, second)]


@intrinsic(prefer_literal=True)
def spread(context, sums, first, out, row, column, past):
    """out[row + n, column + c] = sums[c, first + n] for LANES c and n; `past` the caches, where a row begins a line."""
    past_caches = past.literal_value

    def generate(context, builder, signature, args):
        sums = _Array(context, builder, signature.args[0], args[0])
        out = _Array(context, builder, signature.args[2], args[2])
        columns = [builder.load(sums.at(LONG(c), args[1]), align=64) for c in range(LANES)]
        quarters = [_turn(builder, columns[c : c + 4], within=True) for c in range(0, LANES, 4)]
        for k in range(4):
            for part, value in enumerate(_turn(builder, [quarter[k] for quarter in quarters], within=False)):
                place = out.at(builder.add(args[3], LONG(4 * part + k)), args[4])
                store = builder.store(value, place, align=64 if past_caches else 4)
                if past_caches:
                    store.set_metadata("nontemporal", builder.module.add_metadata([INT(1)]))
        return context.get_dummy_value()

    return types.void(sums, types.int64, out, types.int64, types.int64, past), generate


@intrinsic
def choose(context, values, row, column, tables, block, group):
    """tables[block, group, c, n] = the sum of those of values[row … row + 3, column + c] that the bits of n choose, the
    lowest first, for COLUMNS c."""

    def generate(context, builder, signature, args):
        values = _Array(context, builder, signature.args[0], args[0])
        tables = _Array(context, builder, signature.args[3], args[3])
        four, zero = ir.VectorType(FLOAT, COLUMNS), FLOATS([0.0] * LANES)

        def row(k, quarters=range(4)):
            """Row k in each of these quarters, 0 in the others."""
            place = values.at(builder.add(args[1], LONG(k)), args[2], vector=four)
            value = builder.load(place, align=4)
            value = builder.shuffle_vector(value, value, INTS([0, 1, 2, 3] * 4))
            chosen = ir.VectorType(ir.IntType(1), LANES)([lane // 4 in quarters for lane in range(LANES)])
            return builder.select(chosen, value, zero)

        first, second, pairs = row(0), row(1), builder.fadd(row(2, (1, 3)), row(3, (2, 3)))
        sums = [pairs, *(builder.fadd(pairs, more) for more in (first, second, builder.fadd(first, second)))]
        for c, table in enumerate(_turn(builder, sums, within=True)):
            builder.store(table, tables.at(args[4], args[5], LONG(c)), align=64)
        return context.get_dummy_value()

    return types.void(values, types.int64, types.int64, tables, types.int64, types.int64), generate


@intrinsic
def bits_of(context, row, first):
    """(bits, others): which of the WORD numbers of a row from `first` on are not 0, and which neither 0 nor 1."""
    pair = types.UniTuple(types.uint32, 2)

    def generate(context, builder, signature, args):
        row, kind = _Array(context, builder, signature.args[0], args[0]), ir.VectorType(FLOAT, WORD)
        values = builder.load(row.at(args[1], vector=kind), align=4)
        some = builder.fcmp_unordered("!=", values, kind([0.0] * WORD))
        ones = builder.fcmp_ordered("==", values, kind([1.0] * WORD))
        words = [builder.bitcast(flags, INT) for flags in (some, builder.xor(some, ones))]
        return context.make_tuple(builder, pair, words)

    return pair(row, types.int64), generate
