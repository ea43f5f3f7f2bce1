"""`AxonalDelay`: closed forms, chunks, lengths, its parameter, bad arguments."""

import io
import pickle
import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from delay_cases import axonal, convolved
from tolerances import assert_close

import spikescan as ss

each_backend = pytest.mark.parametrize("backend", ["reference", "native"])
each_mode = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def test_the_equation():
    delay, x = axonal(5, 9, sigma=1.7), torch.randn(20, 3, 5, dtype=torch.float64)
    k = torch.arange(9.0)[:, None]
    gauss = torch.exp(-(k - delay.delay.detach()).square() / (2 * delay.sigma**2))
    assert_close(delay(x), convolved(x, gauss / gauss.sum(0), None, None))


@each_backend
def test_an_integer_delay_with_a_narrow_gaussian_is_a_shift(backend):
    delay, x = axonal(4, 9, sigma=1e-3, backend=backend), torch.randn(20, 3, 4, dtype=torch.float64)
    delay.delay.data = torch.tensor([0.0, 3.0, 5.0, 8.0], dtype=torch.float64)
    y = delay(x)
    assert torch.equal(y, delay.eval()(x))
    for n, d in enumerate((0, 3, 5, 8)):
        assert torch.equal(y[d:, :, n], x[: 20 - d, :, n])
        assert not y[:d, :, n].any()


@each_mode
@each_backend
def test_chunks_equal_the_whole(backend, training):
    delay = axonal(70, 25, backend=backend).train(training)
    x = torch.randn(150, 3, 70, dtype=torch.float64, requires_grad=True)
    whole, state, parts = delay.run(x), None, []
    for first, last in pairwise([0, 1, 4, 70, 71, 150]):
        part, state = delay.advance(x[first:last], state)
        parts.append(part)
    assert_close(torch.cat(parts), whole.output)
    assert torch.equal(state.history, whole.state.history)
    leaves = [x, delay.delay] if training else [x]
    cotangent, after = torch.randn_like(x), torch.randn_like(state.history)
    expected = torch.autograd.grad([whole.output, whole.state.history], leaves, [cotangent, after])
    found = torch.autograd.grad([torch.cat(parts), state.history], leaves, [cotangent, after])
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)


@each_mode
@each_backend
def test_lengths(backend, training):
    """A row alone, without its padding, gives the same output and state; so do chunks with lengths of their own."""
    delay, lengths = axonal(5, 9, backend=backend).train(training), torch.tensor([20, 0, 7, 3])
    x = torch.randn(20, 4, 5, dtype=torch.float64)
    start = delay.run(torch.randn(9, 4, 5, dtype=torch.float64)).state
    out = delay.run(x, start, lengths=lengths)
    for b, length in enumerate(lengths.tolist()):
        assert not out.output[length:, b].any()
        if length:
            alone = delay.run(x[:length, b : b + 1], ss.DelayState(start.history[:, b : b + 1]))
            assert_close(out.output[:length, b : b + 1], alone.output)
            assert torch.equal(out.state.history[:, b : b + 1], alone.state.history)
        else:
            assert torch.equal(out.state.history[:, b], start.history[:, b])
    first = delay.run(x[:5], start, lengths=lengths.clamp(max=5))
    second = delay.run(x[5:], first.state, lengths=(lengths - 5).clamp(min=0))
    assert_close(torch.cat([first.output, second.output]), out.output)
    assert torch.equal(second.state.history, out.state.history)


def test_the_state_of_padding_that_is_not_finite():
    delay, x = axonal(2, 5), torch.randn(6, 2, 2, dtype=torch.float64)
    x[4:, 1] = torch.nan
    x.requires_grad_()
    out = delay.run(x, lengths=torch.tensor([6, 4]))
    gradients = torch.autograd.grad(out.state.history.sum() + out.output.sum(), [x, delay.delay])
    assert all(value.isfinite().all() for value in (*gradients, out.state.history, out.output))


