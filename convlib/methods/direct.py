"""The definition, term by term: one sum of products for each output. Slow, and the oracle."""

from __future__ import annotations

from itertools import product

from .._arrays import Array, accumulator, beside, cast, new
from .._windows import pad
from ..geometry import Window


def forward(x: Array, weight: Array, window: Window, *, groups: int, budget: int) -> Array:
    """Multiply every window with every kernel that sees it, and sum."""
    out = window.output_size(tuple(x.shape[2:]))
    x = cast(pad(x, window.padding, window.mode), accumulator(x))
    weight = cast(weight, x.dtype)
    kernels, channels = weight.shape[:2]  # K, C/G
    y = new((x.shape[0], kernels, *out), beside(x, weight))
    for k in range(kernels):
        first = k // (kernels // groups) * channels
        seen = x[:, first : first + channels]  # the group of kernel k
        for u in product(*map(range, out)):
            patch = tuple(
                slice(i * s, i * s + span, min(d, span))
                for i, s, span, d in zip(
                    u, window.stride, window.span, window.dilation, strict=True
                )
            )
            products = seen[(..., *patch)] * weight[k]  # (B, C/G, *kernel)
            y[(slice(None), k, *u)] = products.sum(axis=tuple(range(1, products.ndim)))
    return y
