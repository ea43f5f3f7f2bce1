"""`SynapticDelayLinear`: the sum over weights, each with a delay; chunks, lengths, bad arguments."""

from itertools import pairwise

import pytest
import torch
from tolerances import assert_close

import spikescan as ss

each_mode = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def layer(inputs: int = 4, outputs: int = 3, taps: int = 6, **options) -> ss.SynapticDelayLinear:
    return ss.SynapticDelayLinear(inputs, outputs, (taps - 1) * 1e-3, **options).double()


def summed(layer: ss.SynapticDelayLinear, x: torch.Tensor) -> torch.Tensor:
    """Weight by weight, by an axonal delay of one feature."""
    positions, rows = layer.positions, []
    for o in range(layer.out_features):
        y = torch.zeros(x.shape[:2], dtype=x.dtype)
        for i in range(layer.in_features):
            axonal = ss.AxonalDelay(1, positions.max_delay, positions.dt, backend="reference").double()
            axonal.train(layer.training).sigma = positions.sigma
            axonal.delay.data = positions.delay.detach()[o, i].view(1)
            y = y + layer.weight[o, i] * axonal(x[..., i : i + 1])[..., 0]
        rows.append(y if layer.bias is None else y + layer.bias[o])
    return torch.stack(rows, -1)


@each_mode
@pytest.mark.parametrize("bias", [True, False])
def test_each_weight_has_a_delay(bias, training):
    made = layer(bias=bias, sigma=0.8).train(training)
    x = torch.randn(15, 2, 4, dtype=torch.float64, requires_grad=True)
    leaves = [x, made.weight] + ([made.bias] if bias else [])
    cotangent, found = torch.randn(15, 2, 3, dtype=torch.float64), []
    for y in (made(x), summed(made, x)):
        found.append([y, *torch.autograd.grad(y, leaves, cotangent)])
    for one, other in zip(*found, strict=True):
        assert_close(one, other)


def test_gradcheck():
    made, x = layer(2, 2, 4, sigma=1.0), torch.randn(6, 2, 2, dtype=torch.float64, requires_grad=True)
    made.positions.delay.data = torch.tensor([[0.3, 1.4], [2.2, 2.9]], dtype=torch.float64)
    names = [name for name, _ in made.named_parameters()]

    def function(x, *values):
        return torch.func.functional_call(made, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(function, [x, *(p.detach().requires_grad_() for p in made.parameters())])


@each_mode
def test_chunks_equal_the_whole(training, monkeypatch):
    monkeypatch.setattr("spikescan.delays.synaptic.LOOK_UPS", 40)
    made = layer().train(training)
    x = torch.randn(40, 2, 4, dtype=torch.float64, requires_grad=True)
    whole, state, parts = made.run(x), None, []
    for first, last in pairwise([0, 1, 3, 20, 40]):
        part, state = made.advance(x[first:last], state)
        parts.append(part)
    assert_close(torch.cat(parts), whole.output)
    assert torch.equal(state.history, whole.state.history)
    cotangent = torch.randn_like(whole.output)
    expected, found = (torch.autograd.grad(y, [x, made.weight], cotangent) for y in (whole.output, torch.cat(parts)))
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)


@each_mode
def test_lengths(training):
    made, lengths = layer().train(training), torch.tensor([12, 0, 5])
    x = torch.randn(12, 3, 4, dtype=torch.float64)
    x[5:, 2] = torch.nan
    out = made.run(x, lengths=lengths)
    for b, length in enumerate(lengths.tolist()):
        assert not out.output[length:, b].any()
        if length:
            alone = made.run(x[:length, b : b + 1])
            assert_close(out.output[:length, b : b + 1], alone.output)
            assert torch.equal(out.state.history[:, b : b + 1], alone.state.history)


def test_weights_become_half_precision_and_delays_do_not():
    made, x = ss.SynapticDelayLinear(4, 3, 5e-3).to(torch.bfloat16), torch.randn(9, 2, 4, dtype=torch.bfloat16)
    assert (made.weight.dtype, made.positions.delay.dtype) == (torch.bfloat16, torch.float32)
    for training in (True, False):
        assert made.train(training)(x).dtype == torch.bfloat16


@each_mode
def test_no_graph_break(training):
    made, x = layer().train(training), torch.randn(12, 2, 4, dtype=torch.float64)
    torch._dynamo.reset()
    assert_close(torch.compile(made, fullgraph=True, backend="aot_eager")(x), made(x))


def test_no_rows():
    for training in (True, False):
        assert layer().train(training)(torch.zeros(5, 0, 4, dtype=torch.float64)).shape == (5, 0, 3)


X = torch.randn(6, 2, 4)


@pytest.mark.parametrize(
    ("error", "argument", "call"),
    [
        (ValueError, "in_features", lambda: ss.SynapticDelayLinear(0, 3)),
        (ValueError, "out_features", lambda: ss.SynapticDelayLinear(3, 2.5)),
        (ValueError, "max_delay", lambda: ss.SynapticDelayLinear(3, 2, -1.0)),
        (ValueError, "sigma", lambda: ss.SynapticDelayLinear(3, 2, sigma=-1.0)),
        (ValueError, "x", lambda: ss.SynapticDelayLinear(3, 2).run(X)),
        (TypeError, "x", lambda: ss.SynapticDelayLinear(4, 2).run(X.int())),
        (TypeError, "state", lambda: ss.SynapticDelayLinear(4, 2).run(X, ss.State())),
        (ValueError, "state.history", lambda: ss.SynapticDelayLinear(4, 2).run(X, ss.DelayState(X))),
        (ValueError, "weight", lambda: ss.SynapticDelayLinear(4, 2).run(X.to("meta"))),
    ],
)
def test_bad_arguments_are_named(error, argument, call):
    with pytest.raises(error, match=rf"^{argument}:"):
        call()
