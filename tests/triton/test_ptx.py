"""Every kind of kernel compiles to machine code for a Hopper GPU, as its launcher launches it; no GPU is needed."""

import shutil
from itertools import product
from pathlib import Path

import pytest
import torch

triton = pytest.importorskip("triton", reason="Triton is not installed")
if not (shutil.which("ptxas") or Path(triton.__file__).with_name("backends").joinpath("nvidia/bin/ptxas").exists()):
    pytest.skip("ptxas, NVIDIA's assembler, is not installed", allow_module_level=True)

from compiling import compiled_by  # noqa: E402
from event_cases import events_of, parameters  # noqa: E402

from spikescan.delays import _triton as delays  # noqa: E402
from spikescan.firing import _codes as codes  # noqa: E402
from spikescan.fused import _estimate_triton, _triton, _triton_math  # noqa: E402
from spikescan.random import ROUNDS  # noqa: E402
from spikescan.scan import _triton as scan  # noqa: E402
from spikescan.sparse import _triton as sparse  # noqa: E402

NONE = 0
BERNOULLI, GUMBEL, ESCAPE, THRESHOLD, DELTA = codes.BERNOULLI, codes.GUMBEL, codes.ESCAPE, codes.THRESHOLD, codes.DELTA
IDENTITY, SIGMOID, TANH, RELU_TANH = codes.IDENTITY, codes.SIGMOID, codes.TANH, codes.RELU_TANH
HARD, SOFT = codes.HARD, codes.SOFT
LONG = 1000, 4, 128  # few lanes: chunks of time
SHORT = 20, 64, 2048  # lanes enough: one chunk
ODD = 9, 3, 7  # nothing divides by 4 or 16


@pytest.fixture(scope="module")
def compiled_here(tmp_path_factory):
    return tmp_path_factory.mktemp("triton")


@pytest.fixture(autouse=True)
def hopper(monkeypatch, compiled_here):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(compiled_here))
    for module in (scan, _triton, _estimate_triton):
        monkeypatch.setattr(module, "multiprocessors", lambda device: 132)


def names(kernels) -> list[str]:
    assert all(kernel.asm["cubin"] for kernel in kernels)
    return [kernel.name for kernel in kernels]


def neuron(
    shape,
    code,
    *,
    constants=(1.0, 1.0, 1.0),
    dtype=torch.float32,
    current=None,
    spikes=None,
    memo=None,
    synapse=True,
    coupled=False,
    whole=True,
):
    """Forward and backward of the fused operation; not `whole`: with lengths, learned decays and wanted potentials.
    code: all but the last one, leaky."""
    steps, rows, features = shape
    current = current or dtype
    spikes = spikes or current
    fires, code = code[0] != NONE, [*code, 1]

    def sequence(wanted, kind=dtype):
        return torch.empty((steps if wanted else 0, rows, features), dtype=kind)

    def row():
        return torch.empty((rows, features), dtype=dtype)

    rate, threshold = torch.empty(features, dtype=torch.float64), torch.empty(features, dtype=dtype)
    nought = torch.tensor(0)
    lengths = torch.empty(0 if whole else rows, dtype=torch.int64)
    operands = (
        sequence(True, current),
        rate if synapse else rate[:0],
        *(rate, rate[:0], row(), row()),
        *(threshold if code[0] in (THRESHOLD, DELTA) else threshold[:0], nought, nought, lengths),
    )
    wants = not whole or not fires
    saved = sequence(not whole), sequence(not whole), sequence(fires, memo or dtype)
    outputs = sequence(fires, spikes), sequence(wants, current), saved[1], saved[2], row(), row()
    grads = [sequence(fires, spikes), sequence(wants, current), row(), row()]
    rows = 7 if coupled else 3
    gradients = [sequence(True, current), torch.empty((rows, *shape[1:]), dtype=dtype), *(row() for _ in range(3))]
    if coupled:
        operands = operands[0], rate[:0], rate[:0], torch.empty((rows, 1), dtype=torch.float64), *operands[4:]

    def launch():
        _triton.launch_forward(operands, code, list(constants), outputs)
        _triton.launch_backward(grads, operands, code, list(constants), saved, gradients)

    return launch


WHOLE = ["forward_kernel", "backward_kernel"]
CHUNKED = ["forward_kernel", "join_kernel", "forward_kernel", "backward_kernel", "join_kernel", "backward_kernel"]


