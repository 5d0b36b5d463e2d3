"""Max, average and power-average pooling: what a window holds, reduced to one number.

A window is a box, and the maximum of a box is the maximum of its rows' maxima; sums are alike. So
all work goes axis by axis, which takes ``kh + kw`` taps for a window of ``kh * kw`` cells.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
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
    namespace,
)
from ._checks import (
    BadType,
    BadValue,
    as_number,
    check_arrays,
    check_flags,
    check_grad,
    one_int,
    public,
    public_exact,
)
from ._pooling import (
    FLOATS,
    add_parts,
    broadcast_copy,
    cell_numbers,
    check_indices,
    check_input,
    gather,
    parts,
    put_back,
    winners,
)
from ._pooling_windows import check_window, window_reads, window_sizes
from ._sums import BLOCK, pairwise
from ._types import IntOrInts, Ints, Padding
from ._windows import pad, tap_blocks, unpad
from .geometry import Pairs, Window, padded_size

# ---- the maximum ----


@public_exact
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
    window, out = check_window(x, None, *options)
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
    window, out = check_window(x, None, *options)
    check_arrays(x=x, grad_output=grad_output)
    check_input(x, FLOATS)  # integers have maxima, but no gradient
    check_grad(grad_output, (*x.shape[:2], *out))
    if indices is None:
        indices = _winners(x, window, out)
    else:
        check_indices(indices, x, (*x.shape[:2], *out), tuple(x.shape[2:]))
    return put_back(grad_output, indices, x)


def _winners(x: Array, window: Window, out: Ints) -> Array:
    """The flat position in `x` of every window's first maximum: (B, C, *out) of int64."""
    x = x.detach() if is_tensor(x) else x  # a position has no gradient
    reads, pairs = window_reads(x, window, tuple(x.shape[2:]), out)
    numbers = pad(cell_numbers(x) + 1, pairs) - 1  # -1 outside, where the lowest value stands
    return winners(_pad_lowest(x, pairs), numbers, reads)


def _max(x: Array, window: Window, out: Ints) -> Array:
    """The maximum of every window: where nobody asks for its place, one comparison a tap."""
    if is_recording(x) or is_transformed(x):
        return gather(x, _winners(x, window, out))
    reads, pairs = window_reads(x, window, tuple(x.shape[2:]), out)
    best = _pad_lowest(x, pairs)
    for axis, taps in reversed([*enumerate(reads, start=2)]):
        best = reduce(namespace(x).maximum, parts(best, taps, axis))
    if all(len(taps) == 1 for taps in reads):  # nothing was compared: a view
        best = broadcast_copy(best, best.shape)
    return cast(best, x.dtype)  # whatever its order of bytes


def _pad_lowest(x: Array, pairs: Pairs) -> Array:
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


# ---- the average ----


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
    window, out = check_window(x, f"{FLOATS} int64", *options)
    check_flags(count_include_pad=count_include_pad)
    override = _check_override(divisor_override)
    total = _sums(cast(x, accumulator(x)), window, out)
    divisor = override or window_sizes(total, x, window, count_include_pad)
    return cast(_divide(total, divisor), x.dtype)


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
    r"""Gradient of `avg_pool` in its input: each window's gradient, evenly divided.

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
    window, out = check_window(x, FLOATS, *options)
    check_flags(count_include_pad=count_include_pad)
    override = _check_override(divisor_override)
    check_arrays(x=x, grad_output=grad_output)
    check_grad(grad_output, (*x.shape[:2], *out))
    grad = cast(grad_output, accumulator(x))
    grad = grad / (override or window_sizes(grad, x, window, count_include_pad))
    return cast(_spread(grad, window, tuple(x.shape[2:])), x.dtype)


def _sums(x: Array, window: Window, out: Ints) -> Array:
    """The sum of every window, with zeros outside `x`."""
    reads, pairs = window_reads(x, window, tuple(x.shape[2:]), out)
    total = pad(x, pairs)
    for axis, taps in enumerate(reads, start=2):
        total = pairwise(parts(total, taps, axis))
    return total


def _spread(grad: Array, window: Window, size: Ints) -> Array:
    """The adjoint of `_sums`: every cell gets the sum of its windows' gradients."""
    reads, pairs = window_reads(grad, window, size, tuple(grad.shape[2:]))
    padded = padded_size(size, pairs)
    for axis, (taps, n) in enumerate(zip(reads, padded, strict=True), start=2):
        grad = _spread_axis(grad, taps, axis, n)
    return unpad(grad, size, pairs)


