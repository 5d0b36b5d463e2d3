"""Depthwise, pointwise, separable; the channel shuffle; which channel reaches which."""

import math
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import geometries, whole

import convlib as cl

# ---- by hand ----


def test_depthwise_by_hand(xp):
    x = [[[1, 2, 3], [4, 5, 6]]]  # two channels
    # each channel has its own kernel: sums for the first, differences for the second
    y = xp.call(cl.depthwise_conv, x, [[[1, 1]], [[-1, 1]]], [10, 20])
    assert y.tolist() == [[[10 + 1 + 2, 10 + 2 + 3], [20 - 4 + 5, 20 - 5 + 6]]]


def test_a_multiplier_gives_each_channel_several_kernels(xp):
    x = [[[1, 2], [3, 4]]]
    # kernels 0 and 1 see channel 0, kernels 2 and 3 see channel 1
    y = xp.call(cl.depthwise_conv, x, [[[1]], [[10]], [[100]], [[1000]]])
    assert y.tolist() == [[[1, 2], [10, 20], [300, 400], [3000, 4000]]]


def test_pointwise_by_hand(xp):
    x = [[[1, 2, 3], [4, 5, 6]]]
    y = xp.call(cl.pointwise_conv, x, [[[1], [1]], [[1], [-1]]], [100, 0])
    assert y.tolist() == [[[100 + 1 + 4, 100 + 2 + 5, 100 + 3 + 6], [1 - 4, 2 - 5, 3 - 6]]]


def test_separable_by_hand(xp):
    x = [[[1, 2, 3], [4, 5, 6]]]
    y = xp.call(cl.separable_conv, x, [[[1, 1]], [[1, 1]]], [[[1], [10]]], [7])
    assert y.tolist() == [[[7 + (1 + 2) + 10 * (4 + 5), 7 + (2 + 3) + 10 * (5 + 6)]]]


def test_the_shuffle_deals_as_cards(xp):
    x = np.arange(6).reshape(1, 6, 1)
    # 0 1 2 | 3 4 5 becomes 0 3 | 1 4 | 2 5
    assert xp.call(cl.channel_shuffle, x, groups=2).ravel().tolist() == [0, 3, 1, 4, 2, 5]
    assert xp.call(cl.channel_shuffle, x, groups=3).ravel().tolist() == [0, 2, 4, 1, 3, 5]
    assert xp.call(cl.channel_unshuffle, x, groups=2).ravel().tolist() == [0, 2, 4, 1, 3, 5]


def test_without_a_shuffle_groups_never_meet():
    apart = cl.channel_reach(4, [("conv", 4, 2), ("conv", 6, 2)])
    assert apart.astype(int).tolist() == 3 * [[1, 1, 0, 0]] + 3 * [[0, 0, 1, 1]]
    assert cl.channel_reach(4, [("conv", 4, 2), ("shuffle", 2), ("conv", 6, 2)]).all()


def test_reach_of_no_layers_and_of_a_shuffle():
    assert cl.channel_reach(3, []).astype(int).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    # output 1 is input 2, output 2 is input 1
    reach = cl.channel_reach(4, (("shuffle", 2),)).astype(int).tolist()
    assert reach == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]


# ---- oracle ----


def depthwise(g):
    """`g` with a group a channel: its `x` has `groups` channels, its `weight` `made` for each."""
    assume(g.seen == 1)
    return g.x, g.weight, g.bias


def torch_conv(torch, g, x, weight, bias, **options):
    """torch's kernel on a padded input."""
    sides = [p for pair in reversed(g.padding) for p in pair]
    kernel = getattr(torch.nn.functional, f"conv{g.rank}d")
    padded = torch.nn.functional.pad(torch.from_numpy(x), sides)
    return kernel(padded, torch.from_numpy(weight), torch.from_numpy(bias), **options).numpy()


@given(g=geometries(modes=("zeros",)))
def test_depthwise_is_torchs_with_a_group_a_channel(xp, torch, g):
    x, weight, bias = depthwise(g)
    options = {"stride": g.stride, "dilation": g.dilation, "groups": g.groups}
    expected = torch_conv(torch, g, x, weight, bias, **options)
    y = xp.call(cl.depthwise_conv, x, weight, bias, **g.window)
    np.testing.assert_array_equal(y, expected)


