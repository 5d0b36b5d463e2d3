"""What the deep search has found, one test each: mended, and to stay so."""

import math

import numpy as np
import pytest

import convlib as cl

INF, NAN = math.inf, math.nan


def test_an_infinite_alpha_leaves_the_right_side_alone():
    """It was inf * 0 there."""
    x = np.array([-1.0, 0.0, 2.0])
    assert cl.elu(x, INF).tolist() == [-INF, 0, 2]
    assert cl.elu(x, -INF).tolist() == [INF, 0, 2]
    np.testing.assert_array_equal(cl.celu(x, INF), [NAN, 0, 2])


def test_infinity_and_nan_are_answers_without_a_warning():
    x, kernel = np.array([[[INF, 1.0, -INF, NAN, 0.0]]]), np.array([[[0.0, 1.0]]])
    np.testing.assert_array_equal(cl.conv(x, kernel), [[[NAN, -INF, NAN, NAN]]])
    np.testing.assert_array_equal(cl.avg_pool(x, 3, stride=1), [[[NAN, NAN, NAN]]])
    np.testing.assert_array_equal(cl.conv_transpose(x, kernel)[0, 0, 1:3], [INF, NAN])
    assert np.isnan(cl.conv_backward(x[..., :-1], x, kernel)[1]).all()


@pytest.mark.parametrize("name", ["max_pool", "lp_pool", "adaptive_max_pool", "global_max_pool"])
def test_the_order_of_bytes_stays(name):
    x = np.arange(4.0).reshape(1, 1, 4).astype(">f8")
    options = {"max_pool": (2,), "lp_pool": (INF, 2), "adaptive_max_pool": (2,)}.get(name, ())
    y = getattr(cl, name)(x, *options)
    assert y.dtype == x.dtype
    assert y[0, 0, -1] == 3


def test_a_copy_spreads_no_infinity():
    """A linear resize to the same size: a weight of 0 made NaN of the neighbours."""
    x = np.array([[[INF, 1.0, 2.0]]])
    np.testing.assert_array_equal(cl.resize(x, size=3, mode="linear"), x)
    np.testing.assert_array_equal(cl.resize_backward(x, x, size=3, mode="linear"), x)


def test_an_axis_that_keeps_its_size_spreads_nothing(torch):
    """A linear resize along the other axis alone: the neighbours of a NaN were NaN."""
    x = np.array([[[[1.0, NAN, 3.0], [4.0, 5.0, 6.0]]]])
    expected = [[1, NAN, 3], [1 * 0.75 + 4 * 0.25, NAN, 3 * 0.75 + 6 * 0.25]]
    y = cl.resize(x, size=(4, 3), mode="linear")
    np.testing.assert_array_equal(y[0, 0, :2], expected)
    theirs = torch.nn.functional.interpolate(torch.from_numpy(x), (4, 3), mode="bilinear")
    np.testing.assert_array_equal(y, theirs)
    back = cl.resize_backward(x, np.zeros((1, 1, 4, 3)), size=(2, 3), mode="linear")
    assert np.isnan(back).any((0, 1, 2)).tolist() == [False, True, False]


@pytest.mark.parametrize("name", [n for n in cl.__all__ if n.endswith("lu_backward")])
def test_a_gradient_of_none_is_refused(name):
    arguments = [np.ones((1, 2, 3)), np.ones(2)][: 1 + (name == "prelu_backward")]
    with pytest.raises(TypeError, match=rf"^{name}: grad_output must be"):
        getattr(cl, name)(None, *arguments)


def test_tensors_as_options(torch):
    x, kernel = torch.ones(1, 1, 9), torch.ones(1, 1, 3)
    assert cl.conv(x, kernel, stride=torch.tensor(2)).shape == (1, 1, 4)
    for stride in (torch.tensor(True), torch.tensor(2, device="meta"), torch.tensor(2.0)):
        with pytest.raises(TypeError, match=r"^conv: stride must be an int; got stride=tensor"):
            cl.conv(x, kernel, stride=stride)


def test_steps_that_overflow_an_index(torch):
    """A tensor's own stride times 2**63 - 1 was a negative one, and a slice held nothing."""
    x, kernel, far = torch.ones(1, 1, 3, 2), torch.ones(1, 1, 1, 1), 2**63 - 1
    for pool in (cl.max_pool, cl.avg_pool, cl.avg_pool):
        assert pool(x, 1, stride=far).tolist() == [[[[1]]]]
    for method in ("direct", "im2col", "rows", "taps", "fft", "native"):
        options = {"stride": far, "dilation": far, "method": method}
        assert cl.conv(x, kernel, **options).shape == (1, 1, 1, 1)
    for method in ("scatter", "zero_insertion", "matrix", "native"):
        y = cl.conv_transpose(x[..., :1, :1], kernel, stride=far, method=method)
        assert y.tolist() == [[[[1]]]]


def test_float8_and_unsigned_tensors_are_refused(torch):
    """No library's kernels take them; the error was torch's own."""
    for dtype in (torch.float8_e4m3fn, torch.uint16):
        with pytest.raises(TypeError, match=r"^max_pool: x must hold numbers; got dtype torch"):
            cl.max_pool(torch.zeros(1, 1, 4).to(dtype), 2)
