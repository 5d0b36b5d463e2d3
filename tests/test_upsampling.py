"""Pixel shuffle and resizing: by hand, against torch, by their laws, and what they refuse."""

import math
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import whole

import convlib as cl

# ---- by hand ----


def test_pixel_shuffle_by_hand(xp):
    # two channels become every other pixel
    y = xp.call(cl.pixel_shuffle, [[[1, 2, 3], [10, 20, 30]]], upscale_factor=2)
    assert y.tolist() == [[[1, 10, 2, 20, 3, 30]]]
    # four channels become the squares 0 1 / 2 3, 4 5 / 6 7
    x = np.array([[[[0, 4]], [[1, 5]], [[2, 6]], [[3, 7]]]])
    y = xp.call(cl.pixel_shuffle, x, upscale_factor=2)
    assert y.tolist() == [[[[0, 1, 4, 5], [2, 3, 6, 7]]]]
    assert xp.call(cl.pixel_unshuffle, y, downscale_factor=2).tolist() == x.tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"size": 4}, [0, 0, 10, 10]),
        ({"size": 3}, [0, 0, 10]),  # floor(u * 2/3) = 0, 0, 1
        ({"size": 1}, [0]),
        ({"scale_factor": 2.5}, [0, 0, 0, 10, 10]),  # floor(u / 2.5)
        ({"scale_factor": 0.5}, [0]),
        ({"size": 4, "mode": "linear"}, [0, 2.5, 7.5, 10]),  # at -1/4, 1/4, 3/4, 5/4
        ({"size": 1, "mode": "linear"}, [5]),  # at 1/2
        ({"size": 2, "mode": "linear"}, [0, 10]),
        ({"scale_factor": 2, "mode": "linear"}, [0, 2.5, 7.5, 10]),
    ],
)
def test_resize_by_hand(xp, options, expected):
    y = xp.call(cl.resize, [[[0, 10]]], dtype="float64", **options)
    assert y.tolist() == [[expected]]


def test_two_axes_are_resized_one_after_the_other(xp):
    y = xp.call(cl.resize, np.array([[[[0.0, 4], [8, 12]]]]), size=(2, 4), mode="linear")
    assert y.tolist() == [[[[0, 1, 3, 4], [8, 9, 11, 12]]]]


def test_resize_backward_by_hand(xp):
    grad, x = [[[1.0, 2, 3, 4]]], [[[0.0, 0]]]
    nearest = xp.call(cl.resize_backward, grad, x, size=4)
    assert nearest.tolist() == [[[1 + 2, 3 + 4]]]
    linear = xp.call(cl.resize_backward, grad, x, size=4, mode="linear")
    first = 1 * 1 + 2 * 0.75 + 3 * 0.25
    assert linear.tolist() == [[[first, 10 - first]]]


# ---- oracle ----


@st.composite
def images(draw):
    """Shape (B, C, *spatial) of something small."""
    rank = draw(st.integers(1, 3))
    size = [draw(st.integers(1, {1: 9, 2: 6, 3: 4}[rank])) for _ in range(rank)]
    return (draw(st.integers(0, 2)), draw(st.integers(1, 3)), *size)


TORCHS = {"nearest": ["nearest"] * 3, "linear": ["linear", "bilinear", "trilinear"]}


def interpolate(torch, x, mode, **options):
    name = TORCHS[mode][x.ndim - 3]
    return torch.nn.functional.interpolate(x, mode=name, **options)


modes = st.sampled_from(["nearest", "linear"])


@given(shape=images(), mode=modes, data=st.data())
def test_resize_to_a_size_is_torchs(xp, torch, shape, mode, data):
    size = tuple(data.draw(st.integers(1, 2 * n + 2)) for n in shape[2:])
    x = whole(*shape)
    expected = interpolate(torch, torch.from_numpy(x), mode, size=size).numpy()
    y = xp.call(cl.resize, x, size=size, mode=mode)
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-13)


# Quarters and other fractions; the kernels of torch agree unless one leaves a size as it is.
factors = st.sampled_from([0.25, 0.5, 0.7, 0.75, 1, 1.3, 1.5, 1.7, 2, 2.5, 3, 4])


