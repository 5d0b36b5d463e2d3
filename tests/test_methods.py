"""The ways to compute a convolution, one against the other: all give the same numbers."""

import gc
import math
import re
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from strategies import Geometry, by_definition, geometries, whole

import convlib as cl
from convlib import _work, lowering
from convlib._layer import check_layer
from convlib.geometry import make_window
from convlib.methods import METHODS, _points, choose, fft, im2col, rows, taps, winograd

OURS = ["direct", "im2col"]

# ---- by hand ----


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_by_hand(xp, method):
    x, weight = np.arange(9.0).reshape(1, 1, 3, 3), np.arange(4.0).reshape(1, 1, 2, 2)
    if method == "native" and not xp.is_torch:
        with pytest.raises(ValueError, match="NumPy has none"):
            xp.call(cl.conv, x, weight, method=method)
        return
    y = xp.call(cl.conv, x, weight, method=method)
    if method in ("winograd", "fft"):  # maps of fractions
        y = y.round(9)
    assert y.tolist() == [
        [
            [
                [0 * 0 + 1 * 1 + 3 * 2 + 4 * 3, 1 * 0 + 2 * 1 + 4 * 2 + 5 * 3],  # 19 25
                [3 * 0 + 4 * 1 + 6 * 2 + 7 * 3, 4 * 0 + 5 * 1 + 7 * 2 + 8 * 3],  # 37 43
            ]
        ]
    ]


# ---- oracle ----


@given(g=geometries(batches=(0, 1, 2)))
def test_direct_is_the_definition(xp, g):
    y = xp.call(cl.conv, g.x, g.weight, method="direct", **g.options)
    np.testing.assert_array_equal(y, by_definition(g.x, g.weight, g))


@given(g=geometries())
def test_im2col_is_direct_for_every_budget(xp, g):
    expected = cl.conv(g.x, g.weight, g.bias, method="direct", **g.options)
    column = g.column_bytes()
    for budget in (1, column, 3 * column, 7 * column - 1, cl.COLUMN_BUDGET):
        y = xp.call(cl.conv, g.x, g.weight, g.bias, method="im2col", budget=budget, **g.options)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("method", ["rows", "taps"])
@given(g=geometries(batches=(0, 1, 2)))
def test_rows_and_taps_are_direct_for_every_budget(xp, method, g):
    expected = cl.conv(g.x, g.weight, g.bias, method="direct", **g.options)
    for budget in (1, 3 * g.column_bytes(), cl.COLUMN_BUDGET):
        y = xp.call(cl.conv, g.x, g.weight, g.bias, method=method, budget=budget, **g.options)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("by_kernel_rows", [False, True])
@given(g=geometries(batches=(0, 1, 2)))
def test_rows_go_by_those_of_kernels_or_of_outputs(by_kernel_rows, g):
    expected = cl.conv(g.x, g.weight, method="direct", **g.options)
    with mock.patch.object(
        rows, "_goes_by_kernel_rows", lambda *_: by_kernel_rows or g.dilation[0] > 1
    ):
        y = cl.conv(g.x, g.weight, method="rows", **g.options)
    np.testing.assert_array_equal(y, expected)


@given(g=geometries(batches=(1, 2)))
def test_native_is_direct(torch, g):
    expected = cl.conv(g.x, g.weight, g.bias, method="direct", **g.options)
    given_ = [torch.from_numpy(a) for a in (g.x, g.weight, g.bias)]
    y = cl.conv(*given_, method="native", **g.options)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-13, atol=1e-11)


@pytest.mark.parametrize("mode", ["zeros", "replicate"])
def test_native_takes_unequal_padding_on_one_axis_alone(torch, mode):
    x, weight = whole(2, 2, 4, 5, seed=1), whole(3, 2, 3, 2, seed=2)
    options = {"padding": ((0, 2), (1, 1)), "padding_mode": mode}
    expected = cl.conv(x, weight, method="direct", **options)
    y = cl.conv(torch.from_numpy(x), torch.from_numpy(weight), method="native", **options)
    np.testing.assert_array_equal(y.numpy(), expected)


def test_more_axes_than_torch_has(xp):
    x, weight = whole(2, 2, 3, 2, 3, 2, seed=1), whole(3, 2, 2, 1, 2, 2, seed=2)
    expected = cl.conv(x, weight, method="direct", padding=1)
    assert expected.shape == (2, 3, 4, 4, 4, 3)
    np.testing.assert_array_equal(xp.call(cl.conv, x, weight, padding=1, budget=999), expected)


@given(g=geometries())
def test_backward_is_the_same_for_every_budget(xp, g):
    expected = cl.conv_backward(g.y, g.x, g.weight, **g.options)
    column = g.column_bytes()
    for budget in (1, column, 3 * column, 7 * column - 1):
        grads = xp.call(cl.conv_backward, g.y, g.x, g.weight, budget=budget, **g.options)
        for ours, theirs in zip(grads, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def layer_of(x, weight, options=None):
    """The checked layer of a call of `conv`."""
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}
    given = defaults | {"budget": cl.COLUMN_BUDGET} | (options or {})
    names = ("stride", "padding", "dilation", "groups", "padding_mode", "budget")
    return check_layer(x, weight, tuple(given[name] for name in names))


