"""ONNX's operators by convlib's public functions: other names, other spellings, the same numbers.

Each takes the node, for its attributes, and its inputs: those that hold data are arrays of the
library under test. What convlib does not have, `not_applicable` says from attributes and shapes
alone, before anything is computed.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import convlib as cl

from . import resizing
from .cases import Case, Node

Array = Any


class Operator(NamedTuple):
    """One operator of ONNX."""

    call: Callable[..., Any]  # (node, *inputs) -> an output, or several
    public: str  # what it is in convlib, for the table
    arrays: int = 1  # how many inputs hold data; those behind steer, and stay NumPy arrays
    why_not: Callable[..., str | None] = lambda node, *inputs: None


def not_applicable(case: Case) -> str | None:
    """Why a case asks for what convlib does not have; None where convlib has it."""
    return OPERATORS[case.node.operator].why_not(case.node, *case.inputs)


def library(x: Array) -> Any:
    return np if isinstance(x, np.ndarray) else sys.modules["torch"]


# ---- windows ----


def window(node: Node, x: Array, kernel: Sequence[int]) -> dict[str, Any]:
    """stride, padding and dilation, from strides, pads or auto_pad, and dilations."""
    rank = len(kernel)
    strides, dilations = (tuple(node.get(name, [1] * rank)) for name in ("strides", "dilations"))
    pads = node.get("pads", [0] * 2 * rank)
    pairs = list(zip(pads[:rank], pads[rank:], strict=True))
    if keeps_size(node):  # ceil(n / s) windows
        missing = [
            max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
            for n, s, d, k in zip(x.shape[2:], strides, dilations, kernel, strict=True)
        ]
        pairs = halves(node, missing)
    return {"stride": strides, "padding": pairs, "dilation": dilations}


def keeps_size(node: Node) -> bool:
    return node.get("auto_pad", "NOTSET").startswith("SAME")


def halves(node: Node, cells: Sequence[int]) -> list[tuple[int, int]]:
    """Cells shared out to both sides; an odd one goes after for SAME_UPPER alone."""
    pairs = [(n // 2, n - n // 2) for n in cells]
    return pairs if node.get("auto_pad") == "SAME_UPPER" else [pair[::-1] for pair in pairs]


# ---- convolutions ----


def conv(
    node: Node, x: Array, weight: Array, bias: Array | None = None, method: str = "auto"
) -> Array:
    options = window(node, x, weight.shape[2:])
    return cl.conv(x, weight, bias, groups=node.get("group", 1), method=method, **options)


def conv_integer(node: Node, x: Array, weight: Array, zero: Any = 0, zeros: Any = 0) -> Array:
    """A convolution of int32, once the zero points are taken off."""
    xp = library(x)
    column = np.asarray(zeros, "int32").reshape(-1, *(1,) * (weight.ndim - 1))  # one a kernel
    x, weight = (xp.asarray(a, dtype=xp.int32) for a in (x, weight))
    return conv(node, x - int(zero), weight - xp.asarray(column, device=weight.device))


def conv_transpose(
    node: Node, x: Array, weight: Array, bias: Array | None = None, method: str = "auto"
) -> Array:
    kernel = tuple(weight.shape[2:])
    options = window(node, x, kernel)
    extra = tuple(node.get("output_padding", [0] * len(kernel)))
    shape = node.get("output_shape")
    if keeps_size(node) and not shape:
        shape = [n * s for n, s in zip(x.shape[2:], options["stride"], strict=True)]
    if shape:  # what is over is cut off as padding, what is missing is output padding
        steps = {name: options[name] for name in ("stride", "dilation")}
        whole = cl.transpose_output_size(tuple(x.shape[2:]), kernel, **steps)
        over = [w + e - n for w, e, n in zip(whole, extra, shape, strict=True)]
        options["padding"] = halves(node, [max(0, o) for o in over])
        extra = tuple(e - min(0, o) for e, o in zip(extra, over, strict=True))
    options |= {"output_padding": extra, "groups": node.get("group", 1), "method": method}
    return cl.conv_transpose(x, weight, bias, **options)


def causal_conv(
    node: Node, x: Array, weight: Array, bias: Array | None = None, past: Array | None = None
) -> tuple[Array, Array]:
    """Depthwise, padded on the left alone: with zeros, or with the past that is given."""
    xp, seen = library(x), weight.shape[-1] - 1
    if past is None:
        y = cl.depthwise_conv(x, weight, bias, padding=[(seen, 0)])
        past = xp.zeros((*x.shape[:2], seen), dtype=x.dtype, device=x.device)
    else:
        y = cl.depthwise_conv(xp.concatenate((past, x), -1), weight, bias)
    known = xp.concatenate((past, x), -1)
    y = y if node.get("activation", "none") == "none" else cl.silu(y)
    return y, known[..., known.shape[-1] - seen :]


def col2im(node: Node, columns: Array, image: np.ndarray, block: np.ndarray) -> Array:
    size, kernel = tuple(image.tolist()), tuple(block.tolist())
    return cl.col2im(columns, size, kernel, **window(node, columns, kernel))


# ---- pooling ----


def pooling(node: Node, x: Array) -> tuple[tuple[int, ...], dict[str, Any]]:
    kernel = tuple(node.get("kernel_shape"))
    return kernel, window(node, x, kernel) | {"ceil_mode": bool(node.get("ceil_mode", 0))}


def max_pool(node: Node, x: Array) -> Array | tuple[Array, Array]:
    kernel, options = pooling(node, x)
    if node.outputs == 1:
        return cl.max_pool(x, kernel, **options)
    y, cells = cl.max_pool(x, kernel, **options, return_indices=True)
    grids, size = offsets(y), tuple(x.shape[2:])
    return y, renumber(cells, size, "CF"[node.get("storage_order", 0)]) + grids * int(np.prod(size))


def max_unpool(node: Node, x: Array, cells: Array, shape: np.ndarray | None = None) -> Array:
    """ONNX's positions are those in the usual output, whatever the output that is asked for."""
    kernel = tuple(node.get("kernel_shape"))
    options = window(node, x, kernel)
    pads = [sum(pair) for pair in options["padding"]]
    usual = tuple(
        (n - 1) * s - p + k
        for n, s, p, k in zip(x.shape[2:], options["stride"], pads, kernel, strict=True)
    )
    size = usual if shape is None else tuple(shape.tolist()[2:])
    cells = cells - offsets(cells) * int(np.prod(usual))
    cells = renumber(cells, usual, "C", size)
    del options["dilation"]
    return cl.max_unpool(x, cells, kernel, output_size=size, **options)


