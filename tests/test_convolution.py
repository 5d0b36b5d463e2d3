"""conv and conv_backward: by hand, against torch, by their laws, and what they refuse."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import MODES, geometries, whole

import convlib as cl
from convlib.methods import METHODS

# ---- by hand ----


def test_the_running_example(xp):
    y = xp.call(cl.conv, np.arange(9).reshape(1, 1, 3, 3), np.arange(4).reshape(1, 1, 2, 2))
    assert y.tolist() == [
        [
            [
                [0 * 0 + 1 * 1 + 3 * 2 + 4 * 3, 1 * 0 + 2 * 1 + 4 * 2 + 5 * 3],
                [3 * 0 + 4 * 1 + 6 * 2 + 7 * 3, 4 * 0 + 5 * 1 + 7 * 2 + 8 * 3],
            ]
        ]
    ]
    assert y.ravel().tolist() == [19, 25, 37, 43]


def test_the_kernel_is_not_flipped(xp):
    # 0*-1 + 0*1, 0*-1 + 1*1, 1*-1 + 1*1
    assert xp.call(cl.conv, [[[0, 0, 1, 1]]], [[[-1, 1]]]).tolist() == [[[0, 1, 0]]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"stride": 2}, [1 + 20, 3 + 40]),
        ({"padding": 1}, [0 + 10, 1 + 20, 2 + 30, 3 + 40, 4 + 0]),
        ({"padding": ((0, 1),)}, [1 + 20, 2 + 30, 3 + 40, 4 + 0]),
        ({"padding": "same"}, [1 + 20, 2 + 30, 3 + 40, 4 + 0]),
        ({"padding": "valid"}, [1 + 20, 2 + 30, 3 + 40]),
        ({"dilation": 2}, [1 + 30, 2 + 40]),
        ({"padding": 1, "padding_mode": "reflect"}, [2 + 10, 1 + 20, 2 + 30, 3 + 40, 4 + 30]),
        ({"padding": 1, "padding_mode": "replicate"}, [1 + 10, 1 + 20, 2 + 30, 3 + 40, 4 + 40]),
        ({"padding": 1, "padding_mode": "circular"}, [4 + 10, 1 + 20, 2 + 30, 3 + 40, 4 + 10]),
        ({"padding": 2, "stride": 3}, [0 + 0, 2 + 30, 0 + 0]),
    ],
)
def test_options_by_hand(xp, options, expected):
    assert xp.call(cl.conv, [[[1, 2, 3, 4]]], [[[1, 10]]], **options).tolist() == [[expected]]


def test_channels_groups_and_bias_by_hand(xp):
    x = [[[1, 2], [3, 4]]]
    both = xp.call(cl.conv, x, [[[1], [10]]], [100])
    assert both.tolist() == [[[100 + 1 + 30, 100 + 2 + 40]]]
    each = xp.call(cl.conv, x, [[[1]], [[10]]], [100, 200], groups=2)
    assert each.tolist() == [[[100 + 1, 100 + 2], [200 + 30, 200 + 40]]]


def test_backward_by_hand(xp):
    # y = [x0*w0 + x1*w1, x1*w0 + x2*w1], gradients of 1*y0 + 10*y1 at x = 1 2 3, w = 5 7
    grads = xp.call(cl.conv_backward, [[[1, 10]]], [[[1, 2, 3]]], [[[5, 7]]])
    assert [g.tolist() for g in grads] == [
        [[[1 * 5, 1 * 7 + 10 * 5, 10 * 7]]],
        [[[1 * 1 + 10 * 2, 1 * 2 + 10 * 3]]],
        [1 + 10],
    ]


def test_backward_of_the_documented_example():
    grads = cl.conv_backward(
        np.ones((1, 1, 2, 2)),
        np.arange(9.0).reshape(1, 1, 3, 3),
        np.arange(4.0).reshape(1, 1, 2, 2),
    )
    # each cell collects the taps of the windows that see it: the centre 0 + 1 + 2 + 3
    assert grads[0].tolist() == [[[[0, 1, 1], [2, 6, 4], [2, 5, 3]]]]
    # each tap collects the cells that it sees: 0 + 1 + 3 + 4, 1 + 2 + 4 + 5, ...
    assert grads[1].tolist() == [[[[8, 12], [20, 24]]]]
    assert grads[2].tolist() == [4]


# ---- oracle ----


def torch_conv(torch, x, weight, bias, g):
    """The same by torch: its own padding, then its own kernel."""
    mode = "constant" if g.mode == "zeros" else g.mode
    sides = [p for pair in reversed(g.padding) for p in pair]
    if g.batch == 0:  # torch's modes refuse an empty batch; what the padding holds is no matter
        mode = "constant"
    padded = torch.nn.functional.pad(x, sides, mode=mode)
    kernel = getattr(torch.nn.functional, f"conv{g.rank}d")
    return kernel(padded, weight, bias, g.stride, 0, g.dilation, g.groups)


@given(g=geometries(), budget=st.sampled_from([1, 500, cl.COLUMN_BUDGET]))
def test_conv_is_torchs(xp, torch, g, budget):
    tensors = [torch.from_numpy(a) for a in (g.x, g.weight, g.bias)]
    expected = torch_conv(torch, *tensors, g).numpy()
    y = xp.call(cl.conv, g.x, g.weight, g.bias, budget=budget, **g.options)
    assert y.shape == (g.batch, g.groups * g.made, *g.out)
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-11)


@given(g=geometries(), budget=st.sampled_from([1, 500, cl.COLUMN_BUDGET]))
def test_backward_is_torchs_autograd(xp, torch, g, budget):
    tensors = [torch.from_numpy(a).requires_grad_() for a in (g.x, g.weight, g.bias)]
    y = torch_conv(torch, *tensors, g)
    expected = torch.autograd.grad(y, tensors, torch.from_numpy(g.y))
    grads = xp.call(cl.conv_backward, g.y, g.x, g.weight, budget=budget, **g.options)
    for ours, theirs in zip(grads, expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-13, atol=1e-11)


@given(
    g=geometries(),
    budget=st.sampled_from([1, 500, cl.COLUMN_BUDGET]),
    method=st.sampled_from(["auto", "rows", "taps"]),
)
def test_autograd_through_conv_is_conv_backward(torch, g, budget, method):
    tensors = [torch.from_numpy(a).requires_grad_() for a in (g.x, g.weight, g.bias)]
    y = cl.conv(*tensors, budget=budget, method=method, **g.options)
    grads = torch.autograd.grad(y, tensors, torch.from_numpy(g.y))
    expected = cl.conv_backward(g.y, g.x, g.weight, **g.options)
    for ours, theirs in zip(grads, expected, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)


@given(g=geometries(), method=st.sampled_from([*METHODS]))
def test_each_method_finds_the_gradients(torch, g, method):
    if method == "winograd":
        assume(max(g.dilation) == 1 and max(g.kernel) <= (3 if g.rank == 3 else 5))
    expected = cl.conv_backward(g.y, g.x, g.weight, **g.options)
    arrays = [torch.from_numpy(a) if method == "native" else a for a in (g.y, g.x, g.weight)]
    grads = cl.conv_backward(*arrays, method=method, **g.options)
    for ours, theirs in zip(grads, expected, strict=True):
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-12, atol=1e-9)


NEEDS = [*product([True, False], repeat=3)]


@pytest.mark.parametrize("needs", NEEDS)
def test_gradients_that_nobody_needs_are_none(xp, monkeypatch, needs):
    """And are not computed."""
    shapes = {cl.conv_backward: (3, 4, 2, 2), cl.conv_transpose_backward: (4, 3, 2, 2)}
    arrays = {f: [xp.asarray(whole(*s, seed=1)) for s in ((2, 3, 4, 4), (2, 4, 5, 5), weight)]
              for f, weight in shapes.items()}  # fmt: skip
    arrays[cl.conv_transpose_backward][0] = xp.asarray(whole(2, 3, 6, 6, seed=1))
    whole_answers = {f: f(*given_) for f, given_ in arrays.items()}
    if not needs[0]:
        monkeypatch.setattr("convlib.convolution.backward_input", None)
        monkeypatch.setattr("convlib.transpose.DEFINITIONS", {"auto": None})
    if not needs[1]:
        monkeypatch.setattr("convlib.methods.im2col.backward_weight", None)
    for function, given_ in arrays.items():
        for ours, theirs, need in zip(
            function(*given_, needs=list(needs)), whole_answers[function], needs, strict=True
        ):
            if need:
                np.testing.assert_array_equal(xp.numpy(ours), xp.numpy(theirs))
            else:
                assert ours is None


@pytest.mark.parametrize("needs", [True, None, "all", (), (True, True), (1, 1, 1), (True,) * 4])
@pytest.mark.parametrize("name", ["conv_backward", "conv_transpose_backward"])
def test_needs_are_three_of_true_and_false(name, needs):
    x, one = np.ones((1, 1, 3)), np.ones((1, 1, 1))
    words = (
        f"{name}: needs must be three of True and False, for grad_x, grad_weight and grad_bias; "
        f"got needs={needs!r}."
    )
    with pytest.raises(TypeError, match=re.escape(words)):
        getattr(cl, name)(x, x, one, needs=needs)


SMOOTH = [
    ((1, 2, 4), (2, 1, 2), {"padding": 1, "groups": 2}),
    ((2, 1, 5), (1, 1, 2), {"stride": 2, "dilation": 2, "budget": 1}),
    ((1, 1, 3, 3), (1, 1, 2, 2), {"padding": ((1, 0), (0, 1)), "padding_mode": "reflect"}),
    ((1, 1, 2, 2), (2, 1, 1, 1), {"method": "direct"}),
    ((1, 2, 4, 4), (2, 1, 3, 2), {"method": "rows", "stride": (2, 1), "groups": 2}),
    ((1, 4, 4, 3), (4, 2, 2, 3), {"method": "taps", "padding": 1, "groups": 2}),
    ((1, 1, 5, 4), (2, 1, 3, 3), {"method": "winograd", "padding": 1}),
    ((1, 2, 6), (1, 2, 3), {"method": "fft", "stride": 2}),
    ((1, 2, 2, 2, 2), (1, 2, 2, 1, 2), {"padding": 1, "padding_mode": "circular"}),
]


@pytest.mark.parametrize(("x", "weight", "options"), SMOOTH)
@pytest.mark.parametrize("order", [1, 2])
def test_autograd_is_the_slope(torch, x, weight, options, order):
    arrays = (whole(*x) / 9, whole(*weight, seed=1) / 9, whole(weight[0], seed=2) / 9)
    check = torch.autograd.gradcheck if order == 1 else torch.autograd.gradgradcheck
    given_ = [torch.from_numpy(a).requires_grad_() for a in arrays]
    assert check(lambda *a: cl.conv(*a, **options), given_)


@pytest.mark.parametrize(("x", "weight", "options"), SMOOTH)
def test_gradients_of_the_gradients(torch, x, weight, options):
    x, weight = torch.from_numpy(whole(*x)), torch.from_numpy(whole(*weight, seed=1))
    given_ = [a.requires_grad_() for a in (cl.conv(x, weight, **options), x, weight)]
    given_[0] = given_[0].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda *a: cl.conv_backward(*a, **options), given_)


def test_autograd_through_a_stack_of_layers(torch):
    """The inner tensors are nobody's leaves; their columns must be kept all the same."""
    x = torch.from_numpy(whole(2, 3, 8)).requires_grad_()
    weights = [torch.from_numpy(whole(3, 3, 2, seed=i)) for i in (1, 2)]
    ours, theirs = x, x
    for weight in weights:
        ours = cl.conv(ours.square(), weight, budget=1)
        theirs = torch.nn.functional.conv1d(theirs.square(), weight)
    assert torch.equal(ours, theirs)
    assert torch.equal(*(torch.autograd.grad(y.sum(), x)[0] for y in (ours, theirs)))

    leaf = weights[0].requires_grad_()
    kernels = [leaf.square(), leaf.square()]
    ours = cl.conv(x.detach(), kernels[0], budget=1).square().sum()
    theirs = torch.nn.functional.conv1d(x.detach(), kernels[1]).square().sum()
    assert torch.equal(*(torch.autograd.grad(y, leaf)[0] for y in (ours, theirs)))


