"""What cannot fit the memory is refused before anything is made, whatever the option that asks."""

import re
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

import convlib as cl
from convlib import _checks

BIG = 10**13  # bytes, and more: no machine of these years has them
X, KERNEL = np.zeros((1, 1, 8)), np.zeros((1, 1, 3))
MANY = np.broadcast_to(np.zeros(1), (1, 1, BIG))  # one number, seen everywhere
KERNELS = np.broadcast_to(np.zeros(1), (1, 10**6, 1))
TOO_LARGE = [
    lambda: cl.conv(X, KERNEL, padding=BIG),
    lambda: cl.conv(X, KERNEL, padding=BIG, stride=10**9),
    lambda: cl.conv(X, KERNEL, padding=((0, BIG),), padding_mode="replicate"),
    lambda: cl.conv_backward(X, X, KERNEL, padding=BIG),
    lambda: cl.depthwise_conv(X, KERNEL, padding=BIG),
    lambda: cl.separable_conv(X, KERNEL, KERNEL[..., :1], padding=BIG),
    lambda: cl.conv(X, KERNEL, stride=10**9, padding=10**12 // 16, method="fft"),
    lambda: cl.conv_transpose(np.zeros((1, 1, 10**5)), KERNEL, stride=10**9),
    lambda: cl.conv_backward(
        KERNELS, MANY[..., : 10**7], KERNELS.swapaxes(0, 1), stride=10**7, method="direct"
    ),
    lambda: cl.conv_transpose_backward(
        MANY[..., : 10**7 + 2], MANY[..., : 10**7], KERNEL, method="matrix"
    ),
    lambda: cl.conv_transpose(MANY[..., : 10**7], KERNEL, method="matrix"),
    lambda: cl.conv_transpose(np.zeros((1, 1, 2)), KERNEL, stride=BIG, padding=BIG // 2),
    lambda: cl.conv_transpose(X, KERNEL, dilation=BIG, padding=BIG),
    lambda: cl.conv_transpose_backward(X, X, KERNEL, dilation=BIG, padding=BIG + 1),
    lambda: cl.conv_matrix(KERNEL, 10**9),
    lambda: cl.conv_matrix(KERNEL, 8, padding=BIG, stride=BIG),
    lambda: cl.zero_insert(np.zeros((1, 1, 10**5)), 10**9),
    lambda: cl.overlap_count(BIG, 3),
    lambda: cl.im2col(X, 3, padding=BIG),
    lambda: cl.im2col(X, 10**7, padding=10**7),
    lambda: cl.col2im(np.zeros((0, 3, BIG - 2)), BIG, 3),
    lambda: cl.col2im(np.zeros((1, 3, 3)), 8, 3, stride=BIG, padding=BIG),
    lambda: cl.max_pool(X, 3, stride=1, padding=((0, BIG),), ceil_mode=True),
    lambda: cl.max_pool(X, 3, stride=1, padding=((BIG, 0),), dilation=10),
    lambda: cl.avg_pool(X, 3, stride=1, padding=((BIG, BIG),)),
    lambda: cl.lp_pool(X, np.inf, 3, stride=1, padding=((BIG, BIG),)),
    lambda: cl.adaptive_avg_pool(X, BIG),
    lambda: cl.adaptive_max_pool(X, BIG),
    lambda: cl.max_unpool(X, np.zeros((1, 1, 8), int), BIG, stride=1),
    lambda: cl.resize(X, size=BIG),
    lambda: cl.resize(X, scale_factor=1e15, mode="linear"),
    lambda: cl.pixel_shuffle(np.zeros((1, 0, 8)), BIG),
    lambda: cl.channel_reach(10**8, []),
    lambda: cl.channel_reach(1, [("conv", BIG, 1)]),
    lambda: cl.relu(MANY),
    lambda: cl.global_avg_pool(MANY),
]


@pytest.mark.parametrize("attempt", TOO_LARGE)
def test_a_request_beyond_the_memory_is_refused_at_once(attempt):
    (name,) = {*attempt.__code__.co_names} & {*cl.__all__}
    words = rf"^{name}: (.*would take \d+ bytes|.*nothing but padding)"
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words):
            attempt()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10**6


MANY_REGIONS, CELLS = 10**7, np.zeros((1, 1, 2), int)
WRONG = [  # gradients, where the output would be of 10**7 cells
    lambda: cl.resize_backward(X, X, size=MANY_REGIONS),
    lambda: cl.resize_backward(X, X, size=MANY_REGIONS, mode="linear"),
    lambda: cl.adaptive_avg_pool_backward(X, X, MANY_REGIONS),
    lambda: cl.adaptive_max_pool_backward(X, X, MANY_REGIONS),
    lambda: cl.max_unpool_backward(X, X[..., :2], CELLS, 1, stride=MANY_REGIONS - 1),
]


@pytest.mark.parametrize("attempt", WRONG)
def test_a_gradient_of_the_wrong_shape_is_refused_before_a_table_is_made(attempt):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"must have the shape of the output, .*10000000"):
            attempt()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10**6


