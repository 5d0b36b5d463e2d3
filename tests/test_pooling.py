"""Pooling: by hand, against torch, by its laws, and its contract."""

import math
import re
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import whole

import convlib as cl
from convlib import _pooling, pooling
from convlib import adaptive_pooling as adaptive

NAN, INF = math.nan, math.inf


def call(xp, function, *arrays, **options):
    """As `xp.call`, for functions that give or take int64 positions beside values."""
    given_ = [xp.asarray(a) for a in arrays]
    before = [xp.numpy(a).copy() for a in given_]
    results = function(*given_, **options)
    for one in results if isinstance(results, tuple) else (results,):
        assert type(one) is type(given_[0])
        assert one.device == given_[0].device
        assert not any(np.shares_memory(xp.numpy(one), xp.numpy(a)) for a in given_)
    for array, copy in zip(given_, before, strict=True):
        np.testing.assert_array_equal(xp.numpy(array), copy, "an input was written to")
    return xp.numpy(results)


def torchs(torch, name, rank):
    return getattr(torch.nn.functional, f"{name}{rank}d")


# ---- random pools ----


@st.composite
def pools(draw, dilated=True, padded=True, ranks=(1, 2, 3), values="small"):
    """An input and the options of a pooling that torch takes."""
    rank = draw(st.sampled_from(ranks))
    options = {name: [] for name in ("kernel_size", "stride", "padding", "dilation")}
    size, ceil_mode = [], draw(st.booleans())
    for _ in range(rank):
        kernel, d = draw(st.integers(1, 4)), draw(st.integers(1, 3)) if dilated else 1
        p = draw(st.integers(0, kernel // 2)) if padded else 0
        span = d * (kernel - 1) + 1
        # With a size of d at least, no window that starts in the padding steps over the input.
        least = max(1, span - 2 * p, d if p else 1)
        size.append(draw(st.integers(least, least + {1: 7, 2: 4, 3: 2}[rank])))
        for name, value in zip(options, (kernel, draw(st.integers(1, 3)), p, d), strict=True):
            options[name].append(value)
    options = {name: tuple(value) for name, value in options.items()}
    if draw(st.booleans()):
        options["stride"] = None
    if not dilated:
        del options["dilation"]
    if not padded:
        del options["padding"]
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *size)
    seed = draw(st.integers(0, 10**6))
    x = np.random.default_rng(seed).integers(-2, 3, shape).astype(float)
    if values == "wild":  # many ties, NaN and infinities
        x = np.random.default_rng(seed).choice(
            [NAN, -INF, INF, 0, 1], shape, p=[0.1, 0.5, 0.1, 0.2, 0.1]
        )
    return x, options | {"ceil_mode": ceil_mode}


def gradient(torch, function, x, seed=5):
    """Of torch's function: the output's gradient we chose, and the input's that follows."""
    x = torch.from_numpy(x).requires_grad_()
    y = function(x)
    grad = torch.from_numpy(whole(*y.shape, seed=seed))
    (grad_x,) = torch.autograd.grad(y, x, grad)
    return grad.numpy(), grad_x.numpy()


# ---- by hand ----


def test_max_pool_by_hand(xp):
    x = np.arange(16).reshape(1, 1, 4, 4)
    assert call(xp, pooling.max_pool, x, kernel_size=2).tolist() == [[[[5, 7], [13, 15]]]]


def test_padding_never_wins(xp):
    # -inf | -3 -2 -1 | -inf: a padding of zeros would give 0
    y = call(xp, pooling.max_pool, [[[-3.0, -2.0, -1.0]]], kernel_size=3, stride=1, padding=1)
    assert y.tolist() == [[[-2, -1, -1]]]


def test_avg_pool_by_hand(xp):
    x = [[[[1.0, 2.0], [3.0, 6.0]]]]
    assert call(xp, pooling.avg_pool, x, kernel_size=2).tolist() == [[[[3]]]]  # (1+2+3+6)/4


def test_what_counts_in_an_average(xp):
    x = [[[6.0, 6.0, 6.0, 6.0, 6.0, 6.0]]]
    options = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}
    # windows at -1, 1, 3, 5: the first reads one cell of padding, the last one more, beyond which
    # nothing counts: (6 + 6)/3, 18/3, 18/3, 6/2
    assert call(xp, pooling.avg_pool, x, **options).tolist() == [[[4, 6, 6, 3]]]
    inner = call(xp, pooling.avg_pool, x, **options, count_include_pad=False)
    assert inner.tolist() == [[[6, 6, 6, 6]]]
    fixed = call(xp, pooling.avg_pool, x, **options, divisor_override=-6)
    assert fixed.tolist() == [[[-2, -3, -3, -1]]]


def test_lp_pool_by_hand(xp):
    x = [[[3.0, -4.0, 6.0, 8.0]]]
    for power, expected in {1: [-1, 14], 2: [5, 10], INF: [4, 8], -INF: [3, 6]}.items():
        y = call(xp, pooling.lp_pool, x, norm_type=power, kernel_size=2)
        np.testing.assert_allclose(y, [[expected]], rtol=1e-15)


