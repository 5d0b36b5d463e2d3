"""Pooling to a given size: adaptive and global; and back to a larger one: unpooling."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._arrays import (
    Array,
    accumulator,
    cast,
    is_recording,
    is_tensor,
    is_transformed,
    namespace,
    new,
)
from ._checks import (
    BadValue,
    check_arrays,
    check_flags,
    check_grad,
    check_host_memory,
    check_memory,
    per_axis,
    public,
    public_exact,
)
from ._pooling import (
    FLOATS,
    Reads,
    add_parts,
    batch_positions,
    cell_numbers,
    check_indices,
    check_input,
    gather,
    outer_product,
    parts,
    put_back,
    winners,
)
from ._sums import axis_sums, row_sums
from ._types import IntOrInts, Ints, Padding, Sizes
from .geometry import make_window

# ---- the average ----


@public
def adaptive_avg_pool(x: Array, output_size: Sizes) -> Array:
    r"""Average over as many regions as asked for, whatever the input's size.

    .. math:: y_u = \frac{1}{b_u - a_u} \sum_{t=a_u}^{b_u - 1} x_t, \qquad
              a_u = \lfloor u\,n/n' \rfloor,\quad b_u = \lceil (u+1)\,n/n' \rceil

    along each axis: regions that are not all alike overlap.

    Parameters
    ----------
    x : array (B, C, *spatial)
        With the batch axis: an image alone is ``x[None]``. Floating point.
    output_size : int, or one int or None per axis
        At least 1; None keeps the axis.

    Returns
    -------
    array (B, C, *output_size)

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched or not floating point, or `output_size` does not fit.

    Notes
    -----
    One sum a region and axis; float16 and bfloat16 are summed in float32. Same results as
    ``torch.nn.functional.adaptive_avg_pool1d``, ``adaptive_avg_pool2d`` and
    ``adaptive_avg_pool3d``.  Book: "Max, average, global".

    Examples
    --------
    >>> adaptive_avg_pool(np.array([[[0., 2., 4., 6., 8.]]]), 2)        # cells 0 to 2, 2 to 4
    array([[[2., 6.]]])
    """
    return _average(x, output_size)


@public
def adaptive_avg_pool_backward(grad_output: Array, x: Array, output_size: Sizes) -> Array:
    r"""Gradient of `adaptive_avg_pool` in its input: each region's gradient, evenly divided.

    .. math:: \frac{\partial \ell}{\partial x_t} = \sum_{u:\ a_u \le t < b_u} \frac{g_u}{b_u - a_u}

    Parameters
    ----------
    grad_output : array (B, C, *output_size)
    x, output_size
        As for `adaptive_avg_pool`; of `x`, only the shape matters.

    Returns
    -------
    array
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `adaptive_avg_pool` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    One addition a region and axis.  Book: "Max, average, global".

    Examples
    --------
    >>> adaptive_avg_pool_backward(np.array([[[3., 6.]]]), np.zeros((1, 1, 5)), 2)
    array([[[1., 1., 3., 2., 2.]]])
    """
    return _average_backward(grad_output, x, output_size)


@public
def global_avg_pool(x: Array) -> Array:
    r"""Average each channel over all its cells.

    .. math:: y_{b,c} = \frac{1}{HW} \sum_{h,w} x_{b,c,h,w}

    Parameters
    ----------
    x : array (B, C, *spatial)
        With the batch axis: an image alone is ``x[None]``. Floating point.

    Returns
    -------
    array (B, C, 1, ...)
        The spatial axes stay, with size 1.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched or not floating point.

    Notes
    -----
    `adaptive_avg_pool` to size 1; summed in blocks, whose sums are added in turn, so that a large
    image costs no digits. Source: Lin, Chen and Yan, "Network in network" (2013).
    Book: "Max, average, global".

    Examples
    --------
    >>> global_avg_pool(np.array([[[1., 2., 6.], [0., 0., 3.]]]))
    array([[[3.],
            [1.]]])
    """
    return _average(x, 1)


@public
def global_avg_pool_backward(grad_output: Array, x: Array) -> Array:
    r"""Gradient of `global_avg_pool` in its input: evenly divided among the cells.

    .. math:: \frac{\partial \ell}{\partial x_{b,c,h,w}} = \frac{g_{b,c}}{HW}

    Parameters
    ----------
    grad_output : array (B, C, 1, ...)
    x : array (B, C, *spatial)
        Only its shape matters.

    Returns
    -------
    array
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `global_avg_pool` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    One write a cell.  Book: "Max, average, global".

    Examples
    --------
    >>> global_avg_pool_backward(np.array([[[6.]]]), np.zeros((1, 1, 3)))
    array([[[2., 2., 2.]]])
    """
    return _average_backward(grad_output, x, 1)


def _average(x: Array, output_size: Sizes) -> Array:
    out = _check(x, output_size, FLOATS)
    total = _each_region(cast(x, accumulator(x)), out, _sum)
    return cast(total / _region_sizes(x, total), x.dtype)


def _average_backward(grad_output: Array, x: Array, output_size: Sizes) -> Array:
    out = _check(x, output_size, FLOATS)
    check_arrays(x=x, grad_output=grad_output)
    check_grad(grad_output, (*x.shape[:2], *out))
    grad = cast(grad_output, accumulator(x))
    grad = grad / _region_sizes(x, grad)
    for axis, (n, o) in enumerate(zip(x.shape[2:], out, strict=True), start=2):
        values = [*parts(grad, [slice(u, u + 1) for u in range(o)], axis)]
        grad = add_parts(values, _regions(n, o), axis, n)
    return cast(grad, x.dtype)


def _sum(x: Array, axes: Any, *, keepdims: bool = False) -> Array:
    """The sums of whole grids, or along one axis."""
    if not keepdims:
        return axis_sums(x, axes)
    if is_tensor(x):
        return x.sum(axes, keepdims=True)
    batch, channels, *size = x.shape
    sums = row_sums(x.reshape(batch, channels, math.prod(size)))
    return sums.reshape(batch, channels, *(1 for _ in size))


def _region_sizes(x: Array, like: Array) -> Array:
    """Cells in each region: (*out), in the dtype of `like` (B, C, *out)."""
    xp = namespace(like) if is_transformed(like) else np  # a compiler wants one library
    lengths = []
    for n, o in zip(x.shape[2:], like.shape[2:], strict=True):
        u = xp.arange(o, device="cpu")
        lengths.append(-(-(u + 1) * n // o) - u * n // o)
    return outer_product(lengths, like)


# ---- the maximum ----


@public
def adaptive_max_pool(x: Array, output_size: Sizes, *, return_indices: bool = False) -> Array:
    r"""Keep the maximum of as many regions as asked for, whatever the input's size.

    .. math:: y_u = \max_{a_u \le t < b_u} x_t, \qquad
              a_u = \lfloor u\,n/n' \rfloor,\quad b_u = \lceil (u+1)\,n/n' \rceil

    Parameters
    ----------
    x : array (B, C, *spatial)
        With the batch axis: an image alone is ``x[None]``. Floating point.
    output_size : int, or one int or None per axis
        At least 1; None keeps the axis.
    return_indices : bool
        Give the winners' cells too, as `max_pool` does.

    Returns
    -------
    array (B, C, *output_size), or two of them
        The maxima and, with `return_indices`, the winners' flat positions as int64. Of equal cells
        the first one wins; a NaN wins over all, and of several NaNs the last.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched or not floating point, or `output_size` does not fit.

    Notes
    -----
    On tensors autograd flows, to the winner alone. Same results as
    ``torch.nn.functional.adaptive_max_pool1d``, ``adaptive_max_pool2d`` and
    ``adaptive_max_pool3d``.  Book: "Max, average, global".

    Examples
    --------
    >>> adaptive_max_pool(np.array([[[0., 9., 4., 6., 8.]]]), 2, return_indices=True)
    (array([[[9., 8.]]]), array([[[1, 4]]]))
    """
    check_flags(return_indices=return_indices)
    out = _check(x, output_size, FLOATS)
    if not return_indices:
        return _maximum(x, out)
    cells = _winners(x, out)
    return gather(x, cells), cells


@public
def adaptive_max_pool_backward(
    grad_output: Array, x: Array, output_size: Sizes, *, indices: Array | None = None
) -> Array:
    r"""Gradient of `adaptive_max_pool` in its input: each region's winner receives all.

    .. math:: \frac{\partial \ell}{\partial x_t} = \sum_{u:\ \operatorname{argmax}(u) = t} g_u

    Parameters
    ----------
    grad_output : array (B, C, *output_size)
    x, output_size
        As for `adaptive_max_pool`.
    indices : array (B, C, *output_size) of int64, optional
        The winners, as `adaptive_max_pool` gave them with ``return_indices=True``: nobody searches
        again, and of `x`, only the shape matters.

    Returns
    -------
    array
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `adaptive_max_pool` does, and where `grad_output` has not the shape of the output, or
        `indices` neither, no int64, or a position outside `x`.

    Notes
    -----
    The winners are found anew, unless they are given.  Book: "Max, average, global".

    Examples
    --------
    >>> x = np.array([[[0., 2., 4., 3., 1.]]])
    >>> adaptive_max_pool_backward(np.array([[[10., 20.]]]), x, 2)      # cell 2 wins twice
    array([[[ 0.,  0., 30.,  0.,  0.]]])
    """
    return _maximum_backward(grad_output, x, output_size, indices)


@public
def global_max_pool(x: Array) -> Array:
    r"""Keep the largest cell of each channel.

    .. math:: y_{b,c} = \max_{h,w}\; x_{b,c,h,w}

    Parameters
    ----------
    x : array (B, C, *spatial)
        With the batch axis: an image alone is ``x[None]``. Real numbers, integers too.

    Returns
    -------
    array (B, C, 1, ...)
        The spatial axes stay, with size 1. A NaN wins over all.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched, bool or complex.

    Notes
    -----
    `adaptive_max_pool` to size 1.  Book: "Max, average, global".

    Examples
    --------
    >>> global_max_pool(np.array([[[1, 2, 6], [0, 0, 3]]]))
    array([[[6],
            [3]]])
    """
    return _maximum(x, _check(x, 1, None))


@public
def global_max_pool_backward(grad_output: Array, x: Array) -> Array:
    r"""Gradient of `global_max_pool` in its input: the first maximum receives all.

    .. math:: \frac{\partial \ell}{\partial x_{b,c,t}} = g_{b,c}\,[\,t = \operatorname{argmax}\,]

    Parameters
    ----------
    grad_output : array (B, C, 1, ...)
    x : array (B, C, *spatial)
        Floating point.

    Returns
    -------
    array
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `global_max_pool` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    The winners are found anew.  Book: "Max, average, global".

    Examples
    --------
    >>> global_max_pool_backward(np.array([[[5.]]]), np.array([[[0., 2., 2.]]]))
    array([[[0., 5., 0.]]])
    """
    return _maximum_backward(grad_output, x, 1)


def _maximum(x: Array, out: Ints) -> Array:
    if is_recording(x) or is_transformed(x):
        return gather(x, _winners(x, out))
    return cast(_each_region(x, out, namespace(x).amax), x.dtype)  # whatever its order of bytes


def _maximum_backward(
    grad_output: Array, x: Array, output_size: Sizes, indices: Array | None = None
) -> Array:
    out = _check(x, output_size, FLOATS)
    check_arrays(x=x, grad_output=grad_output)
    check_grad(grad_output, (*x.shape[:2], *out))
    if indices is None:
        indices = _winners(x, out)
    else:
        check_indices(indices, x, (*x.shape[:2], *out), tuple(x.shape[2:]))
    return put_back(grad_output, indices, x)


def _winners(x: Array, out: Ints) -> Array:
    """The flat position in `x` of every region's first maximum: (B, C, *out) of int64."""
    x = x.detach() if is_tensor(x) else x  # a position has no gradient
    cells = [_cells(x, n, o) for n, o in zip(x.shape[2:], out, strict=True)]
    return winners(x, cell_numbers(x), cells)