def test_torchs_transforms_see_through(torch):
    x, weight = torch.from_numpy(whole(2, 3, 6)), torch.from_numpy(whole(4, 3, 2))
    for budget in (100, cl.COLUMN_BUDGET):
        loss = torch.func.grad(lambda w, b=budget: cl.conv(x, w, budget=b).square().sum())
        theirs = torch.func.grad(lambda w: torch.nn.functional.conv1d(x, w).square().sum())
        assert torch.equal(loss(weight), theirs(weight))


# ---- laws ----


def convolve(xp, g, x, weight, bias=None):
    return xp.call(cl.conv, x, weight, bias, **g.options)


@given(g=geometries())
def test_gradients_are_the_adjoints(xp, g):
    """Sum(conv(x, w) * y) = sum(x * grad_x(y)) = sum(w * grad_w(y)), exactly."""
    grad_x, grad_weight, grad_bias = xp.call(cl.conv_backward, g.y, g.x, g.weight, **g.options)
    assert [grad_x.shape, grad_weight.shape] == [g.x.shape, g.weight.shape]
    total = (convolve(xp, g, g.x, g.weight) * g.y).sum()
    assert total == (g.x * grad_x).sum() == (g.weight * grad_weight).sum()
    np.testing.assert_array_equal(grad_bias, g.y.sum(axis=(0, *range(2, g.y.ndim))))