@given(shape=images(), mode=modes, data=st.data())
def test_resize_by_a_factor_is_torchs(xp, torch, shape, mode, data):
    scale = tuple(float(data.draw(factors)) for _ in shape[2:])
    size = [math.floor(n * s) for n, s in zip(shape[2:], scale, strict=True)]
    assume(min(size) >= 1)
    assume(all(s == 1 or o != n for o, n, s in zip(size, shape[2:], scale, strict=True)))
    x = whole(*shape)
    expected = interpolate(torch, torch.from_numpy(x), mode, scale_factor=scale).numpy()
    y = xp.call(cl.resize, x, scale_factor=scale, mode=mode)
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-13)


@given(shape=images(), mode=modes, data=st.data())
def test_resize_backward_is_torchs_autograd(xp, torch, shape, mode, data):
    size = tuple(data.draw(st.integers(1, 2 * n + 2)) for n in shape[2:])
    x = torch.from_numpy(whole(*shape)).requires_grad_()
    y = interpolate(torch, x, mode, size=size)
    seed = whole(*y.shape, seed=1)
    if shape[0]:
        (expected,) = torch.autograd.grad(y, x, torch.from_numpy(seed))
    else:  # torch's backward refuses an empty batch
        expected = torch.zeros(shape)
    grad = xp.call(cl.resize_backward, seed, whole(*shape), size=size, mode=mode)
    np.testing.assert_allclose(grad, expected.numpy(), rtol=1e-13, atol=1e-12)


@given(batch=st.integers(0, 2), channels=st.integers(1, 3), r=st.integers(1, 3))
def test_pixel_shuffles_are_torchs(xp, torch, batch, channels, r):
    x = whole(batch, channels * r * r, 2, 3)
    y = xp.call(cl.pixel_shuffle, x, upscale_factor=r)
    expected = torch.nn.functional.pixel_shuffle(torch.from_numpy(x), r)
    np.testing.assert_array_equal(y, expected.numpy())
    back = xp.call(cl.pixel_unshuffle, y, downscale_factor=r)
    assert back.shape == x.shape
    if batch:  # torch leaves the shape of an empty batch as it is
        expected = torch.nn.functional.pixel_unshuffle(expected, r)
        np.testing.assert_array_equal(back, expected.numpy())


