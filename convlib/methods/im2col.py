"""Convolution as matrix products: lay the windows out as columns, a tile at a time, and multiply.

All at once, the columns would take about ``prod(kernel_size) / prod(stride)`` times the input's
memory. So the outputs are computed in tiles, each small enough that its columns fit a budget; one
buffer serves all tiles, and padding is added tile by tile. While torch's autograd records, every
tile keeps its own columns instead, because the backward pass reads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from .._arrays import Array, accumulator, cast, is_transformed, namespace, new
from .._layer import ConvLayer
from .._sums import pairwise
from .._tuning import LONG_SUM, SHARED_WIDE, SMALL_PRODUCT, WIDE
from .._windows import add_unpadded, pad, unpad
from .._work import Scratch, keeps_scratch, run, threads_for
from ..geometry import Pairs, padded_size, tiles
from ..lowering import from_columns, to_columns

Tile = tuple[tuple[slice, ...], Pairs]  # where it stands in the output, and how to pad for it
Part = tuple[slice, slice]  # groups, and the channels within one


def forward(x: Array, weight: Array, layer: ConvLayer) -> Array:
    """Columns, then one product: ``(G, K/G, R) @ (G, R, B*L)``, tile by tile."""
    rows = _as_rows(weight, layer.groups)
    if is_transformed(x):
        return _at_once(x, rows, layer)
    y = new(layer.y_shape, rows, fill=False)
    threads = threads_for(x, x.shape, y.shape, uses=layer.kernels)
    places = _tiles(layer, x, threads)
    # One tile: the threads share its groups instead.
    ranges = _group_ranges(layer.groups, threads if len(places) == 1 else 1)

    def compute(piece: tuple[Tile, slice], scratch: Scratch) -> None:
        (at, pairs), groups = piece
        slab = x[at[0], channel_range(groups, layer.depth)]
        slab = pad(slab, pairs, layer.window.mode, scratch)
        count = groups.stop - groups.start
        columns = to_columns(cast(slab, rows.dtype), layer.window, count, scratch)  # (g, R, B*L)
        place = (at[0], channel_range(groups, layer.kernels), *at[2:])
        _multiply(rows[groups], columns, y, place, scratch)

    pieces = product(places, ranges)
    run(compute, pieces, rows, threads=threads, keep=keeps_scratch(x, weight))
    return y


def _at_once(x: Array, rows: Array, layer: ConvLayer) -> Array:
    """One tile, and no memory to write it to: what torch's transforms can follow."""
    window = layer.window
    padded = cast(pad(x, window.padding, window.mode), rows.dtype)
    sums = rows @ to_columns(padded, window, layer.groups, None)  # (G, K/G, B*L)
    return sums.reshape(layer.y_shape[1], x.shape[0], *layer.out).swapaxes(0, 1)


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


def backward_input(grad: Array, weight: Array, layer: ConvLayer) -> Array:
    """The adjoint in `x`: ``(G, R, K/G) @ (G, K/G, B*L)`` gives columns; add them back."""
    if is_transformed(grad):
        return _back_at_once(grad, _as_rows(weight, layer.groups), layer)
    grad_x = new(layer.x_shape, weight, accumulator(weight))
    grouped = _by_group(weight, layer.groups)
    threads = threads_for(grad, grad_x.shape, grad.shape, uses=layer.kernels)
    places = _tiles(layer, grad, threads)

    def compute(part: Part, scratch: Scratch) -> None:
        groups, channels = part
        rows = grouped[groups, :, channels]
        rows = rows.reshape(*rows.shape[:2], math.prod(rows.shape[2:]))  # (g, K/G, r)
        for at, pairs in places:
            batch, _, *out = grad[at].shape
            grads = _grouped(grad[at], layer.groups, rows.dtype)[groups]  # (g, K/G, B*L)
            size = padded_size(layer.size, pairs)
            columns = rows.swapaxes(1, 2) @ grads
            slab = from_columns(columns, batch, tuple(out), size, layer.window)
            target = grad_x[at[0], channel_range(groups, layer.depth, channels)]
            add_unpadded(target, slab, pairs, layer.window.mode)

    run(compute, _parts(layer, threads), grad_x, threads=threads, keep=False)
    return grad_x


def _back_at_once(grad: Array, rows: Array, layer: ConvLayer) -> Array:
    """The adjoint of `_at_once` in `x`."""
    columns = rows.swapaxes(1, 2) @ _grouped(grad, layer.groups, rows.dtype)  # (G, R, B*L)
    window, out = layer.window, tuple(grad.shape[2:])
    padded = padded_size(layer.size, window.padding)
    slab = from_columns(columns, grad.shape[0], out, padded, window)
    return unpad(slab, layer.size, window.padding, window.mode)


