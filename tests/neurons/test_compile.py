"""torch.compile without graph breaks: the same spikes and gradients as without it."""

import shutil

import pytest
import torch
from models import MODELS, N, each_model
from tolerances import assert_close
from torch._dynamo.testing import CompileCounterWithBackend

import spikescan as ss
from spikescan.networks import SpikingMLP
from spikescan.random import fold

KINDS = "lif", "lif_learned", "sb", "delta", "li", "rf_learned", "adaptive_lif", "mpe_previous", "mpe_current"
"""Neurons that differ in what is traced, and not only in a constant."""


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def value_and_gradients(function, neuron: ss.Neuron, x: torch.Tensor):
    x = x.clone().requires_grad_()
    out = function(x, torch.tensor(4), torch.tensor([12, 0, 7]))
    inputs = [x, *neuron.parameters()]
    gradients = torch.autograd.grad(out, inputs, torch.ones_like(out), allow_unused=True)
    return out, [torch.zeros_like(a) if g is None else g for a, g in zip(inputs, gradients, strict=True)]


def assert_compiles(neuron: ss.Neuron, compiler: str) -> None:
    def function(x, seed, lengths):
        out = neuron.run(x, seed=seed, lengths=lengths, potentials=True)
        return out.potential if out.spikes is None else out.spikes + out.potential

    x = torch.randn(12, 3, N)
    compiled = torch.compile(function, fullgraph=True, backend=compiler)
    found, expected = (value_and_gradients(f, neuron, x) for f in (compiled, function))
    assert_close(found[0], expected[0])
    for a, b in zip(found[1], expected[1], strict=True):
        assert_close(a, b)


@pytest.mark.parametrize("model", KINDS)
def test_no_graph_break(model):
    assert_compiles(MODELS[model](), "aot_eager")


@pytest.mark.parametrize("model", ["sb", "mpe_previous"])
def test_no_graph_break_of_the_reference(model):
    assert_compiles(MODELS[model](backend="reference"), "aot_eager")


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # inductor's own
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_inductor():
    """One test, since the first thing that a process compiles takes half a minute. Of `fold` it is the C++ for one
    number: there the overflow of a signed product may end in anything."""
    for model in ("sb", "mpe_previous"):
        assert_compiles(MODELS[model](), "inductor")
    compiled = torch.compile(lambda seed: fold(seed, 2), fullgraph=True)
    for seed in torch.randint(-(2**63), 2**63 - 1, (20,)):
        assert int(compiled(seed)) == int(fold(seed, 2))


def test_evaluation_and_training_in_turn_compile_once_each():
    neuron, x, seed = MODELS["sb"](), torch.randn(12, 3, N), torch.tensor(4)
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(neuron, fullgraph=True, backend=counter, dynamic=False)
    counts, spikes = [], []
    for neuron.deterministic in (False, True) * 4:
        spikes.append(compiled(x, seed))
        assert torch.equal(spikes[-1], neuron(x, seed))
        counts.append(counter.frame_count)
    assert not torch.equal(spikes[0], spikes[1])
    assert counts[0] < counts[1]
    assert set(counts[2:]) == {counts[1]}


@pytest.mark.parametrize("model", ["delta", "lif_learned"])
def test_sizes_that_are_left_open(model):
    neuron, seed = MODELS[model](), torch.tensor(4)
    compiled = torch.compile(neuron, fullgraph=True, backend="aot_eager", dynamic=True)
    for steps, rows in ((12, 3), (7, 2)):
        x = torch.randn(steps, rows, N)
        assert torch.equal(compiled(x, seed), neuron(x, seed))


def test_training_with_l_mem():
    neuron = ss.MPEPSN(12)

    def loss(x):
        return neuron.run(x, seed=torch.tensor(3)).estimation_loss

    x = torch.randn(12, 3, N)
    found = torch.autograd.grad(torch.compile(loss, fullgraph=True, backend="aot_eager")(x), neuron.parameters())
    for a, b in zip(found, torch.autograd.grad(loss(x), neuron.parameters()), strict=True):
        assert_close(a, b)


def test_draws_without_a_seed_and_chunks():
    neuron, x = ss.SPSN(firing="gumbel"), torch.randn(20, 3, N)

    def chunks(x):
        first, state = neuron.advance(x[:9])
        return torch.cat([first, neuron.advance(x[9:], state)[0]])

    compiled = torch.compile(chunks, fullgraph=True, backend="aot_eager")
    spikes = compiled(x)
    assert not torch.equal(compiled(x), spikes)
    torch.manual_seed(2)
    spikes = compiled(x)
    torch.manual_seed(2)
    assert torch.equal(compiled(x), spikes)
    torch.manual_seed(2)
    assert torch.equal(chunks(x), spikes)


