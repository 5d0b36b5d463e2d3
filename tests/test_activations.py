"""The activation functions: by hand, against torch, by their laws, and what they refuse."""

import inspect
import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convlib import _formulas, _pointwise, activations

# Every function with every kind of option: (name, options).
CASES = [
    ("relu", {}),
    ("relu6", {}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.25}),
    ("leaky_relu", {"negative_slope": -1.5}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("softplus", {}),
    ("softplus", {"beta": 2.5, "threshold": 3.2}),
    ("softplus", {"beta": -2.0, "threshold": -1.0}),
    ("logsigmoid", {}),
    ("elu", {}),
    ("elu", {"alpha": 0.3}),
    ("elu", {"alpha": 0}),
    ("selu", {}),
    ("celu", {}),
    ("celu", {"alpha": 2.0}),
    ("silu", {}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("mish", {}),
]
IDS = [f"{name}{list(options.values()) or ''}" for name, options in CASES]
NAMES = sorted({name for name, _ in CASES})
cases = pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)

# The joints of all pieces, saturated places, infinities: everywhere.
LEFT = (-np.inf, -1e4, -750.0, -100.0, -20.0, -6.0, -3.0, -1.5, -1.0, -0.4, -1e-3, -0.0)
RIGHT = (0.0, 1e-3, 0.5, 1.0, 1.2, 2.4, 3.0, 5.5, 6.0, 7.0, 20.0, 20.01, 100.0, 750.0, 1e4, np.inf)
GRID = np.array([*LEFT, *RIGHT, np.nan])
# Away from every joint, for differences.
GENERIC = np.array([-7.3, -3.4, -2.2, -1.1, -0.3, 0.4, 1.3, 2.5, 3.3, 5.2, 6.6])


def forward(name):
    return getattr(activations, name)


def backward(name):
    return getattr(activations, f"{name}_backward")


def slope(name, x, **options):
    x = np.asarray(x, float)
    return backward(name)(np.ones_like(x), x, **options)


def theirs(torch, name, x, options):
    """torch's value and slope, in the dtype of `x`."""
    x = x.detach().clone().requires_grad_()
    functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
    y = (functions.get(name) or getattr(torch.nn.functional, name))(x, **options)
    return y.detach(), torch.autograd.grad(y.sum(), x)[0]


# ---- by hand ----


def test_the_four_of_the_chapter(xp):
    x = [-2.0, 0.0, 3.0]
    assert xp.call(activations.relu, x).tolist() == [0, 0, 3]
    assert xp.call(activations.leaky_relu, x).tolist() == [-2 * 0.01, 0, 3]
    assert xp.call(activations.prelu, x, [0.25]).tolist() == [-2 * 0.25, 0, 3]
    expected = [v / (1 + math.exp(-v)) for v in x]
    np.testing.assert_allclose(xp.call(activations.silu, x), expected, rtol=1e-15)


def test_prelu_has_one_slope_for_each_channel(xp):
    x = [[[-1.0, 2.0], [-3.0, -4.0]]]  # (1, 2, 2)
    assert xp.call(activations.prelu, x, [0.5, 10.0]).tolist() == [[[-0.5, 2], [-30, -40]]]
    g = [[[1.0, 2.0], [3.0, 4.0]]]
    grad_x, grad_weight = xp.call(activations.prelu_backward, g, x, [0.5, 10.0])
    assert grad_x.tolist() == [[[1 * 0.5, 2], [3 * 10, 4 * 10]]]
    assert grad_weight.tolist() == [1 * -1, 3 * -3 + 4 * -4]
    grad_x, grad_weight = xp.call(activations.prelu_backward, g, x, [0.5])
    assert grad_x.tolist() == [[[1 * 0.5, 2], [3 * 0.5, 4 * 0.5]]]
    assert grad_weight.tolist() == [1 * -1 + 3 * -3 + 4 * -4]


