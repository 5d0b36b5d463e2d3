"""Convolution tap by tap: one cell of every kernel at a time, for all the outputs at once.

A depthwise layer has no product of matrices in it: each channel meets one kernel of a few numbers.
So the sum is taken as it is written, but its loops are turned about. Outermost runs the kernel,
tap by tap; innermost run the channels, side by side in memory, so that one step of the processor
serves many of them, and a stride skips whole cells.
"""

from __future__ import annotations

import math
from itertools import product

from .._arrays import Array, accumulator, beside, cast, moveaxis, namespace, new
from .._layer import ConvLayer
from .._tuning import TAP_BYTES, TAPS_CHANNELS
from .._windows import pad
from .._work import Scratch, keeps_scratch, run, threads_for
from ..geometry import Window, tiles
from ..lowering import taps_first


def forward(x: Array, weight: Array, layer: ConvLayer) -> Array:
    """``y[b, u, g, k] += x[b, u*s + i*d, g, c] * w[i, c, g, k]``, one (i, c) after the other."""
    weight = cast(weight, accumulator(weight))
    like = beside(weight, x)
    y = new(layer.y_shape, like, fill=False)
    by_group = y.reshape(x.shape[0], layer.groups, layer.kernels, *layer.out)
    kernels = _taps_first(weight, layer)
    threads = threads_for(x, x.shape, y.shape)

    def compute(at: tuple[slice, ...], scratch: Scratch) -> None:
        images, *box = at
        slab, reach = cast(x[images], weight.dtype), layer.window.reach(layer.size, box)
        slab = pad(slab, reach, layer.window.mode, scratch, channels_last=True)
        sums = _sums(slab, kernels, layer.window, scratch)  # (B, *out, G, K/G)
        by_group[(images, ..., *box)] = moveaxis(sums, (-2, -1), (1, 2))

    most = min(layer.budget, TAP_BYTES) // max(1, y.shape[1] * y.dtype.itemsize)
    fair = -(-x.shape[0] * math.prod(layer.out) // threads)
    places = tiles((x.shape[0], *layer.out), max(1, min(most, fair)))
    run(compute, places, like, threads=threads, keep=keeps_scratch(x, weight))
    return y


def pays(x: Array, layer: ConvLayer) -> bool:
    """True where it is fastest: a kernel for each channel, and many channels to a short row."""
    depthwise = layer.depth == layer.kernels == 1
    return depthwise and layer.groups >= TAPS_CHANNELS * layer.out[-1]


def _taps_first(weight: Array, layer: ConvLayer) -> Array:
    """(K, C/G, *kernel) in new memory, a tap of all kernels at a time: (*kernel, C/G, G, K/G)."""
    by_group = weight.reshape(layer.groups, layer.kernels, *layer.weight_shape[1:])
    turned = moveaxis(by_group, (2, 0, 1), (-3, -2, -1))
    kernels = new(turned.shape, weight, fill=False)
    kernels[...] = turned
    return kernels


def _sums(slab: Array, kernels: Array, window: Window, scratch: Scratch) -> Array:
    """The outputs of a padded part of the input, (B, *out, G, K/G)."""
    xp, rank, (depth, groups, count) = namespace(slab), slab.ndim - 2, kernels.shape[-3:]
    view = taps_first(slab, window)  # (*kernel, B, *out, C)
    view = moveaxis(view.reshape(*view.shape[:-1], groups, depth), -1, rank)[..., None]
    sums = scratch("sums", (*view.shape[rank + 1 : -1], count))
    sums[...] = 0
    for term in product(*(range(n) for n in kernels.shape[:-2])):
        if scratch.keep:
            products = scratch("products", sums.shape)
            xp.multiply(view[term], kernels[term], out=products)
        else:
            products = view[term] * kernels[term]
        sums += products
    return sums