def test_padding_that_copies_has_a_table_of_what_it_adds_alone():
    x = np.ones((1, 1, 10**6))
    for mode in ("reflect", "replicate", "circular"):
        tracemalloc.start()
        try:
            cl.conv(x, KERNEL[..., :1], padding=1, padding_mode=mode, budget=2**16)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2 * x.nbytes  # the output, and some tiles: no list of a million ints


IMAGES = np.ones((2, 4, 5, 6))
# Each makes more than it is given.
GROWING = {
    "conv": lambda: cl.conv(IMAGES, np.ones((40, 2, 3, 2)), groups=2),
    "separable_conv": lambda: cl.separable_conv(
        IMAGES, np.ones((8, 1, 3, 2)), np.ones((40, 8, 1, 1)), stride=2
    ),
    "conv_transpose": lambda: cl.conv_transpose(IMAGES, np.ones((4, 6, 3, 2)), stride=2, groups=2),
    "conv_matrix": lambda: cl.conv_matrix(np.ones((6, 2, 3, 2)), (5, 4), groups=2),
    "zero_insert": lambda: cl.zero_insert(IMAGES, (3, 2)),
    "im2col": lambda: cl.im2col(IMAGES, (3, 2)),
    "col2im": lambda: cl.col2im(np.ones((2, 3 * 4, 3 * 2)), (7, 5), 2, stride=2),
    "resize": lambda: cl.resize(IMAGES, size=(7, 9)),
    "adaptive_avg_pool": lambda: cl.adaptive_avg_pool(IMAGES, (7, 9)),
    "adaptive_max_pool": lambda: cl.adaptive_max_pool(IMAGES, (7, 9)),
    "max_unpool": lambda: cl.max_unpool(IMAGES, np.zeros(IMAGES.shape, int), (3, 2)),
}


@pytest.mark.parametrize("name", GROWING)
def test_the_memory_asked_for_is_that_of_the_result(monkeypatch, name):
    call = GROWING[name]
    y = call()
    monkeypatch.setattr(_checks, "MEMORY", y.nbytes - 1)
    words = f" of shape {y.shape} would take {y.nbytes} bytes, and there are {y.nbytes - 1} bytes"
    with pytest.raises(
        ValueError, match=rf"^{name}: the (output|padded output|matrix){re.escape(words)}"
    ):
        call()


@pytest.mark.parametrize("pool", [cl.max_pool, cl.avg_pool])
def test_the_memory_asked_for_is_that_of_the_padded_input(monkeypatch, pool):
    monkeypatch.setattr(_checks, "MEMORY", 8 * 2 * 4 * 7 * 7)
    pool(IMAGES[..., :5], 2, padding=1, stride=1)  # 5 + 2*1 = 7 each way
    with pytest.raises(ValueError, match=r"the padded input of shape \(2, 4, 7, 8\) would take"):
        pool(IMAGES, 2, padding=1, stride=1)


def test_the_memory_asked_for_is_that_of_the_basis(monkeypatch):
    """A step as wide as the input: one row, made of the images of 100 unit vectors of 100."""
    monkeypatch.setattr(_checks, "MEMORY", 8 * 100 * 100)
    assert cl.conv_matrix(np.ones((1, 1, 1)), 100, stride=100).shape == (1, 100)
    monkeypatch.setattr(_checks, "MEMORY", 8 * 100 * 100 - 1)
    with pytest.raises(ValueError, match=r"the basis of shape \(100, 100\) would take 80000 bytes"):
        cl.conv_matrix(np.ones((1, 1, 1)), 100, stride=100)


def test_what_fits_is_not_refused():
    """A window far larger than its input costs no more than one as large."""
    x = np.arange(1.0, 9).reshape(1, 1, 8)
    assert cl.max_pool(x, 10**9, padding=5 * 10**8, stride=1).tolist() == [[[8.0] * 9]]
    assert cl.avg_pool(x, 10**9, padding=5 * 10**8, stride=8)[0, 0, 0] == 36 / 10**9
    assert cl.lp_pool(x, 1, 10**9, stride=10**9, ceil_mode=True).shape == (1, 1, 1)
    # every other cell, from the first or from the second on
    far = {"dilation": 2, "padding": ((BIG, BIG),), "stride": 1}
    assert cl.max_pool(x, BIG, **far).tolist() == [[[7, 8] * 5]]


def test_the_memory_is_that_of_the_device():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    meta = torch.zeros(1, 1, 8, device="meta")  # it takes none
    assert cl.zero_insert(meta, 10**12).shape == (1, 1, 7 * 10**12 + 1)
    with pytest.raises(ValueError, match="and there are 9223372036854775807 bytes"):
        cl.zero_insert(meta, 10**18)


def test_a_gpu_has_a_memory_of_its_own(monkeypatch):
    """Told by torch; a stand-in here, for most machines have none."""
    told = SimpleNamespace(get_device_properties=lambda device: SimpleNamespace(total_memory=100))
    monkeypatch.setattr(_checks, "namespace", lambda like: SimpleNamespace(cuda=told))
    tensor = SimpleNamespace(device=SimpleNamespace(type="cuda"), dtype=np.dtype("float32"))
    _checks.check_memory(tensor, the_output=(5, 5))
    with pytest.raises(ValueError, match="would take 104 bytes, and there are 100 bytes"):
        _checks.check_memory(tensor, the_output=(26,))
