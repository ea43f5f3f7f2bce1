"""Kernels on memory between pages that may not be touched: what reads or writes outside of an array ends the process.

`main` prints each case before it runs it. An array begins or ends where a page that is allowed does.
"""

import ctypes
import mmap
import sys
from collections.abc import Callable

import torch
from torch import Tensor

import spikescan as ss
from spikescan import firing
from spikescan.fused import _estimate_native, _native

PAGE = mmap.PAGESIZE
SHAPES = [(1, 1, 1), (3, 2, 5), (17, 3, 37), (33, 1, 129), (5, 4, 64), (20, 2, 1030), (40, 3, 160)]
NEURONS = {
    **{name: lambda features, name=name: ss.SPSN(firing=name) for name in firing.FIRINGS},
    "half": lambda features: ss.SPSN(memory="half"),
    "li": lambda features: ss.LeakyIntegrator(),
    "lif hard": lambda features: ss.LIF(),
    "lif soft": lambda features: ss.LIF(reset="soft", detach_reset=False, memory="half"),
    "learned": lambda features: ss.LIF(learn_tau=True, learn_threshold=True, features=features),
    "mpe previous": lambda features: ss.MPEPSN(),
    "mpe current": lambda features: ss.MPEPSN(estimate="current"),
}


def between_guards(tensor: Tensor | None, at_end: bool) -> Tensor | None:
    """A copy whose first number is the first of its pages, or whose last one is the last."""
    if tensor is None or tensor.numel() == 0:
        return tensor
    size = tensor.nbytes
    pages = -(-size // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (0, pages + 1):
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(start + page * PAGE), ctypes.c_size_t(PAGE), 0):
            raise OSError("a page cannot be protected")
    offset = (pages + 1) * PAGE - size if at_end else PAGE
    copy = torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel(), offset=offset).view(tensor.shape)
    return copy.copy_(tensor.detach())


def guarded(kernel: Callable, at_end: bool) -> Callable:
    """The kernel, on copies of all tensors that it is given; the last argument's, its results, are copied back."""

    def call(*arguments):
        copies = []

        def copy(value):
            if isinstance(value, list | tuple):
                return [copy(part) for part in value]
            if not isinstance(value, Tensor):
                return value
            copies.append((value, between_guards(value, at_end)))
            return copies[-1][1]

        result = kernel(*map(copy, arguments))
        with torch.no_grad():
            for original, changed in copies[len(copies) - sum(value is not None for value in arguments[-1]) :]:
                original.copy_(changed)
        return result

    return call


def everything(neuron: ss.Neuron, x: Tensor, lengths: Tensor | None) -> list[Tensor]:
    x = x.clone().requires_grad_()
    out = neuron.run(x, seed=7, lengths=lengths, potentials=True)
    y = out.potential if out.spikes is None else out.spikes + out.potential
    cotangent = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view(x.shape)
    return [y.detach(), out.state.potential.detach(), *torch.autograd.grad(y, [x, *neuron.parameters()], cotangent)]


KERNELS = [
    (module, name)
    for module, name in (
        (_native, "integrate_and_fire"),
        (_native, "integrate_and_fire_backward"),
        (_estimate_native, "estimate_and_fire"),
        (_estimate_native, "estimate_and_fire_backward"),
    )
]


def main() -> None:
    kernels = {(module, name): getattr(module, name) for module, name in KERNELS}
    for name, make in NEURONS.items():
        for number, shape in enumerate(SHAPES):
            dtype = torch.float64 if number % 2 else torch.float32
            lengths = torch.arange(shape[1]) * 7 % (shape[0] + 1) if number % 3 else None
            torch.manual_seed(0)
            neuron, x = make(shape[2]).to(dtype), torch.randn(shape, dtype=dtype)
            expected = everything(neuron, x, lengths)
            for at_end in (False, True):
                print(name, shape, dtype, "padded" if number % 3 else "", "end" if at_end else "begin", flush=True)
                for (module, kernel), body in kernels.items():
                    setattr(module, kernel, guarded(body, at_end))
                found = everything(neuron, x, lengths)
                for (module, kernel), body in kernels.items():
                    setattr(module, kernel, body)
                if not all(torch.equal(one, other) for one, other in zip(found, expected, strict=True)):
                    sys.exit("the place in memory changes the results")
