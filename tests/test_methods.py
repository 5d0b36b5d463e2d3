"""The ways to compute a convolution, one against the other: all give the same numbers."""

import gc
import re
import subprocess
import sys
import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from strategies import by_definition, geometries, whole

import convlib as cl
from convlib.convolution import METHODS
from convlib.geometry import make_window
from convlib.methods import im2col

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


@given(g=geometries(batches=(None, 1, 2)))
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


# ---- laws ----


@given(g=geometries(batches=(0, 1, 3)))
def test_columns_of_a_tile_fit_the_budget(g):
    window = make_window("f", g.kernel, g.stride, g.padding, g.dilation, g.rank)
    rows = np.zeros((1, 1, 1))
    out, column = (g.batch, *g.out), g.column_bytes()
    for kernels, budget in product((1, 100), (1, 3 * column, 10 * column)):
        y_shape = (g.batch, kernels, *g.out)
        limit = im2col._limit(g.x.shape, y_shape, window, rows, budget)
        buffer = im2col._buffer(g.x.shape, y_shape, window, rows, limit)
        assert (buffer is None) == window.is_point
        covered = np.zeros(out, int)
        for (images, _, *box), _ in im2col._tiles(g.x.shape, y_shape, window, limit):
            covered[(images, *box)] += 1
            outputs = covered[(images, *box)].size
            results = outputs * kernels * rows.itemsize
            assert outputs == 1 or max(outputs * column, results) <= budget
            assert buffer is None or outputs * column <= buffer.nbytes <= max(budget, column)
        assert (covered == 1).all()


# ---- contract ----


@pytest.mark.parametrize("method", ["", "Direct", "gemm", None, 3, ["direct"]])
def test_an_unknown_method_is_refused(method):
    words = (
        "conv: method must be one of ('auto', 'direct', 'im2col', 'native'); "
        f"got method={method!r}."
    )
    with pytest.raises(ValueError, match=re.escape(words)):
        cl.conv(np.ones((1, 1, 1)), np.ones((1, 1, 1)), method=method)


def test_native_refuses_arrays_and_many_axes(torch):
    words = r"^conv: method=\"native\" .* got a ndarray with 1 spatial axes\. Use method=\"auto\""
    with pytest.raises(ValueError, match=words):
        cl.conv(np.ones((1, 1, 1)), np.ones((1, 1, 1)), method="native")
    x = torch.ones(1, 1, 1, 1, 1, 1)
    with pytest.raises(ValueError, match=r"^conv: .* got a Tensor with 4 spatial axes\."):
        cl.conv(x, x, method="native")


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
    assert 4 <= peak_beyond(library, "conv", [IMAGE, KERNELS], [IMAGE], padding=1) <= 64


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


def test_conv_asks_numpy_for_little_beyond_its_output():
    x, weight = np.ones((1, 16, 256, 2048), np.float32), np.ones(KERNELS, np.float32)
    extra = traced_beyond(cl.conv, x, weight, padding=1) / 2**20
    assert 8 <= extra <= 24  # the columns, 8 MiB; a tile of the input and one of the output


def test_a_smaller_budget_needs_less():
    x, weight = np.ones((1, 8, 256, 256), np.float32), np.ones((8, 8, 3, 3), np.float32)
    for budget in (2**22, 2**20, 2**18):
        extra = traced_beyond(cl.conv, x, weight, budget=budget)
        assert 0.9 * budget <= extra <= 1.5 * budget  # a tile's outputs are 8/72 of its columns


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


def test_groups_of_tensors_do_not_repeat_the_kernels(torch):
    shapes = [(32, 512, 4, 4), (512, 256, 4, 4)]  # 1 MiB and 8 MiB; the output 64 KiB
    assert peak_beyond("torch", "conv", shapes, [(32, 512, 1, 1)], groups=2) <= 64