def minimum(name, low, high):
    """Where the slope goes through 0 between two places: by halving."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(name, middle) < 0 else (low, middle)
    return middle, forward(name)(np.array(middle))


@pytest.mark.parametrize(
    ("name", "where", "value"),
    [
        ("silu", -1.27846, -0.27846),
        ("gelu", -0.75179, -0.16997),
        ("mish", -1.19243, -0.30884),
        ("hardswish", -1.5, -0.375),
    ],
)
def test_the_minimum_of_what_goes_below_zero(name, where, value):
    np.testing.assert_allclose(minimum(name, -2, -0.1), (where, value), atol=5e-6)


def test_the_slope_of_silu_is_above_one():
    x = np.linspace(-20, 20, 400_001)
    slopes = slope("silu", x)
    assert round(slopes.max(), 5) == 1.09984
    assert round(x[slopes.argmax()], 5) == pytest.approx(2.39936, abs=6e-5)
    assert (activations.silu(x[x > 0]) < x[x > 0])[x[x > 0] < 30].all()


def test_the_slope_of_the_sigmoid_is_at_most_a_quarter():
    x = np.linspace(-40, 40, 80_001)
    slopes = slope("sigmoid", x)
    assert slopes.max() == slope("sigmoid", 0) == 0.25
    assert x[slopes.argmax()] == pytest.approx(0, abs=1e-9)
    assert slope("tanh", 0) == 1


def test_what_the_docstring_says_of_the_tanh_in_gelu():
    x = np.linspace(-10, 10, 20_001)
    share = [_formulas.normal(np, x), _formulas.normal_by_tanh(np, x)]
    assert abs(share[0] - share[1]).max() < 0.0002


@pytest.mark.parametrize(
    ("name", "options", "slopes"),
    [
        ("relu", {}, {0: 0, np.nan: 1}),
        ("leaky_relu", {"negative_slope": 0.25}, {0: 0.25, np.nan: 0.25}),
        ("relu6", {}, {0: 0, 6: 0, np.nan: 1}),
        ("elu", {}, {0: 1, np.nan: 1}),
        ("elu", {"alpha": 0.5}, {0: 0.5, np.nan: 1}),
        ("selu", {}, {0: _formulas.SELU_SCALE * _formulas.SELU_ALPHA}),
        ("celu", {"alpha": 2.0}, {0: 1, np.nan: 1}),
        ("hardsigmoid", {}, {-3: 0, 3: 0, 0: 1 / 6, np.nan: 0}),
        ("hardswish", {}, {-3: 0, 3: 1, 0: 0.5, np.nan: 1}),
        ("softplus", {}, {20: 1 - 2e-9, 20.001: 1}),
        ("gelu", {}, {0: 0.5}),
        ("mish", {}, {0: 0.6}),
    ],
)
def test_slopes_at_the_joints(xp, name, options, slopes):
    x = np.array([*slopes], float)
    ours = xp.call(backward(name), np.ones_like(x), x, **options)
    np.testing.assert_allclose(ours, [*slopes.values()], rtol=1e-10)


@pytest.mark.parametrize("name", ["silu", "gelu", "mish", "hardswish"])
def test_limits_where_torch_gives_nan(xp, torch, name):
    far = np.array([-np.inf, np.inf])
    assert xp.call(forward(name), far).tolist() == [0, np.inf]
    assert xp.call(backward(name), [1.0, 1.0], far).tolist() == [0, 1]
    assert theirs(torch, name, torch.tensor(far), {})[0].isnan().tolist() == [True, False]


def test_tails_keep_their_precision(xp):
    """The values are exp(-30), exp(-600) and so on, to the last digits, not 0 or 1 - 1."""
    np.testing.assert_allclose(xp.call(activations.sigmoid, [-600.0]), [math.exp(-600)], 1e-12)
    ones = [1.0, 1.0]
    ours = xp.call(activations.sigmoid_backward, ones, [-40.0, 40.0])
    np.testing.assert_allclose(ours, [math.exp(-40)] * 2, 1e-12)
    np.testing.assert_allclose(xp.call(activations.logsigmoid, [40.0]), [-math.exp(-40)], 1e-12)
    np.testing.assert_allclose(xp.call(activations.softplus, [-40.0]), [math.exp(-40)], 1e-12)
    np.testing.assert_allclose(xp.call(activations.elu, [-1e-12]), [-1e-12], 1e-11)
    cdf = math.erfc(10 / math.sqrt(2)) / 2
    np.testing.assert_allclose(xp.call(activations.gelu, [-10.0]), [-10 * cdf], 1e-12)


def test_the_normal_distribution_to_the_last_digits():
    """From the series against Python's own erfc: on both sides, and where the tail ends."""
    x = np.concatenate([np.linspace(-8, 8, 5001), np.linspace(-37, -8, 101), [np.inf, -np.inf]])
    known = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x])
    near = abs(x) <= 8
    np.testing.assert_allclose(_formulas.normal(np, x)[near], known[near], rtol=2e-14)
    np.testing.assert_allclose(
        _formulas.normal(np, x), known, rtol=3e-13
    )  # the rounding of x*x / 2 itself
    small = x.astype(np.float32)
    known = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in small.astype(float)])
    ours = _formulas.normal(np, small)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, known, rtol=1e-6, atol=3e-7)
    assert np.isnan(_formulas.normal(np, np.array([np.nan]))).all()


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0, 2.5, -1.5, np.inf, -np.inf, np.nan])
def test_leaky_relu_with_any_slope(torch, slope):
    """As a choice between x and slope*x, for every slope and every x."""
    ours = activations.leaky_relu(GRID, slope)
    np.testing.assert_array_equal(
        ours, theirs(torch, "leaky_relu", torch.tensor(GRID), {"negative_slope": slope})[0]
    )


