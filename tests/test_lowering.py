"""im2col and col2im: torch's unfold and fold, and each the other's adjoint."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from strategies import geometries, whole

import convlib as cl
from convlib._work import Scratch
from convlib.geometry import make_window
from convlib.lowering import to_columns

# ---- by hand ----


def test_im2col_by_hand(xp):
    cols = xp.call(cl.im2col, np.arange(9).reshape(1, 1, 3, 3), kernel_size=2)
    # the window at (0, 0) sees 0 1 / 3 4: read row by row, that is the first column
    assert cols.tolist() == [[[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]]]


def test_the_kernel_times_the_columns_is_the_convolution(xp):
    cols = xp.call(cl.im2col, np.arange(9).reshape(1, 1, 3, 3), kernel_size=2)
    # 0*0 + 1*1 + 3*2 + 4*3 = 19, ...
    assert (np.array([[0, 1, 2, 3]]) @ cols).tolist() == [[[19, 25, 37, 43]]]


def test_rows_run_over_channels_then_cells(xp):
    x = [[[10, 11, 12], [20, 21, 22]]]  # channel 1: 10 + column, channel 2: 20 + column
    assert xp.call(cl.im2col, x, kernel_size=2).tolist() == [
        [[10, 11], [11, 12], [20, 21], [21, 22]]
    ]


def test_im2col_with_options_by_hand(xp):
    # padded 0 1 2 3 0; windows start at 0 and 2, taps 2 apart: (0, 2) and (2, 0)
    cols = xp.call(cl.im2col, [[[1, 2, 3]]], kernel_size=2, stride=2, padding=1, dilation=2)
    assert cols.tolist() == [[[0, 2], [2, 0]]]


def test_col2im_by_hand(xp):
    # cell 1 is the end of window 0 and the start of window 1: 10 + 2
    x = xp.call(cl.col2im, [[[1, 2], [10, 20]]], output_size=3, kernel_size=2)
    assert x.tolist() == [[[1, 12, 20]]]


def test_col2im_of_im2col_counts_the_windows_of_each_cell(xp):
    cols = xp.call(cl.im2col, np.ones((1, 1, 3, 3)), kernel_size=3, padding=1)
    counts = xp.call(cl.col2im, cols, output_size=(3, 3), kernel_size=3, padding=1)
    # 3x3, padding 1: a corner is seen 4 times, an edge 6 times, the centre 9 times
    assert counts.tolist() == [[[[4, 6, 4], [6, 9, 6], [4, 6, 4]]]]


# ---- oracle ----


def torchs(torch, g, array):
    """What unfold and fold take: two axes, a batch, and the same padding on both sides."""
    return torch.from_numpy(array), {
        "kernel_size": g.kernel,
        "stride": g.stride,
        "dilation": g.dilation,
        "padding": tuple(max(pair) for pair in g.padding),
    }


@given(g=geometries(ranks=(2,), modes=("zeros",), batches=(1, 2)))
def test_im2col_is_unfold(xp, torch, g):
    x, options = torchs(torch, g, g.x)
    expected = torch.nn.functional.unfold(x, **options).numpy()
    np.testing.assert_array_equal(xp.call(cl.im2col, g.x, **options), expected)


@given(g=geometries(ranks=(2,), modes=("zeros",), batches=(1, 2)))
def test_col2im_is_fold(xp, torch, g):
    x, options = torchs(torch, g, g.x)
    cols = whole(*torch.nn.functional.unfold(x, **options).shape)
    expected = torch.nn.functional.fold(torch.from_numpy(cols), g.size, **options).numpy()
    ours = xp.call(cl.col2im, cols, output_size=g.size, **options)
    np.testing.assert_array_equal(ours, expected)


@given(g=geometries(modes=("zeros",)))
def test_columns_hold_what_indexing_finds(xp, g):
    cols = xp.call(cl.im2col, g.x, kernel_size=g.kernel, **g.window)
    padded, channels = g.padded(g.x), g.groups * g.seen
    assert cols.shape == (g.batch, channels * math.prod(g.kernel), math.prod(g.out))
    table = cols.reshape(g.batch, channels, *g.kernel, *g.out)
    for tap in np.ndindex(*g.kernel):
        for u in np.ndindex(*g.out):
            cell = [i * s + t * d for i, s, t, d in zip(u, g.stride, tap, g.dilation, strict=True)]
            np.testing.assert_array_equal(table[(..., *tap, *u)], padded[(..., *cell)])


# ---- laws ----


@given(g=geometries(modes=("zeros",)))
def test_col2im_is_the_adjoint_of_im2col(xp, g):
    """Sum(im2col(x) * cols) = sum(x * col2im(cols)), exactly: all values are whole."""
    forth = xp.call(cl.im2col, g.x, kernel_size=g.kernel, **g.window)
    cols = whole(*forth.shape, seed=7)
    back = xp.call(cl.col2im, cols, output_size=g.size, kernel_size=g.kernel, **g.window)
    assert back.shape == g.x.shape
    assert (forth * cols).sum() == (g.x * back).sum()


@given(g=geometries(modes=("zeros",)))
def test_col2im_divided_by_its_counts_is_the_inverse(xp, g):
    def there_and_back(x):
        cols = xp.call(cl.im2col, x, kernel_size=g.kernel, **g.window)
        return xp.call(cl.col2im, cols, output_size=g.size, kernel_size=g.kernel, **g.window)

    np.testing.assert_array_equal(there_and_back(g.x), g.x * there_and_back(np.ones_like(g.x)))


def test_autograd_of_each_is_the_other(torch):
    x = torch.from_numpy(whole(2, 3, 5, 4)).requires_grad_()
    options = {"stride": (2, 1), "padding": 1, "dilation": (1, 2)}
    cols = cl.im2col(x, 2, **options)
    seed = torch.from_numpy(whole(*cols.shape, seed=1)).requires_grad_()
    (grad_x,) = torch.autograd.grad(cols, x, seed)
    image = cl.col2im(seed, (5, 4), 2, **options)
    assert torch.equal(grad_x, image)
    (grad_cols,) = torch.autograd.grad(image, seed, x)
    assert torch.equal(grad_cols, cols)


# ---- contract ----


@pytest.mark.parametrize(("kernel", "stride"), [(2, 1), (2, 2), (1, 2)])
def test_columns_are_laid_out_where_the_last_ones_were(kernel, stride):
    x, window = whole(1, 2, 6), make_window(kernel, stride, 0, 1, 1)
    kept = Scratch(x)
    columns = to_columns(x, window, 1, kept)
    assert np.shares_memory(columns, to_columns(x, window, 1, kept))
    for scratch in (Scratch(x, keep=False), None):
        fresh = to_columns(x, window, 1, scratch)
        assert not np.shares_memory(fresh, columns)
        np.testing.assert_array_equal(fresh, columns)


def test_columns_of_single_cells_are_the_input_itself():
    x, window = whole(1, 2, 6), make_window(1, 1, 0, 1, 1)
    assert np.shares_memory(to_columns(x, window, 1, Scratch(x)), x)


def test_a_window_of_one_cell_is_copied_too(xp):
    x = whole(2, 3, 4, 5)
    np.testing.assert_array_equal(xp.call(cl.im2col, x, kernel_size=1), x.reshape(2, 3, 20))
    np.testing.assert_array_equal(
        xp.call(cl.col2im, x.reshape(2, 3, 20), output_size=(4, 5), kernel_size=1), x
    )


@pytest.mark.parametrize("name", ["float16", "float32", "int8", "uint8", "int64", "complex64"])
def test_dtypes_stay(xp, name):
    x = whole(1, 2, 4, 4)
    cols = xp.call(cl.im2col, abs(x), kernel_size=2, dtype=name)  # call() compares the dtypes
    back = xp.call(cl.col2im, cols, output_size=(4, 4), kernel_size=2)
    counts = np.outer([1, 2, 2, 1], [1, 2, 2, 1])
    np.testing.assert_array_equal(back, abs(x) * counts)


def test_col2im_sums_half_precision_in_float32(xp):
    cols = np.ones((1, 4, 4), np.float16)
    cols[0, 0, 3] = 2048  # cell 3 is the first tap of window 3, and a tap of windows 2, 1 and 0
    x = xp.call(cl.col2im, cols, output_size=7, kernel_size=4)
    # 2048 + 1 is 2048 again in float16; 2048 + 1 + 1 + 1 = 2051 is rounded once, to 2052
    assert x.tolist() == [[[1, 2, 3, 2052, 3, 2, 1]]]


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[::-1, ::-1],
        lambda x: x[:, :, ::-1, ::-2],
        lambda x: x.transpose(0, 1, 3, 2),
        np.asfortranarray,
        lambda x: np.broadcast_to(x[:, :1], x.shape),
    ],
    ids=["flipped batch", "flipped space", "transposed", "Fortran", "broadcast"],
)
def test_any_layout_in_memory(view):
    x = view(whole(2, 3, 5, 5))
    expected = cl.im2col(np.ascontiguousarray(x), 2, padding=1)
    np.testing.assert_array_equal(cl.im2col(x, 2, padding=1), expected)
    size = x.shape[2:]
    np.testing.assert_array_equal(
        cl.col2im(expected[:, ::-1][:, ::-1], size, 2, padding=1),
        cl.col2im(np.asfortranarray(expected), size, 2, padding=1),
    )


def test_an_int_holds_for_all_axes_behind_batch_and_channels():
    assert cl.im2col(whole(2, 3, 4), 2).shape == (2, 3 * 2, 3)
    assert cl.im2col(whole(2, 3, 4), (2,)).shape == (2, 3 * 2, 3)
    assert cl.im2col(whole(2, 3, 4, 5), 2).shape == (2, 3 * 4, 3 * 4)


REFUSED_IM2COL = [
    ((4,), 2, {}, ValueError, "with 3 axes at least; got x.shape=(4,). Add 2 axes in front: x[No"),
    ((1, 1, 4, 4), (2,), {}, ValueError, "2 ints, one per axis; got 1: kernel_size=(2,)."),
    ((1, 1, 4, 4), (2, 2, 2), {}, ValueError, "2 + 3 = 5 axes for kernel_size=(2, 2, 2); got x.sh"),
    ((3, 4, 4), (2, 2), {}, ValueError,
     "x must be (B, C, *spatial), batched, with 2 + 2 = 4 axes for kernel_size=(2, 2); got "
     "x.shape=(3, 4, 4). Add the batch axis: x[None]. Or give kernel_size 1 value."),
    ((1, 1, 4, 4), 2.0, {}, TypeError, "kernel_size must be an int or 2 ints, one per axis; got"),
    ((1, 1, 4, 4), 0, {}, ValueError, "kernel_size must be at least 1; got kernel_size=0."),
    ((1, 1, 4, 4), 2, {"stride": 0}, ValueError, "stride must be at least 1; got stride=0."),
    ((1, 1, 4, 4), 2, {"dilation": -1}, ValueError, "dilation must be at least 1"),
    ((1, 1, 4, 4), 2, {"padding": (1, -1)}, ValueError, "at least 0; got padding=(1, -1)."),
    ((1, 1, 4, 4), 5, {}, ValueError, "spans 1*(5 - 1) + 1 = 5, the padded input is 4 + 2*0 = 4."),
    ((1, 1, 4, 0), 1, {}, ValueError, "every spatial size of x must be at least 1; got x.shape=(1"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "kernel", "options", "error", "words"), REFUSED_IM2COL)
def test_im2col_refuses_with_the_numbers(xp, shape, kernel, options, error, words):
    with pytest.raises(error, match=f"^im2col: .*{re.escape(words)}"):
        cl.im2col(xp.asarray(whole(*shape)), kernel, **options)


REFUSED_COL2IM = [
    ((4,), {}, ValueError, "got cols.shape=(4,). Add 2 axes in front: cols[None, None]."),
    ((4, 4), {}, ValueError,
     "cols must be (B, C*prod(kernel_size), L), batched, with 3 axes; got cols.shape=(4, 4). "
     "Add the batch axis: cols[None]."),
    ((1, 1, 4, 4), {}, ValueError,
     "got cols.shape=(1, 1, 4, 4). Lay an image's rows beneath each other: cols.reshape(1, 4, 4)."),
    ((1, 3, 4), {}, ValueError, "cols must have C*4 rows, one for each cell of kernel_size=(2, 2)"),
    ((1, 4, 5), {}, ValueError, "and 4 columns, one for each of (2, 2) windows; got cols.shape=(1"),
    ((1, 4, 4), {"stride": 2}, ValueError, "and 1 columns, one for each of (1, 1) windows; got"),
    ((1, 4, 4), {"dilation": 3}, ValueError, "the padded input is 3 + 2*0 = 3."),
    ((1, 4, 4), {"stride": "2"}, TypeError, "stride must be an int or 2 ints, one per axis; got"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "options", "error", "words"), REFUSED_COL2IM)
def test_col2im_refuses_with_the_numbers(xp, shape, options, error, words):
    with pytest.raises(error, match=f"^col2im: .*{re.escape(words)}"):
        cl.col2im(xp.asarray(whole(*shape)), (3, 3), 2, **options)


@pytest.mark.parametrize("size", [(0, 3), (3, 2.5), (True, 3)])
def test_col2im_refuses_such_a_size(size):
    with pytest.raises((TypeError, ValueError), match=rf"^col2im: .*{re.escape(repr(size))}"):
        cl.col2im(whole(1, 4, 4), size, 2)


def test_lists_are_refused():
    with pytest.raises(TypeError, match=r"^im2col: x must be a numpy\.ndarray .* got list\."):
        cl.im2col([[[1.0]]], 1)
    with pytest.raises(TypeError, match=r"^col2im: cols must be a numpy\.ndarray .* got list\."):
        cl.col2im([[[1.0]]], 1, 1)
