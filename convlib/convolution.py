"""conv and conv_backward: the checks, the bias, and the choice of method."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ._arrays import (
    Array,
    Ints,
    accumulator,
    cast,
    channel_sums,
    is_linearized,
    is_tensor,
    is_transformed,
    namespace,
    new,
)
from ._checks import (
    IntOrInts,
    check_arrays,
    check_batched,
    check_choice,
    check_grad,
    check_memory,
    check_real,
    check_size,
    ieee,
    lowered,
    one_int,
)
from ._windows import add_unpadded, scatter, step
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
CHECKS = {"winograd": winograd.check, "fft": fft.check, "native": native.check}


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
    x : array (B, C, *spatial)
        One spatial axis for signals, two for images, three for volumes: as many as `weight` has.
        With the batch axis: an image alone is ``x[None]``.
    weight : array (K, C/groups, *kernel)
    bias : array (K,), optional
    stride, dilation : int or one int per axis
        Default 1. Of `stride`, `dilation` and `padding`, a tuple of one holds for all axes.
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
        Library, device and dtype of `x`;
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
    call's own (with the extra ``convbook[threads]``). The same number of BLAS threads, and no other
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
    >>> conv(np.arange(9).reshape(1, 1, 3, 3), np.arange(4).reshape(1, 1, 2, 2))
    array([[[[19, 25],
             [37, 43]]]])
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
    options = (stride, padding, dilation, groups, padding_mode, budget)
    layer = check_layer(where, x, weight, *options)
    if bias is not None:
        check_bias(where, x, bias, weight.shape[0])
    check_method(where, method, x, layer.window)
    if method == "fft":  # which computes them all, and skips
        size, plain = tuple(x.shape[2:]), (1,) * (x.ndim - 2)
        every = replace(layer.window, stride=plain).output_size(size)
        check_memory(where, x, the_outputs_at_stride_1=(*layer.shape[:2], *every))
    _check_followed(where, method, x)
    return compute(layer, x, weight, bias, method)


@ieee
def compute(
    layer: Layer, x: Array, weight: Array, bias: Array | None = None, method: str = "auto"
) -> Array:
    """The convolution of what has been checked."""
    if method == "auto":
        method = choose(x, weight, layer.window, layer.groups)
    y = METHODS[method](x, weight, layer.window, groups=layer.groups, budget=layer.budget)
    return cast(y if bias is None else add_bias(y, bias), x.dtype)


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
    method: str = "auto",
    budget: int = COLUMN_BUDGET,
    needs: Sequence[bool] = (True, True, True),
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
    grad_output : array (B, K, *out)
        Gradient in the output of ``conv(x, weight, ...)`` with the same options.
    x, weight, stride, padding, dilation, groups, padding_mode, budget
        As for `conv`.
    method : "auto", "im2col", "rows", "taps", "winograd", "fft", "direct" or "native"
        How `grad_x` is computed. "im2col" is the adjoint of that method of `conv`: products give
        columns, which are added back. All others convolve with the turned kernels, where
        ``stride - 1`` zeros stand between two neighbours of `grad_output`. "auto" does so at stride
        1 with ``padding_mode="zeros"``, by the method that `conv` would choose; else it is
        "im2col". Whatever the method, `grad_weight` is a product with the columns of `x`, and
        `grad_bias` a sum.
    needs : three of True and False
        Which of the gradients to compute; in place of the others stands None. Default: all. The
        first layer of a network needs no `grad_x`.

    Returns
    -------
    grad_x, grad_weight, grad_bias : arrays
        Of the shapes of `x`, `weight` and ``(K,)``, all in their dtype; None where not asked for.

    Raises
    ------
    TypeError, ValueError
        As `conv` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    The multiply-adds of `conv` for `grad_weight` and, by "im2col" or at stride 1, as many for
    `grad_x`, in tiles of `budget` bytes; with zeros in between, ``prod(stride)`` times as many.
    Real dtypes only.
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
    >>> conv_backward(grad, x, weight, needs=(False, True, False))
    (None, array([[[1., 2.]]]), None)
    """
    where = "conv_backward"
    options = (stride, padding, dilation, groups, padding_mode, budget)
    layer = check_layer(where, x, weight, *options)
    check_arrays(where, x=x, grad_output=grad_output)
    check_real(where, x)
    check_grad(where, grad_output, layer.shape)
    check_method(where, method, x, _turned(layer.window, tuple(x.shape), layer.shape))
    if method not in ("auto", "im2col"):
        check_zeros(where, "the_gradient_with_zeros", grad_output, layer.window, tuple(x.shape))
    chosen = {"groups": layer.groups, "budget": layer.budget}

    def grad_x() -> Array:
        return backward_input(grad_output, weight, layer.window, tuple(x.shape), method, **chosen)

    def grad_weight() -> Array:
        shape = tuple(weight.shape)
        return backward_weight(grad_output, x, layer.window, shape, **chosen)

    return gradients(where, needs, grad_output, grad_x, grad_weight)


