"""Every public function of arrays: how to draw a call of it, and what torch calls it.

The laws and the hostile calls both go through `FUNCTIONS`, so a new function needs a line here.
Values are whole numbers, or quarters for activations: sums of them are exact in float64.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from laws.oracles import (
    nd,
    torch_columns,
    torch_conv,
    torch_depthwise,
    torch_element,
    torch_laid,
    torch_matrix,
    torch_pool,
    torch_resize,
    torch_separable,
    torch_shuffled,
    torch_spread,
    torch_transposed,
    torch_unshuffled,
)
from strategies import geometries, whole

import convlib as cl

WHOLE = "int64 int32 int16 int8 uint8"  # integer dtypes that both libraries calculate with


@dataclass(frozen=True)
class Entry:
    """One function: `draw` gives its arrays and options, `oracle` is torch's way to the same."""

    draw: Any
    oracle: Callable[..., Any]  # (torch, *tensors, **options)
    linear: bool = False  # in its first array
    whole: str = ""  # the integer dtypes that it takes
    slopes: int = 1  # how many of its arrays have a gradient; integers and indices have none
    elementwise: bool = False  # arrays of any shape: the others are batched


@dataclass(frozen=True)
class Call:
    """A call of the public function `name`, its arrays by position and its options by name."""

    name: str
    arrays: tuple[Any, ...]
    options: dict[str, Any]

    def __repr__(self):
        shapes = [getattr(a, "shape", a) for a in self.arrays]
        return f"cl.{self.name}(*arrays of {shapes}, **{self.options})"

    def run(self, *arrays, **options):
        return getattr(cl, self.name)(*(arrays or self.arrays), **{**self.options, **options})


@st.composite
def calls(draw, name):
    arrays, options = draw(FUNCTIONS[name].draw)
    return Call(name, tuple(arrays), options)


# ---- convolution ----


@st.composite
def convs(draw, methods=("auto", "im2col", "direct"), **limits):
    g = draw(geometries(**limits))
    arrays = [g.x, g.weight] + [g.bias] * draw(st.booleans())
    return arrays, g.options | {"method": draw(st.sampled_from(methods))}


@st.composite
def depthwise(draw):
    g = draw(geometries(modes=("zeros",)))
    weight = whole(g.groups * g.seen * g.made, 1, *g.kernel, seed=7)
    return [g.x, weight, whole(len(weight), seed=8)], g.window


@st.composite
def pointwise(draw):
    g = draw(geometries())
    weight = whole(g.made, g.groups * g.seen, *(1,) * g.rank, seed=7)
    return [g.x, weight, whole(g.made, seed=8)], {}


@st.composite
def separable(draw):
    (x, weight, _), options = draw(depthwise())
    mixed = whole(2, len(weight), *(1,) * (weight.ndim - 2), seed=9)
    return [x, weight, mixed, whole(2, seed=8)], options


@st.composite
def transposed(draw):
    """What undoes the shape of a convolution: its own output padding."""
    g = draw(geometries(modes=("zeros",)))
    rest = tuple(
        n + sum(p) - (d * (k - 1) + 1) - (o - 1) * s
        for n, p, k, d, s, o in zip(
            g.size, g.padding, g.kernel, g.dilation, g.stride, g.out, strict=True
        )
    )
    arrays = [g.y, g.weight] + [whole(g.groups * g.seen, seed=6)] * draw(st.booleans())
    method = draw(st.sampled_from(("auto", "scatter", "zero_insertion", "matrix")))
    return arrays, g.window | {"output_padding": rest, "groups": g.groups, "method": method}


@st.composite
def matrices(draw):
    g = draw(geometries(modes=("zeros",), ranks=(1, 2)))
    return [g.weight], g.window | {"input_size": g.size, "groups": g.groups}


# ---- columns, zeros between ----


@st.composite
def columns(draw):
    g = draw(geometries(modes=("zeros",)))
    return [g.x], g.window | {"kernel_size": g.kernel}


@st.composite
def laid(draw):
    g = draw(geometries(modes=("zeros",)))
    rows = g.groups * g.seen * math.prod(g.kernel)
    cols = whole(g.batch, rows, math.prod(g.out), seed=5)
    return [cols], g.window | {"output_size": g.size, "kernel_size": g.kernel}


