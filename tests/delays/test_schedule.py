"""`DelaySchedule`: σ of each epoch, for every delay of a network."""

from itertools import pairwise

import pytest
from torch import nn

import spikescan as ss


def test_sigma_falls_exponentially_from_half_the_taps():
    schedule = ss.DelaySchedule()
    found = [schedule.sigma(25, epoch, 40) for epoch in range(41)]
    assert found[0] == 12.5
    assert found[10:] == [pytest.approx(0.23)] * 31
    ratios = [after / before for before, after in pairwise(found[:11])]
    assert ratios == [pytest.approx((0.23 / 12.5) ** 0.1)] * 10
    assert ss.DelaySchedule(share=0.5, end=0.5).sigma(2, 10, 40) == pytest.approx(0.5**0.5)


def test_it_applies_to_every_delay_of_a_network_and_follows_from_the_epoch_alone():
    made = [
        nn.Sequential(ss.AxonalDelay(4, 24e-3), nn.ModuleList([ss.SynapticDelayLinear(4, 3, 8e-3)])) for _ in range(2)
    ]
    schedule = ss.DelaySchedule()
    for epoch in range(8):
        schedule.apply(made[0], epoch, 40)
    schedule.apply(made[1], 7, 40)  # resumed
    widths = [[value for name, value in network.state_dict().items() if "width" in name] for network in made]
    assert widths[0] == widths[1]
    assert [float(width) for width in widths[0]] == [
        pytest.approx(schedule.sigma(25, 7, 40)),
        pytest.approx(schedule.sigma(9, 7, 40)),
    ]
    assert set(schedule.__dict__) == {"share", "end"}


def test_it_projects_every_delay_of_a_network():
    network = nn.Sequential(ss.AxonalDelay(2, 5e-3), ss.SynapticDelayLinear(2, 1, 3e-3))
    network[0].delay.data.fill_(-1.0)
    network[1].positions.delay.data.fill_(9.0)
    ss.DelaySchedule().project(network)
    assert network[0].delay.tolist() == [0.0, 0.0]
    assert network[1].positions.delay.tolist() == [[3.0, 3.0]]


@pytest.mark.parametrize(
    ("error", "argument", "call"),
    [
        (ValueError, "share", lambda: ss.DelaySchedule(share=0.0)),
        (ValueError, "share", lambda: ss.DelaySchedule(share=1.5)),
        (ValueError, "end", lambda: ss.DelaySchedule(end=0.0)),
        (TypeError, "end", lambda: ss.DelaySchedule(end="1")),
        (ValueError, "epoch", lambda: ss.DelaySchedule().sigma(25, 41, 40)),
        (ValueError, "epoch", lambda: ss.DelaySchedule().sigma(25, -1, 40)),
    ],
)
def test_bad_arguments_are_named(error, argument, call):
    with pytest.raises(error, match=rf"^{argument}:"):
        call()