def gradients(
    where: str,
    needs: Sequence[bool],
    grad_output: Array,
    grad_x: Callable[[], Array],
    grad_weight: Callable[[], Array],
) -> tuple[Array, Array, Array]:
    """Those of the three gradients that are asked for, and None in place of the others."""
    three = isinstance(needs, (tuple, list)) and len(needs) == 3
    if not (three and all(isinstance(need, bool) for need in needs)):
        raise TypeError(
            f"{where}: needs must be three of True and False, for grad_x, grad_weight and "
            f"grad_bias; got needs={needs!r}."
        )

    def grad_bias() -> Array:
        return channel_sums(cast(grad_output, accumulator(grad_output)))

    each = zip(needs, (grad_x, grad_weight, grad_bias), strict=True)
    found = (cast(make(), grad_output.dtype) if need else None for need, make in each)
    return tuple(found)  # type: ignore[return-value]


def backward_input(
    grad: Array,
    weight: Array,
    window: Window,
    x_shape: Ints,
    method: str = "auto",
    *,
    groups: int,
    budget: int,
) -> Array:
    """The gradient in the input: a convolution again, with turned kernels, where the stride is 1.

    Then the fast methods serve it too. Other strides, and padding that copies cells, scatter,
    unless a method is named.
    """
    options = {"groups": groups, "budget": budget}
    if native.takes_over(grad):
        return native.backward_input(grad, weight, window, x_shape, groups=groups)
    plain = math.prod(window.stride) == 1 and window.mode == "zeros"
    if method == "im2col" or (method == "auto" and not plain):
        return im2col.backward_input(grad, weight, window, x_shape, **options)
    return by_turned_kernels(grad, weight, window, x_shape, method, **options)


def by_turned_kernels(
    grad: Array,
    weight: Array,
    window: Window,
    x_shape: Ints,
    method: str,
    *,
    groups: int,
    budget: int,
) -> Array:
    """The gradient in the input as a convolution of stride 1: zeros between, and kernels turned.

    Where padding copies cells, that is the gradient in the padded input, which is folded back.
    """
    back = _turned(window, x_shape, tuple(grad.shape))
    turned = turn(weight, groups)
    spread = insert_zeros(grad, window.stride) if math.prod(window.stride) > 1 else grad
    method = choose(spread, turned, back, groups) if method == "auto" else method
    y = METHODS[method](spread, turned, back, groups=groups, budget=budget)
    if window.mode == "zeros":
        return y
    grad_x = new(x_shape, y)
    add_unpadded(grad_x, y, window.padding, window.mode)
    return grad_x


def _turned(window: Window, x_shape: Ints, y_shape: Ints) -> Window:
    """The window that turned kernels slide with, over outputs with zeros between."""
    pairs = []
    axes = zip(x_shape[2:], y_shape[2:], window.stride, window.span, window.padding, strict=True)
    for n, o, s, span, (before, after) in axes:
        if window.mode != "zeros":
            n, before = n + before + after, 0
        # The first output reads so many cells less than its kernel has; the last one, as is left.
        pairs.append((span - 1 - before, n + before - (o - 1) * s - 1))
    return Window(window.kernel_size, (1,) * len(pairs), window.dilation, tuple(pairs))


def insert_zeros(x: Array, stride: Ints) -> Array:
    """A copy of `x` with ``stride - 1`` zeros between each two neighbours."""
    out = tuple((n - 1) * s + 1 for n, s in zip(x.shape[2:], stride, strict=True))
    if is_transformed(x):
        rank = len(out)
        point = Window((1,) * rank, stride, (1,) * rank, ((0, 0),) * rank)
        return scatter(x[(..., *(None,) * rank)], out, point)
    spread = new((*x.shape[:2], *out), x)
    spread[(..., *(step(s, o) for s, o in zip(stride, out, strict=True)))] = x
    return spread


