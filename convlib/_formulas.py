"""The activations as a table to print: each formula beside its slope, grouped as in the book.

Both are called with the library ``xp``, which is the module numpy or torch, with numbers ``z`` of
that library, one axis of them or more, and with options. They hold on the whole line: at the
joints, at infinity and at NaN. Most are written once for both libraries. A formula that calls
``np`` never meets a tensor: the table names torch's own function, or an ``if xp is not np`` above
has returned.

Some take memory ``out`` to work in, as NumPy's own functions do: those that are faster with it by
more than a twentieth, because their steps are cheap or many. On tensors there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ._arrays import Array, cast, is_transformed

TAIL = 1e3  # exp(-TAIL) is 0 in every dtype: beyond ±TAIL each function here is its own limit
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


class Formula(NamedTuple):
    """An activation: its value and its slope at each of the numbers `z`."""

    value: Callable[..., Array]
    slope: Callable[..., Array]
    integers: bool = False  # are integers taken, too?
    out: bool = False  # does `value` take memory to work in?
    torch: str = ""  # torch.nn.functional's name of the same function, which tensors are given to


# ---- steps that the formulas share ----


def clip(xp: ModuleType, z: Array, low: float, high: float, out: Array = None) -> Array:
    """No less than `low` and no more than `high`; the slope is 0 at both, for autograd too."""
    if xp is not np:
        return xp.nn.functional.hardtanh(z, low, high)
    return z.clip(low, high, out=out)


def one_of(xp: ModuleType, condition: Array, yes: float, no: float, z: Array) -> Array:
    """One of two numbers for each element, in the dtype of `z`."""
    if xp is not np:
        return xp.where(condition, xp.full_like(z, yes), no)
    # A lookup: NumPy's where branches, and the processor guesses wrong half the time.
    return np.array([no, yes], z.dtype).take(condition.view(np.int8))


# ---- piecewise linear ----


def relu(xp: ModuleType, z: Array, out: Array = None) -> Array:
    # max(z, 0); but NumPy clips floats to two bounds faster than to one.
    return z.clip(0, np.inf if z.dtype.kind == "f" else None, out=out)


def relu_slope(xp: ModuleType, z: Array) -> Array:
    return cast(~(z <= 0), z.dtype)  # 1 at NaN


def relu6(xp: ModuleType, z: Array, out: Array = None) -> Array:
    return clip(xp, z, 0, 6, out=out)


def relu6_slope(xp: ModuleType, z: Array) -> Array:
    return cast(~((z <= 0) | (z >= 6)), z.dtype)


def leaky_relu(xp: ModuleType, z: Array, negative_slope: float, out: Array = None) -> Array:
    left = np.multiply(z, negative_slope, out=out)
    if 0 < negative_slope <= 1:
        return np.maximum(z, left, out=out)  # the choice below, several times as fast
    return np.where(z > 0, z, left)


def leaky_relu_slope(xp: ModuleType, z: Array, negative_slope: float) -> Array:
    return one_of(xp, z > 0, 1, negative_slope, z)


def prelu(xp: ModuleType, z: Array, weight: Array) -> Array:
    if xp is not np and not is_transformed(z):
        return xp.prelu(z, weight.reshape(-1))
    # Two choices, so that a gradient of the weight meets no 0 * inf.
    return xp.where(z > 0, z, weight * xp.where(z > 0, 0, z))


def prelu_chain(xp: ModuleType, grad: Array, z: Array, weight: Array) -> tuple[Array, Array]:
    """`grad` times the slope in `z`, and times the slope in `weight`."""
    return xp.where(z > 0, grad, weight * grad), xp.where(z > 0, 0, grad * z)


def hardsigmoid(xp: ModuleType, z: Array, out: Array = None) -> Array:
    # (z + 3) / 6, between 0 and 1
    return xp.divide(xp.add(clip(xp, z, -3, 3, out=out), 3, out=out), 6, out=out)


def hardsigmoid_slope(xp: ModuleType, z: Array) -> Array:
    return cast((z > -3) & (z < 3), z.dtype) / 6


def hardswish(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if xp is not np:
        return gated(xp, z, hardsigmoid)
    # z * hardsigmoid(z), which is 0 from -3 down; at -infinity it would be -inf * 0.
    return np.multiply(z.clip(-3, np.inf), hardsigmoid(xp, z, out=out), out=out)


def hardswish_slope(xp: ModuleType, z: Array) -> Array:
    return xp.where(z <= -3, 0, xp.where(z < 3, clip(xp, z, -3, 3) / 3 + 0.5, 1))


# ---- saturating on both sides ----


def sigmoid(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if xp is not np:
        return xp.sigmoid(z)  # whose derivative is 0 far out, not inf / inf
    # 1 / (1 + exp(-z)); far out on the left exp is inf, and 1 / inf is right.
    e = np.exp(np.negative(z, out=out), out=out)
    return np.divide(1, np.add(1, e, out=out), out=out)


def sigmoid_slope(xp: ModuleType, z: Array) -> Array:
    if xp is not np:
        return xp.sigmoid(z) * xp.sigmoid(-z)
    e = np.exp(-abs(z))  # the slope is even: this side does not overflow
    return e / (1 + e) ** 2


def tanh(xp: ModuleType, z: Array, out: Array = None) -> Array:
    return xp.tanh(z, out=out)


def tanh_slope(xp: ModuleType, z: Array) -> Array:
    return 4 * sigmoid_slope(xp, 2 * z)  # 1 - tanh(z)**2, without its cancellation


# ---- smooth relatives of ReLU ----


def log1p_exp(xp: ModuleType, z: Array) -> Array:
    """``log(1 + exp(z))``, without the overflow of exp."""
    if xp is not np:
        return -xp.nn.functional.logsigmoid(-z)
    return z.clip(0, np.inf) + np.log1p(np.exp(-abs(z)))


def softplus(xp: ModuleType, z: Array, beta: float, threshold: float) -> Array:
    return xp.where(beta * z > threshold, z, log1p_exp(xp, beta * z) / beta)


def softplus_slope(xp: ModuleType, z: Array, beta: float, threshold: float) -> Array:
    return xp.where(beta * z > threshold, 1, sigmoid(xp, beta * z))


def logsigmoid(xp: ModuleType, z: Array) -> Array:
    return -log1p_exp(xp, -z)


def logsigmoid_slope(xp: ModuleType, z: Array) -> Array:
    return sigmoid(xp, -z)


# ELU, and with a width other than 1, CELU: alpha * (exp(z / width) - 1) on the left.


def elu(xp: ModuleType, z: Array, alpha: float, width: float = 1.0, out: Array = None) -> Array:
    left = alpha * np.expm1(z.clip(-np.inf, 0) / width)
    if math.isfinite(alpha):
        return np.add(z.clip(0, np.inf), left, out=out)  # one of the two is 0
    return np.where(z >= 0, z, left)  # else `left` is inf * 0 from 0 on


def elu_slope(xp: ModuleType, z: Array, alpha: float, width: float = 1.0) -> Array:
    # `fmin` gives 0 at NaN, so the slope there is 1. torch.minimum would give two equals half the
    # gradient each: hence `where`.
    below = np.fmin(z, 0) if xp is np else xp.where(z < 0, z, 0)
    return one_of(xp, z <= 0, alpha / width, 1, z) * xp.exp(below / width)


def selu(xp: ModuleType, z: Array) -> Array:
    return SELU_SCALE * elu(xp, z, SELU_ALPHA)


def selu_slope(xp: ModuleType, z: Array) -> Array:
    return SELU_SCALE * elu_slope(xp, z, SELU_ALPHA)


def celu(xp: ModuleType, z: Array, alpha: float, out: Array = None) -> Array:
    return elu(xp, z, alpha, width=alpha, out=out)


def celu_slope(xp: ModuleType, z: Array, alpha: float) -> Array:
    return elu_slope(xp, z, alpha, width=alpha)


# ---- gates ----
# A gate lets a share of z through: z * gate(z), where the gate goes from 0 to 1. SiLU opens it with
# the sigmoid, GELU with the normal distribution, Mish with tanh(softplus(z)).


def gated(xp: ModuleType, z: Array, gate: Callable[..., Array], out: Array = None) -> Array:
    """``z * gate(z)``; at -infinity, where that is -inf * 0, its limit."""
    if not is_transformed(z):
        z = clip(xp, z, -TAIL, math.inf, out=out)
        return xp.multiply(z, gate(xp, z), out=out)
    # Inside of vmap, jvp, ... torch takes the slope of each step; at infinity that of the product
    # is inf * 0. So far out there is no product.
    near = xp.where(abs(z) > TAIL, -TAIL, z)
    return xp.where(z > TAIL, z, near * gate(xp, near))


def gated_slope(
    xp: ModuleType, z: Array, gate: Callable[..., Array], gate_slope: Callable[..., Array]
) -> Array:
    z = clip(xp, z, -TAIL, TAIL)
    return gate(xp, z) + z * gate_slope(xp, z)


def silu(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if xp is not np:
        return gated(xp, z, sigmoid)
    z = z.clip(-TAIL, np.inf)
    e = np.exp(np.negative(z, out=out), out=out)
    return np.divide(z, np.add(1, e, out=out), out=out)  # z * sigmoid(z) in one step less


def silu_slope(xp: ModuleType, z: Array) -> Array:
    if xp is not np:
        return gated_slope(xp, z, sigmoid, sigmoid_slope)
    z = z.clip(-TAIL, TAIL)
    e = np.exp(-abs(z))  # one exponential for the gate, max(e, z > 0) / (1 + e), and its slope
    gate = np.maximum(e, cast(z > 0, z.dtype)) / (1 + e)
    return gate + z * e / (1 + e) ** 2


def gelu(xp: ModuleType, z: Array, approximate: str, out: Array = None) -> Array:
    return gated(xp, z, normal if approximate == "none" else normal_by_tanh, out=out)


def gelu_slope(xp: ModuleType, z: Array, approximate: str) -> Array:
    if approximate == "none":
        return gated_slope(xp, z, normal, normal_slope)
    return gated_slope(xp, z, normal_by_tanh, normal_by_tanh_slope)


def normal(xp: ModuleType, z: Array) -> Array:
    """The normal distribution function, (1 + erf(z / sqrt(2))) / 2, without its cancellation."""
    if xp is not np:
        return xp.erfc(z / -math.sqrt(2)) / 2
    x = abs(z) / math.sqrt(2)  # NumPy has no erfc: a series for the smaller tail
    t, (highest, *rest) = 1 - 7.5 / (x + 3.75), erfc_powers(z.dtype)
    series = np.full_like(t, highest)
    for coefficient in rest:  # Horner's rule, in place
        series *= t
        series += coefficient
    tail = np.exp(-x * x) / (2 + 4 * x) * series
    return abs(cast(z > 0, z.dtype) - tail)  # of the two tails, what is left of z


def normal_slope(xp: ModuleType, z: Array) -> Array:
    return xp.exp(-z * z / 2) / math.sqrt(2 * math.pi)


# Chebyshev coefficients of (1 + 2x) exp(x*x) erfc(x) in t = (x - 3.75) / (x + 3.75), for x >= 0.
# Source: Shepherd and Laframboise, Mathematics of Computation 36 (1981) 249-253.
ERFC = (
    1.1775789345674017541, -4.5900545806464773309e-3, -8.4249133366517915584e-2,
    5.9209939998191890498e-2, -2.6658668435305752277e-2, 9.0749976707052650939e-3,
    -2.4131635404176081909e-3, 4.9077583652580863228e-4, -6.9169733025012063671e-5,
    4.1390279860730101675e-6, 7.7403830661984906686e-7, -2.1886401049234395661e-7,
    1.0764999465670910377e-8, 4.5219598112182868979e-9, -7.7544002088313511065e-10,
    -6.3180883408866844944e-11, 2.8687950109306698981e-11, 1.9455868545777347232e-13,
    -9.6546967484334389059e-13, 3.2525481481487398415e-14, 3.3478119482868053878e-14,
    -1.8645628804193131015e-15, -1.2507950530688647085e-15,
)  # fmt: skip


@cache
def erfc_powers(dtype: np.dtype) -> np.ndarray:
    """`ERFC` by powers of t, the highest first: as many terms as the dtype can tell apart."""
    terms = 12 if dtype.itemsize == 4 else len(ERFC)
    return np.polynomial.chebyshev.cheb2poly(ERFC[:terms])[::-1].astype(dtype)


def normal_by_tanh(xp: ModuleType, z: Array) -> Array:
    """An approximation of `normal`."""
    u2 = 2 * tanh_argument(z)
    return sigmoid(xp, u2, out=u2)  # (1 + tanh(u)) / 2


def normal_by_tanh_slope(xp: ModuleType, z: Array) -> Array:
    du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z * z)
    return 2 * du * sigmoid_slope(xp, 2 * tanh_argument(z))


def tanh_argument(z: Array) -> Array:
    """The u of `normal_by_tanh`."""
    return math.sqrt(2 / math.pi) * z * (1 + 0.044715 * z * z)


def mish(xp: ModuleType, z: Array, out: Array = None) -> Array:
    return gated(xp, z, tanh_softplus, out=out)


def mish_slope(xp: ModuleType, z: Array) -> Array:
    return gated_slope(xp, z, tanh_softplus, tanh_softplus_slope)


def tanh_softplus(xp: ModuleType, z: Array) -> Array:
    return xp.tanh(log1p_exp(xp, z))


def tanh_softplus_slope(xp: ModuleType, z: Array) -> Array:
    return (1 - tanh_softplus(xp, z) ** 2) * sigmoid(xp, z)


# ---- the table ----

FORMULAS = {
    # piecewise linear
    "relu": Formula(relu, relu_slope, integers=True, out=True, torch="relu"),
    "relu6": Formula(relu6, relu6_slope, integers=True, out=True),
    "leaky_relu": Formula(leaky_relu, leaky_relu_slope, out=True, torch="leaky_relu"),
    "hardsigmoid": Formula(hardsigmoid, hardsigmoid_slope, out=True),
    "hardswish": Formula(hardswish, hardswish_slope, out=True),
    # saturating on both sides
    "sigmoid": Formula(sigmoid, sigmoid_slope, out=True),
    "tanh": Formula(tanh, tanh_slope, out=True),
    # smooth relatives of ReLU
    "softplus": Formula(softplus, softplus_slope),
    "logsigmoid": Formula(logsigmoid, logsigmoid_slope, torch="logsigmoid"),
    "elu": Formula(elu, elu_slope, out=True, torch="elu"),
    "selu": Formula(selu, selu_slope, torch="selu"),
    "celu": Formula(celu, celu_slope, out=True, torch="celu"),
    # gates
    "silu": Formula(silu, silu_slope, out=True),
    "gelu": Formula(gelu, gelu_slope, out=True),
    "mish": Formula(mish, mish_slope, out=True),
}
