"""Transposed convolution: three definitions and torch's, the matrix, and the checkerboard."""

import math
import re
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import geometries, whole

import convlib as cl

OURS = ("scatter", "zero_insertion", "matrix")

# ---- by hand ----


@pytest.mark.parametrize("method", OURS)
def test_the_source_example(xp, method):
    # 1 * [1 0 -1] at 0, 2 * [1 0 -1] at 2: where they meet, -1 + 2 = 1
    y = xp.call(cl.conv_transpose, [[[1, 2]]], [[[1, 0, -1]]], stride=2, method=method)
    assert y.tolist() == [[[1, 0, -1 + 2, 0, -2]]]


def test_with_stride_1_it_is_the_full_convolution(xp):
    x, kernel = [[[1, 2]]], [[[1, 0, -1]]]
    y = xp.call(cl.conv_transpose, x, kernel)
    assert y.ravel().tolist() == np.convolve([1, 2], [1, 0, -1]).tolist() == [1, 2, -1, -2]
    # cross-correlation does not turn the kernel
    assert xp.call(cl.conv, x, kernel, padding=2).tolist() == [[[-1, -2, 1, 2]]]


@pytest.mark.parametrize("method", OURS)
def test_two_axes_by_hand(xp, method):
    x, weight = np.arange(4).reshape(1, 1, 2, 2), np.arange(4).reshape(1, 1, 2, 2)
    y = xp.call(cl.conv_transpose, x, weight, method=method)
    # 0 1   0 1     each input scales the kernel: the centre is 0*3 + 1*2 + 2*1 + 3*0
    # 2 3 * 2 3
    centre = 0 * 3 + 1 * 2 + 2 * 1 + 3 * 0
    assert y.tolist() == [[[[0, 0, 1], [0, centre, 6], [4, 12, 9]]]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 10 + 2, 20]),
        ({"stride": 2}, [1, 10, 2, 20]),
        ({"stride": 3}, [1, 10, 0, 2, 20]),
        ({"stride": 2, "padding": 1}, [10, 2]),
        ({"stride": 2, "padding": ((0, 1),)}, [1, 10, 2]),
        ({"stride": 2, "padding": ((1, 0),)}, [10, 2, 20]),
        ({"stride": 2, "output_padding": 1}, [1, 10, 2, 20, 0]),
        ({"stride": 2, "padding": 1, "output_padding": 1}, [10, 2, 20]),
        ({"dilation": 2}, [1, 2, 10, 20]),
        ({"dilation": 3, "output_padding": 2}, [1, 2, 0, 10, 20, 0, 0]),
        ({"stride": 2, "dilation": 2}, [1, 0, 10 + 2, 0, 20]),
    ],
)
@pytest.mark.parametrize("method", OURS)
def test_options_by_hand(xp, method, options, expected):
    y = xp.call(cl.conv_transpose, [[[1, 2]]], [[[1, 10]]], method=method, **options)
    assert y.tolist() == [[expected]]


def test_channels_groups_and_bias_by_hand(xp):
    x = [[[1, 2], [3, 4]]]
    both = xp.call(cl.conv_transpose, x, [[[1], [5]], [[10], [50]]], [100, 0])
    assert both.tolist() == [[[100 + 1 + 30, 100 + 2 + 40], [5 + 150, 10 + 200]]]
    each = xp.call(cl.conv_transpose, x, [[[1]], [[10]]], [100, 200], groups=2)
    assert each.tolist() == [[[100 + 1, 100 + 2], [200 + 30, 200 + 40]]]


def test_it_restores_the_shape_and_not_the_values(xp):
    options = {"stride": 3, "padding": 2}
    x, weight = whole(1, 1, 17), whole(1, 1, 5)
    y = xp.call(cl.conv, x, weight, **options)
    assert y.shape == (1, 1, 6)  # (17 + 4 - 5)//3 + 1
    assert xp.call(cl.conv_transpose, y, weight, **options).shape == (1, 1, 16)  # 5*3 - 4 + 5
    back = xp.call(cl.conv_transpose, y, weight, output_padding=1, **options)
    assert back.shape == x.shape
    assert not np.array_equal(back, x)


def test_backward_by_hand(xp):
    # y = [x0*w0, x0*w1, x0*w2 + x1*w0, x1*w1, x1*w2], loss = 1*y0 + 2*y1 + ... + 5*y4
    grads = xp.call(
        cl.conv_transpose_backward, [[[1, 2, 3, 4, 5]]], [[[1, 2]]], [[[1, 0, -1]]], stride=2
    )
    assert [g.tolist() for g in grads] == [
        [[[1 * 1 + 3 * -1, 3 * 1 + 5 * -1]]],
        [[[1 * 1 + 3 * 2, 2 * 1 + 4 * 2, 3 * 1 + 5 * 2]]],
        [1 + 2 + 3 + 4 + 5],
    ]


def test_the_matrix_by_hand(xp):
    weight = np.arange(1, 5).reshape(1, 1, 2, 2)
    matrix = xp.call(cl.conv_matrix, weight, input_size=3)
    assert matrix.tolist() == [
        [1, 2, 0, 3, 4, 0, 0, 0, 0],
        [0, 1, 2, 0, 3, 4, 0, 0, 0],
        [0, 0, 0, 1, 2, 0, 3, 4, 0],
        [0, 0, 0, 0, 1, 2, 0, 3, 4],
    ]


