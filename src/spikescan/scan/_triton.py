"""The scan on the GPU: parallel over neurons and, where these do not fill the machine, over chunks of time as well.

A lane is one neuron of one batch row. With more than one chunk there are three passes: every chunk but the last runs
on its own from zero (the first from `initial`) and keeps its last value; these are joined in order,
e[c] += a^length·e[c-1]; every chunk runs again, from the right value, and writes. T is an ordinary argument of every
kernel and never part of what is compiled.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import triton
import triton.language as tl
from torch import Tensor

from ._complex import complex_scan

# A program is one warp, each thread of which has four neighbouring lanes: one vector load, one counter's four draws.
BLOCK = 128
# Programs a multiprocessor: from FEW on, lanes alone keep the memory busy; chunks of time are made to come to MANY.
FEW, MANY = 4, 24
SHORTEST, MOST_CHUNKS = 64, 1024


@triton.jit
def load_step(p, t, first, stop, stride, m_lane, DTYPE: tl.constexpr):
    """Row t of a time-first array in DTYPE, zeros outside [first, stop); `p` points at the lanes of row 0."""
    return tl.load(p + t * stride, mask=m_lane & (t >= first) & (t < stop), other=0.0).to(DTYPE)


@triton.jit
def load_four(p, t, first, stop, stride, m_lane, DTYPE: tl.constexpr, WAY: tl.constexpr):
    """Rows t, t + WAY, t + 2 WAY, t + 3 WAY. Issued together, and a round ahead of their use, they hide the latency."""
    x0 = load_step(p, t, first, stop, stride, m_lane, DTYPE)
    x1 = load_step(p, t + WAY, first, stop, stride, m_lane, DTYPE)
    x2 = load_step(p, t + 2 * WAY, first, stop, stride, m_lane, DTYPE)
    x3 = load_step(p, t + 3 * WAY, first, stop, stride, m_lane, DTYPE)
    return x0, x1, x2, x3


@triton.jit
def pick(x0, x1, x2, x3, K: tl.constexpr):
    x = x0
    if K == 1:
        x = x1
    if K == 2:
        x = x2
    if K == 3:
        x = x3
    return x


@triton.jit(do_not_specialize=["T", "length"])
def scan_kernel(
    p_x,
    p_decay,
    p_initial,
    p_carry,
    p_out,
    T,
    length,
    lanes,
    N,
    HAS_INITIAL: tl.constexpr,
    CHUNKED: tl.constexpr,
    CARRY: tl.constexpr,
    REVERSE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One chunk of one block of lanes. CARRY: keep the chunk's last value only, in `p_carry`."""
    o_lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    i_chunk = tl.program_id(1).to(tl.int64)
    m_lane = o_lane < lanes
    begin = i_chunk * length
    end = tl.minimum(begin + length, T)
    dtype: tl.constexpr = p_decay.dtype.element_ty
    b_decay = tl.load(p_decay + o_lane % N, mask=m_lane, other=0.0)
    b_v = tl.zeros([BLOCK], dtype)
    if HAS_INITIAL:
        b_v = tl.load(p_initial + o_lane, mask=m_lane & (i_chunk == 0), other=0.0)
    if CHUNKED and not CARRY:
        b_v += tl.load(p_carry + (i_chunk - 1) * lanes + o_lane, mask=m_lane & (i_chunk > 0), other=0.0)
    # Step k of the loop is row origin + way·k: time runs down for REVERSE.
    way: tl.constexpr = -1 if REVERSE else 1
    origin = begin * 0
    first, stop = begin, end
    if REVERSE:
        origin += T - 1
        first, stop = T - end, T - begin
    x0, x1, x2, x3 = load_four(p_x + o_lane, origin + way * begin, first, stop, lanes, m_lane, dtype, way)
    for k0 in range(begin, end, 4):
        row = origin + way * k0
        y0, y1, y2, y3 = load_four(p_x + o_lane, row + 4 * way, first, stop, lanes, m_lane, dtype, way)
        for k in tl.static_range(4):
            m_step = m_lane & (k0 + k < end)
            b_v = tl.where(m_step, b_decay * b_v + pick(x0, x1, x2, x3, k), b_v)
            if not CARRY:
                p_row = p_out + o_lane + (row + way * k) * lanes
                tl.store(p_row, b_v.to(p_out.dtype.element_ty), mask=m_step)
        x0, x1, x2, x3 = y0, y1, y2, y3
    if CARRY:
        tl.store(p_carry + i_chunk * lanes + o_lane, b_v, mask=m_lane)


