"""What is timed, and what is counted in bytes, by functions whose passes and arrays are known."""

from dataclasses import replace

import pytest
import torch

from spikescan.bench import sizes, workbench
from spikescan.bench.results import Finding
from spikescan.bench.timing import Samples, Subject
from spikescan.bench.workbench import COPY, copy, kept_for_backward, layer, traffic

MOVED = {"copy": 100, "forward": 150, "backward": 250, "forward and backward": 400, "whole": 400}


class Noted(torch.autograd.Function):
    """x·w, which notes its passes and the gradients that it was given."""

    log, given = [], []

    @staticmethod
    def forward(ctx, x, w):
        Noted.log.append("forward")
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, *grads):
        Noted.log.append("backward")
        Noted.given.append(grads[0])
        x, w = ctx.saved_tensors
        return grads[0] * w, (grads[0] * x).sum()


@pytest.fixture
def noted(monkeypatch):
    monkeypatch.setattr(Noted, "log", [])
    monkeypatch.setattr(Noted, "given", [])
    return Noted


def test_a_layer_runs_forward_and_backward(noted):
    x, w = torch.randn(6, 2, 3, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    subject = layer("noted", lambda x: noted.apply(x, w), x, kind="peer", least=2)
    assert (subject.name, subject.kind, subject.least) == ("noted", "peer", 2)
    for _ in range(3):
        subject.step(lambda: noted.log.append("mark"))
    assert noted.log == ["forward", "mark", "backward"] * 3
    first, second, third = noted.given
    assert not torch.equal(first, second)
    assert torch.equal(first, third)
    assert x.grad is w.grad is None  # nothing is added to, from one repetition to the next


def test_a_layer_goes_back_to_its_parameters_from_all_it_returns(noted):
    x, w = torch.randn(6, 2, 3, requires_grad=True), torch.tensor(2.0, requires_grad=True)

    def call(x):
        return noted.apply(x, torch.ones(())), noted.apply(x.detach(), w).mean()

    layer("noted", call, x, parameters=(w,)).step(lambda: noted.log.append("mark"))
    assert noted.log == ["forward", "forward", "mark", "backward", "backward"]


def test_a_copy_goes_through_three_pairs(monkeypatch):
    places = []
    plain = torch.Tensor.copy_
    monkeypatch.setattr(torch.Tensor, "copy_", lambda a, b: places.append((a.data_ptr(), b.data_ptr())) or plain(a, b))
    subject = copy(torch.randn(4, 2, 3, requires_grad=True))
    for _ in range(6):
        subject.step(lambda: None)
    assert (subject.name, subject.kind) == (COPY, "copy")
    assert places[:3] == places[3:]
    assert len({place for pair in places for place in pair}) == 6


def test_bytes_kept_for_backward():
    x = torch.randn(10, 4, requires_grad=True)
    assert kept_for_backward(lambda: x.sigmoid()) == 160
    assert kept_for_backward(lambda: x * x) == 160  # one storage, saved twice
    assert kept_for_backward(lambda: x + 1) == 0


@pytest.mark.parametrize(
    ("call", "forward", "backward"),
    [
        (lambda x: x + 1, 320, 320),  # two arrays of 160 bytes each way
        (lambda x: x.sigmoid(), 480, 480),  # its output is kept: written once, and read once
        (lambda x: x * x, 320, 480),  # its input is kept, which nobody writes
        (lambda x: x * x.sigmoid(), 480, 640),  # both
    ],
    ids=["nothing", "output", "input", "both"],
)
def test_traffic(call, forward, backward):
    x, both = torch.randn(10, 4, requires_grad=True), forward + backward
    expected = {"copy": 320, "forward": forward, "backward": backward, "forward and backward": both, "whole": both}
    assert traffic(x, lambda: call(x)) == expected


def test_bytes_are_given_to_our_layers_and_copies_alone(bench, monkeypatch):
    """A copy moves 100 bytes a second; ours 100 bytes a second too, the fused LIF 50, and a phase what it moves."""
    taken = {
        "copy": Samples([1.0]),
        "ours": Samples([4.0], [1.0], [2.0]),
        "sequential": Samples([8.0]),
        "baseline": Samples([9.0], [3.0], [6.0]),
        "peer": Samples([9.0]),
    }
    monkeypatch.setattr(workbench, "take_turns", lambda *_: {COPY if k == "copy" else k: v for k, v in taken.items()})
    subjects = [Subject(COPY if kind == "copy" else kind, lambda mark: None, kind) for kind in taken]
    bench.time("row", (10, 2, 5), subjects, MOVED)
    found = [(one.kind, one.quantity, one.bytes, one.copy_fraction) for one in bench.results.measurements]
    assert found == [
        ("copy", "whole", 100, 1.0),
        ("ours", "forward and backward", 400, 1.0),
        ("ours", "forward", 150, 1.5),
        ("ours", "backward", 250, 1.25),
        ("sequential", "whole", 400, 0.5),
        ("baseline", "forward and backward", None, None),
        ("baseline", "forward", None, None),
        ("baseline", "backward", None, None),
        ("peer", "whole", None, None),
    ]


def test_without_a_copy_or_traffic_there_are_seconds_alone(bench, monkeypatch):
    monkeypatch.setattr(workbench, "take_turns", lambda *_: {"a": Samples([1.0, 3.0, 2.0])})
    bench.time("row", (0, 2, 5), [Subject("a", lambda mark: None)], {})
    (one,) = bench.results.measurements
    assert (one.median, one.repetitions, one.steps, one.neurons) == (2.0, 3, None, 10)
    assert one.bytes is one.copy_fraction is None


def test_only_the_sizes_of_the_demands_are_judged(bench):
    assert (sizes.FULL.judged, sizes.QUICK.judged) == (True, False)
    finding = Finding("row", "ours", "faster", 30.0, 25)
    bench.find(finding)
    bench.sizes = sizes.FULL
    bench.find(finding, replace(finding, measured=20.0))
    assert [one.verdict for one in bench.results.findings] == ["for information", "reached", "not reached"]
    assert [one.measured for one in bench.results.findings] == [30.0, 30.0, 20.0]
