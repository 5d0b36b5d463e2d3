"""ONNX's Resize and Upsample by `resize`, which samples where torch does: one rule a mode.

ONNX has six rules for where an output lies in the input, and four to round a place to a cell. A
case applies where its rules lead to the places that torch's rule leads to.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import convlib as cl

from .cases import Node

Array = Any

# Where output u of n' lies in an input of n, for a scale z: half a cell is 1/2.
PLACES = {
    "half_pixel": lambda u, n, out, z: (u + 0.5) / z - 0.5,
    "pytorch_half_pixel": lambda u, n, out, z: (u + 0.5) / z - 0.5 if out > 1 else 0.0,
    "asymmetric": lambda u, n, out, z: u / z,
    "align_corners": lambda u, n, out, z: u * (n - 1) / (out - 1) if out > 1 else 0.0,
    "half_pixel_symmetric": lambda u, n, out, z: n / 2 * (1 - out / (n * z)) + (u + 0.5) / z - 0.5,
}
CELLS = {
    "round_prefer_floor": lambda place: math.ceil(place - 0.5),
    "round_prefer_ceil": lambda place: math.floor(place + 0.5),
    "floor": math.floor,
    "ceil": math.ceil,
}


def resize(node: Node, x: Array, *steering: np.ndarray | None) -> Array:
    scales, out = _scales_and_sizes(node, x.shape, *steering)
    if _has_sizes(*steering):
        return cl.resize(x, size=out[2:], mode=node.get("mode", "nearest"))
    return cl.resize(x, scale_factor=scales[2:], mode=node.get("mode", "nearest"))


def upsample(node: Node, x: Array, scales: np.ndarray) -> Array:
    """The operator that Resize replaced: u/z rounded down, as torch's "nearest"."""
    return cl.resize(x, scale_factor=scales.tolist()[2:], mode=node.get("mode", "nearest"))


def why_not(node: Node, x: Array, *steering: np.ndarray | None) -> str | None:
    mode, rule = node.get("mode", "nearest"), _rule(node)
    if mode == "cubic":
        return "Resize by cubics: `resize` has the modes nearest and linear"
    if node.get("antialias", 0):
        return "Resize with antialias, which reads more than two cells an axis"
    if rule not in PLACES:
        return "Resize of a part that is cut out of the input first"
    scales, out = _scales_and_sizes(node, x.shape, *steering)
    torchs = "half_pixel" if mode == "linear" else "asymmetric"
    rounding = node.get("nearest_mode", "round_prefer_floor")
    for n, m, z in zip(x.shape, out, scales, strict=True):
        theirs = [PLACES[rule](u, n, m, z) for u in range(m)]
        ours = [PLACES[torchs](u, n, m, m / n if _has_sizes(*steering) else z) for u in range(m)]
        if mode == "nearest":
            theirs, ours = [CELLS[rounding](p) for p in theirs], [math.floor(p) for p in ours]
        if not np.allclose(np.clip(theirs, 0, n - 1), np.clip(ours, 0, n - 1)):
            return "Resize to places other than torch's default ones, which `resize` samples"
    return None


def _has_sizes(
    roi: np.ndarray | None = None,
    scales: np.ndarray | None = None,
    sizes: np.ndarray | None = None,
) -> bool:
    return sizes is not None and sizes.size > 0


def _rule(node: Node) -> str:
    return node.get("coordinate_transformation_mode", "half_pixel")


def _scales_and_sizes(
    node: Node,
    shape: Sequence[int],
    roi: np.ndarray | None = None,
    scales: np.ndarray | None = None,
    sizes: np.ndarray | None = None,
) -> tuple[list[float], list[int]]:
    """For every axis, batch and channels too: the scale, and the size that it leads to."""
    axes = node.get("axes", range(len(shape)))
    zoom, out = [1.0] * len(shape), [*shape]
    if _has_sizes(roi, scales, sizes):
        asked = dict(zip(axes, sizes.tolist(), strict=True))
        ratios = {axis: size / shape[axis] for axis, size in asked.items()}
        policy = {"not_larger": min, "not_smaller": max}.get(
            node.get("keep_aspect_ratio_policy", "stretch")
        )
        for axis, size in asked.items():
            one = policy(ratios.values()) if policy else ratios[axis]
            zoom[axis] = one
            out[axis] = math.floor(one * shape[axis] + 0.5) if policy else size
        return zoom, out
    for axis, scale in zip(axes, scales.tolist(), strict=True):
        zoom[axis], out[axis] = scale, math.floor(scale * shape[axis])
    return zoom, out
