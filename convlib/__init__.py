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
from .geometry import Field, output_size, receptive_field
from .lowering import col2im, im2col
from .methods.im2col import COLUMN_BUDGET

__version__ = "0.1.0"

__all__ = [
    "COLUMN_BUDGET",
    "Field",
    "LayerCost",
    "col2im",
    "conv",
    "conv_backward",
    "conv_cost",
    "im2col",
    "output_size",
    "receptive_field",
]
