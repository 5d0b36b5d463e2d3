"""The sliding-window lab: which numbers meet under a kernel, and what they sum to."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import Array
from ..convolution import conv
from ._lab import Lab, Numbers, OneOf, Whole, table


class SlidingWindow(Lab):
    """A kernel slides over an input; point at an output to see its patch and read its sum.

    Parameters
    ----------
    size : int, default 5
        Side of the square input, 1 to 9; it counts 0, 1, 2, …
    kernel_size, stride, padding, dilation : int, default 3, 1, 0, 1
        As in `convlib.conv`; 1 to 5, 1 to 4, 0 to 4, 1 to 3.
    kernel : {"numbers", "edge", "blur", "sharpen", "own"}
        A ready-made kernel: 0, 1, 2, …, the Laplacian, the mean, the sharpened picture.
    weight : matrix, optional
        A kernel of your own, in place of `kernel`; its side is `kernel_size`.
    view : {"numbers", "photo"}
        Slide over numbers or over a small photograph.
    ask : {"value", "size"}
        What the reader predicts first: the last output, or how many rows there will be.
    controls : {"all", "few"}
        All controls, or only stride and padding.
    revealed : bool, default False
        Show the outputs without asking.

    Examples
    --------
    >>> SlidingWindow(size=3, kernel_size=2)
    SlidingWindow(size=3, kernel_size=2)
    """

    script = "sliding_window"
    size = Whole(5, 1, 9)
    kernel_size = Whole(3, 1, 5)
    stride = Whole(1, 1, 4)
    padding = Whole(0, 0, 4)
    dilation = Whole(1, 1, 3)
    kernel = OneOf("numbers", "edge", "blur", "sharpen", "own")
    weight = Numbers()
    view = OneOf("numbers", "photo")
    ask = OneOf("value", "size")
    controls = OneOf("all", "few")

    def __init__(self, **traits: Any) -> None:
        if traits.get("weight") is not None:
            traits = {"kernel_size": len(traits["weight"]), "kernel": "own"} | traits
        super().__init__(**traits)

    def plain(self) -> str:
        """The input, the kernel and the output as tables; over the photograph, the kernel."""
        x = np.arange(self.size**2, dtype=float).reshape(self.size, self.size)
        weight = preset(self.kernel, self.kernel_size) if self.weight is None else self.weight
        if self.view == "photo":
            return table("Kernel", weight)
        options = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        y = conv(x[None, None], np.asarray(weight, float)[None, None], **options)[0, 0]
        return "\n".join([table("Input", x), table("Kernel", weight), table("Output", y)])


def preset(name: str, side: int) -> Array:
    """Return the ready-made kernel of that name, as ``preset`` in sliding_window.js does."""
    area, here = side * side, np.zeros((side, side))
    here[(side - 1) // 2, (side - 1) // 2] = area
    return {
        "numbers": np.arange(area, dtype=float).reshape(side, side),
        "edge": here - 1,
        "blur": np.full((side, side), round(1 / area, 4)),
        "sharpen": (2 * here - 1) / area,
    }[name]
