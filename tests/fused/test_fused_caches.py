"""Results of large arrays are written past the caches: to the bit what is written into them."""

import itertools
import re

import numpy as np
import pytest
import torch
from numba import float32, njit

import spikescan as ss
from spikescan.firing import Gumbel
from spikescan.fused import _estimate_numba, _numba_forward, _numba_math
from spikescan.fused._numba_math import OPTIONS, sigmoid
from spikescan.scan import _caches, _lanes, linear_scan
from spikescan.scan._caches import borrowed, side_by_side, whole_lines

SHAPES = [(1, 1, 1), (65, 3, 37), (9, 16, 128), (300, 2, 1025), (7, 96, 100), (5, 256, 8)]
NEURONS = {
    "li": lambda n: ss.LeakyIntegrator(),
    "bernoulli": lambda n: ss.SPSN(),
    "bernoulli, half": lambda n: ss.SPSN(memory="half"),
    "delta": lambda n: ss.SPSN(firing="delta", threshold=0.1),
    "gumbel": lambda n: ss.SPSN(firing="gumbel"),
    "tempered gumbel": lambda n: ss.SPSN(firing=Gumbel(0.7)),
    "escape": lambda n: ss.SPSN(firing="escape"),
    "lif": lambda n: ss.LIF(),
    "lif, half": lambda n: ss.LIF(memory="half"),
    "learned": lambda n: ss.LIF(learn_tau=True, learn_threshold=True, features=n),
}


def everything(neuron, shape, lengths, dtype, shift=0):
    """shift: elements from the beginning of a line that the current begins at."""

    def random(seed):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)

    x = random(1)
    x = x.new_empty(x.numel() + shift)[shift:].view(shape).copy_(x).requires_grad_()
    out = neuron.run(x, seed=7, lengths=lengths, potentials=True)
    with torch.no_grad():  # another loop
        alone = neuron.run(x, seed=7, lengths=lengths)
    assert out.spikes is None or torch.equal(alone.spikes, out.spikes)
    y = out.potential if out.spikes is None else out.spikes + out.potential
    grads = torch.autograd.grad((y * random(2)).sum(), [x, *neuron.parameters()])
    return [y.detach(), out.state.potential.detach(), *grads]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NEURONS)
def test_past_the_caches_equals_into_them(name, shape, padded, dtype, monkeypatch):
    lengths = torch.arange(shape[1]) * 7 % (shape[0] + 1) if padded else None
    torch.manual_seed(0)
    neuron = NEURONS[name](shape[2]).to(dtype)
    into = everything(neuron, shape, lengths, dtype)
    monkeypatch.setattr(_lanes, "LARGE", 0)
    for found, expected in zip(everything(neuron, shape, lengths, dtype), into, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(9, 16, 128), (65, 3, 37), (40, 2, 1025)])
@pytest.mark.parametrize("name", NEURONS)
def test_neither_threads_nor_the_place_of_the_current_change_a_bit(name, shape, monkeypatch):
    monkeypatch.setattr(_lanes, "LARGE", 0)
    torch.manual_seed(0)
    neuron, before = NEURONS[name](shape[2]), torch.get_num_threads()
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(everything(neuron, shape, None, torch.float32, shift=threads - 1))
    torch.set_num_threads(before)
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))


@pytest.mark.parametrize("reverse", [False, True])
def test_the_scan_too(reverse, monkeypatch):
    x, decay = torch.randn(70, 3, 37), torch.rand(37)
    into = linear_scan(x, decay, reverse=reverse, backend="numba")
    monkeypatch.setattr(_lanes, "LARGE", 0)
    assert torch.equal(linear_scan(x, decay, reverse=reverse, backend="numba"), into)


@njit
def write_row(source, target, past):
    _caches.fetch(source)
    _caches.write(source, target, past)
    _caches.settle()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("past", [False, True])
def test_a_row_is_written_whole_and_nothing_beside_it(dtype, past):
    around = np.zeros(400, dtype)
    for begin in range(40):  # every place within a line
        for length in (0, 1, 15, 16, 17, 64, 131):
            around[:] = 9
            write_row(np.arange(length).astype(dtype), around[begin : begin + length], past)
            assert (around[begin : begin + length] == np.arange(length)).all()
            assert (around[:begin] == 9).all()
            assert (around[begin + length :] == 9).all()


@njit
def stream_row(source, target):
    if not _caches.streamable(target, 0, _caches.WIDE):
        return False
    _caches.apart()
    for n in range(len(source)):
        _caches.side_by_side(2)
        _caches.stream(target[0], n, source[n])
    _caches.settle()
    return True


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_a_loop_streams_where_every_row_begins_a_line(dtype):
    size = np.dtype(dtype).itemsize
    for lanes in (16, 64, 100, 128, 4096):
        memory = np.full((3 * lanes + 64) * size, 9, np.uint8)
        for shift in (0, size):
            begin = -memory.ctypes.data % 64 + shift
            target = memory[begin : begin + 2 * lanes * size].view(dtype).reshape(2, lanes)
            source = np.arange(lanes).astype(dtype)
            fits = shift == 0 and lanes * size % 64 == 0
            assert stream_row(source, target) == fits
            if fits:
                assert (target[0] == source).all()
                assert (memory[begin + lanes * size :] == 9).all()
            memory[:] = 9


