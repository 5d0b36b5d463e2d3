"""Transposed convolution by its three equal definitions, and the matrix that explains them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import numpy as np

from ._arrays import Array, cast, new
from ._checks import (
    BadValue,
    check_arrays,
    check_choice,
    check_grad,
    check_host_memory,
    check_memory,
    check_real,
    check_size,
    check_spatial,
    one_int,
    per_axis,
    public,
    public_exact,
    public_layer,
)
from ._layer import (
    ConvLayer,
    Options,
    add_bias,
    check_bias,
    check_rank,
    check_shapes,
    check_weight,
    gradients,
)
from ._tuning import COLUMN_BUDGET
from ._types import Definition, IntOrInts, Needs, Padding
from ._windows import every
from .geometry import padded_size, transpose_window
from .methods import convolve, im2col, native
from .methods.backward import (
    backward_input,
    backward_weight,
    by_turned_kernels,
    check_zeros,
    insert_zeros,
)


@public_layer
def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    method: Definition = "auto",
    budget: int = COLUMN_BUDGET,
) -> Array:
    r"""The transpose of a convolution: every input adds a scaled kernel to the output.

    .. math:: y_{b,k,h,w} = \beta_k +
              \sum_{c}\; \sum_{\substack{u,i:\ us+id-p=h \\ v,j:\ vs+jd-p=w}}
              x_{b,c,u,v}\; w_{c,k,i,j}

    It is the adjoint of `conv` with the same kernels and options: its matrix is the transpose of
    that convolution's matrix. It is not an inverse: it restores the shape, not the values.

    Parameters
    ----------
    x : array (B, C, *spatial)
        With the batch axis: an image alone is ``x[None]``.
    weight : array (C, K/groups, *kernel)
        The kernels of the convolution that is transposed, which has C outputs and K inputs.
    bias : array (K,), optional
    stride : int or one int per axis
        Cells between the places of two inputs; default 1.
    padding : int, one int per axis or one (before, after) pair per axis
        Cells taken off each side of the output; default 0.
    output_padding : int or one int per axis
        Cells by which the output is larger behind; less than stride or dilation; default 0.
    groups : int
        Divides both C and K; default 1.
    dilation : int or one int per axis
        Default 1. Of `stride`, `padding`, `output_padding` and `dilation`, a tuple of one holds
        for all axes.
    method : "auto", "scatter", "zero_insertion", "matrix" or "native"
        Which definition computes it: add each scaled kernel where it belongs; insert ``s - 1``
        zeros between the inputs and convolve with the turned kernel; multiply by the transposed
        matrix (small inputs only); torch's own kernel. "auto" is "scatter", or a
        convolution with the turned kernel where the stride is 1; inside of torch's transforms
        (compile, vmap, jvp and so on) it is "native".
    budget : int
        Bytes of columns that "scatter" holds at once; default ``COLUMN_BUDGET``, 8 MiB.

    Returns
    -------
    array (B, K, *out)
        Library, device and dtype of `x`;
        ``out = (H - 1)*stride - 2*padding + dilation*(N - 1) + output_padding + 1`` for each axis.

    Raises
    ------
    TypeError
        Libraries, dtypes or devices are mixed, or an option is of the wrong type.
    ValueError
        Shapes disagree, an option is out of range, or nothing is left of the output.

    Notes
    -----
    ``B*C*prod(spatial) * K/G*prod(kernel)`` multiply-adds by "scatter"; "zero_insertion" spends
    about ``prod(stride)`` times as many, on zeros. Same results as
    ``torch.nn.functional.conv_transpose1d``, ``conv_transpose2d`` and ``conv_transpose3d``.
    Source: Dumoulin and Visin (2016), chapter 4.  Book: "Three equal definitions".

    Examples
    --------
    >>> conv_transpose(np.array([[[1., 2.]]]), np.array([[[1., 0., -1.]]]), stride=2)
    array([[[ 1.,  0.,  1.,  0., -2.]]])
    """
    options = (stride, padding, output_padding, dilation)
    layer = _check_layer(x, weight, options, groups, budget)
    check_bias(x, bias, layer.x_shape[1])
    _check_method(method, x, weight, layer)
    return add_bias(DEFINITIONS[method].forward(x, weight, layer), bias, x)


@public_layer
def conv_transpose_backward(
    grad_output: Array,
    x: Array,
    weight: Array,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    method: Definition = "auto",
    budget: int = COLUMN_BUDGET,
    needs: Needs = (True, True, True),
) -> tuple[Array, Array, Array]:
    r"""Gradients of a transposed convolution in its input, its kernels and its bias.

    The adjoint of an adjoint is the thing itself: the gradient in `x` is the *convolution* of
    `grad_output` with `weight`, and the gradient in `weight` is that of this convolution with `x`
    and `grad_output` in each other's place.

    Parameters
    ----------
    grad_output : array (B, K, *out)
        Gradient in the output of ``conv_transpose(x, weight, ...)`` with the same options.
    x, weight, stride, padding, output_padding, groups, dilation, budget
        As for `conv_transpose`.
    method : "auto", "scatter", "zero_insertion", "matrix" or "native"
        How `grad_x` is computed: as the adjoint of that definition. The adjoint of adding scaled
        kernels is a product with the columns of `grad_output`; that of zero insertion convolves at
        stride 1 and leaves out; that of the transposed matrix is the matrix; torch has a kernel.
        "auto" is the method that `conv` would choose. Whatever the method, `grad_weight` is a
        product with the columns of `grad_output`, and `grad_bias` a sum.
    needs : three of True and False
        Which of the gradients to compute; in place of the others stands None. Default: all.

    Returns
    -------
    grad_x, grad_weight, grad_bias : arrays
        Of the shapes of `x`, `weight` and ``(K,)``, all in their dtype; None where not asked for.

    Raises
    ------
    TypeError, ValueError
        As `conv_transpose` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    The multiply-adds of `conv_transpose` for `grad_x` and `grad_weight` each, in tiles of `budget`
    bytes; more of them for `grad_x` by "zero_insertion" and "matrix". Real dtypes only.
    Book: "Three equal definitions".

    Examples
    --------
    >>> x, weight = np.array([[[1., 2.]]]), np.array([[[1., 0., -1.]]])
    >>> grad = np.array([[[1., 2., 3., 4., 5.]]])
    >>> grad_x, grad_weight, grad_bias = conv_transpose_backward(grad, x, weight, stride=2)
    >>> grad_x                                     # 1*1 + 3*(-1), 3*1 + 5*(-1)
    array([[[-2., -2.]]])
    >>> grad_weight, grad_bias
    (array([[[ 7., 10., 13.]]]), array([15.]))
    """
    options = (stride, padding, output_padding, dilation)
    layer = _check_layer(x, weight, options, groups, budget)
    check_arrays(x=x, grad_output=grad_output)
    check_real(x)
    check_grad(grad_output, layer.x_shape)
    _check_method(method, x, weight, layer)
    return gradients(
        needs,
        grad_output,
        lambda: DEFINITIONS[method].adjoint(grad_output, weight, layer),
        lambda: backward_weight(x, grad_output, layer),
    )


Sliding = tuple[IntOrInts, Padding, IntOrInts, IntOrInts]
"""Stride, padding, output padding and dilation, as a caller gave them."""


def _check_layer(x: Array, weight: Array, options: Sliding, groups: int, budget: int) -> ConvLayer:
    """The convolution that is transposed: of an input like our output, it gives one like `x`."""
    check_arrays(x=x, weight=weight)
    check_weight(weight, "(C, K/groups, *kernel)")
    check_rank(x, weight)
    groups = one_int("groups", groups, least=1)
    budget = one_int("budget", budget, least=1)
    _check_channels(x, weight, groups)
    window, out = transpose_window(check_size(x), tuple(weight.shape[2:]), *options)
    shape = (x.shape[0], weight.shape[1] * groups, *out)
    whole = padded_size(out, window.padding)
    check_memory(x, the_output=shape, the_output_before_padding=(*shape[:2], *whole))
    return ConvLayer(window, shape, tuple(x.shape), groups, budget)


def _check_channels(x: Array, weight: Array, groups: int) -> None:
    """Raise unless `weight` (C, K/G, ...) has a kernel for each channel of `x`, in equal groups."""
    channels = x.shape[1]
    got = f"got x.shape={tuple(x.shape)}, weight.shape={tuple(weight.shape)}, groups={groups}."
    if channels != weight.shape[0]:
        raise BadValue(
            f"x has {channels} channels, but weight expects {weight.shape[0]}, its first "
            f"axis; {got}"
        )
    if channels % groups:
        raise BadValue(
            f"groups must divide the {channels} channels of x, but {channels} = "
            f"{channels // groups} * {groups} + {channels % groups}; {got}"
        )


def _check_method(method: str, x: Array, weight: Array, layer: ConvLayer) -> None:
    """Raise unless there is such a method, and it can do what is asked for."""
    check_choice("method", method, (*DEFINITIONS,))
    if method == "zero_insertion":
        check_zeros("the_input_with_zeros", x, layer)
    if method == "matrix":
        _check_matrix(weight, math.prod(x.shape[1:]), math.prod(layer.x_shape[1:]))
    if method == "native":
        native.check(x, layer)


def _check_matrix(weight: Array, rows: int, cells: int) -> None:
    """Raise for a matrix, or a basis to be convolved, that would not fit the memory."""
    check_memory(weight, the_matrix=(rows, cells), the_basis=(cells, cells))


# ---- the definitions, and their adjoints ----


def _zero_insertion(x: Array, weight: Array, layer: ConvLayer) -> Array:
    """Spread the inputs, then convolve with the kernel turned by 180 degrees."""
    return by_turned_kernels(x, weight, layer, "im2col")


def _leave_out(grad: Array, weight: Array, layer: ConvLayer) -> Array:
    """The adjoint of zero insertion: convolve at stride 1, and keep what no zero stands for."""
    dense = im2col.forward(grad, weight, layer.at_stride_1())
    return every(dense, layer.window.stride)


def _by_transposed_matrix(x: Array, weight: Array, layer: ConvLayer) -> Array:
    """Multiply with the transpose of the convolution's matrix."""
    matrix = _explicit(weight, layer)  # (C*n, K*out)
    flat = cast(x.reshape(len(x), matrix.shape[0]), matrix.dtype)
    return (flat @ matrix).reshape(layer.x_shape)


