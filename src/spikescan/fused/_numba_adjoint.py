"""A stretch of time of one run of lanes, backward: as `_numba_forward`, time reversed."""

from numba import njit, types
from numba.core.dispatcher import Dispatcher

from ..firing._codes import (
    ARCTAN,
    BOXCAR,
    FAST_SIGMOID,
    LOGISTIC,
    RELU_TANH,
    SIGMOID,
    TANH,
    THRESHOLD,
    TRIANGULAR,
)
from ..scan._caches import (
    WIDE,
    apart,
    borrowed,
    fetch,
    pieces,
    place,
    side_by_side,
    stream,
    streamable,
    whole_lines,
    write,
)
from ..scan._lanes import AHEAD
from ..scan._parallel import Kinds
from ._numba_forward import relu_tanh
from ._numba_math import INLINE, INNER, get, lowest, narrowed, nil, one, repeat, sigmoid, tanh
from ._numba_variants import variant


@njit(**INNER)
def activate(activation, x, out):
    """out = f(x), as a memo keeps it."""
    for n in range(len(x)):
        f = x[n]
        if activation == SIGMOID:
            f = sigmoid(f)
        elif activation == TANH:
            f = tanh(f)
        elif activation == RELU_TANH:
            f = relu_tanh(f)
        out[n] = narrowed(out, f)


@njit(**INNER)
def slope_of(activation, zero):
    """f'(u) as a polynomial of f = f(u), 0 up to the last of these: one mechanism for all f, where a branch in the loop
    over lanes would be compiled as a loop of its own for each. All are of one type: compared with a float64, each f
    would be widened."""
    if activation == SIGMOID:
        return zero, one(zero), -one(zero), lowest(zero)
    if activation == TANH:
        return one(zero), zero, -one(zero), lowest(zero)
    if activation == RELU_TANH:
        return one(zero), zero, -one(zero), zero
    return one(zero), zero, zero, lowest(zero)


@njit(**INLINE)
def activation_slope(slopes, f):
    g = min(max(f, -one(f)), one(f))  # no other f has a slope of more than one term, and infinity · 0 is NaN
    value = slopes[0] + (slopes[1] + slopes[2] * g) * g
    return nil(f) if f <= slopes[3] else value


# Surrogates of Θ′ at the distance z from the threshold.


@njit(**INLINE)
def fast_sigmoid(z, scale):
    d = scale * abs(z) + one(z)
    return one(z) / (d * d)


@njit(**INLINE)
def triangular(z, scale):
    return max(one(z) - scale * abs(z), nil(z))


@njit(**INLINE)
def logistic(z, scale):
    y = sigmoid(scale * z)
    return scale * y * (one(y) - y)


@njit(**INLINE)
def arctan(z, scale):
    return one(z) / (one(z) + (scale * z) * (scale * z))


@njit(**INLINE)
def boxcar(z, scale):
    return one(z) if abs(z) < scale else nil(z)


# What a step answers: the gradient of the charge, what it takes off the threshold's, and what it passes on to f(u) of
# the step before. g: the spike's gradient. m, before: memo of this step and of the one before. gu: the potential's
# gradient. later: what step t + 1 passes on. through: 1 where the reset carries a gradient.


@njit(**INLINE)
def passing(slopes, g, m, before, gu, th, later, hard, soft, through, a):
    """No firing."""
    return gu, nil(g), later


@njit(**INLINE)
def smooth(slopes, g, m, before, gu, th, later, hard, soft, through, a):
    """Stochastic firing has a local derivative m."""
    return gu + g * m, nil(g), later


def threshold(slope):
    @njit(**INLINE)
    def answer(slopes, g, z, before, gu, th, later, hard, soft, through, a):
        f, fired = z + th, z > nil(z)
        p = (g - through * gu * (hard * f + soft * th)) * slope(z, a)
        kept = (one(z) - hard) * gu if fired else gu
        return kept + p * activation_slope(slopes, f), p + (soft * gu if fired else nil(z)), later

    return answer


