"""Which tiles may be computed from points: those that are not too loud for what they would spoil.

A map mixes all cells of a tile, and so does its rounding: an output's error grows with the largest
cell of its *tile*, which its own window may not see. One no-data value of -9999 among normal ones
would spoil all its neighbours. How loud a cell is, is told by what the kernels can make of it:

    D(cell) = sum over c of max_k |w_kc| |x_c(cell)|,      |w_kc| summed over the taps

At each point an entry of ``|G| |w_kc|`` is at most the largest number of its row, g, times
``|w_kc|``; and one of ``|B.T| |x_c|`` is a sum over the tile's cells, with numbers b of a row of
B.T. Sum their product over the channels, and let the two sums change places:

    sum over c of g |w_kc| (sum over cells of |b(cell)| |x_c(cell)|)
        = g (sum over cells of |b(cell)| (sum over c of |w_kc| |x_c(cell)|))
       <= g (sum over cells of |b(cell)| D(cell))

So whatever is added up on the way to an output is at most ``growth * D`` of the loudest cell of its
tile, and `growth` depends on the matrices alone. The rounding errors are a multiple of that
(`rounding`) times the dtype's eps.
Tiles whose D is small against what is usual in their image keep the promise; the others are
computed by columns, which read each window by itself. Each image and each group is judged alone:
what else is in the batch changes no promise.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from .._arrays import Array
from .._tuning import MAGNITUDE_BYTES, SAMPLE
from .._work import Scratch
from ..geometry import tiles

Block = tuple[slice, ...]

PROMISE = 32.0
"""The error that is let pass, in ``n * eps`` of the larger of two sums of |w||x|.

A plain sum of n products may be wrong by ``n * eps / 2`` of the sum of their magnitudes: that is
proven, and hardly ever comes about. So it is here: on ordinary layers errors are some fifty times
smaller, or more. Of the two sums, one is that of the output's own window. The other is what is
usual in its image and group: the median of ``sum over c of mean_k |w_kc| |x_c(cell)|`` over the
cells where it is not 0; but no more than `RANGE` times what nine in ten of them exceed. So no-data
values may fill most of an image, and what is left of it still keeps its digits.
"""

RANGE = 8
"""How far the median may be above the tenth percentile: more than in most photographs, by far less
than between a photograph and what stands where there is none.
"""


def rounding(channels: int) -> float:
    """The error that a tile may have, in ``eps * growth * D``. Looked for, not proven.

    Proven is the number of terms. The worst that was found is a fifteenth of the channels, where
    all are alike, so that rounding goes the same way again and again; else it is below 1.
    """
    return 1 + channels / 10


SAFE = 2.0**30
"""How far from the ends of the dtype's range the sums must stay, so that the maps stay within."""

LEAST_SHARE = 2.0**-20
"""The least share of a channel in D, of the largest: what no kernel reads goes through the maps."""


class Loudness:
    """How loud the cells of an input are for the kernels, block by block, and what is usual."""

    def __init__(self, weight: Array, groups: int, dtype: Any) -> None:
        with Scratch(weight, dtype) as scratch:
            most, mean = _of_kernels(weight, groups, dtype, scratch)  # (G, C/G)
        self.largest = most.max()
        self.terms = math.prod(weight.shape[1:])
        most = np.maximum(most, LEAST_SHARE * self.largest)
        self.kernels = np.stack([most, mean], 1)  # (G, 2, C/G)
        # By where a block starts: its largest D, and a sample of the sums that tell what is usual.
        self.recorded: dict[tuple[int, ...], tuple[Block, Array, Array]] = {}

    def record(self, block: Block, slab: Array, scratch: Scratch) -> None:
        """Keep how loud the cells are that a block reads, (B, C, *cells), padded already.

        One entry for a block, whichever threads read it, and however often.
        """
        part = np.abs(slab, out=scratch("tiles", slab.shape, self.kernels.dtype))
        groups, _, depth = self.kernels.shape
        part = part.reshape(len(part), groups, depth, math.prod(part.shape[2:]))
        sums = self.kernels @ part  # (B, G, 2, cells): with the largest kernels, and their mean
        sample = _positions(sums.shape[-1], max(SAMPLE // groups, SAMPLE // 64))
        entry = (block, sums[:, :, 0].max(-1), sums[:, :, 1].take(sample, -1))
        self.recorded[tuple(at.start for at in block)] = entry

    def too_loud(self, growth: float) -> list[Block]:
        """The blocks that do not keep the promise."""
        usual = self.usual()
        least, top = _range(self.kernels.dtype)
        # `usual` must stay `SAFE` away from both ends of the dtype, also after multiplying by the
        # smallest and largest kernel.
        small, large = least * max(1, self.largest), top * min(1, LEAST_SHARE * self.largest)
        in_range = (least <= self.largest <= top) & (small <= usual) & (usual <= large)
        error = rounding(self.kernels.shape[2]) * growth  # in eps * D
        most = np.where(in_range, PROMISE * self.terms / error * usual, -1)
        # Not "any greater": NaN is neither.
        recorded = self.recorded.values()
        return [block for block, loudest, _ in recorded if not (loudest <= most[block[0]]).all()]

    def usual(self) -> Array:
        """What is usual in each group of each image: (B, G)."""
        of_image: dict[int, list[Array]] = {}
        for block, _, sums in self.recorded.values():
            for image, own in zip(range(block[0].start, block[0].stop), sums, strict=True):
                of_image.setdefault(image, []).append(own)
        return np.stack([_typical(np.concatenate(of_image[i], -1)) for i in range(len(of_image))])


@cache
def _range(dtype: Any) -> tuple[Any, Any]:
    """The least and the largest number that leave the maps room in a dtype."""
    limits = np.finfo(dtype)
    return limits.tiny * SAFE, limits.max / SAFE


def _of_kernels(weight: Array, groups: int, dtype: Any, scratch: Scratch) -> tuple[Array, Array]:
    """``|w_kc|`` for each channel: the largest among the kernels that see it, and their mean."""
    kernels, depth, *kernel = weight.shape
    flat = weight.reshape(kernels * depth, math.prod(kernel))
    sums, ones = np.empty(len(flat), dtype), np.ones(flat.shape[1], dtype)
    for (rows,) in tiles((len(flat),), max(1, MAGNITUDE_BYTES // (len(ones) * ones.itemsize))):
        part = np.abs(flat[rows], out=scratch("magnitudes", flat[rows].shape))
        np.dot(part, ones, out=sums[rows])
    sums = sums.reshape(groups, kernels // groups, depth)
    return sums.max(axis=1), sums.mean(axis=1)


def _typical(sums: Array) -> Array:
    """Of the numbers above 0 in each row the median, or less; 0 where there is none."""
    sums = np.sort(sums, -1)
    zeros = np.count_nonzero(sums == 0, axis=-1, keepdims=True)
    count = sums.shape[-1] - zeros
    tenth, half = (
        np.take_along_axis(sums, np.minimum(zeros + count // part, sums.shape[-1] - 1), -1)
        for part in (10, 2)
    )
    return np.minimum(half, RANGE * tenth)[..., 0]


@cache
def _positions(cells: int, most: int) -> Array:
    """So many positions among the cells, or all. Drawn, for no pattern in a picture to fit them."""
    if cells <= most:
        return np.arange(cells)
    return np.random.default_rng(cells).integers(cells, size=most)