def test_the_matrix_of_groups_has_blocks(xp):
    matrix = xp.call(cl.conv_matrix, [[[1, 2]], [[3, 4]]], input_size=2, groups=2)
    assert matrix.tolist() == [[1, 2, 0, 0], [0, 0, 3, 4]]


def test_zero_insert_by_hand(xp):
    assert xp.call(cl.zero_insert, [[[1, 2, 3]]], stride=3).tolist() == [[[1, 0, 0, 2, 0, 0, 3]]]
    x = np.arange(1, 5).reshape(1, 1, 2, 2)
    y = xp.call(cl.zero_insert, x, stride=(2, 1))
    assert y.tolist() == [[[[1, 2], [0, 0], [3, 4]]]]


@pytest.mark.parametrize(
    ("sizes", "options", "expected"),
    [
        ((4, 3), {"stride": 2}, [1, 1, 2, 1, 2, 1, 2, 1, 1]),
        ((4, 4), {"stride": 2}, [1, 1, 2, 2, 2, 2, 2, 2, 1, 1]),
        ((4, 2), {"stride": 2}, [1] * 8),
        ((3, 1), {"stride": 2}, [1, 0, 1, 0, 1]),
        ((3, 3), {}, [1, 2, 3, 2, 1]),
        ((3, 3), {"stride": 2, "padding": 1}, [1, 2, 1, 2, 1]),
        ((3, 3), {"stride": 2, "padding": 1, "output_padding": 1}, [1, 2, 1, 2, 1, 1]),
        ((2, 2), {"dilation": 2}, [1, 1, 1, 1]),
    ],
)
def test_overlap_by_hand(sizes, options, expected):
    count = cl.overlap_count(*sizes, **options)
    assert count.tolist() == expected
    assert np.issubdtype(count.dtype, np.integer)


def test_the_checkerboard_is_four_to_one_in_two_axes():
    count = cl.overlap_count((6, 6), 3, stride=2)[2:-2, 2:-2]
    assert sorted(set(count.ravel().tolist())) == [1, 2, 4]
    assert count[:2, :2].tolist() == [[4, 2], [2, 1]]


# ---- oracle ----


def remainder(g):
    """The output padding that leads from the outputs of `g` back to its input's size."""
    return tuple(
        n + sum(p) - (d * (k - 1) + 1) - (o - 1) * s
        for n, p, k, d, s, o in zip(
            g.size, g.padding, g.kernel, g.dilation, g.stride, g.out, strict=True
        )
    )


def transposed(g):
    """Options of the transposed convolution that undoes the shape of `g`."""
    return {**g.window, "output_padding": remainder(g), "groups": g.groups}


def bias_of(g):
    return whole(g.groups * g.seen, seed=6)


def by_definition(g, y, weight, options, size):
    """Add every scaled tap where it belongs, in Python's own numbers."""
    x = np.zeros((len(y), g.groups * g.seen, *size))
    for b, k, *u in np.ndindex(*y.shape):
        first = k // g.made * g.seen
        for c, *tap in product(range(g.seen), *map(range, g.kernel)):
            cell = [
                i * s + t * d - p[0]
                for i, s, t, d, p in zip(
                    u, options["stride"], tap, options["dilation"], options["padding"], strict=True
                )
            ]
            if all(0 <= at < n for at, n in zip(cell, size, strict=True)):
                x[(b, first + c, *cell)] += float(y[(b, k, *u)]) * float(weight[(k, c, *tap)])
    return x


zeros = {"modes": ("zeros",)}


@given(g=geometries(**zeros, batches=(0, 1, 2)), data=st.data())
def test_each_method_is_the_definition(g, data):
    most = [max(s, d) - 1 for s, d in zip(g.stride, g.dilation, strict=True)]
    extra = tuple(data.draw(st.integers(0, m)) for m in most)
    options = {**transposed(g), "output_padding": extra}
    size = tuple(n + e - r for n, e, r in zip(g.size, extra, remainder(g), strict=True))
    assume(min(size) >= 1)
    expected = by_definition(g, g.y, g.weight, options, size)
    for method in OURS:
        y = cl.conv_transpose(g.y, g.weight, method=method, **options)
        np.testing.assert_array_equal(y, expected, method)


def torchs(torch, g, options, *tensors):
    """torch's kernel: the same padding on both sides, and output padding."""
    kernel = getattr(torch.nn.functional, f"conv_transpose{g.rank}d")
    return kernel(*tensors, **options)


@given(g=geometries(**zeros, batches=(1, 2, 3)), data=st.data())
def test_each_method_is_torchs(torch, g, data):
    most = [max(s, d) - 1 for s, d in zip(g.stride, g.dilation, strict=True)]
    options = {
        "stride": g.stride,
        "padding": tuple(min(pair) for pair in g.padding),
        "output_padding": tuple(data.draw(st.integers(0, m)) for m in most),
        "dilation": g.dilation,
        "groups": g.groups,
    }
    axes = zip(g.out, g.stride, g.kernel, g.dilation, options["padding"],
               options["output_padding"], strict=True)  # fmt: skip
    assume(all((o - 1) * s + d * (k - 1) + 1 - 2 * p + e > 0 for o, s, k, d, p, e in axes))
    tensors = [torch.from_numpy(a) for a in (g.y, g.weight, bias_of(g))]
    expected = torchs(torch, g, options, *tensors)
    for method in ("auto", *OURS, "native"):
        y = cl.conv_transpose(*tensors, method=method, **options)
        assert torch.equal(y, expected), method