def delta(slope):
    @njit(**INLINE)
    def answer(slopes, g, f, before, gu, th, later, hard, soft, through, a):
        p = g * slope(f - before - th, a)
        return gu + (p - later) * activation_slope(slopes, f), p, p

    return answer


@njit(**INNER)
def add_totals(w, x, u_before, i_before, i_now, g_al, g_be, g_we):
    """What a step adds to the gradients of the decays and the gain."""
    whole_lines()
    for n in range(len(w)):
        g_be[n] += w[n] * u_before[n]
        g_we[n] += w[n] * i_now[n]
        g_al[n] += x[n] * i_before[n]


def kinds_of(number: types.Type, kept: types.Type) -> Kinds:
    """Types of a stretch's arguments, from those of what is computed with and of a memo's numbers."""
    whole, truth = types.int64, types.boolean
    (row, short), (sequence, memo) = ([types.Array(kind, n, "C") for kind in (number, kept)] for n in (1, 2))
    return (
        *(whole, whole, whole, whole, whole, sequence, sequence, memo, short, row, row, row, row, row, row, row, row),
        *(row, truth, row, row, number, number, number, number, types.UniTuple(number, 4), sequence, truth, truth),
        *(row, row, sequence, sequence, row, row, row, truth),
    )


def stored(*step):
    """In the place of these, a stretch has those of its surrogate."""


streamed, fires = stored, True


def stretch(
    begin, end, first, origin, side, grad_spikes, grad_potentials, memo, initial, zeros, w, x, al_now, be_now, al, be,
    we, th, learns, g_th, later, hard, soft, through, a, slopes, grad_current, keep, totals, potential, synapse,
    potentials, synapses, g_al, g_be, g_we, past,
):  # fmt: skip
    """Steps end - 1 down to begin of the lanes first, first + 1, …; in memo, potentials and synapses these are the
    lanes side, side + 1, …, and step `origin` is the first.

    w, x: gradients of the charge and of the current, changed in place: of step t + 1 when a step begins and of step t
    when it ends. What of them reaches step t is be·w and al·x; but in the last step of a sample nothing has decayed
    yet, so the first of these steps takes al_now and be_now, of each lane, which then become al and be. al, be, we, th:
    of a piece of the lanes, which those after it repeat, as do `zeros`; these stand for an empty `grad_spikes` or
    `grad_potentials`. initial, potential, synapse: memo and state of the step before `origin`. keep: False in steps
    that only warm up. g_th: the threshold's gradient, summed at least where it `learns`. totals: whether the gradients
    g_al, g_be, g_we are wanted.
    """
    grad_spikes, grad_potentials, memo = borrowed(grad_spikes), borrowed(grad_potentials), borrowed(memo)
    initial, zeros, grad_current = borrowed(initial), borrowed(zeros), borrowed(grad_current)
    potentials, synapses = borrowed(potentials), borrowed(synapses)
    potential, synapse = borrowed(potential), borrowed(synapse)
    al, be, al_now, be_now = borrowed(al), borrowed(be), borrowed(al_now), borrowed(be_now)
    last, far = first + len(w), side + len(w)
    fired, seen = 1 if fires else 0, 1 if len(grad_potentials) else 0
    past = past and len(w) >= WIDE  # a short step would wait for its stores to arrive
    direct = past and keep and not learns and streamable(grad_current, first, len(w))
    for t in range(end - 1, begin - 1, -1):
        soon = max(t - AHEAD, 0)
        g_soon = p_soon = g = p = zeros
        m_soon = m = before = initial
        if fires:
            g_soon, m_soon = grad_spikes[soon, first:last], memo[max(soon - origin, 0), side:far]
            g, m = grad_spikes[t, first:last], memo[t - origin, side:far]
            if t > origin:
                before = memo[t - origin - 1, side:far]
        if seen:
            p_soon, p = grad_potentials[soon, first:last], grad_potentials[t, first:last]
        whole, leak, rate = (1, al_now, be_now) if t == end - 1 else (0, al, be)
        out = grad_current[t, first:last]
        if direct:
            streamed(
                g_soon, p_soon, m_soon, slopes, g, fired, p, seen, m, before, w, x, leak, rate, whole, we, th, g_th,
                later, hard, soft, through, a, out,
            )  # fmt: skip
        else:
            stored(
                g_soon, p_soon, m_soon, slopes, g, fired, p, seen, m, before, w, x, leak, rate, whole, we, th, g_th,
                later, hard, soft, through, a, out,
            )  # fmt: skip
            if keep:
                write(x, out, past)
        if keep and totals:
            u_before, i_before, k = potential, synapse, t - origin
            if k > 0:
                u_before, i_before = potentials[k - 1, side:far], synapses[k - 1, side:far]
            add_totals(w, x, u_before, i_before, synapses[k, side:far], g_al, g_be, g_we)
    repeat(al, al_now)
    repeat(be, be_now)
    return 0