def _by_matrix(grad: Array, weight: Array, layer: ConvLayer) -> Array:
    """The adjoint of the transposed matrix: the matrix."""
    matrix = _explicit(weight, layer)  # (C*n, K*out)
    flat = cast(grad.reshape(len(grad), matrix.shape[1]), matrix.dtype)
    return (flat @ matrix.swapaxes(0, 1)).reshape(layer.y_shape)


def _explicit(weight: Array, layer: ConvLayer) -> Array:
    """Convolve every basis image: the images that come out are the columns of the matrix."""
    cells = math.prod(layer.x_shape[1:])
    basis = new((cells, cells), weight)
    diagonal = range(cells)
    basis[diagonal, diagonal] = 1
    images = basis.reshape(cells, *layer.x_shape[1:])
    y = im2col.forward(images, weight, layer.over(images.shape, layer.window))
    return y.reshape(cells, math.prod(y.shape[1:])).swapaxes(0, 1)


class Pair(NamedTuple):
    """One of the equal definitions, and the adjoint of its steps: ``(x, weight, layer)`` to y."""

    forward: Callable[[Array, Array, ConvLayer], Array]
    adjoint: Callable[[Array, Array, ConvLayer], Array]


DEFINITIONS = {
    "auto": Pair(backward_input, convolve),  # whatever is fastest there
    "scatter": Pair(im2col.backward_input, im2col.forward),
    "zero_insertion": Pair(_zero_insertion, _leave_out),
    "matrix": Pair(_by_transposed_matrix, _by_matrix),
    "native": Pair(native.backward_input, native.forward),
}