@st.composite
def images(draw, values=whole, ranks=(1, 2, 3)):
    """A batch, perhaps empty, with perhaps one cell to an axis."""
    rank = draw(st.sampled_from(ranks))
    size = [draw(st.integers(1, {1: 9, 2: 6, 3: 4}[rank])) for _ in range(rank)]
    return values(draw(st.integers(0, 2)), draw(st.integers(1, 3)), *size)


@st.composite
def spread(draw):
    x = draw(images())
    return [x], {"stride": tuple(draw(st.integers(1, 3)) for _ in x.shape[2:])}


# ---- rearranging ----


@st.composite
def shuffles(draw, divides):
    """`divides`: which of channels and sizes are multiples of the factor."""
    x, r = draw(images()), draw(st.integers(1, 3))
    lead, (channels, *size) = x.shape[:1], x.shape[1:]
    factor = r ** len(size) if divides == "block" else r
    shape = (channels * factor, *size) if divides != "size" else (channels, *(r * n for n in size))
    name = {"block": "upscale_factor", "size": "downscale_factor"}.get(divides, "groups")
    return [whole(*lead, *shape, seed=2)], {name: r}


@st.composite
def resizes(draw, modes=("nearest", "linear")):
    x, mode = draw(images()), draw(st.sampled_from(modes))
    size = tuple(draw(st.integers(1, 8)) for _ in x.shape[2:])
    return [x], {"size": size, "mode": mode}


# ---- pooling ----


