"""The activations lab: curve and slope, a signal through layers, a unit that dies."""

from __future__ import annotations

import numpy as np

from .. import activations as library
from .._arrays import Array
from ._lab import Lab, OneOf, Real, Whole, table

BATCH = np.array([-1.0, 0, 1, 2, 3])  # what the unit is given, as in activation_unit.js


class Activations(Lab):
    """An activation function: its curve and slope, a chain of layers, or one unit.

    Parameters
    ----------
    view : {"curve", "layers", "unit"}
        The curve with its slope; a number through layers and its gradient back; or one unit on a
        small batch, whose bias can be moved until it dies.
    activation : {"sigmoid", "relu", "leaky_relu", "prelu", "tanh", "silu", ...}
        A function of `convlib`; ``"gelu_tanh"`` is ``gelu`` with ``approximate="tanh"``.
    x : float, default 1.0
        The point on the curve, or the number that the chain is given; -8 to 8.
    layers : int, default 10
        Layers in the chain, 1 to 30.
    weight : float, default 1.0
        The weight of each layer, 0 to 5.
    bias : float, default 0.0
        The bias of the unit, -8 to 4.
    negative_slope, prelu_weight, alpha, beta : float, default 0.01, 0.25, 1.0, 1.0
        Of leaky ReLU, of PReLU, of ELU and CELU, of softplus.
    revealed : bool, default False
        Show slopes and gradients without asking.

    Examples
    --------
    >>> Activations(activation="silu", x=-2)
    Activations(activation='silu', x=-2)
    """

    script = "activations"
    view = OneOf("curve", "layers", "unit")
    activation = OneOf(
        "sigmoid", "relu", "leaky_relu", "prelu", "tanh", "silu", "relu6", "elu", "selu", "celu",
        "gelu", "gelu_tanh", "mish", "softplus", "hardsigmoid", "hardswish", "logsigmoid",
    )  # fmt: skip
    x = Real(1.0, -8, 8)
    layers = Whole(10, 1, 30)
    weight = Real(1.0, 0, 5)
    bias = Real(0.0, -8, 4)
    negative_slope = Real(0.01, 0, 1)
    prelu_weight = Real(0.25, -1, 1)
    alpha = Real(1.0, 0, 3)
    beta = Real(1.0, 0, 5)

    def plain(self) -> str:
        """What the view shows first, as a table."""
        return {"curve": self._curve, "layers": self._layers, "unit": self._unit}[self.view]()

    def _apply(self, z: Array) -> tuple[Array, Array]:
        """The function and its slope at each of `z`, by the library."""
        name = self.activation.removesuffix("_tanh")
        options = {
            "leaky_relu": {"negative_slope": self.negative_slope},
            "prelu": {"weight": np.array([self.prelu_weight], float)},
            "elu": {"alpha": self.alpha},
            "celu": {"alpha": self.alpha},
            "gelu": {"approximate": "tanh" if self.activation == "gelu_tanh" else "none"},
            "softplus": {"beta": self.beta},
        }.get(name, {})
        slope = getattr(library, f"{name}_backward")(np.ones_like(z), z, **options)
        return getattr(library, name)(z, **options), slope[0] if name == "prelu" else slope

    def _curve(self) -> str:
        x = np.unique([*np.arange(-4.0, 5), self.x])
        rows = np.stack([x, *self._apply(x)], axis=1)
        return table(f"{self.activation}: x, its value, its slope", rows)

    def _layers(self) -> str:
        values, steps, a = [], [], np.array([self.x], float)
        for _ in range(self.layers):
            a, slope = self._apply(self.weight * a)
            values.append(a[0])
            steps.append(self.weight * slope[0])
        back = np.cumprod(steps[::-1])[::-1]  # the last layer's factor comes first
        rows = np.stack([np.arange(1, self.layers + 1), values, back], axis=1)
        return table(f"{self.activation}: layer, signal behind it, gradient in front of it", rows)

    def _unit(self) -> str:
        z = BATCH + self.bias
        rows = np.stack([BATCH, z, *self._apply(z)], axis=1)
        return table(f"{self.activation}: input, with the bias, value, slope", rows)