def test_gradcheck_of_the_delays():
    x = torch.randn(12, 2, 3, dtype=torch.float64)
    delay = axonal(3, 6, sigma=1.0)
    delay.delay.data = torch.tensor([0.3, 2.4, 4.9], dtype=torch.float64)

    def function(d):
        return torch.func.functional_call(delay, {"delay": d}, (x,))

    assert torch.autograd.gradcheck(function, delay.delay.detach().requires_grad_())


def test_evaluation_rounds_and_gives_the_input_its_gradient():
    delay, x = axonal(3, 6).eval(), torch.randn(12, 2, 3, dtype=torch.float64, requires_grad=True)
    delay.delay.data = torch.tensor([-0.4, 2.6, 7.0], dtype=torch.float64)
    y = delay(x)
    for n, d in enumerate((0, 3, 5)):
        assert torch.equal(y[d:, :, n], x[: 12 - d, :, n])
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert gradient[:, 0, 2].tolist() == [1.0] * 7 + [0.0] * 5


def test_outside_of_the_range_a_delay_keeps_its_gradient_until_it_is_projected():
    delay, x = axonal(2, 6, sigma=1.0), torch.randn(12, 2, 2, dtype=torch.float64)
    gradients = []
    for values in ([-1.5, 6.5], [0.0, 5.0]):
        delay.delay.data = torch.tensor(values, dtype=torch.float64)
        y = delay(x)
        gradients.append(torch.autograd.grad(y.square().sum(), delay.delay)[0])
    assert_close(*gradients)
    assert gradients[0].all()
    delay.delay.data = torch.tensor([-1.5, 6.5], dtype=torch.float64)
    delay.project()
    assert delay.delay.tolist() == [0.0, 5.0]


def test_it_starts_uniform_from_torchs_generator():
    torch.manual_seed(5)
    delay = ss.AxonalDelay(4000, 0.25, 10e-3)
    torch.manual_seed(5)
    assert torch.equal(delay.delay, ss.AxonalDelay(4000, 0.25, 10e-3).delay)
    assert (delay.taps, delay.reach, delay.sigma) == (26, 25, 13.0)
    assert 0 <= delay.delay.min() < 0.1
    assert 24.9 < delay.delay.max() <= 25
    assert abs(float(delay.delay.detach().mean()) - 12.5) < 0.4
    assert "seconds (250 ms)" in ss.AxonalDelay.__doc__
    assert ss.AxonalDelay(1).reach == 250


def test_features_broadcast_over_images():
    delay, x = axonal((3, 1, 1), 5).eval(), torch.randn(9, 2, 3, 4, 2, dtype=torch.float64)
    out = delay.run(x)
    assert out.state.history.shape == (4, 2, 3, 4, 2)
    for c, d in enumerate(delay.rounded(delay.delay).flatten().tolist()):
        assert torch.equal(out.output[d:, :, c], x[: 9 - d, :, c])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_filtered_in_float32(dtype):
    delay, x = ss.AxonalDelay(5, 8e-3).half(), torch.randn(20, 3, 5).to(dtype)
    assert delay.delay.dtype == torch.float32
    out = delay.run(x)
    assert (out.output.dtype, out.state.history.dtype) == (dtype, torch.float32)
    assert torch.equal(out.output, delay(x.float()).to(dtype))
    assert torch.equal(delay.eval()(x), delay(x.float()).to(dtype))


@pytest.mark.parametrize("training", [True, False])
def test_no_graph_break(training):
    delay, lengths = axonal(5, 9).train(training), torch.tensor([20, 3, 7])
    x = torch.randn(20, 3, 5, dtype=torch.float64, requires_grad=True)

    def function(x):
        first = delay.run(x)
        return first.output + delay.run(x, first.state, lengths=lengths).output

    torch._dynamo.reset()
    y = torch.compile(function, fullgraph=True, backend="aot_eager")(x)
    assert_close(y, function(x))
    for one, other in zip(*(torch.autograd.grad(f.square().sum(), x) for f in (y, function(x))), strict=True):
        assert_close(one, other)


