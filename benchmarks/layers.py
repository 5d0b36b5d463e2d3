"""What is measured: the distinct layers of five networks, taken from their tables in `convlib`."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from convlib import Layer, network

NAMES = {
    "alexnet": "AlexNet",
    "vgg16": "VGG-16",
    "resnet50": "ResNet-50",
    "resnext50": "ResNeXt-50",
    "mobilenet": "MobileNet",
}
CONVOLUTIONS = (
    "3x3 stride 1",
    "1x1",
    "stems and strided",
    "grouped 32x4d",
    "depthwise 3x3",
    "other (5x5, two groups)",
)
POOLINGS = ("max pooling", "average pooling", "global average pooling")
ACTIVATIONS = {
    "ReLU": "relu",
    "SiLU": "silu",
    "GELU": "gelu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "hardswish": "hardswish",
}
KINDS = (*CONVOLUTIONS, *POOLINGS, *ACTIVATIONS)


@dataclass(frozen=True)
class Case:
    """One layer to measure, and how often each network has it."""

    name: str
    kind: str
    operation: str  # a public function of convlib
    x: tuple[int, ...]  # (C, H, W)
    weight: tuple[int, ...] | None = None  # (K, C/groups, N, N)
    options: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # by network
    work: int = 0  # multiply-adds of one image, or cells where there are none


def all_cases() -> list[Case]:
    """Every distinct layer, in the order of `KINDS`."""
    found = [*_network_cases(), *_activation_cases()]
    return sorted(found, key=lambda case: KINDS.index(case.kind))


def choose(match: str = "", kinds: Iterable[str] = (), quick: bool = False) -> list[Case]:
    """The cases asked for; with `quick` only the one of least work in each kind."""
    chosen = [
        case
        for case in all_cases()
        if match.lower() in case.name.lower()
        and (not kinds or any(kind.lower() in case.kind.lower() for kind in kinds))
    ]
    if quick:
        least = {case.kind: case for case in sorted(chosen, key=lambda case: -case.work)}
        chosen = [case for case in chosen if case is least[case.kind]]
    return chosen


def conv_kind(layer: Layer) -> str:
    """Which of `CONVOLUTIONS`: by groups first, then by stride, then by side."""
    side, channels = layer.kernel_size[0], layer.input_shape[1]
    if layer.groups == channels:
        return "depthwise 3x3"
    if layer.groups == 32:
        return "grouped 32x4d"
    if layer.stride > 1:
        return "stems and strided"
    if layer.groups > 1:
        return "other (5x5, two groups)"
    return {1: "1x1", 3: "3x3 stride 1"}.get(side, "other (5x5, two groups)")


def _network_cases() -> list[Case]:
    cases: dict[tuple[Any, ...], Case] = {}
    for key, title in NAMES.items():
        for layer in network(key).layers:
            for case in _cases_of(layer, title) if layer.kind != "dense" else ():
                same = (case.operation, case.x, case.weight, *case.options.values())
                counts = cases.setdefault(same, case).counts
                counts[title] = counts.get(title, 0) + 1
    return list(cases.values())


def _cases_of(layer: Layer, title: str) -> list[Case]:
    """A convolution gives one case; a pooling window one with maxima and one with averages."""
    shape, side, stride = layer.input_shape[1:], layer.kernel_size[0], layer.stride
    size = f"{side}x{side}" + (f"/{stride}" if stride > 1 else "")
    name = f"{title} {layer.name} {size}"
    if layer.kind == "conv":
        weight = (layer.output_shape[1], shape[0] // layer.groups, *layer.kernel_size)
        options = {"stride": stride, "padding": layer.padding, "groups": layer.groups}
        return [Case(name, conv_kind(layer), "conv", shape, weight, options, {}, _work(layer))]
    if layer.kernel_size == shape[1:]:
        return [Case(name, POOLINGS[2], "global_avg_pool", shape, work=_work(layer))]
    options = {"kernel_size": side, "stride": stride, "padding": layer.padding}
    pools = (("max", "max_pool", POOLINGS[0]), ("average", "avg_pool", POOLINGS[1]))
    return [
        Case(f"{name} {word}", kind, operation, shape, None, options, {}, _work(layer))
        for word, operation, kind in pools
    ]


def _work(layer: Layer) -> int:
    return layer.multiply_adds or math.prod(layer.input_shape)


def _activation_cases() -> list[Case]:
    """Each on the largest, the middle and the smallest output of the networks' convolutions.

    The tables leave activations out: which one follows a layer is the network's choice, and its
    cost depends on the number of cells alone.
    """
    layers = [layer for key in NAMES for layer in network(key).only("conv").layers]
    shapes = {layer.output_shape[1:] for layer in layers}
    ordered = sorted(shapes, key=lambda shape: (math.prod(shape), shape))
    sizes = (ordered[-1], ordered[len(ordered) // 2], ordered[0])
    return [
        Case(
            f"{kind} of {'x'.join(map(str, shape))}", kind, operation, shape, work=math.prod(shape)
        )
        for kind, operation in ACTIVATIONS.items()
        for shape in sizes
    ]