# ---- laws ----


@given(g=geometries(batches=(0, 1, 3)))
def test_columns_of_a_tile_fit_the_budget(g):
    out, column = (g.batch, *g.out), g.column_bytes()
    for kernels, budget in product((1, 100), (1, 3 * column, 10 * column)):
        layer = layer_of(g.x, g.weight, g.options | {"budget": budget})
        layer = layer._replace(y_shape=(g.batch, kernels, *g.out))
        covered = np.zeros(out, int)
        for (images, _, *box), _ in im2col._tiles(layer, g.x, 1):
            covered[(images, *box)] += 1
            outputs = covered[(images, *box)].size
            results = outputs * kernels * g.x.itemsize
            assert outputs == 1 or max(outputs * column, results) <= budget
        assert (covered == 1).all()


# ---- winograd ----


def winograd_options(g):
    return {"padding": g.padding, "groups": g.groups, "padding_mode": g.mode}


@given(g=geometries())
def test_winograd_is_direct(xp, g):
    g = replace(g, stride=(1,) * g.rank, dilation=(1,) * g.rank)
    if max(g.kernel) > (3 if g.rank == 3 else 5):
        return
    options = winograd_options(g)
    expected = xp.call(cl.conv, g.x, g.weight, g.bias, method="direct", **options)
    for budget in (1, cl.COLUMN_BUDGET):
        y = xp.call(cl.conv, g.x, g.weight, g.bias, method="winograd", budget=budget, **options)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-9)


@given(g=geometries())
def test_fft_is_direct(xp, g):
    expected = xp.call(cl.conv, g.x, g.weight, g.bias, method="direct", **g.options)
    for budget in (1, cl.COLUMN_BUDGET):
        y = xp.call(cl.conv, g.x, g.weight, g.bias, method="fft", budget=budget, **g.options)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("m", "n"), [(2, 3), (4, 3), (1, 1), (3, 2), (2, 5), (3, 4)])
def test_transforms_are_a_correlation(m, n):
    output, weight, inputs = winograd.transforms(m, n)
    x, w = whole(m + n - 1, seed=1), whole(n, seed=2)
    expected = [sum(w[j] * x[i + j] for j in range(n)) for i in range(m)]
    np.testing.assert_allclose(output @ ((weight @ w) * (inputs @ x)), expected, atol=1e-11)
    assert len(inputs) == m + n - 1  # products for m outputs: the least there can be


def test_transforms_of_two_outputs_by_hand():
    """F(2, 3): y0 = m1 + m2 + m3 and y1 = m2 - m3 + m4, up to the signs of a row and its points."""
    output, weight, inputs = winograd.transforms(2, 3)
    assert output.tolist() == [[1, 1, 1, 0], [0, 1, -1, 1]]
    assert weight.tolist() == [[-1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    assert inputs.tolist() == [[-1, 0, 1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]


@pytest.mark.parametrize("channels", [48, 64, 256])
def test_float32_error_of_auto_is_bounded(channels):
    """At most 2e-4 of the output's RMS, against float64."""
    rng = np.random.default_rng(channels)
    x = rng.standard_normal((2, channels, 30, 31))
    weight = rng.standard_normal((channels, channels, 3, 3))
    exact = cl.conv(x, weight, padding=1)
    y = cl.conv(x.astype(np.float32), weight.astype(np.float32), padding=1)
    rms = np.sqrt(np.mean(exact**2))
    error = np.abs(y - exact).max() / rms
    assert 5e-6 < error < 2e-4, "below, it was not Winograd that auto chose"


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e37])
def test_auto_keeps_what_is_not_finite_in_its_place(torch, value):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 48, 24, 24)).astype(np.float32)
    weight = rng.standard_normal((48, 48, 3, 3)).astype(np.float32)
    x[0, 3, 10, 11] = value
    assert choose(x, layer_of(x, weight, {"padding": 1})) == "winograd"
    y = cl.conv(x, weight, padding=1)
    expected = torch.nn.functional.conv2d(*map(torch.from_numpy, (x, weight)), padding=1).numpy()
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
    near = np.abs(np.where(np.isfinite(expected), expected, 0)).max() * 1e-5
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=near)


@pytest.mark.parametrize(
    ("kernel", "dtype", "options"),
    [(3, "f4", {"stride": 2}), (3, "f4", {"dilation": 2}), (6, "f4", {}), (3, "i4", {})],
)
def test_winograd_refuses_what_it_cannot_do(kernel, dtype, options):
    x, weight = np.ones((1, 1, 9, 9), dtype), np.ones((1, 1, kernel, kernel), dtype)
    with pytest.raises(ValueError, match=r'conv: method="winograd" needs stride 1, .* Use method'):
        cl.conv(x, weight, method="winograd", **options)


