"""The adjoints of a convolution, in its input and in its kernels."""

from __future__ import annotations

import math

from .._arrays import Array, is_transformed, namespace, new
from .._checks import check_memory
from .._layer import ConvLayer
from .._types import Ints
from .._windows import every, scatter, unpad
from ..geometry import Window
from . import convolve, im2col, native


def backward_input(grad: Array, weight: Array, layer: ConvLayer, method: str = "auto") -> Array:
    """The gradient in the input: a convolution again, with turned kernels, where the stride is 1.

    Then the fast methods serve it too. Other strides, and padding that copies cells, scatter,
    unless a method is named. Turned is by 180 degrees.
    """
    window = layer.window
    if native.takes_over(grad):
        return native.backward_input(grad, weight, layer)
    plain = math.prod(window.stride) == 1 and window.mode == "zeros"
    if method == "im2col" or (method == "auto" and not plain):
        return im2col.backward_input(grad, weight, layer)
    return by_turned_kernels(grad, weight, layer, method)


def backward_weight(grad: Array, x: Array, layer: ConvLayer) -> Array:
    """The gradient in the kernels: by columns, or by torch inside of its transforms."""
    # torch.jit.trace cannot record this operator.
    if native.takes_over(grad) and not namespace(grad).jit.is_tracing():
        return native.backward_weight(grad, x, layer)
    return im2col.backward_weight(grad, x, layer)


def by_turned_kernels(grad: Array, weight: Array, layer: ConvLayer, method: str) -> Array:
    """The gradient in the input as a convolution of stride 1: zeros between, and kernels turned.

    Where padding copies cells, that is the gradient in the padded input, which is folded back.
    """
    window = layer.window
    spread = insert_zeros(grad, window.stride) if math.prod(window.stride) > 1 else grad
    y = convolve(spread, turn(weight, layer.groups), turned(layer), method)
    return y if window.mode == "zeros" else unpad(y, layer.size, window.padding, window.mode)


def turned(layer: ConvLayer) -> ConvLayer:
    """The layer that takes the gradient in the outputs, zeros between, to that in the input."""
    window, spread, pairs, out = layer.window, [], [], []
    axes = zip(layer.size, layer.out, window.stride, window.span, window.padding, strict=True)
    for n, o, s, span, (before, after) in axes:
        if window.mode != "zeros":
            n, before = n + before + after, 0
        # Before: what the kernel overhangs the first cell. After: so much that just `n` outputs
        # come out.
        pairs.append((span - 1 - before, n + before - (o - 1) * s - 1))
        spread.append((o - 1) * s + 1)
        out.append(n)
    plain = Window(window.kernel_size, (1,) * len(pairs), window.dilation, tuple(pairs))
    shapes = (*layer.y_shape[:2], *spread), (*layer.x_shape[:2], *out)
    return ConvLayer(plain, *shapes, layer.groups, layer.budget)


def turn(weight: Array, groups: int) -> Array:
    """The weight for `turned`: (K, C/G, *kernel) to (C, K/G, *kernel), turned by 180 degrees."""
    kernels, depth, *kernel = weight.shape
    grouped = weight.reshape(groups, kernels // groups, depth, *kernel).swapaxes(1, 2)
    flat = grouped.reshape(groups * depth, kernels // groups, *kernel)
    return namespace(weight).flip(flat, tuple(range(2, flat.ndim)))


def insert_zeros(x: Array, stride: Ints) -> Array:
    """A copy of `x` with ``stride - 1`` zeros between each two neighbours."""
    out = tuple((n - 1) * s + 1 for n, s in zip(x.shape[2:], stride, strict=True))
    if is_transformed(x):
        rank = len(out)
        point = Window((1,) * rank, stride, (1,) * rank, ((0, 0),) * rank)
        return scatter(x[(..., *(None,) * rank)], out, point)
    spread = new((*x.shape[:2], *out), x)
    every(spread, stride)[...] = x
    return spread


def check_zeros(name: str, grad: Array, layer: ConvLayer) -> None:
    """Raise where `grad`, called `name`, would not fit the memory with zeros between and around."""
    back = turned(layer)
    axes = zip(back.size, back.window.padding, strict=True)
    spread = (n + max(0, sum(pair)) for n, pair in axes)
    check_memory(grad, **{name: (*grad.shape[:2], *spread)})