# ---- regions: n cells along one axis make o of them ----


def _regions(n: int, o: int) -> list[slice]:
    """Each of the regions, as a slice."""
    return [slice(u * n // o, -(-(u + 1) * n // o)) for u in range(o)]


def _cells(x: Array, n: int, o: int) -> Reads | Array:
    """The t-th cell of every region, for each t; a region that has ended repeats its last one."""
    if is_transformed(x):  # a table (o, t), made in as many steps for any size
        u, t = (namespace(x).arange(count, device=x.device) for count in (o, n // o + 2))
        return ((u * n // o)[:, None] + t).minimum(-(-(u + 1) * n // o)[:, None] - 1)
    if n % o == 0:
        return [slice(t, n, n // o) for t in range(n // o)]
    regions = _regions(n, o)
    longest = max(region.stop - region.start for region in regions)
    return [[min(r.start + t, r.stop - 1) for r in regions] for t in range(longest)]


def _each_region(x: Array, out: Ints, summary: Callable[..., Array]) -> Array:
    """Reduce the regions of one axis after the other with ``summary(part, axis)``."""
    if max(out) == 1:
        return summary(x, tuple(range(2, x.ndim)), keepdims=True)
    for axis, (n, o) in enumerate(zip(x.shape[2:], out, strict=True), start=2):
        regions = [summary(part, axis) for part in parts(x, _regions(n, o), axis)]
        x = namespace(x).stack(regions, axis)
    return x


def _check(x: Array, output_size: Sizes, dtypes: str | None) -> Ints:
    """Check, and give the number of regions of every axis."""
    check_input(x, dtypes, output_size=output_size)
    size = tuple(x.shape[2:])
    asked: object = output_size
    if isinstance(output_size, (tuple, list)) and len(output_size) == len(size):
        asked = [n if o is None else o for n, o in zip(size, output_size, strict=True)]
    out = per_axis("output_size", asked, len(size), least=1)  # type: ignore[arg-type]
    check_memory(x, the_output=(*x.shape[:2], *out))
    check_host_memory(8, the_table_of_regions=(64, max(out)))  # a slice each, and a part
    return out


# ---- unpooling ----


@public_exact
def max_unpool(
    x: Array,
    indices: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    output_size: IntOrInts | None = None,
) -> Array:
    r"""Put maxima back where they came from, with zeros around them.

    .. math:: y_{b,\,c,\;\mathrm{indices}_{b,c,u}} = x_{b,c,u}

    Parameters
    ----------
    x : array (B, C, *spatial)
        With the batch axis: an image alone is ``x[None]``. Floating point.
    indices : array (B, C, *spatial) of int64
        Flat positions in the output's grid: those of `max_pool` with ``return_indices=True``.
    kernel_size, stride, padding
        Those of the pooling; `stride` defaults to `kernel_size`.
    output_size : int or one int per axis, optional
        The pooling's input size, or shape with batch and channels; closer to the default,
        ``(n - 1)*stride - 2*padding + kernel_size``, than one `stride`.

    Returns
    -------
    array (B, C, *output_size)
        Where several values go to one cell, one of them stays: on a CPU the last.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched or not floating point, an index lies outside the output or is no int64, or
        a size does not fit.

    Notes
    -----
    One write a value. Inside of torch's transforms the indices are not looked at before torch
    writes. Same results as ``torch.nn.functional.max_unpool1d``, ``max_unpool2d`` and
    ``max_unpool3d``. Source: Zeiler and Fergus, "Visualizing and understanding convolutional
    networks" (2014).  Book: "Max, average, global".

    Examples
    --------
    >>> max_unpool(np.array([[[7., 9.]]]), np.array([[[1, 2]]]), 2)
    array([[[0., 7., 9., 0.]]])
    """
    shape = _check_unpool(x, indices, kernel_size, stride, padding, output_size)
    y = new(shape, x)
    if is_tensor(x):
        return y.flatten(2).scatter(2, indices.flatten(2), x.flatten(2)).reshape(shape)
    y.reshape(-1)[batch_positions(indices, y)] = x
    return y


@public_exact
def max_unpool_backward(
    grad_output: Array,
    x: Array,
    indices: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    output_size: IntOrInts | None = None,
) -> Array:
    r"""Gradient of `max_unpool` in its input: read it where the values were put.

    .. math:: \frac{\partial \ell}{\partial x_{b,c,u}} = g_{b,\,c,\;\mathrm{indices}_{b,c,u}}

    Parameters
    ----------
    grad_output : array (B, C, *output_size)
    x, indices, kernel_size, stride, padding, output_size
        As for `max_unpool`; of `x`, only the shape matters.

    Returns
    -------
    array
        Of the shape and dtype of `x`. Values that went to one cell all receive its gradient, as
        in torch, also those that did not stay.

    Raises
    ------
    TypeError, ValueError
        As `max_unpool` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    One read a value.  Book: "Max, average, global".

    Examples
    --------
    >>> grad = np.array([[[1., 2., 3., 4.]]])
    >>> max_unpool_backward(grad, np.zeros((1, 1, 2)), np.array([[[1, 2]]]), 2)
    array([[[2., 3.]]])
    """
    shape = _check_unpool(x, indices, kernel_size, stride, padding, output_size)
    check_arrays(x=x, grad_output=grad_output)
    check_grad(grad_output, shape)
    return gather(grad_output, indices)


def _check_unpool(
    x: Array,
    indices: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None,
    padding: Padding,
    output_size: IntOrInts | None,
) -> Ints:
    """Check, and give the shape of the output."""
    options = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    check_input(x, FLOATS, **options, output_size=output_size)
    size = _unpooled_size(tuple(x.shape[2:]), kernel_size, stride, padding, output_size)
    check_memory(x, the_output=(*x.shape[:2], *size))
    repair = "Give the pooling's options and input size as output_size."
    check_indices(indices, x, tuple(x.shape), size, "x", "the output", repair)
    return (*x.shape[:2], *size)


def _unpooled_size(
    size: Ints,
    kernel_size: IntOrInts,
    stride: IntOrInts | None,
    padding: Padding,
    output_size: IntOrInts | None,
) -> Ints:
    rank = len(size)
    steps = kernel_size if stride is None else stride
    window = make_window(kernel_size, steps, padding, 1, rank, alike=False)
    default = tuple(
        (n - 1) * s - sum(pair) + kernel
        for n, s, pair, kernel in zip(
            size, window.stride, window.padding, window.kernel_size, strict=True
        )
    )
    asked = default if output_size is None else output_size
    if isinstance(asked, (tuple, list)) and len(asked) == rank + 2:
        asked = tuple(asked[2:])  # a whole shape
    out = per_axis("output_size", asked, rank, least=1)
    for o, usual, s in zip(out, default, window.stride, strict=True):
        if abs(o - usual) >= s:
            raise BadValue(
                f"output_size must be less than one stride from the usual {default}; got "
                f"{out}, strides {window.stride}."
            )
    return out