def torchs_cut_out(torch, g, x, weight, bias):
    """torch's kernel for any padding: the whole output, then what `g` leaves of it."""
    plain = {"stride": g.stride, "dilation": g.dilation, "groups": g.groups}
    full = torchs(torch, g, plain, x, weight)
    behind = [side for extra in reversed(remainder(g)) for side in (0, extra)]
    kept = [slice(p[0], p[0] + n) for p, n in zip(g.padding, g.size, strict=True)]
    y = torch.nn.functional.pad(full, behind)[(..., *kept)]
    return y + bias.reshape(-1, *(1,) * g.rank)


@given(g=geometries(**zeros), budget=st.sampled_from([1, 500, cl.COLUMN_BUDGET]))
def test_uneven_padding_is_torchs_cut_out(xp, torch, g, budget):
    arrays = (g.y, g.weight, bias_of(g))
    expected = torchs_cut_out(torch, g, *(torch.from_numpy(a) for a in arrays)).numpy()
    x = xp.call(cl.conv_transpose, *arrays, budget=budget, **transposed(g))
    assert x.shape == (g.batch, g.groups * g.seen, *g.size)
    np.testing.assert_array_equal(x, expected)


@given(g=geometries(**zeros), budget=st.sampled_from([1, 500, cl.COLUMN_BUDGET]))
def test_backward_is_torchs_autograd(xp, torch, g, budget):
    tensors = [torch.from_numpy(a).requires_grad_() for a in (g.y, g.weight, bias_of(g))]
    y = torchs_cut_out(torch, g, *tensors)
    expected = torch.autograd.grad(y, tensors, torch.from_numpy(g.x))
    grads = xp.call(cl.conv_transpose_backward, g.x, g.y, g.weight, budget=budget, **transposed(g))
    for ours, theirs in zip(grads, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs.numpy())


@given(g=geometries(**zeros), method=st.sampled_from([*OURS, "native"]), data=st.data())
def test_each_method_finds_the_gradients(torch, method, g, data):
    """With output padding of any size: some outputs have no window."""
    most = [max(s, d) - 1 for s, d in zip(g.stride, g.dilation, strict=True)]
    extra = tuple(data.draw(st.integers(0, m)) for m in most)
    options = {**transposed(g), "output_padding": extra}
    assume(all(n + e > r for n, e, r in zip(g.size, extra, remainder(g), strict=True)))
    y = cl.conv_transpose(g.y, g.weight, **options)
    grad = whole(*y.shape, seed=3)
    expected = cl.conv_transpose_backward(grad, g.y, g.weight, **options)
    arrays = [torch.from_numpy(a) if method == "native" else a for a in (grad, g.y, g.weight)]
    grads = cl.conv_transpose_backward(*arrays, method=method, **options)
    for ours, theirs in zip(grads, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), theirs)


@given(g=geometries(**zeros), method=st.sampled_from([*OURS, "native"]))
def test_autograd_through_each_method_is_the_backward(torch, method, g):
    tensors = [torch.from_numpy(a).requires_grad_() for a in (g.y, g.weight, bias_of(g))]
    x = cl.conv_transpose(*tensors, method=method, **transposed(g))
    grads = torch.autograd.grad(x, tensors, torch.from_numpy(g.x))
    expected = cl.conv_transpose_backward(g.x, g.y, g.weight, **transposed(g))
    for ours, theirs in zip(grads, expected, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)


SMOOTH = [
    ((1, 2, 3), (2, 1, 2), {"padding": 1, "groups": 2, "stride": 2}),
    ((2, 1, 3), (1, 2, 2), {"dilation": 2, "output_padding": 1, "budget": 1}),
    ((1, 1, 2, 2), (1, 2, 2, 2), {"stride": 2, "padding": ((1, 0), (0, 1))}),
    ((1, 1, 1, 2, 2), (1, 1, 2, 1, 2), {"stride": (1, 2, 1), "method": "zero_insertion"}),
    ((1, 2, 2, 2), (2, 1, 2, 1), {"stride": 2, "method": "matrix"}),
]


@pytest.mark.parametrize(("x", "weight", "options"), SMOOTH)
@pytest.mark.parametrize("order", [1, 2])
def test_autograd_is_the_slope(torch, x, weight, options, order):
    kernels = weight[1] * options.get("groups", 1)
    arrays = (whole(*x) / 9, whole(*weight, seed=1) / 9, whole(kernels, seed=2) / 9)
    check = torch.autograd.gradcheck if order == 1 else torch.autograd.gradgradcheck
    tensors = [torch.from_numpy(a).requires_grad_() for a in arrays]
    assert check(lambda *a: cl.conv_transpose(*a, **options), tensors)


@pytest.mark.parametrize(("x", "weight", "options"), SMOOTH[:3])
def test_gradients_of_the_gradients(torch, x, weight, options):
    x, weight = torch.from_numpy(whole(*x) / 9), torch.from_numpy(whole(*weight, seed=1) / 9)
    tensors = [cl.conv_transpose(x, weight, **options), x, weight]
    tensors = [t.detach().requires_grad_() for t in tensors]
    assert torch.autograd.gradcheck(lambda *a: cl.conv_transpose_backward(*a, **options), tensors)


# ---- laws ----


@given(g=geometries(**zeros), method=st.sampled_from(OURS))
def test_it_is_the_adjoint_of_conv(method, g):
    """Sum(conv(x) * y) = sum(x * conv_transpose(y)), exactly: all values are whole."""
    x = cl.conv_transpose(g.y, g.weight, method=method, **transposed(g))
    assert x.shape == g.x.shape
    assert (cl.conv(g.x, g.weight, **g.options) * g.y).sum() == (g.x * x).sum()