@pytest.mark.parametrize("method", ["winograd", "fft"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_points_of_halves_are_float32s(xp, method, dtype):
    if dtype == "bfloat16" and not xp.is_torch:
        pytest.skip("NumPy has no bfloat16")
    g = Geometry(2, 2, 3, 2, (9, 7), (3, 3), (1, 1), ((1, 1), (0, 2)), (1, 1), "zeros")
    options = winograd_options(g)
    expected = xp.call(cl.conv, g.x, g.weight, method="direct", dtype=dtype, **options)
    y = xp.call(cl.conv, g.x, g.weight, method=method, dtype=dtype, **options)
    atol = {"float16": 0.25, "bfloat16": 2, "float32": 1e-3}[dtype]  # a unit in the last place
    np.testing.assert_allclose(y.astype(float), expected.astype(float), rtol=0, atol=atol)


@pytest.mark.parametrize("budget", [1, 2**21, cl.COLUMN_BUDGET])
def test_many_kernels_are_transformed_in_parts(budget):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 192, 18, 9))
    weight = rng.standard_normal((384, 192, 3, 3))
    maps = winograd.Maps((3, 3), x, (4, 4))
    assert len(_points._kernel_blocks(maps, layer_of(x, weight, {"padding": 1}), 1)) > 1
    y = cl.conv(x, weight, padding=1, method="winograd", budget=budget)
    np.testing.assert_allclose(y, cl.conv(x, weight, padding=1, method="im2col"), atol=1e-8)


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
@pytest.mark.parametrize("method", ["auto", "im2col", "rows", "taps", "fft", "native", "winograd"])
def test_torch_compiles_it(torch, method):
    """As one graph; Winograd's matrices alone are made by NumPy, outside of it. FFTs round."""
    torch._dynamo.reset()
    x, weight = (torch.from_numpy(whole(*s).astype("f4")) for s in ((2, 4, 9, 9), (4, 4, 3, 3)))
    compiled = torch.compile(cl.conv, backend="eager", fullgraph=method != "winograd")
    y = compiled(x, weight, padding=1, method=method)
    expected = cl.conv(x, weight, padding=1, method=method)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-3)


# ---- contract ----


@pytest.mark.parametrize("method", ["", "Direct", "gemm", None, 3, ["direct"]])
def test_an_unknown_method_is_refused(method):
    words = (
        "conv: method must be one of ('auto', 'direct', 'im2col', 'rows', 'taps', 'winograd', "
        "'fft', 'native'); "
        f"got method={method!r}."
    )
    with pytest.raises(ValueError, match=re.escape(words)):
        cl.conv(np.ones((1, 1, 1)), np.ones((1, 1, 1)), method=method)


def test_native_refuses_arrays_and_many_axes(torch):
    words = r"^conv: method=\"native\" .* got an ndarray with 1 spatial axis\. Use method=\"auto\""
    with pytest.raises(ValueError, match=words):
        cl.conv(np.ones((1, 1, 1)), np.ones((1, 1, 1)), method="native")
    x = torch.ones(1, 1, 1, 1, 1, 1)
    with pytest.raises(ValueError, match=r"^conv: .* got a Tensor with 4 spatial axes\."):
        cl.conv(x, x, method="native")


def test_the_backward_refuses_what_a_method_cannot_do(torch):
    """In its own name; a stride is none of it, for zeros stand in between then."""
    x, weight = np.ones((1, 1, 9, 9)), np.ones((1, 1, 3, 3))
    grad = np.ones((1, 1, 4, 4))
    for method, dtype, options, words in (
        ("winograd", float, {"dilation": 2, "stride": 2, "padding": 1}, "needs stride 1, dilation"),
        ("fft", int, {"stride": 2}, "takes real numbers that are not integers"),
        ("native", float, {"stride": 2}, "NumPy has none"),
        ("gemm", float, {"stride": 2}, "must be one of"),
    ):
        with pytest.raises(ValueError, match=f"^conv_backward: method.*{words}"):
            arrays = [a.astype(dtype) for a in (grad, x, weight)]
            cl.conv_backward(*arrays, method=method, **options)
    assert cl.conv_backward(grad, x, weight, stride=2, method="winograd")[0].shape == x.shape
    for method, words in (("native", "NumPy has none"), ("im2col", "must be one of")):
        with pytest.raises(ValueError, match=f"^conv_transpose_backward: method.*{words}"):
            cl.conv_transpose_backward(x, grad, weight, stride=2, method=method)


@pytest.mark.parametrize(
    ("budget", "error"),
    [(0, ValueError), (-5, ValueError), (1e6, TypeError), (True, TypeError), (None, TypeError)],
)
def test_such_a_budget_is_refused(budget, error):
    x = np.ones((1, 1, 1))
    for function, arrays in ((cl.conv, (x, x)), (cl.conv_backward, (x, x, x))):
        words = rf"^{function.__name__}: budget must be .*got budget={budget!r}\."
        with pytest.raises(error, match=words):
            function(*arrays, budget=budget)


