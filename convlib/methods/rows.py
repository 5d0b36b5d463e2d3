"""Convolution by rows: columns along every axis but the first, whose rows stay as they lie.

im2col copies a cell once for every tap that reads it. Along the first axis that is not needed. Lay
the other axes out as columns, for each row of the input a line of them: then what the outputs
read lies there already, and the views of it may overlap. So a cell is copied N times, not N*N.

There are two such views. Row i of the kernels reads, for all rows of outputs at once, the lines
from i on: N matrix products, which are added up. Or row u of outputs reads the N lines from u*s on:
one product for each row. The first has sums to add, the second products to call.
"""

from __future__ import annotations

import math
from itertools import product

from .._arrays import Array, accumulator, beside, cast, moveaxis, new
from .._layer import ConvLayer
from .._tuning import ROW_BROAD, ROW_BYTES, ROW_OUTPUTS, ROW_READS, ROW_WEIGHTS, ROW_WIDE
from .._windows import pad, step, windows
from .._work import Scratch, keeps_scratch, run, threads_for
from ..geometry import Window, tiles
from ..lowering import kernel_first
from .im2col import channel_range


def forward(x: Array, weight: Array, layer: ConvLayer) -> Array:
    """Lines of the input, and their products: by rows of the kernels, or by rows of outputs."""
    kernels = _rows_of_kernels(weight, layer)  # (N, G, K/G, R)
    like = beside(kernels, x)
    y = new(layer.y_shape, like, fill=False)
    by_group = y.reshape(x.shape[0], layer.groups, layer.kernels, *layer.out)
    threads = threads_for(x, x.shape, y.shape, uses=layer.kernels)
    multiply = _by_kernel_rows if _goes_by_kernel_rows(layer) else _by_output_rows
    places, boxes = _places(by_group, kernels, layer, threads)

    def compute(at: tuple[tuple[slice, ...], tuple[slice, ...]], scratch: Scratch) -> None:
        (images, groups, rows), box = at
        slab = cast(x[images, channel_range(groups, layer.depth)], kernels.dtype)
        reach = layer.window.reach(layer.size, (rows, *box))
        slab = pad(slab, reach, layer.window.mode, scratch)
        place = by_group[(images, groups, slice(None), rows, *box)]  # (B, g, k, rows, *box)
        shape = (*place.shape[:4], math.prod(place.shape[4:]))
        # Whole rows lie side by side: then this is a view of them.
        target = place.reshape(shape) if len(boxes) == 1 else scratch("part", shape)
        multiply(kernels[:, groups], slab, layer.window, target, scratch)
        if len(boxes) > 1:
            place[...] = target.reshape(place.shape)

    run(compute, product(places, boxes), like, threads=threads, keep=keeps_scratch(x, weight))
    return y


def pays(x: Array, layer: ConvLayer) -> bool:
    """True where it is fastest: rows that overlap, and enough in each product to be worth its call.

    That is so where a group has few kernels, or few weights and wide rows: in grouped and
    depthwise layers, and in first ones.
    """
    window, out = layer.window, layer.out
    if len(out) < 2 or window.kernel_size[0] <= window.stride[0]:
        return False
    if _goes_by_kernel_rows(layer):
        read = layer.x_shape[1] * math.prod(window.kernel_size[1:]) * math.prod(out)
        return read >= ROW_READS and math.prod(out) >= ROW_OUTPUTS * layer.kernels
    return _has_few_weights(layer) and math.prod(out[1:]) >= ROW_WIDE


def _goes_by_kernel_rows(layer: ConvLayer) -> bool:
    """True where it goes by rows of kernels: for few kernels, and rows of outputs not broad.

    Few are no more than a column has terms. For then N products are added up, each sum read and
    written anew for every one: that is little beside the lines, which each product reads too. By
    rows of outputs nothing is added, but each row has a product to itself, its matrix N times as
    wide: good if the row is broad and the cache holds that matrix.
    """
    if layer.window.dilation[0] > 1:  # then a row's lines do not lie one beneath the other
        return True
    terms = layer.depth * math.prod(layer.window.kernel_size[1:])
    broad = math.prod(layer.out[1:]) >= ROW_BROAD and _has_few_weights(layer)
    return layer.kernels <= terms and not broad


def _has_few_weights(layer: ConvLayer) -> bool:
    return math.prod(layer.weight_shape) // layer.groups <= ROW_WEIGHTS


def _rows_of_kernels(weight: Array, layer: ConvLayer) -> Array:
    """(K, C/G, N, *kernel) as a matrix for each row of the kernels, (N, G, K/G, R)."""
    count, depth, taps = weight.shape[:3]
    across = math.prod(weight.shape[3:])
    by_row = moveaxis(weight.reshape(count, depth, taps, across), 2, 0)
    kernels = new(by_row.shape, weight, accumulator(weight), fill=False)
    for at in range(across):  # the runs of channels are longer than those of a few taps
        kernels[..., at] = by_row[..., at]
    return kernels.reshape(taps, layer.groups, layer.kernels, depth * across)


def _places(
    y: Array, kernels: Array, layer: ConvLayer, threads: int
) -> tuple[list[tuple[slice, ...]], list[tuple[slice, ...]]]:
    """How `y` (B, G, k, *out) is cut, so that a tile takes so many bytes of columns and sums.

    Along images, groups and rows; and where the rows that a single row of outputs reads are too
    much already, along the other axes too.
    """
    most = min(layer.budget, ROW_BYTES)
    span, s, rows = layer.window.span[0], layer.window.stride[0], y.shape[3]
    cell_bytes = sum(kernels.shape[2:]) * y.dtype.itemsize  # a column, and its sums
    boxes = list(tiles(tuple(y.shape[4:]), max(1, most // (cell_bytes * span))))
    row_bytes = cell_bytes * math.prod([at.stop - at.start for at in boxes[0]])
    whole_groups = most // (row_bytes * ((rows - 1) * s + span)) * rows
    rows_of_one_group = (most // row_bytes - span) // s + 1
    # If not even one group's rows fit, as many rows as do.
    limit = whole_groups or rows_of_one_group
    fair = -(-y.shape[0] * y.shape[1] * rows // threads)
    return list(tiles((*y.shape[:2], rows), max(1, min(limit, fair)))), boxes


def _columns(slab: Array, window: Window, depth: int) -> Array:
    """Columns along every axis but the first: a view (B, g, C/G, *kernel, rows, *out)."""
    across = Window(
        (1, *window.kernel_size[1:]),
        (1, *window.stride[1:]),
        (1, *window.dilation[1:]),
        ((0, 0),) * (slab.ndim - 2),
    )
    view = kernel_first(windows(slab, across))[:, :, 0]  # (B, C, *kernel, rows, *out)
    return view.reshape(slab.shape[0], slab.shape[1] // depth, depth, *view.shape[2:])


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
    taps, groups, count, terms = kernels.shape
    view = _columns(slab, window, slab.shape[1] // groups)
    view = moveaxis(view, slab.ndim, 2)  # (B, g, rows, C/G, *kernel, *out)
    laid = scratch("lines", view.shape)
    laid[...] = view
    beneath = laid.reshape(*y.shape[:2], slab.shape[2] * terms, y.shape[4])
    block = Window((taps * terms, 1), (window.stride[0] * terms, 1), (1, 1), ((0, 0), (0, 0)))
    blocks = windows(beneath, block)[..., 0].swapaxes(3, 4)  # (B, g, rows, N*R, L), overlapping
    matrices = moveaxis(kernels, 0, 2).reshape(groups, 1, count, taps * terms)
    scratch.multiply(matrices, blocks, y.swapaxes(2, 3))
