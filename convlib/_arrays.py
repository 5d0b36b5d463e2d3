"""The one file that knows NumPy from torch. All else is written in what the two share.

torch is never imported here: a tensor cannot exist before somebody imported torch, so asking
``sys.modules`` is enough. Where an array lives is where the work runs: CUDA needs no second path.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache, wraps
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .geometry import Ints, Pairs, Window, source_index

Array = Any  # a numpy.ndarray or a torch.Tensor; no protocol covers what the two share

TORCH_NUMBERS = (
    *("float64", "float32", "float16", "bfloat16", "complex128", "complex64"),
    *("int64", "int32", "int16", "int8", "uint8"),
)
"""What torch can calculate with on every device: not its packed, quantised and unsigned dtypes."""

MEMORY = (
    os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if hasattr(os, "sysconf")
    else sys.maxsize  # Windows does not say
)
"""Bytes of memory in this machine: no array is made, or read, that is larger."""

F = TypeVar("F", bound=Callable[..., Any])


def ieee(function: F) -> F:
    """Decorates what calculates: NumPy warns of infinity and NaN, but here they are answers."""

    @wraps(function)
    def quiet(*args: Any, **options: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch is not None and torch.compiler.is_compiling():  # it cannot see through NumPy's
            return function(*args, **options)
        with np.errstate(all="ignore"):
            return function(*args, **options)

    return quiet  # type: ignore[return-value]


def is_tensor(x: object) -> bool:
    """True for a torch tensor."""
    if type(x) is np.ndarray:  # asked many times a call: where that call is short, it shows
        return False
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def namespace(x: Array) -> ModuleType:
    """The library that `x` belongs to: the module numpy or torch."""
    return sys.modules["torch"] if is_tensor(x) else np


def moveaxis(x: Array, source: int | Ints, destination: int | Ints) -> Array:
    """``moveaxis``; NumPy's own takes longer to find the order of the axes than to use it."""
    if is_tensor(x):
        return namespace(x).moveaxis(x, source, destination)
    return x.transpose(_order(x.ndim, source, destination))


@cache
def _order(rank: int, source: int | Ints, destination: int | Ints) -> Ints:
    """Where each axis comes from: the order that `moveaxis` gives `rank` axes."""
    return tuple(np.moveaxis(np.empty(range(rank)), source, destination).shape)


def check_arrays(where: str, **arrays: Array) -> None:
    """Raise unless all are dense arrays of one library, dtype and device, and hold numbers.

    The first array sets the rule for the rest.
    """
    for name, a in arrays.items():
        if not (type(a) is np.ndarray and 0 < a.nbytes <= MEMORY):  # nearly always it is
            _check_array(where, name, a)
    (first, x), *rest = arrays.items()
    for name, a in rest:
        _check_pair(where, first, x, name, a)
    if not _is_numeric(x):
        raise TypeError(
            f"{where}: {first} must hold numbers; got dtype {x.dtype}. Convert it, e.g. to float32."
        )


def _check_array(where: str, name: str, a: Array) -> None:
    """Raise unless `a` is a dense array or tensor that fits the memory."""
    # Exact types on purpose: a masked array or a matrix would lose its meaning in silence.
    if not is_tensor(a) and type(a) not in (np.ndarray, np.memmap):
        raise TypeError(
            f"{where}: {name} must be a numpy.ndarray or a torch.Tensor; got "
            f"{_type_name(a)}. Convert it, e.g. numpy.asarray({name})."
        )
    if is_tensor(a) and a.layout != namespace(a).strided:
        raise TypeError(
            f"{where}: {name} must be dense; got layout {a.layout}. Convert it: {name}.to_dense()."
        )
    check_memory(where, a, **{name: a.shape})


def _check_pair(where: str, first: str, x: Array, name: str, a: Array) -> None:
    """Raise unless `a` is of the library, the dtype and on the device of `x`."""
    if is_tensor(a) != is_tensor(x):
        from_numpy = name if is_tensor(x) else first
        raise TypeError(
            f"{where}: cannot mix {_type_name(x)} ({first}) and {_type_name(a)} ({name}); "
            f"convert one, e.g. torch.from_numpy({from_numpy})."
        )
    if a.dtype != x.dtype:
        convert = f"{name}.to({first}.dtype)" if is_tensor(x) else f"{name}.astype({first}.dtype)"
        raise TypeError(
            f"{where}: {first} and {name} must have one dtype; got {x.dtype} and {a.dtype}. "
            f"Convert one, e.g. {convert}."
        )
    if a.device != x.device:
        raise TypeError(
            f"{where}: {first} and {name} must be on one device; got {x.device} and "
            f"{a.device}. Move one, e.g. {name}.to({first}.device)."
        )


