"""Any leaky neuron: native against the reference in float64, forward and every gradient."""

import torch
from agreement import assert_agree
from hypothesis import given, settings
from hypothesis import strategies as st

import spikescan as ss
from spikescan import firing

surrogates = st.one_of(
    st.sampled_from(sorted(firing.SURROGATES)).map(firing.surrogate),
    st.builds(firing.FastSigmoid, st.floats(1, 50)),
    st.builds(firing.Triangular, st.floats(0.3, 2)),
    st.builds(firing.Sigmoid, st.floats(1, 8)),
    st.builds(firing.Arctan, st.floats(1, 8)),
)
activations = st.sampled_from(["identity", "sigmoid", "tanh", "relu_tanh"])
firings = st.one_of(
    st.builds(firing.Bernoulli, st.sampled_from(["sigmoid", "relu_tanh"])),
    st.builds(firing.Gumbel, st.one_of(st.just(1.0), st.floats(0.3, 4))),
    st.builds(firing.Escape, st.floats(0.3, 3), st.floats(-1, 1), st.floats(0.3, 2)),
    st.builds(firing.Threshold, activations, surrogates, st.floats(0.1, 0.7)),
    st.builds(firing.Delta, activations, surrogates, st.floats(0.02, 0.3)),
)
taus = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(1e-3, 50e-3))


@st.composite
def neurons(draw, features: int) -> ss.Neuron:
    learn = draw(st.booleans())
    tau = st.floats(1e-3, 50e-3) if learn else taus
    options = {"tau_mem": draw(tau), "tau_syn": draw(st.one_of(st.none(), tau)), "learn_tau": learn}
    kind = draw(st.sampled_from(["lif", "spsn", "li"]))
    if kind == "li":
        return ss.LeakyIntegrator(**options, features=features)
    if kind == "spsn":
        fire = draw(firings)
        options["learn_threshold"] = fire.default_threshold is not None and draw(st.booleans())
        return ss.SPSN(**options, firing=fire, features=features, deterministic=draw(st.booleans()))
    options["reset"] = draw(st.sampled_from(["hard", "soft"]))
    options["input_gain"] = draw(st.sampled_from(["leaky", "unit"]))
    options |= {"detach_reset": draw(st.booleans()), "learn_threshold": draw(st.booleans())}
    return ss.LIF(**options, surrogate=draw(surrogates), threshold=draw(st.floats(0.3, 1.5)), features=features)


@settings(max_examples=150)
@given(data=st.data(), steps=st.integers(1, 70), rows=st.integers(1, 4), features=st.integers(1, 40))
def test_native_agrees_with_the_reference(data, steps, rows, features):
    neuron = data.draw(neurons(features))
    lengths = data.draw(st.one_of(st.none(), st.lists(st.integers(0, steps), min_size=rows, max_size=rows)))
    torch.manual_seed(data.draw(st.integers(0, 2**32 - 1)))
    assert_agree(
        neuron,
        2 * torch.randn(steps, rows, features, dtype=torch.float64) + 0.3,
        start=data.draw(st.booleans()),
        lengths=None if lengths is None else torch.tensor(lengths),
        steady_share=0,
    )
