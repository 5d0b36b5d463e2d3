"""Every error of the library, each as a call that meets it: one table, for the tests and the page.

A call is Python source, run with the names of `SETUP`. What it must raise stands beside it; the
sentence stands on the page, `book/errors.md`, which `tools.error_page` writes from this table.
"""

from contextlib import contextmanager
from unittest import mock

SETUP = """\
import numpy as np, torch, convlib as cl

x = np.zeros((2, 4, 5, 5))  # two images of four channels
weight = np.zeros((6, 4, 3, 3))  # six kernels
signal = np.zeros((1, 1, 8))"""

MEMORY = 16 * 2**30
"""Bytes of memory that the page's machine has: what the sentence says must not vary."""

V, T = ValueError, TypeError

CASES = {
    "Arrays": [
        ("cl.relu([1.0, 2.0])", T),
        ("cl.relu(torch.zeros(3).to_sparse())", T),
        ("cl.relu(x > 0)", T),
        ("cl.conv(x, torch.zeros(6, 4, 3, 3))", T),
        ("cl.conv(x, weight.astype(np.float32))", T),
        ('cl.conv(torch.zeros(1, 1, 8), torch.zeros(1, 1, 3, device="meta"))', T),
        ("cl.conv(x[0], weight)", V),
        ("cl.conv(x, weight[..., 0])", V),
        ("cl.max_pool(x[0], (2, 2))", V),
        ("cl.resize(x[0, 0], size=8)", V),
        ("cl.conv_backward(x[0, :, 2:, 2:], x[:1], weight[:4])", V),
        ("cl.conv_backward(x[:, :1, 2:, 2:] * 1j, x * 1j, weight[:1] * 1j)", T),
        ("cl.resize(signal, size=10**12)", V),
    ],
    "Options": [
        ("cl.conv(x, weight, stride=0)", V),
        ("cl.conv(x, weight, stride=1.5)", T),
        ("cl.conv(x, weight, stride=True)", T),
        ("cl.conv(x, weight, stride=(1, 2, 3))", V),
        ("cl.conv(x, weight, stride=10**20)", V),
        ("cl.conv(x, weight, padding=(1, 2, 3))", V),
        ("cl.conv(x, weight, padding=((1, 2, 3), 0))", V),
        ("cl.conv(x, weight, padding=-1)", V),
        ('cl.conv(x, weight, padding="full")', V),
        ('cl.conv(x, weight, padding="same", stride=2)', V),
        ('cl.conv_transpose(x, weight[:4], padding="same")', T),
        ('cl.conv(x, weight, padding_mode="mirror")', V),
        ("cl.max_pool(x, 2, ceil_mode=1)", T),
        ('cl.lp_pool(x, "2", 2)', T),
        ("cl.lp_pool(x, 10**400, 2)", V),
    ],
    "Sizes": [
        ("cl.output_size(4, 3, dilation=3, padding=1)", V),
        ("cl.conv(x, np.zeros((6, 4, 7, 7)))", V),
        ('cl.conv(x, np.zeros((6, 4, 17, 1)), padding_mode="circular")', V),
        ("cl.max_pool(x, 8)", V),
        ("cl.conv(x[:, :, :0], weight)", V),
        ('cl.conv(x, weight, padding=5, padding_mode="reflect")', V),
        ('cl.conv(x, weight, padding=6, padding_mode="circular")', V),
        ("cl.transpose_output_size(4, 3, stride=2, output_padding=2)", V),
        ("cl.transpose_output_size(4, 3, padding=3)", V),
        ("cl.receptive_field(3)", T),
        ("cl.receptive_field([3, 3])", V),
    ],
    "Convolution": [
        ("cl.conv(x, np.zeros((6, 4)))", V),
        ("cl.conv(x, weight[:0])", V),
        ("cl.conv(x, weight, groups=2)", V),
        ("cl.conv(x, weight[:, :2], groups=2.0)", T),
        ("cl.conv(x, weight[:, :2], groups=(2,))", T),
        ("cl.conv(x, weight[:5, :2], groups=2)", V),
        ("cl.conv(x, weight, np.zeros(4))", V),
        ("cl.conv_backward(x, x, weight)", V),
        ("cl.conv_backward(x[:, :1, 2:, 2:], x, weight[:1], needs=(True, True))", T),
        ('cl.conv(x, weight, method="gemm")', V),
        ('cl.conv(x, weight, method="winograd", stride=2)', V),
        ('cl.conv(x.astype(int), weight.astype(int), method="fft")', V),
        ('cl.conv(x, weight, method="native")', V),
    ],
    "Columns": [
        ("cl.col2im(signal[0], 8, 3)", V),
        ("cl.col2im(signal[None], 8, 3)", V),
        ("cl.col2im(signal, 8, 3)", V),
    ],
    "Groups": [
        ("cl.depthwise_conv(x, weight)", V),
        ("cl.depthwise_conv(x, weight[:, :1])", V),
        ("cl.depthwise_conv(x[:, :0], weight[:, :1])", V),
        ("cl.pointwise_conv(x, weight)", V),
        ("cl.pointwise_conv(x, weight[:, :3, :1, :1])", V),
        ("cl.separable_conv(x, weight, weight[..., :1, :1])", V),
        ("cl.separable_conv(x, weight[:4, :1], weight[:, :3, :1, :1])", V),
        ("cl.separable_conv(x, weight[:4, :1], weight[..., :1, 0])", V),
        ("cl.channel_shuffle(x, 3)", V),
        ('cl.channel_reach(4, "conv")', T),
        ('cl.channel_reach(4, [("dense", 4)])', V),
        ('cl.channel_reach(4, [("conv", 6, 4)])', V),
    ],
    "Transposed convolution": [
        ("cl.conv_transpose(x, weight[0])", V),
        ("cl.conv_transpose(x, weight[0, 0])", V),
        ("cl.conv_transpose(x, weight)", V),
        ("cl.conv_transpose(x, weight[:4], groups=3)", V),
        ("cl.conv_transpose_backward(x, x, weight[:4])", V),
        ('cl.conv_transpose(x, weight[:4], method="native")', V),
        ("cl.conv_matrix(weight[0, 0], 5)", V),
        ("cl.conv_matrix(weight, 5, groups=4)", V),
    ],
    "Upsampling": [
        ("cl.pixel_shuffle(x, 3)", V),
        ("cl.pixel_unshuffle(x, 2)", V),
        ("cl.resize(x, size=8, scale_factor=2)", V),
        ("cl.resize(x, scale_factor=0.1)", V),
        ("cl.resize(x, scale_factor=-2)", V),
        ('cl.resize(x.astype(int), size=8, mode="linear")', T),
        ("cl.resize(x[:, :, :0], size=8)", V),
        ("cl.resize_backward(x, x, size=8)", V),
    ],
    "Activation": [
        ("cl.gelu(x.astype(int))", T),
        ("cl.relu_backward(x, x[:1])", V),
        ("cl.celu(x, alpha=0)", V),
        ("cl.prelu(x, np.zeros(3))", V),
        ("cl.prelu(x[0, 0, 0], np.zeros(5))", V),
    ],
    "Pooling": [
        ("cl.max_pool(x[:, :0], 2)", V),
        ("cl.max_pool(x * 1j, 2)", T),
        ("cl.avg_pool(x.astype(np.int32), 2)", T),
        ("cl.max_pool_backward(x, x, 2)", V),
        ("cl.max_pool(x, 3, padding=2)", V),
        ("cl.max_pool(x[..., :2], 2, padding=(0, 1), dilation=(1, 3))", V),
        ("cl.avg_pool(x, 2, divisor_override=2.5)", T),
        ("cl.avg_pool(x, 2, divisor_override=0)", V),
        ("cl.lp_pool(x, 0, 2)", V),
        ("cl.max_unpool(torch.zeros(1, 1, 8), np.zeros((1, 1, 8), int), 2)", T),
        ("cl.max_unpool(signal, np.zeros((1, 1, 8), np.int32), 2)", T),
        ("cl.max_unpool(signal, np.zeros((1, 1, 4), int), 2)", V),
        ("cl.max_unpool(signal, np.full((1, 1, 8), 16), 2)", V),
        ("cl.max_pool_backward(signal[..., :4], signal, 2, indices=np.full((1, 1, 4), 8))", V),
        ("cl.max_unpool(signal, np.zeros((1, 1, 8), int), 2, output_size=20)", V),
        ('meta = torch.zeros(1, 1, 8, device="meta")\ncl.max_unpool(meta, meta.long(), 2)', T),
    ],
    "Transforms": [
        (
            'slow = lambda a: cl.conv(a, torch.from_numpy(weight), method="direct")\n'
            "torch.func.linearize(slow, torch.from_numpy(x))",
            V,
        ),
    ],
    "Costs and networks": [
        ("cl.conv_cost((1, 3, 8), (4, 3, 3, 3))", V),
        ("cl.conv_cost(8, (4, 3, 3))", V),
        ("cl.conv_cost((1, 3, 8), (4, 2, 3))", V),
        ('cl.network("lenet")', V),
        ('cl.network("vgg16", input_size=16)', V),
        ('cl.network("alexnet").only("norm")', V),
    ],
}


@contextmanager
def page_machine():
    """The machine of the page, whatever this one is."""
    with mock.patch("convlib._checks.MEMORY", MEMORY):
        yield


def run(call):
    """The error that the call meets."""
    names = {}
    exec(SETUP, names)
    try:
        with page_machine():
            exec(call, names)
    except (ValueError, TypeError) as error:
        return error
    raise AssertionError(f"nothing is wrong with {call}")
