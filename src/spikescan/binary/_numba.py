"""Products with 0 and 1 on the CPU. Four inputs have 16 combinations: the 16 sums of their weights are a table, and
what four inputs add to an output is looked up in it, for 16 rows in one instruction.

The weight's gradient is the same with rows and inputs in each other's place: four rows have 16 combinations, the 16
sums of their gradients are a table, and it is looked up for 16 inputs at once."""

import math

import numpy as np
from numba import njit
from torch import Tensor
from torch.nn.functional import pad

from ..scan._caches import borrowed, fetch, place, settle
from ..scan._lanes import LARGE, copy, fill
from ..scan._parallel import task
from ..scan._threads import torch_threads
from ._numba_tables import COLUMNS, LANES, VECTORS, WORD, bits_of, choose, look_up, spread

GROUP = 4
TILE = LANES * VECTORS  # lanes
ROWS = 2 * TILE  # done together; with 128 inputs, their indices take half the first-level cache
SPELL = 16  # tiles of rows after which sums are put by: fewer roundings than in one long sum


@njit(error_model="numpy")
def lines(count, like):
    """Memory for `count` numbers from the beginning of a line of the caches on."""
    memory = np.empty(count + 16, like.dtype)
    begin = -memory.ctypes.data % 64 // 4
    return memory[begin : begin + count]


@njit(error_model="numpy")
def run_of(x, first, rows):
    """Rows of x from `first` on, as one run of memory."""
    return borrowed(x.reshape(-1)[first * x.shape[1] : (first + rows) * x.shape[1]])


@njit(error_model="numpy")
def pack(spikes, first, bits):
    """bits[w, first + r] = inputs 32 w, 32 w + 1, … of row first + r; returns whether any is neither 0 nor 1."""
    K, others = spikes.shape[1], np.uint32(0)
    whole = K // WORD
    for r in range(first, min(first + ROWS, len(spikes))):
        row = spikes[r]
        for w in range(whole):
            bits[w, r], more = bits_of(row, w * WORD)
            others |= more
        if whole < len(bits):
            last = np.uint32(0)
            for k in range(whole * WORD, K):
                last |= np.uint32(row[k] != 0) << np.uint32(k % WORD)
                others |= np.uint32((row[k] != 0) != (row[k] == 1))
            bits[whole, r] = last
    return others != 0


