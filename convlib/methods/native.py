"""The array library's own kernel: oneDNN or cuDNN, through torch. NumPy has none."""

from __future__ import annotations

from .._arrays import Array, is_tensor, is_transformed, namespace, new
from .._checks import BadValue
from .._layer import ConvLayer
from .._windows import pad, unpad


def takes_over(x: Array) -> bool:
    """True inside torch's transforms, where there is a kernel: it is one step for them to see.

    Our tiles would be as many steps as the sizes say, and a compiler does each anew for each size.
    """
    return is_transformed(x) and x.is_floating_point() and x.ndim <= 5


def check(x: Array, layer: ConvLayer) -> None:
    """Raise where there is no such kernel."""
    rank = x.ndim - 2
    if not is_tensor(x) or rank > 3:
        kind = "a Tensor" if is_tensor(x) else "an ndarray"
        axes = f"{rank} spatial ax{'es' if rank > 1 else 'is'}"
        raise BadValue(
            f'method="native" is the array library\'s own kernel; torch has one for 1 to '
            f"3 spatial axes, NumPy has none; got {kind} with {axes}. "
            f'Use method="auto", or convert with torch.from_numpy.'
        )


def forward(x: Array, weight: Array, layer: ConvLayer) -> Array:
    """Hand the convolution to ``torch.nn.functional.conv1d``, ``conv2d`` or ``conv3d``."""
    window, rank = layer.window, x.ndim - 2
    padding = tuple(before for before, _ in window.padding)
    if window.mode != "zeros" or any(not 0 <= before == after for before, after in window.padding):
        # torch's kernels know equal zeros on both sides only.
        x, padding = pad(x, window.padding, window.mode), (0,) * rank
    functional = namespace(x).nn.functional
    kernel = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    return kernel(
        x,
        weight,
        stride=window.stride,
        padding=padding,
        dilation=window.dilation,
        groups=layer.groups,
    )


def backward_input(grad: Array, weight: Array, layer: ConvLayer) -> Array:
    """The adjoint in `x`: ``torch.nn.functional.conv_transpose1d`` to ``conv_transpose3d``.

    They crop both sides alike. So they make all that the windows cover, and the rest is done here.
    """
    window, rank = layer.window, weight.ndim - 2
    kernel = getattr(namespace(weight).nn.functional, f"conv_transpose{rank}d")
    # Of one cell alone the stride does not matter, and torch's kernel takes no large one.
    steps = tuple(1 if n == 1 else s for n, s in zip(grad.shape[2:], window.stride, strict=True))
    covered = kernel(grad, weight, stride=steps, dilation=window.dilation, groups=layer.groups)
    axes = zip(layer.size, window.padding, covered.shape[2:], strict=True)
    beyond = [n + before + after - reached for n, (before, after), reached in axes]
    if window.mode == "zeros":
        cut = zip(window.padding, beyond, strict=True)
        return pad(covered, tuple((-before, more - after) for (before, after), more in cut))
    padded = pad(covered, tuple((0, more) for more in beyond))
    return unpad(padded, layer.size, window.padding, window.mode)


def backward_weight(grad: Array, x: Array, layer: ConvLayer) -> Array:
    """The adjoint in `weight`, by the kernel that torch's own autograd calls."""
    window, rank = layer.window, x.ndim - 2
    padded = pad(x, window.padding, window.mode)
    kernel = namespace(x).ops.aten.convolution_backward
    options = (window.stride, (0,) * rank, window.dilation, False, (0,) * rank, layer.groups)
    weight = new(layer.weight_shape, x)  # of which only the shape matters
    return kernel(grad, padded, weight, None, *options, (False, True, False))[1]