def test_the_state_is_a_pytree_that_is_saved_and_detached():
    delay, x = axonal(), torch.randn(20, 3, 5, dtype=torch.float64, requires_grad=True)
    state = delay.run(x).state
    assert torch.utils._pytree.tree_leaves(state) == [state.history]
    assert state.history.requires_grad
    assert not state.detach().history.requires_grad
    file = io.BytesIO()
    torch.save(state.detach(), file)
    file.seek(0)
    assert torch.equal(torch.load(file).history, state.history)
    assert torch.equal(pickle.loads(pickle.dumps(state.detach())).history, state.history)
    assert state.to("meta").history.device.type == "meta"


def test_a_state_is_loaded_where_no_delay_was_made_before(tmp_path):
    torch.save(axonal().run(torch.randn(3, 1, 5, dtype=torch.float64)).state, tmp_path / "state")
    program = (
        f"import torch, spikescan as ss; ss.DelayState; print(torch.load({str(tmp_path / 'state')!r}).history.shape)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "torch.Size([8, 1, 5])"


def test_the_width_is_saved_with_the_delays():
    delay, other = axonal(sigma=0.7), axonal()
    assert set(delay.state_dict()) == {"delay", "width"}
    other.load_state_dict(delay.state_dict())
    assert other.sigma == delay.sigma == pytest.approx(0.7)


BAD_OPTIONS = [
    (ValueError, "features", {"features": 0}),
    (ValueError, "features", {"features": None}),
    (ValueError, "max_delay", {"max_delay": 0.0}),
    (ValueError, "max_delay", {"max_delay": float("nan")}),
    (ValueError, "max_delay", {"max_delay": 1e-4}),
    (TypeError, "max_delay", {"max_delay": "1"}),
    (ValueError, "dt", {"dt": -1e-3}),
    (TypeError, "dt", {"dt": None}),
    (ValueError, "sigma", {"sigma": 0.0}),
    (ValueError, "sigma", {"sigma": float("inf")}),
    (TypeError, "sigma", {"sigma": "1"}),
    (ValueError, "backend", {"backend": "cpu"}),
]
X = torch.randn(6, 2, 5)
BAD_CALLS = [
    (TypeError, "x", X.int(), {}),
    (TypeError, "x", X.tolist(), {}),
    (ValueError, "x", X[0, 0], {}),
    (ValueError, "x", X[:0], {}),
    (ValueError, "features", X[..., :4], {}),
    (ValueError, "lengths", X, {"lengths": torch.tensor([1, 7])}),
    (TypeError, "lengths", X, {"lengths": [1, 2]}),
    (TypeError, "state", X, {"state": ss.State()}),
    (ValueError, "state.history", X, {"state": ss.DelayState(torch.zeros(8, 3, 5))}),
    (ValueError, "state.history", X, {"state": ss.DelayState(torch.zeros(8, 2, 5, device="meta"))}),
]


@pytest.mark.parametrize(("error", "argument", "options"), BAD_OPTIONS)
def test_bad_options_are_named(error, argument, options):
    with pytest.raises(error, match=rf"^{argument}:"):
        ss.AxonalDelay(**{"features": 3} | options)


@each_mode
@pytest.mark.parametrize(("error", "argument", "x", "options"), BAD_CALLS)
def test_bad_calls_are_named(error, argument, x, options, training):
    delay = ss.AxonalDelay(5, 8e-3).train(training)
    with pytest.raises(error, match=rf"^{argument}:"):
        delay.run(x, **options)


def test_a_delay_that_is_not_finite_shows():
    delay = ss.AxonalDelay(5, 8e-3)
    delay.delay.data[3] = torch.nan
    y = delay(X)
    assert y[..., 3].isnan().all()
    assert y[..., :3].isfinite().all()
    with pytest.raises(ValueError, match=r"^delay: finite numbers"):
        delay.eval()(X)
