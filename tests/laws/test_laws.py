"""Laws that hold for every public function, whatever it is given: see `catalogue` for the calls."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from laws.catalogue import FUNCTIONS, OTHERS, calls
from strategies import whole

import convlib as cl

torch = pytest.importorskip("torch", reason="torch is not installed")

# A fifth of the examples that other tests have: there are as many laws as functions times six.
SOME = settings(
    max_examples=max(1, settings.default.max_examples // 5),
    suppress_health_check=[HealthCheck.too_slow],
)
FLOATS = ("float64", "float32", "float16")
DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


def names(chosen=lambda entry: True):
    return pytest.mark.parametrize("name", [n for n, e in FUNCTIONS.items() if chosen(e)])


def backward(name):
    return getattr(cl, f"{name}_backward", None)


def flat(results):
    """A result, or several, as a tuple."""
    return results if isinstance(results, tuple) else (results,)


def close(ours, theirs, dtype="float64", **more):
    """Equal but for the last digits of the dtype, or exactly for whole numbers."""
    eps = 0 if dtype not in (*FLOATS, "bfloat16") else {"bfloat16": 2**-7}.get(dtype)
    eps = float(np.finfo(dtype).eps) if eps is None else eps
    np.testing.assert_allclose(ours, theirs, rtol=64 * eps, atol=64 * eps, **more)


def numbers(a):
    """A NumPy array of the same values, float64 where NumPy has not the dtype."""
    if isinstance(a, np.ndarray):
        return a
    a = a.detach().cpu().resolve_conj()
    return (a.double() if a.dtype == torch.bfloat16 else a).numpy()


def dot(a, b):
    return float((np.asarray(a) * np.asarray(b)).sum())


def like(a, seed):
    """Whole numbers of the shape of `a`."""
    return np.asarray(whole(*a.shape, seed=seed))


def cast(array, dtype):
    """Floating-point arrays in `dtype`; indices stay. Quarters become whole numbers."""
    if array.dtype.kind != "f":
        return array
    array = 4 * array if dtype in FUNCTIONS["conv"].whole.split() else array
    return np.asarray(abs(array) if dtype == "uint8" else array).astype(dtype)


# ---- how an array may lie in memory ----


def fortran(a):
    return np.asfortranarray(a)


def turned(a):
    return np.asarray(np.flip(np.flip(a).copy()))


def gaps(a):
    wide = np.full([2 * n + 1 for n in a.shape], 99).astype(a.dtype)
    view = wide[(..., *(slice(1, None, 2) for _ in a.shape))]
    view[...] = a
    return view


def repeated(a):
    """The first row of the last axis, seen everywhere: its strides are 0."""
    return np.broadcast_to(a[..., :1], a.shape) if a.ndim else a


def frozen(a):
    a = a.copy()
    a.setflags(write=False)
    return a


def swapped(a):
    """The order of bytes of another machine."""
    return a.astype(a.dtype.newbyteorder())


LAYOUTS = (np.copy, fortran, turned, gaps, repeated, frozen, swapped)


def last(tensor):
    """Channels last, where that has a meaning."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    if tensor.ndim in formats:
        return tensor.contiguous(memory_format=formats[tensor.ndim])
    return tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor


def strided(tensor):
    view = torch.stack([tensor, tensor + 1], -1)
    return view[..., 0]


TENSORS = (torch.clone, last, strided)

# ---- the laws ----


def test_every_public_function_has_its_laws():
    functions = {n for n in cl.__all__ if inspect.isfunction(getattr(cl, n))}
    forwards = {n for n in functions if not n.endswith("_backward")}
    assert forwards == {*FUNCTIONS, *OTHERS}
    assert all(n.removesuffix("_backward") in FUNCTIONS for n in functions - forwards)