@njit(error_model="numpy")
def index_of_inputs(bits, first, index):
    """index[g, r] = the inputs 4 g … 4 g + 3 of row first + r, as four bits."""
    for g in range(len(index)):
        word, shift, row = bits[g * GROUP // WORD], np.uint32(g * GROUP % WORD), index[g]
        for r in range(min(ROWS, len(word) - first)):
            row[place(0, r)] = word[place(first, r)] >> shift & np.uint32(15)


@njit(error_model="numpy")
def put(sums, first, out, column, past):
    """The rows from `first` on of LANES columns of `out`, from sums (LANES, ROWS)."""
    rows, columns = min(ROWS, len(out) - first), min(LANES, out.shape[1] - column)
    if rows < ROWS or columns < LANES:
        for r in range(rows):
            for c in range(columns):
                out[first + r, column + c] = sums[c, r]
    elif past:
        for r in range(0, ROWS, LANES):
            spread(sums, r, out, first + r, column, True)
    else:
        for r in range(0, ROWS, LANES):
            spread(sums, r, out, first + r, column, False)


@njit(error_model="numpy")
def multiply_rows(first, tables, index, sums, out, past, coming):
    """ROWS rows of the product, of their indices; meanwhile `coming` is fetched."""
    begin, share = 0, len(coming) // (len(tables) * (ROWS // TILE))
    for column in range(0, out.shape[1], LANES):
        for block in range(column // COLUMNS, min((column + LANES) // COLUMNS, len(tables))):
            for tile in range(0, ROWS, TILE):
                fetch(coming[begin : begin + share])
                begin += share
                look_up(False, sums, block * COLUMNS - column, tables, block, index, tile)
        put(sums, first, out, column, past)


@task(error_model="numpy")
def tabulate(block, values, bias, tables):
    """The tables (blocks, groups, COLUMNS, 16) of values (K, N), with the bias in the first group's. K and N are whole
    words and columns."""
    for g in range(tables.shape[1]):
        choose(values, g * GROUP, block * COLUMNS, tables, block, g)
    for c in range(COLUMNS):
        for n in range(LANES):
            tables[block, 0, c, n] += bias[block * COLUMNS + c]
    return 0


@task(error_model="numpy")
def multiply(number, spikes, tables, out, bits, past):
    """ROWS rows of out = spikes @ values + bias, where spikes (M, K) are 0 or 1; else returns 1. bits (words, M)."""
    first, groups = number * ROWS, tables.shape[1]
    odd = pack(spikes, first, bits)
    index = lines(groups * ROWS, bits).reshape(groups, ROWS)
    index_of_inputs(bits, first, index)
    sums = lines(LANES * ROWS, tables).reshape(LANES, ROWS)
    multiply_rows(first, tables, index, sums, out, past, run_of(spikes, first + ROWS, ROWS))
    settle()
    return 1 if odd else 0


@njit(error_model="numpy")
def _word(bits, w, row):
    return bits[w, row] if row < bits.shape[1] else np.uint32(0)


@njit(error_model="numpy")
def index_of_rows(bits, first, index):
    """index[g, k] = input k of the rows first + 4 g … first + 4 g + 3, as four bits; missing rows have none."""
    one, two = np.uint32(1), np.uint32(2)
    for g in range(len(index)):
        row = first + GROUP * g
        for w in range(len(bits)):
            a, b = _word(bits, w, row), _word(bits, w, row + 1)
            c, d = _word(bits, w, row + 2), _word(bits, w, row + 3)
            for k in range(WORD):
                n = np.uint32(k)
                low, high = (a >> n & one) | (b >> n & one) << one, (c >> n & one) | (d >> n & one) << one
                index[g, w * WORD + k] = low | high << two


@njit(error_model="numpy")
def add(sums, target):
    for n in range(len(sums)):
        for k in range(sums.shape[1]):
            target[n, k] += sums[n, k]


@task(error_model="numpy")
def accumulate(part, grad, bits, sums, totals):
    """sums[part, 0] = gradᵀ @ spikes and totals[part] = Σ grad over the rows of a part; grad (M, N) with whole columns,
    sums (parts, 2, N, inputs in whole tiles), of which the second is where a spell's are made."""
    (M, N), groups = grad.shape, TILE // GROUP
    share = (M + len(sums) * TILE - 1) // (len(sums) * TILE)
    all_, own, total = sums[part, 0], sums[part, 1], totals[part]
    for n in range(N):
        fill(all_[n], 0)
        fill(own[n], 0)
    fill(total, 0)
    index = lines(groups * own.shape[1], bits).reshape(groups, own.shape[1])
    for g in range(groups):
        fill(index[g], 0)  # what is there for inputs that are not
    tables = lines(groups * COLUMNS * LANES, grad).reshape(1, groups, COLUMNS, LANES)
    padded, column = np.zeros((TILE, N), grad.dtype), np.zeros(N, grad.dtype)
    for tile in range(part * share, min((part + 1) * share, (M + TILE - 1) // TILE)):
        first = tile * TILE
        values = grad[first : first + TILE]
        if first + TILE > M:
            for r in range(M - first):
                copy(grad[first + r], padded[r])
            values = padded
        index_of_rows(bits, first, index)
        fill(column, 0)
        for r in range(TILE):
            for n in range(N):
                column[n] += values[r, n]
        for n in range(N):
            total[n] += column[n]
        coming, fetched = run_of(grad, first + TILE, TILE), TILE * COLUMNS
        for block in range(N // COLUMNS):
            fetch(coming[block * fetched : (block + 1) * fetched])
            for g in range(groups):
                choose(values, g * GROUP, block * COLUMNS, tables, 0, g)
            for k in range(own.shape[1] // TILE):
                look_up(True, own, block * COLUMNS, tables, 0, index, k * TILE)
        if tile % SPELL == SPELL - 1:
            add(own, all_)
            for n in range(N):
                fill(own[n], 0)
    add(own, all_)
    return 0


def _whole(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def forward(spikes: Tensor, weight: Tensor, bias: Tensor, out: Tensor, bits: Tensor) -> bool:
    """Fills `out` and `bits`; says whether they are worth nothing, because not all inputs are 0 or 1."""
    N, K = weight.shape
    values = weight.new_zeros(_whole(K, WORD), _whole(N, COLUMNS))
    values[:K, :N] = weight.t()
    start = bias.new_zeros(values.shape[1])
    start[:N] = bias
    shape = len(start) // COLUMNS, len(values) // GROUP, COLUMNS, LANES
    tables = lines(math.prod(shape), start.numpy()).reshape(shape)
    tabulate(len(tables), values.numpy(), start.numpy(), tables)
    past = out.nbytes >= LARGE and out.data_ptr() % 64 == 0 and N % LANES == 0
    arrays = spikes.detach().numpy(), tables, out.numpy(), bits.numpy().view(np.uint32)
    return multiply(_whole(len(spikes), ROWS) // ROWS, *arrays, past) > 0


def backward(grad: Tensor, bits: Tensor, inputs: int) -> tuple[Tensor, Tensor]:
    """The gradients of weight and bias, (N, inputs) and (N,)."""
    N = grad.shape[1]
    padded = pad(grad, (0, -N % COLUMNS)) if N % COLUMNS else grad
    threads = torch_threads()
    sums = grad.new_empty(threads, 2, padded.shape[1], _whole(inputs, TILE))
    totals = grad.new_empty(threads, padded.shape[1])
    accumulate(threads, padded.numpy(), bits.numpy().view(np.uint32), sums.numpy(), totals.numpy())
    return sums[:, 0].sum(0)[:N, :inputs].contiguous(), totals.sum(0)[:N].contiguous()
