"""Activation functions: first each formula beside its slope, then each forward beside its backward.

A formula takes the namespace ``xp``, the elements ``z`` and its options. It holds on the whole
line, infinities too: where a product would be 0 * inf, `z` is clipped at `TAIL` first. On NumPy
arrays it runs on one block after the other: what is computed between stays in the cache. ``out`` is
memory for its steps: a result written there needs no copy.

On tensors a formula is made of torch's own steps, each of which torch can differentiate as often as
it likes, at the joints and far out as here. So its transforms need no more than the formula.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from ._arrays import (
    Array,
    accumulator,
    cast,
    channel_sums,
    is_recording,
    is_tensor,
    is_transformed,
    namespace,
    pointwise_function,
    row_sums,
)
from ._checks import (
    BadType,
    BadValue,
    as_number,
    check_arrays,
    check_choice,
    public,
)

BLOCK = 224 * 1024  # bytes: a few fit the cache, and malloc need not ask the system for one
TAIL = 1e3  # exp(-TAIL) is 0 in every dtype: beyond ±TAIL each function here is its own limit
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

Formula = Callable[..., Array]
Gate = tuple[Formula, Formula]  # a gate and its slope
F = TypeVar("F", bound=Callable[..., Any])

# ---- the formulas ----


def _clip(
    xp: ModuleType, z: Array, low: float | None, high: float | None, out: Array = None
) -> Array:
    """``xp.clip``; NumPy's is several times faster with two bounds than with one."""
    if xp is not np or z.dtype.kind != "f":
        return xp.clip(z, low, high, out=out)
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    return z.clip(low, high, out=out)


def _to_the_left_end(xp: ModuleType, formula: Formula, z: Array, out: Array = None) -> Array:
    """``formula(xp, z)``, which has 0 * inf or inf / inf at -infinity, and its limit there.

    NumPy says so when it meets one, and only then is `z` clipped at -`TAIL`: else nobody looks.
    """
    if xp is np:
        with suppress(FloatingPointError), np.errstate(invalid="raise"):
            return formula(xp, z, out=out)
    return formula(xp, _clip(xp, z, -TAIL, None), out=out)


def _choose(xp: ModuleType, condition: Array, yes: float, no: float, z: Array) -> Array:
    """One of two numbers an element, in the dtype of `z`."""
    if xp is not np:
        return _tied(xp.where(condition, xp.full_like(z, yes), no), z)
    # A lookup: NumPy's where branches, and the processor guesses wrong half the time.
    return np.array([no, yes], z.dtype).take(condition.view(np.int8))


def _step(xp: ModuleType, condition: Array, z: Array) -> Array:
    """1 where the condition holds, else 0, in the dtype of `z`."""
    return _tied(cast(condition, z.dtype), z)


def _tied(steps: Array, z: Array) -> Array:
    """`steps`, for autograd a function of `z` all the same, whose slope is 0, as in torch."""
    return steps + 0 * namespace(z).sign(z) if is_recording(z) else steps


