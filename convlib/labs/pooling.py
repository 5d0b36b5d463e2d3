"""The pooling lab: what a window holds, reduced to one number, and what a shift does to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from .._arrays import Array
from ..pooling import avg_pool, max_pool
from ._lab import Lab, Numbers, OneOf, Whole, table


class Pooling(Lab):
    """Paint an input and pool it; point at an output to see its window and the winner in it.

    Parameters
    ----------
    view : {"window", "shift"}
        Look at the windows one by one; or shift the input, a ring, cell by cell, and see which
        outputs change.
    kind : {"max", "average"}
    size : int, default 6
        Side of the square input, 1 to 9.
    kernel_size : int, default 2
        1 to 5.
    stride : int, default `kernel_size`
        1 to 5.
    padding : int, default 0
        0 to 3.
    ceil_mode, count_include_pad : bool, default False, True
        As in `convlib.max_pool` and `convlib.avg_pool`.
    pattern : {"scattered", "numbers", "spike", "blocks", "stripes", "own"}
        A ready-made input: digits, 0, 1, 2, …, a single 1, columns 0 0 1 1, columns 0 1.
    x : matrix, optional
        An input of your own, in place of `pattern` and `size`.
    shift : int, default 0
        Cells by which the input has moved to the right, -9 to 9.
    revealed : bool, default False
        Show the outputs without asking.

    Examples
    --------
    >>> Pooling(kernel_size=3)
    Pooling(kernel_size=3, stride=3)
    """

    script = "pooling"
    view = OneOf("window", "shift")
    kind = OneOf("max", "average")
    size = Whole(6, 1, 9)
    kernel_size = Whole(2, 1, 5)
    stride = Whole(2, 1, 5)
    padding = Whole(0, 0, 3)
    ceil_mode = traitlets.Bool(False).tag(sync=True)
    count_include_pad = traitlets.Bool(True).tag(sync=True)
    pattern = OneOf("scattered", "numbers", "spike", "blocks", "stripes", "own")
    x = Numbers()
    shift = Whole(0, -9, 9)

    def __init__(self, **traits: Any) -> None:
        if "kernel_size" in traits:
            traits = {"stride": traits["kernel_size"]} | traits
        if traits.get("x") is not None:
            traits = traits | {"pattern": "own"}
        super().__init__(**traits)
        if self.pattern == "own" and self.x is None:
            raise ValueError("Pooling: pattern 'own' needs x, a matrix; got x=None.")

    def plain(self) -> str:
        """The input and the output as tables."""
        x = pattern(self.pattern, self.size) if self.x is None else np.asarray(self.x, float)
        x = np.roll(x, self.shift, axis=1)
        options = {"stride": self.stride, "padding": self.padding, "ceil_mode": self.ceil_mode}
        if self.kind == "max":
            y = max_pool(x[None, None], self.kernel_size, **options)
        else:
            options["count_include_pad"] = self.count_include_pad
            y = avg_pool(x[None, None], self.kernel_size, **options)
        return "\n".join([table("Input", x), table("Output", y[0, 0])])


def pattern(name: str, side: int) -> Array:
    """Return the ready-made input of that name, as ``pattern`` in pooling.js does."""
    i, j = np.indices((side, side))
    return {
        "scattered": (i * i * j + 3 * j * j + 4 * i + 2 * j + 1) % 10,
        "numbers": i * side + j,
        "spike": (i == side // 2) & (j == side // 2),
        "blocks": j % 4 // 2,
        "stripes": j % 2,
    }[name].astype(float)