@pytest.mark.parametrize(("shape", "whole"), [(LONG, False), (SHORT, True), (ODD, False)], ids=str)
def test_leaky_integrator(shape, whole, monkeypatch):
    kernels = compiled_by(monkeypatch, neuron(shape, [NONE, 0, 0, 0, 1, 0], whole=whole))
    assert names(kernels) == (CHUNKED if shape == LONG else WHOLE)


@pytest.mark.parametrize(
    ("kind", "activation", "shape", "draws"),
    [
        *((BERNOULLI, activation, SHORT, 1) for activation in (SIGMOID, RELU_TANH)),
        (GUMBEL, 0, ODD, 1),
        (ESCAPE, 0, SHORT, 1),
        (BERNOULLI, SIGMOID, SHORT, 0),
    ],
    ids=str,
)
def test_stochastic(kind, activation, shape, draws, monkeypatch):
    launch = neuron(shape, [kind, activation, 0, 0, 1, draws], constants=(0.7, 1.0, 1.0))
    assert names(compiled_by(monkeypatch, launch)) == WHOLE


def test_gumbel_at_temperature_1_in_chunks(monkeypatch):
    assert names(compiled_by(monkeypatch, neuron(LONG, [GUMBEL, 0, 0, 0, 1, 1]))) == CHUNKED


COMPARING = [
    (THRESHOLD, IDENTITY, 0, SHORT),
    (THRESHOLD, SIGMOID, 1, LONG),
    (THRESHOLD, TANH, 2, SHORT),
    (DELTA, RELU_TANH, 3, LONG),
    (DELTA, IDENTITY, 4, SHORT),
]
"""Each surrogate and each activation; either kind in one chunk and in several, where all else is wanted too."""


@pytest.mark.parametrize(("kind", "activation", "surrogate", "shape"), COMPARING)
def test_comparing(kind, activation, surrogate, shape, monkeypatch):
    launch = neuron(shape, [kind, activation, surrogate, 0, 1, 0], whole=shape is SHORT)
    assert names(compiled_by(monkeypatch, launch)) == (CHUNKED if shape is LONG else WHOLE)


@pytest.mark.parametrize(("reset", "detached"), [*product((HARD, SOFT), (0, 1))])
def test_reset(reset, detached, monkeypatch):
    code = [THRESHOLD, IDENTITY, 0, reset, detached, 0]
    launch = neuron(SHORT if detached else ODD, code, synapse=reset == HARD, whole=detached == 1)
    assert names(compiled_by(monkeypatch, launch)) == WHOLE


HALVES = torch.float16, torch.bfloat16


@pytest.mark.parametrize(
    ("shape", "code", "memo", "current"),
    [
        (SHORT, [BERNOULLI, SIGMOID, 0, 0, 1, 1], torch.float16, torch.bfloat16),
        (LONG, [GUMBEL, 0, 0, 0, 1, 1], None, torch.bfloat16),
        (ODD, [THRESHOLD, IDENTITY, 0, HARD, 0, 0], None, torch.float16),
        (LONG, [NONE, 0, 0, 0, 1, 0], None, torch.float16),
    ],
    ids=str,
)
def test_half_precision(shape, code, memo, current, monkeypatch):
    launch = neuron(shape, code, current=current, memo=memo, whole=shape is not ODD)
    assert names(compiled_by(monkeypatch, launch)) == (CHUNKED if shape is LONG else WHOLE)


DRAWING, RESETTING = [BERNOULLI, SIGMOID, 0, 0, 1, 1], [THRESHOLD, IDENTITY, 0, HARD, 1, 0]


@pytest.mark.parametrize(
    ("spikes", "code"), [(torch.uint8, DRAWING), (torch.bool, RESETTING), (torch.float32, RESETTING)], ids=str
)
def test_spike_dtypes(spikes, code, monkeypatch):
    launch = neuron(SHORT, code, current=torch.bfloat16, spikes=spikes)
    assert names(compiled_by(monkeypatch, launch)) == WHOLE


@pytest.mark.parametrize("code", [[GUMBEL, 0, 0, 0, 1, 1], [DELTA, TANH, 0, 0, 1, 0], [THRESHOLD, 0, 0, HARD, 0, 0]])
def test_float64(code, monkeypatch):
    assert names(compiled_by(monkeypatch, neuron(ODD, code, dtype=torch.float64, whole=False)))


