"""The tables of published networks: against the papers' figures, and against torch's modules."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest

import convlib as cl
from convlib.networks import NETWORKS, Layer, NetworkCost, network

# ---- by hand ----


def layer(name, which):
    """One layer of a network, by its name."""
    (found,) = [one for one in network(name).layers if one.name == which]
    return found


def test_the_names_are_public():
    assert NETWORKS is cl.NETWORKS
    assert {"alexnet", "vgg16", "resnet50", "mobilenet", "shufflenet-g3"} <= {*cl.NETWORKS}
    for name in cl.NETWORKS:
        assert network(name).name == name


def test_alexnets_second_layer_by_hand():
    conv2 = layer("alexnet", "conv2")
    assert (conv2.input_shape, conv2.output_shape) == ((1, 96, 27, 27), (1, 256, 27, 27))
    # 256 kernels of 48 channels, 5 by 5, and a bias each
    assert conv2.parameters == 256 * (48 * 5 * 5 + 1) == 307_456
    assert conv2.multiply_adds == 256 * 27 * 27 * 48 * 5 * 5 == 223_948_800
    moved = 96 * 27 * 27 + 307_456 + 256 * 27 * 27
    assert conv2.moved_bytes == 4 * moved
    assert conv2.column_bytes == 4 * 96 * 5 * 5 * 27 * 27
    assert layer("alexnet-ungrouped", "conv2").parameters == 256 * (96 * 5 * 5 + 1)


def test_a_dense_layer_is_a_convolution_as_large_as_the_image():
    fc6 = layer("alexnet", "fc6")
    assert (fc6.kind, fc6.kernel_size, fc6.output_shape) == ("dense", (6, 6), (1, 4096, 1, 1))
    assert fc6.parameters == 4096 * (256 * 6 * 6 + 1) == 37_752_832
    assert fc6.multiply_adds == 4096 * 256 * 6 * 6


def test_normalisation_has_two_parameters_a_channel_and_takes_the_bias():
    conv1 = layer("resnet50", "conv1")
    assert (conv1.bias, conv1.norm) == (False, True)
    assert conv1.parameters == 64 * 3 * 7 * 7 + 2 * 64
    assert conv1.cost.parameters == 64 * 3 * 7 * 7


def test_pooling_multiplies_nothing_but_moves_bytes():
    assert layer("shufflenet-g3", "pool1").kernel_size == (3, 3)
    pool1 = layer("vgg16", "pool1")
    assert (pool1.input_shape, pool1.output_shape) == ((1, 64, 224, 224), (1, 64, 112, 112))
    assert (pool1.parameters, pool1.multiply_adds, pool1.column_bytes) == (0, 0, 0)
    assert pool1.moved_bytes == 4 * 64 * (224 * 224 + 112 * 112)
    assert (pool1.bias, pool1.norm, pool1.groups) == (False, False, 1)


def test_a_mobilenet_pair_costs_one_over_k_plus_one_ninth():
    pair = layer("mobilenet", "conv2.depthwise"), layer("mobilenet", "conv2.pointwise")
    full = layer("mobilenet-full", "conv2")
    ratio = sum(one.multiply_adds for one in pair) / full.multiply_adds
    assert math.isclose(ratio, 1 / 64 + 1 / 9)


def test_shortcuts_of_shufflenet_are_put_beside():
    # 24 channels pooled, beside 240 - 24 that are computed
    assert layer("shufflenet-g3", "stage2_1.expand").output_shape == (1, 216, 28, 28)
    assert layer("shufflenet-g3", "stage2_1.shortcut").output_shape == (1, 24, 28, 28)
    assert layer("shufflenet-g3", "stage2_2.reduce").input_shape == (1, 240, 28, 28)
    # the first pointwise layer of all sees 24 channels, and has no groups
    assert layer("shufflenet-g3", "stage2_1.reduce").groups == 1
    assert layer("shufflenet-g3", "stage2_2.reduce").groups == 3


def test_the_names_are_those_of_the_papers():
    names = {name: [one.name for one in network(name).layers] for name in NETWORKS}
    assert names["alexnet"] == names["alexnet-ungrouped"]
    assert names["alexnet"] == (
        "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5 fc6 fc7 fc8".split()
    )
    assert names["vgg16"][:7] == "conv1_1 conv1_2 pool1 conv2_1 conv2_2 pool2 conv3_1".split()
    assert names["vgg16"][-5:] == "conv5_3 pool5 fc6 fc7 fc8".split()
    unit = ["conv2_1.reduce", "conv2_1.3x3", "conv2_1.expand", "conv2_1.shortcut", "conv2_2.reduce"]
    assert names["resnet50"][:7] == ["conv1", "pool1", *unit]
    assert names["resnet50"][-3:] == ["conv5_3.expand", "pool5", "fc"]
    assert names["mobilenet"][:3] == ["conv1", "conv2.depthwise", "conv2.pointwise"]
    assert names["mobilenet"][-3:] == ["conv14.pointwise", "pool", "fc"]
    assert names["mobilenet-full"][:2] == ["conv1", "conv2"]
    unit = [f"stage2_1.{part}" for part in ("reduce", "depthwise", "expand", "shortcut")]
    assert names["shufflenet-g3"][:6] == ["conv1", "pool1", *unit]
    assert names["shufflenet-g3"][-3:] == ["stage4_4.expand", "pool", "fc"]


# ---- published figures ----


TOTALS = {
    # name: parameters, of which normalisation; multiply-adds, of which dense
    "alexnet": (60_965_224, 0, 724_406_816, 58_621_952),
    "alexnet-ungrouped": (62_378_344, 0, 1_135_256_096, 58_621_952),
    "vgg16": (138_357_544, 0, 15_470_264_320, 123_633_664),
    "resnet50": (25_557_032, 53_120, 4_089_184_256, 2_048_000),
    "resnet50-v1": (25_557_032, 53_120, 3_857_973_248, 2_048_000),
    "resnext50": (25_028_904, 68_224, 4_230_479_872, 2_048_000),
    "mobilenet": (4_231_976, 21_888, 568_740_352, 1_024_000),
    "mobilenet-full": (29_294_088, 11_968, 4_867_293_184, 1_024_000),
    "shufflenet-g1": (1_531_936, 14_688, 143_078_976, 576_000),
    "shufflenet-g2": (1_733_848, 20_400, 140_836_512, 800_000),
    "shufflenet-g3": (1_865_728, 24_480, 137_460_672, 960_000),
    "shufflenet-g4": (1_968_344, 27_744, 134_339_776, 1_088_000),
    "shufflenet-g8": (2_434_768, 39_168, 138_365_952, 1_536_000),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_are_exact(name):
    net = network(name)
    norms = sum(one.parameters - one.cost.parameters for one in net.layers)
    dense = net.only("dense").multiply_adds
    assert (net.parameters, norms, net.multiply_adds, dense) == TOTALS[name]


PUBLISHED = [
    # network, what it is in the paper, the paper's figure, its unit
    ("vgg16", "parameters", 138, 1e6),
    ("vgg16", "multiply_adds", 15.5, 1e9),
    ("vgg16", "conv multiply_adds", 15.3, 1e9),  # MobileNet, table 8: 15300 million
    ("resnet50", "parameters without norm", 25.5, 1e6),  # ResNeXt, table 1
    ("resnet50", "parameters", 25.6, 1e6),
    ("resnet50", "multiply_adds", 4.1, 1e9),  # ResNeXt, table 1
    ("resnext50", "parameters", 25.0, 1e6),
    ("resnext50", "parameters without norm", 25.0, 1e6),
    ("resnext50", "multiply_adds", 4.2, 1e9),
    ("mobilenet", "parameters", 4.2, 1e6),
    ("mobilenet", "multiply_adds", 569, 1e6),
    ("mobilenet-full", "parameters", 29.3, 1e6),
    ("mobilenet-full", "conv multiply_adds", 4866, 1e6),
    ("shufflenet-g1", "conv multiply_adds", 143, 1e6),
    ("shufflenet-g2", "conv multiply_adds", 140, 1e6),
    ("shufflenet-g3", "conv multiply_adds", 137, 1e6),
    ("shufflenet-g4", "conv multiply_adds", 133, 1e6),
    ("shufflenet-g8", "conv multiply_adds", 137, 1e6),
]


@pytest.mark.parametrize(("name", "what", "figure", "unit"), PUBLISHED)
def test_published_figures_are_ours_rounded(name, what, figure, unit):
    net = network(name)
    found = {
        "parameters": net.parameters,
        "parameters without norm": sum(one.cost.parameters for one in net.layers),
        "multiply_adds": net.multiply_adds,
        "conv multiply_adds": net.only("conv").multiply_adds,
    }[what]
    assert round(found / unit, 0 if isinstance(figure, int) else 1) == figure


def test_published_figures_that_are_cut_off():
    """Two papers cut off where they might have rounded up: to 61 million, and to 3.9 billion."""
    assert network("alexnet").parameters // 10**6 == 60
    assert network("resnet50-v1").multiply_adds // 10**8 == 38


def test_the_stride_moves_multiply_adds_but_no_parameters():
    early, late = network("resnet50-v1"), network("resnet50")
    assert early.parameters == late.parameters
    assert early.multiply_adds < late.multiply_adds
    assert [one.output_shape for one in early.layers if ".reduce" not in one.name] == [
        one.output_shape for one in late.layers if ".reduce" not in one.name
    ]


# ---- oracle ----


def module(torch, one):
    """The layer as torch.nn builds it, without memory for its weights."""
    channels, kernels = one.input_shape[1], one.output_shape[1]
    if one.kind == "dense":
        inputs = math.prod(one.input_shape[1:])
        return torch.nn.Sequential(
            torch.nn.Flatten(),
            torch.nn.Linear(inputs, kernels, bias=one.bias, device="meta"),
            torch.nn.Unflatten(1, (kernels, 1, 1)),
        )
    options = {"kernel_size": one.kernel_size, "stride": one.stride, "padding": one.padding}
    if one.kind == "pool":
        return torch.nn.AvgPool2d(**options)
    conv = torch.nn.Conv2d(
        channels, kernels, **options, groups=one.groups, bias=one.bias, device="meta"
    )
    norm = [torch.nn.BatchNorm2d(kernels, device="meta")] if one.norm else []
    return torch.nn.Sequential(conv, *norm)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_layer_is_torchs(torch, name):
    for one in network(name, batch=2).layers:
        theirs = module(torch, one)
        assert sum(p.numel() for p in theirs.parameters()) == one.parameters, one.name
        y = theirs(torch.empty(one.input_shape, device="meta"))
        assert tuple(y.shape) == one.output_shape, one.name


@pytest.mark.parametrize("name", NETWORKS)
def test_sizes_are_those_of_output_size(name):
    for one in network(name).layers:
        size = cl.output_size(
            one.input_shape[2:], one.kernel_size, stride=one.stride, padding=one.padding
        )
        assert one.output_shape[2:] == size, one.name


def test_a_conv_of_these_shapes_runs():
    """One layer of each kind of convolution is run, so that the table speaks of real arrays."""
    for name, which in [("shufflenet-g8", "stage4_2.reduce"), ("mobilenet", "conv13.depthwise")]:
        one = layer(name, which)
        channels, kernels = one.input_shape[1], one.output_shape[1]
        weight = np.zeros((kernels, channels // one.groups, *one.kernel_size), np.float32)
        options = {"stride": one.stride, "padding": one.padding, "groups": one.groups}
        y = cl.conv(np.zeros(one.input_shape, np.float32), weight, **options)
        assert (y.shape, weight.size) == (one.output_shape, one.cost.parameters)
        assert one.cost.output_bytes == y.nbytes


# ---- laws ----


@pytest.mark.parametrize("name", [n for n in NETWORKS if not n.startswith("res")])
def test_each_layer_starts_where_the_one_before_ends(name):
    layers = network(name).layers
    assert layers[0].input_shape[:2] == (1, 3)
    for before, after in pairwise(layers):
        if ".shortcut" in before.name + after.name:
            continue  # a branch: looked at by hand above
        assert after.input_shape == before.output_shape, after.name


@pytest.mark.parametrize("name", ["resnet50", "resnet50-v1", "resnext50"])
def test_shortcuts_span_their_bottleneck(name):
    layers = {one.name: one for one in network(name).layers}
    shortcuts = [which for which in layers if which.endswith(".shortcut")]
    assert shortcuts == [f"conv{stage}_1.shortcut" for stage in (2, 3, 4, 5)]
    for which in shortcuts:
        block = which.removesuffix(".shortcut")
        assert layers[which].input_shape == layers[f"{block}.reduce"].input_shape
        assert layers[which].output_shape == layers[f"{block}.expand"].output_shape
    assert layers["conv5_3.expand"].output_shape == (1, 2048, 7, 7)
    assert len(network(name).only("conv").layers) == 1 + 3 * 16 + 4


@pytest.mark.parametrize("name", NETWORKS)
def test_sums_are_over_the_layers_and_kinds(name):
    net = network(name)
    kinds = [net.only(kind) for kind in ("conv", "pool", "dense")]
    assert sum(len(part.layers) for part in kinds) == len(net.layers)
    for count in ("parameters", "multiply_adds", "moved_bytes"):
        assert getattr(net, count) == sum(getattr(part, count) for part in kinds)
        assert getattr(net, count) == sum(getattr(one, count) for one in net.layers)
    assert net.column_bytes == max(one.column_bytes for one in net.layers)
    assert len({one.name for one in net.layers}) == len(net.layers)
    assert net.layers[-1].output_shape == (1, 1000, 1, 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_multiplies_the_work_but_not_the_weights(name):
    one, three = network(name), network(name, batch=3)
    assert three.parameters == one.parameters
    assert three.multiply_adds == 3 * one.multiply_adds
    assert three.column_bytes == 3 * one.column_bytes
    weights = sum(layer.cost.weight_bytes for layer in one.layers)
    assert three.moved_bytes - weights == 3 * (one.moved_bytes - weights)


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 8])
def test_groups_make_room_for_channels_at_the_same_cost(groups):
    plain, grouped = network("shufflenet-g1"), network(f"shufflenet-g{groups}")
    assert abs(grouped.multiply_adds / plain.multiply_adds - 1) < 0.07
    widths = [net.layers[-1].input_shape[1] for net in (plain, grouped)]
    assert widths == [576, {1: 576, 2: 800, 3: 960, 4: 1088, 8: 1536}[groups]]


def test_alexnets_groups_halve_three_layers():
    for one, full in zip(
        network("alexnet").layers, network("alexnet-ungrouped").layers, strict=True
    ):
        assert full.multiply_adds == one.groups * one.multiply_adds
        assert one.groups == (2 if one.name in ("conv2", "conv4", "conv5") else 1)


def test_other_image_sizes():
    small, wide = network("resnet50", input_size=112), network("resnet50", input_size=(224, 448))
    assert small.parameters == wide.parameters == network("resnet50").parameters
    assert wide.layers[-3].output_shape == (1, 2048, 7, 14)
    assert wide.only("conv").multiply_adds == 2 * network("resnet50").only("conv").multiply_adds
    # where the image is not pooled to one cell, the first dense layer grows with it
    grown = network("vgg16", input_size=256).parameters - network("vgg16").parameters
    assert grown == 4096 * 512 * (8 * 8 - 7 * 7)


# ---- contract ----


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (["lenet"], {}, ValueError, "network: name must be one of ('alexnet', 'alexnet-ungrouped'"),
        (["lenet"], {}, ValueError, "'shufflenet-g8'); got name='lenet'."),
        ([16], {}, ValueError, "got name=16."),
        (["vgg16"], {"input_size": 0}, ValueError, "network: input_size must be at least 1; got"),
        (["vgg16"], {"input_size": 2.5}, TypeError, "or 2 ints, one per axis; got input_size=2.5."),
        (["vgg16"], {"input_size": (1, 2, 3)}, ValueError, "got 3: input_size=(1, 2, 3)."),
        (["vgg16"], {"batch": 0}, ValueError, "network: batch must be at least 1; got batch=0."),
        (["vgg16"], {"batch": True}, TypeError, "network: batch must be an int; got batch=True."),
        (["vgg16"], {"input_size": 31}, ValueError,
         "network: the image is too small for vgg16: after 17 layers it is (1, 1), less than the"),
        (["alexnet"], {"input_size": 9}, ValueError,
         "after 0 layers it is (9, 9), less than the next window; got input_size=9. Use a larger"),
    ],
)  # fmt: skip
def test_network_refuses_with_the_numbers(arguments, options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        network(*arguments, **options)


def test_only_refuses_a_kind_that_is_not_there():
    words = "only: vgg16 has layers of the kinds ['conv', 'dense', 'pool']; got 'norm'."
    with pytest.raises(ValueError, match=re.escape(words)):
        network("vgg16").only("norm")


def test_a_table_cannot_be_changed():
    net = network("alexnet")
    assert isinstance(net, NetworkCost)
    assert all(isinstance(one, Layer) for one in net.layers)
    for thing, name in ((net, "layers"), (net.layers[0], "groups")):
        with pytest.raises(AttributeError):
            setattr(thing, name, ())
    assert net == network("alexnet", input_size=227, batch=1)
    assert net != network("alexnet", batch=2)
