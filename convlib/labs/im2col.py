"""The im2col lab: windows become columns, kernels become rows, and one product does the rest."""

from __future__ import annotations

import numpy as np

from .._arrays import Array
from ..convolution import conv
from ..costs import conv_cost
from ..lowering import im2col
from ._lab import Lab, Whole, paragraph, table


class Im2col(Lab):
    """A convolution beside its matrix product; what is pointed at is lit in both.

    Point at an output to see its window, its column and its kernel's row; at an input cell to see
    all its copies.

    Parameters
    ----------
    size : int, default 3
        Side of the square input, 1 to 5.
    channels, kernels : int, default 1
        Channels of the input, 1 or 2; kernels, 1 to 3.
    kernel_size, stride, padding : int, default 2, 1, 0
        As in `convlib.im2col`; 1 to 3, 1 to 3, 0 or 1.
    revealed : bool, default False
        Show the matrices without asking how large they will be.

    Examples
    --------
    >>> Im2col(channels=2, kernels=2)
    Im2col(channels=2, kernels=2)
    """

    script = "im2col"
    size = Whole(3, 1, 5)
    channels = Whole(1, 1, 2)
    kernels = Whole(1, 1, 3)
    kernel_size = Whole(2, 1, 3)
    stride = Whole(1, 1, 3)
    padding = Whole(0, 0, 1)

    def plain(self) -> str:
        """The kernels as rows, the columns and their product as tables, and the memory."""
        x = input_maps(self.size, self.channels)[None]
        weight = kernel_maps(self.kernels, self.channels, self.kernel_size)
        options = {"stride": self.stride, "padding": self.padding}
        y = conv(x, weight, **options)
        cost = conv_cost(x.shape, weight.shape, bias=False, **options)
        memory = f"The columns take {cost.blow_up:.2f} times the memory of the input."
        return "\n".join(
            [
                *(table(f"Input, channel {c}", channel) for c, channel in enumerate(x[0])),
                table("Kernels as rows", weight.reshape(self.kernels, -1)),
                table("Columns", im2col(x, self.kernel_size, **options)[0]),
                table("Output", y.reshape(self.kernels, -1)),
                paragraph(memory),
            ]
        )


def input_maps(size: int, channels: int) -> Array:
    """Return the input, as ``inputMaps`` in im2col.js does."""
    cells = np.arange(size * size, dtype=float).reshape(size, size)
    i, j = np.indices((size, size))
    between = np.array([1, 2, 3, 2])[(cells // 2).astype(int) % 4]
    return np.stack([cells, np.where((i + j) % 2, 0, between)])[:channels]  # (C, H, W)


def kernel_maps(kernels: int, channels: int, side: int) -> Array:
    """Return the bank of kernels, as ``kernelMaps`` in im2col.js does."""
    ones = np.ones((side, side))
    counting = np.arange(side * side, dtype=float).reshape(side, side)
    corners, last = np.zeros((2, side, side))
    corners[-1, -1], last[-1, -1] = -1, 1
    corners[0, 0] = 1
    bank = np.array([[counting, ones], [corners, last], [ones, -ones]])  # (K, C, N, N)
    return bank[:kernels, :channels]