@pytest.mark.parametrize("method", OURS)
def test_half_precision_is_summed_in_float32(xp, method):
    # 2048 + 1 is 2048 again in float16; 2048 + 4*1 = 2052 is a float16
    x = np.array([[[2048, 1, 1, 1, 1]]], np.float16)
    y = xp.call(cl.conv, x, np.ones((1, 1, 5), np.float16), method=method)
    assert y.tolist() == [[[2052]]]


@pytest.mark.parametrize("method", OURS)
def test_bfloat16_is_summed_in_float32(torch, method):
    # 256 + 1 is 256 again in bfloat16; 256 + 4*1 = 260 is a bfloat16
    x = torch.tensor([[[256.0, 1, 1, 1, 1]]], dtype=torch.bfloat16)
    y = cl.conv(x, torch.ones(1, 1, 5, dtype=torch.bfloat16), method=method)
    assert y.dtype == torch.bfloat16
    assert y.tolist() == [[[260]]]


@pytest.mark.parametrize("method", OURS)
@pytest.mark.parametrize(("name", "one_below"), [("float16", 1e-3), ("float32", 1e-6)])
def test_narrow_floats_are_as_near_as_their_last_digit(xp, method, name, one_below):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 8, 12)), rng.standard_normal((4, 8, 5))
    x, weight = x.astype(name), weight.astype(name)
    y = xp.call(cl.conv, x, weight, method=method)
    exact = cl.conv(x.astype(float), weight.astype(float), method="direct")
    scale = cl.conv(abs(x).astype(float), abs(weight).astype(float), method="direct")
    assert (abs(y - exact) <= one_below * scale).all()
    if name == "float16":  # the sum itself is far better: only the last rounding is seen
        assert (abs(y - exact) <= 2**-11 * abs(exact) + 1e-5).all()


def test_half_precision_gradients_are_summed_in_float32(xp):
    # grad_bias: 2048 + 4*1. grad_weight the same, x being ones. grad_x: each cell once.
    grad = np.array([[[2048, 1, 1, 1, 1]]], np.float16)
    x, weight = np.ones((1, 1, 5), np.float16), np.ones((1, 1, 1), np.float16)
    grad_x, grad_weight, grad_bias = xp.call(cl.conv_backward, grad, x, weight, budget=1)
    assert grad_x.tolist() == grad.tolist()
    assert grad_weight.tolist() == [[[2052]]]
    assert grad_bias.tolist() == [2052]
    # over a batch of 2048, 1, 1, 1, 1, for two kernels
    batch = np.moveaxis(grad, 2, 0)
    grads = cl.conv_backward(batch.repeat(2, axis=1), np.ones_like(batch), weight.repeat(2, axis=0))
    assert grads[1].tolist() == [[[2052]], [[2052]]]
    assert grads[2].tolist() == [2052, 2052]
    # windows 4, 3, 2, 1, 0 all see cell 4: 2048 + 4*1 again
    back = cl.conv_backward(
        grad[..., ::-1], np.ones((1, 1, 9), np.float16), np.ones((1, 1, 5), np.float16)
    )[0]
    assert back[0, 0, 4] == 2052


# ---- what auto chooses ----

IMAGE_48 = (1, 48, 24, 24), (48, 48, 3, 3)  # 48 channels, 6*6 tiles