@given(g=geometries(modes=("zeros",)), kernels=st.integers(1, 3))
def test_pointwise_is_a_matrix_product_at_every_cell(xp, g, kernels):
    channels = g.groups * g.seen
    mix, bias = whole(kernels, channels, seed=5), whole(kernels, seed=6)
    y = xp.call(cl.pointwise_conv, g.x, mix.reshape(kernels, channels, *(1,) * g.rank), bias)
    assert y.shape == (g.batch, kernels, *g.size)
    expected = np.moveaxis(g.x, 1, -1) @ mix.T + bias
    np.testing.assert_array_equal(np.moveaxis(y, 1, -1), expected)


@given(g=geometries(modes=("zeros",)), kernels=st.integers(1, 3))
def test_separable_is_torchs_two_layers(xp, torch, g, kernels):
    x, weight, _ = depthwise(g)
    middle = g.groups * g.made
    mix = whole(kernels, middle, *(1,) * g.rank, seed=5)
    bias = whole(kernels, seed=6)
    options = {"stride": g.stride, "dilation": g.dilation, "groups": g.groups}
    first = torch_conv(torch, g, x, weight, np.zeros(middle), **options)
    kernel = getattr(torch.nn.functional, f"conv{g.rank}d")
    expected = kernel(*(torch.from_numpy(a) for a in (first, mix, bias))).numpy()
    y = xp.call(cl.separable_conv, x, weight, mix, bias, **g.window)
    np.testing.assert_array_equal(y, expected)


shuffles = st.tuples(st.integers(1, 4), st.integers(1, 4))  # groups, channels of a group


@given(sizes=shuffles, batch=st.integers(0, 2), rank=st.integers(1, 3))
def test_the_shuffle_is_torchs(xp, torch, sizes, batch, rank):
    groups, each = sizes
    x = whole(batch, groups * each, *(2, 3, 1)[:rank])
    y = xp.call(cl.channel_shuffle, x, groups=groups)
    module = torch.nn.ChannelShuffle(groups)  # refuses an empty batch: then there is no value
    expected = module(torch.from_numpy(x)).numpy() if batch else x
    np.testing.assert_array_equal(y, expected)


# ---- laws ----


@given(g=geometries(modes=("zeros",), groups=(1, 2, 3)), kernels=st.integers(1, 3))
def test_separable_is_one_full_convolution(g, kernels):
    """With the outer product of its two halves for a kernel: it is a full one of low rank."""
    x, weight, _ = depthwise(g)
    mix = whole(kernels, g.groups, g.made, seed=5)
    taps = weight.reshape(g.groups, g.made, *g.kernel)
    full = np.stack([
        np.stack([np.tensordot(mix[k, c], taps[c], axes=1) for c in range(g.groups)])
        for k in range(kernels)
    ])  # (K, C, *kernel)  # fmt: skip
    point = mix.reshape(kernels, g.groups * g.made, *(1,) * g.rank)
    y = cl.separable_conv(x, weight, point, **g.window)
    np.testing.assert_array_equal(y, cl.conv(x, full, **g.window))


@given(g=geometries(modes=("zeros",), batches=(1, 2)))
def test_depthwise_mixes_no_channels(g):
    x, weight, _ = depthwise(g)
    y = cl.depthwise_conv(x, weight, **g.window)
    for c in range(g.groups):
        alone = cl.conv(x[:, [c]], weight[c * g.made : (c + 1) * g.made], **g.window)
        np.testing.assert_array_equal(y[:, c * g.made : (c + 1) * g.made], alone)


