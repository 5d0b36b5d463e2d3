"""The array library's own kernel: oneDNN or cuDNN, through torch. NumPy has none."""

from __future__ import annotations

from .._arrays import Array, is_tensor, namespace
from .._windows import pad
from ..geometry import Window


def check(where: str, x: Array, window: Window) -> None:
    """Raise where there is no such kernel."""
    rank = x.ndim - 2
    if not is_tensor(x) or rank > 3:
        raise ValueError(
            f'{where}: method="native" is the array library\'s own kernel; torch has one for 1 to '
            f"3 spatial axes, NumPy has none; got a {type(x).__name__} with {rank} spatial axes. "
            f'Use method="auto", or convert with torch.from_numpy.'
        )


def forward(x: Array, weight: Array, window: Window, *, groups: int, budget: int) -> Array:
    """Hand the convolution to ``torch.nn.functional.conv1d``, ``conv2d`` or ``conv3d``."""
    rank = x.ndim - 2
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
        groups=groups,
    )