@pytest.mark.parametrize(
    ("shapes", "options", "method"),
    [
        (IMAGE_48, {}, "winograd"),
        (((1, 48, 28, 28), (48, 48, 3, 3)), {"dtype": "f8"}, "rows"),  # keeps its last digits
        (IMAGE_48, {"stride": 2, "padding": 20}, "rows"),
        (((1, 48, 24, 32), (48, 24, 3, 3)), {"groups": 2}, "rows"),  # kernels of 24 channels
        (((1, 48, 8, 60), (48, 48, 3, 3)), {}, "rows"),  # 2*15 tiles
        (((2, 48, 16, 16), (48, 48, 3, 3)), {}, "winograd"),  # 4*4 tiles of each image
        (((1, 47, 28, 28), (48, 47, 3, 3)), {}, "rows"),
        (((1, 48, 28, 28), (47, 48, 3, 3)), {}, "rows"),
        (((1, 48, 28, 28), (48, 48, 5, 5)), {"padding": 2}, "rows"),
        # by rows of kernels: few kernels, and enough to read and to write for each row
        (((1, 72, 20, 20), (100, 72, 3, 3)), {"dtype": "f8"}, "rows"),  # 400 outputs
        (((1, 72, 20, 20), (101, 72, 3, 3)), {"dtype": "f8"}, "im2col"),  # fewer than 4*101
        (((1, 8, 52, 52), (8, 8, 3, 3)), {}, "im2col"),  # 8*3*2704 cells
        (((1, 8, 53, 53), (8, 8, 3, 3)), {}, "rows"),  # 8*3*2809, more than 2**16
        (((1, 32, 28, 28), (32, 1, 3, 3)), {"groups": 32}, "rows"),
        (((1, 8, 53, 53), (8, 8, 3, 3)), {"dilation": 2, "padding": 2}, "rows"),
        (((1, 8, 106, 106), (8, 8, 3, 3)), {"stride": 2}, "rows"),
        (((1, 8, 160, 160), (8, 8, 3, 3)), {"stride": 3}, "im2col"),  # no row is read twice
        (((1, 64, 64, 64), (64, 64, 1, 1)), {"padding": 0}, "im2col"),
        (((1, 8, 53 * 53), (8, 8, 3)), {}, "im2col"),  # a signal has no rows
        # by rows of outputs: few weights and wide rows
        (((1, 2, 28, 28), (7, 2, 3, 3)), {}, "rows"),
        (((1, 2, 28, 27), (7, 2, 3, 3)), {}, "im2col"),  # rows of 27 outputs
        (((1, 8, 28, 28), (455, 8, 3, 3)), {}, "rows"),  # 32,760 weights
        (((1, 8, 28, 28), (456, 8, 3, 3)), {}, "im2col"),  # 32,832, more than 2**15
        (((1, 2, 28, 28), (7, 2, 3, 3)), {"dilation": (2, 1)}, "im2col"),
        (((1, 2, 28, 30), (7, 2, 3, 3)), {"dilation": (1, 2)}, "rows"),
        (((1, 8, 28, 55), (8, 8, 3, 3)), {}, "im2col"),  # 8*3*1540 numbers for a row of kernels
        (((1, 8, 28, 56), (8, 8, 3, 3)), {}, "rows"),  # broad rows
        # taps
        (((1, 256, 8, 4), (256, 1, 3, 3)), {"groups": 256}, "taps"),  # rows of 4 outputs
        (((1, 256, 8, 10), (256, 1, 3, 3)), {"groups": 256, "stride": 3}, "taps"),
        (((1, 255, 8, 4), (255, 1, 3, 3)), {"groups": 255}, "im2col"),
        (((1, 256, 4, 8), (256, 1, 3, 3)), {"groups": 256}, "im2col"),
        (((1, 256, 8, 4), (512, 1, 3, 3)), {"groups": 256}, "im2col"),  # two kernels a channel
    ],
)
def test_what_auto_chooses(shapes, options, method):
    options = {"dtype": "f4", "padding": 1} | options
    dtype = options.pop("dtype")
    x, weight = (np.ones(shape, dtype) for shape in shapes)
    assert choose(x, layer_of(x, weight, options)) == method


@pytest.mark.parametrize(
    ("channels", "side", "architecture", "method"),
    [
        (256, 14, "Haswell", "winograd"),  # 4*4 tiles of 4x4 outputs
        (256, 14, "Zen", "winograd"),
        (256, 14, "SkylakeX", "im2col"),
        (255, 14, "Haswell", "im2col"),
        (256, 12, "Haswell", "im2col"),  # 3*3 tiles
    ],
)
def test_a_slow_blas_makes_small_maps_worth_a_transform(
    monkeypatch, channels, side, architecture, method
):
    monkeypatch.setattr(_work, "_blas", lambda: [SimpleNamespace(architecture=architecture)])
    x = np.ones((1, channels, side, side), np.float32)
    weight = np.ones((channels, channels, 3, 3), np.float32)
    assert choose(x, layer_of(x, weight, {"padding": 1})) == method


def test_few_tiles_are_small_ones(monkeypatch):
    steps = []
    monkeypatch.setattr(_points, "forward", lambda maps, *_, **__: steps.append(maps.step))
    for shape, kernel in (
        ((1, 1, 14, 30), (3, 3)),  # 4*8 tiles of 4x4 outputs
        ((1, 1, 14, 26), (3, 3)),  # 4*7
        ((2, 1, 14, 14), (3, 3)),
        ((1, 1, 9, 9), (5, 1)),  # tiles of 2x1 are as small as they get
        ((1, 1, 9), (2,)),
        ((1, 1, 12, 12, 12), (3, 3, 3)),  # of three axes, tiles of 2 outputs are the large ones
    ):
        x, weight = np.ones(shape), np.ones((1, 1, *kernel))
        layer = layer_of(x, weight, {"padding": 1 if kernel == (3, 3) else 0})
        winograd.forward(x, weight, layer)
    assert steps == [(4, 4), (2, 2), (4, 4), (2, 1), (2,), (2, 2, 2)]


def test_auto_is_im2col_for_tensors(torch):
    x, weight = (torch.ones(shape) for shape in IMAGE_48)
    assert choose(x, layer_of(x, weight, {"padding": 1})) == "im2col"


# ---- how the work is cut ----


@pytest.mark.parametrize("method", ["im2col", "rows", "taps", "winograd", "fft", "backward"])
def test_threads_are_woken_by_the_values_in_and_out(monkeypatch, method):
    asked = []

    def threads_for(like, *shapes, uses=1):
        asked.append((sum(map(math.prod, shapes)), uses))
        return 1

    for module in (im2col, rows, taps, _points):
        monkeypatch.setattr(module, "threads_for", threads_for)
    x, weight = whole(2, 4, 9, 9), whole(6, 2, 3, 3)
    stride = 2 if method == "backward" else 1
    cost = cl.conv_cost(x.shape, weight.shape, groups=2, stride=stride)
    if method == "backward":
        cl.conv_backward(np.ones(cost.output_shape), x, weight, groups=2, stride=2)
    else:
        cl.conv(x, weight, groups=2, method=method)
    # Laid out once, a value is read by each kernel of its group; by the way to a spectrum, often.
    uses = 1 if method in ("taps", "fft") else 3
    assert set(asked) == {(math.prod(x.shape) + math.prod(cost.output_shape), uses)}


