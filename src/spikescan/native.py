"""The compiled CPU kernels: which library fits the processor, how it is loaded, how an operation of it is called.

`src/kernels` is compiled once for each instruction set, without Python and without torch, so that one library serves
every version of both. ctypes is enough to call it: an operation takes one struct of operands. Its tasks run on the
threads of the OpenMP runtime that torch itself has loaded, whatever name that has, and on as many as torch is set to.
"""

import ctypes
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

import spikescan

from .errors import InputError

LEVELS = {"DEFAULT": "v2", "AVX2": "v3", "AVX512": "v4"}
"""Instruction sets of x86-64, by what torch calls them."""
HEADER = "kernels-operands.h"
NUMBERS = {"int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "double": ctypes.c_double, "float": ctypes.c_float}
MISSING = (
    "the CPU kernels of spikescan are not installed: install a C++ compiler (g++ or clang++), then spikescan again; "
    "until then backends 'reference' and 'fft' serve the CPU, slowly"
)


def _instruction_set() -> str:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return "baseline"
    best = LEVELS.get(torch.backends.cpu.get_cpu_capability(), "v2")
    chosen = os.environ.get("SPIKESCAN_ISA", best)
    if chosen not in LEVELS.values() or chosen > best:
        raise InputError(f"SPIKESCAN_ISA: v2 to {best} can be chosen on this processor, found {chosen!r}")
    return chosen


def _load() -> tuple[ctypes.CDLL | None, str | None]:
    """The library, or why there is none."""
    own = os.environ.get("SPIKESCAN_KERNELS")  # a folder with kernels built in another way, as for a sanitizer
    for folder in [own] if own else spikescan.__path__:
        for path in Path(folder).glob(f"kernels-{_isa}.*"):
            try:
                return ctypes.CDLL(str(path)), None
            except OSError as error:
                return None, f"the CPU kernels of spikescan cannot be loaded: {error}"
    return None, MISSING


# At import, where it takes less than a millisecond: a compiler that traces a neuron then finds constants.
_isa = _instruction_set()
_library, _missing = _load()
_said = _forked = False


def isa() -> str:
    """The instruction set whose library is taken: SPIKESCAN_ISA if that is set, else the processor's best."""
    return _isa


def missing() -> str | None:
    """Why there are no CPU kernels, or None if there are."""
    return _missing


def say_missing() -> None:
    """Once, on stderr."""
    global _said
    if not _said and not torch.compiler.is_compiling():
        _said = True
        print(f"spikescan: {missing()}", file=sys.stderr)


def library() -> ctypes.CDLL:
    """Raises ValueError where there is none."""
    if _library is None:
        raise ValueError(f"backend: {missing()}")
    return _library


@cache
def openmp() -> ctypes.c_void_p | None:
    """Where torch's own OpenMP runtime begins a parallel region; None: kernels run on one thread."""
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    path = Path(torch.__file__).parent / "lib" / f"libtorch_cpu{suffix}"
    try:  # a look-up in a library searches those that it was linked to as well
        return ctypes.cast(ctypes.CDLL(str(path)).GOMP_parallel, ctypes.c_void_p)
    except (OSError, AttributeError):
        return None


def threads() -> int:
    """As many as torch is set to; one in a forked process, whose OpenMP threads stayed with its parent."""
    return 1 if _forked or openmp() is None else torch.get_num_threads()


def _after_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cache
def _structs() -> dict[str, type[ctypes.Structure]]:
    """The structs of operands, read from the header that lies beside the library: `src/kernels/spikescan.h`."""
    path, found = Path(library()._name).with_name(HEADER), {}
    if not path.exists():
        raise ValueError(f"the CPU kernels were built for another version of spikescan (no {path}); install it again")
    for name, body in re.findall(r"struct (\w+) \{(.*?)\};", re.sub("//.*", "", path.read_text()), re.DOTALL):
        fields = []
        for number, names in re.findall(r"(?:const )?(\w+) ?([^;]+);", body):
            kind = ctypes.c_void_p if "*" in names else NUMBERS[number]
            fields += [(field, kind) for field in re.findall(r"\w+", names)]
        found[name] = type(name, (ctypes.Structure,), {"_fields_": fields, "__slots__": ()})
    return found


def operation(name: str, struct: str) -> Callable[..., int]:
    """`spikescan_<name>` of the library, which takes a `struct` of operands.

    It is called with the struct's numbers and then its tensors, by the names of the fields: a tensor passes as where it
    begins, None as NULL, and what is not named is 0. It returns 0 if all went well. The library is loaded at the first
    call.
    """

    @cache
    def bound() -> tuple[Callable[..., int], type[ctypes.Structure]]:
        library().spikescan_use_openmp(openmp())
        operands, size = _structs()[struct], ctypes.c_int64.in_dll(library(), f"spikescan_{name}_size").value
        if size != ctypes.sizeof(operands):
            raise ValueError(
                f"the CPU kernels were built for another version of spikescan ({name}: {size} bytes of operands, not "
                f"{ctypes.sizeof(operands)}); install it again"
            )
        return getattr(library(), f"spikescan_{name}"), operands

    def call(numbers: Mapping[str, float], **tensors: Tensor | None) -> int:
        function, operands = bound()
        places = {name: tensor.data_ptr() for name, tensor in tensors.items() if tensor is not None}
        return function(ctypes.byref(operands(**numbers, **places)))

    return call
