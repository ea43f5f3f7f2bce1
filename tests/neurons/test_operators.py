"""Operators take the short way where nobody looks on, and are seen where somebody does."""

from contextlib import nullcontext

import pytest
import torch
from helpers import Seen
from tolerances import assert_close
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

import spikescan as ss
from spikescan.sparse import event_linear

MODELS = {
    "integrate_and_fire": lambda: ss.SPSN(),
    "estimate_and_fire": lambda: ss.MPEPSN(steps=6),
    "linear_scan": lambda: lambda x, seed=None: ss.linear_scan(x, 0.9),
}
each_model = pytest.mark.parametrize("name", MODELS)


def nodes(output):
    """The names of what autograd goes through."""
    names, todo = set(), [output.grad_fn]
    while todo:
        node = todo.pop()
        names.add(node.name())
        todo += [before for before, _ in node.next_functions if before is not None]
    return names


@each_model
def test_the_short_way_gives_the_same(name):
    model, grads = MODELS[name](), []
    x, cotangent = torch.randn(6, 2, 5, requires_grad=True), torch.randn(6, 2, 5)
    with Seen() as seen:
        watched = model(x, seed=3)
        grads.append(torch.autograd.grad(watched, x, cotangent)[0])
    assert seen.names[0] == f"spikescan::{name}"
    assert len(seen.names) == 2
    short = model(x, seed=3)
    grads.append(torch.autograd.grad(short, x, cotangent)[0])
    assert torch.equal(watched, short)
    assert torch.equal(*grads)
    assert f"{name}Backward" in nodes(short)
    assert f"{name}Backward" not in nodes(watched)


@each_model
def test_a_fake_tensor_has_a_shape_and_no_kernel(name):
    with FakeTensorMode():
        spikes = MODELS[name]()(torch.randn(6, 2, 5), seed=3)
    assert spikes.shape == (6, 2, 5)


@each_model
def test_a_tracer_notes_the_operator_and_not_its_result(name):
    model = MODELS[name]()
    graph = make_fx(lambda x: model(x, seed=3))(torch.zeros(6, 2, 5))
    assert any(name in str(node.target) for node in graph.graph.nodes)
    x = torch.randn(6, 2, 5)
    assert torch.equal(graph(x), model(x, seed=3))


@pytest.mark.parametrize("name", ["integrate_and_fire", "estimate_and_fire"])
def test_differentiating_twice_says_what_to_do(name):
    x = torch.randn(6, 2, 5, requires_grad=True)
    (grad,) = torch.autograd.grad(MODELS[name]()(x, seed=3).square().sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="backend='reference'"):
        torch.autograd.grad(grad.sum(), x)


def test_a_scan_is_differentiated_twice():
    x = torch.randn(6, 2, 5, requires_grad=True)
    (grad,) = torch.autograd.grad(MODELS["linear_scan"]()(x).square().sum(), x, create_graph=True)
    (twice,) = torch.autograd.grad(grad.sum(), x)
    assert torch.isfinite(twice).all()
    assert twice.abs().sum() > 0


def test_events_differentiated_twice_name_the_dense_tensor():
    places = [torch.zeros(3, dtype=torch.int32) for _ in range(3)]
    weight = torch.randn(4, 2, requires_grad=True)
    current = event_linear(weight, None, *places, None, (5, 1, 2))
    (grad,) = torch.autograd.grad(current.square().sum(), weight, create_graph=True)
    with pytest.raises(NotImplementedError, match=r"events\.dense\(\)"):
        torch.autograd.grad(grad.sum(), weight)


@each_model
@pytest.mark.parametrize("watched", [False, True])
def test_many_gradients_at_once_say_what_to_do(name, watched):
    x = torch.randn(6, 2, 5, requires_grad=True)
    with Seen() if watched else nullcontext():
        out = MODELS[name]()(x, seed=3)
    with pytest.raises(NotImplementedError, match=rf"is_grads_batched.* spikescan::{name}; .*backend='reference'"):
        torch.autograd.grad(out, x, torch.randn(3, 6, 2, 5), is_grads_batched=True)
    assert torch.autograd.grad(out, x, torch.ones_like(out))[0].abs().sum() > 0  # one is still to be had


def test_many_gradients_at_once_of_the_reference():
    x, cotangents = torch.randn(6, 2, 5, requires_grad=True), torch.randn(3, 6, 2, 5)
    out = ss.LIF(backend="reference")(x)
    (found,) = torch.autograd.grad(out, x, cotangents, is_grads_batched=True, retain_graph=True)
    for one, cotangent in zip(found, cotangents, strict=True):
        assert_close(one, torch.autograd.grad(out, x, cotangent, retain_graph=True)[0])
