"""Convolution as matrix products: lay the windows out as columns, a tile at a time, and multiply.

All at once, the columns would take about ``prod(kernel_size) / prod(stride)`` times the input's
memory. So the outputs are computed in tiles, each small enough that its columns fit a budget; one
buffer serves all tiles, and padding is added tile by tile. While torch's autograd records, every
tile keeps its own columns instead, because the backward pass reads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

from .._arrays import Array, Ints, accumulator, cast, is_transformed, namespace, new, pairwise
from .._windows import add_unpadded, pad, unpad
from .._work import Scratch, keeps_scratch, parts, share
from ..geometry import Pairs, Window, tiles
from ..lowering import from_columns, to_columns

COLUMN_BUDGET = 8 * 2**20
"""Bytes of columns laid out at once, unless the caller says otherwise: 8 MiB.

Small enough to stay in a CPU's outer cache between the copy that writes the columns and the
product that reads them. A tile holds one output at least, whatever the budget.
"""

Tile = tuple[tuple[slice, ...], Pairs]
Part = tuple[slice, slice]

WIDE = 64
"""Columns that make a good matrix product by themselves; narrower images share a tile."""

LONG = 2**10
"""Terms to a sum in a product of small matrices, at most: there the BLAS adds them one by one."""

SMALL = 2**8
"""Numbers in such a product; what is larger, the BLAS cuts into blocks itself."""


def forward(x: Array, weight: Array, window: Window, *, groups: int, budget: int) -> Array:
    """Columns, then one product: ``(G, K/G, R) @ (G, R, B*L)``, tile by tile."""
    rows = as_rows(weight, groups)
    out = window.output_size(tuple(x.shape[2:]))
    if is_transformed(x):
        return _at_once(x, rows, window, out)
    y = new((x.shape[0], weight.shape[0], *out), rows, fill=False)
    shares = parts(x, x.shape, y.shape, uses=rows.shape[1])
    limit = _limit(x.shape, y.shape, window, rows, budget, shares)
    places = _tiles(x.shape, y.shape, window, limit)
    pieces = _group_parts(groups, shares if len(places) == 1 else 1)

    def work(mine: Iterator[tuple[Tile, slice]]) -> None:
        with Scratch(rows, keep=keeps_scratch(x, weight)) as scratch:
            for (at, pairs), some in mine:
                slab = x[at[0], channels_of(some, x.shape[1] // groups)]
                slab = pad(slab, pairs, window.mode, scratch)
                count = some.stop - some.start
                columns = to_columns(cast(slab, rows.dtype), window, count, scratch)  # (g, R, B*L)
                place = (at[0], channels_of(some, rows.shape[1]), *at[2:])
                _multiply(rows[some], columns, y, place, scratch)

    share(work, list(product(places, pieces)), shares)
    return y


def _at_once(x: Array, rows: Array, window: Window, out: Ints) -> Array:
    """One tile, and no memory to write it to: what torch's transforms can follow."""
    padded = cast(pad(x, window.padding, window.mode), rows.dtype)
    sums = rows @ to_columns(padded, window, rows.shape[0], None)  # (G, K/G, B*L)
    return sums.reshape(rows.shape[0] * rows.shape[1], x.shape[0], *out).swapaxes(0, 1)


def _multiply(
    rows: Array, columns: Array, y: Array, at: tuple[slice, ...], scratch: Scratch
) -> None:
    """Write ``rows @ columns`` (g, k, B*L) to its place in `y`, at once where that is one run."""
    target = y[at]  # (B, g*k, *box)
    if scratch.keep and target.shape[0] == 1 and target.shape[3:] == y.shape[3:]:
        whole = target.reshape(*rows.shape[:2], columns.shape[-1])  # a view: rows of one image
        namespace(y).matmul(rows, columns, out=whole)
    else:
        batch, kernels, *box = target.shape
        sums = scratch.product("sums", rows, columns)
        y[at] = sums.reshape(kernels, batch, *box).swapaxes(0, 1)


def backward_input(
    grad: Array, weight: Array, window: Window, x_shape: Ints, *, groups: int, budget: int
) -> Array:
    """The adjoint in `x`: ``(G, R, K/G) @ (G, K/G, B*L)`` gives columns; add them back."""
    if is_transformed(grad):
        return _back_at_once(grad, as_rows(weight, groups), window, x_shape)
    grad_x = new(x_shape, weight, accumulator(weight))
    seen, grouped = weight.shape[1], _by_group(weight, groups)
    shares = parts(grad, x_shape, grad.shape, uses=grouped.shape[1])
    limit = _limit(x_shape, grad.shape, window, as_rows(weight, groups), budget, shares)
    places = _tiles(x_shape, grad.shape, window, limit)

    def work(mine: Iterator[Part]) -> None:
        for some, channels in mine:
            rows = grouped[some, :, channels]
            rows = rows.reshape(*rows.shape[:2], math.prod(rows.shape[2:]))  # (g, K/G, r)
            for at, pairs in places:
                batch, _, *out = grad[at].shape
                laid = _grouped(grad[at], groups, rows.dtype)[some]  # (g, K/G, B*L)
                size = tuple(n + sum(pair) for n, pair in zip(x_shape[2:], pairs, strict=True))
                slab = from_columns(rows.swapaxes(1, 2) @ laid, batch, tuple(out), size, window)
                target = grad_x[at[0], channels_of(some, seen, channels)]
                add_unpadded(target, slab, pairs, window.mode)

    share(work, _parts(groups, seen, shares), shares)
    return grad_x


