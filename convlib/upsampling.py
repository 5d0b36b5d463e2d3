"""Ways to a larger image without uneven overlap: pixel shuffle, and resizing."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

from ._arrays import (
    Array,
    accumulator,
    cast,
    is_tensor,
    is_transformed,
    is_whole,
    moveaxis,
    namespace,
    new,
)
from ._checks import (
    BadType,
    BadValue,
    as_number,
    check_arrays,
    check_batched,
    check_choice,
    check_grad,
    check_host_memory,
    check_memory,
    check_size,
    check_spatial,
    one_int,
    per_axis,
    public,
    public_exact,
)
from ._types import FloatOrFloats, IntOrInts, Ints, Resizing
from ._windows import add_to_cells


@public_exact
def pixel_shuffle(x: Array, upscale_factor: int) -> Array:
    r"""Lay blocks of channels out as pixels: each cell becomes a square of r by r.

    .. math:: y_{b,\,c,\,hr+i,\,wr+j} = x_{b,\,cr^2+ir+j,\,h,\,w}

    Parameters
    ----------
    x : array (B, C*r**n, *spatial)
        With n spatial axes: three axes are a batch of signals. An image alone is ``x[None]``.
    upscale_factor : int
        The r above.

    Returns
    -------
    array (B, C, *out)
        New memory; every spatial size is r times as large.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched, or ``r**n`` does not divide its channels.

    Notes
    -----
    One copy, no arithmetic. Equals ``torch.nn.functional.pixel_shuffle``, for any number of spatial
    axes.
    Source: Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network" (2016).  Book: "Who uses it".

    Examples
    --------
    >>> pixel_shuffle(np.array([[[1, 2, 3], [10, 20, 30]]]), 2)
    array([[[ 1, 10,  2, 20,  3, 30]]])
    """
    r, rank = _check_factor(x, "upscale_factor", upscale_factor)
    batch, channels, *size = x.shape
    check_memory(x, the_output=(batch, -(-channels // r**rank), *(n * r for n in size)))
    if channels % r**rank:
        raise BadValue(
            f"the channels of x must be a multiple of upscale_factor**{rank} = "
            f"{r}**{rank} = {r**rank}, one for each cell of a block, but {channels} = "
            f"{channels // r**rank} * {r**rank} + {channels % r**rank}; got "
            f"x.shape={tuple(x.shape)}."
        )
    blocks = x.reshape(batch, channels // r**rank, *(r,) * rank, *size)
    # (B, C, r, r, H, W) to (B, C, H, r, W, r): each pixel axis behind its spatial axis
    blocks = moveaxis(blocks, tuple(range(2, 2 + rank)), tuple(range(3, 3 + 2 * rank, 2)))
    y = new(blocks.shape, x, fill=False)
    y[...] = blocks
    return y.reshape(batch, channels // r**rank, *(n * r for n in size))


@public_exact
def pixel_unshuffle(x: Array, downscale_factor: int) -> Array:
    """Undo `pixel_shuffle`: every square of pixels becomes channels. Also its backward pass.

    Parameters
    ----------
    x : array (B, C, *spatial)
        Three axes are a batch of signals. An image alone is ``x[None]``.
    downscale_factor : int
        Divides every spatial size.

    Returns
    -------
    array (B, C*r**n, *out)
        New memory; every spatial size is r times as small.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched, or the factor does not divide its spatial sizes.

    Notes
    -----
    One copy. A rearrangement's inverse is its transpose, so this is its gradient as well. Equals
    ``torch.nn.functional.pixel_unshuffle``.  Book: "Who uses it".

    Examples
    --------
    >>> pixel_unshuffle(np.array([[[1, 10, 2, 20, 3, 30]]]), 2)
    array([[[ 1,  2,  3],
            [10, 20, 30]]])
    """
    r, rank = _check_factor(x, "downscale_factor", downscale_factor)
    batch, channels, *size = x.shape
    if any(n % r for n in size):
        raise BadValue(
            f"downscale_factor must divide every spatial size of x; got "
            f"downscale_factor={r}, x.shape={tuple(x.shape)}."
        )
    blocks = x.reshape(batch, channels, *(m for n in size for m in (n // r, r)))
    blocks = moveaxis(blocks, tuple(range(3, 3 + 2 * rank, 2)), tuple(range(2, 2 + rank)))
    y = new(blocks.shape, x, fill=False)
    y[...] = blocks
    return y.reshape(batch, channels * r**rank, *(n // r for n in size))


@public
def resize(
    x: Array,
    size: IntOrInts | None = None,
    *,
    scale_factor: FloatOrFloats | None = None,
    mode: Resizing = "nearest",
) -> Array:
    r"""Resample every spatial axis, by the nearest cell or on straight lines between cells.

    .. math:: y_u = \sum_t A_{u,t}\; x_t

    along each axis, where row :math:`u` of :math:`A` holds a single 1 at
    :math:`\lfloor u\,n/n' \rfloor` ("nearest"), or two weights that add up to 1, around
    :math:`(u + \tfrac12)\,n/n' - \tfrac12` ("linear"; bilinear for images).

    Parameters
    ----------
    x : array (B, C, *spatial)
        Three axes are a batch of signals. With the batch axis: an image alone is ``x[None]``.
    size : int or one int per axis, optional
        The size to reach. Give this or `scale_factor`.
    scale_factor : number or one number per axis, optional
        The size to reach is ``floor(n*scale_factor)``, and ``1/scale_factor`` stands for n/n'.
    mode : "nearest" or "linear"

    Returns
    -------
    array (B, C, *out)
        Library, device and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched; both or neither of `size` and `scale_factor`, or one that leaves nothing;
        no such mode.

    Notes
    -----
    Two gathers an axis. Same results as ``torch.nn.functional.interpolate`` with
    ``align_corners=False`` and modes nearest, linear, bilinear, trilinear. "nearest" rounds in
    float32, as torch does but for some float64 inputs; the two differ first from 2 to 82 cells.
    A factor may leave a size as it is, or double it, and be neither 1 nor 2: four cells times 1.2
    or 2.05. There torch's "nearest" has each cell of an image once, or twice; for signals and
    volumes it follows the formula, and so does this. (For volumes whose channels stand last in
    memory, four or more, torch has a third kernel, which does as for images.)
    Book: "Checkerboard".

    Examples
    --------
    >>> x = np.array([[[0., 10.]]])
    >>> resize(x, 4)
    array([[[ 0.,  0., 10., 10.]]])
    >>> resize(x, 4, mode="linear")
    array([[[ 0. ,  2.5,  7.5, 10. ]]])
    """
    check_arrays(x=x)
    _check_cells(x, size, scale_factor)
    out, steps = _check_resize(x, size, scale_factor, mode)
    y = cast(x, accumulator(x))
    for axis, rows in _rows(x, out, steps, mode):
        y = _gather(y, rows, axis)
    return cast(y, x.dtype)


@public
def resize_backward(
    grad_output: Array,
    x: Array,
    size: IntOrInts | None = None,
    *,
    scale_factor: FloatOrFloats | None = None,
    mode: Resizing = "nearest",
) -> Array:
    r"""Gradient of `resize` in its input: the transposed matrices.

    .. math:: \frac{\partial \ell}{\partial x_t} = \sum_u A_{u,t}\; g_u

    Parameters
    ----------
    grad_output : array (B, C, *out)
    x, size, scale_factor, mode
        As for `resize`; of `x`, only the shape matters.

    Returns
    -------
    array
        Of the shape of `x`.

    Raises
    ------
    TypeError, ValueError
        As `resize` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    Two scatters an axis, a cell of `x` or of the output at a time. Where a factor leaves a size of
    a signal or a volume as it is, or doubles it, torch's own gradient of "nearest" is that of its
    rule for images, not of what it computed.  Book: "Checkerboard".

    Examples
    --------
    >>> resize_backward(np.array([[[1., 2., 3., 4.]]]), np.zeros((1, 1, 2)), 4)
    array([[[3., 7.]]])
    """
    check_arrays(x=x, grad_output=grad_output)
    _check_cells(x, size, scale_factor)
    out, steps = _check_resize(x, size, scale_factor, mode)
    check_grad(grad_output, (*x.shape[:2], *out))
    grad = cast(grad_output, accumulator(x))
    for axis, rows in _rows(x, out, steps, mode):
        grad = _scatter(grad, rows, axis, x.shape[axis])
    return cast(grad, x.dtype)


# One axis of the matrix A: its rows have a nonzero or two, so it is kept as (cells, weights) pairs.
# A product with the whole matrix would spread NaN and infinity: 0 * NaN is NaN. They are made by
# the library of `x`, for a compiler to see through, and on the CPU: not every device has float64.
Rows = list[tuple[Array, Array]]


def _gather(x: Array, rows: Rows, axis: int) -> Array:
    """Multiply one axis of `x` with its matrix: each output sums the cells that it reads."""
    lead = (slice(None),) * axis
    y = 0
    for cells, weights in rows:  # 0 * inf at a cell's own centre is NaN, as in torch
        read = cells.to(x.device) if is_tensor(x) else cells.tolist()
        y = y + _column(weights, x, axis) * x[(*lead, read)]
    return y


def _scatter(grad: Array, rows: Rows, axis: int, n: int) -> Array:
    """Multiply with the transpose: each cell receives what its outputs hold."""
    shape = list(grad.shape)
    shape[axis] = n
    total = new(shape, grad)
    for cells, weights in rows:
        part = _column(weights, grad, axis) * grad
        if is_transformed(grad):
            total = total.index_add(axis, cells.to(grad.device), part)
        else:
            add_to_cells(total, cells.tolist(), part, axis)
    return total


def _column(weights: np.ndarray, like: Array, axis: int) -> Array:
    """Weights along one axis, ready to be multiplied with `like`."""
    column = namespace(like).asarray(weights, dtype=like.dtype, device=like.device)
    return column.reshape(-1, *(1,) * (like.ndim - axis - 1))


def _rows(x: Array, out: Ints, steps: Sequence[float], mode: str) -> Iterator[tuple[int, Rows]]:
    """The matrix of every spatial axis of `x`."""
    make = _linear if mode == "linear" else _of_image if len(out) == 2 else _nearest
    axes = enumerate(zip(x.shape[2:], out, steps, strict=True), start=2)
    xp = namespace(x)
    return ((axis, make(xp, n, o, step)) for axis, (n, o, step) in axes)


def _check_resize(
    x: Array,
    size: IntOrInts | None,
    scale_factor: FloatOrFloats | None,
    mode: str,
) -> tuple[Ints, Sequence[float]]:
    """Check the options: the size to reach, and cells of `x` from one output to the next."""
    check_choice("mode", mode, ("nearest", "linear"))
    if mode == "linear" and is_whole(x):
        raise BadType(
            f'mode="linear" needs values between whole numbers; got dtype {x.dtype}. '
            f'Convert x to a float dtype, or use mode="nearest".'
        )
    if (size is None) == (scale_factor is None):
        raise BadValue(
            f"give either size or scale_factor; got size={size!r}, scale_factor={scale_factor!r}."
        )
    input_size = tuple(int(n) for n in x.shape[2:])  # torch.jit.trace has tensors there
    if size is not None:
        out = per_axis("size", size, len(input_size), least=1)
        steps = [n / o for n, o in zip(input_size, out, strict=True)]
    else:
        out, steps = _scaled(input_size, scale_factor)
    check_memory(x, the_output=(*x.shape[:2], *out))
    check_host_memory(8, the_table_of_weights=(8, max(out)))
    return out, steps


def _scaled(input_size: Ints, scale_factor: object) -> tuple[Ints, list[float]]:
    """The size that a factor leads to, and the steps."""
    scales = _scales(scale_factor, len(input_size))
    out = tuple(math.floor(n * scale) for n, scale in zip(input_size, scales, strict=True))
    if min(out) < 1:
        raise BadValue(
            f"nothing is left: {input_size} times scale_factor={scale_factor!r} is {out}."
        )
    return out, [1 / scale for scale in scales]


def _scales(scale_factor: object, rank: int) -> list[float]:
    """One positive factor per axis."""
    values = (
        list(scale_factor) if isinstance(scale_factor, (tuple, list)) else [scale_factor] * rank
    )
    numbers = [as_number("scale_factor", value) for value in values]
    if len(numbers) != rank or not all(0 < v < sys.maxsize for v in numbers):
        raise BadValue(
            f"scale_factor must be a positive number or {rank} of them, one per axis; "
            f"got scale_factor={scale_factor!r}."
        )
    return numbers


def _copies(xp: ModuleType, n: int) -> Rows:
    cells = xp.arange(n, dtype=xp.int64, device="cpu")
    return [(cells, xp.ones_like(cells, dtype=xp.float64))]


def _nearest(xp: ModuleType, n: int, out: int, step: float) -> Rows:
    # torch's rounding: index and step both in float32. A whole-number index would make it float64.
    at = xp.arange(out, dtype=xp.float32, device="cpu") * step
    cells = cast(xp.floor(at), xp.int64).clip(None, n - 1)
    return [(cells, xp.ones_like(cells, dtype=xp.float64))]


def _of_image(xp: ModuleType, n: int, out: int, step: float) -> Rows:
    """`_nearest` as torch has it for images: a size that stays or doubles needs no rounding."""
    if out in (n, 2 * n):
        cells = xp.arange(out, dtype=xp.int64, device="cpu") * n // out
        return [(cells, xp.ones_like(cells, dtype=xp.float64))]
    return _nearest(xp, n, out, step)


def _linear(xp: ModuleType, n: int, out: int, step: float) -> Rows:
    if n == out:  # a copy, whatever the factor that led there: a weight of 0 times NaN were NaN
        return _copies(xp, n)
    at = ((xp.arange(out, dtype=xp.float64, device="cpu") + 0.5) * step - 0.5).clip(0)
    left = cast(xp.floor(at), xp.int64).clip(None, n - 1)
    return [(left, 1 - (at - left)), ((left + 1).clip(None, n - 1), at - left)]


def _check_cells(x: Array, size: object, scale_factor: object) -> None:
    """Raise unless `x` is a batch with something to resample."""
    check_spatial(x, size=size, scale_factor=scale_factor)
    check_size(x)


def _check_factor(x: Array, name: str, factor: int) -> tuple[int, int]:
    check_arrays(x=x)
    check_batched(x)
    return one_int(name, factor, least=1), x.ndim - 2
