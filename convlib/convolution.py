"""conv and conv_backward: the checks, the bias, and the choice of method."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ._arrays import Array, Ints, cast, is_tensor, namespace
from ._checks import (
    IntOrInts,
    as_batch,
    check_arrays,
    check_choice,
    check_memory,
    check_real,
    ieee,
    per_axis,
)
from ._work import narrow
from .geometry import Padding, Window, check_channels, check_fits, check_padding, make_window
from .methods import direct, fft, im2col, native, rows, taps, winograd
from .methods.im2col import COLUMN_BUDGET

METHODS = {
    "direct": direct.forward,
    "im2col": im2col.forward,
    "rows": rows.forward,
    "taps": taps.forward,
    "winograd": winograd.forward,
    "fft": fft.forward,
    "native": native.forward,
}


def choose(x: Array, weight: Array, window: Window, groups: int) -> str:
    """What "auto" stands for: the method that the benchmark found fastest for such a layer.

    "winograd" where the products it saves outweigh its maps. They cost as much as the products of
    17 channels, in and out, and at a third of the speed; those of the kernels are worth it from
    some 32 tiles on, or from 16 with many channels and a BLAS that is slow. Only float32 in NumPy:
    there the inputs are weighed, and what is too loud is left to columns; and float64 keeps its
    last digits. "taps" for depthwise layers of many channels and short rows; "rows" where a
    group has few kernels, or few weights and wide rows.
    """
    if is_tensor(x) or window.is_point:
        return "im2col"
    out = window.output_size(tuple(x.shape[2:]))
    tiles = x.shape[0] * math.prod(-(-n // 4) for n in out)
    thick = min(weight.shape[0] // groups, weight.shape[1])
    saves = (thick >= 48 and tiles >= 32) or (thick >= 256 and tiles >= 16 and narrow())
    square = window.kernel_size == (3, 3) and x.dtype == np.float32
    if saves and square and winograd.suits(window):
        return "winograd"
    if taps.suits(weight, out, groups):
        return "taps"
    return "rows" if rows.suits(weight, window, out, groups) else "im2col"


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    method: str = "auto",
    budget: int = COLUMN_BUDGET,
) -> Array:
    r"""Cross-correlate a batch of signals, images or volumes with a bank of kernels.

    .. math:: y_{b,k,u,v} = \beta_k + \sum_{c,i,j} w_{k,c,i,j}\; x_{b,\,c,\;us+id-p,\;vs+jd-p}

    `x` is zero outside its bounds (unless `padding_mode` says otherwise), and the kernel is not
    flipped. With ``groups = G``, kernel ``k`` sees only the ``C/G`` channels of its own group.

    Parameters
    ----------
    x : array (B, C, *spatial) or (C, *spatial)
        One spatial axis for signals, two for images, three for volumes: as many as `weight` has.
    weight : array (K, C/groups, *kernel)
    bias : array (K,), optional
    stride, dilation : int or one int per axis
        Default 1.
    padding : int, one int per axis, one (before, after) pair per axis, "same" or "valid"
        Cells added on each side; default 0. "same" keeps the size and needs stride 1.
    groups : int
        Divides both C and K; default 1.
    padding_mode : "zeros", "reflect", "replicate" or "circular"
        What the added cells hold. For 1 2 3 4, padded by two: ``00 1234 00``, ``32 1234 32``,
        ``11 1234 44``, ``34 1234 12``.
    method : "auto", "im2col", "rows", "taps", "winograd", "fft", "direct" or "native"
        How it is computed: by columns and matrix products; by columns along every axis but the
        first, and products of views of them that overlap; tap by tap of the kernels, for all
        outputs at once; by products of points of small tiles (stride and dilation 1, kernels of
        at most 5 cells a side); by products of spectra (for large kernels); by the definition; by
        torch's own kernel (tensors only).
        "auto" is "im2col" for tensors. For NumPy arrays it is "winograd" where they are float32,
        with 3x3 kernels, 48 channels and 32 tiles of 4x4 outputs or more (or 256 channels and 16
        tiles, where the BLAS has kernels for AVX2); "taps" for depthwise layers of 64 channels or
        more for each output of a row; "rows" where windows overlap along the first of several
        axes, and a group has few kernels, as in grouped and other depthwise layers, or few weights
        and wide rows, as in first ones; else "im2col".
    budget : int
        Bytes of columns that "im2col" lays out at once; default ``COLUMN_BUDGET``, 8 MiB.

    Returns
    -------
    array (B, K, *out)
        Without B for unbatched `x`; library, device and dtype of `x`;
        ``out = (H + 2*padding - dilation*(N - 1) - 1) // stride + 1`` for each axis.

    Raises
    ------
    TypeError
        Libraries, dtypes or devices are mixed, or an option is of the wrong type.
    ValueError
        Shapes disagree, an option is out of range, or no window fits; the message shows the
        numbers.

    Notes
    -----
    ``B*K*prod(out) * C/G*prod(kernel)`` multiply-adds. Beyond input and output, im2col needs
    `budget` bytes of columns and one tile of input and output, in each thread, "rows" 4 MiB of
    lines and sums, and "taps" 1 MiB of sums; Winograd and the FFT need up to twice the budget, and
    12 MiB of kernels. It is taken while it is used; for NumPy arrays 64 MiB at most wait for the
    next calls, in the whole process, until ``clear_scratch``. Products are left to the BLAS and
    its threads; how many, nothing here changes. Large NumPy arrays, where most of the work is
    copies (up to 12 kernels in a group, "taps", "fft"), are shared among as many threads of the
    call's own (with the extra ``convlib[threads]``). The same number of BLAS threads, and no other
    setting changed, gives the same bits, whoever else computes. For floating NumPy arrays an
    output is off by at most ``32 n eps`` of the larger of two sums of \|w\|\|x\|, that of its own
    window and what is usual in the layer (a median), with ``n = C/G*prod(kernel)`` and the eps of
    the sums: no loud cell spoils an output that does not see it. On ordinary layers errors are a
    hundred times smaller or more. float16 and bfloat16 are summed in float32, then rounded;
    integers wrap around as torch's do. On tensors autograd flows, and keeps the columns;
    "winograd" and "fft" spread an infinity or NaN in a tensor over its tile.
    Same results as ``torch.nn.functional.conv1d``, ``conv2d`` and ``conv3d``.
    Source: Chellapilla, Puri and Simard (2006); Dumoulin and Visin (2016); Lavin and Gray (2016).
    Book: "What a convolution computes", "im2col and GEMM" and "Fast algorithms".

    Examples
    --------
    >>> conv(np.array([[[0., 0., 1., 1.]]]), np.array([[[-1., 1.]]]))
    array([[[0., 1., 0.]]])
    >>> conv(np.arange(9).reshape(1, 3, 3), np.arange(4).reshape(1, 1, 2, 2))
    array([[[19, 25],
            [37, 43]]])
    """
    return convolve(
        "conv",
        x,
        weight,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        padding_mode=padding_mode,
        method=method,
        budget=budget,
    )


@ieee
def convolve(
    where: str,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    method: str = "auto",
    budget: int = COLUMN_BUDGET,
) -> Array:
    """`conv`, for the public function `where`: its errors are told in that name."""
    layer = _check_layer(where, x, weight, stride, padding, dilation, groups, padding_mode, budget)
    if bias is not None:
        check_bias(where, x, bias, weight.shape[0])
    check_choice(where, "method", method, ("auto", *METHODS))
    if method == "auto":
        method = choose(layer.x, weight, layer.window, layer.groups)
    y = METHODS[method](layer.x, weight, layer.window, groups=layer.groups, budget=layer.budget)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * (weight.ndim - 2))  # (K, 1, ...) against (B, K, *out)
    y = cast(y, x.dtype)
    return y if layer.batched else y[0]


@ieee
def conv_backward(
    grad_output: Array,
    x: Array,
    weight: Array,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    budget: int = COLUMN_BUDGET,
) -> tuple[Array, Array, Array]:
    r"""Gradients of a convolution in its input, its kernels and its bias.

    With :math:`g = \partial \ell / \partial y` given for some scalar loss :math:`\ell`,

    .. math::

        \begin{aligned}
        \frac{\partial \ell}{\partial \beta_k} &= \sum_{b,u,v} g_{b,k,u,v} \\
        \frac{\partial \ell}{\partial w_{k,c,i,j}}
            &= \sum_{b,u,v} g_{b,k,u,v}\; x_{b,\,c,\;us+id-p,\;vs+jd-p} \\
        \frac{\partial \ell}{\partial x_{b,c,h,w}}
            &= \sum_{k}\; \sum_{\substack{u,i:\ us+id-p=h \\ v,j:\ vs+jd-p=w}}
              g_{b,k,u,v}\; w_{k,c,i,j}
        \end{aligned}

    Parameters
    ----------
    grad_output : array (B, K, *out) or (K, *out)
        Gradient in the output of ``conv(x, weight, ...)`` with the same options.
    x, weight, stride, padding, dilation, groups, padding_mode, budget
        As for `conv`.

    Returns
    -------
    grad_x, grad_weight, grad_bias : arrays
        Of the shapes of `x`, `weight` and ``(K,)``, all in their dtype.

    Raises
    ------
    TypeError, ValueError
        As `conv` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    Twice the multiply-adds of `conv`: each gradient is one product with the columns or their
    adjoint, in tiles of `budget` bytes. At stride 1 the gradient in `x` is a convolution with the
    turned kernels, by the method that `conv` would choose. Real dtypes only.
    Book: "Parameters and gradients".

    Examples
    --------
    >>> x, weight = np.array([[[0., 0., 1., 1.]]]), np.array([[[-1., 1.]]])
    >>> grad = np.ones((1, 1, 3))
    >>> grad_x, grad_weight, grad_bias = conv_backward(grad, x, weight)
    >>> grad_x
    array([[[-1.,  0.,  0.,  1.]]])
    >>> grad_weight, grad_bias
    (array([[[1., 2.]]]), array([3.]))
    """
    where = "conv_backward"
    layer = _check_layer(where, x, weight, stride, padding, dilation, groups, padding_mode, budget)
    check_arrays(where, x=x, grad_output=grad_output)
    check_real(where, x)
    _check_grad(where, grad_output, x, weight, layer)
    grad = grad_output if layer.batched else grad_output[None]
    shape = tuple(layer.x.shape)
    grad_x = backward_input(
        grad, weight, layer.window, shape, groups=layer.groups, budget=layer.budget
    )
    shape = tuple(weight.shape)
    grad_weight = im2col.backward_weight(
        grad, layer.x, layer.window, shape, groups=layer.groups, budget=layer.budget
    )
    grad_bias = cast(grad, grad_x.dtype).sum(axis=(0, *range(2, grad.ndim)))
    grads = (grad_x if layer.batched else grad_x[0], grad_weight, grad_bias)
    return tuple(cast(g, x.dtype) for g in grads)


def backward_input(
    grad: Array, weight: Array, window: Window, x_shape: Ints, *, groups: int, budget: int
) -> Array:
    """The gradient in the input: a convolution again, with turned kernels, where the stride is 1.

    Then the fast methods serve it too. Other strides, and padding that copies cells, scatter.
    """
    options = {"groups": groups, "budget": budget}
    if math.prod(window.stride) != 1 or window.mode != "zeros":
        return im2col.backward_input(grad, weight, window, x_shape, **options)
    pairs = tuple(
        (span - 1 - before, span - 1 - after)
        for span, (before, after) in zip(window.span, window.padding, strict=True)
    )
    turned, back = turn(weight, groups), replace(window, padding=pairs)
    return METHODS[choose(grad, turned, back, groups)](grad, turned, back, **options)


def turn(weight: Array, groups: int) -> Array:
    """(K, C/G, *kernel) to (C, K/G, *kernel), each kernel turned by 180 degrees."""
    kernels, seen, *kernel = weight.shape
    grouped = weight.reshape(groups, kernels // groups, seen, *kernel).swapaxes(1, 2)
    flat = grouped.reshape(groups * seen, kernels // groups, *kernel)
    return namespace(weight).flip(flat, tuple(range(2, flat.ndim)))


class _Layer(NamedTuple):
    """What the checks found: a batched input, its window, and whether the batch was given."""

    x: Array
    batched: bool
    window: Window
    groups: int
    budget: int


def _check_layer(where: str, x: Array, weight: Array, *options: Any) -> _Layer:
    """Every check that the forward and the backward pass share; `options` as in the next one."""
    check_arrays(where, x=x, weight=weight)
    if weight.ndim < 3:
        raise ValueError(
            f"{where}: weight must be (K, C/groups, *kernel), with one kernel axis at least; "
            f"got weight.shape={tuple(weight.shape)}."
        )
    images, batched = as_batch(where, "x", x, weight.ndim - 2)
    # Remembered by value; and True, which is no stride, would be found under 1.
    plain = not is_tensor(x) and all(type(option) in (int, str) for option in options)
    check = _known_geometry if plain else _check_geometry
    window, groups, budget, padded, out = check(
        where, tuple(x.shape), tuple(weight.shape), *options
    )
    check_memory(where, x, the_padded_input=padded, the_output=out)
    return _Layer(images, batched, window, groups, budget)


def _check_geometry(
    where: str,
    shape: Ints,
    weight_shape: Ints,
    stride: IntOrInts,
    padding: Padding,
    dilation: IntOrInts,
    groups: int,
    padding_mode: str,
    budget: int,
) -> tuple[Window, int, int, Ints, Ints]:
    """The checks of shapes and options: window, groups, budget, padded shape, output's shape."""
    rank = len(weight_shape) - 2
    batch, channels, size = shape[: -rank - 1] or (1,), shape[-rank - 1], shape[-rank:]
    if min(weight_shape) < 1:
        raise ValueError(
            f"{where}: no axis of weight may be empty; got weight.shape={weight_shape}."
        )
    window = make_window(where, weight_shape[2:], stride, padding, dilation, rank, padding_mode)
    (groups,) = per_axis(where, "groups", groups, 1, least=1)
    (budget,) = per_axis(where, "budget", budget, 1, least=1)
    check_channels(where, shape, weight_shape, groups)
    check_fits(where, window, size)
    check_padding(where, window, size)
    padded = tuple(n + sum(pair) for n, pair in zip(size, window.padding, strict=True))
    out = (*batch, weight_shape[0], *window.output_size(size))
    return window, groups, budget, (*batch, channels, *padded), out


_known_geometry = lru_cache(maxsize=1024)(_check_geometry)


def check_bias(where: str, x: Array, bias: Array, kernels: int) -> None:
    """Raise unless `bias` (K,) goes with `x` and has a value for each kernel."""
    check_arrays(where, x=x, bias=bias)
    if tuple(bias.shape) != (kernels,):
        raise ValueError(
            f"{where}: bias must have one value for each of the {kernels} kernels, shape "
            f"({kernels},); got bias.shape={tuple(bias.shape)}."
        )


def _check_grad(where: str, grad: Array, x: Array, weight: Array, layer: _Layer) -> None:
    out: Ints = layer.window.output_size(tuple(layer.x.shape[2:]))
    expected = (*x.shape[: 1 if layer.batched else 0], weight.shape[0], *out)
    if tuple(grad.shape) != expected:
        raise ValueError(
            f"{where}: grad_output must have the shape of the output, {expected}; "
            f"got grad_output.shape={tuple(grad.shape)}."
        )