# ---- oracle ----

TOLERANCE = {  # rounding in the dtype, and torch's own cancellation in the tails
    "float64": {"rtol": 1e-13, "atol": 1e-14},
    "float32": {"rtol": 1e-6, "atol": 1e-7},
    "float16": {"rtol": 1e-3, "atol": 1e-7},
    "bfloat16": {"rtol": 4e-3, "atol": 1e-7},
}


def dtypes(xp):
    return [name for name in TOLERANCE if xp.is_torch or name != "bfloat16"]


@cases
def test_value_and_slope_are_torchs(xp, torch, name, options):
    """Of torch in float64, at what the dtype holds: our halves are rounded once, at the end."""
    for dtype in dtypes(xp):
        x = torch.tensor(GRID).to(getattr(torch, dtype)).double()
        grid, ones = x.numpy(), np.ones(len(x))
        oracles = [t.numpy() for t in theirs(torch, name, x, options)]
        value = xp.call(forward(name), grid, dtype=dtype, **options)
        slopes = xp.call(backward(name), ones, grid, dtype=dtype, **options)
        tolerance = dict(TOLERANCE[dtype])
        if name == "hardsigmoid":  # torch takes a sixth in float32, also in float64
            tolerance["rtol"] = max(tolerance["rtol"], 1e-7)
        for ours, oracle in zip((value, slopes), oracles, strict=True):
            limit = np.isnan(oracle) & np.isinf(grid)  # there we give the limit
            assert not np.isnan(ours[limit]).any()
            ours, oracle = ours[~limit].astype(float), oracle[~limit]
            np.testing.assert_allclose(ours, oracle, **tolerance, err_msg=dtype)


@cases
def test_autograd_is_the_backward(torch, name, options):
    """Also at the joints, far out, and where torch's own gradient is NaN."""
    x = torch.tensor(GRID, requires_grad=True)
    y = forward(name)(x, **options)
    (grad,) = torch.autograd.grad(y.sum(), x)
    ones = torch.ones_like(x)
    np.testing.assert_array_equal(grad, backward(name)(ones, x.detach(), **options))


