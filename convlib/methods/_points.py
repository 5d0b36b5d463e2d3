"""What Winograd's method and the FFT share: products of points instead of sums of products.

Cut the outputs into tiles. Map each tile's inputs and each kernel to points, so that one product
a point stands for the whole convolution of the tile; sum over the channels there, which is one
matrix product a point; map the sums back. The two methods differ in their maps alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Protocol

from .._arrays import Array, Ints, beside, cast, is_tensor, moveaxis, new
from .._windows import join_tiles, pad
from .._work import Scratch, keeps_scratch, parts, share
from ..geometry import Window, tiles
from . import im2col
from ._loudness import Block, Loudness

INNER = 3 * 2**20
"""Bytes of points, of inputs and of outputs, that a block of tiles holds, if it can."""

WEIGHT_BYTES = 12 * 2**20
"""Bytes of mapped kernels held at once: what an outer cache keeps beside the tiles."""


class Maps(Protocol):
    """The maps of one method, for one kernel size. Tiles come as T side by side."""

    step: Ints  # outputs of a tile, per axis
    side: Ints  # inputs of a tile, per axis
    bytes: int  # of the points of one tile of one channel
    dtype: Any  # of the real numbers at both ends
    growth: float  # how much larger than a sum of products its rounding errors' sources may be

    def uses(self, kernels: int) -> int:
        """How often a point of the input is read, to tell whose threads the work is worth."""

    def of_weight(self, weight: Array, scratch: Scratch) -> Array:
        """From (G, k, C/G, *kernel) to the points (P, G, k, C/G)."""

    def of_input(self, slab: Array, tile: Window, scratch: Scratch) -> Array:
        """From an image (B, C, *cells), over which tiles slide, to their points (P, C, T)."""

    def to_output(self, sums: Array, scratch: Scratch) -> Array:
        """From the points (P, G*k*T) to the outputs of the tiles (G*k*T, *step)."""


def forward(
    maps: Maps, x: Array, weight: Array, window: Window, *, groups: int, budget: int
) -> Array:
    """The convolution of stride 1, block by block of tiles.

    Blocks too loud for what they would spoil are computed by columns (`_loudness`), for NumPy; a
    tensor's are not: to look at it would make a GPU wait.
    """
    if x.shape[0] == 0:  # not every FFT takes nothing
        return im2col.forward(x, weight, window, groups=groups, budget=budget)
    out = window.output_size(tuple(x.shape[2:]))
    like = beside(x, weight)
    y = new((x.shape[0], groups, weight.shape[0] // groups, *out), like, maps.dtype, fill=False)
    shares = parts(x, x.shape, y.shape, uses=maps.uses(y.shape[2]))
    blocks = _blocks(maps, x, weight, out, budget, shares)
    kernels = _kernel_blocks(maps, weight, groups, max(1, shares // len(blocks)))
    tile = Window(maps.side, maps.step, (1,) * len(out), ((0, 0),) * len(out))
    grouped = cast(weight, maps.dtype).reshape(*y.shape[1:3], *weight.shape[1:])
    keep = keeps_scratch(x, weight)
    loudness = None if is_tensor(x) else Loudness(weight, groups, maps.dtype)

    def work(mine: Iterator[tuple[tuple[slice, ...], slice]]) -> None:
        ready = mapped = None
        with Scratch(like, maps.dtype, keep=keep) as scratch:
            for block, chosen in mine:
                if block != ready:
                    slab, ready = _read(maps, x, window, block, out, scratch), block
                    if loudness:
                        loudness.hear(block, slab, scratch)
                    points = maps.of_input(slab, tile, scratch)  # (P, C, T)
                    points = points.reshape(len(points), groups, -1, points.shape[2])
                if chosen != mapped:
                    kernel, mapped = maps.of_weight(grouped[:, chosen], scratch), chosen
                # The tiles have been mapped, so the sums may take their memory: less to fetch.
                sums = scratch.product("tiles", kernel, points)  # (P, G, k, T)
                flat = sums.reshape(len(sums), math.prod(sums.shape[1:]))
                cells = maps.to_output(flat, scratch)  # (G*k*T, *step)
                images, *box = _cells(maps, block)
                place = y[(images, slice(None), chosen, *box)]
                _place(cells, moveaxis(place, 0, 2), block, scratch)

    share(work, list(product(blocks, kernels)), shares)
    y = y.reshape(x.shape[0], weight.shape[0], *out)
    for block in loudness.too_loud(maps.growth) if loudness else ():
        _by_columns(x, weight, window, y, _cells(maps, block), groups, budget)
    return y


def _by_columns(
    x: Array, weight: Array, window: Window, y: Array, box: Block, groups: int, budget: int
) -> None:
    """Write the outputs of `box`, (images, *cells), as im2col computes them."""
    images, *cells = box
    inside = _inside(cells, y.shape[2:])
    slab = pad(x[images], window.reach(x.shape[2:], inside), window.mode)
    plain = replace(window, padding=((0, 0),) * len(cells), mode="zeros")
    y[(images, slice(None), *inside)] = im2col.forward(
        slab, weight, plain, groups=groups, budget=budget
    )


def _blocks(
    maps: Maps, x: Array, weight: Array, out: Ints, budget: int, shares: int
) -> list[Block]:
    """Blocks of tiles, counted in tiles: (images, *box). Few tiles, yet enough for a product."""
    counts = tuple(-(-o // m) for o, m in zip(out, maps.step, strict=True))
    total = x.shape[0] * math.prod(counts)
    tile = maps.bytes * (x.shape[1] + weight.shape[0])
    inner = max(im2col.WIDE, min(INNER // tile, -(-total // shares)))
    return list(tiles((x.shape[0], *counts), max(1, min(inner, budget // tile))))


def _kernel_blocks(maps: Maps, weight: Array, groups: int, shares: int) -> list[slice]:
    """Kernels of a group, cut so that their points fit `WEIGHT_BYTES` and each thread has some."""
    kernels, kernel = weight.shape[0] // groups, groups * weight.shape[1] * maps.bytes
    most = min(WEIGHT_BYTES // kernel, -(-kernels // shares))
    return [at for (at,) in tiles((kernels,), max(1, most))]


def _cells(maps: Maps, block: Block) -> tuple[slice, ...]:
    """The outputs of a block: (images, *cells)."""
    images, *box = block
    steps = zip(box, maps.step, strict=True)
    return (images, *(slice(b.start * m, b.stop * m) for b, m in steps))


def _inside(cells: Sequence[slice], out: Sequence[int]) -> list[slice]:
    """Those of the cells that are outputs: tiles may stand over the edge."""
    return [slice(c.start, min(c.stop, o)) for c, o in zip(cells, out, strict=True)]


def _read(maps: Maps, x: Array, window: Window, block: Block, out: Ints, scratch: Scratch) -> Array:
    """The cells that a block's tiles read, (B, C, *cells): zeros where they stand over the edge."""
    images, *cells = _cells(maps, block)
    slab, size = cast(x[images], maps.dtype), tuple(x.shape[2:])
    if window.mode == "zeros":
        return pad(slab, window.reach(size, cells), scratch=scratch)
    # Copies of cells as far as the outputs need them, and zeros beyond.
    inside = _inside(cells, out)
    slab = pad(slab, window.reach(size, inside), window.mode)
    beyond = tuple((0, c.stop - i.stop) for c, i in zip(cells, inside, strict=True))
    return pad(slab, beyond, scratch=scratch)


def _place(cells: Array, image: Array, block: Block, scratch: Scratch) -> None:
    """Write the outputs of a block's tiles to their `image` (G, k, B, *cells), none beyond it."""
    counts, step = [at.stop - at.start for at in block[1:]], cells.shape[1:]
    rank = len(step)
    whole = (*image.shape[:3], *(n * m for n, m in zip(counts, step, strict=True)))
    target = image if image.shape == whole else scratch("image", whole)
    join_tiles(cells.reshape(*image.shape[:3], *counts, *step), target, rank)
    if target is not image:
        image[...] = target[(..., *(slice(0, n) for n in image.shape[3:]))]