def _relu(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if xp is not np:
        return xp.relu(z)
    return _clip(xp, z, 0, None, out=out)


def _relu_slope(xp: ModuleType, z: Array) -> Array:
    return _step(xp, ~(z <= 0), z)


def _relu6(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if xp is not np:
        return xp.nn.functional.relu6(z)
    return _clip(xp, z, 0, 6, out=out)


def _relu6_slope(xp: ModuleType, z: Array) -> Array:
    return _step(xp, ~((z <= 0) | (z >= 6)), z)


def _leaky_relu(xp: ModuleType, z: Array, negative_slope: float, out: Array = None) -> Array:
    if xp is not np:
        return xp.nn.functional.leaky_relu(z, negative_slope)
    left = xp.multiply(z, negative_slope, out=out)
    if not abs(negative_slope) > 0:  # 0 or NaN: then `left` may be NaN for z > 0
        return xp.where(z > 0, z, left)
    return (xp.maximum if negative_slope <= 1 else xp.minimum)(z, left, out=out)


def _leaky_relu_slope(xp: ModuleType, z: Array, negative_slope: float) -> Array:
    return _choose(xp, z > 0, 1, negative_slope, z)


def _elu(xp: ModuleType, z: Array, alpha: float, width: float = 1.0, out: Array = None) -> Array:
    if xp is not np and abs(alpha) < math.inf:
        return xp.nn.functional.celu(z, alpha) if width != 1 else xp.nn.functional.elu(z, alpha)
    left = alpha * xp.expm1(_clip(xp, z, None, 0) / width)
    if not math.isfinite(alpha):  # then `left` is inf * 0 from 0 on
        return xp.where(z >= 0, z, left)
    return xp.add(_clip(xp, z, 0, None), left, out=out)


def _elu_slope(xp: ModuleType, z: Array, alpha: float, width: float = 1.0) -> Array:
    # 0 at NaN, where the slope is 1; and a choice, for autograd, which halves what is equal.
    below = np.fmin(z, 0) if xp is np else xp.where(z < 0, z, 0)
    return _choose(xp, z <= 0, alpha / width, 1, z) * xp.exp(below / width)


def _selu(xp: ModuleType, z: Array, out: Array = None) -> Array:
    return xp.multiply(_elu(xp, z, SELU_ALPHA), SELU_SCALE, out=out)


def _selu_slope(xp: ModuleType, z: Array) -> Array:
    return SELU_SCALE * _elu_slope(xp, z, SELU_ALPHA)


def _tanh(xp: ModuleType, z: Array, out: Array = None) -> Array:
    return xp.tanh(z, out=out)


def _tanh_slope(xp: ModuleType, z: Array) -> Array:
    return 4 * _sigmoid_slope(xp, 2 * z)  # 1 - tanh(z)**2, without its cancellation


def _sigmoid(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if xp is not np:
        return xp.sigmoid(z)
    e = xp.exp(xp.negative(z, out=out), out=out)  # inf far out on the left: 1 / inf is right
    return xp.divide(1, xp.add(e, 1, out=out), out=out)


def _sigmoid_slope(xp: ModuleType, z: Array) -> Array:
    if xp is not np:
        return xp.sigmoid(z) * xp.sigmoid(-z)
    e = np.exp(-abs(z))  # the slope is even: this side does not overflow
    return e / (1 + e) ** 2


def _log1p_exp(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if xp is not np:
        return -xp.nn.functional.logsigmoid(-z)
    return xp.add(_clip(xp, z, 0, None), xp.log1p(xp.exp(-abs(z))), out=out)


def _softplus(xp: ModuleType, z: Array, beta: float, threshold: float, out: Array = None) -> Array:
    return xp.where(beta * z > threshold, z, _log1p_exp(xp, beta * z) / beta)


def _softplus_slope(xp: ModuleType, z: Array, beta: float, threshold: float) -> Array:
    return xp.where(beta * z > threshold, 1, _sigmoid(xp, beta * z))


def _logsigmoid(xp: ModuleType, z: Array, out: Array = None) -> Array:
    return xp.negative(_log1p_exp(xp, -z), out=out)


def _logsigmoid_slope(xp: ModuleType, z: Array) -> Array:
    return _sigmoid(xp, -z)


def _hardsigmoid(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if xp is not np:
        return (xp.nn.functional.hardtanh(z, -3, 3) + 3) / 6
    return xp.divide(_clip(xp, xp.add(z, 3, out=out), 0, 6, out=out), 6, out=out)


def _hardsigmoid_slope(xp: ModuleType, z: Array) -> Array:
    return _step(xp, (z > -3) & (z < 3), z) / 6


def _hardswish(xp: ModuleType, z: Array, out: Array = None) -> Array:
    return _gated(xp, z, (_hardsigmoid, _hardsigmoid_slope), out=out)


def _hardswish_slope(xp: ModuleType, z: Array) -> Array:
    return xp.where(z <= -3, 0, xp.where(z < 3, _clip(xp, z, -3, 3) / 3 + 0.5, 1))


# A gate lets a share of z through: z * gate(z), where the gate goes from 0 to 1. SiLU opens it with
# the sigmoid, GELU with the normal distribution, Mish with tanh(softplus(z)).


def _gated(xp: ModuleType, z: Array, gate: Gate, out: Array = None) -> Array:
    if is_transformed(z):  # far out it is its own limit; the product's slope would be 0 * inf
        near = xp.where(abs(z) > TAIL, -TAIL, z)
        return xp.where(z > TAIL, z, near * gate[0](xp, near))

    def value(xp: ModuleType, z: Array, out: Array = None) -> Array:
        return xp.multiply(z, gate[0](xp, z, out=out), out=out)

    return _to_the_left_end(xp, value, z, out=out)


def _gated_slope(xp: ModuleType, z: Array, gate: Gate) -> Array:
    z = _clip(xp, z, -TAIL, TAIL)
    return gate[0](xp, z) + z * gate[1](xp, z)


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
def _erfc_powers(dtype: np.dtype) -> np.ndarray:
    """`ERFC` by powers of t, the highest first: as many terms as the dtype can tell apart."""
    terms = 12 if dtype.itemsize == 4 else len(ERFC)
    return np.polynomial.chebyshev.cheb2poly(ERFC[:terms])[::-1].astype(dtype)


def _normal(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if is_tensor(z):  # erfc(-z) rather than 1 + erf(z), which cancels for z < 0
        return xp.erfc(z / -math.sqrt(2)) / 2
    x = abs(z) / math.sqrt(2)
    t, (last, *powers) = 1 - 7.5 / (x + 3.75), _erfc_powers(z.dtype)
    series = np.full_like(t, last)
    for power in powers:  # Horner's rule, in place
        series *= t
        series += power
    tail = np.exp(-x * x) / (2 + 4 * x) * series
    return np.abs(cast(z > 0, z.dtype) - tail, out=out)  # of the two tails, what is left of z


def _normal_slope(xp: ModuleType, z: Array) -> Array:
    return xp.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _almost_normal(xp: ModuleType, z: Array, out: Array = None) -> Array:
    u = math.sqrt(2 / math.pi) * z * (1 + 0.044715 * z * z)
    return _sigmoid(xp, 2 * u, out=out)  # (1 + tanh(u)) / 2


def _almost_normal_slope(xp: ModuleType, z: Array) -> Array:
    u = math.sqrt(2 / math.pi) * z * (1 + 0.044715 * z * z)
    du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z * z)
    return 2 * du * _sigmoid_slope(xp, 2 * u)


def _tanh_softplus(xp: ModuleType, z: Array, out: Array = None) -> Array:
    return xp.tanh(_log1p_exp(xp, z), out=out)


def _tanh_softplus_slope(xp: ModuleType, z: Array) -> Array:
    return (1 - _tanh_softplus(xp, z) ** 2) * _sigmoid(xp, z)


def _silu_value(xp: ModuleType, z: Array, out: Array = None) -> Array:
    e = xp.exp(xp.negative(z, out=out), out=out)  # z / (1 + e): a gated z in one step less
    return xp.divide(z, xp.add(e, 1, out=out), out=out)


def _silu(xp: ModuleType, z: Array, out: Array = None) -> Array:
    if xp is not np:
        return _gated(xp, z, (_sigmoid, _sigmoid_slope))
    return _to_the_left_end(xp, _silu_value, z, out=out)


def _silu_slope(xp: ModuleType, z: Array) -> Array:
    if is_tensor(z):
        return _gated_slope(xp, z, (_sigmoid, _sigmoid_slope))
    z = _clip(xp, z, -TAIL, TAIL)
    e = np.exp(-abs(z))  # one exponential for the gate, max(e, z > 0) / (1 + e), and its slope
    below = 1 + e
    gate = np.maximum(e, cast(z > 0, z.dtype)) / below
    return gate + z * e / below**2


MISH: Gate = (_tanh_softplus, _tanh_softplus_slope)
GELU: dict[str, Gate] = {
    "none": (_normal, _normal_slope),
    "tanh": (_almost_normal, _almost_normal_slope),
}
OF_INTEGERS = (_relu_slope, _relu6_slope)  # they take integers too
AT_ONCE = (_relu, _relu6, _tanh)  # one step: nothing to keep in the cache for the next

# ---- from formulas to functions ----


def _known_slope(value: Formula, slope: Formula, z: Array, **options: Any) -> Array:
    """``value(z)`` of a tensor: autograd keeps `z` alone and asks `slope`, exact in the tails too.

    A transform of torch's is given the formula itself: forward mode in forward mode would find no
    second derivative in a function whose first one is told, and the compiler takes none.
    """
    value, slope = partial(value, namespace(z), **options), partial(slope, namespace(z), **options)
    if is_transformed(z) or not is_recording(z):
        return value(z)
    return pointwise_function().apply(z, value, slope)


def _forward(x: Array, value: Formula, slope: Formula, **options: Any) -> Array:
    _check(x, integers=slope in OF_INTEGERS)
    if is_tensor(x):
        y = _known_slope(value, slope, cast(x, accumulator(x)), **options)
        return cast(y, x.dtype)
    return _in_blocks(partial(value, np, **options), x, at_once=value in AT_ONCE)


def _backward(grad: Array, x: Array, slope: Formula, **options: Any) -> Array:
    _check(x, grad, integers=slope in OF_INTEGERS)

    def chain(grad: Array, z: Array, out: Array = None) -> Array:
        xp = namespace(z)
        return xp.multiply(grad, slope(xp, z, **options), out=out)

    if is_tensor(x):
        dtype = accumulator(x)
        return cast(chain(cast(grad, dtype), cast(x, dtype)), x.dtype)
    return _in_blocks(chain, grad, x)


def _in_blocks(formula: Formula, *arrays: Array, at_once: bool = False) -> Array:
    """``formula(*arrays)``, block by block: a new array like the first one.

    Half precision is computed in float32. What is one block, or `at_once`, needs no loop.
    """
    y, dtype = np.empty_like(arrays[0], subok=False), accumulator(arrays[0])
    if at_once and dtype == y.dtype:
        _write(y, formula, arrays)
        return y
    with np.errstate(all="ignore"):  # too large for the dtype is inf, too small is 0: no mishap
        if 0 < y.nbytes <= BLOCK and dtype == y.dtype:
            _write(y, formula, arrays)
        else:
            _write_in_blocks(y, formula, arrays, dtype)
    return y


def _write_in_blocks(y: Array, formula: Formula, arrays: Sequence[Array], dtype: Any) -> None:
    """Block by block, of any strides; NumPy's iterator casts, too."""
    blocks: Any = np.nditer(  # type: ignore[call-overload]
        [*arrays, y],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=[*([["readonly"]] * len(arrays)), ["writeonly"]],
        op_dtypes=[dtype] * (len(arrays) + 1),
        casting="same_kind",
        buffersize=BLOCK // dtype.itemsize,
    )
    with blocks:
        for *block, result in blocks:
            _write(result, formula, block)


def _write(y: Array, formula: Formula, arrays: Sequence[Array]) -> None:
    """``formula(*arrays)`` into `y`: by the formula's own steps, or a copy where they make none."""
    value = formula(*arrays, out=y)
    if value is not y:
        y[...] = value


def _like(x: Array, y: Array) -> Array:
    """`y` in the dtype of `x`; an array also where NumPy made a scalar of it."""
    return cast(y, x.dtype) if is_tensor(x) else np.asarray(y, x.dtype)


def _check(x: Array, *grads: Array, integers: bool = False) -> None:
    """Check `x` and, for a backward, the output's gradient."""
    check_arrays(x=x)
    for grad in grads:
        check_arrays(x=x, grad_output=grad)
    if is_tensor(x):
        kind = "f" if x.is_floating_point() else "c" if x.is_complex() else "i"
    else:
        kind = x.dtype.kind
    if kind == "c" or (kind != "f" and not integers):
        numbers = "real numbers" if integers else "floating-point numbers"
        convert = "x.float()" if is_tensor(x) else "x.astype(float)"
        raise BadType(
            f"x must hold {numbers}; got dtype {x.dtype}. "
            f"Convert it, e.g. {'x.real' if kind == 'c' else convert}."
        )
    for grad in grads:
        if grad.shape != x.shape:
            raise BadValue(
                f"grad_output must have the shape of x, {tuple(x.shape)}; "
                f"got grad_output.shape={tuple(grad.shape)}."
            )


def _number(name: str, value: float, *, divides: bool = False) -> float:
    number = as_number(name, value)
    if divides and number == 0:
        raise BadValue(f"{name} must not be 0, as it divides; got {name}={value!r}.")
    return number


def _gelu_gate(approximate: str) -> Gate:
    check_choice("approximate", approximate, (*GELU,))
    return GELU[approximate]


# ---- what all docstrings below have in common, written once ----

TAKE_INTEGERS = ("relu", "relu6")
FORWARD = """\
Returns
-------
array
    New, of the shape, library, device and dtype of `x`.

Raises
------
TypeError
    `x` is not an array of {numbers}, or an option is no number.
ValueError
    An option is out of range.
"""
BACKWARD = """\
{summary}

Parameters
----------
grad_output : array
    Gradient of a loss in the output of `{name}`, of the shape of `x`.
{options}
    As for `{name}`.

Returns
-------
array
    Gradient in `x`, of its shape, library, device and dtype.

Raises
------
TypeError, ValueError
    As `{name}` does, and where `grad_output` has not the shape and dtype of `x`.

Notes
-----
{notes}
Book: "Gradients and saturation".

Examples
--------
{examples}
"""


def _documented(function: F) -> F:
    """Complete a forward's docstring by `x`, the result and what is refused."""
    integers = function.__name__ in TAKE_INTEGERS
    numbers = "real numbers" if integers else "floating-point numbers"
    title = "Parameters\n----------\n"
    doc = inspect.cleandoc(function.__doc__ or "")
    if title not in doc:
        doc = doc.replace("Notes\n---", f"{title}\nNotes\n---")
    doc = doc.replace(title, f"{title}x : array\n    Of any shape; {numbers}.\n")
    function.__doc__ = doc.replace("Notes\n---", FORWARD.format(numbers=numbers) + "\nNotes\n---")
    return function


def _documented_backward(function: F) -> F:
    """Complete a backward's docstring, whose paragraphs are: a summary, notes, examples."""
    if not function.__doc__:  # python -OO drops docstrings
        return function
    summary, notes, examples = inspect.cleandoc(function.__doc__).split("\n\n")
    options = ", ".join([*inspect.signature(function).parameters][1:])
    name = function.__name__.removesuffix("_backward")
    function.__doc__ = BACKWARD.format(
        name=name, options=options, summary=summary, notes=notes, examples=examples
    )
    return function


# ---- the functions: piecewise linear ----


@public
@_documented
def relu(x: Array) -> Array:
    r"""Rectified linear unit: what is negative becomes 0.

    .. math:: y = \max(x, 0)

    Notes
    -----
    It does not saturate on the right; a unit that is negative on all data is dead. Source: Nair
    and Hinton (2010); Glorot, Bordes and Bengio (2011).  Book: "The family".

    Examples
    --------
    >>> relu(np.array([-2., 0., 3.]))
    array([0., 0., 3.])
    """
    return _forward(x, _relu, _relu_slope)


@public
@_documented_backward
def relu_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `relu`: `grad_output` where ``x > 0``, else 0.

    At 0 every slope from 0 to 1 would do; 0 is the convention, as in torch. At NaN it is 1.

    >>> relu_backward(np.ones(3), np.array([-2., 0., 3.]))
    array([0., 0., 1.])
    """
    return _backward(grad_output, x, _relu_slope)


@public
@_documented
def relu6(x: Array) -> Array:
    r"""ReLU with a ceiling of 6.

    .. math:: y = \min(\max(x, 0), 6)

    Notes
    -----
    The ceiling keeps activations in the range of low-precision arithmetic. Source: Krizhevsky
    (2010); Howard et al., "MobileNets" (2017).  Book: "The family".

    Examples
    --------
    >>> relu6(np.array([-2., 3., 8.]))
    array([0., 3., 6.])
    """
    return _forward(x, _relu6, _relu6_slope)


@public
@_documented_backward
def relu6_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `relu6`: `grad_output` where ``0 < x < 6``, else 0.

    It saturates on both sides; the slope is 0 at both joints, and 1 at NaN, as in torch.

    >>> relu6_backward(np.ones(4), np.array([0., 3., 6., 8.]))
    array([0., 1., 0., 0.])
    """
    return _backward(grad_output, x, _relu6_slope)


@public
@_documented
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    r"""ReLU with a small slope on the left.

    .. math:: y = x \text{ where } x > 0, \text{ else } \lambda x

    Parameters
    ----------
    negative_slope : float
        :math:`\lambda`; default 0.01. Other values are in use, such as 0.2 in DCGAN.

    Notes
    -----
    No unit can die. Source: Maas, Hannun and Ng (2013).  Book: "The family".

    Examples
    --------
    >>> leaky_relu(np.array([-2., 0., 3.]), 0.25)
    array([-0.5,  0. ,  3. ])
    """
    slope = _number("negative_slope", negative_slope)
    return _forward(x, _leaky_relu, _leaky_relu_slope, negative_slope=slope)


@public
@_documented_backward
def leaky_relu_backward(grad_output: Array, x: Array, negative_slope: float = 0.01) -> Array:
    """Gradient of `leaky_relu`: `grad_output`, times `negative_slope` where not ``x > 0``.

    So the slope at 0 (and at NaN) is `negative_slope`, as in torch.

    >>> leaky_relu_backward(np.ones(3), np.array([-2., 0., 3.]), 0.25)
    array([0.25, 0.25, 1.  ])
    """
    slope = _number("negative_slope", negative_slope)
    return _backward(grad_output, x, _leaky_relu_slope, negative_slope=slope)


@public
def prelu(x: Array, weight: Array) -> Array:
    r"""Parametric ReLU: a leaky ReLU that learns its slope on the left.

    .. math:: y_{b,c,\dots} = x_{b,c,\dots} \text{ where } x_{b,c,\dots} > 0,
              \text{ else } w_c\, x_{b,c,\dots}

    Parameters
    ----------
    x : array (B, C, *spatial)
        Floating-point numbers. Of any shape if `weight` has one value.
    weight : array (), (1,) or (C,)
        One slope for all, or one for each channel: axis 1, which `x` of one axis does not have.
        0.25 is the usual start.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers, or `weight` is not one like it.
    ValueError
        `weight` has neither one value nor one for each channel.

    Notes
    -----
    C parameters at most. Source: He et al., "Delving deep into rectifiers" (2015).
    Book: "The family".

    Examples
    --------
    >>> prelu(np.array([[-2., -2.], [3., 4.]]), np.array([0.25, 0.5]))
    array([[-0.5, -1. ],
           [ 3. ,  4. ]])
    """
    dtype, slopes = _prelu_slopes(x, weight)
    z, xp = cast(x, dtype), namespace(x)
    if is_recording(x, weight) and not is_transformed(x):
        return cast(xp.prelu(z, slopes.reshape(-1)), x.dtype)  # whose second derivative is 0
    # Two choices, so that a gradient of the weight meets no 0 * inf.
    return _like(x, xp.where(z > 0, z, slopes * xp.where(z > 0, 0, z)))


@public
def prelu_backward(grad_output: Array, x: Array, weight: Array) -> tuple[Array, Array]:
    r"""Gradients of `prelu` in its input and in its slopes.

    .. math:: \frac{\partial \ell}{\partial w_c} = \sum_{b,\dots:\ x_{b,c,\dots} \le 0}
              g_{b,c,\dots}\, x_{b,c,\dots}

    Parameters
    ----------
    grad_output : array
        Gradient of a loss in the output of `prelu`, of the shape of `x`.
    x, weight
        As for `prelu`.

    Returns
    -------
    grad_x, grad_weight : arrays
        Of the shapes of `x` and `weight`, in their dtype.

    Raises
    ------
    TypeError, ValueError
        As `prelu` does, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    Half precision is summed in float32.  Book: "Gradients and saturation".

    Examples
    --------
    >>> grad_x, grad_weight = prelu_backward(np.ones(3), np.array([-2., -1., 4.]), np.array([0.25]))
    >>> grad_x, grad_weight                                             # -2 - 1
    (array([0.25, 0.25, 1.  ]), array([-3.]))
    """
    dtype, slopes = _prelu_slopes(x, weight, grad_output)
    xp, z, grad = namespace(x), cast(x, dtype), cast(grad_output, dtype)
    grad_x = xp.where(z > 0, grad, slopes * grad)
    grad_weight = xp.where(z > 0, 0, z * grad)
    sums = channel_sums(grad_weight) if slopes.ndim else row_sums(grad_weight.reshape(-1))
    return _like(x, grad_x), _like(x, sums.reshape(weight.shape))


def _prelu_slopes(x: Array, weight: Array, *grads: Array) -> tuple[Any, Array]:
    """The dtype to compute in, and `weight` laid along axis 1 of `x`; 0-d if it is one value."""
    check_arrays(x=x, weight=weight)
    _check(x, *grads)
    given, channels, dtype = tuple(weight.shape), tuple(x.shape[1:2]), accumulator(x)
    if given in ((), (1,)):
        return dtype, cast(weight, dtype).reshape(())
    if given != channels:
        each = f"shape {channels}" if channels else "which x does not have"
        repair = " Add the batch axis: x[None]." if given == tuple(x.shape[:1]) else ""
        raise BadValue(
            f"weight must have one value, shape () or (1,), or one for each channel of "
            f"axis 1, {each}; got weight.shape={given}, x.shape={tuple(x.shape)}.{repair}"
        )
    return dtype, cast(weight, dtype).reshape(*channels, *(1,) * (x.ndim - 2))


@public
@_documented
def hardsigmoid(x: Array) -> Array:
    r"""The sigmoid in three straight pieces.

    .. math:: y = \frac{\min(\max(x + 3, 0), 6)}{6}

    Notes
    -----
    No exponential to compute. Source: Courbariaux, Bengio and David (2015); with these joints,
    Howard et al., "Searching for MobileNetV3" (2019).  Book: "The family".

    Examples
    --------
    >>> hardsigmoid(np.array([-4., 0., 1.5, 4.]))
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    return _forward(x, _hardsigmoid, _hardsigmoid_slope)


@public
@_documented_backward
def hardsigmoid_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `hardsigmoid`: a sixth of `grad_output` where ``-3 < x < 3``, else 0.

    It saturates for good: outside there is no gradient at all. The slope at NaN is 0, as in torch.

    >>> hardsigmoid_backward(np.full(3, 6.), np.array([-3., 0., 3.]))
    array([0., 1., 0.])
    """
    return _backward(grad_output, x, _hardsigmoid_slope)


@public
@_documented
def hardswish(x: Array) -> Array:
    r"""SiLU with the hard sigmoid for its gate.

    .. math:: y = x \cdot \frac{\min(\max(x + 3, 0), 6)}{6}

    Notes
    -----
    Its minimum is -3/8 at -3/2. At :math:`-\infty` we give the limit 0, where torch gives NaN.
    Source: Howard et al., "Searching for MobileNetV3" (2019).  Book: "The family".

    Examples
    --------
    >>> hardswish(np.array([-1.5, 0., 1., 4.])).round(4)
    array([-0.375 ,  0.    ,  0.6667,  4.    ])
    """
    return _forward(x, _hardswish, _hardswish_slope)


@public
@_documented_backward
def hardswish_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `hardswish`: `grad_output` times 0, ``x/3 + 1/2`` or 1.

    The joints -3 and 3 belong to the outer pieces, with slopes 0 and 1; at NaN it is 1, as in
    torch. Inside it runs from -1/2 to 3/2.

    >>> hardswish_backward(np.ones(4), np.array([-3., -1.5, 1.5, 3.]))
    array([0., 0., 1., 1.])
    """
    return _backward(grad_output, x, _hardswish_slope)


# ---- saturating on both sides ----


@public
@_documented
def sigmoid(x: Array) -> Array:
    r"""Squash the real line into (0, 1).

    .. math:: \sigma(x) = \frac{1}{1 + e^{-x}}

    Notes
    -----
    Tails keep their relative precision. Where ``exp(-x)`` overflows, the limit 0 is right, and the
    gradient is computed apart. It saturates on both sides. Source: LeCun et al., "Efficient
    backprop" (1998).  Book: "The family".

    Examples
    --------
    >>> sigmoid(np.array([-1e4, 0., 1e4]))
    array([0. , 0.5, 1. ])
    """
    return _forward(x, _sigmoid, _sigmoid_slope)


@public
@_documented_backward
def sigmoid_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `sigmoid`: `grad_output` times ``s * (1 - s)``, where ``s = sigmoid(x)``.

    At most a quarter passes, at 0: ten sigmoids pass a millionth. ``1 - s`` is computed as
    ``sigmoid(-x)``, which does not cancel.

    >>> sigmoid_backward(np.ones(3), np.array([-1e4, 0., 1e4]))
    array([0.  , 0.25, 0.  ])
    """
    return _backward(grad_output, x, _sigmoid_slope)


@public
@_documented
def tanh(x: Array) -> Array:
    r"""Squash the real line into (-1, 1), around 0.

    .. math:: \tanh(x) = \frac{e^x - e^{-x}}{e^x + e^{-x}} = 2\,\sigma(2x) - 1

    Notes
    -----
    The array library's own tanh: the formula as written is NaN at 1000. It saturates on both
    sides. Source: LeCun et al., "Efficient backprop" (1998).  Book: "The family".

    Examples
    --------
    >>> tanh(np.array([-1e4, 0., 1e4]))
    array([-1.,  0.,  1.])
    """
    return _forward(x, _tanh, _tanh_slope)


@public
@_documented_backward
def tanh_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `tanh`: `grad_output` times ``1 - tanh(x)**2``.

    All passes at 0, nothing far out: four times the gradient of a sigmoid of ``2*x``.

    >>> tanh_backward(np.ones(3), np.array([-1e4, 0., 1e4]))
    array([0., 1., 0.])
    """
    return _backward(grad_output, x, _tanh_slope)


# ---- smooth relatives of ReLU ----


@public
@_documented
def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    r"""A ReLU with its corner rounded off.

    .. math:: y = \frac{1}{\beta} \log(1 + e^{\beta x})

    Parameters
    ----------
    beta : float
        How sharp the corner is; not 0; default 1.
    threshold : float
        Where ``beta * x`` is above it, ``y = x``, as in torch; default 20.

    Notes
    -----
    Computed as ``max(x, 0) + log1p(exp(-abs(x)))``. At `threshold` it jumps, by default by 2e-9.
    Source: Dugas et al. (2001).  Book: "The family".

    Examples
    --------
    >>> softplus(np.array([-1e4, 0., 30.])).round(4)
    array([ 0.    ,  0.6931, 30.    ])
    """
    beta = _number("beta", beta, divides=True)
    threshold = _number("threshold", threshold)
    return _forward(x, _softplus, _softplus_slope, beta=beta, threshold=threshold)


@public
@_documented_backward
def softplus_backward(
    grad_output: Array, x: Array, beta: float = 1.0, threshold: float = 20.0
) -> Array:
    """Gradient of `softplus`: `grad_output` times ``sigmoid(beta * x)``.

    It is 1 where ``beta * x`` is above `threshold`.

    >>> softplus_backward(np.ones(3), np.array([-1e4, 0., 1e4]))
    array([0. , 0.5, 1. ])
    """
    beta = _number("beta", beta, divides=True)
    threshold = _number("threshold", threshold)
    return _backward(grad_output, x, _softplus_slope, beta=beta, threshold=threshold)


@public
@_documented
def logsigmoid(x: Array) -> Array:
    r"""The logarithm of the sigmoid, without computing the sigmoid.

    .. math:: y = \log \sigma(x) = -\log(1 + e^{-x})

    Notes
    -----
    ``log(sigmoid(x))`` is minus infinity from about -745 on; this is `x` there. It is the
    log-likelihood of logistic regression.  Book: "The family".

    Examples
    --------
    >>> logsigmoid(np.array([-1e4, 0.])).round(4)
    array([-1.000e+04, -6.931e-01])
    """
    return _forward(x, _logsigmoid, _logsigmoid_slope)


@public
@_documented_backward
def logsigmoid_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `logsigmoid`: `grad_output` times ``sigmoid(-x)``.

    It saturates on the right only: the loss of a wrong answer keeps its slope.

    >>> logsigmoid_backward(np.ones(3), np.array([-1e4, 0., 1e4]))
    array([1. , 0.5, 0. ])
    """
    return _backward(grad_output, x, _logsigmoid_slope)


@public
@_documented
def elu(x: Array, alpha: float = 1.0) -> Array:
    r"""Exponential linear unit: linear on the right, saturating at :math:`-\alpha` on the left.

    .. math:: y = x \text{ where } x > 0, \text{ else } \alpha (e^x - 1)

    Parameters
    ----------
    alpha : float
        Default 1, for which the slope has no jump at 0.

    Notes
    -----
    Its mean is nearer to 0 than that of ReLU. Source: Clevert, Unterthiner and Hochreiter (2016).
    Book: "The family".

    Examples
    --------
    >>> elu(np.array([-1e4, -1., 3.])).round(4)
    array([-1.    , -0.6321,  3.    ])
    """
    return _forward(x, _elu, _elu_slope, alpha=_number("alpha", alpha))


@public
@_documented_backward
def elu_backward(grad_output: Array, x: Array, alpha: float = 1.0) -> Array:
    """Gradient of `elu`: `grad_output`, times ``alpha * exp(x)`` where ``x <= 0``.

    So the slope at 0 is `alpha`; at NaN it is 1, as in torch.

    >>> elu_backward(np.ones(3), np.array([-1., 0., 3.])).round(4)
    array([0.3679, 1.    , 1.    ])
    """
    alpha = _number("alpha", alpha)
    return _backward(grad_output, x, _elu_slope, alpha=alpha)


@public
@_documented
def selu(x: Array) -> Array:
    r"""Scaled exponential linear unit: `elu` with two constants that keep mean 0 and variance 1.

    .. math:: y = s \cdot \mathrm{ELU}_\alpha(x), \qquad s = 1.0507\dots,\ \alpha = 1.6732\dots

    Notes
    -----
    Layers with normal weights of variance 1/n then normalise themselves. Source: Klambauer et al.,
    "Self-normalizing neural networks" (2017).  Book: "The family".

    Examples
    --------
    >>> selu(np.array([-1e4, 0., 1.])).round(4)
    array([-1.7581,  0.    ,  1.0507])
    """
    return _forward(x, _selu, _selu_slope)


@public
@_documented_backward
def selu_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `selu`: `grad_output` times ``s``, and times ``alpha * exp(x)`` where ``x <= 0``.

    The slope jumps at 0, from 1.7581 on the left, which counts at 0 itself, to 1.0507.

    >>> selu_backward(np.ones(3), np.array([-1e4, 0., 1.])).round(4)
    array([0.    , 1.7581, 1.0507])
    """
    return _backward(grad_output, x, _selu_slope)


@public
@_documented
def celu(x: Array, alpha: float = 1.0) -> Array:
    r"""Continuously differentiable ELU: no jump of the slope at 0, whatever `alpha`.

    .. math:: y = x \text{ where } x > 0, \text{ else } \alpha (e^{x/\alpha} - 1)

    Parameters
    ----------
    alpha : float
        Not 0; default 1.

    Notes
    -----
    Source: Barron, "Continuously differentiable exponential linear units" (2017).
    Book: "The family".

    Examples
    --------
    >>> celu(np.array([-1e4, -1., 3.]), 2.0).round(4)
    array([-2.    , -0.7869,  3.    ])
    """
    alpha = _number("alpha", alpha, divides=True)
    return _forward(x, _elu, _elu_slope, alpha=alpha, width=alpha)


@public
@_documented_backward
def celu_backward(grad_output: Array, x: Array, alpha: float = 1.0) -> Array:
    """Gradient of `celu`: `grad_output`, times ``exp(x / alpha)`` where ``x <= 0``.

    The slope at 0 is 1 from both sides.

    >>> celu_backward(np.ones(3), np.array([-1., 0., 3.]), 2.0).round(4)
    array([0.6065, 1.    , 1.    ])
    """
    alpha = _number("alpha", alpha, divides=True)
    return _backward(grad_output, x, _elu_slope, alpha=alpha, width=alpha)


# ---- gates ----


@public
@_documented
def silu(x: Array) -> Array:
    r"""Sigmoid linear unit, also called swish: the input times its own sigmoid.

    .. math:: y = x \cdot \sigma(x) = \frac{x}{1 + e^{-x}}

    Notes
    -----
    It falls to -0.27846 at -1.27846, then rises; it tends to 0 on the left and to `x` on the right.
    At :math:`-\infty` we give the limit 0, where torch gives NaN. Source: Hendrycks and Gimpel
    (2016); Elfwing, Uchibe and Doya (2018); Ramachandran, Zoph and Le (2017).  Book: "The family".

    Examples
    --------
    >>> silu(np.array([-np.inf, -1.27846, 0., 3.])).round(5)
    array([-0.     , -0.27846,  0.     ,  2.85772])
    """
    return _forward(x, _silu, _silu_slope)


@public
@_documented_backward
def silu_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `silu`: `grad_output` times ``s + x*s*(1 - s)``, where ``s = sigmoid(x)``.

    The slope is above 1 on the right, with its peak of 1.09984 at 2.39936. At infinity we give the
    limits 0 and 1, where torch gives NaN.

    >>> silu_backward(np.ones(4), np.array([-1.27846, 0., 2.39936, np.inf])).round(5)
    array([0.     , 0.5    , 1.09984, 1.     ])
    """
    return _backward(grad_output, x, _silu_slope)


@public
@_documented
def gelu(x: Array, approximate: str = "none") -> Array:
    r"""Gaussian error linear unit: the input times the normal distribution function.

    .. math:: y = x \cdot \Phi(x) = \frac{x}{2} \left(1 + \mathrm{erf} \frac{x}{\sqrt 2}\right)

    Parameters
    ----------
    approximate : "none" or "tanh"
        "tanh" takes :math:`\tfrac12 (1 + \tanh(\sqrt{2/\pi}\,(x + 0.044715\,x^3)))` for
        :math:`\Phi(x)`, which is nowhere wrong by 0.0002; default "none".

    Notes
    -----
    NumPy has no error function: on its arrays "none" is a series of 23 terms (12 in float32), by
    Shepherd and Laframboise (1981). At :math:`-\infty` we give the limit 0, where torch gives NaN.
    Source: Hendrycks and Gimpel (2016).  Book: "The family".

    Examples
    --------
    >>> gelu(np.array([-1., 0., 1.])).round(5)
    array([-0.15866,  0.     ,  0.84134])
    >>> gelu(np.array([-1., 0., 1.]), "tanh").round(5)
    array([-0.15881,  0.     ,  0.84119])
    """
    return _forward(x, _gated, _gated_slope, gate=_gelu_gate(approximate))


@public
@_documented_backward
def gelu_backward(grad_output: Array, x: Array, approximate: str = "none") -> Array:
    """Gradient of `gelu`: `grad_output` times ``Phi(x) + x*phi(x)``, where ``phi = Phi'``.

    With "tanh", the slope of that formula itself. At infinity we give the limits 0 and 1, where
    torch gives NaN.

    >>> gelu_backward(np.ones(4), np.array([-1., 0., 1., np.inf])).round(5)
    array([-0.08332,  0.5    ,  1.08332,  1.     ])
    """
    gate = _gelu_gate(approximate)
    return _backward(grad_output, x, _gated_slope, gate=gate)


@public
@_documented
def mish(x: Array) -> Array:
    r"""The input times the tanh of its softplus.

    .. math:: y = x \cdot \tanh(\log(1 + e^x))

    Notes
    -----
    It falls to -0.30884 at -1.19243, then rises. At :math:`-\infty` we give the limit 0, where
    torch gives NaN. Source: Misra, "Mish" (2020).  Book: "The family".

    Examples
    --------
    >>> mish(np.array([-np.inf, -1.19243, 0., 3.])).round(5)
    array([-0.     , -0.30884,  0.     ,  2.98654])
    """
    return _forward(x, _gated, _gated_slope, gate=MISH)


@public
@_documented_backward
def mish_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `mish`: `grad_output` times ``t + x*(1 - t**2)*sigmoid(x)``.

    Here ``t = tanh(softplus(x))``. At infinity we give the limits 0 and 1, where torch gives NaN.

    >>> mish_backward(np.ones(3), np.array([-np.inf, 0., np.inf])).round(5)
    array([0. , 0.6, 1. ])
    """
    return _backward(grad_output, x, _gated_slope, gate=MISH)
