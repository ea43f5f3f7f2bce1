"""Compiles, for a Hopper GPU, what a launcher launches: without a GPU, and down to machine code.

The interpreter forgives what the compiler refuses (types, shapes, constructs), so each is a test of its own.
"""

from collections.abc import Callable

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

TARGET = GPUTarget("cuda", 90, 32)
POINTERS = {
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.int32: "*i32",
    torch.int64: "*i64",
    torch.uint8: "*u8",
    torch.bool: "*i1",
}


def describe(parameter, value) -> tuple[str, object, list]:
    """(type, constant, attributes) of an argument, as Triton's own launch specialises it."""
    aligned = [["tt.divisibility", 16]]
    if parameter.is_constexpr:
        return "constexpr", value, []
    if isinstance(value, torch.Tensor):
        return POINTERS[value.dtype], None, aligned
    if isinstance(value, float):
        return "fp32", None, []
    if parameter.do_not_specialize:
        return "i32", None, []
    if value == 1:
        return "constexpr", 1, []
    return "i32", None, aligned if value % 16 == 0 else []


def compile_launch(kernel: JITFunction, arguments: tuple, options: dict):
    signature, constants, attributes = {}, {}, {}
    for index, (parameter, value) in enumerate(zip(kernel.params, arguments, strict=True)):
        signature[parameter.name], constant, attribute = describe(parameter, value)
        if signature[parameter.name] == "constexpr":
            constants[(index,)] = constant
        elif attribute:
            attributes[(index,)] = attribute
    source = ASTSource(kernel, signature, constants, attributes)
    return triton.compile(source, target=TARGET, options=options)


def compiled_by(monkeypatch, launch: Callable[[], None], **more) -> list:
    """What `launch` would have launched, compiled instead, with `more` options."""
    launches = {}

    def record(kernel, *arguments, grid, warmup, **options):
        key = kernel.__name__, *(value.dtype if isinstance(value, torch.Tensor) else value for value in arguments)
        launches[key] = kernel, arguments, options | more

    with monkeypatch.context() as patch:
        patch.setattr(JITFunction, "run", record)
        launch()
    return [compile_launch(*one) for one in launches.values()]
