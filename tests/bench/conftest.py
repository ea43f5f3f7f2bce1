"""A workbench on which everything takes as long as it is told to."""

import pytest
from torch import relu

from spikescan.bench import sizes, workbench
from spikescan.bench.peers import Peer
from spikescan.bench.results import Results
from spikescan.bench.timing import Samples


@pytest.fixture
def bench(tmp_path):
    peers = [Peer(f"{name} 9", lambda x: relu) for name in ("SpikingJelly", "snnTorch")]
    return workbench.Workbench("cpu", sizes.QUICK, Results(tmp_path, {}), peers, say=lambda line: None)


@pytest.fixture
def takes(monkeypatch):
    """Gives each subject the seconds that stand beside the beginning of its name; nothing is run."""

    def set_seconds(seconds):
        def of(name):
            return next(value for start, value in seconds.items() if name.startswith(start))

        def take_turns(subjects, clock, budget):
            return {one.name: Samples([of(one.name)]) for one in subjects}

        monkeypatch.setattr(workbench, "take_turns", take_turns)

    return set_seconds