def backward_weight(grad: Array, x: Array, layer: ConvLayer) -> Array:
    """The adjoint in `weight`: ``(G, K/G, B*L) @ (G, B*L, R)``, summed over the tiles."""
    threads = threads_for(grad, x.shape, grad.shape, uses=layer.kernels)
    # Inside torch's transforms one tile is all: to follow many takes it longer than they spare.
    places = _tiles(layer, x, threads, whole=is_transformed(x))
    found: dict[tuple[int, int], Array] = {}

    def compute(part: Part, scratch: Scratch) -> None:
        groups, channels = part
        terms = (term for at in places for term in _products(grad, x, layer, at, part, scratch))
        found[groups.start, channels.start] = pairwise(terms)  # (g, K/G, r)

    parts, keep = _parts(layer, threads), keeps_scratch(grad, x)
    run(compute, parts, x, threads=threads, dtype=accumulator(x), keep=keep)
    totals = [found[at] for at in sorted(found)]
    total = namespace(x).concatenate(totals, axis=0 if layer.groups > 1 else 2)
    return total.reshape(layer.weight_shape)


def _products(
    grad: Array, x: Array, layer: ConvLayer, tile: Tile, part: Part, scratch: Scratch
) -> Iterator[Array]:
    """What a tile adds to the gradients of some kernels: a product for each run of its outputs."""
    (at, pairs), (groups, channels) = tile, part
    slab = x[at[0], channel_range(groups, layer.depth, channels)]
    slab = cast(pad(slab, pairs, layer.window.mode, scratch), accumulator(x))
    columns = to_columns(slab, layer.window, groups.stop - groups.start, scratch)  # (g, r, B*L)
    grads = _grouped(grad[at], layer.groups, columns.dtype)[groups]  # (g, K/G, B*L)
    # Small products are summed term by term: at most so many terms in each.
    long = LONG_SUM * max(1, grads.shape[1] * columns.shape[1] // SMALL_PRODUCT)
    for start in range(0, max(1, grads.shape[2]), long):
        along = (..., slice(start, start + long))
        yield grads[along] @ columns[along].swapaxes(1, 2)


def _group_ranges(groups: int, count: int) -> list[slice]:
    """The groups, cut into `count` ranges."""
    return [at for (at,) in tiles((groups,), -(-groups // count))]


def _parts(layer: ConvLayer, threads: int) -> list[Part]:
    """Some groups, or some of the one group's channels, for each thread: none writes another's."""
    depth = layer.depth
    if layer.groups > 1:
        return [(at, slice(0, depth)) for at in _group_ranges(layer.groups, threads)]
    return [(slice(0, 1), channels) for (channels,) in tiles((depth,), -(-depth // threads))]


def channel_range(groups: slice, each: int, within: slice | None = None) -> slice:
    """The channels of some groups, `each` of a group; of a single group perhaps only `within`."""
    within = within or slice(0, each)
    return slice(groups.start * each + within.start, (groups.stop - 1) * each + within.stop)


def _by_group(weight: Array, groups: int) -> Array:
    """(K, C/G, *kernel) as (G, K/G, C/G, *kernel), in the dtype of the sums."""
    kernels = weight.shape[0] // groups
    return cast(weight, accumulator(weight)).reshape(groups, kernels, *weight.shape[1:])


def _as_rows(weight: Array, groups: int) -> Array:
    """Each kernel flattened to a row, the kernels of a group together: (G, K/G, R)."""
    kernels, rows = weight.shape[0], math.prod(weight.shape[1:])
    return cast(weight, accumulator(weight)).reshape(groups, kernels // groups, rows)


def _grouped(grad: Array, groups: int, dtype: object) -> Array:
    """A tile of the output's gradient (B, K, *box) as (G, K/G, B*L)."""
    batch, kernels, *box = grad.shape
    length = batch * math.prod(box)
    return cast(grad, dtype).swapaxes(0, 1).reshape(groups, kernels // groups, length)


def _tiles(layer: ConvLayer, like: Array, threads: int, *, whole: bool = False) -> list[Tile]:
    """The outputs, cut into tiles (batch, channels, *box) of at most so many, or `whole`."""
    batch, _, *out = layer.y_shape
    most = max(1, batch * math.prod(out)) if whole else _most_outputs(layer, like, threads)
    return [
        ((images, slice(None), *box), layer.window.reach(layer.size, box))
        for images, *box in tiles((batch, *out), most)
    ]


def _most_outputs(layer: ConvLayer, like: Array, threads: int) -> int:
    """Outputs in a tile: neither its columns nor its results may exceed the budget."""
    (batch, kernels), cells = layer.y_shape[:2], math.prod(layer.out)
    column = layer.x_shape[1] * math.prod(layer.window.kernel_size)
    most = max(1, layer.budget // (accumulator(like).itemsize * max(1, column, kernels)))
    if layer.window.is_point and cells >= WIDE:  # one image at most: its own memory is the columns
        return min(most, cells)
    # A tile for each thread, if that leaves a good product.
    return min(most, max(SHARED_WIDE, -(-batch * cells // threads)))