@names()
@SOME
@given(data=st.data())
def test_it_is_what_torch_says(name, data):
    call = data.draw(calls(name))
    expected = FUNCTIONS[name].oracle(torch, *map(torch.from_numpy, call.arrays), **call.options)
    close(call.run(), numbers(expected))


@names()
@SOME
@given(data=st.data())
def test_layout_in_memory_is_no_matter_and_inputs_stay(name, data):
    """For every dtype and every layout: the values of a plain copy, in new memory."""
    call = data.draw(calls(name))
    dtype = data.draw(st.sampled_from([*FLOATS, *FUNCTIONS[name].whole.split()]))
    arrange = data.draw(st.sampled_from(LAYOUTS))
    given_ = [arrange(cast(a, dtype)) for a in call.arrays]
    if name == "max_unpool" and arrange in (swapped, repeated):
        given_[1] = call.arrays[1]  # the machine's own int64, and no position twice
    plain = [np.array(a, dtype=a.dtype.newbyteorder("="), order="C") for a in given_]
    before = [a.copy() for a in given_]
    y, expected = call.run(*given_), call.run(*plain)
    assert y.dtype == given_[0].dtype
    close(y, expected, dtype)
    for a, copy in zip(given_, before, strict=True):
        np.testing.assert_array_equal(a, copy)
        assert not np.shares_memory(a, y)


@names()
@SOME
@given(data=st.data())
def test_arrays_and_tensors_agree(name, data):
    call = data.draw(calls(name))
    dtype = data.draw(st.sampled_from([*FLOATS, *FUNCTIONS[name].whole.split()]))
    arrays = [cast(a, dtype) for a in call.arrays]
    arrange = data.draw(st.sampled_from(TENSORS))
    device = data.draw(st.sampled_from(DEVICES))
    tensors = [arrange(torch.from_numpy(a)).to(device) for a in arrays]
    before = [t.clone() for t in tensors]
    y = call.run(*tensors)
    assert type(y) is torch.Tensor
    assert (y.dtype, y.device) == (tensors[0].dtype, tensors[0].device)
    close(numbers(y), call.run(*arrays), dtype)
    assert all(torch.equal(t, copy) for t, copy in zip(tensors, before, strict=True))
    assert all(t.data_ptr() != y.data_ptr() or not y.numel() for t in tensors)


@names()
@SOME
@given(data=st.data())
def test_bfloat16_is_float32_rounded(name, data):
    call = data.draw(calls(name))
    arrays = [cast(a, "float32") for a in call.arrays]
    tensors = [torch.from_numpy(a) for a in arrays]
    short = [t.bfloat16() if t.is_floating_point() else t for t in tensors]
    y = call.run(*short)
    assert y.dtype == torch.bfloat16
    middle = 100 if name == "separable_conv" else 1  # what is between its halves is rounded too
    expected = call.run(*tensors)
    scale = middle * max(1.0, float(expected.abs().max()) if expected.numel() else 0)
    close(numbers(y) / scale, numbers(expected) / scale, "bfloat16")


@names(lambda entry: entry.linear)
@SOME
@given(data=st.data(), a=st.integers(-3, 3), b=st.integers(-3, 3))
def test_linear_in_its_input(name, data, a, b):
    call = data.draw(calls(name))
    x, *rest = call.arrays
    rest = rest[: BIASED.get(name)]  # without the bias
    z = like(x, seed=11)
    expected = a * call.run(x, *rest) + b * call.run(z, *rest)
    close(call.run(a * x + b * z, *rest) / 1e3, expected / 1e3)


BIASED = {  # behind the input stand so many arrays, and then perhaps a bias
    "conv": 1, "depthwise_conv": 1, "pointwise_conv": 1, "separable_conv": 2, "conv_transpose": 1
}  # fmt: skip
ADJOINTS = {
    "im2col": "col2im",
    "col2im": "im2col",
    "channel_shuffle": "channel_unshuffle",
    "channel_unshuffle": "channel_shuffle",
    "pixel_shuffle": "pixel_unshuffle",
    "pixel_unshuffle": "pixel_shuffle",
}


