"""Lines that users of torch write, as in `lines.py`."""

import numpy as np
import numpy.typing as npt
import torch

import convlib as cl


def tensors(x: torch.Tensor, w: torch.Tensor, a: npt.NDArray[np.float64]) -> None:
    reveal_type(cl.conv(x, w, torch.zeros(3)))  # Tensor
    reveal_type(cl.conv_backward(x, x, w)[1])  # Tensor
    reveal_type(cl.conv_backward(x, x, w, needs=[False, True, True])[0])  # Tensor | None
    reveal_type(cl.max_pool(x, 2, return_indices=True))  # tuple[Tensor, Tensor]
    reveal_type(cl.relu(x))  # Tensor
    reveal_type(cl.prelu_backward(x, x, w)[0])  # Tensor
    reveal_type(cl.global_avg_pool(x))  # Tensor
    cl.conv(x, a)  # wrong
    cl.conv(a, w)  # wrong
    cl.conv(x, w, method="fast")  # wrong
    cl.relu(x, 2)  # wrong
