"""The windows of a pooling: which are refused, which cells they read, and how many of them count.

Letters, per axis: input size n, output size o, stride s, dilation d.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ._arrays import Array, cast, is_tensor, is_transformed, namespace
from ._checks import BadValue, check_flags, check_memory
from ._pooling import check_input, outer_product
from ._types import IntOrInts, Ints, Padding
from .geometry import Pairs, Window, check_fits, make_window, padded_size


def check_window(
    x: Array,
    dtypes: str | None,
    kernel_size: IntOrInts,
    stride: IntOrInts | None,
    padding: Padding,
    dilation: IntOrInts,
    ceil_mode: bool,
) -> tuple[Window, Ints]:
    """The checked window and how many of it there are."""
    sizes = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    check_input(x, dtypes, **sizes, dilation=dilation)
    check_flags(ceil_mode=ceil_mode)
    empty = isinstance(stride, (tuple, list)) and not stride
    steps = kernel_size if stride is None or empty else stride
    size = tuple(x.shape[2:])
    window = make_window(kernel_size, steps, padding, dilation, len(size))
    most = _check_half(window) if _is_numbers(padding) else None
    check_fits(window, size, ceil_mode, most=most)
    out = window.output_size(size, ceil_mode)
    _check_reads_input(window, size, out)
    pairs = _padding_read(_trimmed(window, size, out), size, out)
    lead, padded = x.shape[:2], padded_size(size, pairs)
    check_memory(x, the_padded_input=(*lead, *padded), the_output=(*lead, *out))
    return window, out


def _is_numbers(padding: Padding) -> bool:
    """True for one number, or one per axis: as in torch, whose limit words and pairs lack."""
    values = padding if isinstance(padding, (tuple, list)) else [padding]
    return not any(isinstance(value, (tuple, list, str)) for value in values)


def _check_half(window: Window) -> Ints:
    """The most padding per axis that torch takes: half a window. Raise for more."""
    for kernel, pair in zip(window.kernel_size, window.padding, strict=True):
        if max(pair) > kernel // 2:
            raise BadValue(
                f"padding must be at most half of kernel_size, so that a window sees more "
                f"than padding; got padding={max(pair)}, kernel_size={kernel}. "
                f"Use padding <= {kernel // 2}. As (before, after) pairs it may be more."
            )
    return tuple(kernel // 2 for kernel in window.kernel_size)


def _check_reads_input(window: Window, size: Ints, out: Ints) -> None:
    """Raise for a window of nothing but padding: it has no maximum, and there is no average."""
    for n, o, kernel, s, d, (before, after) in _axes(window, size, out):
        last = (o - 1) * s - before
        # If taps are at most n apart, the first window sees least of the input: ask it alone. Else
        # a window may straddle the input, where ``u % d >= n``; that recurs after ``d / gcd(s, d)``
        # windows, and `next` stops at the first one, after 2n at most.
        early = range(-before, min(0, last + 1), s)[: d // math.gcd(s, d) if d > n else 1]
        start = next((u for u in early if -(u // d) >= kernel or u % d >= n), None)
        if start is None and last >= n:
            start = last
        if start is not None:
            raise BadValue(
                f"a window sees nothing but padding: it reads cells {start}, "
                f"{start + d} and so on, the input has 0 to {n - 1}; got padding="
                f"({before}, {after}), dilation={d}. Use less of either."
            )


# ---- what they read ----


def window_reads(
    x: Array, window: Window, size: Ints, out: Ints
) -> tuple[list[list[slice]], Pairs]:
    """For each axis, what every window's t-th tap reads, for each t; and the padding they need.

    Taps are left out that meet padding alone. But for torch's compiler all of them and all padding
    stay: where sizes are symbols, to cut takes longer to work out than it spares.
    """
    compiles = is_tensor(x) and namespace(x).compiler.is_compiling()
    if compiles and out == window.output_size(size):
        pairs = window.padding
    else:
        window = _trimmed(window, size, out)
        pairs = _padding_read(window, size, out)
    reads = []
    for _, o, kernel, s, d, _ in _axes(window, size, out):
        reach, s = (o - 1) * s + 1, s if o > 1 else 1  # torch takes no step beyond the size
        reads.append([slice(t * d, t * d + reach, s) for t in range(kernel)])
    return reads, pairs


class Axis(NamedTuple):
    """All that is known of one axis, in the letters of this module."""

    n: int
    o: int
    kernel: int
    s: int
    d: int
    pair: tuple[int, int]  # padding before and after


def _axes(window: Window, size: Ints, out: Ints) -> list[Axis]:
    each = window.kernel_size, window.stride, window.dilation, window.padding
    return [Axis(*axis) for axis in zip(size, out, *each, strict=True)]


def _trimmed(window: Window, size: Ints, out: Ints) -> Window:
    """`window` without its first and last taps, as far as they meet no input anywhere.

    So a window far larger than the input costs no more than one as large as the input.
    """
    kernels, pairs = [], []
    for n, o, kernel, s, d, (before, after) in _axes(window, size, out):
        first = max(0, -(((o - 1) * s - before) // d))  # the last window's first tap past the edge
        last = min(kernel - 1, (before + n - 1) // d)  # the first window's last tap before the end
        kernels.append(last - first + 1)
        pairs.append((before - first * d, after))
    return replace(window, kernel_size=tuple(kernels), padding=tuple(pairs))


def _padding_read(window: Window, size: Ints, out: Ints) -> Pairs:
    """Padding that turns the input into just what the windows read."""
    return window.reach(size, [slice(0, o) for o in out])


# ---- how many count ----


def window_sizes(like: Array, x: Array, window: Window, include_pad: bool) -> Array:
    """How many cells count in each window: (*out), in the dtype of `like` (B, C, *out)."""
    xp = namespace(like) if is_transformed(like) else np  # a compiler wants one library
    lengths = []
    for n, o, kernel, s, d, (before, after) in _axes(window, x.shape[2:], like.shape[2:]):
        start = xp.arange(o, device="cpu") * s - before
        least, most = (-before, n + after) if include_pad else (0, n)
        first = (-((start - least) // d)).clip(0)  # first tap at or after `least`
        stop = (-((start - most) // d)).clip(None, kernel)
        lengths.append(cast(stop - first, xp.float64))  # a product of ints might wrap around
    return outer_product(lengths, like)
