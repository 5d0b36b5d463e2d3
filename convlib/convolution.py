"""conv and conv_backward: the checks, the bias, and the choice of method."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ._arrays import Array, Ints, cast, is_linearized, is_tensor, is_transformed, namespace
from ._checks import (
    IntOrInts,
    as_batch,
    check_arrays,
    check_choice,
    check_memory,
    check_real,
    ieee,
    lowered,
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
    there the result is looked at, and done again where an input was not finite; and float64 keeps
    its last digits. "taps" for depthwise layers of many channels and short rows; "rows" where a
    group has few kernels, or few weights and wide rows.
    """
    if is_tensor(x) or window.is_point:
        return "native" if native.takes_over(x) else "im2col"
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


@lowered
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
        "auto" is "im2col" for tensors, and "native" inside of torch's transforms (compile, vmap,
        jvp and so on), which can follow one step for any size. For NumPy arrays it is "winograd"
        where they are float32, with 3x3 kernels, 48 channels and 32 tiles of 4x4 outputs or more
        (or 256 channels and 16 tiles, where the BLAS has kernels for AVX2); "taps" for depthwise
        layers of 64 channels or more for each output of a row; "rows" where windows overlap along
        the first of several axes, and a group has few kernels, as in grouped and other depthwise
        layers, or few weights and wide rows, as in first ones; else "im2col".
    budget : int
        Bytes of columns that "im2col" lays out at once; default ``COLUMN_BUDGET``, 8 MiB. Inside of
        torch's transforms it lays out all of them.

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
    12 MiB of kernels. A thread keeps its scratch memory for the next call, at most 8 MiB a piece.
    Large NumPy arrays are computed in as many threads as the BLAS would take (with the extra
    ``convlib[threads]``), of small ones it does the products so; the same number of threads gives
    the same bits. In float32 no output of "auto" is further from the exact one than 2e-4 of the
    outputs' root mean square, for inputs of one scale. float16 and bfloat16 are summed in float32;
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
    _check_followed(where, method, x)
    if method == "auto":
        method = choose(layer.x, weight, layer.window, layer.groups)
    y = METHODS[method](layer.x, weight, layer.window, groups=layer.groups, budget=layer.budget)
    y = cast(y if bias is None else add_bias(y, bias), x.dtype)
    return y if layer.batched else y[0]


def add_bias(y: Array, bias: Array) -> Array:
    """`y` (B, K, *out) and `bias` (K,): in its memory, where `y` is not one of vmap's many."""
    column = bias.reshape(-1, *(1,) * (y.ndim - 2))  # (K, 1, ...)
    if is_transformed(y):
        return y + column
    y += column
    return y


@lowered
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
    grad_weight = backward_weight(
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
    if native.takes_over(grad):
        return native.backward_input(grad, weight, window, x_shape, groups=groups)
    if math.prod(window.stride) != 1 or window.mode != "zeros":
        return im2col.backward_input(grad, weight, window, x_shape, **options)
    pairs = tuple(
        (span - 1 - before, span - 1 - after)
        for span, (before, after) in zip(window.span, window.padding, strict=True)
    )
    turned, back = turn(weight, groups), replace(window, padding=pairs)
    return METHODS[choose(grad, turned, back, groups)](grad, turned, back, **options)


def backward_weight(
    grad: Array, x: Array, window: Window, weight_shape: Ints, *, groups: int, budget: int
) -> Array:
    """The gradient in the kernels: by columns, or by torch inside of its transforms."""
    if native.takes_over(grad) and not namespace(grad).jit.is_tracing():  # it lacks words for this
        return native.backward_weight(grad, x, window, weight_shape, groups=groups)
    return im2col.backward_weight(grad, x, window, weight_shape, groups=groups, budget=budget)


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


def _check_followed(where: str, method: str, x: Array) -> None:
    """Raise for a method of which one of torch's transforms would lose something."""
    if method in ("auto", "im2col", "native") or not is_transformed(x):
        return
    if is_linearized(x):
        why = "writes its result part by part, and torch.func.linearize loses what is written so"
    elif method == "winograd" and namespace(x).compiler.is_dynamo_compiling():
        why = "makes its matrices with NumPy, which is no part of one graph, as fullgraph=True asks"
    else:
        return
    raise ValueError(f'{where}: method="{method}" {why}; got a tensor there. Use method="auto".')


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
