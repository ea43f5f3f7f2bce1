"""targets.toml against the numbers of the papers, typed in once more."""

import pytest

from spikescan.papers import targets
from spikescan.papers.experiment import experiments

NAMES = {
    *(f"spsn-{name}" for name in ("fig1", "fig2", "table2", "fig4", "fig5", "fig6")),
    *(f"mpe-{name}" for name in ("fig1", "fig3", "fig4", "table1", "table2")),
}


def numbers(name, quantity):
    return [
        value if one.deviation is None else (value, one.deviation)
        for one in targets.of(name).values
        if one.quantity == quantity
        for value in [one.value]
    ]


def test_every_published_table_and_figure_is_there():
    assert set(targets.published().experiments) == NAMES
    assert {one.paper for one in targets.published().experiments.values()} == set(targets.published().papers)


def test_every_experiment_has_its_targets():
    for name, experiment in experiments().items():
        assert targets.of(name).paper == experiment.paper


@pytest.mark.parametrize(
    ("name", "quantity", "expected"),
    [
        (
            "spsn-table2",
            "test_accuracy",
            [
                (73.99, 1.16),
                (85.09, 1.57),
                (77.08, 1.5),
                (86.89, 0.71),
                (89.23, 0.57),
                (75.32, 1.93),
                (86.1, 2.89),
                (89.73, 1.57),
                (70.24, 1.41),
                (69.4, 1.09),
            ],
        ),
        ("spsn-table2", "seconds_per_epoch", [286.72, 27.58, 30.4]),
        ("spsn-table2", "spikes_per_ms", [18.84, 171.14, 181.53]),
        ("spsn-table2", "train_accuracy", [100]),
        ("spsn-fig4", "spikes_per_ms", [120, 37, 18.84]),
        ("spsn-fig5", "ratio", [4000]),
        ("mpe-fig1", "ratio", [44, 22, 1]),
        ("mpe-fig3", "best_test_accuracy", [97.92]),
        ("mpe-fig3", "spike_rate", [5, 3, 1, 3, 5.5, 22, 0.7, 0.9, 2.8, 2.5, 4.3, 16.7]),
        ("mpe-fig4", "best_test_accuracy", [84.48, 83.47]),
        ("mpe-table1", "best_test_accuracy", [97.92, 84.48, 86.09, 86.69, 88.24]),
        ("mpe-table1", "test_accuracy", [96.53, 83.17, 85.38, 86.39, 87.5]),
        ("mpe-table2", "best_test_accuracy", [94.36]),
    ],
)
def test_the_numbers(name, quantity, expected):
    assert numbers(name, quantity) == expected


def test_every_target_of_an_accuracy_with_deviation_says_how_many_repeats():
    for one in targets.published().experiments.values():
        assert all(value.n == 10 for value in one.values if value.deviation is not None)