@given(g=geometries())
def test_linear_in_x_and_in_the_kernels(xp, g):
    x, weight = whole(*g.x.shape, seed=8), whole(*g.weight.shape, seed=9)
    np.testing.assert_array_equal(
        convolve(xp, g, g.x + 3 * x, g.weight),
        convolve(xp, g, g.x, g.weight) + 3 * convolve(xp, g, x, g.weight),
    )
    np.testing.assert_array_equal(
        convolve(xp, g, g.x, g.weight + 3 * weight, g.bias),
        convolve(xp, g, g.x, g.weight, g.bias) + 3 * convolve(xp, g, g.x, weight),
    )


@given(g=geometries(modes=("zeros",)))
def test_a_shift_by_one_stride_shifts_the_output_by_one(g):
    """Along the last axis, without padding there: cells put in front come out in front."""
    ends = [(0, 0)] * (g.x.ndim - 1) + [(0, g.dilation[-1] * (g.kernel[-1] - 1))]
    x = np.pad(g.x, ends)  # so that a window fits
    front = whole(*x.shape[:-1], g.stride[-1], seed=8)
    options = {**g.options, "padding": (*g.padding[:-1], (0, 0))}
    shifted = cl.conv(np.concatenate([front, x], axis=-1), g.weight, **options)
    np.testing.assert_array_equal(shifted[..., 1:], cl.conv(x, g.weight, **options))


