"""The counter-based draws of `spikescan.random` on the CPU: Philox for sixteen blocks of four features at once.

LLVM makes vector code of a plain loop as well, but begins it anew for each short row, and spends half of it on the
order of the draws. So the vectors are written out. A block is a 64-bit lane, since that is what a processor multiplies
32-bit words in; the upper half of a lane may hold anything.
"""

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor

from ..random import KEY_STEPS, MULTIPLIERS, ROUNDS
from ..scan._parallel import task
from ..scan._threads import torch_threads
from ._numba_math import OPTIONS

BLOCKS = 16
"""Blocks that are drawn together."""
PLACES = 4 * BLOCKS
"""Draws of these."""
PIECE = 1024
"""Features that `uniform` draws at once: their table stays in the first-level cache."""
ORDER = np.array([0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15])
"""Which of them is in which lane: so that pairs of words need only change places within two lanes."""
_M0 = np.uint64(MULTIPLIERS[0])

WORD, LONG, FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()
LANES, WORDS, FLOATS = (ir.VectorType(number, BLOCKS) for number in (LONG, WORD, FLOAT))
LOW, ONE = 2**32 - 1, 0x3F800000


@njit(**OPTIONS)
def blocks_of(first, width, count):
    """(products, rows) of the blocks of `count` lanes: rows of the `width` features first, first + 1, …, where `first`
    is a multiple of 4. products: what the first round multiplies, which depends on nothing else; rows: from 0 on."""
    each = (width + 3) // 4
    groups = (count // width * each + BLOCKS - 1) // BLOCKS
    products, rows = np.empty(groups * BLOCKS, np.uint64), np.empty(groups * BLOCKS, np.uint64)
    for n in range(len(rows)):
        block = n // BLOCKS * BLOCKS + ORDER[n % BLOCKS]
        products[n] = np.uint64(first // 4 + block % each) * _M0
        rows[n] = block // each
    return products, rows


@intrinsic
def _draw_group(context, out, group, products, rows, row, seed, step):
    """PLACES draws, from out[group · PLACES] on."""

    def generate(context, builder, signature, args):
        def splat(value):
            nothing = ir.Constant(LANES, ir.Undefined)
            one = builder.insert_element(nothing, value, WORD(0))
            return builder.shuffle_vector(one, nothing, WORDS([0] * BLOCKS))

        def at(number, size):
            array = context.make_array(signature.args[number])(context, builder, args[number])
            return builder.gep(array.data, [builder.mul(args[1], LONG(size))])

        def table(number):
            return builder.load(builder.bitcast(at(number, BLOCKS), LANES.as_pointer()), align=8)

        def both(vector):
            """(upper word, lower word)"""
            return builder.lshr(vector, LANES([32] * BLOCKS)), vector

        def product(vector, multiplier):
            return both(builder.mul(builder.and_(vector, LANES([LOW] * BLOCKS)), LANES([multiplier] * BLOCKS)))

        row, seed, step = args[4:]
        keys = [builder.and_(seed, LONG(LOW)), builder.lshr(seed, LONG(32))]
        first, second = both(table(2)), product(splat(step), MULTIPLIERS[1])
        c1, c3 = builder.add(table(3), splat(row)), splat(builder.lshr(step, LONG(32)))
        for turn in range(ROUNDS):
            k0, k1 = (splat(builder.add(key, LONG(turn * more))) for key, more in zip(keys, KEY_STEPS, strict=True))
            c0, c1 = builder.xor(builder.xor(second[0], c1), k0), second[1]
            c2, c3 = builder.xor(builder.xor(first[0], c3), k1), first[1]
            if turn + 1 < ROUNDS:
                first, second = product(c0, MULTIPLIERS[0]), product(c2, MULTIPLIERS[1])

        def pair(low, high):
            return builder.or_(builder.and_(low, LANES([LOW] * BLOCKS)), builder.shl(high, LANES([32] * BLOCKS)))

        pairs, place = (pair(c0, c1), pair(c2, c3)), builder.bitcast(at(0, PLACES), FLOATS.as_pointer())
        for n in range(4):
            lanes = range(n // 2 * BLOCKS // 2 + n % 2, (n // 2 + 1) * BLOCKS // 2, 2)
            mask = ir.VectorType(WORD, BLOCKS // 2)([lane + BLOCKS * k for lane in lanes for k in range(2)])
            words = builder.bitcast(builder.shuffle_vector(*pairs, mask), WORDS)
            # 23 bits k behind the exponent of 1 are 1 + k / 2^23, and less 1 - 1 / 2^24 they are (k + 1/2) / 2^23.
            words = builder.or_(builder.lshr(words, WORDS([9] * BLOCKS)), WORDS([ONE] * BLOCKS))
            draws = builder.fadd(builder.bitcast(words, FLOATS), FLOATS([2.0**-24 - 1] * BLOCKS))
            builder.store(draws, builder.gep(place, [LONG(n)]), align=4)
        return context.get_dummy_value()

    kinds = out, types.int64, products, rows, types.int64, types.int64, types.int64
    return types.void(*kinds), generate


@intrinsic
def _move(context, out, target, source):
    """Four numbers from place `source` to place `target`."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        four = ir.VectorType(FLOAT, 4).as_pointer()
        target, source = (builder.bitcast(builder.gep(array.data, [at]), four) for at in args[1:])
        builder.store(builder.load(source, align=4), target, align=4)
        return context.get_dummy_value()

    return types.void(out, types.int64, types.int64), generate


@njit(**OPTIONS | {"forceinline": True})
def draw(out, count, width, blocks, row, seed, step):
    """The draws of `count` lanes from `row` on into `out`, which has four places for each of their `blocks_of`."""
    each = (width + 3) // 4
    for group in range((count // width * each + BLOCKS - 1) // BLOCKS):
        _draw_group(out, group, *blocks, row, seed, step)
    if width < 4 * each:  # what is behind a row's end, the next one covers
        for k in range(1, count // width):
            for n in range(each):
                _move(out, k * width + 4 * n, 4 * (k * each + n))


@task(**OPTIONS)
def _uniform(thread, seed, step, threads, out):
    """Each thread takes the same number of pieces of rows, so that one long row is shared out as well as many."""
    T, B, N = out.shape
    count = T * B * ((N + PIECE - 1) // PIECE)
    share = (count + threads - 1) // threads
    r = np.empty(PIECE + PLACES, np.float32)
    first, width = 0, min(PIECE, N)
    own = blocks_of(first, width, width)
    for at in range(thread * share, min((thread + 1) * share, count)):
        if at // (T * B) * PIECE != first:
            first = at // (T * B) * PIECE
            width = min(PIECE, N - first)
            own = blocks_of(first, width, width)
        t, row = at % (T * B) // B, at % B
        draw(r, width, width, own, row, seed, step + t)
        for n in range(width):
            out[t, row, first + n] = r[n]
    return 0


def uniform(seed: Tensor, step: Tensor, steps: int, rows: int, features: int) -> Tensor:
    """The body of `spikescan.random.uniform`."""
    out = torch.empty((steps, rows, features), dtype=torch.float32)
    threads = torch_threads()
    _uniform(threads, int(seed), int(step), threads, out.numpy())
    return out
