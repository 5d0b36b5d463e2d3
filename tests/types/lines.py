"""Lines that users write: type checkers judge them, nobody runs them.

`reveal_type` says what is told of a result, the comment behind it what it is. A line with `# wrong`
must be found fault with, and no other.
"""

import numpy as np
import numpy.typing as npt

import convlib as cl


def arrays(x: npt.NDArray[np.float32], w: npt.NDArray[np.float32], flag: bool) -> None:
    reveal_type(cl.conv(x, w))  # ndarray
    reveal_type(cl.conv(x, w, np.zeros(3), stride=(2, 1), padding="same"))  # ndarray
    reveal_type(cl.conv(x, w, padding=((1, 0), (0, 1)), method="rows"))  # ndarray
    cl.conv(x, w, padding=[1, 2], padding_mode="reflect", dilation=[1])
    reveal_type(cl.conv_backward(x, x, w)[2])  # ndarray
    reveal_type(cl.conv_backward(x, x, w, needs=(False, True, True))[0])  # ndarray | None
    reveal_type(cl.max_pool(x, 2))  # ndarray
    y, indices = cl.max_pool(x, 2, return_indices=True)
    reveal_type(indices)  # ndarray
    reveal_type(cl.max_unpool(y, indices, 2))  # ndarray
    cl.max_pool(x, 2, return_indices=flag)
    reveal_type(cl.adaptive_avg_pool(x, (None, 7)))  # ndarray
    reveal_type(cl.gelu(x, "tanh"))  # ndarray
    reveal_type(cl.im2col(x, [3, 3], dilation=2))  # ndarray
    reveal_type(cl.conv_transpose(x, w, method="scatter"))  # ndarray
    reveal_type(cl.resize(x, scale_factor=(2, 1.5), mode="linear"))  # ndarray
    cl.conv(x, w, method="fast")  # wrong
    cl.conv(x, w, padding="full")  # wrong
    cl.conv(x, w, padding_mode="constant")  # wrong
    cl.conv(x, w, stride=1.5)  # wrong
    cl.conv(x, w, stride=range(1, 3))  # wrong
    cl.conv([[1.0]], w)  # wrong, if it is known what a tensor is
    cl.conv(x, w, (1, 2))  # wrong, if it is known what a tensor is
    cl.conv(x, w, strides=2)  # wrong
    cl.max_pool(x)  # wrong
    cl.gelu(x, "exact")  # wrong
    cl.resize(x, 8, mode="cubic")  # wrong
    cl.conv_transpose(x, w, method="winograd")  # wrong


def ints(sizes: tuple[int, int]) -> None:
    reveal_type(cl.output_size(32, 3))  # int
    reveal_type(cl.output_size(sizes, 3, padding=1))  # tuple[int, ...]
    reveal_type(cl.transpose_output_size(4, 3, stride=2))  # int
    reveal_type(cl.network("vgg16").multiply_adds)  # int
    reveal_type(cl.receptive_field([(3,), (2, 2)])[0].size)  # int
    reveal_type(cl.conv_cost((1, 3, 9, 9), (8, 3, 3, 3)).blow_up)  # float
    cl.output_size("32", 3)  # wrong
    cl.network("vgg19")  # wrong