@given(g=geometries(**zeros, batches=(0, 2)))
def test_the_matrix_is_conv_and_its_transpose_is_conv_transpose(xp, g):
    size, groups = g.size, {"groups": g.groups}
    matrix = xp.call(cl.conv_matrix, g.weight, input_size=size, **g.window, **groups)
    assert matrix.shape == tuple(
        channels * math.prod(n)
        for channels, n in ((g.groups * g.made, g.out), (g.groups * g.seen, g.size))
    )
    images, maps = (a.reshape(g.batch, math.prod(a.shape[1:])) for a in (g.x, g.y))
    y = cl.conv(g.x, g.weight, **g.options)
    np.testing.assert_array_equal(images @ matrix.T, y.reshape(maps.shape))
    x = cl.conv_transpose(g.y, g.weight, **transposed(g))
    np.testing.assert_array_equal(maps @ matrix, x.reshape(images.shape))


@given(g=geometries(**zeros, batches=(1, 2)))
def test_the_gradient_of_conv_is_a_transposed_convolution(xp, g):
    grad_x, _, _ = cl.conv_backward(g.y, g.x, g.weight, **g.options)
    y = xp.call(cl.conv_transpose, g.y, g.weight, **transposed(g))
    np.testing.assert_array_equal(y, grad_x)


@given(g=geometries(**zeros, groups=(1,), batches=(1, 2)))
def test_it_is_zero_insertion_and_the_turned_kernel(g):
    turned = np.flip(g.weight, tuple(range(2, g.weight.ndim))).swapaxes(0, 1)
    spread = cl.zero_insert(g.y, g.stride)
    around = [(d * (k - 1),) * 2 for d, k in zip(g.dilation, g.kernel, strict=True)]
    full = cl.conv(spread, turned, padding=around, dilation=g.dilation)
    plain = {"stride": g.stride, "dilation": g.dilation}
    np.testing.assert_array_equal(full, cl.conv_transpose(g.y, g.weight, **plain))


@given(g=geometries(**zeros, batches=(1, 2)))
def test_backward_is_the_central_difference(g):
    """Of a loss that is linear in each argument: the difference is exact. All entries at once."""
    options, arrays = transposed(g), [g.y, g.weight, bias_of(g)]
    grads = cl.conv_transpose_backward(g.x, *arrays[:2], **options)
    for which, name in enumerate(["x", "weight", "bias"]):
        direction = whole(*arrays[which].shape, seed=9)
        losses = []
        for sign in (1, -1):
            moved = [a + sign * direction if i == which else a for i, a in enumerate(arrays)]
            losses.append((cl.conv_transpose(*moved, **options) * g.x).sum())
        assert (grads[which] * direction).sum() == (losses[0] - losses[1]) / 2, name
        assert grads[which].shape == arrays[which].shape


@given(g=geometries(**zeros))
def test_linear_in_x_and_in_the_kernels(g):
    def transpose(x, weight, bias=None):
        return cl.conv_transpose(x, weight, bias, **transposed(g))

    y, weight = whole(*g.y.shape, seed=8), whole(*g.weight.shape, seed=9)
    one = transpose(g.y, g.weight)
    np.testing.assert_array_equal(
        transpose(g.y + 3 * y, g.weight), one + 3 * transpose(y, g.weight)
    )
    np.testing.assert_array_equal(
        transpose(g.y, g.weight + 3 * weight), one + 3 * transpose(g.y, weight)
    )
    bias = bias_of(g).reshape(-1, *(1,) * g.rank)
    np.testing.assert_array_equal(transpose(g.y, g.weight, bias_of(g)), one + bias)


@given(g=geometries(**zeros, batches=(0, 2)))
def test_groups_are_blocks_side_by_side(xp, g):
    ys, ws = np.split(g.y, g.groups, 1), np.split(g.weight, g.groups)
    alone = {**transposed(g), "groups": 1}
    blocks = [cl.conv_transpose(y, w, **alone) for y, w in zip(ys, ws, strict=True)]
    x = xp.call(cl.conv_transpose, g.y, g.weight, **transposed(g))
    np.testing.assert_array_equal(x, np.concatenate(blocks, 1))


@given(g=geometries(**zeros))
def test_sizes_are_those_of_transpose_output_size(g):
    options = {key: value for key, value in transposed(g).items() if key != "groups"}
    assert cl.transpose_output_size(g.out, g.kernel, **options) == g.size


@given(g=geometries(**zeros, batches=(0, 1, 2)))
def test_zero_insert_keeps_every_value_and_adds_zeros(xp, g):
    y = xp.call(cl.zero_insert, g.x, stride=g.stride)
    assert y.shape[2:] == tuple((n - 1) * s + 1 for n, s in zip(g.size, g.stride, strict=True))
    np.testing.assert_array_equal(y[(..., *(slice(None, None, s) for s in g.stride))], g.x)
    assert np.count_nonzero(y) == np.count_nonzero(g.x)