@given(shape=images(), r=st.integers(1, 3))
def test_pixel_shuffle_is_its_formula(xp, shape, r):
    """One index at a time: y[b, c, h*r + i, ...] = x[b, c*r**n + (i, j, ...), h, ...]."""
    batch, channels, *size = shape
    rank = len(size)
    x = whole(batch, channels * r**rank, *size)
    y = xp.call(cl.pixel_shuffle, x, upscale_factor=r)
    assert y.shape == (batch, channels, *(n * r for n in size))
    for b, c, *at in np.ndindex(*y.shape):
        block = 0
        for place in at:
            block = block * r + place % r
        assert y[(b, c, *at)] == x[(b, c * r**rank + block, *(place // r for place in at))]


# ---- laws ----


@given(shape=images(), r=st.integers(1, 3))
def test_unshuffle_undoes_and_is_the_adjoint(xp, shape, r):
    batch, channels, *size = shape
    x = whole(batch, channels * r ** len(size), *size)
    y = xp.call(cl.pixel_shuffle, x, upscale_factor=r)
    np.testing.assert_array_equal(xp.call(cl.pixel_unshuffle, y, downscale_factor=r), x)
    other = whole(*y.shape, seed=1)
    assert (y * other).sum() == (x * cl.pixel_unshuffle(other, r)).sum()


@given(shape=images(), mode=modes, data=st.data())
def test_resize_backward_is_the_adjoint(xp, shape, mode, data):
    """Sum(resize(x) * y) = sum(x * resize_backward(y))."""
    size = tuple(data.draw(st.integers(1, 2 * n + 2)) for n in shape[2:])
    x = whole(*shape)
    y = cl.resize(x, size=size, mode=mode)
    other = whole(*y.shape, seed=1)
    grad = xp.call(cl.resize_backward, other, x, size=size, mode=mode)
    assert grad.shape == x.shape
    np.testing.assert_allclose((y * other).sum(), (x * grad).sum(), rtol=1e-12, atol=1e-9)


@given(shape=images(), mode=modes, data=st.data())
def test_a_constant_stays_and_values_stay_between(shape, mode, data):
    assume(shape[0])
    size = tuple(data.draw(st.integers(1, 2 * n + 2)) for n in shape[2:])
    flat = cl.resize(np.full(shape, 7.0), size=size, mode=mode)
    np.testing.assert_allclose(flat, 7, rtol=1e-14)
    x = whole(*shape)
    y = cl.resize(x, size=size, mode=mode)
    assert x.min() - 1e-12 <= y.min() <= y.max() <= x.max() + 1e-12


@given(shape=images(), mode=modes)
def test_the_same_size_changes_nothing(xp, shape, mode):
    x = whole(*shape)
    np.testing.assert_array_equal(xp.call(cl.resize, x, size=shape[2:], mode=mode), x)
    np.testing.assert_array_equal(xp.call(cl.resize, x, scale_factor=1, mode=mode), x)


@given(shape=images(), mode=modes, r=st.integers(1, 4))
def test_an_integer_factor_is_that_size(shape, mode, r):
    x = whole(*shape)
    by_size = cl.resize(x, size=tuple(n * r for n in shape[2:]), mode=mode)
    np.testing.assert_allclose(cl.resize(x, scale_factor=r, mode=mode), by_size, atol=1e-12)
    if mode == "nearest":
        block = np.kron(x, np.ones((1, 1, *(r,) * (len(shape) - 2))))
        np.testing.assert_array_equal(by_size, block)


@given(mode=modes, out=st.integers(1, 12), n=st.integers(1, 7))
def test_linear_resizing_is_linear_interpolation(mode, out, n):
    """Of NumPy's own, at the places of the formula; nearest counts with whole numbers."""
    x = whole(1, 1, n)
    if mode == "linear":
        at = (np.arange(out) + 0.5) * n / out - 0.5
        expected = np.interp(at, np.arange(n), x[0, 0])
    else:
        expected = x[0, 0, np.arange(out) * n // out]
    y = cl.resize(x, size=out, mode=mode)
    np.testing.assert_allclose(y[0, 0], expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_shuffling_after_a_convolution_is_a_transposed_convolution(xp, name):
    """Sub-pixel convolution: r*r kernels, laid out as one kernel of stride r (Shi et al.)."""
    x, kernel, r = whole(1, 2, 4, 4), whole(2, 1, 4, 4), 2
    # tap i of the transposed kernel lands on pixel i % r: so the kernel falls apart into r*r
    parts = [kernel[:, :, i::r, j::r] for i in range(r) for j in range(r)]
    turned = np.concatenate([np.flip(p, (2, 3)).swapaxes(0, 1) for p in parts])
    cells = xp.call(cl.conv, x, turned, padding=1, dtype=name)
    y = xp.call(cl.pixel_shuffle, cells, upscale_factor=r)
    expected = xp.call(cl.conv_transpose, x, kernel, stride=r, dtype=name)
    np.testing.assert_array_equal(y, expected)


def test_what_resizing_avoids():
    """Ones stay ones; a transposed convolution of ones makes a checkerboard of them."""
    ones = np.ones((1, 1, 6, 6))
    even = cl.conv(cl.resize(ones, scale_factor=2), np.ones((1, 1, 3, 3)))
    assert set(even.ravel().tolist()) == {9}
    uneven = cl.conv_transpose(ones, np.ones((1, 1, 3, 3)), stride=2)[..., 2:-2, 2:-2]
    assert set(uneven.ravel().tolist()) == {1, 2, 4}


SMOOTH = [
    ((1, 2, 3), {"size": 5, "mode": "linear"}),
    ((2, 1, 3, 2), {"scale_factor": (1.5, 2), "mode": "linear"}),
    ((1, 1, 2, 2, 2), {"size": (3, 1, 4), "mode": "linear"}),
    ((1, 1, 3, 4), {"scale_factor": 0.5, "mode": "nearest"}),
]


@pytest.mark.parametrize(("shape", "options"), SMOOTH)
def test_autograd_is_the_slope_and_the_backward(torch, shape, options):
    x = torch.from_numpy(whole(*shape)).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: cl.resize(a, **options), [x])
    y = cl.resize(x, **options)
    seed = torch.from_numpy(whole(*y.shape, seed=1)).requires_grad_()
    (grad,) = torch.autograd.grad(y, x, seed)
    torch.testing.assert_close(grad, cl.resize_backward(seed, x, **options))
    assert torch.autograd.gradcheck(lambda g: cl.resize_backward(g, x.detach(), **options), [seed])


@pytest.mark.parametrize(("shape", "options"), SMOOTH)
def test_backward_is_the_central_difference(shape, options):
    x = whole(*shape)
    seed = whole(*cl.resize(x, **options).shape, seed=1)
    grad = cl.resize_backward(seed, x, **options)
    for at in np.ndindex(*shape):
        step = np.zeros(shape)
        step[at] = 1
        above, below = ((cl.resize(x + s * step, **options) * seed).sum() for s in (1, -1))
        assert math.isclose(grad[at], (above - below) / 2, abs_tol=1e-10), f"grad_x[{at}]"


def test_autograd_of_each_shuffle_is_the_other(torch):
    x = torch.from_numpy(whole(2, 8, 3, 2)).requires_grad_()
    y = cl.pixel_shuffle(x, 2)
    seed = torch.from_numpy(whole(*y.shape, seed=1)).requires_grad_()
    (grad,) = torch.autograd.grad(y, x, seed)
    assert torch.equal(grad, cl.pixel_unshuffle(seed, 2))
    (grad,) = torch.autograd.grad(cl.pixel_unshuffle(seed, 2), seed, x)
    assert torch.equal(grad, cl.pixel_shuffle(x, 2))


# ---- contract ----


@pytest.mark.parametrize(
    ("name", "shape", "factor", "error", "words"),
    [
        ("pixel_shuffle", (1, 6, 2, 2), 2, ValueError,
         "the channels of x must be a multiple of upscale_factor**2 = 2**2 = 4, one for each cell "
         "of a block, but 6 = 1 * 4 + 2; got x.shape=(1, 6, 2, 2)."),
        ("pixel_shuffle", (1, 6, 2), 4, ValueError, "upscale_factor**1 = 4**1 = 4, one for each"),
        ("pixel_unshuffle", (1, 1, 4, 6), 4, ValueError,
         "downscale_factor must divide every spatial size of x; got downscale_factor=4, "
         "x.shape=(1, 1, 4, 6)."),
        *((name, *rest) for name in ("pixel_shuffle", "pixel_unshuffle") for rest in (
            ((4, 4), 2, ValueError, "3 axes at least; got x.shape=(4, 4). Add the batch axis: x["),
            ((1, 4, 4), 0, ValueError, "scale_factor must be at least 1; got"),
            ((1, 4, 4), 2.0, TypeError, "scale_factor must be an int; got"),
            ((1, 4, 4), True, TypeError, "scale_factor must be an int; got"),
        )),
    ],
)  # fmt: skip
def test_pixel_shuffles_refuse_with_the_numbers(xp, name, shape, factor, error, words):
    with pytest.raises(error, match=f"^{name}: .*{re.escape(words)}"):
        getattr(cl, name)(xp.asarray(np.ones(shape)), factor)


REFUSED = [
    ((2, 3), {"size": 3}, ValueError, "3 axes at least; got x.shape=(2, 3). Add the batch axis:"),
    ((1, 2, 3), {"size": (3, 3)}, ValueError, "2 + 2 = 4 axes for size=(3, 3); got x.shape=(1, 2"),
    ((1, 2, 3), {"scale_factor": (3, 3)}, ValueError, "for scale_factor=(3, 3); got x.shape=(1,"),
    ((1, 1, 0), {"size": 3}, ValueError,
     "every spatial size of x must be at least 1; got x.shape=(1, 1, 0)."),
    ((1, 1, 3), {}, ValueError, "give either size or scale_factor; got size=None, scale"),
    ((1, 1, 3), {"size": 2, "scale_factor": 2}, ValueError, "got size=2, scale_factor=2."),
    ((1, 1, 3), {"size": 0}, ValueError, "size must be at least 1; got size=0."),
    ((1, 1, 3), {"size": 2.5}, TypeError, "size must be an int; got size=2.5."),
    ((1, 1, 3, 3), {"size": (2,)}, ValueError, "or 2 ints, one per axis; got 1: size=(2,)."),
    ((1, 1, 3), {"size": 2, "mode": "bilinear"}, ValueError,
     "mode must be one of ('nearest', 'linear'); got mode='bilinear'."),
    ((1, 1, 3), {"size": 2, "mode": None}, ValueError, "got mode=None."),
    ((1, 1, 3), {"scale_factor": 0.25}, ValueError,
     "nothing is left: (3,) times scale_factor=0.25 is (0,)."),
    *(((1, 1, 3), {"scale_factor": bad}, ValueError,
       f"must be a positive number or 1 of them, one per axis; got scale_factor={bad!r}.")
      for bad in (0, -1, math.inf, math.nan, (1, 2, 3), ())),
    *(((1, 1, 3), {"scale_factor": bad}, TypeError,
       f"scale_factor must be a number; got scale_factor={bad!r}.") for bad in (True, "2")),
    ((1, 1, 3), {"scale_factor": [None]}, TypeError, "got scale_factor=None."),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "options", "error", "words"), REFUSED)
def test_resize_refuses_with_the_numbers(xp, shape, options, error, words):
    x = xp.asarray(np.ones(shape))
    with pytest.raises(error, match=f"^resize: .*{re.escape(words)}"):
        cl.resize(x, **options)
    with pytest.raises(error, match=f"^resize_backward: .*{re.escape(words)}"):
        cl.resize_backward(x, x, **options)


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 1, 4), (2, 4), (1, 2, 4, 1), ()])
def test_the_outputs_gradient_has_the_outputs_shape(xp, shape):
    words = (
        "resize_backward: grad_output must have the shape of the output, (1, 2, 4); "
        f"got grad_output.shape={shape}."
    )
    with pytest.raises(ValueError, match=re.escape(words)):
        cl.resize_backward(xp.asarray(whole(*shape)), xp.asarray(whole(1, 2, 2)), size=4)


