"""Convolution by rows: columns along every axis but the first, whose rows stay as they lie.

im2col copies a cell once for every tap that reads it. Along the first axis that is not needed. Lay
the other axes out as columns, one line of them for each row of the input: then what the outputs
read lies there already, and the views of it may overlap. So a cell is copied N times, not N*N.

There are two such views. Row i of the kernels reads, for all rows of outputs at once, the lines
from i on: N matrix products, which are added up. Or row u of outputs reads the N lines from u*s on:
one product for each row. The first has sums to add, the second products to call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .._arrays import Array, Ints, accumulator, beside, cast, moveaxis, new
from .._windows import pad, step, windows
from .._work import Scratch, keeps_scratch, share
from ..geometry import Window, tiles
from ..lowering import kernel_first
from . import im2col

BLOCK_BYTES = 4 * 2**20
"""Bytes of lines and sums at once: what the outer caches hold between the copy and the products."""

WIDE = 28
"""Outputs in a row, from which on a product for each row is worth its call."""

BROAD = 56
"""Outputs in a row, from which on a product for it is better than one for each row of kernels."""

SMALL = 2**15
"""Weights of a group that may be read anew for every row: the cache beside the core holds them."""

LEAST = 2**16
"""Numbers that a row of kernels reads, from which on a product for it is worth its call."""


def forward(x: Array, weight: Array, window: Window, *, groups: int, budget: int) -> Array:
    """Lines of the input, and their products: by rows of the kernels, or by rows of outputs."""
    out, seen = window.output_size(tuple(x.shape[2:])), weight.shape[1]
    kernels = _rows_of_kernels(weight, groups)  # (N, G, k, R)
    like = beside(kernels, x)
    y = new((x.shape[0], *kernels.shape[1:3], out[0], math.prod(out[1:])), like, fill=False)
    shares = im2col.shares_of(x, x.shape, y.shape)
    multiply = (
        _by_kernel_rows if _goes_by_kernel_rows(weight, window, out, groups) else _by_output_rows
    )

    def work(mine: Iterator[tuple[slice, ...]]) -> None:
        scratch = Scratch(like, keep=keeps_scratch(x, weight))
        for images, some, rows in mine:
            reach = window.reach(tuple(x.shape[2:]), (rows, *(slice(0, n) for n in out[1:])))
            slab = cast(x[images, im2col.channels_of(some, seen)], kernels.dtype)
            slab = pad(slab, reach, window.mode, scratch)
            multiply(kernels[:, some], slab, window, y[images, some, :, rows], scratch)

    limit = _limit(y, kernels, window, min(budget, BLOCK_BYTES), max(1, shares))
    share(work, list(tiles((*y.shape[:2], out[0]), limit)), shares)
    return y.reshape(x.shape[0], weight.shape[0], *out)


def suits(weight: Array, window: Window, out: Ints, groups: int) -> bool:
    """True where it pays: rows that overlap, and enough in each product to be worth its call."""
    if len(out) < 2 or window.kernel_size[0] <= window.stride[0]:
        return False
    if _goes_by_kernel_rows(weight, window, out, groups):
        read = weight.shape[1] * groups * math.prod(window.kernel_size[1:]) * math.prod(out)
        return read >= LEAST and math.prod(out) >= 4 * weight.shape[0] // groups
    return math.prod(weight.shape) // groups <= SMALL and math.prod(out[1:]) >= WIDE


def _goes_by_kernel_rows(weight: Array, window: Window, out: Ints, groups: int) -> bool:
    """True where it goes by rows of kernels: these are few, and rows of outputs are not broad."""
    if window.dilation[0] > 1:  # then a row's lines do not lie one beneath the other
        return True
    sums, lines = weight.shape[0] // groups, weight.shape[1] * math.prod(weight.shape[3:])
    broad = math.prod(out[1:]) >= BROAD and math.prod(weight.shape) // groups <= SMALL
    return sums <= lines and not broad  # it adds to the sums, and spares copies of the lines


def _rows_of_kernels(weight: Array, groups: int) -> Array:
    """(K, C/G, N, *kernel) as a matrix for each row of the kernels, (N, G, k, R)."""
    kernels, seen, height = weight.shape[:3]
    across = math.prod(weight.shape[3:])
    turned = new((height, kernels, seen, across), weight, accumulator(weight), fill=False)
    taps = moveaxis(weight.reshape(kernels, seen, height, across), 2, 0)
    for tap in range(across):  # the runs of channels are longer than those of a few taps
        turned[..., tap] = taps[..., tap]
    return turned.reshape(height, groups, kernels // groups, seen * across)


def _limit(y: Array, kernels: Array, window: Window, most: int, shares: int) -> int:
    """Rows of outputs to a tile, in `most` bytes: some of one group, or all of some groups."""
    height, s, rows = window.span[0], window.stride[0], y.shape[3]
    line = sum(kernels.shape[2:]) * y.shape[4] * y.dtype.itemsize  # of columns, and of sums
    limit = most // (line * ((rows - 1) * s + height)) * rows or (most // line - height) // s + 1
    return max(1, min(limit, -(-y.shape[0] * y.shape[1] * rows // shares)))


def _columns(slab: Array, window: Window, seen: int) -> Array:
    """Columns along every axis but the first: a view (B, g, C/G, *kernel, rows, *out)."""
    across = Window(
        (1, *window.kernel_size[1:]),
        (1, *window.stride[1:]),
        (1, *window.dilation[1:]),
        ((0, 0),) * (slab.ndim - 2),
    )
    view = kernel_first(windows(slab, across))[:, :, 0]  # (B, C, *kernel, rows, *out)
    return view.reshape(slab.shape[0], slab.shape[1] // seen, seen, *view.shape[2:])


def _by_kernel_rows(
    kernels: Array, slab: Array, window: Window, y: Array, scratch: Scratch
) -> None:
    """Write the sum over i of ``kernels[i] @ lines[i::stride]`` to `y` (B, g, k, rows, L)."""
    rows, length = y.shape[3:]
    target = y.reshape(*y.shape[:3], rows * length)  # a view: the rows of `y` stand side by side
    lines: dict[int, Array] = {}
    for i, matrices in enumerate(kernels):
        # With a stride of s, all outputs together read every s-th line: one of s phases.
        shift, phase = divmod(i * window.dilation[0], window.stride[0])
        if phase not in lines:
            lines[phase] = _phase(phase, kernels, slab, window, y, scratch)
        block = lines[phase][..., shift * length : (shift + rows) * length]
        if i:
            target += scratch.product("products", matrices, block)
        else:
            scratch.multiply(matrices, block, target)


def _phase(
    phase: int, kernels: Array, slab: Array, window: Window, y: Array, scratch: Scratch
) -> Array:
    """Every s-th line, from the one called `phase` on, side by side: (B, g, R, rows*L)."""
    cells = slab[:, :, phase:]
    cells = cells[:, :, step(window.stride[0], cells.shape[2])]
    view = _columns(cells, window, slab.shape[1] // y.shape[1])
    laid = scratch(f"lines {phase}", view.shape)
    laid[...] = view
    return laid.reshape(*y.shape[:2], kernels.shape[3], cells.shape[2] * y.shape[4])


def _by_output_rows(
    kernels: Array, slab: Array, window: Window, y: Array, scratch: Scratch
) -> None:
    """Write ``kernels @ lines[u*stride : u*stride + N]`` to row u of `y` (B, g, k, rows, L)."""
    height, groups, count, each = kernels.shape
    view = _columns(slab, window, slab.shape[1] // groups)
    view = moveaxis(view, slab.ndim, 2)  # (B, g, rows, C/G, *kernel, *out)
    laid = scratch("lines", view.shape)
    laid[...] = view
    beneath = laid.reshape(*y.shape[:2], slab.shape[2] * each, y.shape[4])
    block = Window((height * each, 1), (window.stride[0] * each, 1), (1, 1), ((0, 0), (0, 0)))
    blocks = windows(beneath, block)[..., 0].swapaxes(3, 4)  # (B, g, rows, N*R, L), overlapping
    matrices = moveaxis(kernels, 0, 2).reshape(groups, 1, count, height * each)
    scratch.multiply(matrices, blocks, y.swapaxes(2, 3))
