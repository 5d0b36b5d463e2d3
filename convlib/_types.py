"""What options may be, for type checkers: ints, one for all axes or one for each, and words."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "Approximation",
    "ChannelLayer",
    "ChannelLayers",
    "Definition",
    "FloatOrFloats",
    "IntOrInts",
    "Ints",
    "Method",
    "Needs",
    "Network",
    "Padding",
    "PaddingMode",
    "Pair",
    "Resizing",
    "SizeOrNone",
    "Sizes",
    "WindowOptions",
    "Windows",
]

Ints = tuple[int, ...]

IntOrInts = int | tuple[int, ...] | list[int]
"""One int for all axes, or one for each."""

SizeOrNone = int | None
Sizes = SizeOrNone | tuple[SizeOrNone, ...] | list[SizeOrNone] | list[int]
"""As `IntOrInts`; None keeps an axis as it is."""

FloatOrFloats = float | tuple[float, ...] | list[float]

Pair = tuple[int, int] | list[int]
Padding = IntOrInts | tuple[Pair, ...] | list[Pair] | Literal["same", "valid"]
"""One int for all axes, one for each, one (before, after) pair for each, or a word."""

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
Method = Literal["auto", "direct", "im2col", "rows", "taps", "winograd", "fft", "native"]
Definition = Literal["auto", "scatter", "zero_insertion", "matrix", "native"]
Resizing = Literal["nearest", "linear"]
Approximation = Literal["none", "tanh"]

WindowOptions = tuple[int, ...] | list[int]
Windows = tuple[WindowOptions, ...] | list[WindowOptions] | list[tuple[int, ...]]
"""Kernel size, stride, padding and dilation of layers."""

ChannelLayer = tuple[str, int] | tuple[str, int, int]
ChannelLayers = list[ChannelLayer] | tuple[ChannelLayer, ...] | list[tuple[str, int]]
"""("conv", kernels, groups) or ("shuffle", groups)."""

Network = Literal[
    "alexnet",
    "alexnet-ungrouped",
    "vgg16",
    "resnet50",
    "resnet50-v1",
    "resnext50",
    "mobilenet",
    "mobilenet-full",
    "shufflenet-g1",
    "shufflenet-g2",
    "shufflenet-g3",
    "shufflenet-g4",
    "shufflenet-g8",
]

Needs = tuple[bool, bool, bool] | list[bool]
"""Which of three gradients to compute."""