def test_adaptive_and_global_by_hand(xp):
    x = [[[0.0, 2.0, 4.0, 6.0, 8.0]]]  # regions 0..2 and 2..4 share the middle cell
    assert call(xp, adaptive.adaptive_avg_pool, x, output_size=2).tolist() == [[[2, 6]]]
    assert call(xp, adaptive.adaptive_max_pool, x, output_size=2).tolist() == [[[4, 8]]]
    assert call(xp, adaptive.global_avg_pool, x).tolist() == [[[4]]]
    assert call(xp, adaptive.global_max_pool, x).tolist() == [[[8]]]


def test_max_unpool_by_hand(xp):
    y = call(xp, adaptive.max_unpool, [[[7.0, 9.0]]], [[[1, 2]]], kernel_size=2)
    assert y.tolist() == [[[0, 7, 9, 0]]]
    longer = call(
        xp, adaptive.max_unpool, [[[7.0, 9.0]]], [[[1, 2]]], kernel_size=2, output_size=(5,)
    )
    assert longer.tolist() == [[[0, 7, 9, 0, 0]]]


@pytest.mark.parametrize(
    "x, index",
    [
        ([[2, 2], [2, 2]], 0),  # a tie: the first
        ([[0, 1], [1, 0]], 1),  # row by row, not column by column
        ([[NAN, 1], [3, 0]], 0),  # a NaN wins
        ([[NAN, 1], [3, NAN]], 3),  # of two the last
        ([[0, NAN], [NAN, 9]], 2),  # the last row by row
        ([[-INF, -INF], [-INF, -INF]], 0),
        ([[0.0, -0.0], [-0.0, 0.0]], 0),
    ],
)
def test_who_wins(xp, torch, x, index):
    x = np.array([[x]], float)
    for function, options in (
        (pooling.max_pool, {"kernel_size": 2}),
        (adaptive.adaptive_max_pool, {"output_size": 1}),
    ):
        y, cells = call(xp, function, x, return_indices=True, **options)
        assert (cells.item(), cells.dtype) == (index, np.int64)
        np.testing.assert_array_equal(y.item(), x.flat[index])
        np.testing.assert_array_equal(call(xp, function, x, **options), y)
    assert torch.nn.functional.max_pool2d(torch.tensor(x), 2, return_indices=True)[1] == index


def test_a_window_of_nothing_but_minus_infinity_points_inside(xp):
    x = np.full((1, 1, 3, 3), -INF)
    _, cells = call(xp, pooling.max_pool, x, kernel_size=2, padding=1, return_indices=True)
    assert cells.tolist() == [[[[0, 1], [3, 4]]]]
    # taps -1, 1, 3 of 5 along each axis: the first cell inside is (1, 1), which is 1*5 + 1
    x = np.full((1, 1, 5, 5), -INF)
    options = {"kernel_size": 3, "padding": 1, "dilation": 2}
    _, cells = call(xp, pooling.max_pool, x, return_indices=True, **options)
    assert cells.item() == 6


def test_the_first_maximum_receives_the_gradient(xp):
    x = np.zeros((1, 1, 2, 4))  # after a ReLU whole windows are zero
    grad = call(xp, pooling.max_pool_backward, [[[[10.0, 20.0]]]], x, kernel_size=2)
    assert grad.tolist() == [[[[10, 0, 20, 0], [0, 0, 0, 0]]]]


# ---- oracle ----


@given(case=pools(values="wild"))
def test_max_pool_is_torchs(xp, torch, case):
    x, options = case
    expected = torchs(torch, "max_pool", x.ndim - 2)(
        torch.from_numpy(x), **options, return_indices=True
    )
    y, cells = call(xp, pooling.max_pool, x, **options, return_indices=True)
    np.testing.assert_array_equal(y, expected[0].numpy())
    np.testing.assert_array_equal(cells, expected[1].numpy())
    np.testing.assert_array_equal(call(xp, pooling.max_pool, x, **options), y)


@given(case=pools())
def test_max_pool_backward_is_torchs(xp, torch, case):
    x, options = case
    pool = torchs(torch, "max_pool", x.ndim - 2)
    grad, expected = gradient(torch, lambda x: pool(x, **options), x)
    ours = call(xp, pooling.max_pool_backward, grad, x, **options)
    np.testing.assert_array_equal(ours, expected)


@given(case=pools(values="wild"))
def test_max_pool_backward_takes_the_winners_that_are_known(xp, case):
    x, options = case
    y, cells = call(xp, pooling.max_pool, x, **options, return_indices=True)
    grad = whole(*y.shape, seed=5)
    expected = call(xp, pooling.max_pool_backward, grad, x, **options)
    known = {"indices": xp.asarray(cells)}
    with mock.patch.object(pooling, "_winners", None):  # nobody searches
        ours = call(xp, pooling.max_pool_backward, grad, x, **options, **known)
    np.testing.assert_array_equal(ours, expected)


@given(
    case=pools(dilated=False),
    include=st.booleans(),
    override=st.sampled_from([None, None, 1, 4, -3]),
)
def test_avg_pool_is_torchs(xp, torch, case, include, override):
    x, options = case
    kernel = options["kernel_size"]
    # In three axes torch refuses what it takes in one and two: padding that makes up for size.
    assume(x.ndim < 5 or all(n >= k for n, k in zip(x.shape[2:], kernel, strict=True)))
    options["count_include_pad"] = include
    theirs = dict(options)
    if x.ndim > 3:
        options["divisor_override"] = theirs["divisor_override"] = override
    pool = torchs(torch, "avg_pool", x.ndim - 2)
    expected = pool(torch.from_numpy(x), **theirs).numpy()
    np.testing.assert_allclose(call(xp, pooling.avg_pool, x, **options), expected, atol=1e-15)
    grad, expected = gradient(torch, lambda x: pool(x, **theirs), x)
    ours = call(xp, pooling.avg_pool_backward, grad, x, **options)
    np.testing.assert_allclose(ours, expected, atol=1e-14)


