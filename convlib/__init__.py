"""Convolution you can read: NumPy arrays and torch tensors, one small mechanism.

Axes, everywhere::

    x       (B, C, *spatial)          batch, channels, then (W,), (H, W) or (D, H, W)
    weight  (K, C/groups, *kernel)    K kernels
    bias    (K,)
    y       (B, K, *out)

NumPy in, NumPy out; tensor in, tensor out, on the same device.
"""

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
from .methods.im2col import COLUMN_BUDGET
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
    "Field",
    "LayerCost",
    "channel_reach",
    "channel_shuffle",
    "channel_unshuffle",
    "col2im",
    "conv",
    "conv_backward",
    "conv_cost",
    "conv_matrix",
    "conv_transpose",
    "conv_transpose_backward",
    "depthwise_conv",
    "im2col",
    "output_size",
    "overlap_count",
    "pixel_shuffle",
    "pixel_unshuffle",
    "pointwise_conv",
    "receptive_field",
    "resize",
    "resize_backward",
    "separable_conv",
    "transpose_output_size",
    "zero_insert",
]
