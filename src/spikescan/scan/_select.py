"""Which body of an operation runs: a table and a pure function. Nothing falls back in silence.

What `backend="auto"` takes:

| device | float32, float16, bfloat16 | float64 |
|---|---|---|
| cpu    | native | native |
| cuda   | triton | reference |
| other  | reference | reference |

Where the compiled kernels are missing, because there was no compiler when the package was installed, `auto` takes the
reference on a CPU, and says so once. No kernel has a custom firing function or surrogate: without a reset `auto`
integrates with the backend of the table and fires with torch's operations; with a reset it takes the reference loop.
"""

import os
from collections.abc import Callable, Mapping
from importlib import import_module

import torch
from torch import Tensor

from .. import native

BACKENDS = ("auto", "reference", "fft", "native", "triton")
AUTO = {
    ("cpu", torch.float64): "native",
    ("cpu", torch.float32): "native",
    ("cpu", torch.float16): "native",
    ("cpu", torch.bfloat16): "native",
    ("cuda", torch.float32): "triton",
    ("cuda", torch.float16): "triton",
    ("cuda", torch.bfloat16): "triton",
}
DEVICES = {"native": "cpu", "triton": "cuda"}
CONVERTING = {
    "triton": (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.uint8, torch.bool),
}
"""What a backend's kernels read and write as it lies in memory, and convert in registers."""


def check_backend(backend: str) -> str:
    if backend not in BACKENDS:
        raise ValueError(f"backend: {backend!r} is not one of {', '.join(BACKENDS)}")
    return backend


def resolve(backend: str, device: torch.device, dtype: torch.dtype) -> str:
    """The name of the backend that serves (device, dtype); an explicit one that cannot serve raises and says why."""
    check_backend(backend)
    if backend == "auto":
        taken = AUTO.get((device.type, dtype), "reference")
        if taken == "native" and native.missing():
            native.say_missing()
            return "reference"
        return taken
    interpreted = backend == "triton" and os.environ.get("TRITON_INTERPRET") == "1"
    if backend in DEVICES and device.type != DEVICES[backend] and not interpreted:
        raise ValueError(f"backend: {backend!r} needs a tensor on {DEVICES[backend]}, the current is on {device.type}")
    if backend == "native" and native.missing():
        raise ValueError(f"backend: {native.missing()}")
    return backend


def storage(backend: str, wanted: torch.dtype, inside: torch.dtype) -> torch.dtype:
    """The dtype in which the kernels of `backend` take or give a sequence that is `wanted` outside and is computed with
    as `inside`. Where the two differ and a kernel cannot convert, torch does, which is a pass over memory more."""
    return wanted if wanted in CONVERTING.get(backend, ()) else inside


def select(bodies: Mapping[str, Callable], backend: str, current: Tensor, what: str) -> Callable:
    """The function that computes `what` for `current` under `backend`."""
    name = resolve(backend, current.device, current.dtype)
    if name not in bodies:
        served = ", ".join(bodies)
        raise ValueError(f"backend: {name!r} has no {what}; it is served by {served}")
    return bodies[name]


def lazy(module: str, name: str) -> Callable:
    """The function `name` of a backend's module, imported at the first call: importing spikescan compiles nothing."""
    function = None

    def call(*args):
        nonlocal function
        if function is None:
            function = getattr(import_module(module), name)
        return function(*args)

    return call
