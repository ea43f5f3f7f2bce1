"""A stretch of time of one run of lanes, forward, for every firing function.

A step is a single loop over lanes that integrates, fires and resets, so that LLVM makes vector code of the whole of it;
where a sequence is written past the caches, that loop does so itself, with a memo or without. It goes from piece to
piece of the lanes: decays and draws of one piece stay in the first-level cache. `integrate` builds stretches from
scalar functions, which are inlined; nothing else differs between firing functions.
"""

import numpy as np
from numba import njit, types
from numba.core.dispatcher import Dispatcher

from ..firing._codes import BERNOULLI, DELTA, ESCAPE, GUMBEL, IDENTITY, RELU_TANH, SIGMOID, TANH, THRESHOLD
from ..scan._caches import (
    apart,
    borrowed,
    fetch,
    pieces,
    place,
    side_by_side,
    store,
    stream,
    streamable,
    whole_lines,
    write,
)
from ..scan._lanes import AHEAD
from ..scan._parallel import Kinds
from ._numba_draws import draw
from ._numba_math import INLINE, exp, narrowed, nil, one, sigmoid, tanh
from ._numba_variants import variant


@njit(**INLINE)
def identity(x):
    return x


@njit(**INLINE)
def relu_tanh(x):
    return max(tanh(x), nil(x))


@njit(**INLINE)
def spike(fires, w):
    """1 or 0, and NaN where the potential is not finite: a comparison would hide that."""
    return (one(w) if fires else nil(w)) + (w - w)


# Firing functions: (potential, what the step before kept, draw, threshold, constants) to (spike, what is kept for the
# backward pass): the local derivative of a stochastic one, f(u) - threshold of THRESHOLD, f(u) of DELTA.


@njit(**INLINE)
def bernoulli_sigmoid(w, before, r, th, a, b, c):
    rho = sigmoid(w)
    return spike(r < rho, w), rho * rho * (one(w) - rho)


@njit(**INLINE)
def bernoulli_relu_tanh(w, before, r, th, a, b, c):
    rho = relu_tanh(w)
    return spike(r < rho, w), rho * (one(w) - rho * rho)


@njit(**INLINE)
def gumbel(w, before, r, th, a, b, c):
    e = (one(w) - r) * exp(-(w + w))
    y = r / (r + e)
    return spike(r > e, w), (y + y) * (one(w) - y)


@njit(**INLINE)
def tempered_gumbel(w, before, r, th, a, b, c):
    z = w + w + np.log(r / (one(w) - r))
    y = sigmoid(z * a)
    return spike(z > nil(w), w), (a + a) * y * (one(w) - y)


@njit(**INLINE)
def escape(w, before, r, th, a, b, c):
    rate = a * exp((w - b) * c)
    rho = min(rate, one(w))  # finite before it is squared
    return spike(r < rate, w), rho * rho * c if rate < one(w) else nil(w)


@njit(**INLINE)
def rest(w, before, r, th, a, b, c):
    """No firing: the potential in the place of the spike."""
    return w, w


def threshold(f):
    @njit(**INLINE)
    def fire(w, before, r, th, a, b, c):
        z = f(w) - th
        return spike(z > nil(w), w), z

    return fire


def delta(f):
    @njit(**INLINE)
    def fire(w, before, r, th, a, b, c):
        now = f(w)
        return spike(now - before - th > nil(w), w), now

    return fire


def kinds_of(number: types.Type, kept: types.Type) -> Kinds:
    """Types of a stretch's arguments, from those of what is computed with and of a memo's numbers."""
    whole, truth = types.int64, types.boolean
    (row, short), (sequence, memo) = ([types.Array(kind, n, "C") for kind in (number, kept)] for n in (1, 2))
    draws, blocks = types.Array(types.float32, 1, "C"), types.UniTuple(types.Array(types.uint64, 1, "C"), 2)
    return (
        *(whole, whole, whole, whole, whole, sequence, row, row, row, row, row, row, row, truth),
        *(number, number, number, number),
        *(number, truth, whole, whole, whole, blocks, whole, draws, row, short, sequence, memo, sequence, sequence),
        truth,
    )


def stored(*step):
    """In the place of these, a stretch has those of its firing function."""


streamed, alone, keeps = stored, stored, True