def quotients(code):
    """How many instructions divide vectors, of the widest kind that does."""
    found = [int(width) for width in re.findall(r"= fdiv [^<]*<(\d+) x float>", code)]
    return found.count(max(found))


def test_a_loop_computes_vectors_side_by_side():
    def loop_of(count):
        @njit(**OPTIONS)
        def loop(x, out):
            for n in range(len(x)):
                side_by_side(count)
                out[n] = sigmoid(x[n])

        x, out = np.linspace(-9, 9, 1000, dtype=np.float32), np.empty(1000, np.float32)
        loop(x, out)
        np.testing.assert_allclose(out, 1 / (1 + np.exp(-x)), rtol=1e-6)
        (code,) = loop.inspect_llvm().values()
        return code

    assert quotients(loop_of(4)) >= quotients(loop_of(1)) + 3  # one more where what is left over is as wide


@pytest.mark.skipif("AVX" not in torch.backends.cpu.get_cpu_capability(), reason="elsewhere other loops are vectors")
def test_and_so_do_all_three_loops_of_a_step():
    """Into the caches, past them, and past them without a memo: one quotient each, four vectors side by side."""
    text = _numba_forward.STRETCHES["forward_threshold_sigmoid"].py_func
    stretch = njit(**_numba_math.INNER)(text)
    stretch.compile(_numba_forward.kinds_of(float32, float32))
    (code,) = stretch.inspect_llvm().values()
    assert quotients(code) >= 3 * 4


def test_and_so_does_the_estimate_of_mpe_psn():
    @njit(**OPTIONS)
    def estimate(x, r, draws, out, slope):
        _estimate_numba.estimates(x, r, draws, out, slope)

    rows = [np.zeros(200, np.float32) for _ in range(4)]
    estimate(rows[0], rows[1], True, *rows[2:])
    (code,) = estimate.inspect_llvm().values()
    assert quotients(code) >= 4


def test_vectors_are_of_a_whole_line():
    def width(asks):
        @njit(**OPTIONS)
        def loop(x, out):
            if asks:
                whole_lines()
            for n in range(len(x)):
                out[n] = sigmoid(x[n])

        loop(np.zeros(64, np.float32), np.empty(64, np.float32))
        (code,) = loop.inspect_llvm().values()
        return max(map(int, re.findall(r"= fdiv [^<]*<(\d+) x float>", code)))

    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    assert width(True) == 16 if wide else width(True) == width(False)


def test_rows_of_a_borrowed_array_are_not_counted():
    def counts(lends):
        @njit(**OPTIONS)
        def total(x, zeros, some):
            if lends:
                x, zeros = borrowed(x), borrowed(zeros)
            sum_ = 0.0
            for t in range(len(x)):
                row = zeros
                if some > t:
                    row = x[t]
                sum_ += np.sin(row[t])
            return sum_

        x = np.arange(12.0).reshape(4, 3)
        np.testing.assert_allclose(total(x[:3], np.zeros(3), 2), np.sin(0) + np.sin(4))
        (code,) = total.inspect_llvm().values()
        body = code[code.index("define") :]
        return body[: body.index("\n}")].count("@NRT_incref")

    assert counts(True) < counts(False)


def test_large_arrays_take_that_way(monkeypatch):
    def past(steps):
        (plan,) = _lanes.plans(torch.Size((steps, 64, 128)), torch.float32, (torch.tensor([0.95]),), cut=True)
        return plan.past

    assert [past(31), past(32)] == [False, True]
    monkeypatch.setattr(_lanes, "LARGE", 0)
    assert past(31)  # the tests above: a plan that was made before does not hold them back


def test_rows_of_scratch_begin_lines_at_different_places_of_their_pages():
    for lanes in (1, 16, 1000, 4096):
        memory = _lanes.pages(4, lanes, np.empty(0, np.float32))
        rows = [_lanes.row_of(memory, k, lanes) for k in range(4)]
        places = [row.ctypes.data % 4096 for row in rows]
        assert len(set(places)) == 4
        assert 0 not in places
        assert all(place % 64 == 0 for place in places)
        ends = sorted((row.ctypes.data, row.ctypes.data + row.nbytes) for row in rows)
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(ends))
        assert ends[0][0] >= memory.ctypes.data
        assert ends[-1][1] <= memory.ctypes.data + memory.nbytes


def test_pieces_begin_features_and_lines_anew():
    for features in (1, 3, 8, 10, 77, 100, 128, 200, 1000):
        for lanes in (features, 64 * features):
            size = _lanes.piece(features, lanes)
            assert size == lanes or (size % features == 0 and size % 16 == 0 and 128 <= size <= lanes)
