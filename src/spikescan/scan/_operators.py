"""An operator of torch, and the short way to it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_batchedtensor, is_legacy_batchedtensor, peek_interpreter_stack
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import has_torch_function
from torch.utils._python_dispatch import is_in_torch_dispatch_mode


class Operator:
    """`body`, registered as `spikescan::name`, differentiable by `backward`.

    Where somebody looks on (a compiler, a tracer, a mode or a tensor class that counts, records or fakes, a transform
    of torch.func), a call goes through the registered operator. Else that machinery has nothing to do but costs about
    0.2 ms a call when its code has left the caches, and the same functions run as an `autograd.Function`, or alone.

    Args:
        body: tensors, None and constants to one tensor or some, none of them an argument itself; with
            types, of which torch makes the schema.
        fake: the same for the shapes alone.
        setup, backward: as `torch.library.register_autograd` takes them; `backward=None`: differentiating raises.
            Many gradients at once (`is_grads_batched`) raise as well.
        other: what offers that; said by the error.
    """

    def __init__(
        self,
        name: str,
        body: Callable[..., Any],
        fake: Callable[..., Any],
        setup: Callable[..., None] | None = None,
        backward: Callable[..., Any] | None = None,
        other: str = "backend='reference'",
    ) -> None:
        self.body = body = _of_plain_memory(body)
        self.op = torch.library.custom_op(f"spikescan::{name}", body, mutates_args=())
        self.op.register_fake(fake)
        self._function = None
        if backward is None or setup is None:
            self.op.register_autograd(_refuse(name, other), setup_context=_nothing)
            return
        backward = _one_at_a_time(name, backward, other)
        self.op.register_autograd(backward, setup_context=setup)

        # One method, because torch binds the arguments of two by inspecting a signature at each call.
        def forward(ctx: Any, *args: Any) -> Any:
            output = body(*args)
            setup(ctx, args, output)
            return output

        parts = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
        self._function = type(name, (torch.autograd.Function,), parts)

    def __call__(self, *args: Any) -> Any:
        if torch.compiler.is_compiling() or watched(args):
            return self.op(*args)
        if not torch.is_grad_enabled():
            return self.body(*args)
        return self.op(*args) if self._function is None else self._function.apply(*args)


def _of_plain_memory(body: Callable[..., Any]) -> Callable[..., Any]:
    """Kernels read memory as it is; torch may hold a tensor's with a mark that it is to be negated."""

    @wraps(body)
    def read(*args: Any) -> Any:
        return body(*[arg.resolve_neg() if isinstance(arg, Tensor) and arg.is_neg() else arg for arg in args])

    return read


def watched(args: tuple[Any, ...]) -> bool:
    """Whether more than values is asked of a call with these arguments."""
    tensors = [arg for arg in args if isinstance(arg, Tensor)]
    return (
        is_in_torch_dispatch_mode()
        or torch.jit.is_tracing()
        or peek_interpreter_stack() is not None
        or has_torch_function(tensors)
        or FakeTensor in map(type, tensors)  # outside its mode as well
    )


def _refuse(name: str, other: str) -> Callable[..., Any]:
    def refuse(ctx: Any, *grads: Any) -> None:
        raise NotImplementedError(
            f"double backward is not offered by the fused kernels (spikescan::{name}); use {other}, which autograd "
            "differentiates as often as wanted"
        )

    return refuse


def _one_at_a_time(name: str, backward: Callable[..., Any], other: str) -> Callable[..., Any]:
    def once(ctx: Any, *grads: Any) -> Any:
        if any(
            isinstance(grad, Tensor) and (is_legacy_batchedtensor(grad) or is_batchedtensor(grad)) for grad in grads
        ):
            raise NotImplementedError(
                f"many gradients at once (is_grads_batched, vmap) are not offered by spikescan::{name}; ask for one "
                f"after the other, or use {other}"
            )
        return backward(ctx, *grads)

    return once


def _nothing(ctx: Any, inputs: Any, output: Any) -> None:
    pass