def _back_at_once(grad: Array, rows: Array, window: Window, x_shape: Ints) -> Array:
    """The adjoint of `_at_once` in `x`."""
    columns = rows.swapaxes(1, 2) @ _grouped(grad, rows.shape[0], rows.dtype)  # (G, R, B*L)
    size, out = x_shape[2:], tuple(grad.shape[2:])
    padded = tuple(n + sum(pair) for n, pair in zip(size, window.padding, strict=True))
    slab = from_columns(columns, grad.shape[0], out, padded, window)
    return unpad(slab, size, window.padding, window.mode)


def backward_weight(
    grad: Array, x: Array, window: Window, weight_shape: Ints, *, groups: int, budget: int
) -> Array:
    """The adjoint in `weight`: ``(G, K/G, B*L) @ (G, B*L, R)``, summed over the tiles."""
    seen, rows = weight_shape[1], as_rows(new(weight_shape, x), groups)
    shares = parts(grad, x.shape, grad.shape, uses=rows.shape[1])
    limit = _limit(x.shape, grad.shape, window, rows, budget, shares)
    places = _tiles(x.shape, grad.shape, window, limit)
    found: dict[Ints, Array] = {}

    def products(at: Tile, some: slice, channels: slice, scratch: Scratch) -> Iterator[Array]:
        place, pairs = at
        slab = pad(x[place[0], channels_of(some, seen, channels)], pairs, window.mode, scratch)
        count = some.stop - some.start
        columns = to_columns(cast(slab, rows.dtype), window, count, scratch)  # (g, r, B*L)
        laid = _grouped(grad[place], groups, rows.dtype)[some]  # (g, K/G, B*L)
        long = LONG * max(1, laid.shape[1] * columns.shape[1] // SMALL)
        for start in range(0, max(1, laid.shape[2]), long):
            run = (..., slice(start, start + long))
            yield laid[run] @ columns[run].swapaxes(1, 2)

    def work(mine: Iterator[Part]) -> None:
        with Scratch(rows, keep=keeps_scratch(grad, x)) as scratch:
            for some, channels in mine:
                terms = (term for at in places for term in products(at, some, channels, scratch))
                found[some.start, channels.start] = pairwise(terms)  # (g, K/G, r)

    share(work, _parts(groups, seen, shares), shares)
    totals = [found[place] for place in sorted(found)]
    total = namespace(x).concatenate(totals, axis=0 if groups > 1 else 2)
    return total.reshape(weight_shape)


def _group_parts(groups: int, shares: int) -> list[slice]:
    return [some for (some,) in tiles((groups,), -(-groups // shares))]


def _parts(groups: int, each: int, shares: int) -> list[Part]:
    """Some groups, or some of the one group's channels, for each thread: none writes another's."""
    if groups > 1:
        return [(some, slice(0, each)) for some in _group_parts(groups, shares)]
    return [(slice(0, 1), channels) for (channels,) in tiles((each,), -(-each // shares))]


def channels_of(some: slice, each: int, chosen: slice | None = None) -> slice:
    """The channels of some groups; of a single group perhaps only those `chosen`."""
    chosen = chosen or slice(0, each)
    return slice(some.start * each + chosen.start, (some.stop - 1) * each + chosen.stop)


def _by_group(weight: Array, groups: int) -> Array:
    """(K, C/G, *kernel) as (G, K/G, C/G, *kernel), in the dtype of the sums."""
    kernels = weight.shape[0] // groups
    return cast(weight, accumulator(weight)).reshape(groups, kernels, *weight.shape[1:])


def as_rows(weight: Array, groups: int) -> Array:
    """Each kernel flattened to a row, the kernels of a group together: (G, K/G, R)."""
    kernels, rows = weight.shape[0], math.prod(weight.shape[1:])
    return cast(weight, accumulator(weight)).reshape(groups, kernels // groups, rows)


def _grouped(grad: Array, groups: int, dtype: object) -> Array:
    """A tile of the output's gradient (B, K, *box) as (G, K/G, B*L)."""
    batch, kernels, *box = grad.shape
    length = batch * math.prod(box)
    return cast(grad, dtype).swapaxes(0, 1).reshape(groups, kernels // groups, length)


def _limit(
    x_shape: Sequence[int],
    y_shape: Sequence[int],
    window: Window,
    rows: Array,
    budget: int,
    shares: int,
) -> int:
    """Outputs in a tile: neither its columns nor its results may exceed the budget.

    Inside torch's transforms one tile is all: to follow many takes it longer than they spare.
    """
    if is_transformed(rows):
        return max(1, y_shape[0] * math.prod(y_shape[2:]))
    column = x_shape[1] * math.prod(window.kernel_size)
    limit = max(1, budget // (rows.dtype.itemsize * max(1, column, y_shape[1])))
    cells = math.prod(y_shape[2:])
    if window.is_point and cells >= WIDE:  # one image at most: its own memory is the columns
        return min(limit, cells)
    outputs = y_shape[0] * cells  # a tile for each thread, if that leaves a good product
    return min(limit, max(4 * WIDE, -(-outputs // shares)))


def _tiles(
    x_shape: Sequence[int], y_shape: Sequence[int], window: Window, limit: int
) -> list[Tile]:
    """Where each tile stands in the output (batch, channels, *box), and how to pad for it."""
    batch, _, *out = y_shape
    return [
        ((images, slice(None), *box), window.reach(tuple(x_shape[2:]), box))
        for images, *box in tiles((batch, *out), limit)
    ]
