"""Convolution you can read: NumPy arrays and torch tensors, one small mechanism.

Axes, everywhere::

    x       (B, C, *spatial)          batch, channels, then (W,), (H, W) or (D, H, W)
                                      always with the batch: an image alone is x[None]
    weight  (K, C/groups, *kernel)    K kernels
    bias    (K,)
    y       (B, K, *out)

NumPy in, NumPy out; tensor in, tensor out, on the same device.

A result has the dtype of its first array, down to the order of its bytes: what comes from another
machine's file is computed in this one's order, and given back in its own. It is a plain array, also
where its input is a file mapped to memory. Long doubles are taken where floats are, and exact to
the digits of a float64 at least: constants and tables have no more.
"""

from ._tuning import COLUMN_BUDGET
from ._work import clear_scratch
from .activations import (
    celu,
    celu_backward,
    elu,
    elu_backward,
    gelu,
    gelu_backward,
    hardsigmoid,
    hardsigmoid_backward,
    hardswish,
    hardswish_backward,
    leaky_relu,
    leaky_relu_backward,
    logsigmoid,
    logsigmoid_backward,
    mish,
    mish_backward,
    prelu,
    prelu_backward,
    relu,
    relu6,
    relu6_backward,
    relu_backward,
    selu,
    selu_backward,
    sigmoid,
    sigmoid_backward,
    silu,
    silu_backward,
    softplus,
    softplus_backward,
    tanh,
    tanh_backward,
)
from .adaptive_pooling import (
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    adaptive_max_pool,
    adaptive_max_pool_backward,
    global_avg_pool,
    global_avg_pool_backward,
    global_max_pool,
    global_max_pool_backward,
    max_unpool,
    max_unpool_backward,
)
from .convolution import conv, conv_backward
from .costs import LayerCost, conv_cost
from .geometry import Field, output_size, receptive_field, transpose_output_size
from .groups import (
    channel_reach,
    channel_shuffle,
    channel_unshuffle,
    depthwise_conv,
    pointwise_conv,
    separable_conv,
)
from .lowering import col2im, im2col
from .networks import NETWORKS, Layer, NetworkCost, network
from .pooling import (
    avg_pool,
    avg_pool_backward,
    lp_pool,
    lp_pool_backward,
    max_pool,
    max_pool_backward,
)
from .transpose import (
    conv_matrix,
    conv_transpose,
    conv_transpose_backward,
    overlap_count,
    zero_insert,
)
from .upsampling import pixel_shuffle, pixel_unshuffle, resize, resize_backward

__version__ = "0.1.0"

__all__ = [
    "COLUMN_BUDGET",
    "NETWORKS",
    "Field",
    "Layer",
    "LayerCost",
    "NetworkCost",
    "adaptive_avg_pool",
    "adaptive_avg_pool_backward",
    "adaptive_max_pool",
    "adaptive_max_pool_backward",
    "avg_pool",
    "avg_pool_backward",
    "celu",
    "celu_backward",
    "channel_reach",
    "channel_shuffle",
    "channel_unshuffle",
    "clear_scratch",
    "col2im",
    "conv",
    "conv_backward",
    "conv_cost",
    "conv_matrix",
    "conv_transpose",
    "conv_transpose_backward",
    "depthwise_conv",
    "elu",
    "elu_backward",
    "gelu",
    "gelu_backward",
    "global_avg_pool",
    "global_avg_pool_backward",
    "global_max_pool",
    "global_max_pool_backward",
    "hardsigmoid",
    "hardsigmoid_backward",
    "hardswish",
    "hardswish_backward",
    "im2col",
    "leaky_relu",
    "leaky_relu_backward",
    "logsigmoid",
    "logsigmoid_backward",
    "lp_pool",
    "lp_pool_backward",
    "max_pool",
    "max_pool_backward",
    "max_unpool",
    "max_unpool_backward",
    "mish",
    "mish_backward",
    "network",
    "output_size",
    "overlap_count",
    "pixel_shuffle",
    "pixel_unshuffle",
    "pointwise_conv",
    "prelu",
    "prelu_backward",
    "receptive_field",
    "relu",
    "relu6",
    "relu6_backward",
    "relu_backward",
    "resize",
    "resize_backward",
    "selu",
    "selu_backward",
    "separable_conv",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softplus",
    "softplus_backward",
    "tanh",
    "tanh_backward",
    "transpose_output_size",
    "zero_insert",
]