@given(g=geometries(**zeros))
def test_overlap_is_a_transposed_convolution_of_ones(g):
    options = {**g.window, "output_padding": remainder(g)}
    count = cl.overlap_count(g.out, g.kernel, **options)
    ones = np.ones((1, 1, *g.out)), np.ones((1, 1, *g.kernel))
    np.testing.assert_array_equal(count, cl.conv_transpose(*ones, method="matrix", **options)[0, 0])
    assert count.shape == g.size
    apart = [
        cl.overlap_count(
            n, k, stride=s, padding=(p,), output_padding=e, dilation=d
        )
        for n, k, s, p, e, d in zip(
            g.out, g.kernel, g.stride, g.padding, remainder(g), g.dilation, strict=True
        )
    ]  # fmt: skip
    axes = "ijk"[: g.rank]  # axes do not meet: the counts multiply
    np.testing.assert_array_equal(count, np.einsum(f"{','.join(axes)}->{axes}", *apart))


@pytest.mark.parametrize("kernel", range(1, 10))
@pytest.mark.parametrize("stride", range(1, 6))
def test_overlap_is_even_inside_where_the_stride_divides_the_kernel(kernel, stride):
    inputs = kernel + 3
    inside = cl.overlap_count(inputs, kernel, stride=stride)[kernel - 1 : (inputs - 1) * stride + 1]
    assert len(inside) >= stride
    assert (len(set(inside.tolist())) == 1) == (kernel % stride == 0)
    assert inside.max() == math.ceil(kernel / stride)
    assert inside.min() == kernel // stride


# ---- contract: what is refused ----


REFUSED = [
    # shapes of x and weight, options, error, words
    ((1, 3, 4), (2, 2, 3), {}, ValueError,
     "x has 3 channels, but weight expects 2, its first axis; got x.shape=(1, 3, 4), "
     "weight.shape=(2, 2, 3), groups=1."),
    ((1, 3, 4), (3, 2, 3), {"groups": 2}, ValueError,
     "groups must divide the 3 channels of x, but 3 = 1 * 2 + 1; got x.shape=(1, 3, 4)"),
    ((1, 3), (3, 3), {}, ValueError,
     "weight must be (C, K/groups, *kernel), with one kernel axis at least and no axis empty; got "
     "weight.shape=(3, 3)."),
    ((1, 1, 3), (1, 1, 0), {}, ValueError, "no axis empty; got weight.shape=(1, 1, 0)."),
    ((3,), (1, 1, 2), {}, ValueError,
     "with 2 + 1 = 3 axes for kernels of 1 axis; got x.shape=(3,). Add 2 axes in front: x[None, "),
    ((1, 3), (1, 1, 2), {}, ValueError, "got x.shape=(1, 3). Add the batch axis: x[None]."),
    ((1, 1, 0), (1, 1, 2), {}, ValueError, "every spatial size of x must be at least 1; got x.sha"),
    ((1, 1, 3), (1, 1, 2), {"stride": 0}, ValueError, "stride must be at least 1; got stride=0."),
    ((1, 1, 3), (1, 1, 2), {"stride": 1.5}, TypeError, "stride must be an int; got stride=1.5."),
    ((1, 1, 3), (1, 1, 2), {"dilation": 0}, ValueError, "dilation must be at least 1; got"),
    ((1, 1, 3), (1, 1, 2), {"groups": 0}, ValueError, "groups must be at least 1; got groups=0."),
    ((1, 1, 3), (1, 1, 2), {"groups": True}, TypeError, "groups must be an int; got groups=True."),
    ((1, 1, 3), (1, 1, 2), {"budget": 0}, ValueError, "budget must be at least 1; got budget=0."),
    ((1, 1, 3), (1, 1, 2), {"padding": -1}, ValueError, "padding must be at least 0; got"),
    ((1, 1, 3), (1, 1, 2), {"padding": None}, TypeError, "got padding=None."),
    ((1, 1, 3), (1, 1, 2), {"output_padding": -1}, ValueError, "at least 0; got output_padding="),
    ((1, 1, 3), (1, 1, 2), {"output_padding": 2, "stride": 2, "dilation": 1}, ValueError,
     "must be less than stride or dilation; got output_padding=2, stride=2, dilation=1. "
     "Use output_padding <= 1."),
    ((1, 1, 3, 3), (1, 1, 2, 2), {"output_padding": (0, 1)}, ValueError,
     "got output_padding=1, stride=1, dilation=1. Use output_padding <= 0."),
    ((1, 1, 2), (1, 1, 3), {"padding": 2}, ValueError,
     "nothing is left of the output: its size is (2 - 1)*1 + 3 - 4 = 0. Use less padding."),
    ((1, 1, 1), (1, 1, 3), {"padding": 2, "stride": 3}, ValueError,
     "(1 - 1)*3 + 3 - 4 = -1. Use less padding, or output_padding >= 2."),
]  # fmt: skip


@pytest.mark.parametrize(("x", "weight", "options", "error", "words"), REFUSED)
def test_what_does_not_fit_is_refused_with_the_numbers(xp, x, weight, options, error, words):
    x, weight = xp.asarray(whole(*x)), xp.asarray(np.ones(weight))
    with pytest.raises(error, match=f"^conv_transpose: .*{re.escape(words)}"):
        cl.conv_transpose(x, weight, **options)
    with pytest.raises(error, match=f"^conv_transpose_backward: .*{re.escape(words)}"):
        cl.conv_transpose_backward(x, x, weight, **options)


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), (1, 3), ()])
def test_the_bias_has_one_value_a_kernel(xp, shape):
    words = (
        "conv_transpose: bias must have one value for each of the 3 kernels, shape (3,); "
        f"got bias.shape={shape}."
    )
    with pytest.raises(ValueError, match=re.escape(words)):
        cl.conv_transpose(*(xp.asarray(whole(*s)) for s in ((1, 1, 4), (1, 3, 2), shape)))