def stretch(
    begin, end, first, origin, side, x, i, u, f, al, be, we, th, synapse, hard, soft, a, b, c, draws, seed, step, row,
    blocks, width, r, s, m, spikes, memo, potentials, synapses, past,
):  # fmt: skip
    """Steps begin to end of the lanes first, first + 1, … of x (T, lanes) and of the spikes; in memo, potentials and
    synapses these are the lanes side, side + 1, …, and step `origin` is the first.

    i, u: state, changed in place, as is f, what the step before kept. al, be, we, th: decays, gain and threshold of a
    piece of the lanes, which those after it repeat. hard, soft: 1 where that reset is taken, else 0. r: room for a
    piece's draws, `blocks`: what these are made from, see `_numba_draws`. s, m: rows of scratch for spikes and memo on
    their way past the caches.
    Row `row` is where the draws begin, `width` the features of a row. An empty `spikes`, `memo`, `potentials`,
    `synapses` is not wanted; the others have all these lanes.
    """
    x, spikes, memo, s, m = borrowed(x), borrowed(spikes), borrowed(memo), borrowed(s), borrowed(m)
    potentials, synapses = borrowed(potentials), borrowed(synapses)
    lanes = len(i)
    last, far = first + lanes, side + lanes
    past_caches = past and streamable(spikes, first, lanes)
    direct = past_caches and (not keeps or streamable(memo, side, lanes))
    only = past_caches and len(memo) == 0
    for t in range(begin, end):
        k = t - origin
        coming, now, counter = x[min(t + AHEAD, len(x) - 1), first:last], x[t, first:last], step + t
        if direct:
            streamed(
                coming, now, i, u, f, al, be, we, th, synapse, hard, soft, a, b, c, draws, seed, counter, row, blocks,
                width, r, spikes[t, first:last], memo[k, side:far] if keeps else m,
            )  # fmt: skip
        elif only:
            alone(
                coming, now, i, u, f, al, be, we, th, synapse, hard, soft, a, b, c, draws, seed, counter, row, blocks,
                width, r, spikes[t, first:last], m,
            )  # fmt: skip
        else:
            into_s = s if past or len(spikes) == 0 else spikes[t, first:last]
            into_m = m if past or len(memo) == 0 else memo[k, side:far]
            stored(
                coming, now, i, u, f, al, be, we, th, synapse, hard, soft, a, b, c, draws, seed, counter, row, blocks,
                width, r, into_s, into_m,
            )  # fmt: skip
            if past and len(spikes):
                write(s, spikes[t, first:last], past)
            if past and len(memo):
                write(m, memo[k, side:far], past)
        if len(potentials):
            write(u, potentials[k, side:far], past)
        if len(synapses):
            write(i, synapses[k, side:far], past)
    return 0


def integrate(name, fire, random=False, resets=False, keeps=True, carries=False):
    """A stretch of a firing function that draws where it is `random`, and `carries` what a step kept to the next.
    keeps: whether there is a memo at all."""

    def over_lanes(put, keeps):
        @njit(**INLINE)
        def step(
            coming, x, i, u, f, al, be, we, th, synapse, hard, soft, a, b, c, draws, seed, step, row, blocks, width, r,
            s, m,
        ):  # fmt: skip
            apart()
            whole_lines()
            for piece in range(pieces(i, be)):
                lo = piece * len(be)
                lanes = min(len(be), len(i) - lo)
                fetch(coming[lo : lo + lanes])
                if random and draws:
                    draw(r, lanes, width, blocks, row + lo // width, seed, step)
                for n in range(lanes):
                    side_by_side(4)
                    k = place(lo, n)
                    i[k] = x[k] + (al[n] * i[k] if synapse else nil(x[k]))
                    w = be[n] * u[k] + we[n] * i[k]
                    spike, kept = fire(w, f[k], r[n], th[n], a, b, c)
                    if carries:
                        f[k] = kept
                    u[k] = w - spike * (hard * w + soft * th[n]) if resets else w
                    put(s, k, spike)
                    if keeps:
                        put(m, k, narrowed(m, kept))

        return step

    stored, streamed, alone = over_lanes(store, keeps), over_lanes(stream, keeps), over_lanes(stream, False)
    return variant(stretch, f"forward_{name}", keeps=keeps, stored=stored, streamed=streamed, alone=alone)


FUNCTIONS = {IDENTITY: identity, SIGMOID: sigmoid, TANH: tanh, RELU_TANH: relu_tanh}
STOCHASTIC = bernoulli_sigmoid, bernoulli_relu_tanh, gumbel, tempered_gumbel, escape
STRETCHES = {
    stretch.__name__: stretch
    for stretch in [
        integrate("leak", rest, keeps=False),
        *(integrate(fire.__name__, fire, random=True) for fire in STOCHASTIC),
        *(integrate(f"threshold_{f.__name__}", threshold(f), resets=True) for f in FUNCTIONS.values()),
        *(integrate(f"delta_{f.__name__}", delta(f), carries=True) for f in FUNCTIONS.values()),
    ]
}


def integration_of(kind: int, activation: int, a: float) -> Dispatcher:
    """The stretch of a firing function's code."""
    if kind == GUMBEL:
        name = "gumbel" if a == 1 else "tempered_gumbel"
    elif kind in (0, ESCAPE):
        name = "escape" if kind else "leak"
    else:
        several = {BERNOULLI: "bernoulli", THRESHOLD: "threshold", DELTA: "delta"}
        name = f"{several[kind]}_{FUNCTIONS[activation].__name__}"
    return STRETCHES[f"forward_{name}"]