def adjoint(name, answer, fires=True, carries=False):
    """A stretch of a surrogate. carries: whether a step passes anything on to the f(u) before it."""

    def over_lanes(streams):
        @njit(**INLINE)
        def step(
            g_soon, p_soon, m_soon, slopes, g, fired, p, seen, m, before, w, x, al, be, whole, we, th, g_th, later,
            hard, soft, through, a, out,
        ):  # fmt: skip
            """g_soon, p_soon, m_soon: rows to fetch. fired, seen, whole: 1 where g, where p, where al and be are of all
            lanes; 0: of a piece."""
            apart()
            whole_lines()
            for piece in range(pieces(w, we)):
                lo = piece * len(we)
                lanes = min(len(we), len(w) - lo)
                if fires:
                    fetch(g_soon[lo : lo + lanes])
                    fetch(m_soon[lo : lo + lanes])
                if seen:
                    fetch(p_soon[lo : lo + lanes])
                for n in range(lanes):
                    side_by_side(2)
                    k, j = place(lo, n), place(whole * lo, n)
                    gu = be[j] * w[k] + p[place(seen * lo, n)]
                    charge, fallen, passed = answer(
                        slopes, g[place(fired * lo, n)], get(m, k), get(before, k), gu, th[n], later[k], hard, soft,
                        through, a,
                    )  # fmt: skip
                    current = al[j] * x[k] + we[n] * charge
                    w[k], x[k] = charge, current
                    if streams:
                        stream(out, k, current)
                    else:
                        g_th[k] -= fallen
                    if carries:
                        later[k] = passed

        return step

    return variant(stretch, f"backward_{name}", fires=fires, stored=over_lanes(False), streamed=over_lanes(True))


SURROGATES = {
    FAST_SIGMOID: fast_sigmoid,
    TRIANGULAR: triangular,
    LOGISTIC: logistic,
    ARCTAN: arctan,
    BOXCAR: boxcar,
}
STRETCHES = {
    stretch.__name__: stretch
    for stretch in [
        adjoint("leak", passing, fires=False),
        adjoint("smooth", smooth),
        *(adjoint(f"threshold_{slope.__name__}", threshold(slope)) for slope in SURROGATES.values()),
        *(adjoint(f"delta_{slope.__name__}", delta(slope), carries=True) for slope in SURROGATES.values()),
    ]
}


def adjoint_of(kind: int, surrogate: int) -> Dispatcher:
    """The stretch of a firing function's and a surrogate's code."""
    if kind < THRESHOLD:
        name = "smooth" if kind else "leak"
    else:
        name = f"{'threshold' if kind == THRESHOLD else 'delta'}_{SURROGATES[surrogate].__name__}"
    return STRETCHES[f"backward_{name}"]