@pytest.mark.parametrize("shape", [(), (29,), (29, 1), (1, 29), (1, 29, 1, 1)])
def test_prelu_is_torchs(xp, torch, shape):
    grid = torch.tensor(GRID).nan_to_num(3, 7, -7)[: math.prod(shape)].reshape(shape)
    channels = shape[1] if len(shape) > 1 else 1
    weights = [torch.tensor(-0.5), *(torch.linspace(-0.5, 2, n) for n in {1, channels})]
    for dtype, weight in itertools.product(dtypes(xp), weights):
        kind = getattr(torch, dtype)
        x, w = (t.to(kind).double().clone() for t in (grid, weight))
        arrays = (x.numpy().copy(), w.numpy().copy())
        y = torch.nn.functional.prelu(x.requires_grad_(), w.requires_grad_())
        oracles = (y.detach(), *torch.autograd.grad(y.sum(), (x, w)))
        value = xp.call(activations.prelu, *arrays, dtype=dtype)
        ones = np.ones(shape)
        grads = xp.call(activations.prelu_backward, ones, *arrays, dtype=dtype)
        for ours, oracle in zip((value, *grads), oracles, strict=True):
            ours = np.asarray(ours, float)
            np.testing.assert_allclose(ours, oracle.numpy(), **TOLERANCE[dtype], err_msg=dtype)


def test_prelu_far_out_and_at_nan(torch):
    """The gradient of a slope sees no infinity that is not its own."""
    x = torch.tensor([[np.inf, 1.0], [-0.0, -np.inf], [2.0, np.nan]], dtype=torch.float64)
    x, w = x.requires_grad_(), torch.tensor([0.25, 0.5], dtype=torch.float64).requires_grad_()
    y = activations.prelu(x, w)
    grads = torch.autograd.grad(y, (x, w), torch.ones_like(y))
    expected = activations.prelu_backward(np.ones((3, 2)), x.detach().numpy(), w.detach().numpy())
    for ours, by_hand in zip(grads, expected, strict=True):
        np.testing.assert_array_equal(ours.numpy(), by_hand)
    assert expected[0].tolist() == [[1, 1], [0.25, 0.5], [1, 0.5]]
    np.testing.assert_array_equal(expected[1], [0, np.nan])


# ---- laws ----


@cases
def test_backward_is_the_central_difference(name, options):
    h = 1e-5
    step = forward(name)(GENERIC + h, **options) - forward(name)(GENERIC - h, **options)
    np.testing.assert_allclose(slope(name, GENERIC, **options), step / (2 * h), atol=1e-9)


@cases
def test_autograd_and_its_own_gradient(torch, name, options):
    x = torch.tensor(GENERIC, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: forward(name)(a, **options), x)
    assert torch.autograd.gradgradcheck(lambda a: forward(name)(a, **options), x)
    g = torch.linspace(-1, 2, len(GENERIC), dtype=x.dtype, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *a: backward(name)(*a, **options), (g, x))


def test_prelu_and_its_own_gradient(torch):
    x = torch.tensor(GENERIC).repeat(2).reshape(1, 2, 11).requires_grad_()
    w = torch.tensor([0.25, -0.5], dtype=x.dtype, requires_grad=True)
    assert torch.autograd.gradcheck(activations.prelu, (x, w))
    assert torch.autograd.gradgradcheck(activations.prelu, (x, w))
    g = torch.ones_like(x).requires_grad_()
    assert torch.autograd.gradcheck(activations.prelu_backward, (g, x, w))


CURVATURE = {"sigmoid": 0, "tanh": 0, "softplus": 1 / 4, "logsigmoid": -1 / 4, "silu": 1 / 2}
CURVATURE |= {"gelu": math.sqrt(2 / math.pi), "mish": 0.64}