def _spread_axis(grad: Array, taps: Sequence[slice], axis: int, n: int) -> Array:
    """Add the gradients of windows to each of their taps, among `n` cells along the axis.

    Many taps are added in blocks, for the digits of the sums.
    """
    if len(taps) <= BLOCK or is_transformed(grad):
        return add_parts([grad] * len(taps), taps, axis, n)
    blocks = tap_blocks(taps, n, grad.shape[axis])
    return pairwise(add_parts([grad] * len(block), block, axis, n) for block in blocks)


def _divide(total: Array, divisor: Array) -> Array:
    """``total / divisor``; for integers cut off towards zero, as C divides."""
    if not is_whole(total):
        return total / divisor
    below, size = -abs(total), abs(divisor)  # not above 0: there is no room for the least int64
    quotient = (below + size - 1) // size  # rounded up, so towards 0
    return namespace(total).where((total < 0) != (divisor < 0), quotient, -quotient)


def _check_override(value: object) -> int | None:
    """Check `divisor_override`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise BadType(f"divisor_override must be an int or None; got {value!r}.")
    if value == 0:
        raise BadValue(
            "divisor_override must not be 0; got divisor_override=0. None counts the cells."
        )
    return one_int("divisor_override", int(value), least=-sys.maxsize)


# ---- the power average ----


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
    check_arrays(x=x, grad_output=grad_output)
    check_grad(grad_output, (*x.shape[:2], *out))
    if math.isinf(norm_type):
        signed = math.copysign(1, norm_type) * abs(x)
        grad = put_back(grad_output, _winners(signed, window, out), x) * namespace(x).sign(x)
        return cast(grad, x.dtype)  # whatever its order of bytes
    total = _power_sums(x, norm_type, window, out)
    grad = cast(grad_output, total.dtype) * _root(total, 1 / norm_type - 1, 0.0)
    grad = grad * _completion(grad, x, window)
    slope = cast(x, total.dtype) ** (norm_type - 1)
    return cast(slope * _spread(grad, window, tuple(x.shape[2:])), x.dtype)


def _power_sums(x: Array, power: float, window: Window, out: Ints) -> Array:
    """The sum of every window's powers; where a window hangs over, scaled up to a whole one."""
    total = _sums(cast(x, accumulator(x)) ** power, window, out)
    return total * _completion(total, x, window)


def _completion(like: Array, x: Array, window: Window) -> Array:
    """What a window that hangs over is scaled by: all its cells over those that count."""
    return float(math.prod(window.kernel_size)) / window_sizes(like, x, window, True)


def _root(total: Array, power: float, at_zero: float) -> Array:
    """``total ** power``, but a constant at 0: there the root's own gradient is infinite."""
    xp = namespace(total)
    safe = xp.where(total == 0, xp.ones_like(total), total)
    return xp.where(total == 0, xp.full_like(total, at_zero), safe**power)


def _check_lp(
    x: Array,
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None,
    padding: Padding,
    dilation: IntOrInts,
    ceil_mode: bool,
) -> tuple[Window, Ints, float]:
    """As `check_window`, with the power too."""
    power = as_number("norm_type", norm_type)
    if power == 0 or math.isnan(power):
        raise BadValue(
            f"norm_type must be a number other than 0, as 1/norm_type is taken; "
            f"got norm_type={norm_type!r}."
        )
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    window, out = check_window(x, FLOATS, *options)
    return window, out, power
