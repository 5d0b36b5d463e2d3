"""The one mechanism of `_windows` once more, for tensors inside of torch's transforms.

Every step gives a new tensor and writes to none, so that vmap can batch it, forward mode push
through it, and a compiler make it for any size. Outside of transforms views and buffers are faster.
"""

from __future__ import annotations

from ._arrays import Array, namespace, new
from ._types import Ints
from .geometry import Pairs, Window


def windows(x: Array, window: Window) -> Array:
    """Every window of `x` (B, C, *spatial), copied to (B, C, *out, *kernel)."""
    for axis in range(2, x.ndim):
        span, s = window.span[axis - 2], window.stride[axis - 2]
        cells = _cells(x, window, axis - 2, (x.shape[axis] - span) // s + 1)
        x = x.index_select(axis, cells.reshape(-1)).unflatten(axis, cells.shape)
        x = x.movedim(axis + 1, -1)
    return x


def scatter(parts: Array, size: Ints, window: Window) -> Array:
    """The adjoint of `windows`: (B, C, *out, *kernel) added up to (B, C, *size)."""
    for axis in reversed(range(2, 2 + len(size))):
        cells = _cells(parts, window, axis - 2, parts.shape[axis])
        parts = parts.movedim(-1, axis + 1).flatten(axis, axis + 1)
        parts = put(parts, axis, cells.reshape(-1), size[axis - 2])
    return parts


def _cells(like: Array, window: Window, axis: int, out: int) -> Array:
    """The cell that each tap of each window reads along one spatial axis: (out, kernel)."""
    counts = out, window.kernel_size[axis]
    starts, taps = (namespace(like).arange(n, device=like.device) for n in counts)
    return starts[:, None] * window.stride[axis] + taps * window.dilation[axis]


def put(parts: Array, axis: int, cells: Array, n: int) -> Array:
    """`n` cells along the axis: zeros, with each of the parts added to its cell."""
    shape = list(parts.shape)
    shape[axis] = n
    return new(shape, parts).index_add(axis, cells, parts)


def pad(x: Array, pairs: Pairs, mode: str) -> Array:
    """`x` extended by zeros, or by copies of its own cells; negative counts crop."""
    if mode == "zeros":
        return namespace(x).nn.functional.pad(x, [n for pair in reversed(pairs) for n in pair])
    for axis, pair in enumerate(pairs, start=2):
        x = x.index_select(axis, _sources(x, x.shape[axis], pair, mode))
    return x


def unpad(padded: Array, size: Ints, pairs: Pairs, mode: str) -> Array:
    """The adjoint of `pad`: each cell goes back to the one of (B, C, *size) that it copied."""
    if mode == "zeros":
        return pad(padded, tuple((-before, -after) for before, after in pairs), mode)
    for axis, (n, pair) in enumerate(zip(size, pairs, strict=True), start=2):
        padded = put(padded, axis, _sources(padded, n, pair, mode), n)
    return padded


def _sources(like: Array, n: int, pair: tuple[int, int], mode: str) -> Array:
    """`geometry.source_index` as a tensor."""
    cells = namespace(like).arange(-pair[0], n + pair[1], device=like.device)
    if mode == "circular":
        return cells % n
    if mode == "replicate":
        return cells.clip(0, n - 1)
    period = max(2 * (n - 1), 1)
    return (cells % period).minimum(-cells % period)