@st.composite
def pools(draw, dilated=True, values=whole, ranks=(1, 2, 3)):
    """Whatever torch takes: numbers for padding, at most half a kernel, and no window without x."""
    rank, size, options = draw(st.sampled_from(ranks)), [], {"ceil_mode": draw(st.booleans())}
    chosen = {name: [] for name in ("kernel_size", "stride", "padding", "dilation")}
    for _ in range(rank):
        kernel, d = draw(st.integers(1, 4)), draw(st.integers(1, 2)) if dilated else 1
        p = draw(st.integers(0, kernel // 2))
        least = max(1, d * (kernel - 1) + 1 - 2 * p, d, kernel if rank == 3 else 1)
        size.append(draw(st.integers(least, least + {1: 6, 2: 3, 3: 1}[rank])))
        for name, value in zip(chosen, (kernel, draw(st.integers(1, 3)), p, d), strict=True):
            chosen[name].append(value)
    options |= {name: tuple(value) for name, value in chosen.items()}
    if not dilated:
        del options["dilation"]
    return [values(draw(st.integers(0, 2)), draw(st.integers(1, 2)), *size)], options


@st.composite
def averages(draw):
    arrays, options = draw(pools(dilated=False))
    options["count_include_pad"] = draw(st.booleans())
    if arrays[0].ndim > 3:  # torch's avg_pool1d has no divisor
        options["divisor_override"] = draw(st.sampled_from([None, 1, 4, -3]))
    return arrays, options


@st.composite
def powers(draw):
    arrays, options = draw(pools(dilated=False, values=lambda *shape: 1 + abs(whole(*shape))))
    del options["padding"]
    size, kernel = arrays[0].shape[2:], options["kernel_size"]
    options["kernel_size"] = tuple(map(min, size, kernel))
    return arrays, options | {"norm_type": draw(st.sampled_from([1, 2, 3, 0.5, -1, math.inf]))}


@st.composite
def adaptive(draw):
    x = draw(images())
    return [x], {"output_size": tuple(draw(st.integers(1, 5)) for _ in x.shape[2:])}


@st.composite
def unpools(draw):
    """Windows side by side: no cell wins twice."""
    x = draw(images())
    kernel = tuple(draw(st.integers(1, 3)) for _ in x.shape[2:])
    size = [n * k for n, k in zip(x.shape[2:], kernel, strict=True)]
    grid = np.arange(math.prod(size)).reshape(size)
    chosen = grid[tuple(slice(draw(st.integers(0, k - 1)), None, k) for k in kernel)]
    indices = np.broadcast_to(chosen, x.shape).copy()
    return [x, indices], {"kernel_size": kernel}


# ---- activation ----


@st.composite
def elements(draw, **options):
    """Any shape, from one number to four axes; quarters, on both sides of every joint."""
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    chosen = {name: draw(st.sampled_from(values)) for name, values in options.items()}
    return [np.asarray(whole(*shape, seed=3) / 4)], chosen


@st.composite
def learned(draw):
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    slopes = draw(st.sampled_from([(), (1,), *(tuple(shape[1:2]),) * (len(shape) > 1)]))
    return [np.asarray(whole(*a, seed=2) / 4) for a in (shape, slopes)], {}


def activation(name, **options):
    integers = WHOLE if name in ("relu", "relu6") else ""
    return Entry(elements(**options), torch_element(name), whole=integers, elementwise=True)


# ---- the table ----

FUNCTIONS = {
    "conv": Entry(convs(), torch_conv, True, WHOLE, 3),
    "depthwise_conv": Entry(depthwise(), torch_depthwise, True, WHOLE, 3),
    "pointwise_conv": Entry(pointwise(), torch_conv, True, WHOLE, 3),
    "separable_conv": Entry(separable(), torch_separable, True, WHOLE, 4),
    "conv_transpose": Entry(transposed(), torch_transposed, True, WHOLE, 3),
    "conv_matrix": Entry(matrices(), torch_matrix, True, WHOLE),
    "im2col": Entry(columns(), torch_columns, True, WHOLE),
    "col2im": Entry(laid(), torch_laid, True, WHOLE),
    "zero_insert": Entry(spread(), torch_spread, True, WHOLE),
    "channel_shuffle": Entry(
        shuffles("groups"),
        lambda torch, x, *, groups: torch.nn.functional.channel_shuffle(x, groups),
        True,
        WHOLE,
    ),
    "channel_unshuffle": Entry(
        shuffles("groups"),
        lambda torch, x, *, groups: torch.nn.functional.channel_shuffle(x, x.shape[1] // groups),
        True,
        WHOLE,
    ),
    "pixel_shuffle": Entry(shuffles("block"), torch_shuffled, True, WHOLE),
    "pixel_unshuffle": Entry(shuffles("size"), torch_unshuffled, True, WHOLE),
    "resize": Entry(resizes(), torch_resize, True),
    "max_pool": Entry(pools(), torch_pool("max_pool"), whole=WHOLE),
    "avg_pool": Entry(averages(), torch_pool("avg_pool"), True, "int64"),
    "lp_pool": Entry(powers(), torch_pool("lp_pool")),
    "adaptive_avg_pool": Entry(adaptive(), torch_pool("adaptive_avg_pool"), True),
    "adaptive_max_pool": Entry(adaptive(), torch_pool("adaptive_max_pool")),
    "global_avg_pool": Entry(
        images().map(lambda x: ([x], {})),
        lambda torch, x: x.mean(tuple(range(2, x.ndim)), keepdim=True),
        True,
    ),
    "global_max_pool": Entry(
        images().map(lambda x: ([x], {})),
        lambda torch, x: nd(torch, "adaptive_max_pool", x.ndim - 2)(x, 1),
        whole=WHOLE,
    ),
    "max_unpool": Entry(unpools(), torch_pool("max_unpool"), True),
    "prelu": Entry(learned(), torch_element("prelu"), slopes=2, elementwise=True),
    **{
        name: activation(name)
        for name in "relu relu6 sigmoid tanh silu selu mish hardswish logsigmoid".split()
    },
    "hardsigmoid": Entry(  # torch's own has a sixth in float32, for float64 too
        elements(), lambda torch, x: torch.nn.functional.relu6(x + 3) / 6, elementwise=True
    ),
    "leaky_relu": activation("leaky_relu", negative_slope=[0.01, 0, 2, -1.5]),
    "elu": activation("elu", alpha=[1, 0.3, 0]),
    "celu": activation("celu", alpha=[1, 2.5]),
    "softplus": activation("softplus", beta=[1, 2.5, -2], threshold=[20, 3.1]),
    "gelu": activation("gelu", approximate=["none", "tanh"]),
}

OTHERS = {  # public functions without arrays, or of integers alone: their laws stand in their tests
    *("channel_reach", "conv_cost", "network", "output_size", "overlap_count"),
    *("receptive_field", "transpose_output_size"),
}
