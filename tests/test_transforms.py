"""torch's transforms: what each gives for each public function. The table stands in book/api.md."""

import inspect

import numpy as np
import pytest
from laws.catalogue import OTHERS
from test_activations import CASES, GENERIC, GRID, IDS, backward, forward

import convlib as cl

torch = pytest.importorskip("torch", reason="torch is not installed")
forward_ad = torch.autograd.forward_ad

activations = pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
close = torch.testing.assert_close
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.script"),  # torch's own uses
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr:UserWarning"),  # linearize
    pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`"),
]


# ---- a call of every public function ----


def values(*shape, seed=0):
    numbers = np.random.default_rng([seed, *shape]).standard_normal(shape)
    return torch.from_numpy(numbers)


X, POSITIVE = values(2, 4, 6, 5), values(2, 4, 6, 5).abs() + 0.1
POOLED, CELLS = cl.max_pool(X, 2, return_indices=True)
WINDOW = {"kernel_size": (3, 2), "stride": 2, "padding": 1}
LAYER = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2), "groups": 2}
TURNED = {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}
LAID = {"kernel_size": (3, 2), "stride": 2, "padding": 1}
CALLS = {
    "conv": ([X, values(6, 2, 3, 2), values(6)], LAYER | {"padding_mode": "reflect"}),
    "depthwise_conv": ([X, values(8, 1, 3, 3), values(8)], {"stride": 2, "padding": 1}),
    "pointwise_conv": ([X, values(3, 4, 1, 1), values(3)], {}),
    "separable_conv": ([X, values(4, 1, 3, 3), values(3, 4, 1, 1), values(3)], {"padding": "same"}),
    "conv_transpose": ([X, values(4, 3, 3, 3), values(6)], TURNED),
    "conv_matrix": ([values(4, 2, 2, 3)], {"input_size": (3, 4), "stride": 2, "padding": 1}),
    "im2col": ([X], LAID),
    "col2im": ([cl.im2col(X, **LAID)], LAID | {"output_size": (6, 5)}),
    "zero_insert": ([X], {"stride": (2, 3)}),
    "channel_shuffle": ([X], {"groups": 2}),
    "channel_unshuffle": ([X], {"groups": 2}),
    "pixel_shuffle": ([X], {"upscale_factor": 2}),
    "pixel_unshuffle": ([X[:, :, :, :4]], {"downscale_factor": 2}),
    "resize": ([X], {"size": (4, 9), "mode": "linear"}),
    "max_pool": ([X], WINDOW | {"ceil_mode": True}),
    "avg_pool": ([X], WINDOW | {"count_include_pad": False}),
    "lp_pool": ([POSITIVE], WINDOW | {"norm_type": 3}),
    "adaptive_avg_pool": ([X], {"output_size": (4, 3)}),
    "adaptive_max_pool": ([X], {"output_size": (4, 3)}),
    "global_avg_pool": ([X], {}),
    "global_max_pool": ([X], {}),
    "max_unpool": ([POOLED, CELLS], {"kernel_size": 2, "output_size": (6, 5)}),
    "prelu": ([X, values(4)], {}),
    **{name: ([X], {}) for name, _ in CASES},
}
for name, (arrays, options) in [*CALLS.items()]:
    if hasattr(cl, f"{name}_backward"):
        output = getattr(cl, name)(*arrays, **options)
        rest = arrays[:-1] if name in ("conv", "conv_transpose") else arrays  # no bias
        CALLS[f"{name}_backward"] = ([values(*output.shape, seed=1), *rest], options)

functions = pytest.mark.parametrize("name", CALLS)


def test_every_public_function_is_called():
    functions = {n for n in cl.__all__ if inspect.isfunction(getattr(cl, n))}
    assert {*CALLS} == functions - OTHERS - {"clear_scratch"}


def function(name):
    """The function of its floating-point arrays, with all else given; and these arrays."""
    arrays, options = CALLS[name]
    slopes = [a.clone() for a in arrays if a.is_floating_point()]

    def call(*given):
        given = [*given, *(a for a in arrays if not a.is_floating_point())]
        return getattr(cl, name)(*given, **options)

    return call, slopes


def flat(results):
    return results if isinstance(results, tuple) else (results,)


def loss(f):
    return lambda *given: sum(y.pow(3).sum() for y in flat(f(*given)))


def gradients(f, inputs):
    """By autograd, as it always is; 0 in what only lends its shape."""
    inputs = [a.clone().requires_grad_() for a in inputs]
    return torch.autograd.grad(loss(f)(*inputs), inputs, materialize_grads=True)


def batches(inputs, dims):
    """Two of each input that `dims` has a 0 for; and what is given to the first and the second."""
    pairs = [*zip(inputs, dims, strict=True)]
    given = [a if d is None else torch.stack([a, 2 * a]) for a, d in pairs]
    return given, [[a if d is None else (1 + i) * a for a, d in pairs] for i in (0, 1)]


def pushed(f, inputs, tangents):
    """The derivative along `tangents`, by autograd twice and no forward mode."""
    inputs = [a.clone().requires_grad_() for a in inputs]
    ys = flat(f(*inputs))
    seeds = [torch.zeros_like(y, requires_grad=True) for y in ys]
    back = torch.autograd.grad(ys, inputs, seeds, create_graph=True, materialize_grads=True)
    total = sum((b * t).sum() for b, t in zip(back, tangents, strict=True))
    return torch.autograd.grad(total, seeds, materialize_grads=True)


# ---- a row of the table each ----


@functions
def test_vmap(name):
    """Of all arrays at once, and of each one alone: what the calls one by one give."""
    f, inputs = function(name)
    ways = {(0,) * len(inputs), *(tuple(np.where(row, 0, None)) for row in np.eye(len(inputs)))}
    for dims in ways:
        given, ones = batches(inputs, dims)
        ys = flat(torch.func.vmap(f, in_dims=dims)(*given))
        for i, one in enumerate(ones):
            close(tuple(y[i] for y in ys), flat(f(*one)))


@functions
def test_jvp_and_forward_mode(name):
    f, inputs = function(name)
    tangents = [values(*a.shape, seed=2) for a in inputs]
    expected = pushed(f, inputs, tangents)
    ys, found = torch.func.jvp(f, tuple(inputs), tuple(tangents))
    linear = torch.func.linearize(f, *inputs)[1](*tangents)
    scaled = torch.func.linearize(loss(f), *inputs)[1](*tangents)
    with forward_ad.dual_level():
        duals = flat(f(*map(forward_ad.make_dual, inputs, tangents)))
        unpacked = [forward_ad.unpack_dual(y) for y in duals]
    close(ys, f(*inputs))
    close(flat(found), expected)
    close(flat(linear), expected)
    close(scaled, pushed(loss(f), inputs, tangents)[0])
    close(tuple(dual.tangent for dual in unpacked), expected)


@functions
def test_grad_and_vjp(name):
    f, inputs = function(name)
    places = tuple(range(len(inputs)))
    expected = gradients(f, inputs)
    close(torch.func.grad(loss(f), places)(*inputs), expected)
    y, back = torch.func.vjp(loss(f), *inputs)
    close(back(torch.ones_like(y)), expected)
    each = torch.func.vmap(torch.func.grad(loss(f), places))(*(a[None] for a in inputs))
    close(tuple(a[0] for a in each), expected)


@functions
def test_second_derivatives(name):
    """Along one direction, in each order of the modes."""
    f, inputs = function(name)
    tangents = tuple(values(*a.shape, seed=2) for a in inputs)
    places = tuple(range(len(inputs)))

    def slope(*given):
        return torch.func.jvp(loss(f), given, tangents)[1]

    given = [a.clone().requires_grad_() for a in inputs]
    first = torch.autograd.grad(loss(f)(*given), given, create_graph=True, materialize_grads=True)
    total = sum((g * t).sum() for g, t in zip(first, tangents, strict=True))
    expected = torch.autograd.grad(total, given, materialize_grads=True)
    close(torch.func.grad(slope, places)(*inputs), expected)
    close(torch.func.jvp(torch.func.grad(loss(f), places), tuple(inputs), tangents)[1], expected)
    bend = sum((g * t).sum() for g, t in zip(expected, tangents, strict=True))
    close(torch.func.jvp(slope, tuple(inputs), tangents)[1], bend)


@functions
def test_jacobians(name):
    f, inputs = function(name)
    x = inputs[0]

    def some(x):
        return flat(f(x, *inputs[1:]))[0].flatten()[::29]

    ahead, back = torch.func.jacfwd(some)(x), torch.func.jacrev(some)(x)
    close(ahead, back)
    leaf = x.clone().requires_grad_()
    y = some(leaf)
    (rows,) = torch.autograd.grad(y, leaf, torch.eye(len(y), dtype=x.dtype), is_grads_batched=True)
    close(rows, back)


@functions
def test_compile(name):
    """As one graph, forth and back."""
    torch._dynamo.reset()
    f, inputs = function(name)
    compiled = torch.compile(f, backend="aot_eager", fullgraph=True)
    close(compiled(*inputs), f(*inputs))
    close(gradients(compiled, inputs), gradients(f, inputs))


@functions
def test_export(name):
    class Module(torch.nn.Module):
        def forward(self, *given):
            return f(*given)

    f, inputs = function(name)
    program = torch.export.export(Module(), tuple(inputs), strict=False)
    close(program.module()(*inputs), f(*inputs))


@functions
@pytest.mark.filterwarnings("ignore:.*torch.jit", "ignore::torch.jit.TracerWarning")
def test_trace(name):
    f, inputs = function(name)
    close(torch.jit.trace(f, tuple(inputs), check_trace=False)(*inputs), f(*inputs))


LAYERS = [n for n in CALLS if n.removesuffix("_backward").endswith(("conv", "conv_transpose"))]


@functions
@pytest.mark.parametrize("record", [False, True])
def test_autocast(name, record):
    """Layers take its dtype, as torch's do; all else keeps its own. Nobody asks who records."""
    f, inputs = function(name)
    inputs = [a.float() for a in inputs]
    plain = f(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        ys = f(*(a.requires_grad_(record) for a in inputs))
    for y, expected in zip(flat(ys), flat(plain), strict=True):
        if name in LAYERS:
            assert y.dtype == torch.bfloat16
            scale = float(expected.abs().max())
            close(y.float() / scale, expected / scale, rtol=0, atol=0.02)
        else:
            close(y, expected)


# ---- methods ----

METHODS = ["auto", "im2col", "rows", "taps", "winograd", "fft", "direct", "native"]
methods = pytest.mark.parametrize("method", METHODS)
W, BIAS = values(6, 2, 3, 3), values(6)


def of_method(method, mode="zeros"):
    return lambda x, w, b: cl.conv(x, w, b, padding=1, groups=2, padding_mode=mode, method=method)


@methods
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_vmap_and_jvp_of_every_method(method, mode):
    f, g, inputs = of_method(method, mode), of_method("im2col", mode), (X, W, BIAS)
    tangents = tuple(values(*a.shape, seed=2) for a in inputs)
    close(torch.func.jvp(f, inputs, tangents)[1], pushed(g, inputs, tangents)[0])
    for dims in [(0, 0, 0), (0, None, None), (None, 0, None), (None, None, 0)]:
        given, ones = batches(inputs, dims)
        close(torch.func.vmap(f, in_dims=dims)(*given), torch.stack([g(*one) for one in ones]))


@pytest.mark.parametrize("method", ["auto", "scatter", "zero_insertion", "matrix", "native"])
def test_vmap_and_jvp_of_every_transposed_method(method):
    def f(x, w, method=method):
        return cl.conv_transpose(x, w, stride=2, padding=1, output_padding=1, method=method)

    inputs = (X, values(4, 3, 3, 2))
    tangents = tuple(values(*a.shape, seed=2) for a in inputs)
    close(torch.func.jvp(f, inputs, tangents)[1], pushed(f, inputs, tangents)[0])
    for dims in [(0, 0), (0, None), (None, 0)]:
        given, ones = batches(inputs, dims)
        close(torch.func.vmap(f, in_dims=dims)(*given), torch.stack([f(*one) for one in ones]))


@methods
def test_linearize_of_every_method(method):
    """It loses what is written to part of an array, in silence: those who write are refused."""

    def network(x):
        return of_method(method)(x, W, BIAS) * x.sum()

    if method in ("auto", "im2col", "native"):
        tangent = values(*X.shape, seed=2)
        expected = pushed(lambda x: of_method("im2col")(x, W, BIAS) * x.sum(), (X,), (tangent,))
        close(torch.func.linearize(network, X)[1](tangent), expected[0])
    else:
        words = rf"conv: method=\"{method}\" writes its result part by part.*Use method=\"auto\""
        with pytest.raises(ValueError, match=words):
            torch.func.linearize(network, X)


@pytest.mark.parametrize("method", ["scatter", "zero_insertion", "matrix", "native"])
def test_linearize_of_every_transposed_method(method):
    def network(x, method=method):
        return cl.conv_transpose(x, values(4, 3, 3, 2), stride=2, method=method) * x.sum()

    tangent = values(*X.shape, seed=2)
    expected = pushed(lambda x: network(x, "auto"), (X,), (tangent,))
    close(torch.func.linearize(network, X)[1](tangent), expected[0])


def test_whole_numbers_and_four_axes():
    """Which torch's own kernels do not take: all columns at once."""
    x, weight = torch.arange(36).reshape(1, 2, 3, 6), torch.arange(-8, 8).reshape(2, 2, 2, 2)
    many = torch.stack([x, 2 * x])
    close(torch.func.vmap(lambda x: cl.conv(x, weight))(many)[1], 2 * cl.conv(x, weight))
    compiled = torch.compile(cl.conv, backend="eager", fullgraph=True)
    close(compiled(x, weight), cl.conv(x, weight))
    x, weight = values(1, 2, 3, 3, 3, 3), values(2, 2, 2, 2, 2, 2)
    found = torch.func.jvp(lambda x: cl.conv(x, weight), (x,), (x,))
    close(found[1], cl.conv(x, weight))
    back = torch.func.vmap(lambda x: cl.conv_transpose(x, weight))(x[None])[0]
    close(back, cl.conv_transpose(x, weight))


@methods
@pytest.mark.parametrize("record", [False, True])
def test_autocast_of_every_method(method, record):
    """bfloat16 for all of them; and activations in it meet float32 weights, as in a network."""
    x, weight, bias = X.float(), W.float().requires_grad_(record), BIAS.float()
    expected = torch.nn.functional.conv2d(x, weight, bias, padding=1, groups=2)
    with torch.autocast("cpu", torch.bfloat16):
        y = of_method(method)(x.bfloat16(), weight, bias)
    assert y.dtype == torch.bfloat16
    close(y.float(), expected, rtol=0.02, atol=0.1)
    if record:
        (grad,) = torch.autograd.grad(y.float().square().sum(), weight)
        (theirs,) = torch.autograd.grad(expected.square().sum(), weight)
        assert grad.dtype == torch.float32
        assert float((grad - theirs).abs().max() / theirs.abs().max()) < 0.02


def test_autocast_leaves_float64_and_whole_numbers_alone():
    x, weight = torch.ones(1, 1, 3), torch.ones(1, 1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert cl.conv(x.double(), weight=weight.double()).dtype == torch.float64
        assert cl.conv(x.long(), weight.long()).dtype == torch.int64
        assert cl.conv(x.to("meta"), weight.to("meta")).dtype == torch.float32
        assert cl.conv(x.numpy(), weight.numpy()).dtype == np.float32


def test_winograd_is_no_part_of_one_graph():
    """NumPy makes its matrices: beside the graph, if it may be cut, else that is refused."""
    torch._dynamo.reset()
    f = of_method("winograd")
    close(torch.compile(f, backend="eager")(X, W, BIAS), f(X, W, BIAS))
    torch._dynamo.reset()
    words = r"method=\"winograd\" makes its matrices with NumPy.*Use method=\"auto\""
    with pytest.raises(torch._dynamo.exc.Unsupported, match=words):
        torch.compile(f, backend="eager", fullgraph=True)(X, W, BIAS)


# ---- pools ----

TIES = torch.tensor([[[0.0, 0, 0, 0, 1, 1]]], dtype=torch.float64)
POOLS = {
    "max": lambda x: cl.max_pool(x, 2),
    "padded": lambda x: cl.max_pool(x, 3, stride=1, padding=1),
    "with indices": lambda x: cl.max_pool(x, 2, return_indices=True)[0],
    "lp": lambda x: cl.lp_pool(x + 1, np.inf, 2),
    "least": lambda x: cl.lp_pool(x + 1, -np.inf, 2),
    "adaptive": lambda x: cl.adaptive_max_pool(x, 3),
    "global": cl.global_max_pool,
}


@pytest.mark.parametrize("pool", POOLS)
def test_of_equal_cells_the_first_has_it_in_every_mode(pool):
    """After a ReLU zeros tie all the time."""
    f = POOLS[pool]
    ahead, back = torch.func.jacfwd(f)(TIES), torch.func.jacrev(f)(TIES)
    close(ahead, back)
    close(torch.autograd.functional.jacobian(f, TIES), back)
    assert {*back.flatten().tolist()} == {0, 1}


def test_of_several_nans_the_last_has_it_in_every_mode():
    x = torch.tensor([[[3.0, np.nan, np.nan, 5.0, 5.0, 2.0]]])
    for f in (lambda x: cl.adaptive_max_pool(x, 2), lambda x: cl.max_pool(x, 3)):
        close(torch.func.jacfwd(f)(x), torch.autograd.functional.jacobian(f, x))
        close(torch.func.jacfwd(f)(x).reshape(2, 6).argmax(1), torch.tensor([2, 3]))


def test_indices_are_found_and_used_under_vmap():
    many = torch.stack([X, -X])
    ys, cells = torch.func.vmap(lambda x: cl.max_pool(x, 2, return_indices=True))(many)
    back = torch.func.vmap(lambda y, i: cl.max_unpool(y, i, 2, output_size=(6, 5)))(ys, cells)
    for x, y, i, z in zip(many, ys, cells, back, strict=True):
        expected = cl.max_pool(x, 2, return_indices=True)
        close((y, i), expected)
        close(z, cl.max_unpool(*expected, 2, output_size=(6, 5)))


# ---- sizes that change ----

CHANGING = {
    "conv": lambda x: cl.conv(x, W[:4], padding=1, groups=2),
    "strided": lambda x: cl.conv(x, W[:4], stride=2, padding=1, groups=2, padding_mode="reflect"),
    "transposed": lambda x: cl.conv_transpose(x, W[:4], stride=2, groups=2),
    "max": lambda x: cl.max_pool(x, 3, stride=2, padding=1),
    "average": lambda x: cl.avg_pool(x, 3, padding=1, count_include_pad=False),
    "adaptive": lambda x: cl.adaptive_avg_pool(x, 3),
    "global": cl.global_max_pool,
    "resize": lambda x: cl.resize(x, scale_factor=2, mode="linear"),
    "gelu": cl.gelu,
}


@pytest.mark.parametrize("name", CHANGING)
def test_other_sizes_are_not_compiled_anew(name):
    """Once as it comes, and at most twice more until all sizes are symbols."""
    torch._dynamo.reset()
    f, count = CHANGING[name], torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(f, backend=count, fullgraph=True)
    for batch, *size in [(2, 9, 9), (3, 9, 9), (3, 12, 12), (5, 14, 17), (2, 21, 10), (4, 30, 31)]:
        x = values(batch, 4, *size)
        close(compiled(x), f(x))
    assert count.frame_count <= 3


def test_an_exported_batch_may_have_any_size():
    class Network(torch.nn.Module):
        def forward(self, x):
            y = cl.max_pool(cl.relu(cl.conv(x, W[:4], padding=1, groups=2)), 2)
            return cl.global_avg_pool(cl.resize(y, scale_factor=2))

    batch = torch.export.Dim("batch")  # no bound of our own
    program = torch.export.export(Network(), (X,), dynamic_shapes={"x": {0: batch}})
    more = values(7, 4, 6, 5)
    close(program.module()(more), Network()(more))


# ---- derivatives of activations, at the joints and far out ----


def second(f, x):
    """The second derivative, by autograd twice, as a penalty on gradients takes it."""
    x = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    return torch.autograd.grad(first.sum(), x)[0]


@activations
def test_every_mode_finds_the_same_slope(name, options):
    x = torch.tensor(GRID[:-1])  # but NaN
    ones = torch.ones_like(x)
    slope = backward(name)(ones, x, **options)

    def f(x):
        return forward(name)(x, **options)

    close(torch.func.jvp(f, (x,), (ones,))[1], slope)
    close(torch.func.vmap(torch.func.grad(f))(x), slope)
    close(torch.func.vjp(f, x)[1](ones)[0], slope)
    with torch.autograd.forward_ad.dual_level():
        y = f(torch.autograd.forward_ad.make_dual(x, ones))
        close(torch.autograd.forward_ad.unpack_dual(y).tangent, slope)


@activations
def test_every_mode_finds_the_same_second_derivative(name, options):
    """Forward mode in forward mode too: there a torch.autograd.Function gives 0 and no word."""
    x = torch.tensor(GRID[:-1])
    ones = torch.ones_like(x)

    def f(x):
        return forward(name)(x, **options)

    def slope(x):
        return torch.func.jvp(f, (x,), (ones,))[1]

    bend = second(f, x)
    close(torch.func.jvp(slope, (x,), (ones,))[1], bend)
    close(torch.func.vjp(slope, x)[1](ones)[0], bend)
    close(torch.func.vmap(torch.func.grad(torch.func.grad(f)))(x), bend)
    close(torch.func.jvp(torch.func.vmap(torch.func.grad(f)), (x,), (ones,))[1], bend)


PIECES = {"relu": (), "relu6": (), "leaky_relu": (), "elu": (0.5,), "selu": (), "celu": (2.0,)}


@pytest.mark.parametrize("name", [*PIECES, "hardsigmoid", "hardswish", "prelu"])
def test_the_second_derivative_of_straight_pieces_is_torchs(name):
    """0, and no error, though the slope does not hang on the input any more."""
    x = torch.tensor(GRID[np.isfinite(GRID)])
    rest = (torch.tensor([0.25], dtype=x.dtype),) if name == "prelu" else PIECES.get(name, ())
    ours = second(lambda x: getattr(cl, name)(x, *rest), x)
    if name == "hardsigmoid":  # torch's own has none
        assert ours.tolist() == [0] * len(x)
    else:
        close(ours, second(lambda x: getattr(torch.nn.functional, name)(x, *rest), x))


@activations
def test_gradients_of_gradients(name, options):
    """Both modes in both modes, and many gradients at once, of the function and its backward."""
    x = torch.tensor(GENERIC, requires_grad=True)
    g = torch.linspace(-1, 2, len(GENERIC), dtype=x.dtype, requires_grad=True)
    for f, inputs in (
        (lambda x: forward(name)(x, **options), (x,)),
        (lambda g, x: backward(name)(g, x, **options), (g, x)),
    ):
        batched = {"check_batched_grad": True}
        forwards = {"check_forward_ad": True, "check_batched_forward_grad": True}
        assert torch.autograd.gradcheck(f, inputs, **batched, **forwards)
        assert torch.autograd.gradgradcheck(f, inputs, **batched, check_fwd_over_rev=True)
