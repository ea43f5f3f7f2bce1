"""The layer for spikes: the ordinary product, in values and gradients, with a bit kept for each input."""

import ctypes
import mmap
import sys

import pytest
import torch
from helpers import Seen
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_close
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import jvp
from torch.nn import functional as F
from torch.testing._internal.two_tensor import TwoTensor

import spikescan as ss
from spikescan import native
from spikescan.binary import _autograd, _native, spike_linear
from spikescan.networks import SpikeLinear, SpikingMLP

WHAT = "output", "gradient of the spikes", "gradient of the weight", "gradient of the bias"
SHAPES = [
    *((rows, 40, 20) for rows in (1, 2, 63, 64, 65, 127, 128, 129, 300)),
    *((130, inputs, 9) for inputs in (1, 3, 4, 31, 32, 33, 64, 65, 127, 128, 700)),
    *((130, 33, outputs) for outputs in (1, 3, 4, 5, 15, 16, 17, 20, 32, 33, 128)),
    (5000, 128, 128),
]


def drawn(rows: int, inputs: int, outputs: int):
    """(spikes, weight, bias), all with gradients."""
    spikes = (torch.rand(rows, inputs) < 0.4).float()
    return [x.requires_grad_() for x in (spikes, torch.randn(outputs, inputs), torch.randn(outputs))]


def with_gradients(function, operands, cotangent):
    out = function(*operands)
    return out.detach(), *torch.autograd.grad(out, [x for x in operands if x is not None], cotangent)


def by_tables(spikes, weight, bias=None):
    return spike_linear(spikes, weight, bias, backend="native")


def assert_equals_ordinary(operands, cotangent):
    """The ordinary product in float64: tables are held to the same bound as everything, whatever the order of sums."""
    found = with_gradients(by_tables, operands, cotangent)
    wide = [None if x is None else x.detach().double().requires_grad_() for x in operands]
    for what, tables, ordinary in zip(WHAT, found, with_gradients(F.linear, wide, cotangent.double())):
        assert_close(tables, ordinary, what)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_ordinary_product(shape):
    operands = drawn(*shape)
    assert_equals_ordinary(operands, torch.randn(shape[0], shape[2]))


@given(st.integers(1, 400), st.integers(1, 150), st.integers(1, 70), st.floats(0, 1), st.integers(1, 5))
def test_any_shape_density_and_threads(rows, inputs, outputs, density, threads):
    operands = drawn(rows, inputs, outputs)
    operands[0] = (torch.rand(rows, inputs) < density).float().requires_grad_()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert_equals_ordinary(operands, torch.randn(rows, outputs))
    finally:
        torch.set_num_threads(before)


def test_every_combination_of_inputs_is_exact():
    """Weights that are powers of two have sums without rounding: each of the 2^12 rows must be right to the bit."""
    rows = torch.arange(2**12)
    spikes = (rows[:, None] >> torch.arange(12) & 1).float()
    weight = 2.0 ** torch.arange(12)[None] * torch.tensor([[1.0], [-0.5], [4.0]])
    assert torch.equal(by_tables(spikes, weight), torch.outer(rows.float(), torch.tensor([1, -0.5, 4])))


def test_each_input_has_its_own_gradient():
    """One spike in one row: the weight's gradient is that row's cotangent in that column, and 0 elsewhere, exactly."""
    for row, column in [(0, 0), (1, 31), (63, 32), (64, 5), (129, 69)]:
        spikes = torch.zeros(130, 70)
        spikes[row, column] = 1
        cotangent, weight = torch.randn(130, 6), torch.randn(6, 70, requires_grad=True)
        (found,) = torch.autograd.grad(by_tables(spikes, weight), weight, cotangent)
        expected = torch.zeros(6, 70)
        expected[:, column] = cotangent[row]
        assert torch.equal(found, expected)


def test_large_and_aligned_results_are_written_past_the_caches():
    operands = drawn(20_000, 32, 128)  # 10 MB of results
    assert_equals_ordinary(operands, torch.randn(20_000, 128))


def before_a_gap(x: torch.Tensor) -> torch.Tensor:
    """A copy at the end of its memory: at the touch of what is behind it the process would end."""
    size, page = x.numel() * x.element_size(), mmap.PAGESIZE
    pages = -(-size // page) * page
    memory = mmap.mmap(-1, pages + page)
    behind = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + pages
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(behind), ctypes.c_size_t(page), 0) == 0
    return torch.frombuffer(memory, dtype=x.dtype, count=x.numel(), offset=pages - size).view(x.shape).copy_(x)