def offsets(like: Array) -> Array:
    """The number of each channel's grid: ONNX counts cells through the whole batch."""
    xp, (batch, channels, *size) = library(like), like.shape
    grids = xp.arange(batch * channels, device=like.device)
    return grids.reshape(batch, channels, *(1 for _ in size))


def renumber(cells: Array, size: Sequence[int], order: str, into: Sequence[int] = ()) -> Array:
    """Positions row by row in `size` as those in a grid `into`, in C or Fortran order."""
    at = np.unravel_index(np.asarray(cells.tolist(), dtype=np.int64), tuple(size))
    flat = np.ravel_multi_index(at, tuple(into or size), order=order)
    return library(cells).asarray(flat, device=cells.device)


def avg_pool(node: Node, x: Array) -> Array:
    kernel, options = pooling(node, x)
    counts = bool(node.get("count_include_pad", 0))
    return cl.avg_pool(x, kernel, count_include_pad=counts, **options)


def lp_pool(node: Node, x: Array) -> Array:
    kernel, options = pooling(node, x)
    return cl.lp_pool(abs(x), node.get("p", 2), kernel, **options)


# ---- rearrangements and borders ----


def depth_to_space(node: Node, x: Array) -> Array:
    """torch's order is CRD; DCR, the default, counts a block's cells before the channels."""
    r = node.get("blocksize")
    shuffled = x if node.get("mode", "DCR") == "CRD" else cl.channel_shuffle(x, r * r)
    return cl.pixel_shuffle(shuffled, r)


def space_to_depth(node: Node, x: Array) -> Array:
    r = node.get("blocksize")
    y = cl.pixel_unshuffle(x, r)
    return y if node.get("mode", "DCR") == "CRD" else cl.channel_shuffle(y, x.shape[1])


PAD_MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular", "constant": "zeros"}


def pad(node: Node, x: Array, *steering: np.ndarray | None) -> Array:
    """A convolution with one cell of weight 1, which pads and does nothing else."""
    pairs = _pad_pairs(node, x, *steering)[2:]
    one = library(x).ones((x.shape[1], 1, *(1 for _ in pairs)), dtype=x.dtype, device=x.device)
    mode = PAD_MODES[node.get("mode", "constant")]
    return cl.conv(x, one, groups=x.shape[1], padding=pairs, padding_mode=mode)


def _pad_pairs(
    node: Node,
    x: Array,
    pads: np.ndarray | None = None,
    value: np.ndarray | None = None,
    axes: np.ndarray | None = None,
) -> list[tuple[int, int]]:
    pads = node.get("pads") if pads is None else pads.tolist()
    axes = range(x.ndim) if axes is None else axes.tolist()
    pairs = [(0, 0)] * x.ndim
    for axis, *pair in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        pairs[axis] = tuple(pair)
    return pairs


