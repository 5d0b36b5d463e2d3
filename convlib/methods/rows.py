"""Convolution row by row: columns along every axis but the first, whose windows stay as they lie.

im2col copies a cell once for every tap that reads it. Along the first axis that is not needed. Lay
the other axes out as columns, one row of the input after the other: then what row u of the output
reads is the block of rows ``u*s`` to ``u*s + N``, one beneath the other in memory. The block of row
u + 1 overlaps it, and a view may overlap. So a cell is copied N times, not N*N.

The price is a product for each row, where im2col has one for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .._arrays import (
    Array,
    Scratch,
    cast,
    keeps_scratch,
    moveaxis,
    namespace,
    new,
    pad,
    windows,
)
from .._threads import share
from ..geometry import Ints, Window, tiles
from ..lowering import kernel_first
from . import im2col

BLOCK_BYTES = 2 * 2**20
"""Bytes of lines laid out at once: what the outer caches hold between the copy and the products."""

WIDE = 28
"""Outputs in a row, from which on a product is worth its call."""

SMALL = 2**16
"""Weights of a group that may be read anew for every row: the cache beside the core holds them."""


def forward(x: Array, weight: Array, window: Window, *, groups: int, budget: int) -> Array:
    """``(G, K/G, R) @ (B, G, H, R, L)``: for each of H rows of outputs, its block of R lines."""
    if window.dilation[0] > 1:  # then a row's block would have lines between that it does not read
        return im2col.forward(x, weight, window, groups=groups, budget=budget)
    out, seen = window.output_size(tuple(x.shape[2:])), weight.shape[1]
    first = moveaxis(weight, 1, 2)  # each kernel's first axis, then its channels
    kernels = im2col.as_rows(first, groups)[:, None]  # (G, 1, K/G, R)
    y = new((len(x), groups, kernels.shape[2], out[0], math.prod(out[1:])), kernels, fill=False)
    shares = im2col.shares_of(x, x.shape, y.shape)

    def work(mine: Iterator[tuple[slice, ...]]) -> None:
        scratch = Scratch(kernels, keep=keeps_scratch(x, weight))
        for images, some, rows in mine:
            reach = window.reach(tuple(x.shape[2:]), (rows, *(slice(0, n) for n in out[1:])))
            slab = cast(x[images, im2col.channels_of(some, seen)], kernels.dtype)
            slab = pad(slab, reach, window.mode, scratch)
            blocks = _blocks(_lines(slab, window, seen, scratch), window)  # (B, g, rows, R, L)
            place = y[images, some, :, rows].swapaxes(2, 3)  # (B, g, rows, k, L)
            if scratch.keep:
                namespace(x).matmul(kernels[some], blocks, out=place)
            else:
                place[...] = kernels[some] @ blocks

    limit = _limit(y, kernels, window, min(budget, BLOCK_BYTES), max(1, shares))
    share(work, list(tiles((*y.shape[:2], out[0]), limit)), shares)
    return y.reshape(len(x), weight.shape[0], *out)


def suits(weight: Array, window: Window, out: Ints, groups: int) -> bool:
    """True where it pays: rows that overlap, wide enough for a product each, and few weights."""
    overlap = window.kernel_size[0] > window.stride[0] and window.dilation[0] == 1
    small = math.prod(weight.shape) // groups <= SMALL
    return overlap and small and math.prod(out[1:]) >= WIDE


def _limit(y: Array, kernels: Array, window: Window, most: int, shares: int) -> int:
    """Rows of outputs to a tile, in `most` bytes: some of one group, or all of some groups."""
    height, s, rows = window.kernel_size[0], window.stride[0], y.shape[3]
    line = kernels.shape[3] // height * y.shape[4] * y.dtype.itemsize  # bytes, a row of the input
    limit = most // (line * ((rows - 1) * s + height)) * rows or (most // line - height) // s + 1
    return max(1, min(limit, -(-y.shape[0] * y.shape[1] * rows // shares)))


def _lines(slab: Array, window: Window, seen: int, scratch: Scratch) -> Array:
    """Columns along every axis but the first: (B, g, rows, C/G*..., L)."""
    batch, channels = slab.shape[:2]
    rank = slab.ndim - 2
    across = Window(
        (1, *window.kernel_size[1:]),
        (1, *window.stride[1:]),
        (1, *window.dilation[1:]),
        ((0, 0),) * rank,
    )
    view = kernel_first(windows(slab, across))[:, :, 0]  # (B, C, *kernel, rows, *out)
    view = view.reshape(batch, channels // seen, seen, *view.shape[2:])
    view = moveaxis(view, 2 + rank, 2)  # (B, g, rows, C/G, *kernel, *out)
    laid = scratch("lines", view.shape)
    laid[...] = view
    lines, length = math.prod(view.shape[3 : 3 + rank]), math.prod(view.shape[3 + rank :])
    return laid.reshape(*laid.shape[:3], lines, length)


def _blocks(lines: Array, window: Window) -> Array:
    """What each row of outputs reads: overlapping blocks of lines, a view (B, g, rows, R, L)."""
    batch, groups, rows, each, length = lines.shape
    beneath = lines.reshape(batch, groups, rows * each, length)
    high, step = window.kernel_size[0] * each, window.stride[0] * each
    block = Window((high, 1), (step, 1), (1, 1), ((0, 0), (0, 0)))
    return windows(beneath, block)[..., 0].swapaxes(3, 4)