@given(
    case=pools(dilated=False, padded=False),
    power=st.sampled_from([1, 2, 3, 0.5, 2.5, -1, INF, -INF]),
    positive=st.booleans(),
)
def test_lp_pool_is_torchs(xp, torch, case, power, positive):
    x, options = case
    x = abs(x) + 1 if positive else x
    pool = torchs(torch, "lp_pool", x.ndim - 2)
    if x.ndim == 3:  # torch's lp_pool1d takes no tuple
        options["kernel_size"] = options["kernel_size"][0]
    expected = pool(torch.from_numpy(x), power, **options).numpy()
    close = {"rtol": 1e-12, "atol": 1e-13}
    ours = call(xp, pooling.lp_pool, x, norm_type=power, **options)
    np.testing.assert_allclose(ours, expected, **close)
    if positive or power in (1, 2, INF, -INF):  # elsewhere gradients are infinite or none
        grad, expected = gradient(torch, lambda x: pool(x, power, **options), x)
        ours = call(xp, pooling.lp_pool_backward, grad, x, norm_type=power, **options)
        np.testing.assert_allclose(ours, expected, **close)


@given(case=pools(dilated=False, padded=False), padding=st.booleans(), out=st.integers(1, 4))
def test_autograd_gives_what_backward_gives(torch, case, padding, out):
    """With ties, and for windows that hang over: all values are from -2 to 2."""
    x, options = case
    pads = tuple(k // 2 for k in options["kernel_size"]) if padding else 0
    for forward, given_ in (
        (pooling.max_pool, options | {"padding": pads}),
        (pooling.avg_pool, options | {"padding": pads, "count_include_pad": False}),
        (pooling.lp_pool, options | {"norm_type": 2}),
        (pooling.lp_pool, options | {"norm_type": INF}),
        (adaptive.adaptive_max_pool, {"output_size": out}),
        (adaptive.adaptive_avg_pool, {"output_size": out}),
        (adaptive.global_max_pool, {}),
        (adaptive.global_avg_pool, {}),
    ):
        grad, flown = gradient(torch, lambda x, f=forward, o=given_: f(x, **o), x)
        ours = backward_of(forward)(grad, x, **given_)
        np.testing.assert_allclose(flown, ours, rtol=1e-12, atol=1e-13)


@st.composite
def regions(draw):
    size = draw(st.lists(st.integers(1, 7), min_size=1, max_size=3))
    out = [
        draw(st.one_of(st.integers(1, 8), st.none() if len(size) > 1 else st.just(2))) for _ in size
    ]
    values = [NAN, -INF, 0, 0, 1, 2]
    x = np.random.default_rng(draw(st.integers(0, 10**6))).choice(values, (2, 2, *size))
    return x, tuple(out)


@given(case=regions())
def test_adaptive_max_pool_is_torchs(xp, torch, case):
    x, out = case
    pool = torchs(torch, "adaptive_max_pool", len(out))
    values, cells = pool(torch.from_numpy(x), out, return_indices=True)
    ours = call(xp, adaptive.adaptive_max_pool, x, output_size=out, return_indices=True)
    np.testing.assert_array_equal(ours[0], values.numpy())
    np.testing.assert_array_equal(ours[1], cells.numpy())
    ours = call(xp, adaptive.adaptive_max_pool, x, output_size=out)
    np.testing.assert_array_equal(ours, values.numpy())
    grad, expected = gradient(torch, lambda x: pool(x, out), x)
    ours = call(xp, adaptive.adaptive_max_pool_backward, grad, x, output_size=out)
    np.testing.assert_array_equal(ours, expected)
    known = {"output_size": out, "indices": xp.asarray(cells.numpy())}
    with mock.patch.object(adaptive, "_winners", None):  # nobody searches
        ours = call(xp, adaptive.adaptive_max_pool_backward, grad, x, **known)
    np.testing.assert_array_equal(ours, expected)


@given(case=regions())
def test_adaptive_avg_pool_is_torchs(xp, torch, case):
    x, out = whole(*case[0].shape), case[1]
    pool = torchs(torch, "adaptive_avg_pool", len(out))
    expected = pool(torch.from_numpy(x), out).numpy()
    ours = call(xp, adaptive.adaptive_avg_pool, x, output_size=out)
    np.testing.assert_allclose(ours, expected, atol=1e-14)
    grad, expected = gradient(torch, lambda x: pool(x, out), x)
    ours = call(xp, adaptive.adaptive_avg_pool_backward, grad, x, output_size=out)
    np.testing.assert_allclose(ours, expected, atol=1e-13)


@given(case=pools(dilated=False, ranks=(1, 2, 3)))
def test_max_unpool_is_torchs(xp, torch, case):
    x, options = case
    del options["ceil_mode"]
    rank = x.ndim - 2
    y, cells = torchs(torch, "max_pool", rank)(torch.from_numpy(x), **options, return_indices=True)
    steps = options["stride"] or options["kernel_size"]
    # What pooling leaves unread, unpooling is told; a size a whole stride off torch refuses.
    usual = [
        (o - 1) * s - 2 * p + k
        for o, s, p, k in zip(
            y.shape[2:], steps, options["padding"], options["kernel_size"], strict=True
        )
    ]
    assert all(0 <= n - u < s for n, u, s in zip(x.shape[2:], usual, steps, strict=True))
    unpool = torchs(torch, "max_unpool", rank)
    expected = unpool(y, cells, **options, output_size=list(x.shape)).numpy()
    ours = call(xp, adaptive.max_unpool, y.numpy(), cells.numpy(), **options, output_size=x.shape)
    np.testing.assert_array_equal(ours, expected)
    # where windows overlap a cell may win twice, with one value: the input's own
    np.testing.assert_array_equal(ours, np.where(ours != 0, x, 0))
    size = x.shape[2:]
    grad, expected = gradient(
        torch,
        lambda y: unpool(y, cells, **options, output_size=list(size)),
        y.numpy(),
    )
    ours = call(
        xp,
        adaptive.max_unpool_backward,
        grad,
        y.numpy(),
        cells.numpy(),
        **options,
        output_size=size,
    )
    np.testing.assert_array_equal(ours, expected)


def test_memory_formats_and_strides_do_not_matter(torch):
    x = torch.from_numpy(whole(2, 3, 6, 5)).contiguous(memory_format=torch.channels_last)
    for view in (x, x.transpose(2, 3), x[:, :, ::2], x.expand(2, 3, 6, 5)):
        for ours, theirs in zip(
            pooling.max_pool(view, 2, return_indices=True),
            torch.nn.functional.max_pool2d(view, 2, return_indices=True),
            strict=True,
        ):
            assert torch.equal(ours, theirs)
        assert torch.equal(pooling.avg_pool(view, 2), torch.nn.functional.avg_pool2d(view, 2))


# ---- laws ----

BACKWARDS = [
    (pooling.avg_pool, pooling.avg_pool_backward, {"kernel_size": 3, "stride": 2, "padding": 1}),
    (
        pooling.avg_pool,
        pooling.avg_pool_backward,
        {"kernel_size": (2, 3), "ceil_mode": True, "count_include_pad": False, "padding": (1, 0)},
    ),
    (adaptive.adaptive_avg_pool, adaptive.adaptive_avg_pool_backward, {"output_size": (3, 4)}),
    (adaptive.global_avg_pool, adaptive.global_avg_pool_backward, {}),
]


@pytest.mark.parametrize("forward, backward, options", BACKWARDS)
def test_the_backward_of_an_average_is_its_adjoint(xp, forward, backward, options):
    x = whole(2, 3, 7, 5)
    y = call(xp, forward, x, **options)
    grad = whole(*y.shape, seed=1)
    back = call(xp, backward, grad, x, **options)
    np.testing.assert_allclose((y * grad).sum(), (x * back).sum(), rtol=1e-12)


PAIRS = [
    *BACKWARDS,
    (pooling.max_pool, pooling.max_pool_backward, {"kernel_size": 2, "stride": 1, "padding": 1}),
    (pooling.lp_pool, pooling.lp_pool_backward, {"norm_type": 3, "kernel_size": 2, "stride": 1}),
    (adaptive.adaptive_max_pool, adaptive.adaptive_max_pool_backward, {"output_size": (3, 2)}),
    (adaptive.global_max_pool, adaptive.global_max_pool_backward, {}),
]


@pytest.mark.parametrize("forward, backward, options", PAIRS)
def test_backward_is_the_slope_of_central_differences(xp, forward, backward, options):
    # distinct values, far apart for the step: no maximum changes its place
    x = np.random.default_rng(0).permutation(2 * 4 * 5).reshape(1, 2, 4, 5) + 1.0
    grad = whole(*forward(x, **options).shape, seed=2)
    ours = call(xp, backward, grad, x, **options)
    for at in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[at] = 1e-4
        slope = forward(x + step, **options) - forward(x - step, **options)
        np.testing.assert_allclose(ours[at], (slope * grad).sum() / 2e-4, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("forward, backward, options", PAIRS)
def test_gradcheck(torch, forward, backward, options):
    x = torch.randperm(40, generator=torch.Generator().manual_seed(0)).double() + 1
    x = x.reshape(1, 2, 4, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: forward(x, **options), x)
    grad = torch.ones_like(forward(x, **options)).requires_grad_()
    assert torch.autograd.gradcheck(lambda g: backward(g, x.detach(), **options), grad)


def test_gradcheck_of_unpooling(torch):
    y, cells = pooling.max_pool(
        torch.arange(16.0).double().reshape(1, 1, 4, 4), 2, return_indices=True
    )
    assert torch.autograd.gradcheck(lambda y: adaptive.max_unpool(y, cells, 2), y.requires_grad_())


@given(case=pools())
def test_max_pool_commutes_with_what_rises(xp, case):
    x, options = case
    ours = call(xp, pooling.max_pool, np.exp(x) + x, **options)
    y = call(xp, pooling.max_pool, x, **options)
    np.testing.assert_array_equal(ours, np.exp(y) + y)


def test_a_relu_may_come_before_or_after(xp):
    x = whole(2, 3, 6, 6)
    after = np.maximum(call(xp, pooling.max_pool, x, kernel_size=2), 0)
    np.testing.assert_array_equal(
        call(xp, pooling.max_pool, np.maximum(x, 0), kernel_size=2), after
    )


def test_avg_pool_is_a_depthwise_convolution(xp):
    x, kernel = whole(2, 3, 7, 6), np.full((3, 1, 2, 3), 1 / 6)
    y = call(xp, pooling.avg_pool, x, kernel_size=(2, 3), stride=(1, 2), padding=(1, 0))
    same = cl.conv(x, kernel, stride=(1, 2), padding=(1, 0), groups=3)
    np.testing.assert_allclose(y, same, atol=1e-14)


def test_a_stride_breaks_the_tolerance_to_shifts(xp):
    x = [[[0.0, 9.0, 0.0, 0.0]]]
    moved = [[[0.0, 0.0, 9.0, 0.0]]]
    assert call(xp, pooling.max_pool, x, kernel_size=2).tolist() == [[[9, 0]]]
    assert call(xp, pooling.max_pool, moved, kernel_size=2).tolist() == [[[0, 9]]]


def test_unpooling_puts_the_maxima_back(xp):
    x = whole(2, 3, 6, 4) + 20
    y, cells = call(xp, pooling.max_pool, x, kernel_size=2, return_indices=True)
    back = call(xp, adaptive.max_unpool, y, cells, kernel_size=2)
    assert np.count_nonzero(back) == y.size
    np.testing.assert_array_equal(back, np.where(back > 0, x, 0))
    np.testing.assert_array_equal(call(xp, pooling.max_pool, back, kernel_size=2), y)


def test_global_adaptive_and_whole_windows_agree(xp):
    x = whole(2, 3, 4, 5)
    means = x.mean(axis=(2, 3), keepdims=True)
    for function, options, expected in (
        (adaptive.global_avg_pool, {}, means),
        (adaptive.adaptive_avg_pool, {"output_size": 1}, means),
        (pooling.avg_pool, {"kernel_size": (4, 5)}, means),
        (adaptive.global_max_pool, {}, x.max(axis=(2, 3), keepdims=True)),
        (pooling.max_pool, {"kernel_size": (4, 5)}, x.max(axis=(2, 3), keepdims=True)),
    ):
        np.testing.assert_allclose(call(xp, function, x, **options), expected, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_whole_grids_of_any_strides(dtype):
    x = whole(3, 4, 7, 5).astype(dtype)
    x[0, 1, 2, 3], x[1, 2, 0, 0], x[2, 3, 6, 4] = NAN, INF, -INF
    for view in (x, x.transpose(1, 0, 3, 2), x[::-1, :, ::2, ::-1], np.asfortranarray(x)):
        for ours, known in (
            (adaptive.global_avg_pool, np.mean),
            (adaptive.global_max_pool, np.amax),
        ):
            y = ours(view)
            assert y.dtype == dtype
            expected = known(view.astype(float), axis=(2, 3), keepdims=True)
            np.testing.assert_allclose(y, expected, rtol=1e-3 if dtype == "float16" else 1e-6)


def test_four_axes(xp):
    x = whole(1, 2, 2, 2, 4, 2)
    y = call(xp, pooling.max_pool, x, kernel_size=2)
    np.testing.assert_array_equal(y[:, :, 0, 0, :, 0], x.reshape(1, 2, 4, 2, 4).max(axis=(2, 4)))


@given(case=pools())
def test_sizes_are_those_of_output_size(case):
    x, options = case
    y = pooling.max_pool(x, **options)
    kernel = options.pop("kernel_size")
    options["stride"] = options["stride"] or kernel
    assert y.shape[2:] == cl.output_size(x.shape[2:], kernel, **options)


# ---- contract ----

FORWARDS = [
    (pooling.max_pool, {"kernel_size": 2}),
    (pooling.avg_pool, {"kernel_size": 2}),
    (pooling.lp_pool, {"norm_type": 2, "kernel_size": 2}),
    (adaptive.global_avg_pool, {}),
    (adaptive.global_max_pool, {}),
    (adaptive.adaptive_avg_pool, {"output_size": 2}),
    (adaptive.adaptive_max_pool, {"output_size": 2}),
]
by_name = {"ids": lambda value: getattr(value, "__name__", "")}


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("function, options", FORWARDS, **by_name)
def test_floating_dtypes_stay(xp, function, options, name):
    if name == "bfloat16" and not xp.is_torch:
        pytest.skip("NumPy has no bfloat16")
    x = np.arange(32.0).reshape(1, 2, 4, 4)
    y = xp.call(function, x, dtype=name, **options)
    rough = {"float16": 1e-3, "bfloat16": 1e-2}.get(name, 1e-6)
    np.testing.assert_allclose(y, function(x, **options), rtol=rough)
    backward = backward_of(function)
    grad = xp.call(backward, np.ones(y.shape), x, dtype=name, **options)
    np.testing.assert_allclose(grad, backward(np.ones(y.shape), x, **options), rtol=4 * rough)


def backward_of(function):
    module = pooling if hasattr(pooling, function.__name__) else adaptive
    return getattr(module, f"{function.__name__}_backward")


def test_half_precision_is_summed_in_float32(xp):
    # 4096 * 40000 is beyond float16's 65504, and 2049 is no float16
    x = np.full((1, 1, 4096), 40000.0)
    for function, options in (
        (pooling.avg_pool, {"kernel_size": 4096}),
        (adaptive.global_avg_pool, {}),
    ):
        assert xp.call(function, x, dtype="float16", **options).item() == 40000
    y = xp.call(pooling.lp_pool, [[[300.0, 400.0]]], dtype="float16", norm_type=2, kernel_size=2)
    assert y.item() == 500
    ones = np.ones((1, 1, 4096))
    options = {"output_size": 4096}
    grad = xp.call(
        adaptive.adaptive_max_pool_backward, ones, np.zeros((1, 1, 1)), dtype="float16", **options
    )
    assert grad.item() == 4096


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "int32", "int64"])
def test_maxima_of_integers(xp, name):
    low = np.iinfo(name).min
    x = np.array([[[low, low, 3, 1, 2]]])
    options = {"kernel_size": 3, "stride": 2, "padding": 1}
    y, cells = pooling.max_pool(xp.asarray(x, name), return_indices=True, **options)
    assert y.dtype == xp.dtype(name)
    assert xp.numpy(y).tolist() == [[[low, 3, 2]]]
    assert xp.numpy(cells).tolist() == [[[0, 2, 4]]]
    assert xp.call(pooling.max_pool, x, dtype=name, **options).tolist() == [[[low, 3, 2]]]
    assert xp.call(adaptive.global_max_pool, x, dtype=name).tolist() == [[[3]]]


def test_averages_of_integers_are_cut_off_as_torchs_are(xp, torch):
    x = np.array([[[-3, 0, -1, -2, 3, 0, 7, -8]]])
    for options in ({}, {"divisor_override": -4}, {"divisor_override": 3}):
        expected = torch.nn.functional.avg_pool2d(
            torch.from_numpy(x[:, :, None]), (1, 2), **options
        )
        ours = call(xp, pooling.avg_pool, x, kernel_size=2, **options)
        assert ours.dtype == np.int64
        np.testing.assert_array_equal(ours, expected.numpy()[:, :, 0])


def test_other_byte_orders():
    x = np.arange(4.0).astype(">f8").reshape(1, 1, 4)
    assert pooling.max_pool(x, 3, padding=1, stride=2).tolist() == [[[1, 3]]]
    assert pooling.avg_pool(x, 2).tolist() == [[[0.5, 2.5]]]


@pytest.mark.parametrize("function, options", FORWARDS, **by_name)
def test_an_empty_batch(xp, function, options):
    x = np.zeros((0, 2, 4, 4))
    y = call(xp, function, x, **options)
    assert y.shape == (0, *function(np.zeros((1, 2, 4, 4)), **options).shape[1:])
    assert call(xp, backward_of(function), y, x, **options).shape == x.shape


def test_an_empty_batch_of_positions(xp):
    y, cells = call(xp, pooling.max_pool, np.zeros((0, 2, 4)), kernel_size=2, return_indices=True)
    assert call(xp, adaptive.max_unpool, y, cells, kernel_size=2).shape == (0, 2, 4)


@pytest.mark.parametrize("function, options", FORWARDS, **by_name)
def test_a_window_of_one_cell_is_a_copy(xp, function, options):
    x = whole(2, 3, 1, 1)
    options = dict.fromkeys(options, 1)
    np.testing.assert_array_equal(call(xp, function, x, **options), x)


def test_ceil_mode_lets_in_a_window_larger_than_the_input(xp, torch):
    x = [[[1.0, 2.0]]]
    y, cells = call(xp, pooling.max_pool, x, kernel_size=3, ceil_mode=True, return_indices=True)
    assert (y.tolist(), cells.tolist()) == ([[[2]]], [[[1]]])
    assert call(xp, pooling.avg_pool, x, kernel_size=3, ceil_mode=True).tolist() == [[[1.5]]]
    assert torch.nn.functional.avg_pool1d(torch.tensor(x), 3, ceil_mode=True).item() == 1.5


def test_padding_by_pairs_and_by_name(xp):
    x = [[[1.0, 5.0, 2.0]]]
    one_sided = call(xp, pooling.max_pool, x, kernel_size=2, stride=1, padding=((0, 1),))
    assert one_sided.tolist() == [[[5, 5, 2]]]
    same = call(xp, pooling.max_pool, x, kernel_size=2, stride=1, padding="same")
    np.testing.assert_array_equal(same, one_sided)


def test_unpooling_padded_to_the_same_size_keeps_it(xp):
    x, cells = np.array([[[5.0, 7.0, 9.0]]]), np.array([[[0, 2, 1]]])
    y = adaptive.max_unpool(xp.asarray(x), xp.asarray(cells), 3, stride=1, padding="same")
    assert xp.numpy(y).tolist() == [[[5, 9, 7]]]


def test_cells_are_numbered_where_the_input_is(torch):
    x = torch.zeros(1, 1, 2, 3, device="meta")
    cells = _pooling.cell_numbers(x)
    assert (cells.device, cells.shape) == (x.device, (1, 1, 2, 3))


def test_the_average_of_large_integers_is_exact(xp):
    # (2**60 + 1 + 2**60 + 3) / 2: float64 has 53 bits
    y = call(xp, pooling.avg_pool, np.array([[[2**60 + 1, 2**60 + 3]]]), kernel_size=2)
    assert y.tolist() == [[[2**60 + 2]]]


EDGES = [-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 2, 2**63 - 1]


@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 2**63 - 1, -2, -3, 1 - 2**63])
def test_averages_reach_to_the_ends_of_int64(xp, divisor):
    """The least int64 has no counterpart above 0: ``abs`` gives it back as it is."""
    options = {"kernel_size": 1, "divisor_override": divisor}
    y = call(xp, pooling.avg_pool, np.array([[EDGES]]), **options)
    exact = [math.trunc(Fraction(cell, divisor)) for cell in EDGES]
    assert y.tolist() == [[exact]]


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_the_least_integer_is_a_maximum_as_others_are(xp, dtype):
    x = np.full((1, 1, 3), np.iinfo(dtype).min, dtype)
    options = {"kernel_size": 2, "stride": 1, "padding": 1, "return_indices": True}
    y, cells = call(xp, pooling.max_pool, x, **options)
    assert (y == x[0, 0, 0]).all()
    assert cells.tolist() == [[[0, 0, 1, 2]]]  # what stands in the padding is as small, and loses


