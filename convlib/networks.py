"""Six published networks as tables of layers: their parameters, multiply-adds and bytes.

What is counted, everywhere: the weights and biases of convolutions and dense layers, and two
parameters a channel (scale and shift) for each batch normalisation. Multiply-adds are those of
convolutions and dense layers, one each, not two operations. Activations, normalisation, additions
and shuffles multiply no weights; they are left out, and in inference normalisation folds into
the convolution before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ._checks import BadValue, check_choice, one_int, per_axis, public_exact
from ._types import IntOrInts, Ints, Network
from .costs import LayerCost, conv_cost
from .geometry import check_fits, make_window

FLOAT32 = 4  # bytes a value


@dataclass(frozen=True)
class Layer:
    """One layer of a network: what it does, from which shape to which, and what it costs."""

    name: str
    kind: str  # "conv", "pool" or "dense"
    input_shape: Ints  # (B, C, H, W)
    kernel_size: Ints
    stride: int
    padding: int
    groups: int
    bias: bool
    norm: bool  # batch normalisation follows
    cost: LayerCost

    @property
    def output_shape(self) -> Ints:
        """Shape (B, K, H, W) of what the layer gives; H and W are 1 for a dense layer."""
        return self.cost.output_shape

    @property
    def parameters(self) -> int:
        """Weights, biases, and scale and shift of the batch normalisation that follows."""
        return self.cost.parameters + 2 * self.norm * self.output_shape[1]

    @property
    def multiply_adds(self) -> int:
        """Of the convolution or dense layer; none for pooling."""
        return self.cost.multiply_adds

    @property
    def moved_bytes(self) -> int:
        """Bytes of input, weights and output, if each moves once."""
        return self.cost.moved_bytes

    @property
    def column_bytes(self) -> int:
        """Bytes of the columns of im2col, all laid out at once; none for pooling."""
        return self.cost.column_bytes


@dataclass(frozen=True)
class NetworkCost:
    """A network's layers in order, and their sums."""

    name: str
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Sum over the layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Sum over the layers."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def moved_bytes(self) -> int:
        """Sum over the layers."""
        return sum(layer.moved_bytes for layer in self.layers)

    @property
    def column_bytes(self) -> int:
        """The most of any layer: columns are laid out for one layer at a time."""
        return max(layer.column_bytes for layer in self.layers)

    @public_exact
    def only(self, kind: str) -> NetworkCost:
        """The same table with the layers of one kind alone: "conv", "pool" or "dense"."""
        kept = tuple(layer for layer in self.layers if layer.kind == kind)
        if not kept:
            kinds = sorted({layer.kind for layer in self.layers})
            raise BadValue(f"{self.name} has layers of the kinds {kinds}; got {kind!r}.")
        return NetworkCost(f"{self.name}, {kind}", kept)