@given(g=geometries(modes=("circular",), batches=(1,)), shift=st.integers(1, 5))
def test_on_a_ring_every_shift_passes_through(g, shift):
    """A ring has no border: with stride 1 and a full wrap, roll and conv change places."""
    x, span = g.x, g.dilation[0] * (g.kernel[0] - 1)
    assume(span <= g.size[0])  # conv wraps around once at most
    pad = ((span, 0),) + ((0, 0),) * (g.rank - 1)
    taps = (slice(None), slice(None), slice(None)) + (slice(0, 1),) * (g.rank - 1)

    def ring(a):
        return cl.conv(
            a, g.weight[taps], padding=pad, dilation=g.dilation, padding_mode="circular",
            groups=g.groups,
        )  # fmt: skip

    np.testing.assert_array_equal(ring(np.roll(x, shift, 2)), np.roll(ring(x), shift, 2))


@given(g=geometries())
def test_groups_are_blocks_side_by_side(xp, g):
    xs, ws = np.split(g.x, g.groups, 1), np.split(g.weight, g.groups)
    alone = {**g.options, "groups": 1}
    blocks = [cl.conv(x, w, **alone) for x, w in zip(xs, ws, strict=True)]
    np.testing.assert_array_equal(convolve(xp, g, g.x, g.weight), np.concatenate(blocks, 1))


@given(g=geometries())
def test_padding_is_what_padding_first_gives(xp, g):
    plain = {**g.options, "padding": 0, "padding_mode": "zeros"}
    expected = cl.conv(g.padded(g.x), g.weight, **plain)
    np.testing.assert_array_equal(convolve(xp, g, g.x, g.weight), expected)


@given(g=geometries())
def test_a_stride_leaves_out_outputs(xp, g):
    dense = cl.conv(g.x, g.weight, **{**g.options, "stride": 1})
    kept = dense[(..., *(slice(None, None, s) for s in g.stride))]
    np.testing.assert_array_equal(convolve(xp, g, g.x, g.weight), kept)


@given(g=geometries())
def test_dilation_is_a_kernel_with_zeros_between(xp, g):
    wide = np.zeros(
        (*g.weight.shape[:2], *(d * (k - 1) + 1 for k, d in zip(g.kernel, g.dilation, strict=True)))
    )
    wide[(..., *(slice(None, None, d) for d in g.dilation))] = g.weight
    expected = cl.conv(g.x, wide, **{**g.options, "dilation": 1})
    np.testing.assert_array_equal(convolve(xp, g, g.x, g.weight), expected)


@given(g=geometries(modes=("zeros",), groups=(1,)))
def test_two_layers_make_one(g):
    """A 1x1 convolution after another is that other with mixed kernels: (v * w) x = v * (w x)."""
    mix = whole(3, g.made, *(1,) * g.rank, seed=5)
    after = cl.conv(cl.conv(g.x, g.weight, **g.options), mix)
    mixed = np.tensordot(mix.reshape(3, g.made), g.weight, axes=1)
    np.testing.assert_array_equal(after, cl.conv(g.x, mixed, **g.options))