@pytest.mark.parametrize("shape", [(1, 3, 4), (1, 1, 5), (3, 5), (1, 3, 5, 1), (2, 3, 5), ()])
def test_the_outputs_gradient_has_the_outputs_shape(xp, shape):
    words = (
        "conv_transpose_backward: grad_output must have the shape of the output, (1, 3, 5); "
        f"got grad_output.shape={shape}."
    )
    grad, x, weight = (xp.asarray(whole(*s)) for s in (shape, (1, 1, 4), (1, 3, 2)))
    with pytest.raises(ValueError, match=re.escape(words)):
        cl.conv_transpose_backward(grad, x, weight)


@pytest.mark.parametrize("method", ["im2col", "", None, 1, ["auto"]])
def test_unknown_methods_are_refused(xp, method):
    x = xp.asarray(whole(1, 1, 3))
    words = (
        "conv_transpose: method must be one of ('auto', 'scatter', 'zero_insertion', 'matrix', "
        f"'native'); got method={method!r}."
    )
    with pytest.raises(ValueError, match=re.escape(words)):
        cl.conv_transpose(x, x, method=method)


def test_native_is_torchs_and_for_three_axes(torch):
    x = whole(1, 1, 3)
    words = 'NumPy has none; got an ndarray with 1 spatial axis. Use method="auto", or convert'
    with pytest.raises(ValueError, match=f"^conv_transpose: .*{re.escape(words)}"):
        cl.conv_transpose(x, x, method="native")
    x = torch.ones(1, 1, 2, 2, 2, 2)
    with pytest.raises(ValueError, match="got a Tensor with 4 spatial axes"):
        cl.conv_transpose(x, x, method="native")
    count = torch.from_numpy(cl.overlap_count((2,) * 4, 2))
    assert torch.equal(cl.conv_transpose(x, x)[0, 0], count.float())


def test_each_argument_is_an_array_of_the_same_kind(xp):
    x, weight, _ = (xp.asarray(whole(*s)) for s in ((1, 1, 3), (1, 1, 1), (1,)))
    other = xp.asarray(whole(1, 1, 3), "float32")
    for name, arrays in {
        "x": ([[[1.0]]], weight),
        "weight": (x, [[[1.0]]]),
        "bias": (x, weight, [1.0]),
    }.items():
        with pytest.raises(
            TypeError, match=rf"^conv_transpose: {name} must be a numpy.* got list\."
        ):
            cl.conv_transpose(*arrays)
    for name, arrays in {
        "grad_output": ([[[1.0]]], x, weight),
        "x": (x, None, weight),
        "weight": (x, x, 3.0),
    }.items():
        with pytest.raises(TypeError, match=rf"^conv_transpose_backward: {name} must be a numpy"):
            cl.conv_transpose_backward(*arrays)
    with pytest.raises(TypeError, match=r"^conv_transpose: x and weight must have one dtype"):
        cl.conv_transpose(x, other)
    with pytest.raises(TypeError, match=r"^conv_transpose: x and bias must have one dtype"):
        cl.conv_transpose(x, weight, other[0, 0, :1])
    with pytest.raises(TypeError, match=r"^conv_transpose_backward: x and grad_output "):
        cl.conv_transpose_backward(other, x, weight)
    for function in (cl.conv_matrix, cl.zero_insert):
        with pytest.raises(TypeError, match=rf"^{function.__name__}: \w+ must be a numpy.* list\."):
            function([[[1.0]]], 1)


def test_arrays_of_two_libraries_are_refused(torch):
    x = whole(1, 1, 3)
    words = "cannot mix numpy.ndarray (x) and torch.Tensor (weight); convert one, e.g. "
    with pytest.raises(TypeError, match=f"^conv_transpose: {re.escape(words)}"):
        cl.conv_transpose(x, torch.from_numpy(x))


def test_options_are_given_by_name():
    x = np.ones((1, 1, 3))
    for function, arguments in (
        (cl.conv_transpose, (x, x, None, 1)),
        (cl.conv_transpose_backward, (x, x, x, 1)),
        (cl.conv_matrix, (x, 3, 1)),
        (cl.overlap_count, (3, 3, 1)),
    ):
        with pytest.raises(TypeError, match="positional"):
            function(*arguments)


@pytest.mark.parametrize(
    ("shape", "size", "options", "error", "words"),
    [
        ((2, 2), 3, {}, ValueError, "with one kernel axis at least and no axis empty; got "
         "weight.shape=(2, 2)."),
        ((0, 1, 2), 3, {}, ValueError, "no axis empty; got weight.shape=(0, 1, 2)."),
        ((3, 1, 2), 3, {"groups": 2}, ValueError,
         "groups must divide the 3 kernels of weight; got weight.shape=(3, 1, 2), groups=2."),
        ((1, 1, 2), 3, {"groups": 0}, ValueError, "groups must be at least 1; got groups=0."),
        ((1, 1, 2), (3, 3), {}, ValueError, "input_size must be an int; got 2: input_size=(3, 3)."),
        ((1, 1, 2), 0, {}, ValueError, "input_size must be at least 1; got input_size=0."),
        ((1, 1, 2), 3.0, {}, TypeError, "input_size must be an int; got input_size=3.0."),
        ((1, 1, 4), 3, {}, ValueError, "spans 1*(4 - 1) + 1 = 4, the padded input is 3 + 2*0 = 3."),
        ((1, 1, 2), 3, {"stride": 0}, ValueError, "stride must be at least 1; got stride=0."),
    ],
)  # fmt: skip
def test_the_matrix_refuses_with_the_numbers(xp, shape, size, options, error, words):
    with pytest.raises(error, match=f"^conv_matrix: .*{re.escape(words)}"):
        cl.conv_matrix(xp.asarray(np.ones(shape)), size, **options)


