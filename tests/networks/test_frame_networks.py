"""What all convolutional networks share: neurons, state, seeds, padding, events, and no copy where time is folded."""

import pytest
import torch
from nets import SENSOR, B, T, counts, each_net, each_neuron, made
from tolerances import assert_close

import spikescan as ss
from spikescan.data.event_tensor import EventTensor
from spikescan.networks import ConvNet
from spikescan.networks._frames import folded


@each_net
@each_neuron
def test_every_neuron_trains(net, neuron):
    network, x = made(net, neuron), counts()
    out = network.run(x, seed=7, potentials=True)
    assert out.readout.shape == (T, B, 3)
    assert len(out.layers) == len(network.neurons)
    loss = out.readout.square().mean()
    for layer in out.layers:
        assert layer.spikes.shape == layer.potential.shape
        assert layer.spikes.shape[:2] == (T, B)
        assert (layer.estimation_loss is not None) == neuron.startswith("mpe")
        assert neuron == "relu" or set(layer.spikes.unique().tolist()) <= {0.0, 1.0}
        loss = loss + (0 if layer.estimation_loss is None else layer.estimation_loss)
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert (
        network.stages[0].folded[0].weight.grad.any() if net != "resnet19" else network.stem.folded[0].weight.grad.any()
    )


@each_net
def test_layers_are_the_neurons_of_their_currents(net):
    """Each layer's spikes, drawn by hand with the seed that is the layer's own."""
    network, x = made(net, "gs"), counts()
    currents = []
    for neuron in network.neurons:
        run = neuron.run
        neuron.run = lambda current, *a, run=run, **o: currents.append(current) or run(current, *a, **o)
    out = network.run(x, seed=7)
    for k, layer in enumerate(out.layers):
        again = ss.SPSN(firing="gumbel").run(currents[k], seed=ss.random.fold(7, k))
        assert torch.equal(layer.spikes, again.spikes)


@each_net
@each_neuron
@pytest.mark.parametrize("cuts", [[1], [2, 5]])
def test_chunks_equal_the_whole(net, neuron, cuts):
    network, x = made(net, neuron, steps=None).eval(), counts()
    whole = network.run(x, seed=7)
    state, parts = network.initial_state(7), []
    for first, last in zip([0, *cuts], [*cuts, T], strict=True):
        parts.append(network.run(x[first:last], state))
        state = parts[-1].state
    assert_close(torch.cat([part.readout for part in parts]), whole.readout)
    for k, layer in enumerate(whole.layers):
        assert_close(torch.cat([part.layers[k].spikes for part in parts]), layer.spikes)


@pytest.mark.parametrize("neuron", ["sb", "mpe"])
def test_chunked_training_has_the_wholes_gradients(neuron):
    network, x = made("conv", neuron).eval(), counts()
    gradients = []
    for runner in (network, ss.chunked(network, 4)):
        out = runner.run(x, seed=7)
        losses = [layer.estimation_loss for layer in out.layers if layer.estimation_loss is not None]
        loss = out.readout.square().mean() + sum(losses)
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    for found, expected in zip(*gradients, strict=True):
        assert_close(found, expected)


@each_net
def test_rows_are_independent_in_evaluation(net):
    network, x = made(net, "gs").eval(), counts()
    alone = network.run(x[:, :1], seed=7)
    assert_close(network.run(x, seed=7).readout[:, :1], alone.readout)
    assert not torch.equal(network.run(x, seed=7).readout, network.run(x, seed=8).readout)
    with pytest.raises(ValueError, match=r"^seed: the state already carries one"):
        network.run(x, alone.state, seed=7)


@each_net
@pytest.mark.parametrize("training", [False, True])
def test_padding_enters_nothing(net, training):
    """Whatever stands behind a sample, NaN included, reaches neither the others nor a statistic."""
    x, lengths = counts(), torch.tensor([4, T, 0])
    runs = []
    for garbage in (0.0, 1e3, torch.nan):
        network = made(net, "sb").train(training)
        torch.manual_seed(3)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        x[4:, 0] = x[:, 2] = garbage
        out = network.run(x, seed=7, lengths=lengths, potentials=True)
        for layer in out.layers:
            assert not layer.spikes[4:, 0].any()
            assert not layer.spikes[:, 2].any()
        runs.append((out, [buffer for name, buffer in network.named_buffers() if "running" in name]))
    for out, statistics in runs[1:]:
        assert torch.equal(out.readout[:4, 0], runs[0][0].readout[:4, 0])
        assert torch.equal(out.readout[:, 1], runs[0][0].readout[:, 1])
        assert all(torch.equal(a, b) for a, b in zip(statistics, runs[0][1], strict=True))


@each_net
def test_full_lengths_are_no_padding(net):
    x, results = counts(), []
    for lengths in (None, torch.full((B,), T)):
        torch.manual_seed(3)
        network = made(net, "sb")
        results.append(network.run(x, seed=7, lengths=lengths).readout)
        results.append(next(buffer for name, buffer in network.named_buffers() if name.endswith("running_var")))
    assert_close(results[2], results[0])
    assert_close(results[3], results[1], tolerance=1e-8)  # one of the two rounds the momentum to float32