@public
def conv_matrix(
    weight: Array,
    input_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Array:
    r"""The matrix of a convolution: ``M @ x.ravel()`` is ``conv(x, weight, ...).ravel()``.

    .. math:: M_{(k,u,v),\,(c,h,w)} = w_{k,c,i,j}
              \quad\text{where } h = us+id-p,\; w = vs+jd-p, \quad\text{else } 0

    Parameters
    ----------
    weight : array (K, C/groups, *kernel)
    input_size : int or one int per axis
        Spatial size of one image.
    stride, padding, dilation, groups
        As for `conv`.

    Returns
    -------
    array (K*prod(out), C*prod(input_size))
        Dense, mostly zeros; library, device and dtype of `weight`.

    Raises
    ------
    TypeError, ValueError
        As `conv` does.

    Notes
    -----
    ``C*prod(input_size)`` times the memory of one output: for small sizes, to look at. Its
    transpose is the matrix of `conv_transpose`.  Book: "Three equal definitions".

    Examples
    --------
    >>> conv_matrix(np.array([[[1., 2., 3.]]]), 5, stride=2)
    array([[1., 2., 3., 0., 0.],
           [0., 0., 1., 2., 3.]])
    """
    check_arrays(weight=weight)
    check_weight(weight, "(K, C/groups, *kernel)")
    groups = one_int("groups", groups, least=1)
    if weight.shape[0] % groups:
        raise BadValue(
            f"groups must divide the {weight.shape[0]} kernels of weight; got "
            f"weight.shape={tuple(weight.shape)}, groups={groups}."
        )
    size = per_axis("input_size", input_size, weight.ndim - 2, least=1)
    x_shape = (1, weight.shape[1] * groups, *size)
    options = Options(stride, padding, dilation, groups)
    layer, padded = check_shapes(x_shape, tuple(weight.shape), options)
    cells = math.prod(x_shape)
    _check_matrix(weight, math.prod(layer.y_shape), cells)
    check_memory(weight, the_padded_basis=(cells, math.prod(padded)))
    return cast(_explicit(weight, layer), weight.dtype)


@public_exact
def zero_insert(x: Array, stride: IntOrInts) -> Array:
    """Put ``stride - 1`` zeros between each two neighbours, along every spatial axis.

    Parameters
    ----------
    x : array (B, C, *spatial)
        Three axes are a batch of signals. With the batch axis: an image alone is ``x[None]``.
    stride : int or one int per axis

    Returns
    -------
    array (B, C, *out)
        ``out = (n - 1)*stride + 1`` for each axis; none before the first or behind the last.

    Raises
    ------
    TypeError, ValueError
        `x` is no array or unbatched, or `stride` is below 1.

    Notes
    -----
    One copy.  The first half of a transposed convolution by zero insertion.
    Book: "Three equal definitions".

    Examples
    --------
    >>> zero_insert(np.array([[[1, 2, 3]]]), 2)
    array([[[1, 0, 2, 0, 3]]])
    """
    check_arrays(x=x)
    check_spatial(x, stride=stride)
    size = check_size(x)
    steps = per_axis("stride", stride, x.ndim - 2, least=1, alike=True)
    out = tuple((n - 1) * s + 1 for n, s in zip(size, steps, strict=True))
    check_memory(x, the_output=(*x.shape[:2], *out))
    return insert_zeros(x, steps)


@public_exact
def overlap_count(
    input_size: IntOrInts,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
) -> Array:
    """How many taps reach each output of a transposed convolution: its checkerboard, as numbers.

    Parameters
    ----------
    input_size : int or tuple of int
        An int for one axis.
    kernel_size, stride, padding, output_padding, dilation
        As for `conv_transpose`.

    Returns
    -------
    numpy.ndarray (*out) of int
        All alike away from the borders where `stride` divides `kernel_size`, at dilation 1.

    Raises
    ------
    TypeError, ValueError
        As `transpose_output_size` does.

    Notes
    -----
    A transposed convolution of ones with a kernel of ones. Source: Odena, Dumoulin and Olah,
    "Deconvolution and checkerboard artifacts", Distill (2016).  Book: "Checkerboard".

    Examples
    --------
    >>> overlap_count(4, 3, stride=2)
    array([1, 1, 2, 1, 2, 1, 2, 1, 1])
    >>> overlap_count(4, 4, stride=2)
    array([1, 1, 2, 2, 2, 2, 2, 2, 1, 1])
    """
    rank = len(input_size) if isinstance(input_size, (tuple, list)) else 1
    size = per_axis("input_size", input_size, rank, least=1)
    kernel = per_axis("kernel_size", kernel_size, rank, least=1, alike=True)
    window, out = transpose_window(size, kernel, stride, padding, output_padding, dilation)
    check_host_memory(8, the_output=out)
    options = zip(size, window.stride, kernel, window.dilation, window.padding, out, strict=True)
    return reduce(np.multiply.outer, (_reached(*each) for each in options))


def _reached(n: int, s: int, kernel: int, d: int, pair: tuple[int, int], out: int) -> Array:
    """How many taps reach each output along one axis: in how many ways h + p is u*s + t*d.

    Such u stand d/gcd(s, d) apart, and there is one among so many: a modular inverse finds it.
    """
    s, d = s if n > 1 else 1, d if kernel > 1 else 1  # of one alone the step is no matter
    last = max(n * s + kernel * d, pair[0] + out)
    # Where a product might wrap around, Python's own ints, which have no end.
    h = np.arange(pair[0], pair[0] + out, dtype=int if last < 2**31 else object)
    shared = math.gcd(s, d)
    apart = d // shared
    least, most = np.maximum(0, -((d * (kernel - 1) - h) // s)), np.minimum(n - 1, h // s)
    one = h // shared * pow(s // shared, -1, apart) % apart
    ways = (most - one) // apart - (least - 1 - one) // apart
    return np.where(h % shared == 0, np.maximum(ways, 0), 0).astype(int)
