"""Convolution by the fast Fourier transform: the cost of a kernel no longer grows with its size.

A convolution is a product of spectra. Tiles overlap by the kernel's span less one, because the
transform wraps around: the outputs that wrapped are thrown away ("overlap-save"). A tile of side t
costs about ``log2(t)`` operations a cell, whatever the kernel.

Source: Stockham, "High-speed convolution and correlation" (1966); Mathieu, Henaff and LeCun (2014).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from .._arrays import Array, accumulator, is_tensor, kind, moveaxis, namespace, new
from .._checks import BadValue, check_memory
from .._layer import ConvLayer
from .._tuning import FFT_BYTES, FFT_SIDE
from .._types import Ints
from .._windows import every, windows
from .._work import Scratch
from ..geometry import Window, tiles
from . import _points


class Maps:
    """Spectra of real tiles: their points are complex, half as many and one."""

    def __init__(self, window: Window, out: Ints, like: Array) -> None:
        self.span, self.dilation = window.span, window.dilation
        self.side = tuple(_side(n, o) for n, o in zip(self.span, out, strict=True))
        self.step = tuple(t - n + 1 for t, n in zip(self.side, self.span, strict=True))
        self.spectrum = (*self.side[:-1], self.side[-1] // 2 + 1)
        self.dtype = accumulator(like)
        self.bytes = 2 * self.dtype.itemsize * math.prod(self.spectrum)
        axes = tuple(range(-len(out), 0))
        self.options = {"s": self.side, "dim" if is_tensor(like) else "axes": axes}
        # Parseval: t points of one channel's t cells add up to t * sqrt(t) at most; back, / t. Over
        # many channels that is not proven; the errors that were found are a hundredth of it.
        self.growth = math.sqrt(math.prod(self.side))

    def uses(self, kernels: int) -> int:
        """However often: the transforms are most of the work, and those are no products."""
        return 1

    def of_weight(self, weight: Array, scratch: Scratch) -> Array:
        """(G, k, C/G, *kernel) to the points (P, G, k, C/G): conjugate, for nothing is flipped."""
        if math.prod(self.dilation) > 1:
            spread = new((*weight.shape[:3], *self.span), weight)
            every(spread, self.dilation)[...] = weight
            weight = spread
        return self._spectra("kernels", weight, scratch, conjugate=True)

    def of_input(self, slab: Array, tile: Window, scratch: Scratch) -> Array:
        """An image (B, C, *cells), and the tiles that slide over it, to the points (P, C, T)."""
        points = self._spectra("points", moveaxis(windows(slab, tile), 0, 1), scratch)
        return points.reshape(*points.shape[:2], math.prod(points.shape[2:]))

    def to_output(self, sums: Array, scratch: Scratch) -> Array:
        """(P, G*k*T) to the outputs (G*k*T, *step)."""
        inner = (..., *(slice(0, m) for m in self.step))
        inverse = namespace(sums).fft.irfftn

        def outputs(at: slice) -> Array:
            spectra = sums[:, at].swapaxes(0, 1)
            return inverse(spectra.reshape(len(spectra), *self.spectrum), **self.options)[inner]

        if not scratch.keep:
            return outputs(slice(None))
        cells = scratch("cells", (sums.shape[1], *self.step))
        for (at,) in self._few(sums.shape[1:]):
            cells[at] = outputs(at)
        return cells

    def _spectra(
        self, name: str, cells: Array, scratch: Scratch, *, conjugate: bool = False
    ) -> Array:
        """(..., *cells) to their points (P, ...): a few tiles at a time, in the cache."""
        lead = cells.shape[: -len(self.side)]

        def points_of(at: tuple[slice, ...]) -> Array:
            spectra = namespace(cells).fft.rfftn(cells[at], **self.options)
            spectra = spectra.conj() if conjugate else spectra
            flat = spectra.reshape(*spectra.shape[: len(lead)], math.prod(self.spectrum))
            return moveaxis(flat, -1, 0)

        if not scratch.keep:
            return points_of((slice(None),)) + 0  # in the order of memory
        points = None
        for at in self._few(lead):
            part = points_of(at)
            if points is None:
                points = scratch(name, (len(part), *lead), part.dtype)
            points[(slice(None), *at)] = part
        return points

    def _few(self, lead: Sequence[int]) -> Iterator[tuple[slice, ...]]:
        return tiles(lead, max(1, FFT_BYTES // self.bytes))


def _side(span: int, out: int) -> int:
    """A power of two: some four spans, so that little wraps, but no more than there is to do."""
    most = 2 ** math.ceil(math.log2(span + out - 1)) if span + out > 2 else 2
    return max(2, min(most, max(FFT_SIDE, 2 ** math.ceil(math.log2(4 * span)))))


def check(x: Array, layer: ConvLayer) -> None:
    """Raise for numbers that may not be rounded, or more outputs than the memory holds."""
    if kind(x) in ("i", "c"):
        raise BadValue(
            f'method="fft" takes real numbers that are not integers, for it rounds; got '
            f'dtype {x.dtype}. Use method="auto".'
        )
    check_memory(x, the_outputs_at_stride_1=layer.at_stride_1().y_shape)


def forward(x: Array, weight: Array, layer: ConvLayer) -> Array:
    """Spectra, one product for each frequency, and back. Stride skips outputs already computed."""
    dense = layer.at_stride_1()
    y = _points.forward(Maps(dense.window, dense.out, x), x, weight, dense)
    if layer.out == tuple(y.shape[2:]):
        return y
    kept = new(layer.y_shape, y, fill=False)
    kept[...] = every(y, layer.window.stride)
    return kept