def adjoint(call, x, y):
    """The transpose of a linear function: its backward, its inverse, or what autograd finds."""
    if call.name in ADJOINTS:
        options = dict(call.options)
        if call.name == "im2col":
            options["output_size"] = x.shape[-len(options["kernel_size"]) :]
        options.pop("output_size", None) if call.name == "col2im" else None
        if call.name.startswith("pixel"):
            (factor,) = options.values()
            other = "up" if call.name == "pixel_unshuffle" else "down"
            options = {f"{other}scale_factor": factor}
        return getattr(cl, ADJOINTS[call.name])(y, **options)
    if backward(call.name):
        rest = call.arrays[1:2] if call.name in (*BIASED, "max_unpool") else ()
        return flat(backward(call.name)(y, x, *rest, **call.options))[0]
    tensor = torch.from_numpy(x).requires_grad_()
    result = call.run(tensor, *map(torch.from_numpy, call.arrays[1:]))
    return torch.autograd.grad(result, tensor, torch.from_numpy(y))[0].numpy()


@names(lambda entry: entry.linear)
@SOME
@given(data=st.data())
def test_backward_is_the_adjoint(name, data):
    """<f(x), y> = <x, f*(y)> where f is linear; a bias is taken off."""
    call = data.draw(calls(name))
    x, *rest = call.arrays
    result = call.run() - call.run(0 * x, *rest)
    y = like(result, seed=12)
    back = adjoint(call, x, y)
    assert back.shape == x.shape
    assert math.isclose(dot(result, y), dot(x, back), rel_tol=1e-12, abs_tol=1e-9)


@names()
@SOME
@given(data=st.data())
def test_backward_is_autograd(name, data):
    """torch's gradient, what autograd finds through our function, and what our backward says."""
    call, entry = data.draw(calls(name)), FUNCTIONS[name]
    tensors = [torch.from_numpy(a) for a in call.arrays]
    slopes = [t.requires_grad_() for t in tensors[: entry.slopes]]
    y = call.run(*tensors)
    assume(y.requires_grad)
    grad = torch.from_numpy(like(y, seed=13))
    flown = torch.autograd.grad(y, slopes, grad)
    theirs = entry.oracle(torch, *tensors, **call.options)
    if y.numel():  # torch says nothing of what nothing depends on
        expected = torch.autograd.grad(theirs, slopes, grad)
        for a, b in zip(flown, expected, strict=True):
            close(a.numpy(), b.numpy())
    if backward(name):
        arrays = call.arrays[:2] if name in BIASED else call.arrays
        ours = flat(backward(name)(grad.numpy(), *arrays, **call.options))
        for a, b in zip(ours, flown, strict=False):  # a bias may have been left out
            close(a, b.numpy())


# What one cell of the output is in cells of the input, at stride s: s, or 1/s.
SHIFTED = {"conv": 1, "avg_pool": 1, "max_pool": 1, "lp_pool": 1, "zero_insert": -1}


@pytest.mark.parametrize("name", SHIFTED)
@SOME
@given(data=st.data())
def test_a_shift_passes_through(name, data):
    """Without padding: a stride further in is a cell further out, or the other way round."""
    call = data.draw(calls(name))
    plain = {"padding": 0, "padding_mode": "zeros", "ceil_mode": False}
    options = {k: plain.get(k, v) for k, v in call.options.items()}
    x, *rest = call.arrays
    rank = len(options["stride"])
    step, out = (options["stride"][-1], 1)[:: SHIFTED[name]]
    wide = np.pad(x, [(0, 0)] * (x.ndim - rank) + [(0, 12)] * rank, constant_values=1)
    moved = np.roll(wide, step, axis=-1)
    function = getattr(cl, name)
    close(
        function(moved, *rest, **options)[..., out:], function(wide, *rest, **options)[..., :-out]
    )