@pytest.mark.parametrize(("name", "curvature"), CURVATURE.items())
def test_curvature_at_zero_and_far_out(torch, name, curvature):
    """Autograd of formulas with abs gets the second derivative wrong at 0, or NaN far out."""
    x = torch.tensor([0, 1e4, -1e4, np.inf, -np.inf], dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(forward(name)(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    np.testing.assert_allclose(second.numpy(), [curvature, 0, 0, 0, 0], atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # torch's own use
def test_torchs_transforms_see_through(torch):
    x = torch.tensor(GENERIC)
    for name in ("silu", "gelu", "softplus"):
        ours, known = forward(name), getattr(torch.nn.functional, name)
        slopes = torch.func.grad(lambda a, f=known: f(a).sum())(x)
        torch.testing.assert_close(torch.func.grad(lambda a, f=ours: f(a).sum())(x), slopes)
        torch.testing.assert_close(torch.func.vmap(torch.func.grad(ours))(x), slopes)
        bends = torch.func.hessian(lambda a, f=known: f(a).sum())(x)
        for jacobian in (torch.func.jacrev, torch.func.jacfwd):
            bend = jacobian(torch.func.jacrev(lambda a, f=ours: f(a).sum()))(x)
            torch.testing.assert_close(bend, bends)


@given(x=hnp.arrays(np.float64, 9, elements=st.floats(-50, 50)))
def test_how_they_hang_together(x):
    a = activations
    close = np.testing.assert_allclose
    close(a.relu(x) - a.relu(-x), x)
    close(a.sigmoid(x) + a.sigmoid(-x), 1)
    close(a.tanh(x), 2 * a.sigmoid(2 * x) - 1, atol=1e-15)
    close(a.silu(x), x * a.sigmoid(x))
    close(a.silu(x) - a.silu(-x), x, atol=1e-14)
    close(a.gelu(x) - a.gelu(-x), x, atol=1e-14)
    close(a.softplus(x, threshold=math.inf) - a.softplus(-x, threshold=math.inf), x, atol=1e-13)
    close(a.logsigmoid(x), -a.softplus(-x, threshold=math.inf))
    close(a.hardswish(x), x * a.hardsigmoid(x), atol=1e-15)
    close(a.relu6(x), a.relu(x) - a.relu(x - 6), atol=1e-13)
    close(a.elu(x), a.celu(x))
    close(a.selu(x), _formulas.SELU_SCALE * a.elu(x, _formulas.SELU_ALPHA))
    np.testing.assert_array_equal(a.prelu(x, np.array([0.2])), a.leaky_relu(x, 0.2))


@given(x=hnp.arrays(np.float64, 30, elements=st.floats(-1e6, 1e6)))
def test_none_falls_but_the_gates(x):
    """Monotonic all of them but SiLU, GELU, Mish and hardswish, which fall and rise again."""
    x = np.sort(x)
    for name in {*NAMES} - {"silu", "gelu", "mish", "hardswish"}:
        if name != "softplus":  # which jumps at its threshold
            assert (np.diff(forward(name)(x)) >= -1e-15).all(), name


# ---- contract: shapes, memory, dtypes ----


@given(
    x=hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
        elements=st.floats(width=16),
    ),
    case=st.sampled_from(CASES),
)
def test_any_array_is_taken_element_by_element(xp, x, case):
    name, options = case
    y = xp.call(forward(name), x, **options)
    grad = xp.call(backward(name), x, x, **options)
    assert type(y) is type(grad) is np.ndarray
    assert (y.shape, y.dtype) == (grad.shape, grad.dtype) == (x.shape, x.dtype)
    assert not np.isnan(y[~np.isnan(x)]).any() or options  # torch's 0 * inf, with some options
    assert np.isnan(y[np.isnan(x)]).all()
    for at in np.ndindex(x.shape):
        one = forward(name)(x[at].reshape(1), **options)
        np.testing.assert_allclose(y[at], one[0], rtol=1e-3, atol=1e-7)


@cases
def test_strides_do_not_matter(xp, name, options):
    base = xp.asarray(np.linspace(-8, 8, 24).reshape(4, 6))
    views = [base[::2, 1::3], base.T, base[:, :1] + 0 * base[:1]]
    views.append(np.broadcast_to(base[0], (3, 6)) if not xp.is_torch else base[0].expand(3, 6))
    for view in views:
        dense = xp.numpy(view).copy()
        y = xp.numpy(forward(name)(view, **options))
        np.testing.assert_allclose(y, forward(name)(dense, **options), rtol=1e-13, atol=1e-14)
        grad = xp.numpy(backward(name)(view, view, **options))
        known = backward(name)(dense, dense, **options)
        np.testing.assert_allclose(grad, known, rtol=1e-13, atol=1e-14)


LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
    "reversed": lambda x: x[::-1, :, ::-1].copy()[::-1, :, ::-1],
    "read-only": lambda x: np.broadcast_to(x, x.shape),
    "other bytes": lambda x: x if x.itemsize == 2 else x.astype(x.dtype.newbyteorder()),
    "unaligned": lambda x: np.frombuffer(b"0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
}


@cases
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_blocks_are_put_together(monkeypatch, name, options, layout, dtype):
    """3 * 5 * 7 = 105 elements do not divide into blocks of 16: element by element is the same."""
    monkeypatch.setattr(_pointwise, "POINTWISE_BYTES", 16 * max(4, np.dtype(dtype).itemsize))
    x = np.linspace(-9, 9, 105).reshape(3, 5, 7).astype(dtype)
    x[1, 2, 3:6] = np.nan, np.inf, -np.inf
    laid_out = LAYOUTS[layout](x)
    np.testing.assert_array_equal(laid_out, x)
    y, grad = forward(name)(laid_out, **options), backward(name)(laid_out, laid_out, **options)
    assert y.shape == grad.shape == x.shape
    assert y.dtype == grad.dtype == laid_out.dtype
    rough = {"rtol": 8 * np.finfo(dtype).eps, "atol": 8 * np.finfo(dtype).tiny}
    for at in np.ndindex(x.shape):
        one = x[at].reshape(1)
        np.testing.assert_allclose(y[at], forward(name)(one, **options)[0], **rough)
        np.testing.assert_allclose(grad[at], backward(name)(one, one, **options)[0], **rough)


@cases
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_one_block_of_any_layout(name, options, layout, dtype):
    x = np.append(GRID, GRID[::-1]).astype(dtype).reshape(2, 1, 29)
    laid_out = LAYOUTS[layout](x)
    assert x.nbytes < _pointwise.POINTWISE_BYTES
    rough = {"rtol": 8 * np.finfo(dtype).eps, "atol": 8 * np.finfo(dtype).tiny}
    y, known = forward(name)(laid_out, **options), forward(name)(x, **options)
    assert (y.shape, y.dtype) == (x.shape, laid_out.dtype)
    np.testing.assert_allclose(y, known, **rough)
    grad, known = backward(name)(laid_out, laid_out, **options), backward(name)(x, x, **options)
    assert (grad.shape, grad.dtype) == (x.shape, laid_out.dtype)
    np.testing.assert_allclose(grad, known, **rough)


@pytest.mark.parametrize("name", ["silu", "gelu"])
def test_more_than_one_block(torch, name):
    n = 3 * _pointwise.POINTWISE_BYTES // 4 + 5
    x = np.random.default_rng(0).normal(0, 4, n).astype(np.float32)
    known = getattr(torch.nn.functional, name)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(forward(name)(x), known, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "relu6"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_integers_stay_integers(xp, name, dtype):
    x = np.array([0, 3, 6, 100] if dtype == "uint8" else [-5, 0, 3, 6, 100])
    top = 6 if name == "relu6" else 100
    y = xp.call(forward(name), x, dtype=dtype)
    assert y.tolist() == np.clip(x, 0, top).tolist()
    grad = xp.call(backward(name), np.full_like(x, 2), x, dtype=dtype)
    assert grad.tolist() == [2 * (0 < v <= 100 and v < top + (top == 100)) for v in x.tolist()]


def test_numpys_own_error_state_does_not_matter():
    with np.errstate(all="raise"):
        for name, options in CASES:
            x = GRID.astype(np.float16)
            forward(name)(x, **options)
            backward(name)(x, x, **options)
        activations.prelu_backward(GRID, GRID, np.array([1e300]))


def test_numpy_scalars_as_options_keep_the_dtype():
    x = np.ones(2, np.float32)
    assert activations.leaky_relu(x, np.float64(0.1)).dtype == np.float32
    assert activations.elu(-x, np.int64(2)).dtype == np.float32


def test_memory_of_a_tensor_is_not_kept_twice(torch):
    """Autograd keeps the input, as torch's own functions do, and none of the steps between."""
    kept = []
    x = torch.ones(100, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        activations.mish(x)
    assert [t.data_ptr() for t in kept] == [x.data_ptr()] * len(kept)
    assert _pointwise.known_slope() is _pointwise.known_slope()


def test_large_integers_are_exact():
    x = np.array([2**60 + 1, -(2**60) - 1, 3])  # float64 has 53 bits
    assert activations.relu(x).tolist() == [2**60 + 1, 0, 3]
    assert activations.relu6(x).tolist() == [6, 0, 3]


def test_an_overflow_of_prelu_is_infinity():
    x, slope, ones = np.array([-1e308]), np.array([100.0]), np.ones(1)
    assert activations.prelu(x, slope).tolist() == [-np.inf]  # and no warning
    grad_x, grad_slope = activations.prelu_backward(1e308 * ones, x, slope)
    assert (grad_x.tolist(), grad_slope.tolist()) == ([np.inf], [-np.inf])


def test_an_infinite_gradient_at_zero_is_nan_for_the_slope(torch):
    x, weight = np.zeros(1), np.array([0.25])
    _, ours = activations.prelu_backward(np.array([np.inf]), x, weight)
    slope = torch.from_numpy(weight).requires_grad_()
    torch.nn.functional.prelu(torch.from_numpy(x), slope).backward(torch.tensor([np.inf]).double())
    np.testing.assert_array_equal(ours, slope.grad)  # 0 * inf
    assert np.isnan(ours).all()


@pytest.mark.parametrize("name", [*NAMES, "prelu"])
def test_the_documentation_says_which_numbers(name):
    numbers = "real numbers" if name in ("relu", "relu6") else "floating-point numbers"
    text = inspect.getdoc(forward(name))
    if name != "prelu":
        assert f"x : array\n    Of any shape; {numbers}.\n" in text
    assert f"`x` is not an array of {numbers}" in text


# ---- contract: what is refused ----


def test_complex_tensors_are_refused(torch):
    z = torch.zeros(2, dtype=torch.complex64)
    words = "relu: x must hold real numbers; got dtype torch.complex64. Convert it, e.g. x.real."
    with pytest.raises(TypeError, match=re.escape(words)):
        activations.relu(z)
    with pytest.raises(TypeError, match=r"^silu_backward: .* got dtype torch\.complex64\."):
        activations.silu_backward(z, z)


ONES = np.ones(2)
REFUSED = [
    ("silu", ([1.0],), {}, TypeError,
     "silu: x must be a numpy.ndarray or a torch.Tensor; got list"),
    ("silu_backward", ([1.0], ONES), {}, TypeError,
     "silu_backward: grad_output must be a numpy.ndarray or a torch.Tensor; got list"),
    ("sigmoid", (np.arange(2),), {}, TypeError,
     "sigmoid: x must hold floating-point numbers; got dtype int64. Convert it, e.g. "
     "x.astype(float)."),
    ("sigmoid_backward", (np.arange(2), np.arange(2)), {}, TypeError,
     "sigmoid_backward: x must hold floating-point numbers; got dtype int64."),
    ("prelu", (np.arange(2), np.arange(1)), {}, TypeError,
     "prelu: x must hold floating-point numbers; got dtype int64."),
    ("tanh", (1j * ONES,), {}, TypeError,
     "tanh: x must hold floating-point numbers; got dtype complex128. Convert it, e.g. x.real."),
    ("relu", (1j * ONES,), {}, TypeError,
     "relu: x must hold real numbers; got dtype complex128. Convert it, e.g. x.real."),
    ("relu", (np.array([True]),), {}, TypeError, "relu: x must hold numbers; got dtype bool."),
    ("relu_backward", (np.ones(3), ONES), {}, ValueError,
     "relu_backward: grad_output must have the shape of x, (2,); got grad_output.shape=(3,)."),
    ("relu_backward", (np.ones(2, np.float32), ONES), {}, TypeError,
     "x and grad_output must have one dtype; got float64 and float32."),
    ("prelu", (np.ones((2, 3)), ONES), {}, ValueError,
     "prelu: weight must have one value, shape () or (1,), or one for each channel of axis 1, "
     "shape (3,); got weight.shape=(2,), x.shape=(2, 3). Add the batch axis: x[None]."),
    ("prelu", (np.ones((2, 3)), np.ones(4)), {}, ValueError, "(4,), x.shape=(2, 3)."),
    ("prelu", (np.ones(3), np.ones(3)), {}, ValueError,
     "or one for each channel of axis 1, which x does not have; got weight.shape=(3,), "
     "x.shape=(3,). Add the batch axis: x[None]."),
    ("prelu", (np.ones(()), np.ones(2)), {}, ValueError, "got weight.shape=(2,), x.shape=()."),
    ("prelu", (np.ones((2, 3)), np.ones((1, 3))), {}, ValueError, "got weight.shape=(1, 3)"),
    ("prelu_backward", (np.ones((1, 2)), np.ones((2, 3)), np.ones(3)), {}, ValueError,
     "prelu_backward: grad_output must have the shape of x, (2, 3);"),
    ("prelu", (ONES, [0.25]), {}, TypeError, "prelu: weight must be a numpy.ndarray or"),
    ("prelu", (ONES, np.ones(1, np.float32)), {}, TypeError, "x and weight must have one dtype"),
    ("gelu", (ONES, "erf"), {}, ValueError,
     "gelu: approximate must be one of ('none', 'tanh'); got approximate='erf'."),
    ("gelu", (ONES, None), {}, ValueError, "got approximate=None."),
    ("gelu_backward", (ONES, ONES), {"approximate": True}, ValueError, "got approximate=True."),
    ("celu", (ONES, 0.0), {}, ValueError,
     "celu: alpha must not be 0, as it divides; got alpha=0.0."),
    ("celu_backward", (ONES, ONES), {"alpha": 0}, ValueError, "celu_backward: alpha must not be 0"),
    ("softplus", (ONES,), {"beta": 0}, ValueError, "softplus: beta must not be 0, as it divides;"),
    ("softplus", (ONES,), {"threshold": "20"}, TypeError,
     "softplus: threshold must be a number; got threshold='20'."),
    ("softplus_backward", (ONES, ONES), {"beta": 0}, ValueError,
     "softplus_backward: beta must not be 0, as it divides; got beta=0."),
    ("softplus_backward", (ONES, ONES), {"threshold": "20"}, TypeError,
     "softplus_backward: threshold must be a number; got threshold='20'."),
    ("elu", (ONES, True), {}, TypeError, "elu: alpha must be a number; got alpha=True."),
    ("elu_backward", (ONES, ONES), {"alpha": "1"}, TypeError, "elu_backward: alpha must be a num"),
    ("leaky_relu", (ONES, None), {}, TypeError,
     "leaky_relu: negative_slope must be a number; got negative_slope=None."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "options", "error", "words"), REFUSED)
def test_refusals_teach(name, arguments, options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        getattr(activations, name)(*arguments, **options)


def test_libraries_do_not_mix(torch):
    with pytest.raises(TypeError, match=r"cannot mix torch\.Tensor"):
        activations.prelu(torch.ones(2), np.ones(1, np.float32))
    with pytest.raises(TypeError, match=r"cannot mix numpy\.ndarray"):
        activations.silu_backward(torch.ones(2), np.ones(2, np.float32))
    with pytest.raises(TypeError, match=r"Convert it, e\.g\. x\.float\(\)"):
        activations.sigmoid(torch.ones(2, dtype=torch.int32))


@pytest.mark.parametrize("name", [*NAMES, "prelu"])
def test_forward_and_backward_take_the_same_options(name):
    ahead = [*inspect.signature(forward(name)).parameters.values()]
    back = [*inspect.signature(backward(name)).parameters.values()]
    assert [p.name for p in back] == ["grad_output", *(p.name for p in ahead)]
    assert back[1:] == ahead  # defaults and kinds, too: by position or by name


@pytest.mark.parametrize("name", [*NAMES, "prelu"])
def test_docstrings_are_complete(name):
    for function in (forward(name), backward(name)):
        text = inspect.getdoc(function)
        sections = re.findall(r"^(\w+)\n-+$", text, re.M)
        assert sections == ["Parameters", "Returns", "Raises", "Notes", "Examples"]
        assert "Book: " in text
        assert max(map(len, text.splitlines())) <= 100
