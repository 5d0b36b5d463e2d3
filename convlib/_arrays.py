"""The seam: what differs between NumPy and torch is asked here. All else is what the two share.

torch is never imported here: a tensor cannot exist before somebody imported torch, so asking
``sys.modules`` is enough. Where an array lives is where the work runs: CUDA needs no second path.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from ._types import Ints

Array = Any  # a numpy.ndarray or a torch.Tensor; no protocol covers what the two share


def is_tensor(x: object) -> bool:
    """True for a torch tensor."""
    if type(x) is np.ndarray:  # asked many times a call: where that call is short, it shows
        return False
    # No type while another thread is half way through the import, or where a stub stands for torch.
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    return isinstance(tensor, type) and isinstance(x, tensor)


OLDEST_TORCH = "2.4"  # as the extra `torch` asks for; this name is the youngest that convlib needs
_YOUNGEST = "is_autocast_available"


def supported(tensor: Array) -> Array:
    """`tensor`, unless its torch is too old for convlib: a `RuntimeError` says so.

    A look for one name, each time: a compiler could follow neither a cache nor a flag.
    """
    torch = sys.modules["torch"]
    if not hasattr(getattr(torch, "amp", None), _YOUNGEST):
        raise RuntimeError(
            f"convlib needs torch {OLDEST_TORCH} or newer for tensors; this is torch "
            f"{getattr(torch, '__version__', 'of no version')}. "
            f'Use pip install --upgrade "torch>={OLDEST_TORCH}", or NumPy arrays.'
        )
    return tensor


def namespace(x: Array) -> ModuleType:
    """The library that `x` belongs to: the module numpy or torch."""
    return sys.modules["torch"] if is_tensor(x) else np


def moveaxis(x: Array, source: int | Ints, destination: int | Ints) -> Array:
    """``moveaxis``; NumPy's own takes longer to find the order of the axes than to use it."""
    if is_tensor(x):
        return x.movedim(source, destination)  # its other name has no batching rule for ints
    return x.transpose(_order(x.ndim, source, destination))


@cache
def _order(rank: int, source: int | Ints, destination: int | Ints) -> Ints:
    """Where each axis comes from: the order that `moveaxis` gives `rank` axes."""
    return tuple(np.moveaxis(np.empty(range(rank)), source, destination).shape)


def kind(x: Array) -> str:
    """What an array holds: "f" for floats, "c" for complex numbers, "i" for integers."""
    if is_tensor(x):
        return "f" if x.is_floating_point() else "c" if x.is_complex() else "i"
    return "i" if x.dtype.kind == "u" else x.dtype.kind


def is_whole(x: Array) -> bool:
    """True for an integer dtype."""
    return kind(x) == "i"


def is_recording(*arrays: Array) -> bool:
    """True while torch's autograd records: then no memory that it has seen may be reused."""
    return any(is_tensor(a) and a.requires_grad and namespace(a).is_grad_enabled() for a in arrays)


def is_transformed(x: Array) -> bool:
    """True for a tensor inside one of torch's transforms: compile, export, trace, vmap, jvp, ...

    Then work must be steps that torch can follow, batch and differentiate in its own way: no tiles
    whose number hangs on a size, and no memory that is written twice.
    """
    if not is_tensor(x):
        return False
    torch = namespace(x)
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return True  # first, for the compiler cannot look into the rest
    level = getattr(torch.autograd.forward_ad, "_current_level", -1)
    return level >= 0 or torch._C._functorch.peek_interpreter_stack() is not None


def is_linearized(x: Array) -> bool:
    """True inside of ``torch.func.linearize``, which loses what is written to part of a tensor."""
    if not is_transformed(x) or namespace(x).compiler.is_compiling():
        return False
    proxies = sys.modules.get("torch.fx.experimental.proxy_tensor")
    return proxies is not None and proxies.get_proxy_mode() is not None


def accumulator(x: Array) -> Any:
    """The dtype in which products of `x` are summed: float32 for half precision, else its own.

    In this machine's order of bytes, whatever that of `x`: a result is cast to the dtype of `x`.
    """
    if is_tensor(x):
        torch = namespace(x)
        return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    if x.dtype.kind == "f" and x.dtype.itemsize == 2:
        return np.dtype(np.float32)
    return x.dtype if x.dtype.isnative else x.dtype.newbyteorder("=")


def cast(x: Array, dtype: Any) -> Array:
    """`x` in `dtype`: itself where it has that dtype already."""
    if is_tensor(x):
        return x.to(dtype)
    if x.dtype == dtype:
        return x
    with np.errstate(over="ignore"):  # too large for half precision: infinity, as in torch
        return x.astype(dtype)


def new(shape: Sequence[int], like: Array, dtype: Any = None, *, fill: bool = True) -> Array:
    """Zeros of `shape` in the library, on the device and (by default) of the dtype of `like`.

    With ``fill=False`` the memory is left as found, for callers that write every cell.
    """
    if is_tensor(like):  # a method of `like`: where vmap batches that, it batches this
        made = like.new_zeros if fill else like.new_empty
        return made(tuple(shape), dtype=dtype or like.dtype)
    make = np.zeros if fill else np.empty
    return make(tuple(shape), dtype=dtype or like.dtype)


def beside(x: Array, *others: Array) -> Array:
    """What `new` is to be like, to hold values made of all these arrays: `x`, as a rule.

    Under vmap any of them may be a batch, and what is written to must then be one too.
    """
    if not is_transformed(x):
        return x
    return sum((cast(other.new_zeros(()), x.dtype) for other in others), x.new_zeros(()))
