"""The scan on the CPU: one pass over memory, lanes inside and vectorised, ranges of lanes and spans of time in
parallel."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ._caches import apart, borrowed, fetch, pieces, place, settle, store, stream, streamable, whole_lines
from ._lanes import AHEAD, fill, finite, of_piece, plans
from ._parallel import task


def over_lanes(put):
    @njit(error_model="numpy", fastmath={"contract"}, forceinline=True)
    def step(x, a, v, out):
        apart()
        whole_lines()
        for piece in range(pieces(v, a)):
            lo = piece * len(a)
            for n in range(min(len(a), len(v) - lo)):
                k = place(lo, n)
                v[k] = a[n] * v[k] + x[k]
                put(out, k, v[k])

    return step


stored, streamed = over_lanes(store), over_lanes(stream)


@task(error_model="numpy")
def scan(number, x, decay, initial, reverse, out, tasks, span, warm, past):
    """x, out (T, lanes); decay (N,); initial (lanes,). Returns 1 where it holds back, from a later span, a value that
    is not finite."""
    x, out = borrowed(x), borrowed(out)
    T, ranges = len(x), len(tasks) - 1
    first, last = tasks[number % ranges], tasks[number % ranges + 1]
    begin, end = number // ranges * span, min((number // ranges + 1) * span, T)
    a, v = of_piece(decay, len(decay), first, last), initial[first:last].copy()
    scratch, direct = np.empty_like(v), past and streamable(out, first, len(v))
    if begin > warm:
        fill(v, 0)
    for k in range(max(begin - warm, 0), begin):
        stored(x[T - 1 - k if reverse else k, first:last], a, v, scratch)
    for k in range(begin, end):
        t, later = k, min(k + AHEAD, T - 1)
        if reverse:
            t, later = T - 1 - k, max(T - 1 - k - AHEAD, 0)
        fetch(x[later, first:last])
        if direct:
            streamed(x[t, first:last], a, v, out[t, first:last])
        else:
            stored(x[t, first:last], a, v, out[t, first:last])
    settle()
    return 1 if end < T and not finite(v) else 0


def linear_scan(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """Same signature as the reference."""
    out = torch.empty_like(x)
    start = x.new_zeros(x.shape[1:]) if initial is None else initial
    arrays = [tensor.flatten(-2).numpy() for tensor in (x, start, out)]
    for plan in plans(x.shape, x.dtype, (decay,), cut=True):
        if not scan(plan.count(len(x)), arrays[0], decay.numpy(), arrays[1], reverse, arrays[2], *plan):
            break
    return out
