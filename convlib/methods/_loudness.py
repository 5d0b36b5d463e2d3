"""Which tiles may be computed from points: those that are not too loud for what they would spoil.

A map mixes all cells of a tile, and so does its rounding: an output's error grows with the largest
cell of its *tile*, which its own window may not see. One no-data value of -9999 among normal ones
would spoil all its neighbours. How loud a cell is, is told by what the kernels can make of it:

    D(cell) = sum over c of max_k |w_kc| |x_c(cell)|,      |w_kc| summed over the taps

At each point an entry of ``|G| |w_kc|`` is at most the largest number of its row times ``|w_kc|``,
and one of ``|B.T| |x_c|`` a sum over the tile's cells of ``|b| |x_c(cell)|``. Sum their product
over the channels, let the two sums change places, and each cell has at most ``|b| D(cell)``. So
whatever is added up on the way to an output is at most ``growth * D`` of the loudest cell of its
tile, and `growth` depends on the matrices alone. The rounding errors are a multiple of that
(`rounding`) times the dtype's eps.
Tiles whose D is small against what is usual in the layer keep the promise; the others are computed
by columns, which read each window by itself.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from .._arrays import Array
from .._work import Scratch
from ..geometry import tiles

Block = tuple[slice, ...]

PROMISE = 32.0
"""The error that is let pass, in ``n * eps`` of the larger of two sums of |w||x|.

A plain sum of n products may be wrong by ``n * eps / 2`` of the sum of their magnitudes: that is
proven, and hardly ever comes about. So it is here: on ordinary layers errors are a thousand times
smaller. Of the two sums, one is that of the output's own window. The other is what is usual in the
layer: the median over the cells that are not 0, for the mean of the kernels.
"""


def rounding(channels: int) -> float:
    """The error that a tile may have, in ``eps * growth * D``. Looked for, not proven.

    Proven is the number of terms. The worst that was found is a fifteenth of the channels, where
    all are alike, so that rounding goes the same way again and again; else it is below 1.
    """
    return 1 + channels / 10


SAFE = 2.0**30
"""How far from the ends of the dtype's range the sums must stay, so that the maps stay within."""

SILENT = 2.0**-20
"""The least share of a channel in D, of the largest: what no kernel reads goes through the maps."""

CHUNK = 2**18
"""Bytes of the kernels' magnitudes at once: they stay in the cache from the copy to the sum."""

SAMPLE = 256
"""Cells of a block, about, that tell what is usual."""


class Loudness:
    """How loud the cells of an input are for the kernels, block by block, and what is usual."""

    def __init__(self, weight: Array, groups: int, dtype: Any) -> None:
        with Scratch(weight, dtype) as scratch:
            most, self.mean = _of_kernels(weight, groups, dtype, scratch)  # (G, C/G)
        self.largest = most.max()
        self.terms = math.prod(weight.shape[1:])
        self.most = np.maximum(most, SILENT * self.largest)
        self.heard: list[tuple[Block, Any, Array]] = []  # one entry at once: threads share it

    def hear(self, block: Block, slab: Array, scratch: Scratch) -> None:
        """Note how loud the cells are that a block reads, (B, C, *cells), padded already."""
        part = np.abs(slab, out=scratch("tiles", slab.shape, self.most.dtype))
        part = part.reshape(len(part), *self.most.shape, math.prod(part.shape[2:]))
        loud = self.most[:, None] @ part  # (B, G, 1, cells)
        some = part[..., :: max(1, part.shape[-1] // SAMPLE) | 1]
        usual = (self.mean[:, None] @ some).reshape(-1)
        self.heard.append((block, loud.max(), usual))

    def too_loud(self, growth: float) -> list[Block]:
        """The blocks that do not keep the promise."""
        usual = _median(np.concatenate([some for _, _, some in self.heard]))
        least, top = _range(self.most.dtype)
        small, large = least * max(1, self.largest), top * min(1, SILENT * self.largest)
        in_range = least <= self.largest <= top and small <= usual <= large
        error = rounding(self.most.shape[1]) * growth  # in eps * D
        most = PROMISE * self.terms / error * usual if in_range else -1
        # Not "greater": NaN is neither.
        return [block for block, loudest, _ in self.heard if not loudest <= most]


@cache
def _range(dtype: Any) -> tuple[Any, Any]:
    """The least and the largest number that leave the maps room in a dtype."""
    limits = np.finfo(dtype)
    return limits.tiny * SAFE, limits.max / SAFE


def _of_kernels(weight: Array, groups: int, dtype: Any, scratch: Scratch) -> tuple[Array, Array]:
    """``|w_kc|`` for each channel: the largest among the kernels that see it, and their mean."""
    kernels, seen, *kernel = weight.shape
    flat = weight.reshape(kernels * seen, math.prod(kernel))
    sums, ones = np.empty(len(flat), dtype), np.ones(flat.shape[1], dtype)
    for (rows,) in tiles((len(flat),), max(1, CHUNK // (len(ones) * ones.itemsize))):
        part = np.abs(flat[rows], out=scratch("magnitudes", flat[rows].shape))
        np.dot(part, ones, out=sums[rows])
    sums = sums.reshape(groups, kernels // groups, seen)
    return sums.max(axis=1), sums.mean(axis=1)


def _median(sums: Array) -> Any:
    """The median of the sums that are not 0; 0 where all are."""
    heard = np.sort(sums[sums > 0])
    return heard[len(heard) // 2] if len(heard) else sums.dtype.type(0)