@pytest.mark.parametrize("method", ["im2col", "rows", "taps", "winograd"])
def test_each_thread_has_its_part(monkeypatch, method):
    """Two images, cut for four threads: into four parts at least, and not into crumbs."""
    cuts = []
    for module in (im2col, rows, taps, _points):
        monkeypatch.setattr(module, "threads_for", lambda *_, **__: 4)
    monkeypatch.setattr(
        _work, "share", lambda work, items, _: cuts.append(len(items)) or work(iter(items))
    )
    x, weight = whole(2, 4, 40, 40).astype("f4"), whole(4, 4, 3, 3).astype("f4")
    y = cl.conv(x, weight, padding=1, method=method)
    np.testing.assert_allclose(y, cl.conv(x, weight, padding=1, method="direct"), rtol=1e-4, atol=9)
    assert 4 <= cuts[0] <= 16
    if method == "im2col":  # 400 outputs: 256 make a good product, 100 do not
        cl.conv(x[:1, :, :20, :20], weight, padding=1, method=method)
        assert cuts[1:] == [2]


def test_small_images_share_a_tile():
    def tiles_of_two_images(kernel, side):
        x = np.ones((2, 1, side + kernel - 1, side + kernel - 1))
        return len(im2col._tiles(layer_of(x, np.ones((1, 1, kernel, kernel))), x, 1))

    assert tiles_of_two_images(kernel=3, side=10) == 1
    assert tiles_of_two_images(kernel=1, side=7) == 1  # 7*7 columns alone are a poor product
    assert tiles_of_two_images(kernel=1, side=10) == 2  # each the image's own memory: no copy


def test_the_side_of_an_fft_tile_by_hand():
    assert fft._side(8, 1000) == 32  # four spans
    assert fft._side(9, 1000) == 64  # 36, in powers of two
    assert fft._side(1, 1000) == 16  # the least
    assert fft._side(3, 6) == 8  # 3 + 6 - 1 cells are all there is
    assert fft._side(1, 1) == 2


def test_points_fit_the_caches():
    # 32x32 tiles of 36 points of 16 channels and 48 kernels, in float32; then 1024 kernels
    x, weight = np.ones((1, 16, 130, 130), np.float32), np.ones((48, 16, 3, 3), np.float32)
    maps = winograd.Maps((3, 3), x, (4, 4))
    layer = layer_of(x, weight, {"budget": 2**30})
    blocks = _points._blocks(maps, layer, 1)
    tiles = [math.prod(at.stop - at.start for at in block) for block in blocks]
    assert 1.5 * 2**20 <= max(tiles) * 36 * (16 + 48) * 4 <= 3 * 2**20
    many = _points._kernel_blocks(
        maps, layer_of(np.ones((1, 64, 9, 9)), np.ones((1024, 64, 3, 3))), 1
    )
    assert 6 * 2**20 <= max(at.stop - at.start for at in many) * 36 * 64 * 4 <= 12 * 2**20
    shared = _points._kernel_blocks(maps, layer_of(x, weight[:16]), 4)
    assert shared == [slice(i, i + 4) for i in (0, 4, 8, 12)]  # four kernels for each of 4 threads


def test_one_image_is_multiplied_into_its_place(monkeypatch):
    def product(*_):
        raise AssertionError("the sums are made elsewhere, and copied")

    monkeypatch.setattr(_work.Scratch, "product", product)
    x, weight = np.ones((3, 2, 6, 20)), np.ones((4, 2, 3, 3))
    y = cl.conv(x, weight, method="im2col", budget=8 * 18 * 40)  # two rows of 18 in each tile
    assert (y == 18).all()  # 2*3*3 ones


def test_columns_of_neighbouring_windows_are_one_copy(monkeypatch):
    phases = []
    monkeypatch.setattr(lowering, "_lay_by_phase", lambda *_: phases.append(1))
    x, weight = np.ones((1, 2, 6, 6)), np.ones((4, 2, 3, 3))
    cl.conv(x, weight, method="im2col", stride=(2, 1))
    assert not phases
    cl.conv(x, weight, method="im2col", stride=(1, 2))
    assert phases


def test_the_fft_copies_nothing_where_no_stride_skips(monkeypatch):
    y, x, weight = np.ones((1, 1, 5)), np.ones((1, 1, 7)), np.ones((1, 1, 3))
    monkeypatch.setattr(_points, "forward", lambda *_, **__: y)
    assert fft.forward(x, weight, layer_of(x, weight)) is y
    every_other = fft.forward(x, weight, layer_of(x, weight, {"stride": 2}))
    assert every_other.shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "applies"),
    [
        ((5,), 1, 1, True),
        ((6,), 1, 1, False),
        ((5, 1), 1, 1, True),
        ((1, 6), 1, 1, False),
        ((3, 3, 3), 1, 1, True),
        ((3, 3, 4), 1, 1, False),  # tiles of three axes are too many points
        ((3, 3), (1, 2), 1, False),
        ((3, 3), 1, (1, 2), False),
    ],
)
def test_where_winograd_applies(kernel, stride, dilation, applies):
    window = make_window(kernel, stride, 0, dilation, len(kernel))
    assert winograd.applies(window) is applies


