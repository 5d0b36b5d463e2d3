"""Winograd's minimal filtering: small tiles, mapped so that a product of points is enough.

A tile of ``m`` outputs per axis reads ``t = m + N - 1`` inputs. Directly that is ``m*N`` products;
``t`` are enough, if inputs, kernels and products are each mapped by a small constant matrix:

    y = A.T @ ((G @ w) * (B.T @ x))

Over several axes the maps multiply (Kronecker products), and over channels the sum can be taken
before the way back. So all the work is four matrix products. 3x3 kernels in tiles of 4x4 outputs:
36 products for 16 outputs, 2.25 each instead of 9.

Source: Winograd, "Arithmetic Complexity of Computations" (1980); Lavin and Gray (2016).
"""

from __future__ import annotations

import math
from functools import cache, reduce
from typing import Any

import numpy as np

from .._arrays import Array, accumulator, is_tensor, is_whole, moveaxis, namespace
from .._checks import BadValue
from .._layer import ConvLayer
from .._tuning import (
    WINOGRAD_CHANNELS,
    WINOGRAD_FEWER_TILES,
    WINOGRAD_LARGE,
    WINOGRAD_MANY_CHANNELS,
    WINOGRAD_TILES,
    WINOGRAD_TURN,
)
from .._types import Ints
from .._work import Scratch, blas_has_avx2_only
from ..geometry import Window
from ..lowering import taps_first
from . import _points

POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)
"""Where the polynomials are evaluated, infinity apart. The further out, the worse the rounding.

A half and -2 are a choice of ours; Lavin and Gray take 2 and -2. Ours have about a third of the
growth (307 against 860 for 6 cells), and the matrices A.T and B.T still hold whole numbers over
powers of two, which floats hold exactly. How points are chosen well: Barabasz et al. (2020).
"""


