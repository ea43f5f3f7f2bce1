"""Neurons as torch modules: names, copies, precision, backends, compilation's neighbours."""

import copy
import io
import math
import pickle

import pytest
import torch
from models import MODELS, N, each_backend, each_model
from tolerances import assert_close
from torch import nn

import spikescan as ss

NAMES = {
    "lif": [],
    "lif_soft": [],
    "lif_learned": ["decay_mem.logit", "decay_syn.logit", "threshold"],
    "lif_vanilla": [],
    "sb": [],
    "gs": [],
    "escape": [],
    "threshold": [],
    "delta": ["decay_mem.logit", "decay_syn.logit"],
    "li": [],
    "resonator": [],
    "rf": [],
    "rf_learned": ["pole.angle", "pole.log_tau"],
    "c_silif": ["pole.angle", "pole.log_tau", "threshold"],
    "adaptive_lif": [],
    "mpe_previous": ["threshold"],
    "mpe_current": ["threshold"],
}


@each_model
def test_state_dict_names(model):
    assert sorted(MODELS[model]().state_dict()) == NAMES[model]


def test_more_state_dict_names():
    assert sorted(ss.MPEPSN(4).state_dict()) == ["kappa", "threshold"]
    assert sorted(ss.SPSN(firing="threshold", learn_threshold=True).state_dict()) == ["threshold"]
    assert sorted(ss.LIF(tau_syn=None, learn_tau=True, features=3).state_dict()) == ["decay_mem.logit"]
    shapes = {
        k: tuple(v.shape)
        for k, v in ss.LIF(learn_tau=True, learn_threshold=True, features=(3, 1, 1)).state_dict().items()
    }
    assert set(shapes.values()) == {(3, 1, 1)}


@each_model
def test_copies_compute_the_same(model):
    neuron, x = MODELS[model](backend="reference"), torch.randn(9, 2, N)
    with torch.no_grad():
        for parameter in neuron.parameters():
            parameter.add_(0.1)
    loaded = MODELS[model](backend="reference")
    file = io.BytesIO()
    torch.save(neuron.state_dict(), file)
    file.seek(0)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for other in (copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron)), loaded):
        assert other.backend == "reference"
        assert torch.equal(other(x, seed=1), neuron(x, seed=1))


@each_model
def test_inside_sequential(model):
    network = nn.Sequential(nn.Linear(4, N), MODELS[model](), nn.Linear(N, 2))
    out = network(torch.randn(7, 3, 4))
    out.square().sum().backward()
    assert out.shape == (7, 3, 2)
    assert network[0].weight.grad.abs().sum() > 0


@each_model
@pytest.mark.parametrize("change", [nn.Module.half, nn.Module.bfloat16, lambda m: m.to(torch.float16)])
def test_narrowing_keeps_the_neuron(model, change):
    neuron = MODELS[model]()
    narrowed = change(copy.deepcopy(neuron))
    assert all(value.dtype == torch.float32 for value in narrowed.state_dict().values())
    x = torch.randn(50, 2, N)
    assert torch.equal(narrowed(x, seed=1), neuron(x, seed=1))
    half = narrowed(x.bfloat16(), seed=1)
    assert half.dtype == torch.bfloat16
    assert torch.equal(half, neuron(x.bfloat16().float(), seed=1).bfloat16())


@each_model
def test_widening_is_undone(model):
    """float32 is no half precision: only what is fixed, decays and thresholds, stays in float64."""
    neuron = MODELS[model]()
    kinds = {name: value.dtype for name, value in [*neuron.named_parameters(), *neuron.named_buffers()]}
    neuron.double()
    assert all(value.dtype == torch.float64 for value in [*neuron.parameters(), *neuron.buffers()])
    neuron.float()
    assert kinds == {name: value.dtype for name, value in [*neuron.named_parameters(), *neuron.named_buffers()]}
    fixed = {name for name, _ in neuron.named_buffers()}
    assert all(kind == (torch.float64 if name in fixed else torch.float32) for name, kind in kinds.items())


@each_backend
@each_model
def test_autocast(model, backend):
    linear, neuron, x = nn.Linear(4, N), MODELS[model](backend=backend), torch.randn(30, 2, 4)
    with torch.autocast("cpu", torch.bfloat16):
        current = linear(x)
        out = neuron.run(current, seed=1, potentials=True)
    plain = neuron.run(current, seed=1, potentials=True)
    assert current.dtype == out.potential.dtype == torch.bfloat16
    for found, expected in zip(out[:3], plain[:3], strict=True):
        pairs = zip(found, expected, strict=True) if isinstance(found, ss.State) else [(found, expected)]
        assert all(a is b is None or (torch.equal(a, b) and a.dtype == b.dtype) for a, b in pairs)


@each_backend
def test_autocast_keeps_the_estimation_loss(backend):
    neuron, x = ss.MPEPSN(30, backend=backend), torch.randn(30, 2, N)
    expected = neuron.run(x, seed=1).estimation_loss
    with torch.autocast("cpu", torch.bfloat16):
        loss = neuron.run(x, seed=1).estimation_loss
    assert loss.dtype == torch.float32
    assert_close(loss, expected)


@pytest.mark.parametrize("tau", [1e-4, 20e-3, 5.0, 1e6])
def test_decays(tau):
    fixed = ss.LIF(tau, dt=1e-3)
    assert fixed.decay_mem().dtype == torch.float64
    assert fixed.decay_mem().item() == pytest.approx(math.exp(-1e-3 / tau), rel=1e-15)
    learned = ss.LIF(tau, dt=1e-3, learn_tau=True, features=N)
    assert_close(1 - learned.decay_mem(), (1 - fixed.decay_mem()).expand(N), tolerance=1e-5)