def test_broad_rows_go_by_rows_of_outputs_where_a_group_has_few_weights():
    for groups, out, by_kernels in (
        (64, (8, 60), False),  # nine weights a group, whatever their number in all
        (64, (8, 55), True),
        (1, (8, 60), True),  # 64*64*9, more than 2**15
    ):
        x, weight = np.ones((1, 64, *out)), np.ones((64, 64 // groups, 3, 3))
        layer = layer_of(x, weight, {"padding": 1, "groups": groups})
        assert rows._goes_by_kernel_rows(layer) is by_kernels


def test_groups_are_dealt_to_the_threads():
    assert im2col._group_ranges(8, 2) == [slice(0, 4), slice(4, 8)]
    assert im2col._group_ranges(8, 1) == [slice(0, 8)]
    one = layer_of(np.ones((1, 6, 3)), np.ones((2, 6, 3)))
    assert im2col._parts(one, 2) == [(slice(0, 1), slice(0, 3)), (slice(0, 1), slice(3, 6))]
    four = layer_of(np.ones((1, 24, 3)), np.ones((4, 6, 3)), {"groups": 4})
    assert im2col._parts(four, 2) == [(slice(0, 2), slice(0, 6)), (slice(2, 4), slice(0, 6))]


def test_channels_of_some_groups_by_hand():
    # groups of four channels each
    assert im2col.channel_range(slice(1, 3), 4) == slice(4, 12)
    assert im2col.channel_range(slice(0, 1), 4, slice(1, 3)) == slice(1, 3)


@pytest.mark.parametrize(("groups", "size"), [(4, (3, 4)), (1, (3, 4)), (4, (20, 20))])
def test_however_the_work_is_cut_the_numbers_stay(monkeypatch, groups, size):
    x, weight = whole(2, 12, *size), whole(8, 12 // groups, 3, 3)
    options = {"stride": 2, "padding": 1, "groups": groups}
    expected = cl.conv(x, weight, method="direct", **options)
    grads = cl.conv_backward(expected, x, weight, **options)
    for n in (2, 3, 5):
        monkeypatch.setattr(im2col, "threads_for", lambda *_, n=n, **__: n)
        np.testing.assert_array_equal(cl.conv(x, weight, method="im2col", **options), expected)
        again = cl.conv_backward(expected, x, weight, **options)
        for one, other in zip(again, grads, strict=True):
            np.testing.assert_array_equal(one, other)


def test_tiles_are_cut_for_the_threads():
    # 64x64 outputs in tiles of 4x4 are 256 tiles: one block, or 64 tiles for each of four threads
    x, weight = np.ones((1, 8, 66, 66)), np.ones((8, 8, 3, 3))
    maps = winograd.Maps((3, 3), x, (4, 4))
    layer = layer_of(x, weight, {"budget": 2**30})
    counts = [len(_points._blocks(maps, layer, n)) for n in (1, 2, 4)]
    assert counts == [1, 2, 4]


# ---- memory ----

# Peak memory is a high-water mark: raise it to input and output first, then see how far a call
# raises it further. In a process of its own, so that nothing else has raised it before. On Linux
# `ru_maxrss` will not do: it starts from the peak of the process that started this one.
PEAK = """
import sys
import numpy as np
import convlib as cl

def peak():
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            (kib,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
        return int(kib) / 2**10
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes

ones = np.ones
if LIBRARY == "torch":
    import torch
    torch.set_grad_enabled(False)
    ones = lambda shape, dtype: torch.ones(shape)
few = ones((1, 1, 8, 8), np.float32)
cl.conv(few, few, padding=1), cl.conv_backward(few[..., :1, :1], few, few)  # loads libraries
given = [ones(shape, np.float32) for shape in SHAPES]
results = [ones(shape, np.float32) for shape in RESULTS]
del results
before = peak()
getattr(cl, FUNCTION)(*given, **OPTIONS)
print(peak() - before)
"""


def peak_beyond(library, function, shapes, results, **options):
    """MiB that a call needs beyond its input and output."""
    if sys.platform not in ("linux", "darwin"):
        pytest.skip("this system does not tell the peak memory of a process")
    known = {
        "LIBRARY": library,
        "FUNCTION": function,
        "SHAPES": shapes,
        "RESULTS": results,
        "OPTIONS": options,
    }
    script = "".join(f"{name} = {value!r}\n" for name, value in known.items()) + PEAK
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(run.stdout)


IMAGE, KERNELS = (1, 16, 2048, 2048), (16, 16, 3, 3)  # 256 MiB; their columns would take 2.25 GiB


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_conv_needs_little_beyond_input_and_output(library):
    if library == "torch":
        pytest.importorskip("torch", reason="torch is not installed")
    assert 2 <= peak_beyond(library, "conv", [IMAGE, KERNELS], [IMAGE], padding=1) <= 64


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_conv_backward_needs_little_beyond_input_and_output(library):
    if library == "torch":
        pytest.importorskip("torch", reason="torch is not installed")
    image = (1, 16, 1024, 1024)  # 64 MiB; its columns would take 576 MiB
    shapes = [image, image, KERNELS]
    assert 4 <= peak_beyond(library, "conv_backward", shapes, [image], padding=1) <= 64


def traced_beyond(function, *arrays, **options):
    """Bytes that a call on NumPy arrays asks for beyond its results: the lower of two counts."""
    counts = []
    for _ in range(2):
        cl.clear_scratch()  # what earlier calls have kept
        gc.collect()
        tracemalloc.start()
        try:
            results = function(*arrays, **options)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        results = results if isinstance(results, tuple) else (results,)
        counts.append(peak - sum(one.nbytes for one in results))
    return min(counts)


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">f2", "longdouble"])
@pytest.mark.parametrize("method", ["direct", "im2col", "rows", "taps", "winograd", "fft"])
def test_whatever_the_order_of_bytes_and_however_long_the_runs(method, dtype):
    """Runs of 8 and of 16 bytes are copied as numbers of that size: never as those of another."""
    cl.clear_scratch()  # what calls of other dtypes have kept
    for n, kernel in product(range(1, 12), range(1, 6)):
        if kernel > n:
            continue
        x, weight = whole(2, 1, 1, n, seed=1), whole(2, 1, 1, kernel, seed=2)
        y = cl.conv(x.astype(dtype), weight.astype(dtype), method=method)
        assert y.dtype == np.dtype(dtype)
        expected = cl.conv(x, weight, method="direct")
        np.testing.assert_allclose(y.astype(float), expected, atol=1e-12 if "8" in dtype else 1e-4)


def test_conv_asks_numpy_for_little_beyond_its_output():
    x, weight = np.ones((1, 16, 256, 2048), np.float32), np.ones(KERNELS, np.float32)
    extra = traced_beyond(cl.conv, x, weight, padding=1, method="im2col") / 2**20
    assert 8 <= extra <= 24  # the columns, 8 MiB; a tile of the input and one of the output
    extra = traced_beyond(cl.conv, x, weight, padding=1, method="rows") / 2**20
    assert 2 <= extra <= 6  # rows laid out, 2 MiB, from nearly as much of the input


def test_a_smaller_budget_needs_less():
    x, weight = np.ones((1, 8, 256, 256), np.float32), np.ones((8, 8, 3, 3), np.float32)
    for budget in (2**22, 2**20, 2**18):
        extra = traced_beyond(cl.conv, x, weight, budget=budget, method="im2col")
        assert 0.85 * budget <= extra <= 1.5 * budget  # a tile's outputs are 8/72 of its columns


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        pytest.param(
            "conv",
            [(1, 1, 256, 256), (64, 1, 1, 1)],
            id="many kernels on one channel",
        ),
        pytest.param(
            "conv_backward",
            [(256, 64, 1, 1), (256, 64, 3, 3), (64, 64, 3, 3)],
            id="many small images",
        ),
    ],
)
def test_other_shapes_keep_to_the_budget_too(function, shapes):
    budget, arrays = 2**20, [np.ones(shape, np.float32) for shape in shapes]
    assert traced_beyond(getattr(cl, function), *arrays, budget=budget) <= 4 * budget