@given(g=geometries(batches=(1, 2)), data=st.data())
def test_backward_is_the_central_difference(g, data):
    """Of sum(conv * y), which is linear in each argument: the difference is exact."""
    grads = cl.conv_backward(g.y, g.x, g.weight, **g.options)
    arrays = [g.x, g.weight, g.bias]
    for which, name in enumerate(["x", "weight", "bias"]):
        at = tuple(data.draw(st.integers(0, n - 1)) for n in arrays[which].shape)
        losses = []
        for nudge in (1, -1):
            nudged = [a.copy() for a in arrays]
            nudged[which][at] += nudge
            losses.append((cl.conv(*nudged, **g.options) * g.y).sum())
        slope = (losses[0] - losses[1]) / 2
        assert grads[which][at] == slope, f"grad_{name}[{at}]"


@given(g=geometries())
def test_every_spelling_of_an_option_means_the_same(g):
    expected = cl.conv(g.x, g.weight, **g.options)
    lists = {
        key: [list(v) if isinstance(v, tuple) else np.int64(v) for v in value]
        for key, value in g.window.items()
    }
    np.testing.assert_array_equal(cl.conv(g.x, g.weight, **{**g.options, **lists}), expected)
    even = {key: value[0] for key, value in g.window.items()}
    even["padding"] = min(min(pair) for pair in g.padding)
    spans = [even["dilation"] * (k - 1) + 1 for k in g.kernel]
    if all(span <= n + 2 * even["padding"] for span, n in zip(spans, g.size, strict=True)):
        rest = {"groups": g.groups, "padding_mode": g.mode}
        one = cl.conv(g.x, g.weight, **even, **rest)
        each = {key: (value,) * g.rank for key, value in even.items()}
        np.testing.assert_array_equal(cl.conv(g.x, g.weight, **each, **rest), one)


# ---- contract: what is refused ----


REFUSED = [
    # shapes of x and weight, options, error, words
    ((8, 3, 9, 9), (16, 2, 3, 3), {"groups": 2}, ValueError,
     "x has 3 channels, but weight and groups expect 2 * 2 = 4; got x.shape=(8, 3, 9, 9), "
     "weight.shape=(16, 2, 3, 3), groups=2."),
    ((3, 9, 9), (16, 3, 3, 3), {}, ValueError,
     "x must be (B, C, *spatial), batched, with 2 + 2 = 4 axes for kernels of 2 axes; got "
     "x.shape=(3, 9, 9). Add the batch axis: x[None]."),
    ((1, 4, 9), (3, 2, 3), {"groups": 2}, ValueError,
     "groups must divide the 3 kernels of weight, but 3 = 1 * 2 + 1; got x.shape=(1, 4, 9), "
     "weight.shape=(3, 2, 3), groups=2."),
    ((1, 1, 4), (1, 1, 3), {"padding": 1, "dilation": 3}, ValueError,
     "no window fits: the dilated kernel spans 3*(3 - 1) + 1 = 7, the padded input is "
     "4 + 2*1 = 6. Use padding >= 2 or dilation <= 2."),
    ((1, 1, 4), (1, 1, 9), {"padding": ((1, 2),)}, ValueError,
     "spans 1*(9 - 1) + 1 = 9, the padded input is 4 + 1 + 2 = 7. Use padding >= 3."),
    ((9, 9), (1, 1, 3, 3), {}, ValueError,
     "for kernels of 2 axes; got x.shape=(9, 9). Add 2 axes in front: x[None, None]."),
    ((1, 1, 1, 9, 9), (1, 1, 3, 3), {}, ValueError,
     "got x.shape=(1, 1, 1, 9, 9). Give the kernels as many: weight[:, :, None]."),
    ((1, 9), (3, 3), {}, ValueError,
     "weight must be (K, C/groups, *kernel), with one kernel axis at least and no axis empty; got "
     "weight.shape=(3, 3). Kernels of one cell are weight[..., None]."),
    ((1, 1, 9), (1, 1, 0), {}, ValueError,
     "no axis empty; got weight.shape=(1, 1, 0)."),
    ((1, 1, 0), (1, 1, 1), {}, ValueError,
     "every spatial size of x must be at least 1; got x.shape=(1, 1, 0)."),
    ((1, 1, 9), (1, 1, 3), {"stride": 0}, ValueError, "stride must be at least 1; got stride=0."),
    ((1, 1, 9), (1, 1, 3), {"stride": 1.0}, TypeError, "stride must be an int; got stride=1.0."),
    ((1, 1, 9), (1, 1, 3), {"stride": True}, TypeError, "stride must be an int; got stride=True."),
    ((1, 1, 9, 9), (1, 1, 3, 3), {"stride": (1, 2, 3)}, ValueError,
     "stride must be an int or 2 ints, one per axis; got 3: stride=(1, 2, 3)."),
    ((1, 1, 9, 9), (1, 1, 3, 3), {"dilation": (1, 0)}, ValueError,
     "dilation must be at least 1; got dilation=(1, 0)."),
    ((1, 1, 9), (1, 1, 3), {"dilation": "2"}, TypeError, "dilation must be an int; got"),
    ((1, 1, 9), (1, 1, 3), {"padding": -1}, ValueError,
     "padding must be at least 0; got padding=-1. To crop, slice the input first."),
    ((1, 1, 9), (1, 1, 3), {"padding": 0.5}, TypeError, "got padding=0.5."),
    ((1, 1, 9), (1, 1, 3), {"padding": None}, TypeError, "got padding=None."),
    ((1, 1, 9), (1, 1, 3), {"padding": (1, 2)}, ValueError, "1 (before, after) pair, one per"),
    ((1, 1, 9), (1, 1, 3), {"padding": "Same"}, ValueError,
     "padding as a word must be \"same\" or \"valid\"; got padding='Same'."),
    ((1, 1, 9, 9), (1, 1, 3, 3), {"padding": "same", "stride": (1, 2)}, ValueError,
     'padding="same" keeps the size, so it needs stride 1; got stride=(1, 2).'),
    ((1, 1, 9), (1, 1, 3), {"groups": 0}, ValueError, "groups must be at least 1; got groups=0."),
    ((1, 1, 9), (1, 1, 3), {"groups": 1.0}, TypeError, "groups must be an int; got groups=1.0."),
    ((1, 1, 9), (1, 1, 3), {"padding_mode": "mirror"}, ValueError,
     "must be one of ('zeros', 'reflect', 'replicate', 'circular'); got padding_mode='mirror'."),
    ((1, 1, 9), (1, 1, 3), {"padding_mode": None}, ValueError, "got padding_mode=None."),
    ((1, 1, 3), (1, 1, 1), {"padding": 3, "padding_mode": "reflect"}, ValueError,
     "padding must be less than the size; got padding 3 for size 3. Use padding <= 2 or "),
    ((1, 1, 3), (1, 1, 1), {"padding": 4, "padding_mode": "circular"}, ValueError,
     "padding must not exceed the size; got padding 4 for size 3. Use padding <= 3."),
]  # fmt: skip


