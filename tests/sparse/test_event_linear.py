"""The event-driven layer on the CPU: the dense product of the same events, in values and gradients."""

import pytest
import torch
from event_cases import CASES, dense_product, events_of, gathered, largest_allocation, parameters
from tolerances import assert_close

from spikescan.data.event_tensor import EventTensor
from spikescan.sparse import _native, event_linear

WHAT = "output", "gradient of the weight", "gradient of the bias"
each_case = pytest.mark.parametrize("case", CASES)
each_backend = pytest.mark.parametrize("backend", ["reference", "native"])


def assert_equals_dense(case: str, backend: str, dtype: torch.dtype, valued: bool = False, bias: bool = True):
    shape, features, count = CASES[case]
    events = events_of(shape, count, valued)
    weight, shift, cotangent = parameters(events, features, dtype)
    operands = weight, shift if bias else None, cotangent
    for what, found, expected in zip(
        WHAT, gathered(events, *operands, backend=backend), dense_product(events, *operands)
    ):
        assert found.dtype == dtype
        assert_close(found, expected, what, dtype=dtype)


@each_backend
@each_case
@pytest.mark.parametrize(("dtype", "valued"), [(torch.float32, False), (torch.float64, True)], ids=str)
def test_equals_the_dense_product(case, backend, dtype, valued):
    assert_equals_dense(case, backend, dtype, valued)


@each_backend
@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype, valued, backend):
    assert_equals_dense("busy channels", backend, dtype, valued)
    events = events_of((1, 1, 1), 2049)  # a sum in float16 stays at 2048, one in bfloat16 at 256
    ones = torch.ones(1, 1, dtype=dtype), None, torch.ones(1, 1, 1, dtype=dtype)
    for total in gathered(events, *ones, backend=backend):
        assert total.item() == torch.tensor(2049.0).to(dtype).item()


@each_backend
def test_no_bias(backend):
    assert_equals_dense("few", backend, torch.float32, bias=False)