@pytest.mark.parametrize(
    ("shape", "kernels"),
    [
        pytest.param((1, 1, 3, 400_000), (1, 1, 3, 9), id="few rows, and long"),
        pytest.param((1, 1, 24, 160, 160), (8, 1, 5, 5, 5), id="rows of planes"),
        pytest.param((1, 8, 16, 100, 100), (8, 8, 3, 3, 3), id="planes of channels"),
        pytest.param((2, 4, 2000, 200), (4, 4, 9, 3), id="tall kernels"),
    ],
)
def test_rows_of_any_length_keep_to_the_budget(shape, kernels):
    x, weight = np.ones(shape, np.float32), np.ones(kernels, np.float32)
    options = {"method": "rows", "padding": tuple(n // 2 for n in kernels[2:])}
    expected = cl.conv(x, weight, **{**options, "method": "im2col"})
    np.testing.assert_allclose(cl.conv(x, weight, **options), expected, rtol=1e-6)
    for budget in (2**22, 2**19):  # as much again for the padded piece of the input
        assert traced_beyond(cl.conv, x, weight, budget=budget, **options) <= 2.2 * budget


def test_groups_of_tensors_do_not_repeat_the_kernels(torch):
    shapes = [(32, 512, 4, 4), (512, 256, 4, 4)]  # 1 MiB and 8 MiB; the output 64 KiB
    assert peak_beyond("torch", "conv", shapes, [(32, 512, 1, 1)], groups=2) <= 64
