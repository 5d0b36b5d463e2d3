"""Max, average and power-average pooling: what a window holds, reduced to one number.

A window is a box, and the maximum of a box is the maximum of its rows' maxima; sums are alike. So
all work goes axis by axis, which takes ``kh + kw`` taps for a window of ``kh * kw`` cells.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce

import numpy as np

from ._arrays import (
    Array,
    accumulator,
    cast,
    is_recording,
    is_tensor,
    is_transformed,
    is_whole,
    moveaxis,
    namespace,
    new,
    pairwise,
)
from ._checks import (
    BadType,
    BadValue,
    as_number,
    check_arrays,
    check_flags,
    check_grad,
    check_memory,
    check_spatial,
    one_int,
    public,
)
from ._types import IntOrInts, Ints, Padding
from ._windows import pad, scatter, unpad, windows
from .geometry import (
    Pairs,
    Window,
    check_fits,
    make_window,
)


@public
def max_pool(
    x: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array:
    r"""Keep the maximum of every window.

    .. math:: y_{b,c,u,v} = \max_{i,j}\; x_{b,\,c,\;us+id-p,\;vs+jd-p}

    over the cells inside `x`: padding holds :math:`-\infty`, so that it never wins.

    Parameters
    ----------
    x : array (B, C, *spatial)
        Three axes are a batch of signals. With the batch axis: an image alone is ``x[None]``.
        Real numbers, integers too.
    kernel_size : int or one int per axis
    stride : int or one int per axis
        Default, for None or (): `kernel_size`, windows side by side.
    padding : int, one int per axis, one (before, after) pair per axis, "same" or "valid"
        As numbers, at most half of `kernel_size`, as in torch. As pairs or a word, anything that
        leaves every window a cell of `x`. Default 0.
    dilation : int or one int per axis
        Default 1. Of `kernel_size`, `stride`, `padding` and `dilation`, a tuple of one holds for
        all axes.
    ceil_mode : bool
        Round the size up: a last window that starts in `x` or its left padding may hang over.
    return_indices : bool
        Give the winners' cells too.

    Returns
    -------
    array (B, C, *out), or two of them
        The maxima in the dtype of `x` and, with `return_indices`, the winners' flat positions in
        `x`'s spatial grid as int64, never in the padding. Of equal cells the first one wins; a
        NaN wins over all, and of several NaNs the last.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched, bool or complex; an option is out of range; no window fits, or one sees
        nothing but padding.

    Notes
    -----
    ``sum(kernel_size)`` comparisons an output, about; no window is copied. On tensors autograd
    flows, to the winner alone. Same results as ``torch.nn.functional.max_pool1d``, ``max_pool2d``
    and ``max_pool3d``; but where dilation lets a window see only padding, torch gives an index
    outside `x`, and this raises.  Book: "Max, average, global".

    Examples
    --------
    >>> max_pool(np.arange(16).reshape(1, 1, 4, 4), 2)
    array([[[[ 5,  7],
             [13, 15]]]])
    >>> max_pool(np.array([[[3., 1., 3., 2.]]]), 4, return_indices=True)      # a tie
    (array([[[3.]]]), array([[[0]]]))
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    window, out = _check_window(x, None, *options)
    check_flags(return_indices=return_indices)
    if not return_indices:
        return _max(x, window, out)
    cells = _winners(x, window, out)
    return gather(x, cells), cells


