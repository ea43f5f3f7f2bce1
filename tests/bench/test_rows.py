"""What the rows of single layers find, of seconds that are known beforehand; and what layers keep, in bytes."""

from dataclasses import replace
from importlib import import_module

import pytest

from spikescan.bench.rows import layers, map
from spikescan.bench.workbench import COPY
from spikescan.firing import FIRINGS

kept = import_module("spikescan.bench.rows.kept")  # in the package, the name is the function's
LOOP, PUBLISHED = "Python loop over unbind", "Python loop over x[:, t], as published"


@pytest.fixture
def bench(bench):
    bench.sizes = replace(
        bench.sizes,
        judged=True,
        layer=(12, 2, 8),
        device_layer=(64, 4, 32),
        device_long=(12, 2, 8),
        estimation=(4, 1, 8),
        map_steps=(4, 16, 64),
        map_neurons=(8,),
        patience=3.0,
    )
    return bench


def found(bench):
    return {(one.subject, one.what): (one.measured, one.demanded, one.at_least) for one in bench.results.findings}


def test_spsn(bench, takes):
    takes({COPY: 0.5, "SPSN": 3.0, "eq. (15)": 48.0})
    layers.spsn(bench)
    speed = {(f"SPSN {firing}", "faster than eq. (15) with torch.fft"): (16.0, 25, True) for firing in FIRINGS}
    passes = {(f"SPSN {firing}", "time over three copies"): (2.0, 2, False) for firing in FIRINGS}
    assert found(bench) == speed | passes


def test_lif(bench, takes):
    takes({COPY: 0.25, "LIF": 1.5, LOOP: 60.0, PUBLISHED: 120.0, "SpikingJelly": 36.0, "snnTorch": 24.0})
    layers.lif(bench)
    assert found(bench) == {
        ("LIF, fused", f"faster than a {LOOP}"): (40.0, 25, True),
        ("LIF, fused", f"faster than the {PUBLISHED}"): (80.0, None, True),
        ("LIF, fused", "time over three copies"): (2.0, None, True),
        ("LIF, fused", "faster than SpikingJelly 9"): (24.0, 20, True),
        ("LIF, fused", "faster than snnTorch 9"): (16.0, None, True),
    }


def test_mpe_psn(bench, takes):
    takes({COPY: 0.25, "MPE-PSN": 0.5, "the equations": 3.0})
    layers.mpe_psn(bench)
    assert found(bench) == {("MPE-PSN", "faster than the equations in plain torch"): (6.0, 5, True)}


def test_a_layer_that_takes_three_copies_reaches_their_bandwidth(bench, takes):
    """To a hundredth: its decays are a few bytes more than the six arrays."""
    takes({COPY: 0.5, "SPSN bernoulli": 1.5, "SPSN gumbel": 3.0})
    layers.bandwidth(bench)
    what = "share of the copy bandwidth"
    assert found(bench) == {
        ("SPSN bernoulli", what): (pytest.approx(100, rel=0.01), 60, True),
        ("SPSN gumbel", what): (pytest.approx(50, rel=0.01), 60, True),
    }


def test_a_long_sequence(bench, takes):
    takes({COPY: 1.0, "SPSN": 0.5, "LIF": 0.25, LOOP: 20.0, PUBLISHED: 40.0, "SpikingJelly": 12.0, "snnTorch": 8.0})
    layers.long(bench)
    assert found(bench) == {
        ("SPSN bernoulli", "faster than SpikingJelly 9"): (24.0, 10, True),
        ("SPSN bernoulli", f"faster than the {PUBLISHED}"): (80.0, 4000, True),
        ("SPSN bernoulli", f"faster than a {LOOP}"): (40.0, None, True),
        ("SPSN bernoulli", "faster than our own fused LIF"): (0.5, None, True),
        ("SPSN bernoulli", "faster than snnTorch 9"): (16.0, None, True),
    }


def test_a_demand_against_an_absent_peer_is_not_measured(bench, takes):
    takes({COPY: 0.25, "LIF": 0.5, "Python": 20.0})
    bench.peers = []
    layers.lif(bench)
    (finding,) = (one for one in bench.results.findings if "SpikingJelly" in one.what)
    assert (finding.verdict, finding.demanded) == ("not measured", 20)
    assert "--peers" in finding.note


def test_a_loop_is_predicted_from_its_last_length(bench, takes):
    """A second at T=4 is four at T=16 and sixteen at T=64; an eighth of one is half a second and two."""
    takes({COPY: 1.0, "SPSN": 1.0, "LIF": 1.0, LOOP: 1.0, "SpikingJelly": 0.5, "snnTorch": 0.125})
    map.comparison(bench)
    assert [(one.subject, one.steps, one.why) for one in bench.results.skipped] == [
        (LOOP, 16, "predicted 4 s per step"),
        (LOOP, 64, "predicted 16 s per step"),
    ]


def test_bytes_kept_for_a_neuron_and_step(bench):
    kept.kept(bench)
    whole, half = ([one for one in bench.results.findings if one.demanded == most] for most in (5, 2))
    assert {one.subject for one in whole} == {
        *(f"SPSN {firing}" for firing in FIRINGS),
        "LIF",
        "LIF, vanilla",
        "MPE-PSN",
    }
    assert {one.measured for one in whole} == {4}
    assert len(half) == 5
    assert all("memory=half" in one.subject for one in half)
    assert {one.measured for one in half} == {2}
    assert not any(one.at_least for one in whole + half)
    assert [one.median for one in bench.results.measurements] == [one.measured for one in bench.results.findings]