@given(sizes=shuffles)
def test_the_shuffle_is_a_permutation_that_unshuffle_undoes(xp, sizes):
    groups, each = sizes
    x = whole(2, groups * each, 3)
    order = np.arange(groups * each).reshape(1, -1, 1)
    places = cl.channel_shuffle(order, groups).ravel()
    for g in range(groups):
        for i in range(each):
            assert places[i * groups + g] == g * each + i
    np.testing.assert_array_equal(cl.channel_shuffle(x, groups), x[:, places])
    there = xp.call(cl.channel_shuffle, x, groups=groups)
    np.testing.assert_array_equal(xp.call(cl.channel_unshuffle, there, groups=groups), x)
    np.testing.assert_array_equal(cl.channel_shuffle(there, each), x)  # the other factor undoes it
    other = whole(2, groups * each, 3, seed=1)
    back = cl.channel_unshuffle(other, groups)
    assert (there * other).sum() == (x * back).sum()  # the inverse is the adjoint


LAYERS = st.lists(
    st.one_of(
        st.tuples(st.just("conv"), st.sampled_from([4, 6, 8, 12]), st.sampled_from([1, 2, 3, 4])),
        st.tuples(st.just("shuffle"), st.sampled_from([1, 2, 3, 4])),
    ),
    max_size=4,
)


def runnable(channels, layers):
    """The layers whose groups divide their channels, and no more."""
    kept = []
    for layer in layers:
        outputs = layer[1] if layer[0] == "conv" else channels
        if channels % layer[-1] == 0 and outputs % layer[-1] == 0:
            kept.append(layer)
            channels = outputs
    return kept