@public
def max_pool_backward(
    grad_output: Array,
    x: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    indices: Array | None = None,
) -> Array:
    r"""Gradient of `max_pool` in its input: each window's gradient goes to its winner, whole.

    .. math:: \frac{\partial \ell}{\partial x_t} = \sum_{u:\ \operatorname{argmax}(u) = t} g_u

    Parameters
    ----------
    grad_output : array (B, C, *out)
    x, kernel_size, stride, padding, dilation, ceil_mode
        As for `max_pool`; `x` floating point.
    indices : array (B, C, *out) of int64, optional
        The winners, as ``max_pool(x, ..., return_indices=True)`` gave them: nobody searches again,
        and of `x`, only the shape matters.

    Returns
    -------
    array
        Of the shape and dtype of `x`. Of equal cells the first receives all.

    Raises
    ------
    TypeError, ValueError
        As `max_pool` does, and where `grad_output` has not the shape of the output, or `indices`
        neither, no int64, or a position outside `x`.

    Notes
    -----
    The winners are found anew, unless they are given; then one addition an output.
    Book: "Max, average, global".

    Examples
    --------
    >>> max_pool_backward(np.array([[[10., 20.]]]), np.array([[[0., 0., 1., 2.]]]), 2)
    array([[[10.,  0.,  0., 20.]]])
    >>> x = np.array([[[0., 0., 1., 2.]]])
    >>> y, indices = max_pool(x, 2, return_indices=True)
    >>> max_pool_backward(np.array([[[10., 20.]]]), x, 2, indices=indices)
    array([[[10.,  0.,  0., 20.]]])
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    window, out = _check_window(x, None, *options)
    check_gradient(grad_output, x, out)
    if indices is None:
        return put_back(grad_output, _winners(x, window, out), x)
    check_winners(indices, x, out)
    return put_back(grad_output, indices, x)


@public
def avg_pool(
    x: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    r"""Average every window.

    .. math:: y_{b,c,u,v} = \frac{1}{m_{u,v}} \sum_{i,j} x_{b,\,c,\;us+id-p,\;vs+jd-p}

    with zeros outside `x`, and :math:`m` the number of cells that count.

    Parameters
    ----------
    x : array (B, C, *spatial)
        Batched, as for `max_pool`; floating point, or int64, whose averages are cut off towards
        zero.
    kernel_size, stride, padding, dilation, ceil_mode
        As for `max_pool`.
    count_include_pad : bool
        True: cells in the padding count. What hangs over beyond the padding never does.
    divisor_override : int, optional
        The divisor of every window, instead; not 0.

    Returns
    -------
    array (B, C, *out)

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched, or of another dtype; an option is out of range, or no window fits.

    Notes
    -----
    ``sum(kernel_size)`` additions an output, about. float16 and bfloat16 are summed in float32.
    Same results as ``torch.nn.functional.avg_pool1d``, ``avg_pool2d`` and ``avg_pool3d``, which
    have no dilation; ONNX's AveragePool has. Without padding it is a depthwise convolution with a
    kernel of equal weights.
    Book: "Max, average, global".

    Examples
    --------
    >>> x = np.array([[[2., 4., 6.]]])
    >>> avg_pool(x, 2, stride=1)
    array([[[3., 5.]]])
    >>> avg_pool(x, 2, padding=1), avg_pool(x, 2, padding=1, count_include_pad=False)
    (array([[[1., 5.]]]), array([[[2., 5.]]]))
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    window, out = _check_window(x, f"{FLOATS} int64", *options)
    check_flags(count_include_pad=count_include_pad)
    override = _check_override(divisor_override)
    total = _sums(cast(x, accumulator(x)), window, out)
    count = override or _counts(total, x, window, count_include_pad)
    return cast(_divide(total, count), x.dtype)