X = np.zeros((1, 2, 6, 6))
Y, CELLS = np.zeros((1, 1, 2)), np.array([[[0, 3]]])
REFUSED = [
    (lambda: pooling.max_pool(X[0, 0], 2), ValueError, "Add the batch axis: x[None]."),
    (
        lambda: pooling.max_pool(X[0], (2, 2)),
        ValueError,
        "max_pool: x must be (B, C, *spatial), batched, with 2 + 2 = 4 axes for kernel_size="
        "(2, 2); got x.shape=(2, 6, 6). Add the batch axis: x[None]. Or give kernel_size 1 value.",
    ),
    (lambda: pooling.max_pool(X[0], 2, padding=(1, 1)), ValueError, "4 axes for padding=(1, 1)"),
    (lambda: pooling.lp_pool(X[0], 2, 2, stride=[2, 2]), ValueError, "4 axes for stride=[2, 2]"),
    (lambda: pooling.max_pool(X[0, 0], (2, 2)), ValueError, "Add 2 axes in front: x[None, None]."),
    (lambda: pooling.max_pool(X[:, :0], 2), ValueError, "only the batch may be empty"),
    (
        lambda: pooling.max_pool(X > 0, 2),
        TypeError,
        "max_pool: x must hold numbers; got dtype bool",
    ),
    (lambda: pooling.max_pool(X + 0j, 2), TypeError, "must be real; got complex128"),
    (lambda: pooling.max_pool([1.0], 2), TypeError, "must be a numpy.ndarray"),
    (lambda: pooling.max_pool(X, (2, 2, 2)), ValueError, "Or give kernel_size 2 values."),
    (lambda: pooling.max_pool(X, (2, 2, 2, 2)), ValueError, "2 ints, one per axis"),
    (lambda: pooling.max_pool(X, 2, stride=0), ValueError, "stride must be at least 1"),
    (lambda: pooling.max_pool(X, 2, padding=-1), ValueError, "padding must be at least 0"),
    (lambda: pooling.max_pool(X, 7), ValueError, "no window fits"),
    (
        lambda: pooling.max_pool(X, 3, padding=2),
        ValueError,
        "padding must be at most half of kernel_size, so that a window sees more than padding; "
        "got padding=2, kernel_size=3. Use padding <= 1.",
    ),
    (lambda: pooling.max_pool(X, 2, padding=2, dilation=3), ValueError, "at most half"),
    (lambda: pooling.max_pool(X, 4, padding=3), ValueError, "Use padding <= 2."),
    (
        lambda: pooling.max_pool(X[..., :1, :1], 2, dilation=3),
        ValueError,
        "Use a kernel of 1 or a larger input.",  # padding of 2 would be more than half a kernel
    ),
    (lambda: pooling.max_pool(X, 2, return_indices=1), TypeError, "return_indices must be True"),
    (lambda: pooling.max_pool(X, 2, ceil_mode=1), TypeError, "ceil_mode must be True or False"),
    (lambda: pooling.avg_pool(X, 2, ceil_mode=0), TypeError, "ceil_mode must be True or False"),
    (
        lambda: pooling.avg_pool(X, 2, count_include_pad=0),
        TypeError,
        "count_include_pad must be True or False",
    ),
    (lambda: pooling.lp_pool(X, 2, 2, ceil_mode=None), TypeError, "ceil_mode must be True"),
    (
        lambda: adaptive.adaptive_max_pool(X, 2, return_indices=1),
        TypeError,
        "return_indices must be True or False",
    ),
    (
        lambda: pooling.max_pool(X[..., :2], 2, padding=(0, 1), dilation=(1, 3)),
        ValueError,
        "a window sees nothing but padding: it reads cells -1, 2 and so on, the input has 0 to 1",
    ),
    (lambda: pooling.max_pool_backward(X, X, 2), ValueError, "the output, (1, 2, 3, 3); got"),
    (lambda: pooling.max_pool_backward(X.astype("f"), X, 2), TypeError, "must have one dtype"),
    (
        lambda: pooling.max_pool_backward(X[..., :3, :3].astype(int), X.astype(int), 2),
        TypeError,
        "the dtype of x must be one of float64",
    ),
    (lambda: pooling.avg_pool(X.astype("int32"), 2), TypeError, "got int32. Convert it"),
    (lambda: pooling.avg_pool(X, 2, padding=2), ValueError, "at most half"),
    (lambda: pooling.avg_pool(X, 2, divisor_override=0), ValueError, "must not be 0"),
    (lambda: pooling.avg_pool(X, 2, divisor_override=2.5), TypeError, "must be an int or None"),
    (lambda: pooling.lp_pool(X, 0, 2), ValueError, "norm_type must be a number other than 0"),
    (lambda: pooling.lp_pool(X, "2", 2), TypeError, "norm_type must be a number"),
    (lambda: pooling.lp_pool(X.astype(int), 2, 2), TypeError, "got int64"),
    (lambda: adaptive.adaptive_avg_pool(X, (2,)), ValueError, "2 ints, one per axis"),
    (lambda: adaptive.adaptive_avg_pool(X, 0), ValueError, "output_size must be at least 1"),
    (lambda: adaptive.adaptive_avg_pool(X, None), TypeError, "output_size must be an int"),
    (lambda: adaptive.adaptive_avg_pool(X.astype(int), 2), TypeError, "got int64"),
    (lambda: adaptive.adaptive_max_pool(X.astype(int), 2), TypeError, "got int64"),
    (lambda: adaptive.global_avg_pool(X[0, 0]), ValueError, "global_avg_pool: x must be (B, C"),
    (lambda: adaptive.global_max_pool_backward(X, X), ValueError, "(1, 2, 1, 1); got"),
    (lambda: adaptive.max_unpool(Y, CELLS.astype("int32"), 2), TypeError, "must be int64"),
    (
        lambda: adaptive.max_unpool(Y, CELLS[..., :1], 2),
        ValueError,
        "indices must have the shape of x, (1, 1, 2), one position a value; got indices.shape="
        "(1, 1, 1).",
    ),
    (
        lambda: adaptive.max_unpool(Y, CELLS + 1, 2),
        ValueError,
        "all indices must be cells of the output, 0 to 3 for size (4,); got 4. Give the pooling's "
        "options and input size as output_size.",
    ),
    (lambda: adaptive.max_unpool(Y, CELLS - 1, 2), ValueError, "got -1."),
    (lambda: adaptive.max_unpool(Y, CELLS, 2, output_size=(6,)), ValueError, "usual (4,)"),
    (lambda: adaptive.max_unpool(Y, CELLS, 2, output_size=(4, 4)), ValueError, "x[None]"),
    (lambda: adaptive.max_unpool(Y, CELLS, 2, output_size=(4,) * 4), ValueError, "an int; got 4"),
    (lambda: adaptive.max_unpool(CELLS, CELLS, 2), TypeError, "the dtype of x"),
    (lambda: adaptive.max_unpool_backward(Y, Y, CELLS, 2), ValueError, "the output, (1, 1, 4)"),
]