@pytest.mark.parametrize(
    ("shape", "stride", "error", "words"),
    [
        ((2, 2), 1, ValueError, "with 3 axes at least; got x.shape=(2, 2). Add the batch axis: x["),
        ((1, 2, 2), (1, 1), ValueError, "2 + 2 = 4 axes for stride=(1, 1); got x.shape=(1, 2, 2)."),
        ((1, 1, 0), 1, ValueError, "every spatial size of x must be at least 1; got x.shape=(1,"),
        ((1, 1, 2), 0, ValueError, "stride must be at least 1; got stride=0."),
        ((1, 1, 2), 1.5, TypeError, "stride must be an int; got stride=1.5."),
        ((1, 1, 2, 2), (1, 2, 3, 4), ValueError, "got 4: stride=(1, 2, 3, 4)."),
    ],
)
def test_zero_insert_refuses_with_the_numbers(xp, shape, stride, error, words):
    with pytest.raises(error, match=f"^zero_insert: .*{re.escape(words)}"):
        cl.zero_insert(xp.asarray(np.ones(shape)), stride)


def test_overlap_costs_what_its_answer_costs():
    """However many taps there are: an output counts its own."""
    count = cl.overlap_count(10**5, 10**5)
    assert count.tolist() == [*range(1, 10**5 + 1), *range(10**5 - 1, 0, -1)]
    # every 2**40-th of the inputs' places is one of the taps' places: 0, 3 * 2**40, 6 * 2**40, ...
    far = {"stride": 2 * 2**40, "dilation": 3 * 2**40}
    count = cl.overlap_count(7, 5, **far, padding=12 * 2**40 - 2, output_padding=0)
    assert len(count) == (6 * 2 + 4 * 3 - 24) * 2**40 + 1 + 4
    # u*2 + t*3 = 12: u = 0, t = 4; u = 3, t = 2; u = 6, t = 0
    assert count.tolist() == [0, 0, 3, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((0, 3), {}, ValueError, "input_size must be at least 1; got input_size=0."),
        ((3, 0), {}, ValueError, "kernel_size must be at least 1; got kernel_size=0."),
        ((3, 2.5), {}, TypeError, "kernel_size must be an int; got kernel_size=2.5."),
        (((3, 3), (1, 2, 3)), {}, ValueError, "got 3: kernel_size=(1, 2, 3)."),
        ((3, 3), {"output_padding": 1}, ValueError, "Use output_padding <= 0."),
        ((1, 1), {"padding": 1}, ValueError, "its size is (1 - 1)*1 + 1 - 2 = -1."),
    ],
)
def test_overlap_refuses_with_the_numbers(arguments, options, error, words):
    with pytest.raises(error, match=f"^overlap_count: .*{re.escape(words)}"):
        cl.overlap_count(*arguments, **options)


# ---- contract: what is accepted ----


@pytest.mark.parametrize("method", OURS)
@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "int32", "int64"])
def test_whole_numbers_wrap_around(xp, name, method):
    x, weight, bias = (whole(*s) * 13 for s in ((2, 4, 3), (4, 3, 3), (6,)))
    options = {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}
    exact = cl.conv_transpose(*(a.astype(np.int64) for a in (x, weight, bias)), **options)
    given_ = [a.astype(np.int64).astype(name) for a in (x, weight, bias)]
    y = xp.call(cl.conv_transpose, *given_, method=method, **options)
    np.testing.assert_array_equal(y, exact.astype(name))
    grads = xp.call(cl.conv_transpose_backward, y, *given_[:2], **options)
    true = cl.conv_transpose_backward(*(a.astype(np.int64) for a in (y, *given_[:2])), **options)
    for ours, theirs in zip(grads, true, strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(name))


@pytest.mark.parametrize("method", OURS)
def test_half_precision_is_summed_in_float32(xp, method):
    x, weight = np.array([[[2048.0], [1], [1], [1]]]), np.ones((4, 1, 1))
    y = xp.call(cl.conv_transpose, x, weight, dtype="float16", method=method)
    # 2048 + 1 is 2048 again in float16; 2048 + 1 + 1 + 1 = 2051 is rounded once, to 2052
    assert y.tolist() == [[[2052]]]
    overlap = xp.call(
        cl.conv_transpose, [[[1, 1, 1, 2048]]], np.ones((1, 1, 4)), dtype="float16", method=method
    )
    assert overlap.ravel().tolist() == [1, 2, 3, 2052, 2050, 2048, 2048]


@pytest.mark.parametrize("method", [*OURS, "native"])
def test_bfloat16_rounds_once(torch, method):
    tensors = [torch.from_numpy(whole(*s)).bfloat16() for s in ((2, 4, 5), (4, 3, 3), (6,))]
    y = cl.conv_transpose(*tensors, groups=2, method=method)
    exact = torch.nn.functional.conv_transpose1d(*(t.double() for t in tensors), groups=2)
    assert y.dtype == torch.bfloat16
    if method == "native":  # adds the bias to what is rounded already
        torch.testing.assert_close(y.double(), exact, rtol=2**-7, atol=0.5)
    else:
        assert torch.equal(y, exact.bfloat16())
    for grad in cl.conv_transpose_backward(y, *tensors[:2], groups=2):
        assert grad.dtype == torch.bfloat16


