"""What Winograd's method and the FFT share: products of points instead of sums of products.

Cut the outputs into tiles. Map each tile's inputs and each kernel to points, so that one product
a point stands for the whole convolution of the tile; sum over the channels there, which is one
matrix product a point; map the sums back. The two methods differ in their maps alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Protocol

from .._arrays import Array, beside, cast, is_tensor, moveaxis, new
from .._layer import ConvLayer
from .._tuning import KERNEL_BYTES, POINT_BYTES, WIDE
from .._types import Ints
from .._windows import join_tiles, pad
from .._work import Scratch, keeps_scratch, run, threads_for
from ..geometry import Window, tiles
from . import im2col
from ._loudness import Block, Loudness


class Maps(Protocol):
    """The maps of one method, for one kernel size. Tiles come as T side by side.

    Scratch names in use: padded, tiles, cells, points, kernels, image. `_loudness` takes `tiles`
    before `of_input`, and `_points` takes it anew once `of_input` has returned. `points` and
    `kernels` are read again until the next block of theirs comes.
    """

    step: Ints  # outputs of a tile, per axis
    side: Ints  # inputs of a tile, per axis
    bytes: int  # of the points of one tile of one channel
    dtype: Any  # of the real numbers at both ends
    # Bound on what is added up for an output, in units of the largest D in its tile (`_loudness`).
    growth: float

    def uses(self, kernels: int) -> int:
        """How many products read each point; `threads_for` decides by it."""

    def of_weight(self, weight: Array, scratch: Scratch) -> Array:
        """From (G, k, C/G, *kernel) to the points (P, G, k, C/G)."""

    def of_input(self, slab: Array, tile: Window, scratch: Scratch) -> Array:
        """From an image (B, C, *cells), over which tiles slide, to their points (P, C, T)."""

    def to_output(self, sums: Array, scratch: Scratch) -> Array:
        """From the points (P, G*k*T) to the outputs of the tiles (G*k*T, *step)."""


def forward(maps: Maps, x: Array, weight: Array, layer: ConvLayer) -> Array:
    """The convolution of stride 1, block by block of tiles.

    Blocks too loud for what they would spoil are computed by columns (`_loudness`), for NumPy; a
    tensor's are not: to look at it would make a GPU wait.
    """
    if x.shape[0] == 0:  # nothing is usual in no image, and not every FFT takes an empty batch
        return im2col.forward(x, weight, layer)
    loudness = None if is_tensor(x) else Loudness(weight, layer.groups, maps.dtype)
    y = _by_points(maps, x, weight, layer, loudness)
    for block in loudness.too_loud(maps.growth) if loudness else ():
        _by_columns(x, weight, layer, y, _cells(maps, block))
    return y


def _by_points(
    maps: Maps, x: Array, weight: Array, layer: ConvLayer, loudness: Loudness | None
) -> Array:
    """All blocks by products of points; how loud they are, `loudness` records."""
    by_group = (layer.groups, layer.kernels)
    y = new((x.shape[0], *by_group, *layer.out), beside(x, weight), maps.dtype, fill=False)
    threads = threads_for(x, x.shape, y.shape, uses=maps.uses(layer.kernels))
    blocks = _blocks(maps, layer, threads)
    grouped = cast(weight, maps.dtype).reshape(*by_group, *weight.shape[1:])

    def compute(piece: tuple[Block, slice], scratch: Scratch) -> None:
        block, chosen = piece
        points = scratch.latest(
            "points", block, lambda: _read(maps, x, layer, block, loudness, scratch)
        )
        kernels = scratch.latest(
            "kernels", chosen, lambda: maps.of_weight(grouped[:, chosen], scratch)
        )
        # The tiles have been mapped, so the sums may take their memory: less to fetch.
        sums = scratch.product("tiles", kernels, points)  # (P, G, k, T)
        cells = maps.to_output(sums.reshape(len(sums), math.prod(sums.shape[1:])), scratch)
        images, *box = _cells(maps, block)
        place = y[(images, slice(None), chosen, *box)]
        _place(cells, moveaxis(place, 0, 2), block, scratch)

    pieces = product(blocks, _kernel_blocks(maps, layer, max(1, threads // len(blocks))))
    run(compute, pieces, y, threads=threads, keep=keeps_scratch(x, weight))
    return y.reshape(layer.y_shape)


def _by_columns(x: Array, weight: Array, layer: ConvLayer, y: Array, box: Block) -> None:
    """Write the outputs of `box`, (images, *cells), as im2col computes them."""
    images, *cells = box
    inside = _inside(cells, layer.out)
    slab = pad(x[images], layer.window.reach(layer.size, inside), layer.window.mode)
    plain = replace(layer.window, padding=((0, 0),) * len(cells), mode="zeros")
    y[(images, slice(None), *inside)] = im2col.forward(slab, weight, layer.over(slab.shape, plain))


def _blocks(maps: Maps, layer: ConvLayer, threads: int) -> list[Block]:
    """Blocks of tiles, counted in tiles: (images, *box). Few tiles, yet enough for a product."""
    counts = tuple(-(-o // m) for o, m in zip(layer.out, maps.step, strict=True))
    batch, channels = layer.x_shape[:2]
    tile = maps.bytes * (channels + layer.y_shape[1])
    inner = max(WIDE, min(POINT_BYTES // tile, -(-batch * math.prod(counts) // threads)))
    return list(tiles((batch, *counts), max(1, min(inner, layer.budget // tile))))


def _kernel_blocks(maps: Maps, layer: ConvLayer, threads: int) -> list[slice]:
    """Kernels of a group, cut so that their points fit the memory and each thread has some."""
    most = min(KERNEL_BYTES // (layer.x_shape[1] * maps.bytes), -(-layer.kernels // threads))
    return [at for (at,) in tiles((layer.kernels,), max(1, most))]


def _cells(maps: Maps, block: Block) -> tuple[slice, ...]:
    """The outputs of a block: (images, *cells)."""
    images, *box = block
    steps = zip(box, maps.step, strict=True)
    return (images, *(slice(b.start * m, b.stop * m) for b, m in steps))


def _inside(cells: Sequence[slice], out: Sequence[int]) -> list[slice]:
    """Those of the cells that are outputs: tiles may stand over the edge."""
    return [slice(c.start, min(c.stop, o)) for c, o in zip(cells, out, strict=True)]


def _read(
    maps: Maps,
    x: Array,
    layer: ConvLayer,
    block: Block,
    loudness: Loudness | None,
    scratch: Scratch,
) -> Array:
    """The points of the cells that a block's tiles read, (P, G, C/G, T); records how loud."""
    slab = _slab(maps, x, layer, block, scratch)
    if loudness:
        loudness.record(block, slab, scratch)
    rank = len(layer.out)
    tile = Window(maps.side, maps.step, (1,) * rank, ((0, 0),) * rank)
    points = maps.of_input(slab, tile, scratch)  # (P, C, T)
    return points.reshape(len(points), layer.groups, layer.depth, points.shape[2])


def _slab(maps: Maps, x: Array, layer: ConvLayer, block: Block, scratch: Scratch) -> Array:
    """The cells that a block's tiles read, (B, C, *cells): zeros where they stand over the edge."""
    images, *cells = _cells(maps, block)
    slab, window = cast(x[images], maps.dtype), layer.window
    if window.mode == "zeros":
        return pad(slab, window.reach(layer.size, cells), scratch=scratch)
    # Copies of cells as far as the outputs need them, and zeros beyond.
    inside = _inside(cells, layer.out)
    slab = pad(slab, window.reach(layer.size, inside), window.mode)
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
