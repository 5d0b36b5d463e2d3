"""How a formula is applied to every element of an array, and autograd told its slope.

A NumPy array is taken block by block, so that what a formula computes between stays in the cache.
On a tensor a formula is made of torch's own steps, which torch can differentiate as often as it
likes: its transforms need no more. Half precision is computed in float32.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from ._arrays import (
    Array,
    accumulator,
    cast,
    is_recording,
    is_tensor,
    is_transformed,
    kind,
    namespace,
)
from ._checks import BadType, BadValue, check_arrays
from ._formulas import FORMULAS, Formula
from ._tuning import POINTWISE_BYTES

ONE_STEP = ("relu", "relu6", "tanh")  # nothing to keep in the cache for the next


def forward(name: str, x: Array, **options: Any) -> Array:
    """The activation `name` of each element of `x`."""
    formula = FORMULAS[name]
    check_numbers(x, integers=formula.integers)
    if is_tensor(x):
        return cast(_on_tensor(formula, cast(x, accumulator(x)), options), x.dtype)
    value = partial(formula.value, np, **options)
    return _in_blocks(value, x, out=formula.out, at_once=name in ONE_STEP)


def backward(name: str, grad: Array, x: Array, **options: Any) -> Array:
    """`grad` times the slope of the activation `name` at each element of `x`."""
    formula = FORMULAS[name]
    check_numbers(x, grad, integers=formula.integers)

    def chain(grad: Array, z: Array, out: Array = None) -> Array:
        return namespace(z).multiply(grad, _slope(formula, options, z), out=out)

    if is_tensor(x):
        dtype = accumulator(x)
        return cast(chain(cast(grad, dtype), cast(x, dtype)), x.dtype)
    return _in_blocks(chain, grad, x, out=True)


def check_numbers(x: Array, *grads: Array, integers: bool = False) -> None:
    """Check `x` and, for a backward, the output's gradient."""
    check_arrays(x=x)
    for grad in grads:
        check_arrays(x=x, grad_output=grad)
    held = kind(x)
    if held == "c" or (held != "f" and not integers):
        numbers = "real numbers" if integers else "floating-point numbers"
        convert = "x.float()" if is_tensor(x) else "x.astype(float)"
        raise BadType(
            f"x must hold {numbers}; got dtype {x.dtype}. "
            f"Convert it, e.g. {'x.real' if held == 'c' else convert}."
        )
    for grad in grads:
        if grad.shape != x.shape:
            raise BadValue(
                f"grad_output must have the shape of x, {tuple(x.shape)}; "
                f"got grad_output.shape={tuple(grad.shape)}."
            )


# ---- NumPy ----


def _in_blocks(
    formula: Callable[..., Array], *arrays: Array, out: bool, at_once: bool = False
) -> Array:
    """``formula(*arrays)``, block by block, in a new array like the first one.

    With `out` it is handed its part of that array, to work in. What is one block, or `at_once`,
    needs no loop. A block has one axis or more, and the dtype to compute in.
    """
    y, dtype = np.empty_like(arrays[0], subok=False), accumulator(arrays[0])
    if y.ndim and y.dtype == dtype and (at_once or y.nbytes <= POINTWISE_BYTES):
        _write(y, formula, arrays, out)
        return y
    # NumPy's iterator takes any strides and no axes, and casts each block to `dtype` and back.
    blocks: Any = np.nditer(  # type: ignore[call-overload]
        [*arrays, y],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=[*([["readonly"]] * len(arrays)), ["writeonly"]],
        op_dtypes=[dtype] * (len(arrays) + 1),
        casting="same_kind",
        buffersize=POINTWISE_BYTES // dtype.itemsize,
    )
    with blocks:
        for *block, result in blocks:
            _write(result, formula, block, out)
    return y


def _write(y: Array, formula: Callable[..., Array], arrays: Sequence[Array], out: bool) -> None:
    value = formula(*arrays, out=y) if out else formula(*arrays)
    if value is not y:
        y[...] = value


# ---- torch ----


def _on_tensor(formula: Formula, z: Array, options: dict[str, Any]) -> Array:
    """The formula of `z`: autograd keeps `z` alone and asks the slope, exact in the tails too.

    Inside of a transform torch differentiates the formula itself: nested forward mode needs its
    second derivative, and the compiler takes no autograd.Function.
    """
    xp = namespace(z)
    own = getattr(xp.nn.functional, formula.torch) if formula.torch else None
    value = partial(own or partial(formula.value, xp), **options)
    if is_transformed(z) or not is_recording(z):
        return value(z)
    return known_slope().apply(z, value, partial(_slope, formula, options))


def _slope(formula: Formula, options: dict[str, Any], z: Array) -> Array:
    xp = namespace(z)
    slope = formula.slope(xp, z, **options)
    if is_recording(z) and not slope.requires_grad:  # made of comparisons, which have no derivative
        return slope + 0 * xp.sign(z)  # so that a second one is 0, as in torch, and no error
    return slope


@cache
def known_slope() -> Any:
    """The class whose ``apply(z, value, slope)`` is ``value(z)``, with derivative ``slope(z)``.

    autograd asks `slope`, and does not look at the steps inside `value`. Made at its first use:
    torch is never imported here.
    """
    function: Any = sys.modules["torch"].autograd.Function

    class KnownSlope(function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, z: Array, value: Callable[[Array], Array], slope: object) -> Array:
            ctx.save_for_backward(z)
            ctx.slope = slope
            return value(z)

        @staticmethod
        def backward(ctx: Any, grad: Array) -> tuple[Array, None, None]:
            return grad * ctx.slope(*ctx.saved_tensors), None, None

    return KnownSlope
