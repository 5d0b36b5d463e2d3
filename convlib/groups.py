"""Group convolution's relatives: depthwise, pointwise, separable; the shuffle; who reaches whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._arrays import Array, new
from ._checks import IntOrInts, as_batch, check_arrays, check_memory, lowered, per_axis
from .convolution import convolve
from .geometry import Padding


@lowered
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
    x : array (B, C, *spatial) or (C, *spatial)
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
    where = "depthwise_conv"
    check_arrays(where, x=x, weight=weight)
    if weight.ndim < 3 or weight.shape[1] != 1:
        raise ValueError(
            f"{where}: weight must be (C*m, 1, *kernel), one channel deep; "
            f"got weight.shape={tuple(weight.shape)}."
        )
    images, _ = as_batch(where, "x", x, weight.ndim - 2)
    channels = images.shape[1]
    if channels < 1 or weight.shape[0] % channels:
        raise ValueError(
            f"{where}: each of the {channels} channels of x needs as many kernels; got "
            f"{weight.shape[0]} kernels, x.shape={tuple(x.shape)}, "
            f"weight.shape={tuple(weight.shape)}."
        )
    return convolve(
        where, x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=channels
    )


@lowered
def pointwise_conv(x: Array, weight: Array, bias: Array | None = None) -> Array:
    r"""Mix the channels of each cell: a convolution with kernels of one cell.

    .. math:: y_{b,k,u,v} = \beta_k + \sum_{c} w_{k,c}\; x_{b,c,u,v}

    Parameters
    ----------
    x : array (B, C, *spatial) or (C, *spatial)
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
    where = "pointwise_conv"
    check_arrays(where, x=x, weight=weight)
    if weight.ndim < 3 or any(n != 1 for n in weight.shape[2:]):
        raise ValueError(
            f"{where}: weight must be (K, C, 1, ...), kernels of one cell; "
            f"got weight.shape={tuple(weight.shape)}."
        )
    return convolve(where, x, weight, bias)


@lowered
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
    x : array (B, C, *spatial) or (C, *spatial)
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
        As `depthwise_conv` and `pointwise_conv` do.

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
    middle = depthwise_conv(x, depthwise, stride=stride, padding=padding, dilation=dilation)
    return pointwise_conv(middle, pointwise, bias)


def channel_shuffle(x: Array, groups: int) -> Array:
    """Deal the channels out, as cards: the first of each group, then the second of each, ...

    Channel ``g*n + i`` moves to ``i*groups + g``, where ``n = C // groups``.

    Parameters
    ----------
    x : array (B, C, *spatial)
    groups : int
        Divides C.

    Returns
    -------
    array (B, C, *spatial)
        New memory.

    Raises
    ------
    TypeError, ValueError
        `x` has no channels, or `groups` does not divide them.

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
    where = "channel_shuffle"
    groups = _check_shuffle(where, x, groups)
    return _deal(x, groups)


def channel_unshuffle(x: Array, groups: int) -> Array:
    """Undo `channel_shuffle` with the same `groups`; also its backward pass.

    Parameters
    ----------
    x : array (B, C, *spatial)
    groups : int
        Divides C.

    Returns
    -------
    array (B, C, *spatial)
        New memory.

    Raises
    ------
    TypeError, ValueError
        `x` has no channels, or `groups` does not divide them.

    Notes
    -----
    A permutation's inverse is its transpose, so this is the gradient of the shuffle as well.
    Book: "Channel shuffle".

    Examples
    --------
    >>> channel_unshuffle(channel_shuffle(np.arange(6).reshape(1, 6, 1), 2), 2).ravel()
    array([0, 1, 2, 3, 4, 5])
    """
    where = "channel_unshuffle"
    groups = _check_shuffle(where, x, groups)
    return _deal(x, x.shape[1] // groups)


def _check_shuffle(where: str, x: Array, groups: int) -> int:
    check_arrays(where, x=x)
    if x.ndim < 3 or x.shape[1] < 1:
        raise ValueError(
            f"{where}: x must be (B, C, *spatial) with one channel at least; "
            f"got x.shape={tuple(x.shape)}."
        )
    (groups,) = per_axis(where, "groups", groups, 1, least=1)
    channels = x.shape[1]
    if channels % groups:
        raise ValueError(
            f"{where}: groups must divide the {channels} channels, but {channels} = "
            f"{channels // groups} * {groups} + {channels % groups}; got x.shape={tuple(x.shape)}."
        )
    return groups


def _deal(x: Array, groups: int) -> Array:
    batch, channels, *size = x.shape
    table = x.reshape(batch, groups, channels // groups, *size).swapaxes(1, 2)
    dealt = new(x.shape, x, fill=False)
    dealt[...] = table.reshape(x.shape)
    return dealt


def channel_reach(channels: int, layers: Sequence[tuple[str, int] | tuple[str, int, int]]) -> Array:
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
    A product of boolean matrices, one a layer: what the network *can* mix, whatever it learns.
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
    where = "channel_reach"
    (channels,) = per_axis(where, "channels", channels, 1, least=1)
    if not isinstance(layers, (tuple, list)):
        raise TypeError(f"{where}: layers must be a list of tuples, one a layer; got {layers!r}.")
    check_memory(where, np.zeros((), bool), the_answer=(channels, channels))
    reach = np.eye(channels, dtype=bool)
    for layer in layers:
        reach = _layer_reach(where, layer, len(reach)) @ reach
    return reach


def _layer_reach(where: str, layer: Any, channels: int) -> Array:
    """The boolean matrix of one layer, from its input channels to its output channels."""
    match layer:
        case ("conv", kernels, groups):
            (kernels,) = per_axis(where, "kernels", kernels, 1, least=1)
            outputs = kernels
        case ("shuffle", groups):
            outputs = channels
        case _:
            raise ValueError(
                f'{where}: a layer is ("conv", kernels, groups) or ("shuffle", groups); '
                f"got {layer!r}."
            )
    (groups,) = per_axis(where, "groups", groups, 1, least=1)
    if channels % groups or outputs % groups:
        raise ValueError(
            f"{where}: groups must divide the channels of the layer, {channels} in and {outputs} "
            f"out; got {layer!r}."
        )
    if layer[0] == "shuffle":
        order = _deal(np.arange(channels).reshape(1, channels, 1), groups).ravel()
        return np.eye(channels, dtype=bool)[order]
    check_memory(where, np.zeros((), bool), a_layer=(outputs, channels))
    block = np.ones((outputs // groups, channels // groups), bool)
    return np.kron(np.eye(groups, dtype=bool), block)
