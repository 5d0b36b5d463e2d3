"""Convolution tap by tap: one cell of every kernel at a time, for all the outputs at once.

A depthwise layer has no product of matrices in it: each channel meets one kernel of a few numbers.
So the sum is taken as it is written, but its loops are turned about. Outermost runs the kernel,
tap by tap; innermost run the channels, side by side in memory, so that one step of the processor
serves many of them, and a stride skips whole cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from .._arrays import Array, Ints, accumulator, beside, cast, moveaxis, namespace, new
from .._windows import pad
from .._work import Scratch, keeps_scratch, share
from ..geometry import Window, tiles
from ..lowering import taps_first
from . import im2col

BLOCK_BYTES = 2**19
"""Bytes of sums in a tile: they stay in the cache from the first tap to the last."""

LONG = 64
"""Channels for each output in a row, from which on a run of channels beats a row."""


def forward(x: Array, weight: Array, window: Window, *, groups: int, budget: int) -> Array:
    """``y[b, u, g, k] += x[b, u*s + i*d, g, c] * w[i, c, g, k]``, one (i, c) after the other."""
    out = window.output_size(tuple(x.shape[2:]))
    weight = cast(weight, accumulator(weight))
    each = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    like = beside(weight, x)
    y = new((x.shape[0], *each.shape[:2], *out), like, fill=False)
    turned = moveaxis(each, (2, 0, 1), (-3, -2, -1))
    kernels = new(turned.shape, weight, fill=False)  # (*kernel, C/G, G, K/G)
    kernels[...] = turned
    shares = im2col.shares_of(x, x.shape, y.shape)

    def work(mine: Iterator[tuple[slice, ...]]) -> None:
        scratch = Scratch(like, keep=keeps_scratch(x, weight))
        for images, *box in mine:
            reach = window.reach(tuple(x.shape[2:]), box)
            slab = pad(
                cast(x[images], weight.dtype), reach, window.mode, scratch, channels_last=True
            )
            sums = _sums(slab, kernels, window, scratch)  # (B, *out, G, K/G)
            y[(images, ..., *box)] = moveaxis(sums, (-2, -1), (1, 2))

    cell = math.prod(each.shape[:2]) * y.dtype.itemsize
    most = min(budget, BLOCK_BYTES) // max(1, cell)
    fair = -(-x.shape[0] * math.prod(out) // max(1, shares))
    share(work, list(tiles((x.shape[0], *out), max(1, min(most, fair)))), shares)
    return y.reshape(x.shape[0], weight.shape[0], *out)


def suits(weight: Array, out: Ints, groups: int) -> bool:
    """True where it pays: a kernel for each channel, and many channels to a short row."""
    depthwise = groups == weight.shape[0] and weight.shape[1] == 1
    return depthwise and groups >= LONG * out[-1]


def _sums(slab: Array, kernels: Array, window: Window, scratch: Scratch) -> Array:
    """The outputs of a padded part of the input, (B, *out, G, K/G)."""
    xp, rank, (seen, groups, count) = namespace(slab), slab.ndim - 2, kernels.shape[-3:]
    view = taps_first(slab, window)  # (*kernel, B, *out, C)
    view = moveaxis(view.reshape(*view.shape[:-1], groups, seen), -1, rank)[..., None]
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
