"""The one mechanism: windows that slide over an array, and the adjoint of each step.

Convolution contracts the windows with kernels, pooling reduces them, im2col lays them out. Padding,
cutting a tile's share of the input out, and their adjoints stand here too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, product
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import _transforms
from ._arrays import Array, is_tensor, is_transformed, moveaxis, new
from ._sums import BLOCK, CHAIN, axis_sums, pairwise
from ._types import Ints
from ._work import Scratch
from .geometry import Pairs, Window, padded_size, source_index

Tap = TypeVar("Tap")


def windows(x: Array, window: Window) -> Array:
    """Every window of `x` (B, C, *spatial) as a view (B, C, *out, *kernel). No copy, no padding.

    Padding has been added, so `window.padding` is not read.
    """
    if is_transformed(x):
        return _transforms.windows(x, window)
    if is_tensor(x):
        for axis, (span, s) in enumerate(zip(window.span, window.stride, strict=True), start=2):
            x = x.unfold(axis, span, min(s, x.shape[axis]))  # moves its window axis to the end
        return every(x, window.dilation)
    out, over, along = [], [], []  # how many windows; bytes to the next one; to the next tap
    axes = zip(x.shape[2:], x.strides[2:], window.span, window.stride, window.dilation, strict=True)
    for n, size, span, s, d in axes:
        out.append((n - span) // s + 1)
        # a step past the end is never taken, but could overflow
        over.append(size * min(s, n))
        along.append(size * min(d, n))
    shape, strides = (*x.shape[:2], *out, *window.kernel_size), (*x.strides[:2], *over, *along)
    return as_strided(x, shape, strides, writeable=False)


def every(x: Array, strides: Ints) -> Array:
    """Every s-th cell along each of the last axes, from the first on: a view."""
    sizes = x.shape[x.ndim - len(strides) :]
    return x[(..., *(step(s, n) for s, n in zip(strides, sizes, strict=True)))]


def step(s: int, size: int) -> slice:
    """Every s-th of `size` cells, from the first on. Beyond the size, torch's steps overflow."""
    return slice(None, None, min(s, max(1, size)))


def scatter(parts: Array, size: Ints, window: Window) -> Array:
    """The adjoint of `windows`: add (B, C, *out, *kernel) back to the (B, C, *size) it came from.

    Where windows overlap, the parts add up. One strided addition a tap, so no two writes of one
    addition meet. Many taps are added in blocks, for the digits of the sums.
    """
    if is_transformed(parts):
        return _transforms.scatter(parts, size, window)
    taps = list(product(*map(range, window.kernel_size)))
    out = math.prod(parts.shape[2 : 2 + len(size)])
    blocks = tap_blocks(taps, math.prod(size), out)
    return pairwise(_scatter_taps(parts, size, window, block) for block in blocks)


def tap_blocks(taps: Sequence[Tap], n: int, out: int) -> Iterator[Sequence[Tap]]:
    """`taps` in blocks to be summed apart, where each tap adds `out` cells to an image of `n`."""
    # each block fills an image of its own: where taps add few cells, more of them share one
    many = max(BLOCK, CHAIN * n // out)
    return (taps[start : start + many] for start in range(0, len(taps), many))


def _scatter_taps(parts: Array, size: Ints, window: Window, taps: Sequence[Ints]) -> Array:
    """What `scatter` makes of some of the taps."""
    rank = len(size)
    out = parts.shape[2 : 2 + rank]
    x = new((*parts.shape[:2], *size), parts)
    for tap in taps:
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
    if is_transformed(x):
        return _transforms.pad(x, pairs, mode)
    if mode != "zeros":
        for axis, pair in enumerate(pairs, start=2):
            x = _extend_axis(x, axis, pair, mode)
        pairs = ((0, 0),) * len(pairs)
    kept, placed = _overlap(x.shape[2:], pairs)
    grows = any(before > 0 or after > 0 for before, after in pairs)
    if not (grows or channels_last):
        return x[(..., *kept)]
    shape = [*x.shape[:2], *padded_size(x.shape[2:], pairs)]
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


def unpad(padded: Array, size: Ints, pairs: Pairs, mode: str = "zeros") -> Array:
    """The adjoint of `pad`: (B, C, *size), where each padded cell goes to the one it copied."""
    if is_transformed(padded):
        return _transforms.unpad(padded, size, pairs, mode)
    x = new((*padded.shape[:2], *size), padded)
    add_unpadded(x, padded, pairs, mode)
    return x


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
    before, after = _copied(x.shape[axis], kept, pair, mode)
    if not before and not after:
        return x[(*lead, kept)]
    shape = list(x.shape)
    shape[axis] += sum(pair)
    extended = new(shape, x, fill=False)
    extended[(*lead, placed)] = x[(*lead, kept)]
    extended[(*lead, slice(0, placed.start))] = x[(*lead, before)]
    extended[(*lead, slice(placed.stop, None))] = x[(*lead, after)]
    return extended


def _copied(n: int, kept: slice, pair: tuple[int, int], mode: str) -> tuple[list[int], list[int]]:
    """Which of n cells the padding copies, before those that are kept and after them."""
    start, stop = -pair[0], n + pair[1]  # a part cut from the padding alone ends before `kept`
    first = source_index(range(start, min(stop, kept.start)), n, mode)
    return first, source_index(range(max(start, kept.stop), stop), n, mode)


def _fold_axis(padded: Array, axis: int, n: int, pair: tuple[int, int], mode: str) -> Array:
    """The adjoint of `_extend_axis`: sum the cells that copied the same one of `n` cells."""
    shape = list(padded.shape)
    shape[axis] = n
    folded = new(shape, padded)
    lead = (slice(None),) * axis
    (kept,), (placed,) = _overlap((n,), (pair,))
    inner = folded[(*lead, kept)]
    inner += padded[(*lead, placed)]
    before, after = _copied(n, kept, pair, mode)
    add_to_cells(folded, before, padded[(*lead, slice(0, placed.start))], axis)
    add_to_cells(folded, after, padded[(*lead, slice(placed.stop, None))], axis)
    return folded


def add_to_cells(total: Array, cells: Iterable[int], parts: Array, axis: int) -> None:
    """Add slice u of `parts` along one axis to slice ``cells[u]`` of `total`, for every u.

    Where more than a few neighbours go to one cell, they are summed first.
    """
    lead, stop = (slice(None),) * axis, 0
    for cell, run in groupby(cells):
        start, stop = stop, stop + sum(1 for _ in run)
        target = total[(*lead, cell)]
        if stop - start > CHAIN:
            target += axis_sums(parts[(*lead, slice(start, stop))], axis)
        else:
            for u in range(start, stop):
                target += parts[(*lead, u)]


def _overlap(size: Sequence[int], pairs: Pairs) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Per axis, the cells of the input that are kept, and where they stand once padded."""
    kept, placed = [], []
    for n, (before, after) in zip(size, pairs, strict=True):
        start = max(0, -before)
        stop = max(start, n + min(0, after))
        kept.append(slice(start, stop))
        placed.append(slice(start + before, stop + before))
    return tuple(kept), tuple(placed)


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
    if one and source.strides[-1] == source.dtype.itemsize and source.dtype == target.dtype:
        target, source = target.view(one), source.view(one)
    target[...] = source


RUNS = {8: np.int64, 16: np.complex128}
"""Numbers of so many bytes, as which a run of cells may be copied."""