@pytest.mark.parametrize(("x", "weight", "options", "error", "words"), REFUSED)
def test_what_does_not_fit_is_refused_with_the_numbers(xp, x, weight, options, error, words):
    x, weight = xp.asarray(whole(*x)), xp.asarray(whole(*weight))
    with pytest.raises(error, match=f"^conv: .*{re.escape(words)}"):
        cl.conv(x, weight, **options)
    with pytest.raises(error, match=f"^conv_backward: .*{re.escape(words)}"):
        cl.conv_backward(x, x, weight, **options)


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), (1, 3), ()])
def test_the_bias_has_one_value_a_kernel(xp, shape):
    words = (
        "conv: bias must have one value for each of the 3 kernels, shape (3,); "
        f"got bias.shape={shape}."
    )
    with pytest.raises(ValueError, match=re.escape(words)):
        cl.conv(*(xp.asarray(whole(*s)) for s in ((1, 1, 4), (3, 1, 2), shape)))


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 3, 3), (1, 3), (1, 3, 4), (1, 3, 3, 1), ()])
def test_the_outputs_gradient_has_the_outputs_shape(xp, shape):
    words = (
        "conv_backward: grad_output must have the shape of the output, (1, 3, 3); "
        f"got grad_output.shape={shape}."
    )
    grad, x, weight = (xp.asarray(whole(*s)) for s in (shape, (1, 1, 4), (3, 1, 2)))
    with pytest.raises(ValueError, match=re.escape(words)):
        cl.conv_backward(grad, x, weight)


def test_each_argument_is_an_array_of_the_same_kind(xp):
    x, weight, _bias = (xp.asarray(whole(*s)) for s in ((1, 1, 3), (1, 1, 1), (1,)))
    other = xp.asarray(whole(1, 1, 3), "float32")
    for name, arrays in {
        "x": ([[[1.0]]], weight),
        "weight": (x, [[[1.0]]]),
        "bias": (x, weight, [1.0]),
    }.items():
        with pytest.raises(TypeError, match=rf"^conv: {name} must be a numpy.* got list\."):
            cl.conv(*arrays)
    for name, arrays in {
        "grad_output": ([[[1.0]]], x, weight),
        "x": (x, None, weight),
        "weight": (x, x, 3.0),
    }.items():
        with pytest.raises(TypeError, match=rf"^conv_backward: {name} must be a numpy"):
            cl.conv_backward(*arrays)
    with pytest.raises(TypeError, match=r"^conv: x and bias must have one dtype; got "):
        cl.conv(x, weight, other[0, 0, :1])
    with pytest.raises(TypeError, match=r"^conv_backward: x and grad_output must have one dtype"):
        cl.conv_backward(other, x, weight)