def test_linear_scan():
    def function(x, decay):
        return ss.linear_scan(x, torch.sigmoid(decay), reverse=True)

    x, decay = torch.randn(12, 3, N), torch.randn(N, requires_grad=True)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    found, expected = compiled(x, decay), function(x, decay)
    assert_close(found, expected)
    assert_close(*(torch.autograd.grad(v.square().sum(), decay)[0] for v in (found, expected)))


@each_model
def test_operators_are_registered_well(model):
    """torch's own check of fake implementations, aliasing and autograd, on the operators as the neurons call them."""
    from spikescan.fused import _autograd, _estimate_autograd

    calls = []
    for module, op in ((_autograd, "fused_op"), (_estimate_autograd, "estimate_op")):
        original = getattr(module, op)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, op, lambda *a, original=original: calls.append((original.op, a)) or original(*a))
            MODELS[model]().run(torch.randn(5, 2, N, requires_grad=True), seed=1)
    assert len(calls) == 1
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    results = torch.library.opcheck(*calls[0], test_utils=tests)
    assert set(results.values()) == {"SUCCESS"}


class Run(torch.nn.Module):
    def __init__(self, part: torch.nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x, seed, lengths):
        out = self.part.run(x, seed=seed, lengths=lengths)
        if isinstance(out, ss.NetworkOutput):
            return out.readout
        return out.potential if out.spikes is None else out.spikes


EXPORTED = {kind: MODELS[kind] for kind in KINDS} | {
    "relu": ss.ReLU,
    "network": lambda: SpikingMLP(N, (40,), 4, norm=True),
    "network without a readout": lambda: SpikingMLP(N, (40, 33), 4, readout=None),
}


@pytest.mark.parametrize("name", EXPORTED)
def test_exported_for_any_number_of_steps_and_rows(name):
    given = Run(EXPORTED[name]())
    sizes = {0: torch.export.Dim("steps"), 1: torch.export.Dim("rows")}
    example = torch.randn(12, 3, N), torch.tensor(4), torch.tensor([12, 0, 7])
    program = torch.export.export(given, example, dynamic_shapes=(sizes, None, {0: sizes[1]}))
    other = torch.randn(31, 5, N), torch.tensor(9), torch.tensor([0, 31, 4, 9, 30])
    assert torch.equal(program.module()(*other), given(*other))


HALF = {
    f"{name}, half": lambda name=name: MODELS[name](memory="half") for name in ("lif", "sb", "delta", "lif_learned")
}


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", ["lif", "sb", "lif_learned", "mpe_previous", "network", *HALF])
def test_traced_for_torchscript(name, tmp_path):
    """As tensorboard does for its graphs, which has the trace checked by a second one without gradients."""
    given = Run((EXPORTED | HALF)[name]())
    example = torch.randn(12, 3, N, requires_grad=True), torch.tensor(4), torch.tensor([12, 0, 7])
    torch.jit.save(torch.jit.trace(given, example), tmp_path / "traced.pt")
    x, *others = torch.randn(31, 5, N), torch.tensor(9), torch.tensor([0, 31, 4, 9, 30])
    found, expected = [], []
    for module, gradients in ((torch.jit.load(tmp_path / "traced.pt"), found), (given, expected)):
        y = x.clone().requires_grad_()
        out = module(y, *others)
        gradients += [out, *torch.autograd.grad(out, [y, *module.parameters()], torch.ones_like(out))]
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, tolerance=2e-3 if name in HALF else None)


@pytest.mark.parametrize("name", ["lif", "sb", "lif_learned", "mpe_previous", "network", *HALF])
def test_exported_without_gradients_and_then_differentiated(name):
    """The forward pass of such a graph was told to keep nothing for a backward pass."""
    given, x, seed = Run((EXPORTED | HALF)[name]()), torch.randn(40, 3, N), torch.tensor(4)
    lengths = torch.tensor([12, 0, 40])
    with torch.no_grad():
        exported = torch.export.export(given, (x, seed, lengths)).module()
    found, expected = [], []
    for module, gradients in ((exported, found), (given, expected)):
        y = x.clone().requires_grad_()
        inputs = [y, *module.parameters()]
        out = module(y, seed, lengths)
        gradients += torch.autograd.grad(out, inputs, torch.ones_like(out), materialize_grads=True)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, tolerance=2e-3 if name in HALF else None)