def check_memory(where: str, like: Array, **shapes: Sequence[int]) -> None:
    """Raise, before anything is made, for an array that would not fit the memory where `like` is.

    An empty axis counts as one cell: how long a loop over windows takes hangs on the others.
    """
    most = MEMORY
    if like.device != "cpu" and like.device.type != "cpu":
        cuda = like.device.type == "cuda"
        properties = namespace(like).cuda.get_device_properties
        most = properties(like.device).total_memory if cuda else sys.maxsize
    for name, shape in shapes.items():
        size = math.prod([max(1, n) for n in shape]) * like.dtype.itemsize
        if size > most:
            raise ValueError(
                f"{where}: {name.replace('_', ' ')} of shape {tuple(shape)} would take {size} "
                f"bytes, and there are {most} bytes of memory. Use smaller sizes."
            )


def as_batch(where: str, name: str, x: Array, rank: int) -> tuple[Array, bool]:
    """`x` with a batch axis, and whether it came with one."""
    if x.ndim not in (rank + 1, rank + 2):
        raise ValueError(
            f"{where}: {name} must have {rank + 2} axes (batch, channels, {rank} spatial) or "
            f"{rank + 1} (no batch); got {name}.shape={tuple(x.shape)}."
        )
    return (x, True) if x.ndim == rank + 2 else (x[None], False)


def _type_name(x: object) -> str:
    kind = type(x)
    module = "torch" if is_tensor(x) else kind.__module__
    return kind.__name__ if module == "builtins" else f"{module}.{kind.__name__}"


def _is_numeric(x: Array) -> bool:
    if is_tensor(x):
        return str(x.dtype).removeprefix("torch.") in TORCH_NUMBERS
    return x.dtype.kind in "iufc"


def is_whole(x: Array) -> bool:
    """True for an integer dtype."""
    if is_tensor(x):
        return not (x.is_floating_point() or x.is_complex())
    return x.dtype.kind in "iu"


def check_real(where: str, x: Array) -> None:
    """Raise for complex numbers: whose gradient it is would be a matter of convention."""
    if x.is_complex() if is_tensor(x) else x.dtype.kind == "c":
        raise TypeError(
            f"{where}: gradients here are those of real numbers; got dtype {x.dtype}. "
            f"Take the real and the imaginary part apart."
        )


def is_recording(*arrays: Array) -> bool:
    """True while torch's autograd records: then no memory that it has seen may be reused."""
    return any(is_tensor(a) and a.requires_grad and namespace(a).is_grad_enabled() for a in arrays)


def accumulator(x: Array) -> Any:
    """The dtype in which products of `x` are summed: float32 for half precision, else its own."""
    if is_tensor(x):
        torch = namespace(x)
        return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    half = x.dtype.kind == "f" and x.dtype.itemsize == 2
    return np.dtype(np.float32) if half else x.dtype


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
    xp = namespace(like)
    make = xp.zeros if fill else xp.empty
    return make(tuple(shape), dtype=dtype or like.dtype, device=like.device)