def test_arrays_are_of_one_kind_and_hold_numbers(torch):
    x = whole(1, 1, 4)
    for call in (
        lambda a: cl.resize(a, size=2),
        lambda a: cl.pixel_shuffle(a, 1),
        lambda a: cl.pixel_unshuffle(a, 2),
    ):
        with pytest.raises(TypeError, match=r"x must be a numpy\.ndarray .* got list\."):
            call([[[1.0]]])
        with pytest.raises(TypeError, match=r"x must hold numbers; got dtype bool\."):
            call(x > 0)
    with pytest.raises(TypeError, match=r"^resize_backward: cannot mix numpy\.ndarray \(x\) and"):
        cl.resize_backward(torch.from_numpy(x), x, size=4)
    with pytest.raises(TypeError, match=r"^resize_backward: x and grad_output must have one dtype"):
        cl.resize_backward(x.astype("float32"), x, size=4)


def test_options_but_the_size_are_given_by_name():
    x = np.ones((1, 1, 3))
    with pytest.raises(TypeError, match="positional"):
        cl.resize(x, 3, None)
    with pytest.raises(TypeError, match="positional"):
        cl.resize_backward(x, x, 3, None)


@pytest.mark.parametrize("name", ["float16", "float32", "int8", "uint8", "int64", "complex64"])
def test_dtypes_stay(xp, name):
    x = abs(whole(1, 4, 2))
    y = xp.call(cl.pixel_shuffle, x, upscale_factor=2, dtype=name)
    np.testing.assert_array_equal(xp.call(cl.pixel_unshuffle, y, downscale_factor=2), x)
    near = xp.call(cl.resize, x, size=4, dtype=name)
    np.testing.assert_array_equal(near, x[..., [0, 0, 1, 1]])
    grad = xp.call(cl.resize_backward, near, x.astype(near.dtype), size=4)
    np.testing.assert_array_equal(grad, 2 * x)


