import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikescan.data.arrays import from_arrays
from spikescan.data.bins import grid, steps, suggested_dt
from spikescan.data.dense_arrays import from_dense
from spikescan.errors import InputError


def events(*times, unit="us"):
    return from_arrays(list(times), [[0] * len(time) for time in times], [0] * len(times), unit=unit)


@given(st.integers(200, 2**31), st.integers(1, 5))
def test_the_median_recording_has_between_50_and_500_steps(last, samples):
    data = events(*([[0, last - 1, last]] * samples))
    dt = suggested_dt(data)
    digits = f"{round(dt * 1e6)}"
    assert digits[0] in "125"
    assert set(digits[1:]) <= {"0"}
    assert 50 <= np.median(steps(data, dt)) <= 500


@pytest.mark.parametrize(
    ("times", "dt"),
    [
        ([[0, 999_998]], 0.01),
        ([[0, 999_999]], 0.02),
        ([[0, 450_001]], 0.005),
        ([[7, 249_998]], 0.002),
        ([[7, 249_999]], 0.005),
        ([[0, 50]], 1e-6),
        ([[0, 1_000_003], [5], [0, 1_000_003], []], 0.02),
    ],
)
def test_the_rule(times, dt):
    assert suggested_dt(events(*times)) == pytest.approx(dt, rel=1e-12)


@pytest.mark.parametrize(
    ("period", "steps", "dt"),
    [
        (4_000, 100, 0.008),
        (4_000, 99, 0.004),
        (4_000, 25, 0.004),  # a narrower bin would leave every other one empty
        (10_000, 50, 0.01),
        (1_000, 1_000, 0.02),
        (33_333, 150, 0.066666),
    ],
)
def test_a_multiple_of_the_period_of_a_sensor(period, steps, dt):
    assert suggested_dt(events(np.arange(steps + 1) * period, [])) == pytest.approx(dt, rel=1e-12)


def test_the_period_of_a_sensor():
    times = np.arange(0, 100_000, 4000).astype(np.uint32)
    assert grid(times) == 4000
    assert grid(np.append(times, 12_001).astype(np.uint32)) == 1
    assert grid(times[:19]) == grid(np.zeros(50, np.uint32)) == grid(np.zeros(0, np.uint32)) == 1
    late = np.tile(times, 2**16)
    late[-1] = 6000
    assert grid(late) == 2000


@pytest.mark.parametrize(("length", "width"), [(10, 1), (500, 1), (501, 2), (784, 2), (1001, 5), (16_000, 50)])
def test_real_valued_data_keep_their_step_up_to_500_of_them(length, width):
    data = from_dense(np.zeros((3, length)), [0, 1, 0], dt=1e-3)
    assert suggested_dt(data) == pytest.approx(width * 1e-3)
    assert steps(data, suggested_dt(data)).max() <= 500


def test_nothing_to_suggest():
    with pytest.raises(InputError, match="data set arrays: no sample has an event; give dt"):
        suggested_dt(events([], []))


@pytest.mark.parametrize("dt", [0.0, 1e-7, float("nan")])
def test_steps_of_an_impossible_width(dt):
    with pytest.raises(ValueError, match="dt is"):
        steps(events([1]), dt)


def test_steps_are_those_of_a_batch():
    assert steps(events([], [0], [999], [1000], [5300, 10]), 1e-3).tolist() == [1, 1, 1, 2, 6]
