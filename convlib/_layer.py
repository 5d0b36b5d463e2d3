"""What all convolutions share, grouped and transposed too: a checked layer, bias, gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from ._arrays import Array, accumulator, cast, is_tensor, is_transformed
from ._checks import (
    BadType,
    BadValue,
    check_arrays,
    check_batched,
    check_memory,
    check_size,
    one_int,
)
from ._sums import channel_sums
from ._tuning import COLUMN_BUDGET
from ._types import IntOrInts, Ints, Padding
from .geometry import Window, check_channels, check_fits, check_padding, make_window, padded_size


class ConvLayer(NamedTuple):
    """A convolution that has been checked: what a method must know besides its arrays."""

    window: Window
    x_shape: Ints  # (B, C, *spatial)
    y_shape: Ints  # (B, K, *out)
    groups: int
    budget: int  # bytes of columns that may be laid out at once

    @property
    def weight_shape(self) -> Ints:
        """(K, C/G, *kernel)."""
        return (self.y_shape[1], self.depth, *self.window.kernel_size)

    @property
    def depth(self) -> int:
        """Channels that a kernel sees: C/G."""
        return self.x_shape[1] // self.groups

    @property
    def kernels(self) -> int:
        """Kernels of one group: K/G."""
        return self.y_shape[1] // self.groups

    @property
    def size(self) -> Ints:
        """The spatial size of the input."""
        return self.x_shape[2:]

    @property
    def out(self) -> Ints:
        """The spatial size of the output."""
        return self.y_shape[2:]

    def at_stride_1(self) -> ConvLayer:
        """The same, with every output that a stride would skip."""
        plain = replace(self.window, stride=(1,) * len(self.window.stride))
        return self.over(self.x_shape, plain)

    def over(self, x_shape: Sequence[int], window: Window) -> ConvLayer:
        """The same kernels, with another window, over an input of another shape."""
        y_shape = (x_shape[0], self.y_shape[1], *window.output_size(tuple(x_shape[2:])))
        return self._replace(window=window, x_shape=tuple(x_shape), y_shape=y_shape)


class Options(NamedTuple):
    """Options of a convolution, as a caller gave them."""

    stride: IntOrInts = 1
    padding: Padding = 0
    dilation: IntOrInts = 1
    groups: int = 1
    padding_mode: str = "zeros"
    budget: int = COLUMN_BUDGET


def check_layer(x: Array, weight: Array, options: Options, name: str = "weight") -> ConvLayer:
    """Every check that forward and backward pass share; `name` is what `weight` is called."""
    check_arrays(x=x, **{name: weight})
    check_weight(weight, "(K, C/groups, *kernel)", name)
    check_rank(x, weight, name)
    check_size(x)
    # The cache compares options by value, where True == 1: so only plain ints and words go there.
    cacheable = not is_tensor(x) and all(type(option) in (int, str) for option in options)
    check = _known_shapes if cacheable else check_shapes
    layer, padded = check(tuple(x.shape), tuple(weight.shape), options)
    output = "the_output" if name == "weight" else f"the_output_of_{name}"
    check_memory(x, the_padded_input=padded, **{output: layer.y_shape})
    return layer


def check_shapes(shape: Ints, weight_shape: Ints, options: Options) -> tuple[ConvLayer, Ints]:
    """The checks of shapes and options; beside the layer, the shape of its padded input."""
    stride, padding, dilation, groups, mode, budget = options
    size, kernel_size = shape[2:], weight_shape[2:]
    window = make_window(kernel_size, stride, padding, dilation, len(kernel_size), mode)
    groups = one_int("groups", groups, least=1)
    budget = one_int("budget", budget, least=1)
    check_channels(shape, weight_shape, groups)
    check_fits(window, size)
    check_padding(window, size)
    padded = padded_size(size, window.padding)
    y_shape = (shape[0], weight_shape[0], *window.output_size(size))
    return ConvLayer(window, shape, y_shape, groups, budget), (*shape[:2], *padded)


_known_shapes = lru_cache(maxsize=1024)(check_shapes)


def check_weight(weight: Array, form: str, name: str = "weight") -> None:
    """Raise unless the array of that name is of the `form`: a kernel axis at least, none empty."""
    if weight.ndim < 3 or min(weight.shape) < 1:
        one = f" Kernels of one cell are {name}[..., None]." if weight.ndim == 2 else ""
        raise BadValue(
            f"{name} must be {form}, with one kernel axis at least and no axis empty; "
            f"got {name}.shape={tuple(weight.shape)}.{one}"
        )


def check_rank(x: Array, weight: Array, name: str = "weight") -> None:
    """Raise unless `x` is a batch, with as many spatial axes as the kernels have."""
    rank = weight.ndim - 2
    kernels = f"kernels of {rank} ax{'es' if rank > 1 else 'is'}"
    check_batched(x, rank, kernels)
    if x.ndim > weight.ndim:
        more = ", ".join([":", ":"] + ["None"] * (x.ndim - weight.ndim))
        raise BadValue(
            f"x must be (B, C, *spatial), batched, with 2 + {rank} = {rank + 2} axes for "
            f"{kernels}; got x.shape={tuple(x.shape)}. Give the kernels as many: {name}[{more}]."
        )


def check_bias(x: Array, bias: Array | None, kernels: int) -> None:
    """Raise unless `bias` (K,), if there is one, goes with `x` and has a value for each kernel."""
    if bias is None:
        return
    check_arrays(x=x, bias=bias)
    if tuple(bias.shape) != (kernels,):
        raise BadValue(
            f"bias must have one value for each of the {kernels} kernels, shape "
            f"({kernels},); got bias.shape={tuple(bias.shape)}."
        )


def add_bias(y: Array, bias: Array | None, like: Array) -> Array:
    """`y` (B, K, *out) and `bias` (K,) in the dtype of `like`; in the memory of `y`, as a rule."""
    if bias is not None:
        column = bias.reshape(-1, *(1,) * (y.ndim - 2))  # (K, 1, ...)
        if is_transformed(y):  # under vmap `bias` may be a batch where `y` is none
            y = y + column
        else:
            y += column
    return cast(y, like.dtype)


def gradients(
    needs: Sequence[bool],
    grad_output: Array,
    grad_x: Callable[[], Array],
    grad_weight: Callable[[], Array],
) -> tuple[Array, Array, Array]:
    """Those of the three gradients that are asked for, and None in place of the others."""
    three = isinstance(needs, (tuple, list)) and len(needs) == 3
    if not (three and all(isinstance(need, bool) for need in needs)):
        raise BadType(
            f"needs must be three of True and False, for grad_x, grad_weight and "
            f"grad_bias; got needs={needs!r}."
        )

    def grad_bias() -> Array:
        return channel_sums(cast(grad_output, accumulator(grad_output)))

    each = zip(needs, (grad_x, grad_weight, grad_bias), strict=True)
    found = (cast(make(), grad_output.dtype) if need else None for need, make in each)
    return tuple(found)  # type: ignore[return-value]
