"""What a layer costs, counted before it runs: parameters, multiply-adds, bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ._checks import BadValue, check_flags, one_int, per_axis, public_exact
from ._types import IntOrInts, Ints, Padding
from .geometry import check_channels, check_fits, make_window


@dataclass(frozen=True)
class LayerCost:
    """Counts for one layer. Sizes in bytes, work in multiply-adds (two operations each)."""

    output_shape: Ints
    parameters: int
    multiply_adds: int
    input_bytes: int
    weight_bytes: int
    output_bytes: int
    column_bytes: int

    @property
    def moved_bytes(self) -> int:
        """Bytes moved, if input, weights and output each move once."""
        return self.input_bytes + self.weight_bytes + self.output_bytes

    @property
    def intensity(self) -> float:
        """Operations a byte moved, if input, weights and output each move once."""
        return 2 * self.multiply_adds / self.moved_bytes

    @property
    def blow_up(self) -> float:
        """How many times the input the columns of im2col are, all laid out at once."""
        return self.column_bytes / self.input_bytes


@public_exact
def conv_cost(
    x_shape: Ints | list[int],
    weight_shape: Ints | list[int],
    *,
    bias: bool = True,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    itemsize: int = 4,
) -> LayerCost:
    r"""Count what ``conv(x, weight, bias, ...)`` costs, from the shapes alone.

    .. math:: \text{parameters} = K\,(C/G \cdot N^2 + 1), \qquad
              \text{multiply-adds} = B \cdot K \cdot H'W' \cdot C/G \cdot N^2

    Parameters
    ----------
    x_shape : (B, C, *spatial)
    weight_shape : (K, C/groups, *kernel)
    bias : bool
        Count K more parameters; default True. A bias adds no multiply-adds.
    stride, padding, dilation, groups
        As for `conv`.
    itemsize : int
        Bytes a value; default 4, float32.

    Returns
    -------
    LayerCost
        `output_shape`, `parameters`, `multiply_adds`, `input_bytes`, `weight_bytes` (with bias),
        `output_bytes`, `column_bytes` (im2col, all at once), and from these `intensity` and
        `blow_up`.

    Raises
    ------
    TypeError, ValueError
        Shapes disagree or hold less than 1, an option is out of range, or no window fits.

    Notes
    -----
    Constant time.  Multiply-adds in the padding count, as they do in published figures.
    Book: "Parameters and gradients".

    Examples
    --------
    >>> cost = conv_cost((1, 3, 227, 227), (96, 3, 11, 11), stride=4)  # AlexNet
    >>> cost.output_shape, cost.parameters, cost.multiply_adds
    ((1, 96, 55, 55), 34944, 105415200)
    >>> round(cost.blow_up, 2)
    7.1
    """
    x_sizes, weight_sizes = _shapes(x_shape, weight_shape)
    check_flags(bias=bias)
    groups = one_int("groups", groups, least=1)
    itemsize = one_int("itemsize", itemsize, least=1)
    check_channels(x_sizes, weight_sizes, groups, "x_shape weight_shape")
    (batch, _, *size), (kernels, depth, *kernel) = x_sizes, weight_sizes
    window = make_window(tuple(kernel), stride, padding, dilation, len(kernel))
    check_fits(window, tuple(size))
    out = window.output_size(tuple(size))
    row, outputs = depth * math.prod(kernel), batch * math.prod(out)
    parameters = kernels * (row + bias)
    return LayerCost(
        output_shape=(batch, kernels, *out),
        parameters=parameters,
        multiply_adds=outputs * kernels * row,
        input_bytes=math.prod(x_sizes) * itemsize,
        weight_bytes=parameters * itemsize,
        output_bytes=outputs * kernels * itemsize,
        column_bytes=outputs * groups * row * itemsize,
    )


def _shapes(x_shape: Ints | list[int], weight_shape: Ints | list[int]) -> tuple[Ints, Ints]:
    """Both shapes, checked."""
    sizes = _shape("x_shape", x_shape), _shape("weight_shape", weight_shape)
    if len(sizes[0]) != len(sizes[1]):
        raise BadValue(
            f"x_shape (B, C, *spatial) and weight_shape (K, C/groups, *kernel) must have "
            f"as many axes as each other; got {sizes[0]} and {sizes[1]}."
        )
    return sizes


def _shape(name: str, shape: Sequence[int]) -> Ints:
    if not isinstance(shape, (tuple, list)) or len(shape) < 3:
        raise BadValue(
            f"{name} must be a tuple of three sizes at least, (batch or kernels, "
            f"channels, *spatial); got {shape!r}."
        )
    return per_axis(name, shape, len(shape), least=1)