class Scratch:
    """Memory by name, for a loop over tiles: the next tile writes where the last one did.

    Fresh memory costs more than writing to it, since the system hands it out page by page. So for
    NumPy each thread keeps what it was given, up to `KEPT` bytes a name, for the next call too.
    With ``keep=False`` (autograd records, or torch compiles) each request gets its own memory.
    """

    def __init__(self, like: Array, dtype: Any = None, *, keep: bool = True) -> None:
        self.like, self.dtype, self.keep = like, dtype or like.dtype, keep
        self.mine: dict[str, Array] = {}

    def __call__(self, name: str, shape: Sequence[int], dtype: Any = None) -> Array:
        """An array of `shape`, its values whatever they were."""
        size = math.prod(shape)
        flat = self.mine.get(name)
        if flat is None or flat.shape[0] < size:
            flat = self._memory(name, size, dtype or self.dtype)
            if self.keep:
                self.mine[name] = flat
        return flat[:size].reshape(tuple(shape))

    def _memory(self, name: str, size: int, dtype: Any) -> Array:
        """At least `size` values: those that the thread has kept, where that may be."""
        count = size * dtype.itemsize
        if is_tensor(self.like) or not self.keep or count > KEPT:
            return new((size,), self.like, dtype, fill=False)
        kept = _THREAD.__dict__.setdefault("scratch", {})
        if name not in kept or len(kept[name]) < count:
            kept[name] = np.empty(-(-count // 16) * 16, np.uint8)  # whole numbers of any dtype
        return kept[name].view(dtype)

    def product(self, name: str, a: Array, b: Array) -> Array:
        """The matrix product ``a @ b``, written to the memory of that name."""
        if not self.keep:
            return a @ b
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        out = self(name, (*stack, a.shape[-2], b.shape[-1]), a.dtype)
        return namespace(a).matmul(a, b, out=out)

    def multiply(self, a: Array, b: Array, target: Array) -> None:
        """Write the matrix product ``a @ b`` to `target`: at once, where memory may be written."""
        if self.keep:
            namespace(a).matmul(a, b, out=target)
        else:
            target[...] = a @ b


_THREAD = threading.local()

KEPT = 8 * 2**20
"""Bytes of scratch memory that a thread keeps under one name."""


def keeps_scratch(*arrays: Array) -> bool:
    """True where memory may be written twice: autograd does not record, torch does not compile."""
    if is_recording(*arrays):
        return False
    return not (is_tensor(arrays[0]) and namespace(arrays[0]).compiler.is_compiling())


def join_tiles(cells: Array, image: Array, rank: int) -> None:
    """Write tiles (..., *n, *m) side by side to the `image` (..., n*m per axis)."""
    lead = image.ndim - rank
    split = [
        size
        for axes in zip(cells.shape[lead:-rank], cells.shape[-rank:], strict=True)
        for size in axes
    ]
    behind = tuple(range(lead, lead + rank)), tuple(range(lead, lead + 2 * rank, 2))
    image = image.reshape(*image.shape[:lead], *split)  # (..., n, m, n, m): a view
    _move(image, moveaxis(cells, *behind))


def _move(target: Array, source: Array) -> None:
    """Copy. Runs of 8 or 16 bytes go as one number each: several times as fast as cell by cell."""
    one = None if is_tensor(source) else RUNS.get(source.shape[-1] * source.dtype.itemsize)
    if one and source.strides[-1] == source.dtype.itemsize:
        target, source = target.view(one), source.view(one)
    target[...] = source


RUNS = {8: np.int64, 16: np.complex128}
"""Numbers of so many bytes, as which a run of cells may be copied."""


def windows(x: Array, window: Window) -> Array:
    """Every window of `x` (B, C, *spatial) as a view (B, C, *out, *kernel). No copy, no padding.

    Padding has been added, so `window.padding` is not read.
    """
    if is_tensor(x):
        for axis, (span, s) in enumerate(zip(window.span, window.stride, strict=True), start=2):
            x = x.unfold(axis, span, min(s, x.shape[axis]))  # moves its window axis to the end
        dilation = zip(window.dilation, window.span, strict=True)
        return x[(..., *(step(d, span) for d, span in dilation))]
    out, over, along = [], [], []  # how many windows; bytes to the next one; to the next tap
    axes = zip(x.shape[2:], x.strides[2:], window.span, window.stride, window.dilation, strict=True)
    for n, size, span, s, d in axes:
        out.append((n - span) // s + 1)
        over.append(size * min(s, n))
        along.append(size * min(d, n))
    shape, strides = (*x.shape[:2], *out, *window.kernel_size), (*x.strides[:2], *over, *along)
    return as_strided(x, shape, strides, writeable=False)


def step(s: int, size: int) -> slice:
    """Every s-th of `size` cells, from the first on. Beyond the size, torch's steps overflow."""
    return slice(None, None, min(s, max(1, size)))


def scatter(parts: Array, size: Ints, window: Window) -> Array:
    """The adjoint of `windows`: add (B, C, *out, *kernel) back to the (B, C, *size) it came from.

    Where windows overlap, the parts add up. One strided addition a tap, so no two writes of one
    addition meet.
    """
    rank = len(size)
    out = parts.shape[2 : 2 + rank]
    x = new((*parts.shape[:2], *size), parts)
    for tap in np.ndindex(*window.kernel_size):
        read = tuple(
            slice(t * d, t * d + (o - 1) * s + 1, min(s, n))
            for t, d, o, s, n in zip(tap, window.dilation, out, window.stride, size, strict=True)
        )
        cells = x[(..., *read)]
        cells += parts[(..., *tap)]
    return x


def pad(
    x: Array,
    pairs: Pairs,
    mode: str = "zeros",
    scratch: Scratch | None = None,
    *,
    channels_last: bool = False,
) -> Array:
    """Extend `x` (B, C, *spatial) by (before, after) cells per axis; a negative count crops.

    Gives `x` itself, or a view of it, where nothing is added. Else zeros, and `x` among them, in
    new memory or in that of `scratch`. With `channels_last` the channels of a cell stand there
    side by side, whether something is added or not; the shape is the same.
    """
    if mode != "zeros":
        for axis, pair in enumerate(pairs, start=2):
            x = _extend_axis(x, axis, pair, mode)
        pairs = ((0, 0),) * len(pairs)
    kept, placed = _overlap(x.shape[2:], pairs)
    grows = any(before > 0 or after > 0 for before, after in pairs)
    if not (grows or channels_last):
        return x[(..., *kept)]
    shape = [*x.shape[:2], *_padded_size(x.shape[2:], pairs)]
    if channels_last:
        shape.append(shape.pop(1))
    padded = scratch("padded", shape, x.dtype) if scratch else new(shape, x, fill=False)
    if channels_last:
        padded = moveaxis(padded, -1, 1)
    for axis, at in enumerate(placed, start=2):  # each cell is written once, the corners excepted
        lead = (slice(None),) * axis
        if at.start:
            padded[(*lead, slice(at.start))] = 0
        if at.stop < padded.shape[axis]:
            padded[(*lead, slice(at.stop, None))] = 0
    padded[(..., *placed)] = x[(..., *kept)]
    return padded


def add_unpadded(x: Array, padded: Array, pairs: Pairs, mode: str = "zeros") -> None:
    """The adjoint of `pad`, added into `x`: each padded cell goes to the cell that it copied."""
    if mode != "zeros":
        for axis in range(len(pairs) - 1, -1, -1):
            padded = _fold_axis(padded, axis + 2, x.shape[axis + 2], pairs[axis], mode)
        x += padded
        return
    kept, placed = _overlap(x.shape[2:], pairs)
    inner = x[(..., *kept)]  # named first: autograd refuses `x[whole] += ...`, which assigns twice
    inner += padded[(..., *placed)]


def _extend_axis(x: Array, axis: int, pair: tuple[int, int], mode: str) -> Array:
    """Put copies of its own cells before and after one axis of `x`."""
    lead = (slice(None),) * axis
    (kept,), (placed,) = _overlap(x.shape[axis : axis + 1], (pair,))
    source = source_index(x.shape[axis], *pair, mode)
    if placed == slice(0, len(source)):
        return x[(*lead, kept)]
    shape = list(x.shape)
    shape[axis] = len(source)
    extended = new(shape, x, fill=False)
    extended[(*lead, placed)] = x[(*lead, kept)]
    for ends in (slice(0, placed.start), slice(placed.stop, len(source))):
        extended[(*lead, ends)] = x[(*lead, source[ends])]
    return extended


def _fold_axis(padded: Array, axis: int, n: int, pair: tuple[int, int], mode: str) -> Array:
    """The adjoint of `_extend_axis`: sum the cells that copied the same one of `n` cells."""
    shape = list(padded.shape)
    shape[axis] = n
    folded = new(shape, padded)
    lead = (slice(None),) * axis
    (kept,), (placed,) = _overlap((n,), (pair,))
    inner = folded[(*lead, kept)]
    inner += padded[(*lead, placed)]
    for cell, source in enumerate(source_index(n, *pair, mode)):
        if not placed.start <= cell < placed.stop:
            target = folded[(*lead, source)]
            target += padded[(*lead, cell)]
    return folded


def _overlap(size: Sequence[int], pairs: Pairs) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Per axis, the cells of the input that are kept, and where they stand once padded."""
    kept, placed = [], []
    for n, (before, after) in zip(size, pairs, strict=True):
        start = max(0, -before)
        stop = max(start, n + min(0, after))
        kept.append(slice(start, stop))
        placed.append(slice(start + before, stop + before))
    return tuple(kept), tuple(placed)


def _padded_size(size: Sequence[int], pairs: Pairs) -> Ints:
    return tuple(n + sum(pair) for n, pair in zip(size, pairs, strict=True))


@cache
def pointwise_function() -> Any:
    """The class whose ``apply(x, value, slope)`` is ``value(x)``, with derivative ``slope(x)``.

    For maps of single elements on tensors. autograd asks `slope`, and does not look at the steps
    inside `value`. Made at its first use: torch is never imported here.
    """
    function: Any = sys.modules["torch"].autograd.Function

    class Pointwise(function):  # type: ignore[misc]
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Array, value: Callable[[Array], Array], slope: object) -> Array:
            return value(x)

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Array) -> None:
            x, _, ctx.slope = inputs
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)

        @staticmethod
        def backward(ctx: Any, grad: Array) -> tuple[Array, None, None]:
            return grad * ctx.slope(*ctx.saved_tensors), None, None

        @staticmethod
        def jvp(ctx: Any, tangent: Array, *_: None) -> Array:
            return tangent * ctx.slope(*ctx.saved_tensors)  # a diagonal is its own transpose

    return Pointwise