@triton.jit(do_not_specialize=["slots", "doublings"])
def join_kernel(p_carry, p_decay, slots, doublings, lanes, N, BLOCK: tl.constexpr):
    """In place, e[c] += a^length·e[c-1], where length = 2^doublings."""
    o_lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m_lane = o_lane < lanes
    dtype: tl.constexpr = p_decay.dtype.element_ty
    b_power = tl.load(p_decay + o_lane % N, mask=m_lane, other=0.0).to(tl.float64)
    for _ in range(doublings):
        b_power *= b_power
    b_power = b_power.to(dtype)
    p = p_carry + o_lane
    first = tl.program_id(1).to(tl.int64)  # 0, as an int64 for the offsets that follow from it
    b_v = tl.zeros([BLOCK], dtype)
    x0, x1, x2, x3 = load_four(p, first, first, slots, lanes, m_lane, dtype, 1)
    for c in range(first, slots, 4):
        y0, y1, y2, y3 = load_four(p, c + 4, first, slots, lanes, m_lane, dtype, 1)
        for k in tl.static_range(4):
            b_v = b_power * b_v + pick(x0, x1, x2, x3, k)
            tl.store(p + (c + k) * lanes, b_v, mask=m_lane & (c + k < slots))
        x0, x1, x2, x3 = y0, y1, y2, y3


def multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1


def chunk_length(programs: int, steps: int, device: torch.device) -> int:
    """How many steps a chunk has, a power of two; `steps` or more means that there is one chunk."""
    units = multiprocessors(device)
    if programs >= FEW * units or steps <= SHORTEST:
        return 1 << (steps - 1).bit_length()
    wanted = min(MOST_CHUNKS, triton.cdiv(MANY * units, programs))
    return max(SHORTEST, 1 << (triton.cdiv(steps, wanted) - 1).bit_length())


def check_lanes(lanes: int) -> None:
    if lanes >= 2**31:
        raise ValueError(f"current: backend 'triton' counts neurons in 32 bits, found {lanes} for each step")


def or_empty(values: Sequence[Tensor | None], like: Tensor) -> list[Tensor]:
    """A kernel takes a pointer for each operand; one that nobody reads may point at nothing."""
    return [like.new_empty(0) if value is None else value for value in values]


def on(device: torch.device) -> AbstractContextManager:
    """Triton launches on the current device, which need not be the tensors'."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def linear_scan(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """Same signature as the reference."""
    if x.is_complex():
        return complex_scan(x, decay, initial, reverse, _integrate)
    out = torch.empty_like(x)
    steps, lanes, features = len(x), x[0].numel(), x.shape[2]
    if lanes == 0:
        return out
    check_lanes(lanes)
    blocks = triton.cdiv(lanes, BLOCK)
    length = chunk_length(blocks, steps, x.device)
    chunks = triton.cdiv(steps, length)
    carry = decay.new_empty((chunks - 1, lanes))
    arguments = (x, decay, x if initial is None else initial, carry, out, steps, length, lanes, features)

    def scan(chunks: int, chunked: bool, only_carry: bool) -> None:
        scan_kernel[blocks, chunks](*arguments, initial is not None, chunked, only_carry, reverse, BLOCK, num_warps=1)

    with on(x.device):
        if chunks > 1:
            scan(chunks - 1, True, True)
            join_kernel[blocks, 1](
                carry, decay, chunks - 1, length.bit_length() - 1, lanes, features, BLOCK, num_warps=1
            )
        scan(chunks, chunks > 1, False)
    return out


def _integrate(current: Tensor, coupling: Tensor, synapse: Tensor, potential: Tensor) -> tuple[Tensor, Tensor]:
    from ..fused._triton import launch_forward

    i, u = torch.empty_like(current), torch.empty_like(current)
    absent, ends = current[:0], (torch.empty_like(synapse), torch.empty_like(synapse))
    operands = current, *or_empty([None] * 2, synapse), coupling, synapse, potential, *or_empty([None] * 4, synapse)
    launch_forward(operands, [0] * 7, [0.0] * 3, (absent, u, i, absent, *ends))
    return i, u
