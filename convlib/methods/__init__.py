"""The ways to compute one convolution: a file each, one signature; and which of them "auto" takes.

``forward(x, weight, layer)`` takes checked arrays: `x` (B, C, *spatial) and `weight` (K, C/G,
*kernel). It gives (B, K, *out) in the dtype in which sums are kept. `_points` and `_loudness` are
what winograd and fft share; `backward` has the adjoints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .._arrays import Array, is_linearized, is_tensor, is_transformed, namespace
from .._checks import BadValue, check_choice
from .._layer import ConvLayer
from . import direct, fft, im2col, native, rows, taps, winograd


class Method(NamedTuple):
    """One way to compute a convolution: what it does, what it refuses, and where it pays."""

    forward: Callable[[Array, Array, ConvLayer], Array]
    check: Callable[[Array, ConvLayer], None] = lambda x, layer: None
    pays: Callable[[Array, ConvLayer], bool] = lambda x, layer: False


METHODS = {
    "direct": Method(direct.forward),
    "im2col": Method(im2col.forward),
    "rows": Method(rows.forward, pays=rows.pays),
    "taps": Method(taps.forward, pays=taps.pays),
    "winograd": Method(winograd.forward, winograd.check, winograd.pays),
    "fft": Method(fft.forward, fft.check),
    "native": Method(native.forward, native.check),
}


def choose(x: Array, layer: ConvLayer) -> str:
    """What "auto" stands for: the method that the benchmark found fastest for such a layer.

    For tensors "im2col", and "native" inside of torch's transforms. For arrays the first of
    "winograd", "taps" and "rows" that pays, as each says in its file, with thresholds from
    `_tuning`; else "im2col", and always for kernels of one cell.
    """
    if is_tensor(x):
        return "native" if native.takes_over(x) else "im2col"
    if layer.window.is_point:
        return "im2col"
    asked = ("winograd", "taps", "rows")
    return next((name for name in asked if METHODS[name].pays(x, layer)), "im2col")


def check_method(method: str, x: Array, layer: ConvLayer) -> None:
    """Raise unless there is such a method, and it can do what is asked for."""
    check_choice("method", method, ("auto", *METHODS))
    if method == "auto":
        return
    METHODS[method].check(x, layer)
    if method in ("im2col", "native") or not is_transformed(x):
        return
    if is_linearized(x):
        why = "writes its result part by part, and torch.func.linearize loses what is written so"
    elif method == "winograd" and namespace(x).compiler.is_dynamo_compiling():
        why = "makes its matrices with NumPy, which is no part of one graph, as fullgraph=True asks"
    else:
        return
    raise BadValue(f'method="{method}" {why}; got a tensor there. Use method="auto".')


def convolve(x: Array, weight: Array, layer: ConvLayer, method: str = "auto") -> Array:
    """The convolution of what has been checked, without a bias."""
    method = choose(x, layer) if method == "auto" else method
    return METHODS[method].forward(x, weight, layer)