@public
def avg_pool_backward(
    grad_output: Array,
    x: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    r"""Gradient of `avg_pool` in its input: each window's gradient, in equal shares.

    .. math:: \frac{\partial \ell}{\partial x_t} = \sum_{u \ni t} \frac{g_u}{m_u}

    Parameters
    ----------
    grad_output : array (B, C, *out)
    x, kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override
        As for `avg_pool`; of `x`, floating point, only the shape matters.

    Returns
    -------
    array
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `avg_pool` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    ``sum(kernel_size)`` strided additions.  Book: "Max, average, global".

    Examples
    --------
    >>> avg_pool_backward(np.array([[[10., 20.]]]), np.zeros((1, 1, 4)), 2)
    array([[[ 5.,  5., 10., 10.]]])
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    window, out = _check_window(x, FLOATS, *options)
    check_flags(count_include_pad=count_include_pad)
    override = _check_override(divisor_override)
    check_gradient(grad_output, x, out)
    grad = cast(grad_output, accumulator(x))
    share = grad / (override or _counts(grad, x, window, count_include_pad))
    return cast(_spread(share, window, tuple(x.shape[2:])), x.dtype)


@public
def lp_pool(
    x: Array,
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
) -> Array:
    r"""Power-average pooling: from the sum (p = 1) to the largest magnitude (p = ∞).

    .. math:: y_{b,c,u,v} = \Big(\sum_{i,j} x_{b,\,c,\;us+id-q,\;vs+jd-q}^{\,p}\Big)^{1/p}

    where padding, :math:`q` cells of it, adds nothing to the sum.

    Parameters
    ----------
    x : array (B, C, *spatial)
        Batched, as for `max_pool`; floating point.
    norm_type : int or float
        The power p: not 0. ``math.inf`` takes the largest magnitude, ``-math.inf`` the least.
    kernel_size, stride, padding, dilation, ceil_mode
        As for `max_pool`.

    Returns
    -------
    array (B, C, *out)

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched or not floating point; an option is out of range, or no window fits.

    Notes
    -----
    The power is of the signed value, as in torch: with an odd p this is no norm, and where the sum
    is negative the root is NaN (p = 1 apart). For a window that hangs over in `ceil_mode`, torch
    scales the sum up to a full window, and so does this. float16 and bfloat16 are summed in
    float32. Same results as ``torch.nn.functional.lp_pool1d``, ``lp_pool2d`` and ``lp_pool3d``,
    which have no padding and no dilation. ONNX's LpPool has both, and is this of ``abs(x)``.
    Book: "Max, average, global".

    Examples
    --------
    >>> lp_pool(np.array([[[3., -4., 6., 8.]]]), 2, 2)                  # sqrt(9 + 16), ...
    array([[[ 5., 10.]]])
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    window, out, norm_type = _check_lp(x, norm_type, *options)
    if math.isinf(norm_type):
        sign = math.copysign(1, norm_type)
        return cast(sign * _max(sign * abs(x), window, out), x.dtype)  # whatever its order of bytes
    total = _power_sums(x, norm_type, window, out)
    return cast(_root(total, 1 / norm_type, 0.0 if norm_type > 0 else math.inf), x.dtype)


@public
def lp_pool_backward(
    grad_output: Array,
    x: Array,
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
) -> Array:
    r"""Gradient of `lp_pool` in its input.

    .. math:: \frac{\partial \ell}{\partial x_t} =
              \sum_{u \ni t} g_u\, y_u^{\,1-p}\; x_t^{\,p-1}

    and 0 from a window whose powers add up to 0.

    Parameters
    ----------
    grad_output : array (B, C, *out)
    x, norm_type, kernel_size, stride, padding, dilation, ceil_mode
        As for `lp_pool`.

    Returns
    -------
    array
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `lp_pool` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    The sums are computed anew; then as `avg_pool_backward`, or `max_pool_backward` at p = ∞.
    Book: "Max, average, global".

    Examples
    --------
    >>> lp_pool_backward(np.array([[[5.]]]), np.array([[[3., -4.]]]), 2, 2)
    array([[[ 3., -4.]]])
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    window, out, norm_type = _check_lp(x, norm_type, *options)
    check_gradient(grad_output, x, out)
    if math.isinf(norm_type):
        signed = math.copysign(1, norm_type) * abs(x)
        grad = put_back(grad_output, _winners(signed, window, out), x) * namespace(x).sign(x)
        return cast(grad, x.dtype)  # whatever its order of bytes
    total = _power_sums(x, norm_type, window, out)
    share = cast(grad_output, total.dtype) * _root(total, 1 / norm_type - 1, 0.0)
    share = share * _completion(share, x, window)
    slope = cast(x, total.dtype) ** (norm_type - 1)
    return cast(slope * _spread(share, window, tuple(x.shape[2:])), x.dtype)


# ---- maxima ----


def first_maximum(taps: Iterable[tuple[Array, Array]]) -> tuple[Array, Array]:
    """The running maximum of taps (values, cells), and the cell that holds it: the one tie rule.

    A later value must be greater to win, so the first maximum stays. A NaN wins over everything
    before it and loses to a NaN only. What stands outside (cell -1) loses to any cell inside.
    """
    pairs = iter(taps)
    best, cell = next(pairs)
    xp = namespace(best)
    for value, at in pairs:
        better = (value > best) | (value != value) | (cell < 0)
        best = xp.maximum(best, value)
        cell = cell + (at - cell) * better  # a choice without branches: where guesses wrong
    return best, cell


def _winners(x: Array, window: Window, out: Ints) -> Array:
    """The flat position in `x` of every window's first maximum: (B, C, *out) of int64."""
    x = x.detach() if is_tensor(x) else x  # a position has no gradient
    window, pairs = _cut(x, window, tuple(x.shape[2:]), out)
    cells = cell_numbers(x)
    best, cell = _lowered(x, pairs), pad(cells + 1, pairs) - 1  # outside: the lowest value, cell -1
    # Rows first: only from the last axis to the first is the first maximum the first in the grid.
    for axis in reversed(range(x.ndim - 2)):
        values, at = _taps(best, window, axis), _taps(cell, window, axis)
        best, cell = first_maximum(zip(values, at, strict=True))
    return spread_out(cell, best.shape)


def _max(x: Array, window: Window, out: Ints) -> Array:
    """The maximum of every window."""
    if is_recording(x) or is_transformed(x):
        return gather(x, _winners(x, window, out))
    return cast(_maxima(x, window, out), x.dtype)  # whatever its order of bytes


def _maxima(x: Array, window: Window, out: Ints) -> Array:
    """What `_winners` finds, when nobody asks where: one comparison a tap."""
    window, pairs = _cut(x, window, tuple(x.shape[2:]), out)
    best = _lowered(x, pairs)
    for axis in reversed(range(x.ndim - 2)):
        best = reduce(namespace(x).maximum, _taps(best, window, axis))
    return spread_out(best, best.shape) if math.prod(window.kernel_size) == 1 else best


def _lowered(x: Array, pairs: Pairs) -> Array:
    """`x` padded with the lowest value of its dtype."""
    padded = pad(x, pairs)
    if any(count > 0 for pair in pairs for count in pair):
        outside = pad(cell_numbers(x) + 1, pairs)[0, 0] == 0
        whole = is_whole(x)  # torch's infinity has no limits of its own
        lowest = namespace(x).iinfo(x.dtype).min if whole else -math.inf
        if is_tensor(x):
            return padded.masked_fill(outside, lowest)
        padded[..., outside] = lowest
    return padded


def cell_numbers(x: Array) -> Array:
    """The flat position of every cell of the spatial grid of `x`: (1, 1, *spatial) of int64."""
    xp, size = namespace(x), tuple(x.shape[2:])
    return xp.arange(math.prod(size), dtype=xp.int64, device=x.device).reshape(1, 1, *size)


def spread_out(a: Array, shape: Ints) -> Array:
    """`a` repeated to `shape`, in memory of its own."""
    whole = new(shape, a, fill=False)
    whole[...] = a
    return whole


def gather(x: Array, cells: Array) -> Array:
    """What `x` (B, C, *spatial) holds at flat positions (B, C, *out) of its grid."""
    if is_tensor(x):
        return x.flatten(2).gather(2, cells.flatten(2)).reshape(cells.shape)
    source = np.asarray(x)  # not a file: NumPy would take a copy for one
    return source.take(in_memory(cells, x))


def put_back(grad: Array, cells: Array, x: Array) -> Array:
    """The adjoint of `gather`: add `grad` (B, C, *out) to the cells that it came from."""
    values = cast(grad, accumulator(x))
    total = new((*x.shape[:2], math.prod(x.shape[2:])), values)
    if is_tensor(x):
        total = total.scatter_add(2, cells.flatten(2), values.flatten(2))
    else:
        np.add.at(total.reshape(-1), in_memory(cells, x).reshape(-1), values.reshape(-1))
    return cast(total.reshape(x.shape), x.dtype)


def in_memory(cells: Array, x: Array) -> Array:
    """Positions in one grid (B, C, *out) as positions in all of `x`, whose grids stand in a row."""
    batch, channels, *size = x.shape
    xp = namespace(x)
    grids = xp.arange(batch * channels, dtype=xp.int64, device=x.device) * math.prod(size)
    return cells + grids.reshape(batch, channels, *(1,) * len(size))


# ---- sums ----


def _sums(x: Array, window: Window, out: Ints) -> Array:
    """The sum of every window, with zeros outside `x`."""
    window, pairs = _cut(x, window, tuple(x.shape[2:]), out)
    total = pad(x, pairs)
    for axis in range(x.ndim - 2):
        total = pairwise(_taps(total, window, axis))
    return total


def _spread(grad: Array, window: Window, size: Ints) -> Array:
    """The adjoint of `_sums`: every cell gets the sum of its windows' gradients."""
    window, pairs = _cut(grad, window, size, tuple(grad.shape[2:]))
    for axis, (n, pair) in enumerate(zip(size, pairs, strict=True)):
        one = _along(window, axis)
        parts = grad[(..., *(None,) * len(size))]
        parts = namespace(grad).broadcast_to(parts, (*grad.shape, *one.kernel_size))
        grown = (*grad.shape[2 : 2 + axis], n + sum(pair), *grad.shape[3 + axis :])
        grad = scatter(parts, grown, one)
    return unpad(grad, size, pairs)


def _counts(like: Array, x: Array, window: Window, include_pad: bool) -> Array:
    """How many cells count in each window: (*out), in the dtype of `like` (B, C, *out)."""
    xp = namespace(like) if is_transformed(like) else np  # a compiler wants one library
    per_axis = []
    for n, o, kernel, s, d, (before, after) in zip(
        x.shape[2:],
        like.shape[2:],
        window.kernel_size,
        window.stride,
        window.dilation,
        window.padding,
        strict=True,
    ):
        start = xp.arange(o, device="cpu") * s - before
        least, most = (-before, n + after) if include_pad else (0, n)
        first = (-((start - least) // d)).clip(0)  # of the taps that are at `least` or behind
        stop = (-((start - most) // d)).clip(None, kernel)
        per_axis.append(cast(stop - first, xp.float64))
    counts = reduce(outer, per_axis)  # of floats: a product of ints may wrap around
    return as_array(counts.clip(None, 2.0**62) if is_whole(like) else counts, like)


def outer(a: Array, b: Array) -> Array:
    """Every product of a value of `a` and one of `b`, a vector."""
    return a[..., None] * b


def as_array(values: Array, like: Array) -> Array:
    """`values` in the library, dtype and device of `like`."""
    return namespace(like).asarray(values, dtype=like.dtype, device=like.device)


def _divide(total: Array, count: Array) -> Array:
    """``total / count``; for integers cut off towards zero, as C divides."""
    if "float" in _dtype_name(total):
        return total / count
    below, size = -abs(total), abs(count)  # not above 0: there is no room for the least int64
    quotient = (below + size - 1) // size  # rounded up, so towards 0
    return namespace(total).where((total < 0) != (count < 0), quotient, -quotient)


# ---- powers ----


def _power_sums(x: Array, power: float, window: Window, out: Ints) -> Array:
    total = _sums(cast(x, accumulator(x)) ** power, window, out)
    return total * _completion(total, x, window)


def _completion(like: Array, x: Array, window: Window) -> Array:
    """What a window that hangs over is scaled by: its whole size over the cells it sees."""
    return float(math.prod(window.kernel_size)) / _counts(like, x, window, True)


def _root(total: Array, power: float, at_zero: float) -> Array:
    """``total ** power``, but a constant at 0: there the root's own gradient is infinite."""
    xp = namespace(total)
    safe = xp.where(total == 0, xp.ones_like(total), total)
    return xp.where(total == 0, xp.full_like(total, at_zero), safe**power)


# ---- windows, axis by axis ----


def _along(window: Window, axis: int) -> Window:
    """`window` along one axis; along the others, a window of one cell."""
    rank = len(window.kernel_size)
    kernel, stride, dilation = (
        tuple(value[a] if a == axis else 1 for a in range(rank))
        for value in (window.kernel_size, window.stride, window.dilation)
    )
    return Window(kernel, stride, dilation, ((0, 0),) * rank)


def _taps(x: Array, window: Window, axis: int) -> Iterator[Array]:
    """What each tap of the window along one axis reads, all windows at once: views."""
    if is_transformed(x):  # plain slices: every transform knows them
        yield from _slices(x, window, axis)
        return
    view = windows(x, _along(window, axis))  # (B, C, *out, *kernel), kernel 1 but on `axis`
    view = view[(..., *(slice(None) if a == axis else 0 for a in range(x.ndim - 2)))]
    yield from moveaxis(view, -1, 0)


def _slices(x: Array, window: Window, axis: int) -> Iterator[Array]:
    n, s, d = x.shape[axis + 2], window.stride[axis], window.dilation[axis]
    reach = (n - window.span[axis]) // s * s + 1
    for start in range(0, window.span[axis], d):
        yield x[(slice(None),) * (axis + 2) + (slice(start, start + reach, min(s, n)),)]


def _cut(x: Array, window: Window, size: Ints, out: Ints) -> tuple[Window, Pairs]:
    """The taps of `window` that meet input, and the padding that they read.

    For torch's compiler all taps and all padding: where sizes are symbols, to cut takes longer to
    work out than it spares.
    """
    compiles = is_tensor(x) and namespace(x).compiler.is_compiling()
    if compiles and out == window.output_size(size):
        return window, window.padding
    window = _within(window, size, out)
    return window, _read(window, size, out)


def _within(window: Window, size: Ints, out: Ints) -> Window:
    """`window` without its first and last taps, as far as they meet no input anywhere.

    So a window far larger than the input costs no more than one as large as the input.
    """
    kernels, pairs = [], []
    for n, o, kernel, s, d, (before, after) in zip(
        size, out, window.kernel_size, window.stride, window.dilation, window.padding, strict=True
    ):
        first = max(0, -(((o - 1) * s - before) // d))  # the last window's first tap past the edge
        last = min(kernel - 1, (before + n - 1) // d)  # the first window's last tap before the end
        kernels.append(last - first + 1)
        pairs.append((before - first * d, after))
    return replace(window, kernel_size=tuple(kernels), padding=tuple(pairs))


def _read(window: Window, size: Ints, out: Ints) -> Pairs:
    """Padding that turns the input into just what the windows read."""
    return window.reach(size, [slice(0, o) for o in out])


# ---- checks ----

FLOATS = "float64 float32 float16 bfloat16"
LONG_DOUBLE = np.dtype(np.longdouble).name  # NumPy's alone: taken where floats are


def check_input(x: Array, dtypes: str | None = None, **options: object) -> None:
    """Raise unless `x` is a batch (B, C, *spatial) of real numbers, of one of the `dtypes`.

    `options` are those that may have a value for each spatial axis.
    """
    check_arrays(x=x)
    check_spatial(x, **options)
    if min(x.shape[1:]) < 1:
        raise BadValue(f"only the batch may be empty; got x.shape={tuple(x.shape)}.")
    name = _dtype_name(x)
    if "complex" in name or (dtypes is not None and name not in (*dtypes.split(), LONG_DOUBLE)):
        expected = f"one of {dtypes}" if dtypes else "real"
        raise BadType(
            f"the dtype of x must be {expected}; got {name}. Convert it, e.g. to float32."
        )


def _dtype_name(x: Array) -> str:
    return str(getattr(x.dtype, "name", x.dtype)).removeprefix("torch.")


def check_gradient(grad_output: Array, x: Array, out: Ints) -> None:
    """Raise unless `grad_output` fits the output (B, C, *out), and `x` has a gradient at all."""
    check_arrays(x=x, grad_output=grad_output)
    check_input(x, FLOATS)
    check_grad(grad_output, (*x.shape[:2], *out))


def check_winners(indices: Array, x: Array, out: Ints) -> None:
    """Raise unless `indices` are cells of `x`, one for each output."""
    shape, size = (*x.shape[:2], *out), tuple(x.shape[2:])
    repair = "Give those that the pooling of this x gave."
    check_indices(indices, x, "the output", shape, "x", size, repair)


def check_indices(
    indices: Array, x: Array, of: str, shape: Ints, grid: str, size: Ints, repair: str
) -> None:
    """Raise unless `indices` have the `shape` of something, and are cells of a `grid` of `size`."""
    check_arrays(indices=indices)
    if is_tensor(indices) != is_tensor(x) or indices.device != x.device:
        raise BadType(
            f"x and indices must be of one library and on one device; got "
            f"{type(x).__name__} on {x.device} and {type(indices).__name__} on {indices.device}."
        )
    if accumulator(indices) != namespace(x).int64:  # in any order of bytes
        raise BadType(f"indices must be int64, flat positions; got {indices.dtype}.")
    got = tuple(indices.shape)
    if got != shape:
        batch = " Add the batch axis: indices[None]." if (1, *got) == shape else ""
        raise BadValue(
            f"indices must have the shape of {of}, {shape}, one position a value; got "
            f"indices.shape={got}.{batch}"
        )
    if is_transformed(x):  # whose values stand for many, or for none yet: torch looks when it runs
        return
    if x.device != "cpu" and x.device.type == "meta":
        raise BadType("indices must have values, to be checked; got a tensor on the device meta.")
    outside = (indices < 0) | (indices >= math.prod(size))
    if bool(outside.any()):
        raise BadValue(
            f"all indices must be cells of {grid}, 0 to {math.prod(size) - 1} for size "
            f"{size}; got {int(indices[outside][0])}. {repair}"
        )


def _check_window(
    x: Array,
    dtypes: str | None,
    kernel_size: IntOrInts,
    stride: IntOrInts | None,
    padding: Padding,
    dilation: IntOrInts,
    ceil_mode: bool,
) -> tuple[Window, Ints]:
    """The checked window and how many of it there are."""
    sizes = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    check_input(x, dtypes, **sizes, dilation=dilation)
    check_flags(ceil_mode=ceil_mode)
    empty = isinstance(stride, (tuple, list)) and not stride
    steps = kernel_size if stride is None or empty else stride
    size = tuple(x.shape[2:])
    window = make_window(kernel_size, steps, padding, dilation, len(size))
    most = tuple(kernel // 2 for kernel in window.kernel_size) if _is_torchs(padding) else None
    for kernel, pair in zip(window.kernel_size, window.padding, strict=True):
        if most and max(pair) > kernel // 2:
            raise BadValue(
                f"padding must be at most half of kernel_size, so that a window sees more "
                f"than padding; got padding={max(pair)}, kernel_size={kernel}. "
                f"Use padding <= {kernel // 2}. As (before, after) pairs it may be more."
            )
    check_fits(window, size, ceil_mode, most=most)
    out = window.output_size(size, ceil_mode)
    _check_seen(window, size, out)
    pairs = _read(_within(window, size, out), size, out)
    lead, spread = x.shape[:2], [n + sum(pair) for n, pair in zip(size, pairs, strict=True)]
    check_memory(x, the_padded_input=(*lead, *spread), the_output=(*lead, *out))
    return window, out


def _check_override(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise BadType(f"divisor_override must be an int or None; got {value!r}.")
    if value == 0:
        raise BadValue(
            "divisor_override must not be 0; got divisor_override=0. None counts the cells."
        )
    return one_int("divisor_override", int(value), least=-sys.maxsize)


def _is_torchs(padding: Padding) -> bool:
    """True for numbers; torch has neither words nor pairs, so those need not keep its limit."""
    values = padding if isinstance(padding, (tuple, list)) else [padding]
    return not any(isinstance(value, (tuple, list, str)) for value in values)


def _check_seen(window: Window, size: Ints, out: Ints) -> None:
    """Raise for a window of nothing but padding: it has no maximum, and there is no average."""
    for n, o, kernel, s, d, (before, after) in zip(
        size, out, window.kernel_size, window.stride, window.dilation, window.padding, strict=True
    ):
        last = (o - 1) * s - before
        # Of windows that start before the input, the first sees least, unless steps are so wide
        # that a window passes over the input. After 2*n windows at most that is known: their
        # places modulo d recur, or go in steps too short to leap over the d - n that see nothing.
        early = range(-before, min(0, last + 1), s)[: d // math.gcd(s, d) if d > n else 1]
        start = next((u for u in early if -(u // d) >= kernel or u % d >= n), None)
        if start is None and last >= n:
            start = last
        if start is not None:
            raise BadValue(
                f"a window sees nothing but padding: it reads cells {start}, "
                f"{start + d} and so on, the input has 0 to {n - 1}; got padding="
                f"({before}, {after}), dilation={d}. Use less of either."
            )


def _check_lp(
    x: Array,
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None,
    padding: Padding,
    dilation: IntOrInts,
    ceil_mode: bool,
) -> tuple[Window, Ints, float]:
    power = as_number("norm_type", norm_type)
    if power == 0 or math.isnan(power):
        raise BadValue(
            f"norm_type must be a number other than 0, as 1/norm_type is taken; "
            f"got norm_type={norm_type!r}."
        )
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    window, out = _check_window(x, FLOATS, *options)
    return window, out, power