def check_zeros(where: str, name: str, grad: Array, window: Window, x_shape: Ints) -> None:
    """Raise where `grad`, called `name`, would not fit the memory with zeros between and around."""
    back = _turned(window, x_shape, tuple(grad.shape))
    axes = zip(grad.shape[2:], window.stride, back.padding, strict=True)
    spread = ((o - 1) * s + 1 + max(0, sum(pair)) for o, s, pair in axes)
    check_memory(where, grad, **{name: (*grad.shape[:2], *spread)})


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


class Layer(NamedTuple):
    """What the checks found: the window that slides over `x`, and the shape that it gives."""

    window: Window
    shape: Ints  # (B, K, *out)
    groups: int
    budget: int


def check_layer(where: str, x: Array, weight: Array, *options: Any, name: str = "weight") -> Layer:
    """Every check that the forward and the backward pass share; `options` as in the next one.

    `name` is what the public function `where` calls the argument `weight`.
    """
    check_arrays(where, x=x, **{name: weight})
    check_weight(where, weight, "(K, C/groups, *kernel)", name)
    check_rank(where, x, weight, name)
    check_size(where, x)
    # Remembered by value; and True, which is no stride, would be found under 1.
    plain = not is_tensor(x) and all(type(option) in (int, str) for option in options)
    check = _known_geometry if plain else _check_geometry
    window, groups, budget, padded, out = check(
        where, tuple(x.shape), tuple(weight.shape), *options
    )
    output = "the_output" if name == "weight" else f"the_output_of_{name}"
    check_memory(where, x, the_padded_input=padded, **{output: out})
    return Layer(window, out, groups, budget)


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
    rank, (batch, channels), size = len(weight_shape) - 2, shape[:2], shape[2:]
    window = make_window(where, weight_shape[2:], stride, padding, dilation, rank, padding_mode)
    groups = one_int(where, "groups", groups, least=1)
    budget = one_int(where, "budget", budget, least=1)
    check_channels(where, shape, weight_shape, groups)
    check_fits(where, window, size)
    check_padding(where, window, size)
    padded = tuple(n + sum(pair) for n, pair in zip(size, window.padding, strict=True))
    out = (batch, weight_shape[0], *window.output_size(size))
    return window, groups, budget, (batch, channels, *padded), out


_known_geometry = lru_cache(maxsize=1024)(_check_geometry)


def check_weight(where: str, weight: Array, form: str, name: str = "weight") -> None:
    """Raise unless the array of that name is of the `form`: kernels, and none of nothing."""
    if weight.ndim < 3 or min(weight.shape) < 1:
        one = f" Kernels of one cell are {name}[..., None]." if weight.ndim == 2 else ""
        raise ValueError(
            f"{where}: {name} must be {form}, with one kernel axis at least and no axis empty; "
            f"got {name}.shape={tuple(weight.shape)}.{one}"
        )


def check_rank(where: str, x: Array, weight: Array, name: str = "weight") -> None:
    """Raise unless `x` is a batch, with as many spatial axes as the kernels have."""
    rank = weight.ndim - 2
    kernels = f"kernels of {rank} ax{'es' if rank > 1 else 'is'}"
    check_batched(where, x, rank, kernels)
    if x.ndim > weight.ndim:
        more = ", ".join([":", ":"] + ["None"] * (x.ndim - weight.ndim))
        raise ValueError(
            f"{where}: x must be (B, C, *spatial), batched, with 2 + {rank} = {rank + 2} axes for "
            f"{kernels}; got x.shape={tuple(x.shape)}. Give the kernels as many: {name}[{more}]."
        )


def check_method(where: str, method: str, x: Array, window: Window) -> None:
    """Raise unless there is such a method, and it can do what is asked for."""
    check_choice(where, "method", method, ("auto", *METHODS))
    if method in CHECKS:
        CHECKS[method](where, x, window)


def check_bias(where: str, x: Array, bias: Array, kernels: int) -> None:
    """Raise unless `bias` (K,) goes with `x` and has a value for each kernel."""
    check_arrays(where, x=x, bias=bias)
    if tuple(bias.shape) != (kernels,):
        raise ValueError(
            f"{where}: bias must have one value for each of the {kernels} kernels, shape "
            f"({kernels},); got bias.shape={tuple(bias.shape)}."
        )