@given(channels=st.sampled_from([2, 4, 6, 12]), layers=LAYERS)
def test_reach_is_what_a_real_stack_lets_through(channels, layers):
    """Nudge each input channel, and see which outputs of a stack with real weights move.

    Weights are positive, so that no two paths cancel, and whole, so that sums are exact.
    """
    layers, rng = runnable(channels, layers), np.random.default_rng(0)
    y = np.concatenate([np.zeros((1, channels)), np.eye(channels)])[..., None]
    for layer in layers:
        if layer[0] == "shuffle":
            y = cl.channel_shuffle(y, layer[1])
        else:
            weight = rng.integers(1, 4, (layer[1], y.shape[1] // layer[2], 1)).astype(float)
            y = cl.conv(y, weight, whole(layer[1]), groups=layer[2])
    moved = (y[1:, :, 0] != y[:1, :, 0]).T  # (K, C)
    reach = cl.channel_reach(channels, layers)
    assert reach.dtype == bool
    np.testing.assert_array_equal(reach, moved)


@given(channels=st.sampled_from([4, 6, 12]), layers=LAYERS)
def test_reach_counts_paths(channels, layers):
    """A pure-Python twin: follow every channel of every layer, one by one."""
    layers = runnable(channels, layers)
    seen, width = [{c} for c in range(channels)], channels
    for layer in layers:
        groups = layer[-1]
        outputs = layer[1] if layer[0] == "conv" else width
        if layer[0] == "shuffle":
            seen = [seen[k % groups * (width // groups) + k // groups] for k in range(width)]
        else:
            each, own = width // groups, outputs // groups
            spans = [range(k // own * each, (k // own + 1) * each) for k in range(outputs)]
            seen = [set().union(*(seen[c] for c in span)) for span in spans]
        width = outputs
    expected = [[c in reached for c in range(channels)] for reached in seen]
    assert cl.channel_reach(channels, layers).tolist() == expected


def test_reach_costs_what_its_answer_costs():
    """A product of matrices of thousands of channels would take minutes."""
    layers = [("conv", 4096, 2), ("shuffle", 2), ("conv", 4096, 4096), ("conv", 2048, 1)]
    assert cl.channel_reach(4096, layers[:1]).sum() == 2 * 2048 * 2048
    assert cl.channel_reach(4096, layers).all()


@pytest.mark.parametrize("groups", [2, 3, 4])
def test_one_shuffle_is_enough_where_a_group_has_a_channel_for_each(groups):
    """Full mixing needs as many channels a group as there are groups."""
    for each in range(1, 2 * groups + 1):
        channels = groups * each
        conv, shuffle = ("conv", channels, groups), ("shuffle", groups)
        share = cl.channel_reach(channels, [conv, shuffle, conv]).mean()
        assert (share == 1) == (each >= groups)
        assert math.isclose(cl.channel_reach(channels, [conv, conv]).mean(), 1 / groups)


def test_autograd_of_the_shuffle_is_the_unshuffle(torch):
    x = torch.from_numpy(whole(2, 6, 3)).requires_grad_()
    seed = torch.from_numpy(whole(2, 6, 3, seed=1)).requires_grad_()
    (grad,) = torch.autograd.grad(cl.channel_shuffle(x, 2), x, seed)
    assert torch.equal(grad, cl.channel_unshuffle(seed, 2))
    (grad,) = torch.autograd.grad(cl.channel_unshuffle(seed, 2), seed, x)
    assert torch.equal(grad, cl.channel_shuffle(x, 2))


def test_gradients_of_separable_are_slopes(torch):
    shapes = [(1, 2, 4, 3), (4, 1, 2, 2), (3, 4, 1, 1), (3,)]
    arrays = [torch.from_numpy(whole(*s) / 9).requires_grad_() for s in shapes]

    def layer(*a):
        return cl.separable_conv(*a, stride=(2, 1), padding=((1, 0), (0, 1)))

    assert torch.autograd.gradcheck(layer, arrays)


# ---- contract ----


def refuses(function, error, words, *arguments, **options):
    with pytest.raises(error, match=re.escape(words)):
        function(*arguments, **options)


@pytest.mark.parametrize(
    ("x", "weight", "words"),
    [
        ((1, 2, 5), (2, 2, 3),
         "NAME must be (C*m, 1, *kernel), one channel deep; got x.shape=(1, 2, 5), "
         "NAME.shape=(2, 2, 3). For kernels that see several channels, use conv."),
        ((1, 2, 5), (2, 1),
         "NAME must be (C*m, 1, *kernel), with one kernel axis at least and no axis empty; got "
         "NAME.shape=(2, 1). Kernels of one cell are NAME[..., None]."),
        ((1, 2, 5), (3, 1, 3),
         "NAME must have as many kernels for each of the 2 channels of x, but 3 = 1 * 2 + 1; got "
         "x.shape=(1, 2, 5), NAME.shape=(3, 1, 3)."),
        ((1, 0, 5), (2, 1, 3), "x must have one channel at least; got x.shape=(1, 0, 5), NAME.sha"),
        ((2, 2, 5, 5), (2, 1, 3),
         "x must be (B, C, *spatial), batched, with 2 + 1 = 3 axes for kernels of 1 axis; got "
         "x.shape=(2, 2, 5, 5). Give the kernels as many: NAME[:, :, None]."),
        ((2, 5), (2, 1, 3),
         "x must be (B, C, *spatial), batched, with 2 + 1 = 3 axes for kernels of 1 axis; got "
         "x.shape=(2, 5). Add the batch axis: x[None]."),
    ],
)  # fmt: skip
def test_depthwise_refuses_with_the_numbers(xp, x, weight, words):
    x, weight = xp.asarray(whole(*x)), xp.asarray(whole(*weight))
    said = f"depthwise_conv: {words.replace('NAME', 'weight')}"
    refuses(cl.depthwise_conv, ValueError, said, x, weight)
    point = xp.asarray(whole(1, 1, 1))
    said = f"separable_conv: {words.replace('NAME', 'depthwise')}"
    refuses(cl.separable_conv, ValueError, said, x, weight, point)


def test_no_kernels_are_refused():
    """Zero is a multiple of every number of channels, but no convolution."""
    x = whole(1, 2, 5)
    refuses(cl.depthwise_conv, ValueError, "weight.shape=(0, 1, 3)", x, np.ones((0, 1, 3)))
    words = "depthwise_conv: weight must be a numpy.ndarray or a torch.Tensor; got list"
    refuses(cl.depthwise_conv, TypeError, words, x, [[[1.0]]])
    refuses(cl.pointwise_conv, ValueError, "weight.shape=(0, 2, 1)", x, np.ones((0, 2, 1)))


@pytest.mark.parametrize(
    ("x", "weight", "words"),
    [
        ((1, 2, 5), (3, 2, 2),
         "weight must be (K, C, 1, ...), kernels of one cell; got weight.shape=(3, 2, 2). For "
         "larger kernels, use conv."),
        ((1, 2, 5), (3, 2), "got weight.shape=(3, 2). Kernels of one cell are weight[..., None]."),
        ((1, 2, 5), (3, 4, 1),
         "x has 2 channels, but weight reads 4, its second axis; got x.shape=(1, 2, 5), "
         "weight.shape=(3, 4, 1)."),
        ((2, 5), (3, 2, 1), "got x.shape=(2, 5). Add the batch axis: x[None]."),
    ],
)  # fmt: skip
def test_pointwise_refuses_with_the_numbers(xp, x, weight, words):
    refuses(cl.pointwise_conv, ValueError, words, xp.asarray(whole(*x)), xp.asarray(whole(*weight)))


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ((3, 2, 2),
         "pointwise must be (K, C, 1, ...), kernels of one cell; got pointwise.shape=(3, 2, 2). "
         "For larger kernels, use conv."),
        ((0, 2, 1), "with one kernel axis at least and no axis empty; got pointwise.shape=(0, 2,"),
        ((3, 4, 1),
         "depthwise gives 2 channels, but pointwise reads 4, its second axis; got "
         "depthwise.shape=(2, 1, 3), pointwise.shape=(3, 4, 1)."),
        ((3, 2, 1, 1),
         "depthwise and pointwise must have as many kernel axes as each other; got depthwise.shape="
         "(2, 1, 3), pointwise.shape=(3, 2, 1, 1). Use pointwise.reshape(3, 2, 1)."),
    ],
)  # fmt: skip
def test_separable_refuses_in_its_own_words(xp, monkeypatch, point, words):
    """And before the first half is computed."""
    x, depth, point = (xp.asarray(whole(*shape)) for shape in ((1, 2, 5), (2, 1, 3), point))
    monkeypatch.setattr("convlib.groups.convolve", None)
    refuses(cl.separable_conv, ValueError, words, x, depth, point)
    good = xp.asarray(whole(3, 2, 1))
    words = "separable_conv: bias must have one value for each of the 3 kernels, shape (3,); got"
    refuses(cl.separable_conv, ValueError, words, x, depth, good, good[0, :, 0])
    words = "separable_conv: stride must be an int; got stride=1.5."
    refuses(cl.separable_conv, TypeError, words, x, depth, good, stride=1.5)


@pytest.mark.parametrize("name", ["channel_shuffle", "channel_unshuffle"])
def test_the_shuffle_refuses_with_the_numbers(xp, name):
    function, x = getattr(cl, name), xp.asarray(whole(1, 6, 2))
    words = f"{name}: groups must divide the 6 channels, but 6 = 1 * 4 + 2; got x.shape=(1, 6, 2)."
    refuses(function, ValueError, words, x, 4)
    refuses(function, ValueError, f"{name}: groups must be at least 1; got groups=0.", x, 0)
    refuses(function, TypeError, f"{name}: groups must be an int; got groups=2.0.", x, 2.0)
    refuses(function, TypeError, f"{name}: groups must be an int; got groups=True.", x, True)
    for shape, repair in (((6, 2), "the batch axis: x[None]"), ((6,), "2 axes in front: x[None, ")):
        words = (
            f"{name}: x must be (B, C, *spatial), batched, with 3 axes at least; got "
            f"x.shape={shape}. Add {repair}"
        )
        refuses(function, ValueError, words, xp.asarray(np.ones(shape)), 1)
    refuses(function, TypeError, f"{name}: x must be a numpy.ndarray or a torch.Tensor", [[[1]]], 1)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, []), ValueError, "channels must be at least 1; got channels=0."),
        ((2.0, []), TypeError, "channels must be an int; got channels=2.0."),
        ((4, "conv"), TypeError, "layers must be a list of tuples, one a layer; got 'conv'."),
        ((4, [("conv", 4)]), ValueError, 'or ("shuffle", groups); got (\'conv\', 4).'),
        ((4, [("pool", 2)]), ValueError, 'a layer is ("conv", kernels, groups) or'),
        ((4, [("conv", 0, 1)]), ValueError, "kernels must be at least 1; got kernels=0."),
        ((4, [("conv", 4, 0)]), ValueError, "groups must be at least 1; got groups=0."),
        ((4, [("shuffle", 1.5)]), TypeError, "groups must be an int; got groups=1.5."),
        ((4, [("conv", 4, 3)]), ValueError,
         "groups must divide the channels of the layer, 4 in and 4 out; got ('conv', 4, 3)."),
        ((4, [("conv", 6, 4)]), ValueError, "4 in and 6 out; got ('conv', 6, 4)."),
        ((4, [("conv", 6, 2), ("shuffle", 4)]), ValueError, "6 in and 6 out; got ('shuffle', 4)."),
    ],
)  # fmt: skip
def test_reach_refuses_with_the_numbers(arguments, error, words):
    with pytest.raises(error, match=f"^channel_reach: .*{re.escape(words)}"):
        cl.channel_reach(*arguments)


@pytest.mark.parametrize("name", ["float16", "float32", "int8", "uint8", "int64", "complex64"])
def test_dtypes_stay(xp, name):
    x, one = abs(whole(1, 4, 3)), np.ones((4, 1, 1))
    np.testing.assert_array_equal(
        xp.call(cl.channel_shuffle, x, groups=2, dtype=name), x[:, [0, 2, 1, 3]]
    )
    np.testing.assert_array_equal(xp.call(cl.channel_unshuffle, x, groups=4, dtype=name), x)
    np.testing.assert_array_equal(xp.call(cl.depthwise_conv, x, one, dtype=name), x)
    point = np.eye(4)[..., None]
    np.testing.assert_array_equal(xp.call(cl.pointwise_conv, x, point, dtype=name), x)
    np.testing.assert_array_equal(xp.call(cl.separable_conv, x, one, point, dtype=name), x)


def test_bfloat16_and_bool(torch):
    x = torch.arange(6).reshape(1, 6, 1)
    assert cl.channel_shuffle(x.bfloat16(), 2).dtype == torch.bfloat16
    refuses(cl.channel_shuffle, TypeError, "x must hold numbers; got dtype torch.bool", x > 2, 2)
    refuses(cl.channel_shuffle, TypeError, "got dtype bool.", x.numpy() > 2, 2)


def test_an_empty_batch(xp):
    x = whole(0, 4, 3)
    assert xp.call(cl.channel_shuffle, x, groups=2).shape == x.shape
    assert xp.call(cl.channel_unshuffle, x, groups=2).shape == x.shape
    assert xp.call(cl.depthwise_conv, x, whole(8, 1, 2)).shape == (0, 8, 2)
    assert xp.call(cl.pointwise_conv, x, whole(5, 4, 1)).shape == (0, 5, 3)
    assert xp.call(cl.separable_conv, x, whole(8, 1, 2), whole(5, 8, 1)).shape == (0, 5, 2)


@pytest.mark.parametrize("shape", [(1, 4, 0), (2, 4, 3, 0), (1, 0, 3), (0, 0, 0, 2)])
def test_empty_images_and_no_channels(xp, torch, shape):
    theirs = torch.nn.functional.channel_shuffle(torch.zeros(shape), 2)
    for function in (cl.channel_shuffle, cl.channel_unshuffle):
        assert xp.call(function, np.zeros(shape), groups=2).shape == shape == tuple(theirs.shape)


def test_any_layout_in_memory():
    x, weight = whole(2, 4, 5, 3), whole(4, 1, 2, 2)
    for view in (x[::-1, ::-1], np.asfortranarray(x), x.transpose(0, 1, 3, 2), x[:, :, ::2]):
        plain = np.ascontiguousarray(view)
        np.testing.assert_array_equal(cl.channel_shuffle(view, 2), cl.channel_shuffle(plain, 2))
        np.testing.assert_array_equal(
            cl.depthwise_conv(view, weight), cl.depthwise_conv(plain, weight)
        )


def test_pointwise_conv_speaks_in_its_own_name_of_what_is_no_array():
    with pytest.raises(TypeError, match=r"^pointwise_conv: weight must be a numpy"):
        cl.pointwise_conv(np.ones((1, 1, 3)), [[[1.0]]])
