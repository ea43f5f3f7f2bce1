"""Forward-mode derivatives and torch.func: the reference has them, the fused operators say that they have not."""

import pytest
import torch
from models import MODELS, N, each_model
from torch.autograd import forward_ad

import spikescan as ss
from spikescan.data.event_tensor import EventTensor
from spikescan.networks import EventLinear

pytestmark = [
    # Torch's own forward mode compiles its decompositions with what it has deprecated.
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),
    # Dynamo looks on while what it gave up is refused.
    pytest.mark.filterwarnings("ignore:Dynamo does not know how to trace:UserWarning"),
]


def signal(model, backend):
    if model == "linear_scan":
        return lambda x: ss.linear_scan(x, 0.9, backend=backend)
    neuron = MODELS[model](backend=backend)
    return lambda x: neuron.run(x, seed=1, potentials=True)[2]


def dual(function, x, tangent):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(function(forward_ad.make_dual(x, tangent))).tangent


def jvp(function, x, tangent):
    return torch.func.jvp(function, (x,), (tangent,))[1]


def gradient(function, x, tangent):
    return torch.func.grad(lambda x: (function(x) * tangent).sum())(x)


def rows(function, x, tangent):
    grad = torch.func.grad(lambda x, tangent: (function(x) * tangent).sum())
    return torch.func.vmap(grad)(x[None], tangent[None])[0]


def outside(function, x, tangent):
    """The vectorised function is inside: what the operator sees is wrapped twice."""
    return torch.func.grad(lambda x: (torch.func.vmap(function)(x[None])[0] * tangent).sum())(x)


TRANSFORMS = pytest.mark.parametrize("transform", [dual, jvp, gradient, rows, outside])
OPERATIONS = pytest.mark.parametrize("model", ["linear_scan", *MODELS])
EACH_OPERATOR = pytest.mark.parametrize("model", ["linear_scan", "sb", "lif_learned", "mpe_previous"])


@TRANSFORMS
@OPERATIONS
def test_fused_operators_refuse(model, transform):
    x = torch.randn(9, 2, N)
    with pytest.raises(NotImplementedError, match=r"(scan|fire).*take backend='reference'"):
        transform(signal(model, "native"), x, torch.randn_like(x))


@EACH_OPERATOR
def test_compiled_they_refuse_too(model):
    torch._dynamo.reset()
    function = signal(model, "native")
    compiled = torch.compile(lambda x: jvp(function, x, x), backend="aot_eager")
    with pytest.raises(NotImplementedError, match="reverse mode alone"):
        compiled(torch.randn(9, 2, N))
    torch._dynamo.reset()  # it has given the function up


@EACH_OPERATOR
def test_compiled_before_it_is_differentiated(model):
    torch._dynamo.reset()
    x, function = torch.randn(9, 2, N), signal(model, "native")
    compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), function(x))
    with pytest.raises((NotImplementedError, RuntimeError), match=r"reverse mode alone|implement the jvp function"):
        dual(compiled, x, x)
    torch._dynamo.reset()


@OPERATIONS
def test_the_reference_offers_them(model):
    x, tangent, cotangent = torch.randn(3, 9, 2, N, dtype=torch.float64)
    function, leaf = signal(model, "reference"), x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(function(leaf), leaf, cotangent)
    assert expected.any()
    torch.testing.assert_close(gradient(function, x, cotangent), expected)
    torch.testing.assert_close(outside(function, x, cotangent), expected)
    for forward in (dual, jvp):
        along = forward(function, x, tangent)
        torch.testing.assert_close((along * cotangent).sum(), (tangent * expected).sum())


@each_model
def test_what_is_not_differentiated_is_not_refused(model):
    function, x = signal(model, "native"), torch.randn(9, 2, N)
    with forward_ad.dual_level():
        assert torch.equal(function(x), signal(model, "native")(x))
    assert torch.func.vmap(function)(x[None]).shape == (1, 9, 2, N)


def test_events():
    layer, events = EventLinear(4, 3), EventTensor(*torch.tensor([[3], [1], [2]], dtype=torch.int32), (50, 2, 4))
    with pytest.raises(NotImplementedError, match=r"event_linear: .*events\.dense"):
        torch.func.grad(lambda w: torch.func.functional_call(layer, {"weight": w}, (events,)).sum())(layer.weight)