@pytest.mark.parametrize("method", OURS)
def test_float32_and_complex(xp, method):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 4, 5, 5)), rng.standard_normal((4, 3, 3, 3))
    exact = cl.conv_transpose(*(a.astype(np.float32).astype(float) for a in (x, weight)), stride=2)
    y = xp.call(cl.conv_transpose, x, weight, dtype="float32", stride=2, method=method)
    np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-5)
    x, weight = whole(1, 2, 3), whole(2, 2, 2)
    y = xp.call(cl.conv_transpose, x * 1j, weight + 0j, dtype="complex64", method=method)
    np.testing.assert_array_equal(y, 1j * cl.conv_transpose(x, weight))


@pytest.mark.parametrize("name", ["float16", "float32", "int8", "uint8", "int64", "complex64"])
def test_dtypes_stay(xp, name):
    x = abs(whole(1, 1, 3))
    spread = xp.call(cl.zero_insert, x, stride=2, dtype=name)
    np.testing.assert_array_equal(spread[..., ::2], x)
    matrix = xp.call(cl.conv_matrix, x, input_size=3, dtype=name)
    np.testing.assert_array_equal(matrix, x[0])


def test_bools_are_refused(torch):
    yes = np.ones((1, 1, 3), bool)
    for x in (yes, torch.from_numpy(yes)):
        for call in (
            lambda x: cl.conv_transpose(x, x),
            lambda x: cl.zero_insert(x, 2),
            lambda x: cl.conv_matrix(x, 3),
        ):
            with pytest.raises(TypeError, match=r"must hold numbers; got dtype (torch\.)?bool\."):
                call(x)


@pytest.mark.parametrize("method", OURS)
def test_an_empty_batch(xp, method):
    options = {"stride": 2, "padding": 1}
    x, weight, bias = whole(0, 2, 5, 4), whole(2, 3, 2, 2), whole(3)
    y = xp.call(cl.conv_transpose, x, weight, bias, method=method, **options)
    assert y.shape == (0, 3, 8, 6)
    grads = xp.call(cl.conv_transpose_backward, y, x, weight, **options)
    assert [g.shape for g in grads] == [x.shape, weight.shape, bias.shape]
    assert not grads[1].any()
    assert not grads[2].any()
    assert xp.call(cl.zero_insert, x, stride=2).shape == (0, 2, 9, 7)


def test_results_are_new_memory():
    x, one = whole(1, 1, 4, 4), np.ones((1, 1, 1, 1))
    results = [cl.conv_transpose(x, one, method=m) for m in OURS]
    results += [*cl.conv_transpose_backward(x, x, one), cl.zero_insert(x, 1)]
    results += [cl.conv_matrix(one, 1)]
    for y in results:
        assert not np.shares_memory(y, x)
        assert not np.shares_memory(y, one)
        assert y.flags.writeable
    assert results[0].tolist() == x.tolist()


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::-1, ::-1, ::-1, ::-1],
        lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        np.asfortranarray,
        lambda a: np.broadcast_to(a[:1, :1], a.shape),
        lambda a: a.astype(a.dtype.newbyteorder()),
    ],
    ids=["flipped", "channels last", "Fortran", "broadcast", "other byte order"],
)
def test_any_layout_in_memory(view):
    x, weight = view(whole(2, 4, 3, 3)), view(whole(4, 2, 3, 3, seed=1))
    plain = [np.array(a, np.float64, order="C") for a in (x, weight)]
    options = {"stride": 2, "padding": 1, "groups": 2}
    expected = cl.conv_transpose(*plain, **options)
    for method in OURS:
        y = cl.conv_transpose(x, weight, method=method, **options)
        np.testing.assert_array_equal(y, expected)
        assert y.dtype == x.dtype
    grads = cl.conv_transpose_backward(view(expected), x, weight, **options)
    true = cl.conv_transpose_backward(
        np.array(view(expected), np.float64, order="C"), *plain, **options
    )
    for ours, theirs in zip(grads, true, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_meta_device_gives_shapes(torch):
    x, weight = torch.ones(2, 3, 8, 8, device="meta"), torch.ones(3, 4, 3, 3, device="meta")
    y = cl.conv_transpose(x, weight, stride=2)
    assert (y.device.type, y.shape) == ("meta", (2, 4, 17, 17))


def test_the_bias_is_not_changed(torch):
    bias, x = torch.ones(1, requires_grad=True), torch.ones(1, 1, 3)
    for method in (*OURS, "native"):
        y = cl.conv_transpose(x, torch.ones(1, 1, 1), bias, method=method)
        (grad,) = torch.autograd.grad(y.sum(), bias)
        assert (y.tolist(), grad.tolist(), bias.tolist()) == ([[[2, 2, 2]]], [3], [1])


@given(g=geometries(**zeros, batches=(1,)))
def test_every_spelling_of_an_option_means_the_same(g):
    options = transposed(g)
    expected = cl.conv_transpose(g.y, g.weight, **options)
    lists = {
        key: [list(v) if isinstance(v, tuple) else np.int64(v) for v in value]
        for key, value in options.items()
        if key != "groups"
    }
    np.testing.assert_array_equal(
        cl.conv_transpose(g.y, g.weight, groups=g.groups, **lists), expected
    )