@pytest.mark.parametrize(
    ("dtype", "reverse"), [*zip((torch.float32, torch.float64, *HALVES), (False, True, True, False))], ids=str
)
def test_linear_scan(dtype, reverse, monkeypatch):
    x = torch.empty(LONG if reverse else (130, 3, 7), dtype=dtype)
    row = torch.empty(x.shape[1:], dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    kernels = compiled_by(monkeypatch, lambda: scan.linear_scan(x, row[0], row, reverse))
    assert names(kernels) == ["scan_kernel", "join_kernel", "scan_kernel"]


ESTIMATES = [(previous, draws, previous == draws, None) for previous, draws in product((True, False), repeat=2)]
ESTIMATES += [(True, True, False, torch.float16), (False, False, True, torch.bfloat16)]
"""Every pair of options."""


@pytest.mark.parametrize(("previous", "draws", "whole", "current"), ESTIMATES)
def test_estimate(previous, draws, whole, current, monkeypatch):
    shape, dtype = (SHORT, torch.float32) if whole or current else (ODD, torch.float64)
    x, number = torch.empty(shape, dtype=current or dtype), torch.tensor(0)
    row, kept = torch.empty(shape[1:], dtype=dtype), None if whole else x
    lengths = None if whole else torch.empty(shape[1], dtype=torch.int64)
    operands = x, row, row[0, 0], number if draws else None, number, lengths

    def launch():
        _estimate_triton.estimate_and_fire(operands, 0.25, previous, (x, kept, row))
        grads = [x, kept, row, torch.empty(shape[0], dtype=dtype)]
        _estimate_triton.estimate_and_fire_backward(grads, operands, 0.25, previous, (x, row))

    assert names(compiled_by(monkeypatch, launch)) == WHOLE


@pytest.mark.parametrize("shape", [SHORT, ODD], ids=str)
def test_uniform(shape, monkeypatch):
    number = torch.tensor(0)
    kernels = compiled_by(monkeypatch, lambda: _triton_math.uniform(number, number, *shape))
    assert names(kernels) == ["uniform_kernel"]
    no_shuffles = shape is ODD or "convert_layout" not in kernels[0].asm["ttgir"]
    assert no_shuffles, "four draws of one thread are four neighbouring features: nothing need be exchanged"


def test_draws_wrap_on_purpose(monkeypatch):
    """Triton's debug mode stops where a product or a sum does not fit, unless it is said to be meant so."""
    number = torch.tensor(0)
    (kernel,) = compiled_by(monkeypatch, lambda: _triton_math.uniform(number, number, *SHORT), debug=True)
    watched = kernel.asm["ttir"].count("overflow detected")
    assert 0 < watched < 2 * ROUNDS, "places in memory, and not the four operations of a round"


EVENTS = [
    (128, False, torch.float32),
    (128, True, torch.bfloat16),
    (130, True, torch.float16),
    (1, False, torch.bfloat16),
    (7, True, torch.float64),
]


@pytest.mark.parametrize(("features", "valued", "dtype"), EVENTS)
def test_events(features, valued, dtype, monkeypatch):
    events = events_of((9, 3, 6), 40)
    weight, bias, grad = parameters(events, features, dtype)
    value = torch.ones(40, dtype=torch.float64 if dtype == torch.float64 else torch.float32) if valued else None
    coordinates = events.step, events.row, events.channel, value

    def launch():
        sparse.forward(weight.t().contiguous(), bias, *coordinates, 9, 3)
        sparse.backward(grad, *coordinates, 6)

    kernels = compiled_by(monkeypatch, launch)  # those of the gradient's two sums may be the same
    assert set(names(kernels)) == {"sum_rows_kernel"}
    if features == 128:
        assert "ld.global.v" in kernels[0].asm["ptx"], "a thread reads neighbouring features at once"
        assert "shfl" not in kernels[0].asm["ptx"] or dtype != torch.float32, "and sums its own over the events"


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_delays(monkeypatch, dtype, full):
    x, taps = torch.zeros(ODD, dtype=dtype), torch.zeros(5, ODD[2], dtype=dtype)
    history = torch.zeros(4, *ODD[1:], dtype=dtype) if full else None
    lengths = torch.zeros(ODD[1], dtype=torch.int64) if full else None

    def launch():
        delays.filtered(x, taps, history, lengths)
        delays.shifted(x, torch.zeros(ODD[2], dtype=torch.int64), 4, history, lengths)
        results = torch.empty_like(x), torch.empty_like(taps), None if history is None else torch.empty_like(history)
        delays.backward(x, x, taps, history, lengths, results)

    assert names(compiled_by(monkeypatch, launch)) == [
        *("filter_kernel", "shift_kernel", "filter_kernel", "products_kernel"),
    ]