@pytest.mark.parametrize("name", ["int8", "uint8", "int64"])
def test_whole_numbers_have_no_values_between(xp, name):
    """Weights such as 3/4 are no whole numbers: as torch does for these shapes, refuse."""
    x = xp.asarray([[[0, 10]]], name)
    with pytest.raises(TypeError, match=r"^resize: .*linear"):
        cl.resize(x, size=4, mode="linear")
    with pytest.raises(TypeError, match=r"^resize_backward: .*linear"):
        cl.resize_backward(x, x, size=2, mode="linear")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nan_and_inf_reach_what_sees_them(xp, torch, mode, value):
    x = whole(1, 1, 5, 4)
    x[0, 0, 1, 2] = value
    expected = interpolate(torch, torch.from_numpy(x), mode, size=(10, 7)).numpy()
    y = xp.call(cl.resize, x, size=(10, 7), mode=mode)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
    assert np.isfinite(y).any()


@pytest.mark.parametrize("name", ["float16", "float32"])
def test_low_precision_is_near_the_truth(xp, name):
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype(name)
    exact = cl.resize(x.astype(float), size=(7, 9), mode="linear")
    y = xp.call(cl.resize, x, size=(7, 9), mode="linear", dtype=name)
    # one rounding at the end for float16, which is computed in float32
    np.testing.assert_allclose(y, exact, rtol=np.finfo(name).eps, atol=1e-6)