class _Stack:
    """Layers put on one another: each starts from the `shape` that the one before has left."""

    def __init__(self, shape: Ints) -> None:
        self.shape = shape
        self.layers: list[Layer] = []

    def conv(
        self,
        name: str,
        kernels: int,
        side: int,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        norm: bool = True,
        at: Ints | None = None,
    ) -> None:
        """Square kernels, by default padded by half their side; a bias where no norm follows.

        `at` is the shape to start from, for a branch.
        """
        shape, bias = at or self.shape, not norm
        weight = (kernels, shape[1] // groups, side, side)
        if padding is None:
            padding = side // 2
        cost = conv_cost(
            shape,
            weight,
            bias=bias,
            stride=stride,
            padding=padding,
            groups=groups,
            itemsize=FLOAT32,
        )
        self._put(Layer(name, "conv", shape, weight[2:], stride, padding, groups, bias, norm, cost))

    def dense(self, name: str, kernels: int) -> None:
        """Every output sees every input: a convolution with kernels as large as the image."""
        weight = (kernels, *self.shape[1:])
        cost = conv_cost(self.shape, weight, itemsize=FLOAT32)
        self._put(Layer(name, "dense", self.shape, weight[2:], 1, 0, 1, True, False, cost))

    def pool(
        self, name: str, side: int, stride: int = 1, padding: int = 0, at: Ints | None = None
    ) -> None:
        """Maximum or average: no parameters and no multiply-adds, but bytes that move."""
        self._pool(name, (side, side), stride, padding, at or self.shape)

    def global_pool(self, name: str) -> None:
        """The average of all cells of a channel."""
        self._pool(name, self.shape[2:], 1, 0, self.shape)

    def _pool(self, name: str, kernel: Ints, stride: int, padding: int, shape: Ints) -> None:
        window = make_window(kernel, stride, padding, 1, rank=2)
        check_fits(window, shape[2:])
        out = (*shape[:2], *window.output_size(shape[2:]))
        read, written = (FLOAT32 * math.prod(each) for each in (shape, out))
        cost = LayerCost(out, 0, 0, read, 0, written, 0)
        self._put(Layer(name, "pool", shape, kernel, stride, padding, 1, False, False, cost))

    def _put(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.shape = layer.output_shape


def _alexnet(net: _Stack, groups: int) -> None:
    """Two groups in three layers: one for each of the paper's two GPUs, which met in conv3."""
    net.conv("conv1", 96, 11, 4, padding=0, norm=False)
    net.pool("pool1", 3, 2)
    net.conv("conv2", 256, 5, groups=groups, norm=False)
    net.pool("pool2", 3, 2)
    net.conv("conv3", 384, 3, norm=False)
    net.conv("conv4", 384, 3, groups=groups, norm=False)
    net.conv("conv5", 256, 3, groups=groups, norm=False)
    net.pool("pool5", 3, 2)
    _classifier(net)


def _classifier(net: _Stack) -> None:
    for name, kernels in (("fc6", 4096), ("fc7", 4096), ("fc8", 1000)):
        net.dense(name, kernels)


def _vgg16(net: _Stack) -> None:
    stages = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    for stage, (kernels, depth) in enumerate(stages, start=1):
        for i in range(1, depth + 1):
            net.conv(f"conv{stage}_{i}", kernels, 3, norm=False)
        net.pool(f"pool{stage}", 2, 2)
    _classifier(net)


def _resnet(net: _Stack, width: int, groups: int, first: int, second: int) -> None:
    """Bottlenecks; `first` and `second` are the strides of the 1x1 and the 3x3 that halve."""
    net.conv("conv1", 64, 7, 2)
    net.pool("pool1", 3, 2, padding=1)
    for stage, depth in enumerate((3, 4, 6, 3)):
        for i in range(depth):
            strides = (first, second) if stage and not i else (1, 1)
            _bottleneck(
                net, f"conv{stage + 2}_{i + 1}", width << stage, 256 << stage, groups, strides
            )
    net.global_pool("pool5")
    net.dense("fc", 1000)


def _bottleneck(net: _Stack, name: str, inner: int, outer: int, groups: int, strides: Ints) -> None:
    start = net.shape
    net.conv(f"{name}.reduce", inner, 1, strides[0])
    net.conv(f"{name}.3x3", inner, 3, strides[1], groups=groups)
    net.conv(f"{name}.expand", outer, 1)
    if net.shape != start:  # only equal shapes can be added
        net.conv(f"{name}.shortcut", outer, 1, math.prod(strides), at=start)


def _mobilenet(net: _Stack, separable: bool) -> None:
    """The paper's table prints stride 2 for the last depthwise layer, but keeps its size of 7."""
    net.conv("conv1", 32, 3, 2)
    widths = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    for i, kernels in enumerate(widths, start=2):
        channels, stride = net.shape[1], 2 if i in (3, 5, 7, 13) else 1
        if separable:
            net.conv(f"conv{i}.depthwise", channels, 3, stride, groups=channels)
            net.conv(f"conv{i}.pointwise", kernels, 1)
        else:
            net.conv(f"conv{i}", kernels, 3, stride)
    net.global_pool("pool")
    net.dense("fc", 1000)


def _shufflenet(net: _Stack, groups: int, width: int) -> None:
    net.conv("conv1", 24, 3, 2)
    net.pool("pool1", 3, 2, padding=1)
    for stage, depth in enumerate((4, 8, 4)):
        for i in range(depth):
            _shuffle_unit(net, f"stage{stage + 2}_{i + 1}", width << stage, groups, halve=not i)
    net.global_pool("pool")
    net.dense("fc", 1000)


def _shuffle_unit(net: _Stack, name: str, kernels: int, groups: int, halve: bool) -> None:
    """A bottleneck; its input is added to its output or, where the image is halved, put beside."""
    start, inner = net.shape, kernels // 4
    # The very first has 24 channels, too few for groups.
    net.conv(f"{name}.reduce", inner, 1, groups=1 if start[1] == 24 else groups)
    net.conv(f"{name}.depthwise", inner, 3, 2 if halve else 1, groups=inner)
    net.conv(f"{name}.expand", kernels - start[1] if halve else kernels, 1, groups=groups)
    if halve:
        net.pool(f"{name}.shortcut", 3, 2, padding=1, at=start)
        net.shape = (start[0], kernels, *net.shape[2:])


_TABLES: dict[str, Callable[[_Stack], None]] = {
    "alexnet": partial(_alexnet, groups=2),
    "alexnet-ungrouped": partial(_alexnet, groups=1),
    "vgg16": _vgg16,
    "resnet50": partial(_resnet, width=64, groups=1, first=1, second=2),
    "resnet50-v1": partial(_resnet, width=64, groups=1, first=2, second=1),
    "resnext50": partial(_resnet, width=128, groups=32, first=1, second=2),
    "mobilenet": partial(_mobilenet, separable=True),
    "mobilenet-full": partial(_mobilenet, separable=False),
    "shufflenet-g1": partial(_shufflenet, groups=1, width=144),
    "shufflenet-g2": partial(_shufflenet, groups=2, width=200),
    "shufflenet-g3": partial(_shufflenet, groups=3, width=240),
    "shufflenet-g4": partial(_shufflenet, groups=4, width=272),
    "shufflenet-g8": partial(_shufflenet, groups=8, width=384),
}

NETWORKS: tuple[str, ...] = (*_TABLES,)
"""Names of the networks that `network` knows."""


@public_exact
def network(name: Network, *, input_size: IntOrInts | None = None, batch: int = 1) -> NetworkCost:
    """List the layers of a published network, with what each and all of them cost.

    Counted are weights and biases of convolutions and dense layers, and two parameters a channel
    for batch normalisation. Multiply-adds are those of convolutions and dense layers.

    Parameters
    ----------
    name : str
        One of `NETWORKS`: "alexnet" in two groups as published, or "alexnet-ungrouped"; "vgg16";
        "resnet50" with the stride in the 3x3 as libraries have it (called v1.5), or "resnet50-v1"
        with the stride in the 1x1 before it, as published; "resnext50", the one of 32x4d;
        "mobilenet" (v1, 1.0), or "mobilenet-full" with one full 3x3 for each separable pair;
        "shufflenet-g1", -g2, -g3, -g4 or -g8 (v1, 1x), by its groups.
    input_size : int or one int per axis, optional
        Default 224; 227 for AlexNet, whose paper says 224 but whose 55x55 outputs need 227.
    batch : int
        Default 1.

    Returns
    -------
    NetworkCost
        Its `layers`, and their sums: `parameters`, `multiply_adds`, `moved_bytes`; `only` one kind.

    Raises
    ------
    TypeError, ValueError
        No such network, a size is no int or below 1, or the image is too small for the layers.

    Notes
    -----
    Published figures, in millions (M), where a paper's own rounding needs a word:

    - AlexNet (Krizhevsky et al., 2012): 60 M parameters; 60,965,224 here: cut off, not rounded.
    - VGG-16 (Simonyan and Zisserman, 2015, column D): 138 M parameters. Of its 15,470 M
      multiply-adds, the 15,300 that the MobileNet paper quotes are those of the convolutions.
    - ResNet-50 (He et al., 2016): 3.8 billion multiply-adds; "resnet50-v1" has 3.86. Its 25.5 M
      parameters in the ResNeXt paper leave normalisation out; with it they are 25,557,032.
    - ResNeXt-50 (Xie et al., 2017): 25.0 M parameters, 4.2 billion multiply-adds, as published.
    - MobileNet (Howard et al., 2017): 569 M multiply-adds count the dense layer (568.7; 567.7
      without). The 4,866 M with full convolutions leave it out (4,866.3; 4,867.3 with).
      Parameters: 4.2 and 29.3 M.
    - ShuffleNet (Zhang et al., 2018): 143, 140, 137, 133 and 137 M multiply-adds are those of the
      convolutions, rounded.

    Book: "Four networks".

    Examples
    --------
    >>> net = network("alexnet")
    >>> net.parameters, net.multiply_adds
    (60965224, 724406816)
    >>> [layer.name for layer in net.layers if layer.groups == 2]
    ['conv2', 'conv4', 'conv5']
    >>> round(network("shufflenet-g3").only("conv").multiply_adds / 1e6)
    137
    """
    check_choice("name", name, NETWORKS)
    usual = 227 if name.startswith("alexnet") else 224
    input_size = usual if input_size is None else input_size
    size = per_axis("input_size", input_size, 2, least=1)
    batch = one_int("batch", batch, least=1)
    net = _Stack((batch, 3, *size))
    try:
        _TABLES[name](net)
    except ValueError:  # the only thing left that can be wrong: a window that does not fit
        raise BadValue(
            f"the image is too small for {name}: after {len(net.layers)} layers it is "
            f"{net.shape[2:]}, less than the next window; got input_size={input_size!r}. "
            f"Use a larger one; the usual size is {usual}."
        ) from None
    return NetworkCost(name, tuple(net.layers))
