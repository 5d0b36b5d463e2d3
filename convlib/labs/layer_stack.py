"""The layer-stack lab: what each layer makes of the size, what it sees, what it costs."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets

from ..costs import conv_cost
from ..geometry import receptive_field
from ..pooling import max_pool
from ._lab import Lab, Whole, paragraph

# An option of a layer: its default, the least and the most it may be. A pooling layer's stride is
# its kernel_size by default, and it has no channels of its own.
OPTIONS = {
    "kernel_size": (3, 1, 11),
    "stride": (1, 1, 4),
    "padding": (0, 0, 5),
    "dilation": (1, 1, 8),
    "channels": (64, 1, 512),
}
MOST_LAYERS = 8


class Layers(traitlets.List):
    """One to eight layers, each a dict of options; what is left off gets its default."""

    bounds: ClassVar = {
        "count": (1, MOST_LAYERS),
        **{name: (low, high) for name, (_, low, high) in OPTIONS.items()},
    }

    def __init__(self) -> None:
        super().__init__(default_value=[complete({})] * 3)
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the layers with every option, or raise with the rule."""
        if isinstance(value, (list, tuple)) and 1 <= len(value) <= MOST_LAYERS:
            return [complete(layer) for layer in value]
        raise ValueError(
            f"{type(obj).__name__}: {self.name} is a list of 1 to {MOST_LAYERS} layers, each like "
            f"{{'kernel_size': 3, 'stride': 2}}; got {value!r}."
        )


def complete(layer: Any) -> dict[str, Any]:
    """Return a layer with every option, or raise with the rule."""
    kind = layer.get("kind", "conv") if isinstance(layer, dict) else None
    names = list(OPTIONS)[: None if kind == "conv" else -1]
    if kind not in ("conv", "pool") or not set(layer) <= {"kind", *names}:
        raise ValueError(
            f"LayerStack: a layer is a dict of kind ('conv' or 'pool') and any of "
            f"{', '.join(OPTIONS)}, the last for a conv only; got {layer!r}."
        )
    defaults = {name: OPTIONS[name][0] for name in names}
    if kind == "pool":
        defaults["kernel_size"] = layer.get("kernel_size", 2)
        defaults["stride"] = defaults["kernel_size"]
    whole = {"kind": kind} | defaults | layer
    for name in names:
        _, low, high = OPTIONS[name]
        if type(whole[name]) is not int or not low <= whole[name] <= high:
            raise ValueError(
                f"LayerStack: {name} of a layer is a whole number from {low} to {high}; "
                f"got {whole[name]!r}."
            )
    return whole


class LayerStack(Lab):
    """Layers on top of one another; point at a unit to see the cells that count towards it.

    Parameters
    ----------
    size : int, default 15
        Side of the square input, 1 to 48.
    channels : int, default 64
        Channels of the input, 1 to 512.
    layers : list of dict
        One to eight layers: ``kind`` ("conv", the default, or "pool"), ``kernel_size`` (1 to 11),
        ``stride`` (1 to 4), ``padding`` (0 to 5), ``dilation`` (1 to 8) and, for a convolution,
        ``channels`` (its kernels, 1 to 512). By default three convolutions of 3x3.
    revealed : bool, default False
        Show the fields without asking.

    Examples
    --------
    >>> LayerStack(size=20)
    LayerStack(size=20)
    """

    script = "layer_stack"
    size = Whole(15, 1, 48)
    channels = Whole(64, 1, 512)
    layers = Layers()

    def plain(self) -> str:
        """A sentence for each layer: its size, its field, its cost."""
        return "\n".join(paragraph(line) for line in self._lines())

    def _lines(self) -> list[str]:
        names = ("kernel_size", "stride", "padding", "dilation")
        windows = [tuple(layer[name] for name in names) for layer in self.layers]
        shape: tuple[int, ...] = (1, self.channels, self.size, self.size)
        lines = [f"Input: size {self.size}, {self.channels} channels."]
        for number, (layer, field) in enumerate(
            zip(self.layers, receptive_field(windows), strict=True), 1
        ):
            shape, parameters, work = _step(shape, layer)
            side = layer["kernel_size"]
            lines.append(
                f"Layer {number}, {layer['kind']} {side}×{side}: size {shape[-1]}, field "
                f"{field.size}, jump {field.jump}, {parameters:,} parameters, "
                f"{work:,} multiply-adds."
            )
        return lines


def _step(shape: tuple[int, ...], layer: dict[str, Any]) -> tuple[tuple[int, ...], int, int]:
    """The shape that a layer makes of `shape`, its parameters and its multiply-adds."""
    options = {name: layer[name] for name in ("stride", "padding", "dilation")}
    side = layer["kernel_size"]
    if layer["kind"] == "pool":
        out = max_pool(np.zeros((1, 1, *shape[2:])), side, **options).shape
        return (1, shape[1], *out[2:]), 0, 0
    cost = conv_cost(shape, (layer["channels"], shape[1], side, side), **options)
    return cost.output_shape, cost.parameters, cost.multiply_adds
