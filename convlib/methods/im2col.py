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


def forward(x: Array, weight: Array, window: Window, *, groups: int, budget: int) -> Array:
    """Columns, then one product: ``(G, K/G, R) @ (B, G, R, L)``, tile by tile."""
    rows = _as_rows(weight, groups)
    out = window.output_size(tuple(x.shape[2:]))
    y = new((x.shape[0], weight.shape[0], *out), rows, fill=False)
    buffer = None if is_recording(x, weight) else _buffer(x.shape, window, rows, budget)
    for at, pairs in _tiles(x.shape, window, rows, budget):
        slab = cast(pad(x[at[0]], pairs, window.mode), rows.dtype)
        product = rows @ to_columns(slab, window, groups, buffer)  # (B, G, K/G, L)
        y[at] = product.reshape(y[at].shape)
    return y


def backward_input(
    grad: Array,
    weight: Array,
    window: Window,
    x_shape: Ints,
    *,
    groups: int,
    budget: int,
) -> Array:
    """The adjoint in `x`: ``(G, R, K/G) @ (B, G, K/G, L)`` gives columns; add them back."""
    rows = _as_rows(weight, groups)
    grad_x = new(x_shape, rows)
    for at, pairs in _tiles(x_shape, window, rows, budget):
        columns = rows.swapaxes(1, 2) @ _grouped(grad[at], groups, rows.dtype)  # (B, G, R, L)
        out = tuple(box.stop - box.start for box in at[2:])
        size = tuple(n + sum(pair) for n, pair in zip(x_shape[2:], pairs, strict=True))
        add_unpadded(grad_x[at[0]], from_columns(columns, out, size, window), pairs, window.mode)
    return grad_x


def backward_weight(
    grad: Array,
    x: Array,
    window: Window,
    weight_shape: Ints,
    *,
    groups: int,
    budget: int,
) -> Array:
    """The adjoint in `weight`: ``(B, G, K/G, L) @ (B, G, L, R)``, summed over the batch."""
    total = new(weight_shape, x, accumulator(x))
    rows = _as_rows(total, groups)
    buffer = None if is_recording(grad, x) else _buffer(x.shape, window, rows, budget)
    for at, pairs in _tiles(x.shape, window, rows, budget):
        slab = cast(pad(x[at[0]], pairs, window.mode), rows.dtype)
        columns = to_columns(slab, window, groups, buffer)  # (B, G, R, L)
        products = _grouped(grad[at], groups, rows.dtype) @ columns.swapaxes(2, 3)
        total = total + products.sum(axis=0).reshape(weight_shape)
    return total


def _as_rows(weight: Array, groups: int) -> Array:
    """Each kernel flattened to a row, the kernels of a group together: (G, K/G, R)."""
    kernels, rows = weight.shape[0], math.prod(weight.shape[1:])
    return cast(weight, accumulator(weight)).reshape(groups, kernels // groups, rows)


def _grouped(grad: Array, groups: int, dtype: object) -> Array:
    """A tile of the output's gradient (B, K, *box) as (B, G, K/G, L)."""
    batch, kernels = grad.shape[:2]
    length = math.prod(grad.shape[2:])
    return cast(grad, dtype).reshape(batch, groups, kernels // groups, length)


def _tiles(
    x_shape: Sequence[int], window: Window, rows: Array, budget: int
) -> Iterator[tuple[tuple[slice, ...], Pairs]]:
    """Where each tile stands in the output (batch, channels, *box), and how to pad for it."""
    batch, channels, *size = x_shape
    column = channels * math.prod(window.kernel_size) * rows.dtype.itemsize
    limit = budget // max(1, column)
    for images, *box in tiles((batch, *window.output_size(tuple(size))), limit):
        yield (images, slice(None), *box), window.reach(tuple(size), box)


def _buffer(x_shape: Sequence[int], window: Window, rows: Array, budget: int) -> Array | None:
    """Memory for the columns of the largest tile; None where the input's own will do."""
    if window.is_point:
        return None
    batch, channels, *size = x_shape
    column = channels * math.prod(window.kernel_size)
    outputs = batch * math.prod(window.output_size(tuple(size)))
    limit = budget // max(1, column * rows.dtype.itemsize)
    return new((column * max(1, min(limit, outputs)),), rows, fill=False)
