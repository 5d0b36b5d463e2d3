"""Convolution as matrix products: lay the windows out as columns, a tile at a time, and multiply.

All at once, the columns would take about ``prod(kernel_size) / prod(stride)`` times the input's
memory. So the outputs are computed in tiles, each small enough that its columns fit a budget; one
buffer serves all tiles, and padding is added tile by tile. While torch's autograd records, every
tile keeps its own columns instead, because the backward pass reads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from .._arrays import Array, accumulator, add_unpadded, cast, is_recording, new, pad
from ..geometry import Ints, Pairs, Window, tiles
from ..lowering import from_columns, to_columns

COLUMN_BUDGET = 8 * 2**20
"""Bytes of columns laid out at once, unless the caller says otherwise: 8 MiB.

Small enough to stay in a CPU's outer cache between the copy that writes the columns and the
product that reads them. A tile holds one output at least, whatever the budget.
"""

WIDE = 64
"""Columns that make a good matrix product by themselves; narrower images share a tile."""


def forward(x: Array, weight: Array, window: Window, *, groups: int, budget: int) -> Array:
    """Columns, then one product: ``(G, K/G, R) @ (G, R, B*L)``, tile by tile."""
    rows = _as_rows(weight, groups)
    out = window.output_size(tuple(x.shape[2:]))
    y = new((x.shape[0], weight.shape[0], *out), rows, fill=False)
    limit = _limit(x.shape, y.shape, window, rows, budget)
    buffer = None if is_recording(x, weight) else _buffer(x.shape, y.shape, window, rows, limit)
    for at, pairs in _tiles(x.shape, y.shape, window, limit):
        slab = cast(pad(x[at[0]], pairs, window.mode), rows.dtype)
        product = rows @ to_columns(slab, window, groups, buffer)  # (G, K/G, B*L)
        batch, kernels, *box = y[at].shape
        y[at] = product.reshape(kernels, batch, *box).swapaxes(0, 1)
    return y


def backward_input(
    grad: Array, weight: Array, window: Window, x_shape: Ints, *, groups: int, budget: int
) -> Array:
    """The adjoint in `x`: ``(G, R, K/G) @ (G, K/G, B*L)`` gives columns; add them back."""
    rows = _as_rows(weight, groups)
    grad_x = new(x_shape, rows)
    limit = _limit(x_shape, grad.shape, window, rows, budget)
    for at, pairs in _tiles(x_shape, grad.shape, window, limit):
        batch, _, *out = grad[at].shape
        columns = rows.swapaxes(1, 2) @ _grouped(grad[at], groups, rows.dtype)  # (G, R, B*L)
        size = tuple(n + sum(pair) for n, pair in zip(x_shape[2:], pairs, strict=True))
        slab = from_columns(columns, batch, tuple(out), size, window)
        add_unpadded(grad_x[at[0]], slab, pairs, window.mode)
    return grad_x


def backward_weight(
    grad: Array, x: Array, window: Window, weight_shape: Ints, *, groups: int, budget: int
) -> Array:
    """The adjoint in `weight`: ``(G, K/G, B*L) @ (G, B*L, R)``, summed over the tiles."""
    total = _as_rows(new(weight_shape, x), groups)
    limit = _limit(x.shape, grad.shape, window, total, budget)
    buffer = None if is_recording(grad, x) else _buffer(x.shape, grad.shape, window, total, limit)
    for at, pairs in _tiles(x.shape, grad.shape, window, limit):
        slab = cast(pad(x[at[0]], pairs, window.mode), total.dtype)
        columns = to_columns(slab, window, groups, buffer)  # (G, R, B*L)
        total = total + _grouped(grad[at], groups, total.dtype) @ columns.swapaxes(1, 2)
    return total.reshape(weight_shape)


def _as_rows(weight: Array, groups: int) -> Array:
    """Each kernel flattened to a row, the kernels of a group together: (G, K/G, R)."""
    kernels, rows = weight.shape[0], math.prod(weight.shape[1:])
    return cast(weight, accumulator(weight)).reshape(groups, kernels // groups, rows)


def _grouped(grad: Array, groups: int, dtype: object) -> Array:
    """A tile of the output's gradient (B, K, *box) as (G, K/G, B*L)."""
    batch, kernels, *box = grad.shape
    length = batch * math.prod(box)
    return cast(grad, dtype).swapaxes(0, 1).reshape(groups, kernels // groups, length)


def _limit(
    x_shape: Sequence[int], y_shape: Sequence[int], window: Window, rows: Array, budget: int
) -> int:
    """Outputs in a tile: neither its columns nor its results may exceed the budget."""
    column = x_shape[1] * math.prod(window.kernel_size)
    limit = max(1, budget // (rows.dtype.itemsize * max(1, column, y_shape[1])))
    cells = math.prod(y_shape[2:])
    if window.is_point and cells >= WIDE:  # one image at most: its own memory is the columns
        limit = min(limit, cells)
    return limit


def _tiles(
    x_shape: Sequence[int], y_shape: Sequence[int], window: Window, limit: int
) -> Iterator[tuple[tuple[slice, ...], Pairs]]:
    """Where each tile stands in the output (batch, channels, *box), and how to pad for it."""
    batch, _, *out = y_shape
    for images, *box in tiles((batch, *out), limit):
        yield (images, slice(None), *box), window.reach(tuple(x_shape[2:]), box)


def _buffer(
    x_shape: Sequence[int], y_shape: Sequence[int], window: Window, rows: Array, limit: int
) -> Array | None:
    """Memory for the columns of the largest tile; None for a window of one cell.

    There the reshape in `to_columns` copies only where several small images share a tile.
    """
    if window.is_point:
        return None
    batch, _, *out = y_shape
    outputs = min(limit, batch * math.prod(out))
    return new((x_shape[1] * math.prod(window.kernel_size) * outputs,), rows, fill=False)