@cache
def transforms(outputs: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The matrices A.T (m, t), G (t, N) and B.T (t, t), after Toom and Cook.

    Convolving is multiplying polynomials: evaluate both at t points, multiply there, interpolate.
    Correlating is its adjoint in the longer factor, so the interpolation comes first, transposed.
    Rows of B.T are Lagrange's polynomials; their denominators go to G, so B.T has whole numbers and
    halves.
    """
    count = outputs + taps - 2  # and one more point, infinity
    points = np.array(POINTS[:count])
    a = np.zeros((outputs, count + 1))
    g = np.zeros((count + 1, taps))
    b = np.zeros((count + 1, count + 1))
    for i, point in enumerate(points):
        others = np.delete(points, i)
        a[:, i] = point ** np.arange(outputs)
        g[i] = point ** np.arange(taps) / np.prod(point - others)
        b[i, :count] = np.atleast_1d(np.poly(others))[::-1]
    a[-1, count] = g[count, -1] = 1
    b[count] = np.atleast_1d(np.poly(points))[::-1]
    return a, g, b


class Maps:
    """The three matrices for all axes, beside the arrays they multiply."""

    def __init__(self, kernel_size: Ints, like: Array, step: Ints) -> None:
        self.step = step
        self.side = tuple(m + n - 1 for m, n in zip(self.step, kernel_size, strict=True))
        self.dtype = accumulator(like)
        self.bytes = math.prod(self.side) * self.dtype.itemsize
        *matrices, self.growth = _on_all_axes(self.step, kernel_size)
        self.output, self.weight, self.input = (
            _beside(matrix, like, self.dtype) for matrix in matrices
        )  # (prod(m), P), (P, prod(N)), (P, P)

    def uses(self, kernels: int) -> int:
        """Once for each kernel: most of the work is products."""
        return kernels

    def of_weight(self, weight: Array, scratch: Scratch) -> Array:
        """(G, k, C/G, *kernel) to the points (P, G, k, C/G)."""
        taps = weight.reshape(*weight.shape[:3], self.weight.shape[1])
        few = math.prod(weight.shape[:3]) <= WINOGRAD_TURN
        # The points of the input, channels last, are a transposed factor of the products to come:
        # if the kernels are one too, some BLAS kernels are faster.
        taps = taps.swapaxes(1, 2) if few else taps
        flat = taps.reshape(math.prod(taps.shape[:3]), taps.shape[3])
        points = scratch.product("kernels", self.weight, flat.swapaxes(0, 1))
        points = points.reshape(len(points), *taps.shape[:3])
        return points.swapaxes(2, 3) if few else points

    def of_input(self, slab: Array, tile: Window, scratch: Scratch) -> Array:
        """An image (B, C, *cells), and the tiles that slide over it, to the points (P, C, T)."""
        rank = len(self.side)
        cells = scratch("cells", (slab.shape[0], *slab.shape[2:], slab.shape[1]))
        cells[...] = moveaxis(slab, 1, -1)  # channels last: the tiles are copied in long runs
        view = taps_first(moveaxis(cells, -1, 1), tile)  # (*side, B, *n, C)
        laid = scratch("tiles", view.shape)
        laid[...] = view
        flat = laid.reshape(len(self.input), math.prod(view.shape[rank:]))
        points = scratch.product("points", self.input, flat)  # (P, T*C)
        tiles = math.prod(view.shape[rank:-1])
        return points.reshape(len(points), tiles, view.shape[-1]).swapaxes(1, 2)

    def to_output(self, sums: Array, scratch: Scratch) -> Array:
        """(P, G*k*T) to the outputs (G*k*T, *step), in the memory that held the input's cells."""
        cells = scratch.product("cells", sums.swapaxes(0, 1), self.output.swapaxes(0, 1))
        return cells.reshape(len(cells), *self.step)


@cache
def _on_all_axes(step: Ints, kernel_size: Ints) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """The matrices of `transforms`, each the Kronecker product of those of the axes; and `growth`.

    An entry of ``G @ w`` is at most the largest number in its row times the sum of ``|w|``, one of
    ``B.T @ x`` at most the row's sum times the largest ``|x|``: so much stands at the points, and
    A.T adds it up.
    """
    each = (transforms(m, n) for m, n in zip(step, kernel_size, strict=True))
    a, g, b = (reduce(np.kron, one) for one in zip(*each, strict=True))
    return a, g, b, float((abs(a) @ (abs(g).max(axis=1) * abs(b).sum(axis=1))).max())


def _beside(matrix: np.ndarray, like: Array, dtype: Any) -> Array:
    """A NumPy matrix in the library, on the device and of the dtype asked for."""
    if is_tensor(like):
        return namespace(like).tensor(matrix.tolist(), dtype=dtype, device=like.device)
    return matrix.astype(dtype)


def applies(window: Window) -> bool:
    """True for neighbouring cells, and sides that a small tile can hold."""
    most = 5 if len(window.stride) < 3 else 3
    plain = math.prod(window.stride) == math.prod(window.dilation) == 1
    return plain and max(window.kernel_size) <= most


def pays(x: Array, layer: ConvLayer) -> bool:
    """True where it is fastest: the products that it saves outweigh its maps.

    For 3x3 kernels in NumPy. Only float32: who takes float64 wants the digits that the maps cost.
    """
    if layer.window.kernel_size != (3, 3) or x.dtype != np.float32 or not applies(layer.window):
        return False
    tiles = _count(layer, _large_step(layer))
    channels = min(layer.kernels, layer.depth)
    if channels >= WINOGRAD_CHANNELS and tiles >= WINOGRAD_TILES:
        return True
    many = channels >= WINOGRAD_MANY_CHANNELS and tiles >= WINOGRAD_FEWER_TILES
    return many and blas_has_avx2_only()


def check(x: Array, layer: ConvLayer) -> None:
    """Raise where the method does not apply."""
    window = layer.window
    if not applies(window) or is_whole(x):
        raise BadValue(
            f'method="winograd" needs stride 1, dilation 1, kernels of at most 5 cells a '
            f"side (3 from three axes on) and no integers, for its maps divide; got "
            f"stride={window.stride}, dilation={window.dilation}, kernel_size="
            f'{window.kernel_size}, dtype {x.dtype}. Use method="auto".'
        )


def _large_step(layer: ConvLayer) -> Ints:
    """Outputs of a large tile, per axis: so that it reads 6 cells, or 4 of three axes."""
    kernel = layer.window.kernel_size
    side = 6 if len(kernel) < 3 else 4
    return tuple([side + 1 - n if n > 1 else 1 for n in kernel])


def _count(layer: ConvLayer, step: Ints) -> int:
    """Tiles of so many outputs per axis, in all images."""
    return layer.x_shape[0] * math.prod([-(-o // m) for o, m in zip(layer.out, step, strict=True)])


def _step(layer: ConvLayer) -> Ints:
    """Outputs of a tile, per axis: those of a large one; if these are few, 2."""
    step = _large_step(layer)
    return step if _count(layer, step) >= WINOGRAD_LARGE else tuple([min(m, 2) for m in step])


def forward(x: Array, weight: Array, layer: ConvLayer, step: Ints | None = None) -> Array:
    """Four matrix products a block of tiles. `step`: outputs of a tile, else 4 for N = 3, or 2."""
    maps = Maps(layer.window.kernel_size, x, step or _step(layer))
    return _points.forward(maps, x, weight, layer)
