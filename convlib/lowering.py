"""im2col and its adjoint: every window laid out as a column, and columns added back to an image."""

from __future__ import annotations

import math
from dataclasses import replace

from ._arrays import Array, accumulator, cast, moveaxis, new
from ._checks import (
    BadValue,
    check_arrays,
    check_memory,
    check_size,
    check_spatial,
    per_axis,
    public,
    public_exact,
)
from ._types import IntOrInts, Ints, Padding
from ._windows import pad, scatter, unpad, windows
from ._work import Scratch
from .geometry import Window, check_fits, make_window, padded_size


def to_columns(x: Array, window: Window, groups: int, scratch: Scratch | None) -> Array:
    """Lay the windows of `x` (B, C, *spatial), padded already, out as columns (G, R, B*L).

    ``R = C/G * prod(kernel_size)`` values of one group's window stand under each other; side by
    side stand the windows of the first image, then those of the next. This is the one copy of the
    whole method: into `scratch` memory, or, where that is None or keeps nothing, into new memory
    (for one image and a window of one cell not even that).
    """
    batch, channels = x.shape[:2]
    rank = x.ndim - 2
    if window.is_point:
        return x.swapaxes(0, 1).reshape(groups, channels // groups, batch * math.prod(x.shape[2:]))
    view = columns_view(x, window)  # (C, *kernel, B, *out)
    if scratch is not None and scratch.keep:
        columns = scratch("columns", view.shape)
        if window.stride[-1] == 1 or window.kernel_size[-1] == 1:
            columns[...] = view
        else:
            _lay_by_phase(columns, x, window, scratch)
        view = columns
    rows = channels // groups * math.prod(window.kernel_size)
    return view.reshape(groups, rows, batch * math.prod(view.shape[2 + rank :]))


def columns_view(x: Array, window: Window) -> Array:
    """The windows of `x` in the order of columns: a view (C, *kernel, B, *out)."""
    return moveaxis(kernel_first(windows(x, window)), 0, x.ndim - 1)


def taps_first(x: Array, window: Window) -> Array:
    """The windows of `x`, a tap of all of them at a time: a view (*kernel, B, *out, C).

    Where the channels of a cell stand side by side, whatever reads the view reads long runs, also
    where the windows are small or far apart.
    """
    rank = x.ndim - 2
    taps = tuple(range(2 + rank, 2 + 2 * rank))
    return moveaxis(windows(x, window), (*taps, 1), (*range(rank), -1))


def _lay_by_phase(columns: Array, x: Array, window: Window, scratch: Scratch) -> None:
    """Write the columns of a strided window tap by tap, each from cells that stand side by side.

    Along the last axis, one tap of all windows reads every s-th cell: one of s phases, shifted.
    Sorting the cells by phase once makes each of the N copies of them a copy of whole runs.
    """
    s, d, out = min(window.stride[-1], x.shape[-1]), window.dilation[-1], columns.shape[-1]
    single = replace(
        window,
        kernel_size=(*window.kernel_size[:-1], 1),
        stride=(*window.stride[:-1], 1),
        dilation=(*window.dilation[:-1], 1),
    )
    phases = {}
    for tap in range(window.kernel_size[-1]):
        shift, phase = divmod(tap * d, s)
        if phase not in phases:
            cells = x[..., phase::s]
            phases[phase] = scratch(f"phase {phase}", cells.shape)
            phases[phase][...] = cells
        view = columns_view(phases[phase][..., shift : shift + out], single)
        target = columns[(slice(None),) * (x.ndim - 2) + (tap,)]
        target[...] = view[(slice(None),) * (x.ndim - 2) + (0,)]


def from_columns(columns: Array, batch: int, out: Ints, size: Ints, window: Window) -> Array:
    """The adjoint of `to_columns`: (G, R, B*L), L = prod(out), summed into (B, C, *size)."""
    groups, rows, _ = columns.shape
    channels = groups * rows // math.prod(window.kernel_size)
    parts = columns.reshape(channels, *window.kernel_size, batch, *out)
    parts = moveaxis(parts, 1 + len(size), 0)  # (B, C, *kernel, *out)
    return scatter(kernel_last(parts), size, window)


def kernel_first(view: Array) -> Array:
    """From (B, C, *out, *kernel), as `windows` gives it, to (B, C, *kernel, *out)."""
    first, second = _split_axes(view)
    return moveaxis(view, second, first)


def kernel_last(parts: Array) -> Array:
    """From (B, C, *kernel, *out) to (B, C, *out, *kernel), as `scatter` takes it."""
    first, second = _split_axes(parts)
    return moveaxis(parts, first, second)


def _split_axes(view: Array) -> tuple[Ints, Ints]:
    """The axes behind batch and channels: the first half of them, and the second."""
    middle = 1 + view.ndim // 2
    return tuple(range(2, middle)), tuple(range(middle, view.ndim))


@public_exact
def im2col(
    x: Array,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> Array:
    r"""Lay every window of `x` out as one column.

    .. math:: \mathrm{cols}_{b,\;(c,i,j),\;(u,v)} = x_{b,\,c,\;us+id-p,\;vs+jd-p}

    with zeros where the index leaves `x`. The rows run over channel, then kernel cell; the
    columns over windows, row by row.

    Parameters
    ----------
    x : array (B, C, *spatial)
        Three axes are a batch of signals. With the batch axis: an image alone is ``x[None]``.
    kernel_size : int or one int per axis
        An int holds for all axes behind B and C; a tuple has one int for each of them.
    stride, dilation : int or one int per axis
        Default 1.
    padding : int, one int per axis, one (before, after) pair per axis, "same" or "valid"
        Zeros on each side; default 0.

    Returns
    -------
    array (B, C*prod(kernel_size), L)
        New memory; ``L`` is the number of windows.

    Raises
    ------
    TypeError, ValueError
        `x` is no array or unbatched, an option is out of range, or no window fits.

    Notes
    -----
    One copy, about ``prod(kernel_size) / prod(stride)`` times the size of `x`. Equals
    ``torch.nn.functional.unfold``, for any number of axes. Source: Chellapilla, Puri and Simard,
    "High performance convolutional neural networks for document processing" (2006).
    Book: "im2col and GEMM".

    Examples
    --------
    >>> im2col(np.arange(9).reshape(1, 1, 3, 3), 2)
    array([[[0, 1, 3, 4],
            [1, 2, 4, 5],
            [3, 4, 6, 7],
            [4, 5, 7, 8]]])
    """
    check_arrays(x=x)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    check_spatial(x, kernel_size=kernel_size, **options)
    window = make_window(kernel_size, stride, padding, dilation, rank=x.ndim - 2, alike=False)
    size = check_size(x)
    check_fits(window, size)
    out = window.output_size(size)
    batch, channels = x.shape[:2]
    rows = channels * math.prod(window.kernel_size)
    padded = padded_size(size, window.padding)
    check_memory(
        x,
        the_padded_input=(batch, channels, *padded),
        the_output=(batch, rows, math.prod(out)),
    )
    view = kernel_first(windows(pad(x, window.padding), window))  # (B, C, *kernel, *out)
    columns = new(view.shape, x, fill=False)
    columns[...] = view
    return columns.reshape(batch, rows, math.prod(out))


@public
def col2im(
    cols: Array,
    output_size: IntOrInts,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> Array:
    r"""Add every column back to the window it came from: the adjoint of `im2col`.

    .. math:: x_{b,c,h,w} = \sum_{\substack{u,v,i,j:\; us+id-p=h,\\ vs+jd-p=w}}
              \mathrm{cols}_{b,\;(c,i,j),\;(u,v)}

    Not its inverse: a cell that several windows share receives the sum of what they hold.

    Parameters
    ----------
    cols : array (B, C*prod(kernel_size), L)
        With the batch axis: the columns of one image alone are ``cols[None]``.
    output_size : int or one int per axis
        Size of the image to add into; its length is the number of spatial axes.
    kernel_size, stride, padding, dilation
        As for `im2col`.

    Returns
    -------
    array (B, C, *output_size)
        New memory.

    Raises
    ------
    TypeError, ValueError
        `cols` is no array or unbatched, or its rows or columns do not fit the window and size.

    Notes
    -----
    ``prod(kernel_size)`` strided additions. Equals ``torch.nn.functional.fold``, for any number
    of axes.  Book: "Parameters and gradients".

    Examples
    --------
    >>> cols = im2col(np.ones((1, 1, 3, 3)), 2)
    >>> col2im(cols, (3, 3), 2)      # how many of the four windows see each cell
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]])
    """
    check_arrays(cols=cols)
    rank = len(output_size) if isinstance(output_size, (tuple, list)) else 1
    size = per_axis("output_size", output_size, rank, least=1)
    window = make_window(kernel_size, stride, padding, dilation, rank, alike=False)
    check_fits(window, size)
    _check_cols(cols)
    batch, rows, length = cols.shape
    out = window.output_size(size)
    taps = math.prod(window.kernel_size)
    if rows % taps or length != math.prod(out):
        raise BadValue(
            f"cols must have C*{taps} rows, one for each cell of kernel_size="
            f"{window.kernel_size}, and {math.prod(out)} columns, one for each of {out} windows; "
            f"got cols.shape={tuple(cols.shape)}. Use the options that im2col was called with."
        )
    padded = padded_size(size, window.padding)
    check_memory(cols, the_padded_output=(batch, rows // taps, *padded))
    shape = (batch, rows // taps, *window.kernel_size, *out)
    parts = cast(cols, accumulator(cols)).reshape(shape)
    total = scatter(kernel_last(parts), padded, window)
    return cast(unpad(total, size, window.padding), cols.dtype)


def _check_cols(cols: Array) -> None:
    """Raise unless `cols` is a batch of matrices."""
    if cols.ndim == 3:
        return
    missing, shape = 3 - cols.ndim, tuple(cols.shape)
    if missing > 0:
        axes = f"cols[{', '.join(['None'] * missing)}]"
        what = "the batch axis" if missing == 1 else f"{missing} axes in front"
        repair = f"Add {what}: {axes}."
    else:
        one = (shape[0], math.prod(shape[1:-1]), shape[-1])
        repair = f"Lay an image's rows beneath each other: cols.reshape{one}."
    raise BadValue(
        f"cols must be (B, C*prod(kernel_size), L), batched, with 3 axes; got "
        f"cols.shape={shape}. {repair}"
    )