@each_backend
def test_learned_decays_stay_inside(backend):
    neuron = ss.LIF(learn_tau=True, features=N, backend=backend)
    optimiser = torch.optim.SGD(neuron.parameters(), lr=1e6)
    for sign in (1, 1, -1, -1, -1):
        optimiser.zero_grad()
        (sign * neuron.run(torch.ones(20, 2, N), potentials=True).potential.sum()).backward()
        optimiser.step()
        for decay in (neuron.decay_mem(), neuron.decay_syn()):
            assert bool(((decay > 0) & (decay < 1)).all())
        assert neuron(torch.ones(20, 2, N)).isfinite().all()


def test_the_backend_is_looked_up_at_each_call():
    neuron, x = ss.LIF(backend="native"), torch.randn(9, 2, N)
    assert neuron.backend == "native"
    neuron(x)
    neuron.backend = "fft"
    with pytest.raises(ValueError, match=r"^backend: 'fft' cannot compute a reset"):
        neuron(x)
    neuron.backend = "reference"
    assert neuron(x).shape == x.shape
    with pytest.raises(ValueError, match=r"^backend: 'cuda' is not one of auto, reference, fft, native, triton"):
        neuron.backend = "cuda"
    assert neuron.backend == "reference"


@each_model
def test_a_backend_that_cannot_serve_raises(model, monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    neuron, x = MODELS[model](), torch.randn(9, 2, N)
    neuron.backend = "triton"
    with pytest.raises(ValueError, match=r"^backend: 'triton' needs a tensor on cuda, the current is on cpu"):
        neuron(x, seed=1)
    neuron.backend = "native"
    with pytest.raises(ValueError, match=r"^backend: 'native' needs a tensor on cpu, the current is on meta"):
        neuron.to("meta")(x.to("meta"))
    neuron.backend = "fft"
    if model.startswith(("lif", "mpe")):
        with pytest.raises(ValueError, match=r"^backend: 'fft'"):
            MODELS[model](backend="fft")(x, seed=1)


@each_model
def test_double_backward_says_that_it_is_not_offered(model):
    neuron, x = MODELS[model](backend="native"), torch.randn(9, 2, N, requires_grad=True)
    (gradient,) = torch.autograd.grad(neuron(x, seed=1).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="double backward"):
        gradient.sum().backward()


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@each_model
def test_gradients_through_vmap(model):
    neuron, x, seed = MODELS[model](backend="native"), torch.randn(3, 9, 2, N, requires_grad=True), torch.tensor(1)
    mapped, looped = torch.vmap(lambda y: neuron(y, seed))(x), torch.stack([neuron(y, seed) for y in x])
    cotangent = torch.randn_like(looped)
    assert torch.equal(mapped, looped)
    assert_close(*(torch.autograd.grad(out, x, cotangent)[0] for out in (mapped, looped)))


@each_backend
@each_model
def test_no_graph_without_need(model, backend):
    neuron, x = MODELS[model](backend=backend), torch.randn(9, 2, N)
    with torch.no_grad():
        assert not neuron(x).requires_grad
    assert neuron.requires_grad_(False)(x).grad_fn is None
    assert neuron(x.requires_grad_()).requires_grad


def test_a_threshold_is_kept_in_full():
    """Of a neuron in double precision, and where torch's default is a narrow one."""
    neuron = ss.LIF(0.0, None, threshold=0.1, input_gain="unit").double()
    assert neuron(torch.full((1, 1, 1), 0.1 + 5e-10, dtype=torch.float64)).item() == 1
    assert neuron(torch.full((1, 1, 1), 0.1, dtype=torch.float64)).item() == 0
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.bfloat16)
        assert ss.LIF(threshold=0.3).threshold.item() == 0.3
        assert {value.dtype for value in ss.MPEPSN(4).parameters()} == {torch.float32}
    finally:
        torch.set_default_dtype(before)


@each_model
def test_memory_that_torch_marks_as_negated(model):
    x, cotangent = (torch.randn(9, 3, N, dtype=torch.complex64).conj().imag for _ in range(2))
    found, expected = [], []
    for results, change in ((found, lambda t: t), (expected, lambda t: t.resolve_neg().clone())):
        neuron = MODELS[model]()
        leaf = change(x).detach().requires_grad_()
        out = neuron.run(leaf, seed=2, potentials=True)
        results += [out.potential, *torch.autograd.grad(out.potential, leaf, change(cotangent))]
    assert x.is_neg()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@each_model
def test_constants_survive_the_meta_device(model):
    """`to_empty` fills every tensor with garbage; what no `state_dict` holds must not be lost by it."""
    neuron, x = MODELS[model](), torch.rand(20, 2, N) * 4
    expected = neuron.run(x, seed=1, potentials=True)
    emptied = copy.deepcopy(neuron).to("meta").to_empty(device="cpu")
    with torch.device("meta"):
        made = MODELS[model]()
    assert {tensor.device.type for tensor in [*made.parameters(), *made.buffers()]} <= {"meta"}
    for other in (emptied, made.to_empty(device="cpu")):
        other.load_state_dict(neuron.state_dict(), strict=True)
        found = other.run(x, seed=1, potentials=True)
        assert torch.equal(found.potential, expected.potential)


@each_model
def test_state_moves_and_is_saved(model, tmp_path):
    neuron, x = MODELS[model](), torch.rand(20, 2, N) * 4
    state = neuron.run(x[:10], seed=1).state
    torch.save(state, tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt").to("cpu")
    assert type(loaded) is ss.State
    for found, expected in zip(neuron.advance(x[10:], loaded)[1], neuron.advance(x[10:], state)[1], strict=True):
        assert found is expected is None or torch.equal(found, expected)
    assert {value.device.type for value in state.to("meta") if value is not None} == {"meta"}