KNOWN = {
    "max_pool_backward": lambda cells: pooling.max_pool_backward(
        Y, X[:, :1, 0, :4], 2, indices=cells
    ),
    "adaptive_max_pool_backward": lambda cells: adaptive.adaptive_max_pool_backward(
        Y, X[:, :1, 0, :4], 2, indices=cells
    ),
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(
    "cells, error, words",
    [
        ([[[0, 3]]], TypeError, "indices must be a numpy.ndarray or a torch.Tensor; got list."),
        (CELLS.astype("int32"), TypeError, "indices must be int64, flat positions; got int32."),
        (Y, TypeError, "indices must be int64, flat positions; got float64."),
        (CELLS[..., :1], ValueError,
         "indices must have the shape of the output, (1, 1, 2), one position a value; got "
         "indices.shape=(1, 1, 1)."),
        (CELLS[0], ValueError, "got indices.shape=(1, 2). Add the batch axis: indices[None]."),
        (CELLS + 1, ValueError,
         "all indices must be cells of x, 0 to 3 for size (4,); got 4. Give those that the pooling "
         "of this x gave."),
        (CELLS - 1, ValueError, "got -1."),
    ],
)  # fmt: skip
def test_winners_are_cells_of_x(name, cells, error, words):
    assert KNOWN[name](CELLS).shape == (1, 1, 4)
    with pytest.raises(error, match=f"^{name}: .*{re.escape(words)}"):
        KNOWN[name](cells)


@pytest.mark.parametrize("attempt, error, message", REFUSED)
def test_what_is_refused(attempt, error, message):
    with pytest.raises(error, match=re.escape(message)):
        attempt()


def test_libraries_are_not_mixed(torch):
    with pytest.raises(TypeError, match="max_unpool: x and indices must be of one library"):
        adaptive.max_unpool(Y, torch.from_numpy(CELLS), 2)
    with pytest.raises(TypeError, match="max_unpool: x and indices must be of one library"):
        adaptive.max_unpool(torch.from_numpy(Y), torch.from_numpy(CELLS).to("meta"), 2)
    with pytest.raises(TypeError, match="cannot mix"):
        pooling.avg_pool_backward(torch.from_numpy(X), X, 2)


def test_no_gradient_without_a_record(torch):
    x = torch.from_numpy(whole(1, 1, 4, 4)).requires_grad_()
    with torch.no_grad():
        assert not pooling.max_pool(x, 2).requires_grad
    y, cells = pooling.max_pool(x, 2, return_indices=True)
    assert y.requires_grad
    assert not cells.requires_grad