@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize("features", [128, 16, 20])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_large_output_equals_small_ones(rows, features, valued, two_threads):
    """Where rows are whole lines a large output is written past the caches, and a small one is not."""
    steps = 2**20 // (4 * rows * features) + 7
    events = events_of((steps, rows, 9), 9000, valued)
    operands = parameters(events, features, torch.float32)
    whole = gathered(events, *operands, backend="native")[0]
    weight, bias, _ = operands
    parts = [
        event_linear(weight, bias, part.step, part.row, part.channel, part.value, part.shape, backend="native")
        for part in events.split(-(-steps // 2))
    ]
    assert torch.equal(whole, torch.cat(parts))
    assert_close(whole, dense_product(events, *operands)[0])


@pytest.mark.parametrize("valued", [False, True])
def test_the_order_of_rows_is_no_matter(valued):
    events = events_of((40, 6, 9), 900, valued)
    mixed = torch.randperm(900).argsort(stable=True)
    mixed = mixed[events.step[mixed].sort(stable=True).indices]  # in each bin they come in another order: exact numbers
    other = EventTensor(
        events.step[mixed],
        events.row[mixed],
        events.channel[mixed],
        events.shape,
        None if events.value is None else events.value[mixed],
    )
    weight, bias, cotangent = (operand.mul(8).round() for operand in parameters(events, 7, torch.float32))
    for found, expected in zip(gathered(other, weight, bias, cotangent), gathered(events, weight, bias, cotangent)):
        assert torch.equal(found, expected)


@each_backend
def test_columns_of_one_table(backend):
    """Rows in order, as they need not be sorted then, and columns of a table: neither they nor a value that stands for
    all are contiguous."""
    events = events_of((9, 4, 6), 80)
    table = torch.stack([events.step, events.row, events.channel], 1)
    value = torch.tensor(0.5).expand(80)
    step, row, channel = table.unbind(1)
    strided = EventTensor(step, row, channel, events.shape, value)
    plain = EventTensor(events.step, events.row, events.channel, events.shape, value.clone())
    operands = parameters(events, 7, torch.float32)
    for found, expected in zip(
        gathered(strided, *operands, backend=backend), gathered(plain, *operands, backend=backend), strict=True
    ):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("threads", [2, 3, 20])
@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("steps", [100, 7])
@pytest.mark.parametrize("order", ["of steps", "none"])
def test_few_rows_are_cut_in_time(order, steps, rows, threads, monkeypatch):
    """The output is the same to the bit, the gradient to rounding; every thread has its share."""
    events = events_of((steps, rows, 6), 500, valued=True)
    if order == "of steps":
        place = (events.row.long() * steps + events.step).argsort(stable=True)
        columns = (column[place] for column in (events.step, events.row, events.channel))
        events = EventTensor(*columns, events.shape, events.value)
    operands = parameters(events, 7, torch.float32)
    monkeypatch.setattr(_native, "threads", lambda: 1)
    whole = gathered(events, *operands, backend="native")
    gather, shares = _native._gather, []
    monkeypatch.setattr(_native, "_gather", lambda n, **x: shares.append(n["rows"] * n["spans"]) or gather(n, **x))
    monkeypatch.setattr(_native, "threads", lambda: threads)
    cut = gathered(events, *operands, backend="native")
    assert torch.equal(cut[0], whole[0])
    for what, found, expected in zip(WHAT, cut, whole, strict=True):
        assert_close(found, expected, what)
    assert shares[0] >= min(threads, steps * rows)


@each_backend
def test_only_the_reference_makes_events_times_neurons(backend):
    events, features = events_of((40, 4, 30), 3000, valued=True), 64
    operands = parameters(events, features, torch.float32)
    largest = largest_allocation(lambda: gathered(events, *operands, backend=backend))
    assert (largest >= 3000 * features * 4) == (backend == "reference")


def test_bad_arguments():
    events = events_of((7, 3, 5), 30)
    parts = events.step, events.row, events.channel, None, events.shape
    with pytest.raises(ValueError, match=r"^weight: \(N, 5\) is needed for 5 channels, found \(2, 4\)"):
        event_linear(torch.zeros(2, 4), None, *parts)
    with pytest.raises(ValueError, match=r"^backend: 'fft' has no event-driven layer"):
        event_linear(torch.zeros(2, 5), None, *parts, backend="fft")
    with pytest.raises(ValueError, match=r"^backend: 'cuda' is not one of"):
        event_linear(torch.zeros(2, 5), None, *parts, backend="cuda")
    with pytest.raises(ValueError, match=r"^backend: 'triton' needs a tensor on cuda"):
        event_linear(torch.zeros(2, 5), None, *parts, backend="triton")


def test_lengths_that_do_not_fit():
    """Kernels read as far as they are told."""
    (step, row, channel), weight, shape = torch.zeros(3, 4, dtype=torch.int32), torch.zeros(2, 5), (7, 3, 5)
    for bias in (torch.zeros(1), torch.zeros(2, 1), torch.zeros(2, device="meta")):
        with pytest.raises(ValueError, match=r"^bias: \(2,\) on cpu is needed, found"):
            event_linear(weight, bias, step, row, channel, None, shape)
    for value in (torch.zeros(3), torch.zeros(4, 1), torch.zeros(4, device="meta")):
        with pytest.raises(ValueError, match=r"^value: \(4,\), one for each event, on cpu is needed, found"):
            event_linear(weight, None, step, row, channel, value, shape)
    with pytest.raises(ValueError, match=r"^row: \(E,\), as long as step, is needed, found \(3,\) beside \(4,\)"):
        event_linear(weight, None, step, row[:3], channel, None, shape)
    with pytest.raises(ValueError, match=r"^channel: \(E,\), as long as step, is needed, found \(0,\) beside \(4,\)"):
        event_linear(weight, None, step, row, channel[:0], None, shape)
    with pytest.raises(ValueError, match=r"^step: \(E,\), as long as step, is needed, found \(\) beside \(\)"):
        event_linear(weight, None, step[0], row, channel, None, shape)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("place", [-1, 9])
def test_places_outside_the_tensor(axis, place):
    places = [torch.tensor([0, 1], dtype=torch.int32) for _ in range(3)]
    places[axis][1] = place
    name = ("step", "row", "channel")[axis]
    with pytest.raises(
        ValueError, match=rf"^{name}: places 0 to 8 are there, found {min(place, 0)} to {max(place, 0)}"
    ):
        event_linear(torch.zeros(2, 9), None, *places, None, (9, 9, 9))
    places[axis] = places[axis].long().clamp(0, 8)
    with pytest.raises(ValueError, match=rf"^{name}: int32 on cpu, as the weight, is needed, found torch.int64 on cpu"):
        event_linear(torch.zeros(2, 9), None, *places, None, (9, 9, 9))


def test_places_outside_the_tensor_of_a_compiled_call():
    compiled = torch.compile(event_linear, fullgraph=True, backend="aot_eager")
    places = [torch.tensor([0, k], dtype=torch.int32) for k in (1, 9, 1)]
    with pytest.raises(ValueError, match=r"^row: places 0 to 8 are there, found 0 to 9"):
        compiled(torch.zeros(2, 9), None, *places, None, (9, 9, 9))


def test_compiles_without_a_graph_break():
    torch._dynamo.reset()
    events = events_of((7, 3, 5), 30)
    weight, bias, _ = parameters(events, 4, torch.float32)
    parts = events.step, events.row, events.channel, None, events.shape
    compiled = torch.compile(lambda w, b: event_linear(w, b, *parts), fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(weight, bias), event_linear(weight, bias, *parts))
    torch._dynamo.reset()