@pytest.mark.skipif(sys.platform == "win32", reason="memory is protected in another way there")
@pytest.mark.parametrize("shape", SHAPES[::3], ids=str)
def test_nothing_is_touched_behind_an_array(shape):
    spikes, weight, bias = (x.detach() for x in drawn(*shape))
    rows, inputs, outputs = shape
    bits = before_a_gap(torch.zeros(-(-inputs // 32), rows, dtype=torch.int32))
    out, grad = before_a_gap(torch.full((rows, outputs), torch.nan)), before_a_gap(torch.randn(rows, outputs))
    assert not _native.forward(before_a_gap(spikes), before_a_gap(weight), before_a_gap(bias), out, bits)
    assert_close(out, F.linear(spikes.double(), weight.double(), bias.double()))
    assert_close(_native.backward(grad, bits, inputs)[0], grad.double().t() @ spikes.double())


def test_leading_axes_no_bias_and_strides():
    spikes, weight, _ = drawn(7 * 30, 40, 20)
    cotangent = torch.randn(30, 7, 20)
    expected = with_gradients(
        F.linear, [spikes.detach().view(7, 30, 40).transpose(0, 1).requires_grad_(), weight], cotangent
    )
    strided = spikes.detach().view(7, 30, 40).transpose(0, 1).requires_grad_()
    other = weight.detach().t().contiguous().t().requires_grad_()
    for what, found, ordinary in zip(WHAT, with_gradients(by_tables, [strided, other], cotangent), expected):
        assert_close(found, ordinary, what)


@pytest.mark.parametrize("value", [0.5, 2.0, -1.0, float("inf"), float("nan"), 1e-45])
@pytest.mark.parametrize("place", [(0, 0), (129, 39), (70, 33)])
def test_what_is_no_spike_makes_the_product_ordinary(value, place):
    operands = [x.detach() for x in drawn(130, 40, 20)]
    operands[0][place] = value
    operands, cotangent = [x.requires_grad_() for x in operands], torch.randn(130, 20)
    expected = with_gradients(F.linear, operands, cotangent)
    for what, found, ordinary in zip(WHAT, with_gradients(by_tables, operands, cotangent), expected):
        assert torch.equal(found.nan_to_num(7.5), ordinary.nan_to_num(7.5)), what


def test_minus_zero_is_no_spike():
    spikes = torch.full((130, 40), -0.0)
    assert torch.equal(by_tables(spikes, torch.randn(20, 40)), torch.zeros(130, 20))


def test_values_that_are_not_finite_are_not_hidden():
    spikes, weight, bias = (x.detach() for x in drawn(130, 40, 20))
    spikes[:, 3], spikes[5, 3] = 1, 0
    weight[2, 3], bias[4] = float("nan"), float("inf")
    out = by_tables(spikes, weight, bias)
    assert out[:, 2].isnan().sum() == 129
    assert (out[:, 4] == float("inf")).all()
    cotangent = torch.ones(130, 20)
    cotangent[7, 1] = float("nan")
    found = with_gradients(
        by_tables, [spikes.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()], cotangent
    )
    assert torch.equal(found[2][1].isnan(), spikes[7] == 1)
    assert found[3].isnan().tolist() == [n == 1 for n in range(20)]


def kept(function, *operands):
    """Bytes that autograd holds beside the operands' own weights."""
    storages = {}

    def hold(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        function(*operands)
    return sum(storages.values()) - operands[1].untyped_storage().nbytes()


def test_a_bit_is_kept_for_each_spike():
    operands = drawn(4000, 128, 16)
    places = operands[0].numel()
    assert kept(by_tables, *operands) <= places / 8 + 64
    assert kept(F.linear, *operands) >= 4 * places
    operands[0].detach()[9, 9] = 0.5
    assert kept(by_tables, *operands) >= 4 * places


def test_nothing_is_kept_that_no_gradient_needs():
    """A weight that does not learn needs no bits; and it may change before the backward pass of one that is alone in
    learning, as that of `nn.Linear` may."""
    spikes, weight, _ = drawn(4000, 128, 16)
    assert kept(by_tables, spikes, weight.detach()) == 0
    out = by_tables(spikes.detach(), weight)
    with torch.no_grad():
        weight.mul_(2)
    (found,) = torch.autograd.grad(out, weight, torch.ones_like(out))
    assert_close(found, spikes.detach().sum(0).expand(16, -1))


def takes_tables(spikes, weight, **options):
    with Seen() as seen:
        spike_linear(spikes, weight, **options)
    return "spikescan::spike_linear" in seen.names


def test_where_tables_are_taken(monkeypatch):
    weight, many = torch.randn(8, 32), torch.zeros(4096, 32)
    monkeypatch.setattr(_autograd, "wide", lambda: True)
    assert takes_tables(many, weight)
    assert takes_tables(many.view(16, 256, 32), weight)
    assert not takes_tables(many, weight, backend="reference")
    assert not takes_tables(many[1:], weight)
    assert not takes_tables(many[:, 1:], weight[:, 1:])
    assert not takes_tables(many.double(), weight.double())
    assert not takes_tables(many.to("meta"), weight.to("meta"))
    with torch.autocast("cpu", torch.bfloat16):
        assert not takes_tables(many, weight)
    assert takes_tables(many[:1], weight, backend="native")
    monkeypatch.setattr(_autograd, "wide", lambda: False)
    assert not takes_tables(many, weight)
    assert takes_tables(many, weight, backend="native")


def test_tables_need_kernels(monkeypatch):
    monkeypatch.setattr(native, "isa", lambda: "v4")
    monkeypatch.setattr(native, "missing", lambda: None)
    assert _autograd.wide()
    monkeypatch.setattr(native, "isa", lambda: "v3")
    assert not _autograd.wide()
    monkeypatch.setattr(native, "isa", lambda: "v4")
    monkeypatch.setattr(native, "missing", lambda: "no kernels")
    assert not takes_tables(torch.zeros(4096, 32), torch.randn(8, 32))
    with pytest.raises(ValueError, match=r"^backend: no kernels"):
        by_tables(torch.zeros(4096, 32), torch.randn(8, 32))


def test_what_is_no_plain_array_takes_the_ordinary_product(monkeypatch):
    monkeypatch.setattr(_autograd, "wide", lambda: True)
    spikes, weight, bias = (x.detach() for x in drawn(4096, 32, 8))
    expected = F.linear(spikes, weight, bias)
    for other in spikes.to_sparse(), TwoTensor(spikes, spikes), spikes.to_mkldnn():
        found = spike_linear(other, weight, bias)
        found = found.to_dense() if found.layout == torch._mkldnn else found
        assert_close(found.a if isinstance(found, TwoTensor) else found, expected)
    assert_close(spike_linear(spikes, weight.to_sparse()), F.linear(spikes, weight))
    with pytest.raises(RuntimeError, match="dtype"):  # torch's own
        spike_linear(spikes, weight, bias.double())
    with pytest.raises(ValueError, match=r"^backend: 'native' needs float32 on cpu, found torch.float64"):
        by_tables(spikes, weight, bias.double())
    with FakeTensorMode():
        faked = torch.empty(4096, 32), torch.empty(8, 32)
    assert spike_linear(*faked).shape == (4096, 8)


@pytest.mark.skipif(not hasattr(torch.compiler, "is_exporting"), reason="this torch does not say that it exports")
def test_one_graph_is_exported_for_all_sizes(monkeypatch):
    monkeypatch.setattr(_autograd, "wide", lambda: True)
    layer, sizes = SpikeLinear(40, 20), [{1: torch.export.Dim("batch", min=2)}]
    for batch in 10, 4:
        program = torch.export.export(layer, (torch.zeros(500, batch, 40),), dynamic_shapes=sizes)
        assert program.module()(torch.zeros(500, 3, 40)).shape == (500, 3, 20)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own
def test_transforms_take_the_ordinary_product(monkeypatch):
    monkeypatch.setattr(_autograd, "wide", lambda: True)
    spikes, weight, _ = (x.detach() for x in drawn(4096, 32, 8))
    tangent = torch.randn_like(weight)
    _, found = jvp(lambda w: spike_linear(spikes, w), (weight,), (tangent,))
    assert_close(found, F.linear(spikes, tangent))


def test_compiles_without_a_graph_break():
    torch._dynamo.reset()
    operands, cotangent = drawn(1500, 40, 20), torch.randn(1500, 20)
    compiled = torch.compile(by_tables, fullgraph=True, backend="aot_eager")
    for what, found, eager in zip(
        WHAT, with_gradients(compiled, operands, cotangent), with_gradients(by_tables, operands, cotangent)
    ):
        assert_close(found, eager, what)
    with torch.no_grad():
        operands[0][3, 3] = 0.5  # what was compiled knows nothing of values
    for what, found, ordinary in zip(
        WHAT, with_gradients(compiled, operands, cotangent), with_gradients(F.linear, operands, cotangent)
    ):
        assert_close(found, ordinary, what)


def test_operators_are_registered_as_torch_asks():
    operands = drawn(70, 40, 20)
    for values in operands[0], operands[0].detach() + 0.5:
        torch.library.opcheck(_autograd.linear_op.op, (values, *operands[1:]))


def test_only_the_gradients_that_are_wanted():
    spikes, weight, bias = drawn(130, 40, 20)
    for wanted in range(8):
        operands = [x.detach().requires_grad_(bool(wanted >> k & 1)) for k, x in enumerate((spikes, weight, bias))]
        if wanted:
            by_tables(*operands).sum().backward()
        assert [x.grad is not None for x in operands] == [bool(wanted >> k & 1) for k in range(3)]


def test_double_backward_is_refused():
    operands = drawn(130, 40, 20)
    (grad,) = torch.autograd.grad(by_tables(*operands).square().sum(), operands[1], create_graph=True)
    with pytest.raises(NotImplementedError, match=r"double backward .* use backend='reference'"):
        grad.sum().backward()
    out = spike_linear(*operands, backend="reference").square().sum()
    (grad,) = torch.autograd.grad(out, operands[1], create_graph=True)
    grad.sum().backward()


def test_empty():
    for rows, inputs, outputs in [(0, 40, 20), (130, 0, 20), (130, 40, 0)]:
        spikes, weight = torch.zeros(rows, inputs), torch.randn(outputs, inputs)
        assert torch.equal(by_tables(spikes, weight), F.linear(spikes, weight))


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"^weight: \(N, 40\) is needed for 40 inputs, found \(20, 41\)"):
        spike_linear(torch.zeros(3, 40), torch.zeros(20, 41))
    with pytest.raises(ValueError, match=r"^bias: \(20,\) is needed, found \(1,\)"):
        by_tables(torch.zeros(3, 40), torch.zeros(20, 40), torch.zeros(1))
    with pytest.raises(ValueError, match=r"^backend: 'native' needs float32 on cpu, found torch.float64 on cpu"):
        by_tables(torch.zeros(3, 40).double(), torch.zeros(20, 40).double())
    with pytest.raises(ValueError, match=r"^spikes: \(\.\.\., K\) is needed, found a single number"):
        spike_linear(torch.tensor(1.0), torch.zeros(20, 40))
    with pytest.raises(ValueError, match=r"^backend: 'cuda' is not one of"):
        SpikeLinear(4, 4, backend="cuda")
    with pytest.raises(ValueError, match=r"^backend: 'triton' has no layer for spikes"):
        SpikeLinear(4, 4, backend="triton")


def test_layer_is_a_linear_layer():
    layer, plain = SpikeLinear(40, 20), torch.nn.Linear(40, 20)
    layer.load_state_dict(plain.state_dict())
    spikes = (torch.rand(50, 60, 40) < 0.3).float()
    assert_close(layer(spikes), plain(spikes))
    assert isinstance(layer, torch.nn.Linear)


@pytest.mark.parametrize("options", [{}, {"norm": True}, {"bias": False}], ids=str)
def test_network_by_tables_is_the_network(options):
    x = (torch.rand(40, 6, 50) < 0.1).float()
    network = SpikingMLP(50, (48, 33), 10, **options)
    layers = [module for module in network.modules() if isinstance(module, SpikeLinear)]
    assert len(layers) == 2
    results = []
    for backend in "reference", "native":
        for layer in layers:
            layer.backend = backend
        network.zero_grad()
        out = network(x, seed=3)
        out.square().mean().backward()
        results.append([out.detach(), *(parameter.grad for parameter in network.parameters())])
    for found, expected in zip(*reversed(results)):
        assert_close(found, expected)


def test_network_without_spikes_between_its_layers():
    for network in SpikingMLP(50, (48, 33), 10, ss.ReLU), SpikingMLP(50, (48, 33), 10, dropout=0.1):
        assert not any(isinstance(module, SpikeLinear) for module in network.modules())


def test_network_of_references_offers_every_derivative(monkeypatch):
    monkeypatch.setattr(_autograd, "wide", lambda: True)
    neuron, readout = (lambda kind=kind: kind(backend="reference") for kind in (ss.SPSN, ss.LeakyIntegrator))
    network, x = SpikingMLP(3, (32, 32), 4, neuron, readout), torch.rand(8, 512, 3)
    parameters = list(network.parameters())
    grads = torch.autograd.grad(network(x, seed=3).square().mean(), parameters, create_graph=True)
    sum(grad.square().sum() for grad in grads).backward()
    assert all(parameter.grad.isfinite().all() for parameter in parameters)
    several = torch.autograd.grad(network(x, seed=3)[-1, 0], parameters, torch.eye(4), is_grads_batched=True)
    assert several[0].shape == (4, *parameters[0].shape)


def test_neurons_that_do_not_say_what_they_give():
    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = ss.SPSN()

        def run(self, *args, **options):
            return self.inner.run(*args, **options)

    network = SpikingMLP(50, (48, 33), 10, Wrapped)
    assert not any(isinstance(module, SpikeLinear) for module in network.modules())
    assert network(torch.zeros(5, 2, 50), seed=1).shape == (5, 2, 10)
