"""The product of many rows: the ordinary one, in values and gradients, however it is computed."""

import pytest
import torch
from tolerances import assert_close
from torch.nn import functional as F

from spikescan.binary import linear
from spikescan.binary._product import MANY
from spikescan.networks import EventLinear

pytestmark = pytest.mark.usefixtures("two_threads")


def operands(*shape: int, outputs: int = 5):
    return [x.requires_grad_() for x in (torch.randn(shape), torch.randn(outputs, shape[-1]), torch.randn(outputs))]


def results(product, tensors, cotangent):
    out = product(*tensors)
    return out.detach(), *torch.autograd.grad(out, tensors, cotangent)


def taken(monkeypatch) -> list[int]:
    """Notes each convolution."""
    calls, conv = [], F.conv2d
    monkeypatch.setattr(F, "conv2d", lambda *args: calls.append(1) or conv(*args))
    return calls


@pytest.mark.parametrize("shape", [(MANY, 3), (64, MANY // 64, 33), (MANY // 2 + 1, 2, 1, 20), (MANY, 128)], ids=str)
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("outputs", [1, 20, 128])
def test_equals_the_ordinary_product(shape, biased, outputs, monkeypatch):
    calls = taken(monkeypatch)
    tensors = operands(*shape, outputs=outputs)[: 2 + biased]
    cotangent = torch.randn(*shape[:-1], outputs)
    wide = [x.detach().double().requires_grad_() for x in tensors]
    for found, expected in zip(results(linear, tensors, cotangent), results(F.linear, wide, cotangent.double())):
        assert_close(found, expected)
    assert len(calls) == 1  # in float64 it is the ordinary product


def test_strided_input_and_transposed_weight():
    x, weight, bias = torch.randn(33, MANY).t(), torch.randn(33, 7).t(), torch.randn(7)
    assert_close(linear(x, weight, bias), F.linear(x.double(), weight.double(), bias.double()))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own
def test_where_it_is_left_alone(monkeypatch):
    calls = taken(monkeypatch)
    few = operands(MANY - 1, 4)
    many = operands(MANY, 4)
    assert torch.equal(linear(*few), F.linear(*few))
    assert torch.equal(linear(torch.randn(MANY, 0), torch.randn(5, 0)), torch.zeros(MANY, 5))
    assert linear(torch.randn(MANY, 4), torch.randn(0, 4)).shape == (MANY, 0)
    with torch.autocast("cpu", torch.bfloat16):
        assert linear(*many).dtype == torch.bfloat16
    value, tangent = torch.func.jvp(lambda x: linear(x, *many[1:]), (many[0],), (torch.ones_like(many[0]),))
    assert_close(tangent, many[1].sum(1).expand_as(value))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        linear(torch.randn(MANY, 4), torch.randn(5, 3))
    assert linear(torch.randn(MANY, 4), torch.randn(4)).shape == (MANY,)
    assert linear(torch.randn(MANY, 4), torch.randn(5, 4), torch.randn(1)).shape == (MANY, 5)
    torch.set_num_threads(1)  # a convolution is not oneDNN's then
    assert torch.equal(linear(*many), F.linear(*many))
    assert not calls


def test_a_weight_that_does_not_learn_keeps_no_input(monkeypatch):
    calls, (x, weight, bias), kept = taken(monkeypatch), operands(MANY, 8), []
    with torch.autograd.graph.saved_tensors_hooks(lambda y: kept.append(y.numel()) or y, lambda y: y):
        linear(x, weight.detach(), bias)
    assert sum(kept) <= weight.numel()
    assert not calls
    linear(x.detach(), weight.detach())  # where nothing learns, nothing is kept
    assert len(calls) == 1


def test_double_backward_and_compiling():
    tensors = [torch.randn(MANY, 3, requires_grad=True), torch.randn(5, 3, requires_grad=True)]
    compiled = torch.compile(linear, fullgraph=True, backend="aot_eager")
    (grad,) = torch.autograd.grad(linear(*tensors).square().sum(), tensors[0], create_graph=True)
    (twice,) = torch.autograd.grad(grad.sum(), tensors[1])
    assert_close(grad, 2 * F.linear(*tensors) @ tensors[1])
    (expected,) = torch.autograd.grad((2 * F.linear(*tensors) @ tensors[1]).sum(), tensors[1])
    assert_close(twice, expected)
    assert_close(compiled(*tensors), F.linear(*tensors))


def test_nothing_is_hidden():
    x = torch.randn(MANY, 8)
    x[7, 3], x[9, 0] = torch.nan, torch.inf
    out = EventLinear(8, 6)(x)
    assert out[7].isnan().all()
    assert not out[9].isfinite().any()
    assert out.isfinite().all(1).sum() == MANY - 2
