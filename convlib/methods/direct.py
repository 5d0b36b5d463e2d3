"""The definition, term by term: one sum of products for each output. Slow, and the oracle."""

from __future__ import annotations

from itertools import product

from .._arrays import Array, accumulator, beside, cast, new
from .._layer import ConvLayer
from .._windows import pad


def forward(x: Array, weight: Array, layer: ConvLayer) -> Array:
    """Multiply every window with every kernel that sees it, and sum."""
    window = layer.window
    x = cast(pad(x, window.padding, window.mode), accumulator(x))
    weight = cast(weight, x.dtype)
    y = new(layer.y_shape, beside(x, weight))
    for k in range(len(weight)):
        first = k // layer.kernels * layer.depth
        group = x[:, first : first + layer.depth]  # the channels that kernel k sees
        for u in product(*map(range, layer.out)):
            axes = zip(u, window.stride, window.span, window.dilation, strict=True)
            patch = [slice(i * s, i * s + span, min(d, span)) for i, s, span, d in axes]
            products = group[(..., *patch)] * weight[k]  # (B, C/G, *kernel)
            y[(slice(None), k, *u)] = products.sum(axis=tuple(range(1, products.ndim)))
    return y