def pad_why_not(node: Node, x: Array, *steering: np.ndarray | None) -> str | None:
    value = steering[1] if len(steering) > 1 else node.get("value", 0)
    if node.get("mode", "constant") == "constant" and value is not None and float(value) != 0:
        return "Pad with a constant other than 0"
    return None


# ---- activations ----


def plain(function: Callable[..., Array], **names: str) -> Callable[..., Array]:
    """A function of one array; `names` are its options and what ONNX calls them."""

    def call(node: Node, x: Array) -> Array:
        given = {ours: node.get(theirs) for ours, theirs in names.items()}
        return function(x, **{name: value for name, value in given.items() if value is not None})

    return call


def selu(node: Node, x: Array) -> Array:
    """With constants of one's own it is an ELU, scaled."""
    if not node.attributes:
        return cl.selu(x)
    return node.get("gamma") * cl.elu(x, node.get("alpha"))


def hard_sigmoid(node: Node, x: Array) -> Array:
    """convlib's line is ``z/6 + 1/2``, as torch's: choose z so that it is ``alpha*x + beta``."""
    return cl.hardsigmoid(6 * (node.get("alpha", 0.2) * x + node.get("beta", 0.5) - 0.5))


def swish(node: Node, x: Array) -> Array:
    alpha = node.get("alpha", 1.0)
    return cl.silu(x) if alpha == 1 else cl.silu(alpha * x) / alpha


def prelu(node: Node, x: Array, slope: Array) -> Array:
    """A slope for each channel; where ONNX has more of them, each cell is a channel of its own.

    Before version 7 a row of slopes is one a channel, later it stands along the last axis.
    """
    if node.version < 7 or slope.shape[1:] == (1,) * (x.ndim - 2):
        return cl.prelu(x, slope.reshape(-1))
    slopes = library(x).broadcast_to(slope, x.shape).reshape(-1)
    return cl.prelu(x.reshape(1, -1), slopes).reshape(x.shape)


OPERATORS = {
    "Conv": Operator(conv, "`conv`", 3),
    "ConvInteger": Operator(conv_integer, "`conv`", 2),
    "ConvTranspose": Operator(conv_transpose, "`conv_transpose`", 3),
    "CausalConvWithState": Operator(causal_conv, "`depthwise_conv`", 4),
    "Col2Im": Operator(col2im, "`col2im`"),
    "MaxPool": Operator(max_pool, "`max_pool`"),
    "MaxUnpool": Operator(max_unpool, "`max_unpool`", 2),
    "AveragePool": Operator(avg_pool, "`avg_pool`"),
    "LpPool": Operator(lp_pool, "`lp_pool`"),
    "GlobalAveragePool": Operator(plain(cl.global_avg_pool), "`global_avg_pool`"),
    "GlobalMaxPool": Operator(plain(cl.global_max_pool), "`global_max_pool`"),
    "DepthToSpace": Operator(depth_to_space, "`pixel_shuffle`"),
    "SpaceToDepth": Operator(space_to_depth, "`pixel_unshuffle`"),
    "Resize": Operator(resizing.resize, "`resize`", why_not=resizing.why_not),
    "Upsample": Operator(resizing.upsample, "`resize`"),
    "Pad": Operator(pad, "`conv(padding_mode=)`", why_not=pad_why_not),
    "Relu": Operator(plain(cl.relu), "`relu`"),
    "LeakyRelu": Operator(plain(cl.leaky_relu, negative_slope="alpha"), "`leaky_relu`"),
    "PRelu": Operator(prelu, "`prelu`", 2),
    "Sigmoid": Operator(plain(cl.sigmoid), "`sigmoid`"),
    "HardSigmoid": Operator(hard_sigmoid, "`hardsigmoid`"),
    "Tanh": Operator(plain(cl.tanh), "`tanh`"),
    "Softplus": Operator(plain(cl.softplus), "`softplus`"),
    "Elu": Operator(plain(cl.elu, alpha="alpha"), "`elu`"),
    "Celu": Operator(plain(cl.celu, alpha="alpha"), "`celu`"),
    "Selu": Operator(selu, "`selu`"),
    "Gelu": Operator(plain(cl.gelu, approximate="approximate"), "`gelu`"),
    "Mish": Operator(plain(cl.mish), "`mish`"),
    "Swish": Operator(swish, "`silu`"),
    "HardSwish": Operator(plain(cl.hardswish), "`hardswish`"),
}
