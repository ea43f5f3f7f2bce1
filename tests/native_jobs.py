"""What test_native.py runs in processes of their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from forks import wait


def everything(steps: int = 60, rows: int = 3, features: int = 37) -> dict[str, torch.Tensor]:
    """Values and gradients of every neuron and of the scan, and draws."""
    import spikescan as ss
    from spikescan import firing

    neurons = {f"spsn {name}": ss.SPSN(8e-3, 5e-3, firing=name) for name in firing.FIRINGS}
    neurons["spsn half"] = ss.SPSN(memory="half")
    for reset in ("hard", "soft"):
        neurons[f"lif {reset}"] = ss.LIF(8e-3, 5e-3, reset=reset, detach_reset=False, surrogate="arctan")
    neurons["lif learned"] = ss.LIF(
        learn_tau=True, learn_threshold=True, features=features, threshold=0.3, surrogate="sigmoid"
    )
    neurons["li"] = ss.LeakyIntegrator(learn_tau=True, features=features)
    neurons["mpe previous"] = ss.MPEPSN(steps)
    neurons["mpe current"] = ss.MPEPSN(steps, estimate="current")
    found = {"draws": ss.random.uniform((steps, rows, features), seed=5, step=2**32 - 3, backend="native")}
    for dtype in (torch.float32, torch.float64):
        generator = torch.Generator().manual_seed(1)
        x, cotangent = torch.randn(2, steps, rows, features, dtype=dtype, generator=generator)
        for name, neuron in neurons.items():
            neuron.to(dtype).backend = "native"
            current = (2 * x + 0.3).requires_grad_()
            out = neuron.run(current, seed=3, potentials=True)
            total = (out.potential * cotangent).sum() + out.state.potential.sum()
            total = total if out.spikes is None else total + (out.spikes * cotangent.flip(0)).sum()
            total = total if out.estimation_loss is None else total + out.estimation_loss
            inputs = {"current": current, **dict(neuron.named_parameters())}
            gradients = torch.autograd.grad(total, list(inputs.values()))
            results = {"spikes": out.spikes, "potential": out.potential, "last potential": out.state.potential}
            results |= {f"gradient of {what}": value for what, value in zip(inputs, gradients, strict=True)}
            key = f"{name}, {str(dtype).removeprefix('torch.')}"
            found |= {f"{key}: {what}": value.detach() for what, value in results.items() if value is not None}
        for reverse in (False, True):
            v = ss.linear_scan(x, torch.linspace(0, 1, features), reverse=reverse, backend="native")
            found[f"scan, {reverse=}, {dtype}"] = v
        delay = ss.AxonalDelay(features, 24e-3, backend="native").to(dtype)
        delay.delay.data.copy_(torch.linspace(0, 24, features))
        current = x.clone().requires_grad_()
        out = delay(current)
        gradients = torch.autograd.grad(out, [current, delay.delay], cotangent)
        results = {"filtered": out.detach(), "gradient": gradients[0], "gradient of d": gradients[1]}
        results["shifted"] = delay.eval()(x)
        found |= {f"delay, {dtype}: {what}": value for what, value in results.items()}
    return found


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def missing() -> dict[str, object]:
    """With an empty folder for the kernels."""
    import spikescan as ss

    x, results = torch.randn(9, 2, 5), {}
    results["auto"] = [ss.SPSN()(x, seed=1), ss.linear_scan(x, 0.9), ss.random.uniform((9, 2, 5), seed=1)]
    results["reference"] = [
        ss.SPSN(backend="reference")(x, seed=1),
        ss.linear_scan(x, 0.9, backend="reference"),
        ss.random.uniform((9, 2, 5), seed=1, backend="reference"),
    ]
    for name, call in {
        "scan": lambda: ss.linear_scan(x, 0.9, backend="native"),
        "neuron": lambda: ss.LIF(backend="native")(x),
    }.items():
        try:
            call()
        except ValueError as error:
            results[name] = str(error)
    return results


class Spiking(torch.utils.data.Dataset):
    """A set whose samples are computed by a neuron."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, number: int) -> torch.Tensor:
        import spikescan as ss

        return ss.LIF(backend="native")(torch.full((400, 2, 64), float(number)))


def kernels(x: torch.Tensor, cotangent: torch.Tensor) -> list[bytes]:
    """What kernels give, forward and backward, without an operation of torch that would have threads of its own."""
    import spikescan as ss

    results = [ss.random.uniform(tuple(x.shape), seed=5), ss.linear_scan(x, 0.9)]
    for neuron in (ss.LeakyIntegrator(), ss.SPSN(firing="gumbel"), ss.LIF(), ss.MPEPSN()):
        current = x.detach().requires_grad_()
        out = neuron.run(current, seed=3)
        y = out.potential if out.spikes is None else out.spikes
        results += [y.detach(), *torch.autograd.grad(y, current, cotangent)]
    return [value.numpy().tobytes() for value in results]


def forked() -> dict[str, object]:
    """Kernels on two threads, then in a forked child that is told to take two as well, then in a loader's workers."""
    with threads(2):
        x, cotangent = torch.randn(2, 400, 8, 64)
        expected = kernels(x, cotangent)
        libraries = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libgomp" in line}
        child = os.fork()
        if child == 0:
            os._exit(0 if kernels(x, cotangent) == expected else 1)
        status = wait(child, 30)
        loader = torch.utils.data.DataLoader(Spiking(), num_workers=2, timeout=60, multiprocessing_context="fork")
        batches = torch.cat(list(loader))
        alone = torch.stack([Spiking()[number] for number in range(8)])
    return {"child": status, "loaded": torch.equal(batches, alone), "libraries": sorted(libraries)}
