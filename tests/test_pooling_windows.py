"""Pooling where torch stops: dilated averages and powers, padding by pairs, wide steps.

The oracle is the definition, window by window, in plain Python.
"""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import whole

import convlib as cl

INF = math.inf


def padded(n, k, s, pair, d, ceil_mode):
    """The windows along one axis: each a list of cells, some of them outside 0 .. n - 1."""
    before, after = pair
    room = n + before + after - (d * (k - 1) + 1)
    count = (-(-room // s) if ceil_mode else room // s) + 1
    starts = [u * s - before for u in range(count)]
    if ceil_mode and starts[-1] >= n:
        starts.pop()
    return [[start + t * d for t in range(k)] for start in starts]


def by_definition(x, reduce_, kernel_size, *, stride, padding, dilation, ceil_mode):
    """``reduce_(values, counted)`` of every window: its cells inside, and how many are in reach."""
    size = x.shape[2:]
    axes = [
        padded(*each, ceil_mode)
        for each in zip(size, kernel_size, stride, padding, dilation, strict=True)
    ]
    y = np.empty((*x.shape[:2], *map(len, axes)))
    reach = [range(-before, n + after) for n, (before, after) in zip(size, padding, strict=True)]
    for at in np.ndindex(*y.shape[2:]):
        cells = [*itertools.product(*(axes[a][u] for a, u in enumerate(at)))]
        inside = [c for c in cells if all(0 <= i < n for i, n in zip(c, size, strict=True))]
        counted = sum(all(i in r for i, r in zip(c, reach, strict=True)) for c in cells)
        for b, c in np.ndindex(*x.shape[:2]):
            y[(b, c, *at)] = reduce_([x[(b, c, *cell)] for cell in inside], counted)
    return y


@st.composite
def pools(draw):
    """An input and options: pairs of any size that leave every window a cell of the input."""
    rank = draw(st.integers(1, 2))
    options = {name: [] for name in ("kernel_size", "stride", "padding", "dilation")}
    ceil_mode, size = draw(st.booleans()), []
    for _ in range(rank):
        k, s, d = (draw(st.integers(1, most)) for most in (3, 3, 3))
        span = d * (k - 1) + 1
        n = draw(st.integers(d, d + 5))
        before, after = draw(st.integers(0, span - 1)), draw(st.integers(0, span - 1))
        after = max(after, span - n - before)
        while any(start[0] >= n for start in padded(n, k, s, (before, after), d, ceil_mode)):
            after -= 1
        size.append(n)
        for name, value in zip(options, (k, s, (before, after), d), strict=True):
            options[name].append(value)
    options = {name: tuple(value) for name, value in options.items()}
    seed = draw(st.integers(0, 10**6))
    return np.random.default_rng(seed).permutation(2 * 3 * math.prod(size)).reshape(
        2, 3, *size
    ) + 1.0, options | {"ceil_mode": ceil_mode}


@given(case=pools())
def test_maxima_are_those_of_the_definition(xp, case):
    x, options = case
    expected = by_definition(x, lambda values, _: max(values), **options)
    np.testing.assert_array_equal(xp.call(cl.max_pool, x, **options), expected)
    y, cells = cl.max_pool(xp.asarray(x), **options, return_indices=True)
    picked = np.take_along_axis(
        x.reshape(2, 3, -1), xp.numpy(cells).reshape(2, 3, -1), axis=-1
    ).reshape(y.shape)
    np.testing.assert_array_equal(picked, expected)


@given(case=pools(), include=st.booleans())
def test_averages_are_those_of_the_definition(xp, case, include):
    x, options = case
    expected = by_definition(
        x, lambda values, n: sum(values) / (n if include else len(values)), **options
    )
    y = xp.call(cl.avg_pool, x, **options, count_include_pad=include)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    fixed = xp.call(cl.avg_pool, x, **options, divisor_override=-3)
    sums = by_definition(x, lambda values, _: sum(values), **options)
    np.testing.assert_allclose(fixed, sums / -3, rtol=1e-12)


@given(case=pools(), power=st.sampled_from([1, 2, 3.5, -1, INF, -INF]))
def test_powers_are_those_of_the_definition(xp, case, power):
    x, options = case
    whole_window = math.prod(options["kernel_size"])

    def root(values, counted):  # for a window that hangs over, scaled up to a whole one
        if math.isinf(power):
            return max(values) if power > 0 else min(values)
        return (sum(v**power for v in values) * whole_window / counted) ** (1 / power)

    expected = by_definition(x, root, **options)
    y = xp.call(cl.lp_pool, x, norm_type=power, **options)
    np.testing.assert_allclose(y, expected, rtol=1e-12)


FUNCTIONS = {
    "max_pool": {},
    "avg_pool": {"count_include_pad": False},
    "avg_pool with padding": {},
    "lp_pool": {"norm_type": 3},
    "lp_pool of infinity": {"norm_type": INF},
}


@given(case=pools(), name=st.sampled_from(sorted(FUNCTIONS)))
def test_backward_is_what_autograd_gives(torch, case, name):
    x, options = case
    options = options | FUNCTIONS[name]
    function = getattr(cl, name.partition(" ")[0])
    backward = getattr(cl, f"{function.__name__}_backward")
    tensor = torch.from_numpy(x).requires_grad_()
    y = function(tensor, **options)
    grad = whole(*y.shape, seed=1)
    (flown,) = torch.autograd.grad(y, tensor, torch.from_numpy(grad))
    for ours in (
        backward(grad, x, **options),
        backward(torch.from_numpy(grad), torch.from_numpy(x), **options).numpy(),
    ):
        np.testing.assert_allclose(ours, flown.numpy(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_backward_is_the_slope_of_central_differences(xp, name):
    options = FUNCTIONS[name] | {"kernel_size": 2, "dilation": 2, "padding": ((2, 1), (0, 3))}
    function = getattr(cl, name.partition(" ")[0])
    x = np.random.default_rng(0).permutation(20).reshape(1, 1, 4, 5) + 1.0
    grad = whole(*function(x, **options).shape, seed=2)
    ours = xp.call(getattr(cl, f"{function.__name__}_backward"), grad, x, **options)
    for at in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[at] = 1e-4
        slope = function(x + step, **options) - function(x - step, **options)
        np.testing.assert_allclose(ours[at], (slope * grad).sum() / 2e-4, rtol=1e-6, atol=1e-7)


# ---- by hand, and beside convolutions ----


def test_every_other_cell(xp):
    x = [[[3.0, 1.0, 4.0, 1.0, 5.0]]]
    options = {"kernel_size": 2, "stride": 1, "dilation": 2}
    # 3 and 4, 1 and 1, 4 and 5
    assert xp.call(cl.avg_pool, x, **options).tolist() == [[[3.5, 1, 4.5]]]
    y = xp.call(cl.lp_pool, x, norm_type=2, **options)
    np.testing.assert_allclose(y, np.sqrt([[[9 + 16, 1 + 1, 16 + 25]]]), rtol=1e-15)


def test_padding_adds_nothing_to_a_power(xp):
    # | 0 3 | 4 12 |, | 5 0 |
    y = xp.call(cl.lp_pool, [[[3.0, 4.0, 12.0, 5.0]]], norm_type=2, kernel_size=2, padding=1)
    np.testing.assert_allclose(y, [[[3, np.sqrt(160), 5]]], rtol=1e-15)
    least = xp.call(cl.lp_pool, [[[3.0, 4.0, 12.0, 5.0]]], norm_type=-INF, kernel_size=2, padding=1)
    assert least.tolist() == [[[3, 4, 5]]]


def test_a_dilated_average_is_a_dilated_convolution(xp):
    x, kernel = whole(2, 3, 9, 8), np.full((3, 1, 2, 3), 1 / 6)
    options = {"stride": (2, 1), "padding": ((1, 2), (0, 3)), "dilation": (3, 2)}
    y = xp.call(cl.avg_pool, x, kernel_size=(2, 3), **options)
    same = cl.conv(x, kernel, groups=3, **options)
    np.testing.assert_allclose(y, same, atol=1e-14)


def test_same_keeps_the_size_of_a_dilated_pool(xp):
    x = whole(1, 2, 7, 6)
    for function in (cl.max_pool, cl.avg_pool):
        y = xp.call(function, x, kernel_size=3, stride=1, dilation=2, padding="same")
        assert y.shape == x.shape
    y = xp.call(cl.max_pool, [[[1.0, 2, 3, 4]]], kernel_size=4, stride=1, padding=((3, 0),))
    assert y.tolist() == [[[1, 2, 3, 4]]]  # the past alone


def test_integers_are_averaged_too(xp):
    y = xp.call(cl.avg_pool, np.array([[[1, 9, 4, 9]]]), kernel_size=2, stride=1, dilation=2)
    assert y.tolist() == [[[2, 9]]]  # 5 / 2, cut off


def test_a_window_of_more_cells_than_an_int_counts(xp):
    options = {"kernel_size": 2**33, "padding": 2**32}  # 2**66 cells, 16 of them in the input
    x = np.ones((1, 1, 4, 4))
    assert xp.call(cl.avg_pool, x, **options).item() == 16 / 2**66
    assert xp.call(cl.avg_pool, x, dtype="int64", **options).item() == 0
    assert xp.call(cl.lp_pool, x, norm_type=1, **options).item() == 16
    grad = xp.call(cl.avg_pool_backward, np.ones((1, 1, 1, 1)), x, **options)
    assert grad.ravel().tolist() == [2.0**-66] * 16


X = np.zeros((1, 1, 4))
POOLS = {
    "max_pool": (cl.max_pool, ()),
    "avg_pool": (cl.avg_pool, ()),
    "lp_pool": (cl.lp_pool, (2,)),
}


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize(
    ("kernel", "options", "message"),
    [
        (2, {"padding": ((2, 0),)}, "nothing but padding: it reads cells -2, -1 and so on"),
        (2, {"padding": ((0, 2),), "stride": 1}, "it reads cells 4, 5 and so on, the input has 0"),
        (2, {"padding": ((1, 5),), "dilation": 6}, "it reads cells -1, 5 and so on"),
        (3, {"padding": 2}, "at most half of kernel_size"),
        (3, {"padding": ((-1, 0),)}, "padding must be at least 0"),
        (3, {"padding": ((1, 0, 1),)}, "1 (before, after) pair, one per"),
        (3, {"dilation": 0}, "dilation must be at least 1"),
        (3, {"dilation": 2}, "spans 2*(3 - 1) + 1 = 5, the padded input is 4 + 2*0 = 4. Use "),
    ],
)  # fmt: skip
def test_what_is_refused(name, kernel, options, message):
    function, power = POOLS[name]
    with pytest.raises(ValueError, match=f"^{name}: .*{re.escape(message)}"):
        function(X, *power, kernel, **options)


@pytest.mark.parametrize("name", POOLS)
def test_a_later_window_may_see_nothing(name):
    """Cell 0 alone: the first window reads -4 and 0, the second -2 and 2."""
    function, power = POOLS[name]
    options = {"dilation": 4, "stride": 2}
    assert function(X[..., :1] + 1, *power, 2, padding=((4, 1),), **options).shape == (1, 1, 1)
    with pytest.raises(ValueError, match="it reads cells -2, 2 and so on, the input has 0 to 0"):
        function(X[..., :1], *power, 2, padding=((4, 2),), **options)


def test_a_whole_average_of_many_cells():
    assert cl.avg_pool(np.full((1, 1, 12, 12), 7), 12).tolist() == [[[[7]]]]