def test_bfloat16(torch):
    x = torch.from_numpy(whole(1, 4, 3)).bfloat16()
    y = cl.resize(x, size=5, mode="linear")
    assert torch.equal(y, cl.resize(x.float(), size=5, mode="linear").bfloat16())
    assert cl.resize_backward(y, x, size=5, mode="linear").dtype == torch.bfloat16
    assert cl.pixel_shuffle(x, 2).dtype == torch.bfloat16


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_an_empty_batch(xp, mode):
    x = whole(0, 4, 3, 2)
    y = xp.call(cl.resize, x, size=(5, 6), mode=mode)
    assert y.shape == (0, 4, 5, 6)
    assert xp.call(cl.resize_backward, y, x, size=(5, 6), mode=mode).shape == x.shape
    assert xp.call(cl.pixel_shuffle, x, upscale_factor=2).shape == (0, 1, 6, 4)
    assert xp.call(cl.pixel_unshuffle, y[:, :, :4], downscale_factor=2).shape == (0, 16, 2, 3)


@pytest.mark.parametrize(
    "shape", [(1, 4, 0), (1, 4, 0, 3), (0, 4, 2, 0), (1, 0, 2, 2), (2, 8, 3, 0, 2)]
)
def test_empty_images(xp, torch, shape):
    """Nothing is rearranged to nothing; torch's shapes, where it has that many axes."""
    y = xp.call(cl.pixel_shuffle, np.zeros(shape), upscale_factor=2)
    rank = len(shape) - 2
    assert y.shape == (shape[0], shape[1] // 2**rank, *(2 * n for n in shape[2:]))
    if rank == 2:
        theirs = torch.nn.functional.pixel_shuffle(torch.zeros(shape), 2)
        assert y.shape == tuple(theirs.shape)
    assert xp.call(cl.pixel_unshuffle, y, downscale_factor=2).shape == shape


def test_results_are_new_memory():
    x = whole(1, 4, 2, 2)
    for y in (
        cl.resize(x, size=2),
        cl.resize(x, scale_factor=1, mode="linear"),
        cl.resize_backward(x, x, size=2),
        cl.pixel_shuffle(x, 1),
        cl.pixel_unshuffle(x, 1),
    ):
        assert not np.shares_memory(y, x)
        assert y.flags.writeable
        np.testing.assert_array_equal(y, x)


def test_any_layout_in_memory():
    x = whole(2, 4, 4, 6)
    for view in (x[::-1, ::-1], np.asfortranarray(x), x.transpose(0, 1, 3, 2), x[..., ::-2]):
        plain = np.ascontiguousarray(view)
        for call in (
            lambda a: cl.resize(a, size=5, mode="linear"),
            lambda a: cl.pixel_shuffle(a, 2),
        ):
            np.testing.assert_array_equal(call(view), call(plain))
        np.testing.assert_array_equal(
            cl.pixel_unshuffle(view[..., :2], 2), cl.pixel_unshuffle(plain[..., :2], 2)
        )


def test_the_meta_device_gives_shapes(torch):
    x = torch.ones(2, 4, 3, 3, device="meta")
    for y, shape in (
        (cl.resize(x, size=(5, 7), mode="linear"), (2, 4, 5, 7)),
        (cl.pixel_shuffle(x, 2), (2, 1, 6, 6)),
    ):
        assert (y.device.type, y.shape) == ("meta", shape)


def nearest_of_torch(torch, x, factors, layout):
    x = x.contiguous(memory_format=layout) if layout else x
    return torch.nn.functional.interpolate(x, scale_factor=factors)


@given(
    size=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    factors=st.lists(st.one_of(st.floats(0.34, 4), st.floats(1, 1.2), st.floats(2, 2.2))),
    channels=st.integers(1, 5),
)
def test_nearest_is_torchs_whatever_the_factor(torch, size, factors, channels):
    """Also where it leaves a size as it is, or doubles it, and is neither 1 nor 2."""
    factors = tuple(round(f, 2) for f in (*factors, 2.05, 1.2, 2.1))[: len(size)]
    assume(min(math.floor(n * f) for n, f in zip(size, factors, strict=True)) >= 1)
    x = torch.from_numpy(whole(1, channels, *size)).float()
    expected = nearest_of_torch(torch, x, factors, None)
    assert torch.equal(cl.resize(x, scale_factor=factors), expected)
    if len(size) == 2:
        expected = nearest_of_torch(torch, x, factors, torch.channels_last)
        assert torch.equal(cl.resize(x, scale_factor=factors), expected)


@pytest.mark.parametrize("factor, once_or_twice", [(1.2, [0, 1, 2, 3]), (2.05, [0, 0, 1, 1])])
def test_sizes_that_stay_or_double_by_hand(xp, torch, factor, once_or_twice):
    image = np.arange(4.0).reshape(1, 1, 4, 1)
    y = xp.call(cl.resize, image, scale_factor=(factor, 1)).ravel()
    assert y[:4].tolist() == once_or_twice
    # for signals floor(u / 1.2) = 0 0 1 2 and floor(u / 2.05) = 0 0 0 1, as of volumes
    by_formula = [math.floor(u / factor) for u in range(4)]
    for shape in ((1, 1, 4), (1, 1, 4, 1, 1)):
        y = xp.call(cl.resize, image.reshape(shape), scale_factor=(factor, 1, 1)[: len(shape) - 2])
        assert y.ravel()[:4].tolist() == by_formula
    volume = torch.arange(4.0).reshape(1, 1, 4, 1, 1).repeat(1, 4, 1, 1, 1)
    y = nearest_of_torch(torch, volume, (factor, 1, 1), torch.channels_last_3d)
    assert y[0, 0].ravel()[:4].tolist() == once_or_twice  # the third kernel


def test_nearest_rounds_as_torch_does(torch):
    """25 * (2/50) is 1: a product in float64 of a float32 step falls just short of it."""
    assert cl.resize(np.array([[[0.0, 1.0]]]), size=50).sum() == 25
    for n in range(1, 17):
        x = torch.arange(n, dtype=torch.float32)[None, None]
        for size in range(1, 65):
            assert torch.equal(cl.resize(x, size=size), interpolate(torch, x, "nearest", size=size))


@pytest.mark.parametrize("number", [np.int64(2), np.float32(2)])
def test_a_factor_may_be_a_number_of_numpys(number):
    assert cl.resize(np.ones((1, 1, 4)), scale_factor=number).shape == (1, 1, 8)
