"""The transposed-convolution lab: scatter beside zero insertion, and who is reached how often."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import Array
from ..transpose import conv_transpose, overlap_count
from ._lab import Lab, Numbers, OneOf, Whole, table


class Transposed(Lab):
    """Two definitions of one operation side by side; point at an input or at an output.

    Parameters
    ----------
    size : int, default 3
        Side of the square input, 1 to 4.
    kernel_size, stride, padding, output_padding, dilation : int, default 3, 2, 0, 0, 1
        As in `convlib.conv_transpose`; 1 to 4, 1 to 3, 0 to 3, 0 to 2, 1 to 2.
    values : {"numbers", "ones"}
        The input counts 1, 2, 3, … and the kernel 0, 1, 2, …; or both hold ones only, and each
        output is the number of taps that reach it.
    weight : matrix, optional
        A kernel of your own, square; its side is `kernel_size`.
    ask : {"value", "size", "even"}
        What the reader predicts first: one output, how many rows there will be, or whether all
        outputs away from the border are reached by equally many taps.
    revealed : bool, default False
        Show the outputs without asking.

    Examples
    --------
    >>> Transposed(size=2, kernel_size=2, ask="size")
    Transposed(size=2, kernel_size=2, ask='size')
    """

    script = "transposed"
    size = Whole(3, 1, 4)
    kernel_size = Whole(3, 1, 4)
    stride = Whole(2, 1, 3)
    padding = Whole(0, 0, 3)
    output_padding = Whole(0, 0, 2)
    dilation = Whole(1, 1, 2)
    values = OneOf("numbers", "ones")
    weight = Numbers()
    ask = OneOf("value", "size", "even")

    def __init__(self, **traits: Any) -> None:
        if traits.get("weight") is not None:
            traits = traits | {"kernel_size": len(traits["weight"])}
        super().__init__(**traits)
        if self.weight is not None and len(self.weight[0]) != self.kernel_size:
            sides = f"{self.kernel_size} x {len(self.weight[0])}"
            raise ValueError(f"Transposed: weight is a square matrix; got {sides}.")

    def plain(self) -> str:
        """The input, the kernel, the output and the number of taps that reach it, as tables."""
        x = self._counting(self.size) + 1
        weight = self._counting(self.kernel_size)
        if self.values == "ones":
            x, weight = np.ones_like(x), np.ones_like(weight)
        if self.weight is not None:
            weight = np.asarray(self.weight, float)
        names = ("stride", "padding", "output_padding", "dilation")
        options = {name: getattr(self, name) for name in names}
        y = conv_transpose(x[None, None], weight[None, None], **options)[0, 0]
        taps = overlap_count(x.shape, weight.shape, **options)
        parts = {"Input": x, "Kernel": weight, "Output": y, "Taps that reach each output": taps}
        return "\n".join(table(caption, rows) for caption, rows in parts.items())

    @staticmethod
    def _counting(side: int) -> Array:
        return np.arange(side * side, dtype=float).reshape(side, side)