def test_options_are_given_by_name():
    x = np.ones((1, 1, 3))
    with pytest.raises(TypeError, match="positional"):
        cl.conv(x, x, None, 1)
    with pytest.raises(TypeError, match="positional"):
        cl.conv_backward(x, x, x, 1)


# ---- contract: what is accepted ----


INTS = ["int8", "uint8", "int16", "int32", "int64"]


@pytest.mark.parametrize("name", INTS)
def test_whole_numbers_wrap_around_as_torchs_do(xp, torch, name):
    x, weight = (whole(*s) * 13 % 256 for s in ((2, 4, 6), (6, 2, 3)))
    tensors = [torch.from_numpy(a).to(getattr(torch, name)) for a in (x, weight)]
    expected = torch.nn.functional.conv1d(*tensors, stride=2, padding=1, groups=2)
    x, weight = (t.numpy() for t in tensors)
    y = xp.call(cl.conv, x, weight, stride=2, padding=1, groups=2, budget=99)
    np.testing.assert_array_equal(y, expected.numpy())
    y = xp.call(cl.conv, x, weight, stride=2, padding=1, groups=2, method="direct")
    np.testing.assert_array_equal(y, expected.numpy())


@pytest.mark.parametrize("name", INTS)
def test_gradients_of_whole_numbers_wrap_around_too(xp, name):
    arrays = [whole(*s) * 13 for s in ((2, 6, 3), (2, 4, 6), (6, 2, 3))]
    options = {"stride": 2, "padding": 1, "groups": 2}
    exact = cl.conv_backward(*(a.astype(np.int64) for a in arrays), **options)
    given_ = [a.astype(np.int64).astype(name) for a in arrays]
    for ours, true in zip(xp.call(cl.conv_backward, *given_, **options), exact, strict=True):
        np.testing.assert_array_equal(ours, true.astype(name))


@pytest.mark.parametrize("name", ["complex64", "complex128"])
def test_complex_numbers(xp, name):
    x, weight = (whole(*s, seed=1) + 1j * whole(*s, seed=2) for s in ((1, 2, 5), (3, 2, 2)))
    real = cl.conv(x.real, weight.real) - cl.conv(x.imag, weight.imag)
    imag = cl.conv(x.real, weight.imag) + cl.conv(x.imag, weight.real)
    y = xp.call(cl.conv, x, weight, dtype=name)
    np.testing.assert_array_equal(y, real + 1j * imag)


def test_float32_backward(xp):
    arrays = [np.random.default_rng(i).standard_normal(s) for i, s in
              enumerate(((2, 4, 5, 5), (2, 3, 5, 5), (4, 3, 3, 3)))]  # fmt: skip
    exact = cl.conv_backward(*(a.astype(np.float32).astype(float) for a in arrays), padding=1)
    grads = xp.call(cl.conv_backward, *arrays, dtype="float32", padding=1)
    for ours, true in zip(grads, exact, strict=True):
        np.testing.assert_allclose(ours, true, rtol=1e-5, atol=1e-5)


def test_bfloat16(torch):
    tensors = [torch.from_numpy(whole(*s)).bfloat16() for s in ((2, 4, 5), (6, 2, 3), (6,))]
    y = cl.conv(*tensors, groups=2)
    exact = torch.nn.functional.conv1d(*(t.double() for t in tensors), groups=2)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, exact.bfloat16())  # one rounding, at the end
    for grad in cl.conv_backward(y, *tensors[:2], groups=2):
        assert grad.dtype == torch.bfloat16


