# Written by `python -m tools.stubs`; a test compares.
from typing import Any, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ._tuning import COLUMN_BUDGET
from ._types import (
    Approximation,
    ChannelLayers,
    Definition,
    FloatOrFloats,
    IntOrInts,
    Ints,
    Method,
    Needs,
    Network,
    Padding,
    PaddingMode,
    Resizing,
    Sizes,
    Windows,
)
from .costs import LayerCost
from .geometry import Field
from .networks import NETWORKS, Layer, NetworkCost

D = TypeVar("D", bound=np.generic)

__version__: str
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

@overload
def adaptive_avg_pool(x: NDArray[D], output_size: Sizes) -> NDArray[D]: ...
@overload
def adaptive_avg_pool(x: Tensor, output_size: Sizes) -> Tensor: ...
@overload
def adaptive_avg_pool_backward(
    grad_output: NDArray[D], x: NDArray[Any], output_size: Sizes
) -> NDArray[D]: ...
@overload
def adaptive_avg_pool_backward(grad_output: Tensor, x: Tensor, output_size: Sizes) -> Tensor: ...
@overload
def adaptive_max_pool(
    x: NDArray[D], output_size: Sizes, *, return_indices: Literal[False] = False
) -> NDArray[D]: ...
@overload
def adaptive_max_pool(
    x: NDArray[D], output_size: Sizes, *, return_indices: Literal[True]
) -> tuple[NDArray[D], NDArray[np.int64]]: ...
@overload
def adaptive_max_pool(
    x: NDArray[D], output_size: Sizes, *, return_indices: bool
) -> NDArray[D] | tuple[NDArray[D], NDArray[np.int64]]: ...
@overload
def adaptive_max_pool(
    x: Tensor, output_size: Sizes, *, return_indices: Literal[False] = False
) -> Tensor: ...
@overload
def adaptive_max_pool(
    x: Tensor, output_size: Sizes, *, return_indices: Literal[True]
) -> tuple[Tensor, Tensor]: ...
@overload
def adaptive_max_pool(
    x: Tensor, output_size: Sizes, *, return_indices: bool
) -> Tensor | tuple[Tensor, Tensor]: ...
@overload
def adaptive_max_pool_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    output_size: Sizes,
    *,
    indices: NDArray[Any] | None = None,
) -> NDArray[D]: ...
@overload
def adaptive_max_pool_backward(
    grad_output: Tensor, x: Tensor, output_size: Sizes, *, indices: Tensor | None = None
) -> Tensor: ...
@overload
def avg_pool(
    x: NDArray[D],
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> NDArray[D]: ...
@overload
def avg_pool(
    x: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor: ...
@overload
def avg_pool_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> NDArray[D]: ...
@overload
def avg_pool_backward(
    grad_output: Tensor,
    x: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor: ...
@overload
def celu(x: NDArray[D], alpha: float = 1.0) -> NDArray[D]: ...
@overload
def celu(x: Tensor, alpha: float = 1.0) -> Tensor: ...
@overload
def celu_backward(grad_output: NDArray[D], x: NDArray[Any], alpha: float = 1.0) -> NDArray[D]: ...
@overload
def celu_backward(grad_output: Tensor, x: Tensor, alpha: float = 1.0) -> Tensor: ...
def channel_reach(channels: int, layers: ChannelLayers) -> NDArray[Any]: ...
@overload
def channel_shuffle(x: NDArray[D], groups: int) -> NDArray[D]: ...
@overload
def channel_shuffle(x: Tensor, groups: int) -> Tensor: ...
@overload
def channel_unshuffle(x: NDArray[D], groups: int) -> NDArray[D]: ...
@overload
def channel_unshuffle(x: Tensor, groups: int) -> Tensor: ...
def clear_scratch() -> None: ...
@overload
def col2im(
    cols: NDArray[D],
    output_size: IntOrInts,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> NDArray[D]: ...
@overload
def col2im(
    cols: Tensor,
    output_size: IntOrInts,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> Tensor: ...
@overload
def conv(
    x: NDArray[D],
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    method: Method = "auto",
    budget: int = 8388608,
) -> NDArray[D]: ...
@overload
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    method: Method = "auto",
    budget: int = 8388608,
) -> Tensor: ...
@overload
def conv_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    weight: NDArray[Any],
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    method: Method = "auto",
    budget: int = 8388608,
) -> tuple[NDArray[D], NDArray[D], NDArray[D]]: ...
@overload
def conv_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    weight: NDArray[Any],
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    method: Method = "auto",
    budget: int = 8388608,
    needs: Needs,
) -> tuple[NDArray[D] | None, NDArray[D] | None, NDArray[D] | None]: ...
@overload
def conv_backward(
    grad_output: Tensor,
    x: Tensor,
    weight: Tensor,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    method: Method = "auto",
    budget: int = 8388608,
) -> tuple[Tensor, Tensor, Tensor]: ...
@overload
def conv_backward(
    grad_output: Tensor,
    x: Tensor,
    weight: Tensor,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    method: Method = "auto",
    budget: int = 8388608,
    needs: Needs,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]: ...
def conv_cost(
    x_shape: Ints | list[int],
    weight_shape: Ints | list[int],
    *,
    bias: bool = True,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    itemsize: int = 4,
) -> LayerCost: ...
@overload
def conv_matrix(
    weight: NDArray[D],
    input_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> NDArray[D]: ...
@overload
def conv_matrix(
    weight: Tensor,
    input_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor: ...
@overload
def conv_transpose(
    x: NDArray[D],
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    method: Definition = "auto",
    budget: int = 8388608,
) -> NDArray[D]: ...
@overload
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    method: Definition = "auto",
    budget: int = 8388608,
) -> Tensor: ...
@overload
def conv_transpose_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    weight: NDArray[Any],
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    method: Definition = "auto",
    budget: int = 8388608,
) -> tuple[NDArray[D], NDArray[D], NDArray[D]]: ...
@overload
def conv_transpose_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    weight: NDArray[Any],
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    method: Definition = "auto",
    budget: int = 8388608,
    needs: Needs,
) -> tuple[NDArray[D] | None, NDArray[D] | None, NDArray[D] | None]: ...
@overload
def conv_transpose_backward(
    grad_output: Tensor,
    x: Tensor,
    weight: Tensor,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    method: Definition = "auto",
    budget: int = 8388608,
) -> tuple[Tensor, Tensor, Tensor]: ...
@overload
def conv_transpose_backward(
    grad_output: Tensor,
    x: Tensor,
    weight: Tensor,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    method: Definition = "auto",
    budget: int = 8388608,
    needs: Needs,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]: ...
@overload
def depthwise_conv(
    x: NDArray[D],
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> NDArray[D]: ...
@overload
def depthwise_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> Tensor: ...
@overload
def elu(x: NDArray[D], alpha: float = 1.0) -> NDArray[D]: ...
@overload
def elu(x: Tensor, alpha: float = 1.0) -> Tensor: ...
@overload
def elu_backward(grad_output: NDArray[D], x: NDArray[Any], alpha: float = 1.0) -> NDArray[D]: ...
@overload
def elu_backward(grad_output: Tensor, x: Tensor, alpha: float = 1.0) -> Tensor: ...
@overload
def gelu(x: NDArray[D], approximate: Approximation = "none") -> NDArray[D]: ...
@overload
def gelu(x: Tensor, approximate: Approximation = "none") -> Tensor: ...
@overload
def gelu_backward(
    grad_output: NDArray[D], x: NDArray[Any], approximate: Approximation = "none"
) -> NDArray[D]: ...
@overload
def gelu_backward(
    grad_output: Tensor, x: Tensor, approximate: Approximation = "none"
) -> Tensor: ...
@overload
def global_avg_pool(x: NDArray[D]) -> NDArray[D]: ...
@overload
def global_avg_pool(x: Tensor) -> Tensor: ...
@overload
def global_avg_pool_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def global_avg_pool_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def global_max_pool(x: NDArray[D]) -> NDArray[D]: ...
@overload
def global_max_pool(x: Tensor) -> Tensor: ...
@overload
def global_max_pool_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def global_max_pool_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def hardsigmoid(x: NDArray[D]) -> NDArray[D]: ...
@overload
def hardsigmoid(x: Tensor) -> Tensor: ...
@overload
def hardsigmoid_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def hardsigmoid_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def hardswish(x: NDArray[D]) -> NDArray[D]: ...
@overload
def hardswish(x: Tensor) -> Tensor: ...
@overload
def hardswish_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def hardswish_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def im2col(
    x: NDArray[D],
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> NDArray[D]: ...
@overload
def im2col(
    x: Tensor,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> Tensor: ...
@overload
def leaky_relu(x: NDArray[D], negative_slope: float = 0.01) -> NDArray[D]: ...
@overload
def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor: ...
@overload
def leaky_relu_backward(
    grad_output: NDArray[D], x: NDArray[Any], negative_slope: float = 0.01
) -> NDArray[D]: ...
@overload
def leaky_relu_backward(grad_output: Tensor, x: Tensor, negative_slope: float = 0.01) -> Tensor: ...
@overload
def logsigmoid(x: NDArray[D]) -> NDArray[D]: ...
@overload
def logsigmoid(x: Tensor) -> Tensor: ...
@overload
def logsigmoid_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def logsigmoid_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def lp_pool(
    x: NDArray[D],
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
) -> NDArray[D]: ...
@overload
def lp_pool(
    x: Tensor,
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
) -> Tensor: ...
@overload
def lp_pool_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
) -> NDArray[D]: ...
@overload
def lp_pool_backward(
    grad_output: Tensor,
    x: Tensor,
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
) -> Tensor: ...
@overload
def max_pool(
    x: NDArray[D],
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> NDArray[D]: ...
@overload
def max_pool(
    x: NDArray[D],
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: Literal[True],
) -> tuple[NDArray[D], NDArray[np.int64]]: ...
@overload
def max_pool(
    x: NDArray[D],
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool,
) -> NDArray[D] | tuple[NDArray[D], NDArray[np.int64]]: ...
@overload
def max_pool(
    x: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...
@overload
def max_pool(
    x: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def max_pool(
    x: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool,
) -> Tensor | tuple[Tensor, Tensor]: ...
@overload
def max_pool_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    indices: NDArray[Any] | None = None,
) -> NDArray[D]: ...
@overload
def max_pool_backward(
    grad_output: Tensor,
    x: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    indices: Tensor | None = None,
) -> Tensor: ...
@overload
def max_unpool(
    x: NDArray[D],
    indices: NDArray[Any],
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    output_size: IntOrInts | None = None,
) -> NDArray[D]: ...
@overload
def max_unpool(
    x: Tensor,
    indices: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    output_size: IntOrInts | None = None,
) -> Tensor: ...
@overload
def max_unpool_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    indices: NDArray[Any],
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    output_size: IntOrInts | None = None,
) -> NDArray[D]: ...
@overload
def max_unpool_backward(
    grad_output: Tensor,
    x: Tensor,
    indices: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    *,
    padding: Padding = 0,
    output_size: IntOrInts | None = None,
) -> Tensor: ...
@overload
def mish(x: NDArray[D]) -> NDArray[D]: ...
@overload
def mish(x: Tensor) -> Tensor: ...
@overload
def mish_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def mish_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
def network(
    name: Network, *, input_size: IntOrInts | None = None, batch: int = 1
) -> NetworkCost: ...
@overload
def output_size(
    input_size: int,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
) -> int: ...
@overload
def output_size(
    input_size: Ints | list[int],
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
) -> Ints: ...
def overlap_count(
    input_size: IntOrInts,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
) -> NDArray[Any]: ...
@overload
def pixel_shuffle(x: NDArray[D], upscale_factor: int) -> NDArray[D]: ...
@overload
def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor: ...
@overload
def pixel_unshuffle(x: NDArray[D], downscale_factor: int) -> NDArray[D]: ...
@overload
def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor: ...
@overload
def pointwise_conv(
    x: NDArray[D], weight: NDArray[Any], bias: NDArray[Any] | None = None
) -> NDArray[D]: ...
@overload
def pointwise_conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor: ...
@overload
def prelu(x: NDArray[D], weight: NDArray[Any]) -> NDArray[D]: ...
@overload
def prelu(x: Tensor, weight: Tensor) -> Tensor: ...
@overload
def prelu_backward(
    grad_output: NDArray[D], x: NDArray[Any], weight: NDArray[Any]
) -> tuple[NDArray[D], NDArray[D]]: ...
@overload
def prelu_backward(grad_output: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]: ...
def receptive_field(layers: Windows) -> list[Field]: ...
@overload
def relu(x: NDArray[D]) -> NDArray[D]: ...
@overload
def relu(x: Tensor) -> Tensor: ...
@overload
def relu6(x: NDArray[D]) -> NDArray[D]: ...
@overload
def relu6(x: Tensor) -> Tensor: ...
@overload
def relu6_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def relu6_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def relu_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def relu_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def resize(
    x: NDArray[D],
    size: IntOrInts | None = None,
    *,
    scale_factor: FloatOrFloats | None = None,
    mode: Resizing = "nearest",
) -> NDArray[D]: ...
@overload
def resize(
    x: Tensor,
    size: IntOrInts | None = None,
    *,
    scale_factor: FloatOrFloats | None = None,
    mode: Resizing = "nearest",
) -> Tensor: ...
@overload
def resize_backward(
    grad_output: NDArray[D],
    x: NDArray[Any],
    size: IntOrInts | None = None,
    *,
    scale_factor: FloatOrFloats | None = None,
    mode: Resizing = "nearest",
) -> NDArray[D]: ...
@overload
def resize_backward(
    grad_output: Tensor,
    x: Tensor,
    size: IntOrInts | None = None,
    *,
    scale_factor: FloatOrFloats | None = None,
    mode: Resizing = "nearest",
) -> Tensor: ...
@overload
def selu(x: NDArray[D]) -> NDArray[D]: ...
@overload
def selu(x: Tensor) -> Tensor: ...
@overload
def selu_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def selu_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def separable_conv(
    x: NDArray[D],
    depthwise: NDArray[Any],
    pointwise: NDArray[Any],
    bias: NDArray[Any] | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> NDArray[D]: ...
@overload
def separable_conv(
    x: Tensor,
    depthwise: Tensor,
    pointwise: Tensor,
    bias: Tensor | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
) -> Tensor: ...
@overload
def sigmoid(x: NDArray[D]) -> NDArray[D]: ...
@overload
def sigmoid(x: Tensor) -> Tensor: ...
@overload
def sigmoid_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def sigmoid_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def silu(x: NDArray[D]) -> NDArray[D]: ...
@overload
def silu(x: Tensor) -> Tensor: ...
@overload
def silu_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def silu_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def softplus(x: NDArray[D], beta: float = 1.0, threshold: float = 20.0) -> NDArray[D]: ...
@overload
def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor: ...
@overload
def softplus_backward(
    grad_output: NDArray[D], x: NDArray[Any], beta: float = 1.0, threshold: float = 20.0
) -> NDArray[D]: ...
@overload
def softplus_backward(
    grad_output: Tensor, x: Tensor, beta: float = 1.0, threshold: float = 20.0
) -> Tensor: ...
@overload
def tanh(x: NDArray[D]) -> NDArray[D]: ...
@overload
def tanh(x: Tensor) -> Tensor: ...
@overload
def tanh_backward(grad_output: NDArray[D], x: NDArray[Any]) -> NDArray[D]: ...
@overload
def tanh_backward(grad_output: Tensor, x: Tensor) -> Tensor: ...
@overload
def transpose_output_size(
    input_size: int,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
) -> int: ...
@overload
def transpose_output_size(
    input_size: Ints | list[int],
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
) -> Ints: ...
@overload
def zero_insert(x: NDArray[D], stride: IntOrInts) -> NDArray[D]: ...
@overload
def zero_insert(x: Tensor, stride: IntOrInts) -> Tensor: ...
