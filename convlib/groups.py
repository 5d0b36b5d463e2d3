"""Group convolution's relatives: depthwise, pointwise, separable; the shuffle; who reaches whom."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._arrays import Array, cast, new
from ._checks import (
    BadType,
    BadValue,
    check_arrays,
    check_batched,
    check_host_memory,
    check_memory,
    one_int,
    public_exact,
    public_layer,
)
from ._layer import Options, add_bias, check_bias, check_layer, check_rank, check_weight
from ._types import ChannelLayers, IntOrInts, Padding
from .methods import convolve


@public_layer
def depthwise_conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> Array:
    r"""Convolve each channel with kernels of its own: as many groups as channels.

    .. math:: y_{b,cm+q,u,v} = \beta_{cm+q} +
              \sum_{i,j} w_{cm+q,0,i,j}\; x_{b,\,c,\;us+id-p,\;vs+jd-p}

    with :math:`q < m`, the multiplier: how many kernels a channel has.

    Parameters
    ----------
    x : array (B, C, *spatial)
        With the batch axis: an image alone is ``x[None]``.
    weight : array (C*m, 1, *kernel)
    bias : array (C*m,), optional
    stride, padding, dilation
        As for `conv`.

    Returns
    -------
    array (B, C*m, *out)

    Raises
    ------
    TypeError, ValueError
        As `conv` does.

    Notes
    -----
    ``B*C*m*prod(out)*prod(kernel)`` multiply-adds: C times fewer than a full convolution of as
    many outputs. It mixes no channels.  Book: "Depthwise and separable".

    Examples
    --------
    >>> x = np.array([[[1., 2., 3.], [4., 5., 6.]]])                    # two channels
    >>> depthwise_conv(x, np.array([[[1., 1.]], [[-1., 1.]]]))          # sums, differences
    array([[[3., 5.],
            [1., 1.]]])
    """
    check_arrays(x=x, weight=weight)
    groups = _check_depthwise(x, weight, "weight")
    options = Options(stride, padding, dilation, groups)
    layer = check_layer(x, weight, options)
    check_bias(x, bias, weight.shape[0])
    return add_bias(convolve(x, weight, layer), bias, x)


def _check_depthwise(x: Array, weight: Array, name: str) -> int:
    """Raise unless each channel of `x` has its kernels in `weight`; give the number of channels."""
    check_weight(weight, "(C*m, 1, *kernel)", name)
    got = f"got x.shape={tuple(x.shape)}, {name}.shape={tuple(weight.shape)}."
    if weight.shape[1] != 1:
        raise BadValue(
            f"{name} must be (C*m, 1, *kernel), one channel deep; {got} "
            f"For kernels that see several channels, use conv."
        )
    check_rank(x, weight, name)
    kernels, channels = weight.shape[0], x.shape[1]
    if channels < 1:
        raise BadValue(f"x must have one channel at least; {got}")
    if kernels % channels:
        raise BadValue(
            f"{name} must have as many kernels for each of the {channels} channels of x, "
            f"but {kernels} = {kernels // channels} * {channels} + {kernels % channels}; {got}"
        )
    return int(channels)


@public_layer
def pointwise_conv(x: Array, weight: Array, bias: Array | None = None) -> Array:
    r"""Mix the channels of each cell: a convolution with kernels of one cell.

    .. math:: y_{b,k,u,v} = \beta_k + \sum_{c} w_{k,c}\; x_{b,c,u,v}

    Parameters
    ----------
    x : array (B, C, *spatial)
        With the batch axis: an image alone is ``x[None]``.
    weight : array (K, C, 1, ...)
        As many kernel axes as `x` has spatial ones, each of size 1.
    bias : array (K,), optional

    Returns
    -------
    array (B, K, *spatial)

    Raises
    ------
    TypeError, ValueError
        As `conv` does, and where a kernel is larger than one cell.

    Notes
    -----
    ``B*K*prod(spatial)*C`` multiply-adds. A large image is its own columns; small ones are laid
    side by side first.  Book: "Depthwise and separable".

    Examples
    --------
    >>> x = np.array([[[1., 2., 3.], [4., 5., 6.]]])
    >>> pointwise_conv(x, np.array([[[1.], [1.]], [[1.], [-1.]]]))      # sum and difference
    array([[[ 5.,  7.,  9.],
            [-3., -3., -3.]]])
    """
    check_arrays(x=x, weight=weight)
    _check_pointwise(weight, "weight")
    check_rank(x, weight)
    if x.shape[1] != weight.shape[1]:
        raise BadValue(
            f"x has {x.shape[1]} channels, but weight reads {weight.shape[1]}, its second "
            f"axis; got x.shape={tuple(x.shape)}, weight.shape={tuple(weight.shape)}."
        )
    layer = check_layer(x, weight, Options())
    check_bias(x, bias, weight.shape[0])
    return add_bias(convolve(x, weight, layer), bias, x)


def _check_pointwise(weight: Array, name: str) -> None:
    """Raise unless all kernels have one cell."""
    check_weight(weight, "(K, C, 1, ...)", name)
    if math.prod(weight.shape[2:]) != 1:
        raise BadValue(
            f"{name} must be (K, C, 1, ...), kernels of one cell; "
            f"got {name}.shape={tuple(weight.shape)}. For larger kernels, use conv."
        )


@public_layer
def separable_conv(
    x: Array,
    depthwise: Array,
    pointwise: Array,
    bias: Array | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> Array:
    r"""Depthwise separable convolution: first each channel alone, then all channels of a cell.

    .. math:: y_{b,k,u,v} = \beta_k + \sum_{q} w'_{k,q}
              \sum_{i,j} w_{q,0,i,j}\; x_{b,\,\lfloor q/m \rfloor,\;us+id-p,\;vs+jd-p}

    Parameters
    ----------
    x : array (B, C, *spatial)
        With the batch axis: an image alone is ``x[None]``.
    depthwise : array (C*m, 1, *kernel)
    pointwise : array (K, C*m, 1, ...)
    bias : array (K,), optional
    stride, padding, dilation
        Of the depthwise half; as for `conv`.

    Returns
    -------
    array (B, K, *out)

    Raises
    ------
    TypeError, ValueError
        As `depthwise_conv` and `pointwise_conv` do, in this function's name.

    Notes
    -----
    For ``m = 1``, ``1/K + 1/prod(kernel)`` times the multiply-adds of a full convolution. Source:
    Howard et al., "MobileNets" (2017). Not to be confused with *spatially* separable kernels,
    ``N x 1`` then ``1 x N``.  Book: "Depthwise and separable".

    Examples
    --------
    >>> x = np.array([[[1., 2., 3.], [4., 5., 6.]]])
    >>> depthwise, pointwise = np.ones((2, 1, 2)), np.ones((1, 2, 1))
    >>> separable_conv(x, depthwise, pointwise)                         # 3 + 9, 5 + 11
    array([[[12., 16.]]])
    """
    check_arrays(x=x, depthwise=depthwise, pointwise=pointwise)
    groups = _check_depthwise(x, depthwise, "depthwise")
    _check_halves(depthwise, pointwise)
    check_bias(x, bias, pointwise.shape[0])
    options = Options(stride, padding, dilation, groups)
    layer = check_layer(x, depthwise, options, name="depthwise")
    check_memory(x, the_output=(layer.y_shape[0], pointwise.shape[0], *layer.out))
    between = cast(convolve(x, depthwise, layer), x.dtype)
    layer = check_layer(between, pointwise, Options())
    return add_bias(convolve(between, pointwise, layer), bias, x)


def _check_halves(depthwise: Array, pointwise: Array) -> None:
    """Raise unless `pointwise` mixes what `depthwise` gives."""
    _check_pointwise(pointwise, "pointwise")
    got = f"depthwise.shape={tuple(depthwise.shape)}, pointwise.shape={tuple(pointwise.shape)}"
    if pointwise.shape[1] != depthwise.shape[0]:
        raise BadValue(
            f"depthwise gives {depthwise.shape[0]} channels, but pointwise reads "
            f"{pointwise.shape[1]}, its second axis; got {got}."
        )
    if pointwise.ndim != depthwise.ndim:
        shape = (*pointwise.shape[:2], *(1,) * (depthwise.ndim - 2))
        raise BadValue(
            f"depthwise and pointwise must have as many kernel axes as each other; got "
            f"{got}. Use pointwise.reshape{shape}."
        )


@public_exact
def channel_shuffle(x: Array, groups: int) -> Array:
    """Deal the channels out, as cards: the first of each group, then the second of each, ...

    Channel ``g*n + i`` moves to ``i*groups + g``, where ``n = C // groups``.

    Parameters
    ----------
    x : array (B, C, *spatial)
        Three axes are a batch of signals. With the batch axis: an image alone is ``x[None]``.
    groups : int
        Divides C.

    Returns
    -------
    array (B, C, *spatial)
        New memory.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched, or `groups` does not divide its channels.

    Notes
    -----
    One copy. Its inverse is `channel_unshuffle`, a shuffle with ``C // groups``. Equals
    ``torch.nn.functional.channel_shuffle``. Source: Zhang et al., "ShuffleNet" (2018).
    Book: "Channel shuffle".

    Examples
    --------
    >>> channel_shuffle(np.arange(6).reshape(1, 6, 1), 2).ravel()
    array([0, 3, 1, 4, 2, 5])
    """
    groups = _check_shuffle(x, groups)
    return _deal(x, groups, x.shape[1] // groups)


@public_exact
def channel_unshuffle(x: Array, groups: int) -> Array:
    """Undo `channel_shuffle` with the same `groups`; also its backward pass.

    Parameters
    ----------
    x : array (B, C, *spatial)
        Three axes are a batch of signals. With the batch axis: an image alone is ``x[None]``.
    groups : int
        Divides C.

    Returns
    -------
    array (B, C, *spatial)
        New memory.

    Raises
    ------
    TypeError, ValueError
        `x` is unbatched, or `groups` does not divide its channels.

    Notes
    -----
    A permutation's inverse is its transpose, so this is the gradient of the shuffle as well.
    Book: "Channel shuffle".

    Examples
    --------
    >>> channel_unshuffle(channel_shuffle(np.arange(6).reshape(1, 6, 1), 2), 2).ravel()
    array([0, 1, 2, 3, 4, 5])
    """
    groups = _check_shuffle(x, groups)
    return _deal(x, x.shape[1] // groups, groups)


def _check_shuffle(x: Array, groups: int) -> int:
    check_arrays(x=x)
    check_batched(x)
    groups = one_int("groups", groups, least=1)
    channels = x.shape[1]
    if channels % groups:
        raise BadValue(
            f"groups must divide the {channels} channels, but {channels} = "
            f"{channels // groups} * {groups} + {channels % groups}; got x.shape={tuple(x.shape)}."
        )
    return groups


def _deal(x: Array, groups: int, each: int) -> Array:
    batch, _, *size = x.shape
    table = x.reshape(batch, groups, each, *size).swapaxes(1, 2)
    dealt = new(x.shape, x, fill=False)
    dealt[...] = table.reshape(x.shape)
    return dealt


@public_exact
def channel_reach(channels: int, layers: ChannelLayers) -> Array:
    """Which input channels can reach which output channels through a stack of layers.

    Parameters
    ----------
    channels : int
        Channels of the input.
    layers : sequence of ("conv", kernels, groups) or ("shuffle", groups)

    Returns
    -------
    numpy.ndarray (K, C) of bool
        True where some path of weights leads from input ``c`` to output ``k``.

    Raises
    ------
    TypeError, ValueError
        A layer is of no such form, or its groups do not divide its channels.

    Notes
    -----
    A product of boolean matrices, one a layer: what the network *can* mix, whatever it learns. All
    kernels of a group see the same channels, so a group is worked out once.
    Book: "Channel shuffle".

    Examples
    --------
    >>> channel_reach(4, [("conv", 4, 2), ("conv", 4, 2)]).astype(int)
    array([[1, 1, 0, 0],
           [1, 1, 0, 0],
           [0, 0, 1, 1],
           [0, 0, 1, 1]])
    >>> channel_reach(4, [("conv", 4, 2), ("shuffle", 2), ("conv", 4, 2)]).all()
    np.True_
    """
    channels = one_int("channels", channels, least=1)
    if not isinstance(layers, (tuple, list)):
        raise BadType(f"layers must be a list of tuples, one a layer; got {layers!r}.")
    check_host_memory(1, the_answer=(channels, channels))
    reach = np.eye(channels, dtype=bool)
    for layer in layers:
        reach = _layer_reach(layer, reach)
    return reach


def _layer_reach(layer: Any, reach: Array) -> Array:
    """What reaches the outputs of a layer, (K, C), if `reach` is what reaches its inputs."""
    channels = len(reach)
    match layer:
        case ("conv", kernels, groups):
            kernels = one_int("kernels", kernels, least=1)
            outputs = kernels
        case ("shuffle", groups):
            outputs = channels
        case _:
            raise BadValue(
                f'a layer is ("conv", kernels, groups) or ("shuffle", groups); got {layer!r}.'
            )
    groups = one_int("groups", groups, least=1)
    if channels % groups or outputs % groups:
        raise BadValue(
            f"groups must divide the channels of the layer, {channels} in and {outputs} "
            f"out; got {layer!r}."
        )
    if layer[0] == "shuffle":
        numbers = np.arange(channels).reshape(1, channels, 1)
        order = _deal(numbers, groups, channels // groups).ravel()
        return reach[order]
    check_host_memory(1, the_answer=(outputs, reach.shape[1]))
    of_group = reach.reshape(groups, channels // groups, reach.shape[1]).any(axis=1)  # (G, C)
    return of_group.repeat(outputs // groups, axis=0)