LAYOUTS = {
    "flipped": lambda a: a[::-1, ::-1, ::-1, ::-1],
    "every other": lambda a: np.repeat(a, 2, axis=3)[..., ::2],
    "transposed": lambda a: np.ascontiguousarray(a.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0),
    "channels last": lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "Fortran": np.asfortranarray,
    "broadcast": lambda a: np.broadcast_to(a[:1, :1], a.shape),
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("kernel", [1, 3])
def test_any_layout_in_memory(name, kernel):
    plain = [whole(2, 4, 5, 5), whole(4, 2, kernel, kernel, seed=1)]
    x, weight = (LAYOUTS[name](a) for a in plain)
    copies = [np.array(a, np.float64, order="C") for a in (x, weight)]
    expected = cl.conv(*copies, groups=2, method="direct")
    grad = LAYOUTS[name](expected)
    for budget in (999, cl.COLUMN_BUDGET):
        y = cl.conv(x, weight, groups=2, budget=budget)
        np.testing.assert_array_equal(y, expected)
        assert y.dtype == x.dtype
        grads = cl.conv_backward(grad, x, weight, groups=2, budget=budget)
        plain_grad = np.array(grad, np.float64, order="C")
        for ours, theirs in zip(
            grads, cl.conv_backward(plain_grad, *copies, groups=2), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_any_layout_of_tensors(torch):
    x, weight = torch.from_numpy(whole(2, 4, 5, 5)), torch.from_numpy(whole(6, 4, 3, 3, seed=1))
    expected = torch.nn.functional.conv2d(x, weight)
    last = [a.to(memory_format=torch.channels_last) for a in (x, weight)]
    strided = [a.transpose(2, 3).contiguous().transpose(2, 3) for a in (x, weight)]
    for given_ in (last, strided):
        assert not given_[0].is_contiguous()
        assert torch.equal(cl.conv(*given_), expected)
        for ours, theirs in zip(
            cl.conv_backward(expected, *given_), cl.conv_backward(expected, x, weight), strict=True
        ):
            assert torch.equal(ours, theirs)
    one = x[:, :1].expand(2, 4, 5, 5)
    assert torch.equal(cl.conv(one, weight), torch.nn.functional.conv2d(one, weight))


def test_the_meta_device_gives_shapes(torch):
    x, weight = torch.ones(2, 3, 8, 8, device="meta"), torch.ones(4, 3, 3, 3, device="meta")
    y = cl.conv(x, weight, padding=1)
    assert (y.device.type, y.shape) == ("meta", (2, 4, 8, 8))
    assert [g.shape for g in cl.conv_backward(y, x, weight, padding=1)] == [
        x.shape,
        weight.shape,
        (4,),
    ]


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_batch(xp, mode):
    options = {"padding": 1, "padding_mode": mode}
    x, weight, bias = whole(0, 2, 5, 4), whole(3, 2, 2, 2), whole(3)
    y = xp.call(cl.conv, x, weight, bias, **options)
    assert y.shape == (0, 3, 6, 5)
    grad_x, grad_weight, grad_bias = xp.call(cl.conv_backward, y, x, weight, **options)
    assert grad_x.shape == x.shape
    assert grad_weight.shape == weight.shape
    assert not grad_weight.any()
    assert grad_bias.tolist() == [0, 0, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["im2col", "direct"])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nan_and_inf_reach_what_sees_them(xp, torch, value, method):
    x, weight = whole(1, 2, 6), np.array([[[1.0, 0, 2], [3, 1, -1]]])
    x[0, 0, 2] = value
    expected = torch.nn.functional.conv1d(*(torch.from_numpy(a) for a in (x, weight)))
    y = xp.call(cl.conv, x, weight, method=method)
    np.testing.assert_array_equal(y, expected.numpy())
    assert np.isfinite(y).tolist() == [[[False, False, False, True]]]


def test_results_are_new_memory():
    x, one = whole(1, 1, 4, 4), np.ones((1, 1, 1, 1))
    for y in (
        cl.conv(x, one),
        cl.conv(x, one, method="direct"),
        *cl.conv_backward(x, x, one),
    ):
        assert not np.shares_memory(y, x)
        assert not np.shares_memory(y, one)
        assert y.flags.writeable
    assert cl.conv(x, one).tolist() == x.tolist()


def test_the_bias_is_not_changed_by_autograd_or_native(torch):
    bias = torch.ones(1, requires_grad=True)
    x = torch.ones(1, 1, 3)
    for method in ("im2col", "direct", "native"):
        y = cl.conv(x, torch.ones(1, 1, 1), bias, method=method)
        (grad,) = torch.autograd.grad(y.sum(), bias)
        assert (y.tolist(), grad.tolist(), bias.tolist()) == ([[[2, 2, 2]]], [3], [1])


def test_threads_do_not_meet():
    """Twelve threads at once on different data: each gets its own answer."""
    weight = whole(4, 3, 3, 3)
    inputs = [whole(2, 3, 24, 24, seed=i) for i in range(12)]
    expected = [cl.conv(x, weight, budget=5000) for x in inputs]
    grads = [cl.conv_backward(y, x, weight) for x, y in zip(inputs, expected, strict=True)]
    with ThreadPoolExecutor(12) as pool:
        for _ in range(3):
            found = list(pool.map(lambda x: cl.conv(x, weight, budget=5000), inputs))
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
            back = pool.map(lambda x, y: cl.conv_backward(y, x, weight, budget=5000),
                            inputs, expected)  # fmt: skip
            for ours, theirs in zip(back, grads, strict=True):
                assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
