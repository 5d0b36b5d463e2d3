"""The guests: one function a library, that gives a call for a problem, or None.

None means that the library has no such operation, or none that anyone would use for it. Each
imports its library when called: all of them are optional.
"""

import importlib
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .peers import Guest, Problem, with_bias
from .timing import Call

ONNX = {
    "conv": "Conv",
    "max_pool": "MaxPool",
    "avg_pool": "AveragePool",
    "global_avg_pool": "GlobalAveragePool",
    "relu": "Relu",
    "gelu": "Gelu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "hardswish": "HardSwish",
}


def in_jax(problem: Problem) -> Call:
    """Compiled; a backward pass of a convolution has no forward pass left in it."""
    import jax

    function = _jax_function(problem)
    inputs = [jax.numpy.asarray(a) for a in with_bias(problem)]
    if problem.grad is not None:
        forward, grad = function, jax.numpy.asarray(problem.grad)
        function = lambda grad, *inputs: jax.vjp(forward, *inputs)[1](grad)  # noqa: E731
        inputs = [grad, *inputs]
    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(*inputs))


def _jax_function(problem: Problem) -> Callable[..., Any]:
    from jax import lax, nn

    side, stride, padding, groups = problem.window
    pads = ((padding, padding),) * 2

    def conv(x: Any, weight: Any, bias: Any = None) -> Any:
        y = lax.conv_general_dilated(x, weight, (stride,) * 2, pads, feature_group_count=groups)
        return y if bias is None else y + bias[:, None, None]

    def pool(x: Any, start: float, reduce: Any) -> Any:
        sides, strides = (1, 1, side, side), (1, 1, stride, stride)
        return lax.reduce_window(x, start, reduce, sides, strides, ((0, 0), (0, 0), *pads))

    return {
        "conv": conv,
        "max_pool": lambda x: pool(x, -np.inf, lax.max),
        "avg_pool": lambda x: pool(x, 0.0, lax.add) / side**2,
        "global_avg_pool": lambda x: x.mean((2, 3), keepdims=True),
        "gelu": partial(nn.gelu, approximate=False),
        "hardswish": nn.hard_swish,
        "tanh": lax.tanh,
    }.get(problem.operation) or getattr(nn, problem.operation)


def in_mygrad(problem: Problem) -> Call | None:
    """Forward only: its graph is gone after one backward pass. No groups, no cells left over."""
    import mygrad
    from mygrad.nnet.activations import relu, sigmoid
    from mygrad.nnet.layers import conv_nd, max_pool

    side, stride, padding, groups = problem.window
    if problem.grad is not None or groups > 1 or (problem.operation == "max_pool" and padding):
        return None
    if side and any((n + 2 * padding - side) % stride for n in problem.inputs[0].shape[2:]):
        return None
    function = {
        "conv": partial(conv_nd, stride=stride, padding=padding),
        "max_pool": partial(max_pool, pool=(side, side), stride=stride),
        "relu": relu,
        "sigmoid": sigmoid,
        "tanh": mygrad.tanh,
    }.get(problem.operation)
    if function is None:
        return None
    return lambda: mygrad.no_autodiff(function, to_numpy=True)(*problem.inputs)


def in_scipy(problem: Problem) -> Call | None:
    """Where its functions for signals and images reach: few kernels, windows, the sigmoid."""
    from scipy import special

    if problem.grad is not None:
        return None
    if problem.operation == "sigmoid":
        return partial(special.expit, *problem.inputs)
    if problem.operation in ("max_pool", "avg_pool"):
        return partial(_scipy_pool, problem)
    few = problem.operation == "conv" and math.prod(problem.inputs[1].shape) < 10_000
    return partial(_scipy_conv, problem) if few else None


def _scipy_conv(problem: Problem) -> np.ndarray:
    """Each kernel is moved over the channels of its group; strides are cells thrown away."""
    from scipy import signal

    (x, weight), (_, stride, padding, groups) = problem.inputs, problem.window
    padded = np.pad(x, ((0, 0), (0, 0), *((padding, padding),) * 2))
    shares = np.split(padded, groups, axis=1)  # each (B, C/groups, H, W)
    per_group = len(weight) // groups
    maps = [
        signal.correlate(shares[k // per_group], kernel[None], mode="valid")  # (B, 1, H, W)
        for k, kernel in enumerate(weight)
    ]
    return np.concatenate(maps, axis=1)[..., ::stride, ::stride]


def _scipy_pool(problem: Problem) -> np.ndarray:
    """A filter of every window, centred; the windows wanted are picked out."""
    from scipy import ndimage

    (x,), (side, stride, padding, _) = problem.inputs, problem.window
    filters = {
        "max_pool": (ndimage.maximum_filter, -np.inf),
        "avg_pool": (ndimage.uniform_filter, 0),
    }
    function, outside = filters[problem.operation]
    y = function(x, size=(1, 1, side, side), mode="constant", cval=outside)
    first = side // 2 - padding
    rows, columns = (
        slice(first, first + (n + 2 * padding - side) // stride * stride + 1, stride)
        for n in x.shape[2:]
    )
    return y[..., rows, columns]


def in_onnx(problem: Problem) -> Call | None:
    """The evaluator that defines what an ONNX node means: written to be right, in NumPy."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    if problem.grad is not None or problem.operation not in ONNX:
        return None
    side, stride, padding, groups = problem.window
    attributes: dict[str, Any] = {"group": groups} if problem.operation == "conv" else {}
    if problem.operation == "avg_pool":
        attributes["count_include_pad"] = 1
    if side:
        attributes |= {"kernel_shape": [side] * 2, "strides": [stride] * 2, "pads": [padding] * 4}
    names = ["x", "w"][: len(problem.inputs)]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape)
        for name, a in zip(names, problem.inputs, strict=True)
    ]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node(ONNX[problem.operation], names, ["y"], **attributes)
    model = helper.make_model(helper.make_graph([node], "layer", values, [y]))
    feeds = dict(zip(names, problem.inputs, strict=True))
    session = ReferenceEvaluator(model)
    return lambda: session.run(None, feeds)


GUESTS: dict[str, Guest] = {
    "jax": in_jax,
    "mygrad": in_mygrad,
    "scipy": in_scipy,
    "onnx reference": in_onnx,
}


def present() -> tuple[dict[str, Guest], list[str]]:
    """The guests that are installed, and the names of those that are not."""
    there, missing = {}, []
    for name, guest in GUESTS.items():
        try:
            importlib.import_module(name.split()[0])
            there[name] = guest
        except ImportError:
            missing.append(name)
    return there, missing