@each_net
def test_events_equal_frames(net):
    network, x = made(net), counts()
    step, row, channel = x.flatten(2).nonzero(as_tuple=True)
    order = torch.argsort(row, stable=True)
    step, row, channel = (index[order].int() for index in (step, row, channel))
    value = x.flatten(2)[step.long(), row.long(), channel.long()]
    events = EventTensor(step, row, channel, (T, B, SENSOR[0] * SENSOR[1] * SENSOR[2]), value)
    expected = network.run(x, seed=7).readout
    assert torch.equal(network.run(events, seed=7).readout, expected)
    assert torch.equal(network.run(x.flatten(2), seed=7).readout, expected)
    p, y, column = 1, 3, 7  # the channel's place on the sensor, by the documented formula
    one = EventTensor(
        *(torch.tensor([k]).int() for k in (2, 1, (p * SENSOR[1] + y) * SENSOR[2] + column)), events.shape
    )
    plain = made("conv")
    assert plain.frames(one).nonzero().tolist() == [[2, 1, p, y, column]]


def test_resizing_is_bilinear_and_leaves_no_pixel_out():
    network = made("gesture", steps=None)
    x = counts()
    assert network.frames(x).shape == (T, B, 2, 32, 32)
    assert network.frames(torch.zeros(T, B, 2, 32, 32)).shape == (T, B, 2, 32, 32)
    halved = made("conv", size=5)
    flat = halved.frames(torch.full((1, 1, 2, 10, 10), 3.0))
    assert_close(flat, torch.full_like(flat, 3.0))
    for pixel in range(10):
        dot = torch.zeros(1, 1, 2, 10, 10)
        dot[..., pixel, pixel] = 1
        assert halved.frames(dot).sum() > 0
    ramp = torch.arange(20.0).expand(1, 1, 2, 20, 20)
    inner = halved.frames(ramp)[0, 0, 0, 0, 1:-1]
    assert_close(inner, 4 * torch.arange(1.0, 4.0, dtype=torch.float64) + 1.5)


def test_one_image_is_a_constant_current():
    network = made("conv", "gs", steps=5)
    image = counts(1)
    expected = made("conv", "gs", steps=None)
    expected.load_state_dict(network.state_dict())
    repeated = expected.run(image.expand(5, -1, -1, -1, -1), seed=7)
    for x in (image, image[0], image.flatten(2)):
        out = network.run(x, seed=7)
        assert torch.equal(out.readout, repeated.readout)
    assert torch.equal(
        network.run(image, seed=7, lengths=torch.ones(B, dtype=torch.int64)).layers[0].spikes, out.layers[0].spikes
    )
    assert len(network.run(image, out.state).readout) == 1  # with a state, a frame is a step
    assert len(network.run(counts(2), seed=7).readout) == 2
    assert len(expected.run(image, seed=7).readout) == 1


@each_net
def test_folding_time_copies_nothing(net):
    network, seen = made(net, "sb"), []

    def look(module, inputs, output):
        seen.append((inputs[0].data_ptr(), output.data_ptr()))

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.MaxPool2d | torch.nn.AvgPool2d | torch.nn.AdaptiveAvgPool2d):
            module.register_forward_hook(look)
    x = counts() if net == "conv" else network.frames(counts())
    out = network.run(x, seed=7)
    starts = {pointer for pointer, _ in seen}
    assert x.data_ptr() in starts
    used = {layer.spikes.data_ptr() for layer in out.layers[:-1]}
    flattened = {layer.spikes.data_ptr() for layer in out.layers if layer.spikes.dim() == 3}  # go into a Linear
    assert used - flattened <= starts
    y = folded(torch.nn.Identity(), x)
    assert y.data_ptr() == x.data_ptr()
    assert y.shape == x.shape


def test_wrong_inputs_are_named():
    network = made("conv")
    for wrong in (torch.zeros(T, B, 3, 10, 12), torch.zeros(T, B, 241), torch.zeros(T, B)):
        with pytest.raises(ValueError, match=r"^x: \(T, B, 2, H, W\), or \(T, B, 240\) for a sensor of \(2, 10, 12\)"):
            network.run(wrong)
    with pytest.raises(ValueError, match=r"^current: 3 steps, but the estimation loss"):
        network.run(counts(3))
    with pytest.raises(ValueError, match=r"^lengths"):
        network.run(counts(), lengths=torch.tensor([1]))
    for options, what in (({"size": 0}, "size"), ({"steps": 0}, "steps")):
        with pytest.raises(ValueError, match=f"^{what}: at least 1"):
            made("conv", **options)


def test_autocast_keeps_time_in_order():
    network, x = made("conv", "mpe").float(), counts().float()
    with torch.autocast("cpu", torch.bfloat16):
        out = network.run(x, seed=7)
        (out.readout.float().square().mean() + sum(layer.estimation_loss for layer in out.layers)).backward()
    assert out.readout.dtype == torch.bfloat16
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_compiles_without_a_graph_break():
    torch._dynamo.reset()
    network, x = made("conv", "sb").eval(), counts()
    compiled = torch.compile(lambda x, seed: network(x, seed), fullgraph=True, backend="aot_eager")
    assert_close(compiled(x, torch.tensor(7)), network(x, seed=7))
    torch._dynamo.reset()


@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (1, 4, 3, 8, 8), (6, 4, 3, 8, 8)], ids=str)
def test_images_in_chunks(shape):
    """A batch of images, or a single frame, is shown for `steps` steps, in chunks as at once."""
    network = ConvNet((4, "max"), 5, ss.MPEPSN, sensor=(3, 8, 8), steps=6).eval()
    x = torch.randn(shape)
    expected, found = (runner.run(x, seed=3) for runner in (network, ss.chunked(network, 4)))
    assert expected.readout.shape == (6, 4, 5)
    assert_close(found.readout, expected.readout)
    assert torch.equal(found.layers[0].spikes, expected.layers[0].spikes)
