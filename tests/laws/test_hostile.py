"""Hostile calls: whatever is passed, the answer is right or a refusal that teaches.

A good call of each public function is drawn, then one or two of its arguments are replaced.
"""

import inspect

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from laws.catalogue import FUNCTIONS, calls

import convlib as cl

torch = pytest.importorskip("torch", reason="torch is not installed")

from laws import hostile  # noqa: E402  (it needs torch)
from laws.test_laws import close, flat, like, numbers  # noqa: E402

MANY = settings(
    max_examples=settings.default.max_examples // 3,
    suppress_health_check=[HealthCheck.too_slow],
)
INTEGERS = {  # good calls of the functions without arrays
    "channel_reach": {"channels": 4, "layers": [("conv", 6, 2), ("shuffle", 3)]},
    "conv_cost": {"x_shape": (1, 4, 8, 8), "weight_shape": (6, 2, 3, 3), "groups": 2},
    "network": {"name": "alexnet"},
    "output_size": {"input_size": (7, 5), "kernel_size": 3, "stride": 2},
    "overlap_count": {"input_size": (4, 3), "kernel_size": 3, "stride": 2},
    "receptive_field": {"layers": [(3, 1, 1), (2, 2)]},
    "transpose_output_size": {"input_size": (7, 5), "kernel_size": 3, "stride": 2},
}
ALL = [n for n in cl.__all__ if inspect.isfunction(getattr(cl, n))]


def parameters(name):
    return list(inspect.signature(getattr(cl, name)).parameters)


@st.composite
def good(draw, name):
    """The arguments of a call that works, by name; NumPy's or torch's."""
    if name in INTEGERS:
        return dict(INTEGERS[name])
    forward = name.removesuffix("_backward")
    call = draw(calls(forward))
    arrays, options = list(call.arrays), dict(call.options)
    if name != forward:
        arrays.insert(0, like(call.run(), seed=13))
        arrays = arrays[:3] if forward in ("conv", "conv_transpose") else arrays
    if draw(st.booleans()):
        arrays = [torch.from_numpy(a) for a in arrays]
    return dict(zip(parameters(name), arrays, strict=False)) | options


def is_array(value):
    return isinstance(value, (np.ndarray, torch.Tensor)) and value.dtype in KINDS


KINDS = (np.float64, np.int64, torch.float64, torch.int64)  # those of good calls


@st.composite
def spoiled(draw, name):
    """A good call with one or two of its arguments replaced."""
    arguments = draw(good(name))
    for parameter in draw(
        st.lists(st.sampled_from(parameters(name)), min_size=1, max_size=2, unique=True)
    ):
        value = arguments.get(parameter)
        if not is_array(value):
            arguments[parameter] = draw(st.sampled_from(hostile.OPTIONS))
        else:
            change = hostile.ARRAYS[draw(st.sampled_from(list(hostile.ARRAYS)))]
            changed = change(np.asarray(value))
            small = type(changed) is np.ndarray and changed.size < 2**20
            back = small and isinstance(value, torch.Tensor) and is_array(changed)
            arguments[parameter] = torch.tensor(changed) if back else changed
    return arguments


ARRAYS = "grad_output x weight bias depthwise pointwise cols indices".split()


def answer(name, arguments):
    """What torch says to the call; None where it has no say."""
    forward = name.removesuffix("_backward")
    found = (arguments.get(k) for k in parameters(name) if k in ARRAYS)
    arrays = [numbers(a) for a in found if a is not None]
    tame = all(np.isfinite(a).all() and float(abs(a).max(initial=0)) < 1e9 for a in arrays)
    if name in INTEGERS or not tame:
        return None
    wide = [a.astype(float) if a.dtype == np.longdouble else a for a in arrays]
    tensors = [torch.tensor(a) for a in wide]
    options = {k: hostile.plain(v) for k, v in arguments.items() if k not in (*ARRAYS, "budget")}
    grad, tensors = (None, tensors) if name == forward else (tensors[0], tensors[1:])
    slopes = [a.requires_grad_(name != forward) for a in tensors if a.is_floating_point()]
    try:
        y = FUNCTIONS[forward].oracle(torch, *tensors, **options)
        return y if name == forward else torch.autograd.grad(y, slopes, grad)
    except (TypeError, ValueError, RuntimeError, OverflowError, AttributeError):
        return None  # our extensions: padding by pairs, four axes, numbers beyond a float, ...


def check_answer(name, arguments, result):
    """The same as torch's, and the same as for options written plainly."""
    tensors = [v for v in arguments.values() if isinstance(v, torch.Tensor)]
    if any(t.device.type == "meta" for t in tensors):
        return  # it has a shape, and no values to be right or wrong
    options = {k: v if k in ARRAYS else hostile.plain(v) for k, v in arguments.items()}
    again = getattr(cl, name)(**options)
    if name in INTEGERS:
        np.testing.assert_equal(result, again)
        return
    dtype = str(flat(result)[0].dtype).removeprefix("torch.")
    dtype = "float64" if dtype == "float128" else dtype
    for one, other in zip(flat(result), flat(again), strict=True):
        np.testing.assert_array_equal(numbers(one), numbers(other))
    theirs = answer(name, arguments)
    for one, other in zip(flat(result), flat(theirs), strict=False) if theirs is not None else ():
        assert one.shape == other.shape
        one, other = numbers(one), numbers(other)
        scale = max(1.0, float(abs(other[np.isfinite(other)]).max(initial=0)))
        close(one / scale, other / scale, dtype)


@pytest.mark.parametrize("name", ALL)
@MANY
@given(data=st.data())
def test_a_hostile_call_is_answered_or_refused(name, data):
    arguments = data.draw(spoiled(name))
    before = {k: hostile.bits(v) for k, v in arguments.items()}
    try:
        with hostile.limits():
            result = getattr(cl, name)(**arguments)
    except (ValueError, TypeError) as error:
        hostile.check_refusal(name, error)
    else:
        check_answer(name, arguments, result)
    assert {k: hostile.bits(v) for k, v in arguments.items()} == before, "an input was written to"
