"""Sizes, padding, receptive fields and tiles: integers, checked by counting."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import MODES, geometries, starts

import convlib as cl
from convlib.geometry import Window, check_padding, make_window, source_index, tiles

small = st.integers(1, 5)

# ---- by hand ----


@pytest.mark.parametrize(
    ("n", "kernel", "options", "expected"),
    [
        (3, 2, {}, 2),  # (3 - 2)//1 + 1
        (5, 3, {"stride": 2}, 2),  # (5 - 3)//2 + 1
        (6, 3, {"stride": 2}, 2),  # (6 - 3)//2 + 1: the last cell is not read
        (6, 3, {"stride": 2, "ceil_mode": True}, 3),  # ceil(3/2) + 1
        (5, 3, {"stride": 2, "ceil_mode": True}, 2),  # 2/2 is whole: nothing to round
        (4, 3, {"padding": 1}, 4),  # (4 + 2*1 - 3)//1 + 1
        (4, 3, {"padding": ((0, 1),)}, 3),  # (4 + 0 + 1 - 3)//1 + 1
        (7, 3, {"dilation": 3}, 1),  # the kernel spans 3*(3 - 1) + 1 = 7
        (7, 4, {"padding": "same"}, 7),
        (7, 4, {"padding": "valid"}, 4),
        (224, 7, {"stride": 2, "padding": 3}, 112),  # ResNet's first layer
    ],
)
def test_size_by_hand(n, kernel, options, expected):
    assert cl.output_size(n, kernel, **options) == expected
    assert cl.output_size((n, n), kernel, **_twice(options)) == (expected, expected)


def _twice(options):
    """A single (before, after) pair is for one axis: give it for both."""
    return {k: v * 2 if isinstance(v, tuple) else v for k, v in options.items()}


def test_each_axis_has_its_own_options():
    size = cl.output_size([9, 8], (3, 2), stride=[2, 3], padding=(1, 0), dilation=(2, 1))
    assert size == (4, 3)  # (9 + 2 - 5)//2 + 1, (8 - 2)//3 + 1


def test_sizes_are_plain_ints():
    one = cl.output_size(np.int64(6), np.int32(3), stride=np.uint8(2))
    assert one == 2
    assert type(one) is int


def test_a_window_by_hand():
    window = make_window(3, 2, 1, 2, 2)
    assert window == Window((3, 3), (2, 2), (2, 2), ((1, 1), (1, 1)))  # zeros beyond the edge
    assert window.mode == "zeros"


def test_a_point_is_one_cell_at_every_step():
    assert make_window(1, 1, 0, 1, 2).is_point
    assert not make_window(2, 1, 0, 1, 2).is_point  # four cells
    assert not make_window(1, 2, 0, 1, 2).is_point  # passes cells over


@pytest.mark.parametrize("name", ["kernel_size", "stride", "padding", "dilation"])
def test_what_no_index_can_reach_is_refused(name):
    options = {"kernel_size": 1, name: 2**63}
    words = f"output_size: {name} must be at most {2**63 - 1}; got {name}={2**63}."
    with pytest.raises(ValueError, match=re.escape(words)):
        cl.output_size(4, **options)


@pytest.mark.parametrize(
    "call",
    [  # the most that may be: half of the kernel, one less than the size, the size
        lambda: cl.max_pool(np.ones((1, 1, 1)), 2),
        lambda: cl.conv(np.ones((1, 1, 2)), np.ones((1, 1, 3)), padding_mode="reflect"),
        lambda: cl.conv(np.ones((1, 1, 1)), np.ones((1, 1, 3)), padding_mode="circular"),
    ],
)
def test_the_most_padding_is_a_repair_too(call):
    with pytest.raises(ValueError, match=r"Use padding >= 1"):
        call()


def test_an_odd_surplus_of_same_padding_goes_after():
    # d*(N - 1) = 1*(4 - 1) = 3 cells are missing: 1 before, 2 after
    assert make_window(4, 1, "same", 1, 1).padding == ((1, 2),)
    assert make_window((3, 2), 1, "same", (2, 3), 2).padding == ((2, 2), (1, 2))


@pytest.mark.parametrize(
    ("n", "kernel", "options", "expected"),
    [
        (2, 2, {}, 3),  # (2 - 1)*1 + 2
        (6, 5, {"stride": 3, "padding": 2}, 16),  # (6 - 1)*3 - 2*2 + 5
        (6, 5, {"stride": 3, "padding": 2, "output_padding": 1}, 17),
        (3, 3, {"dilation": 2}, 7),  # (3 - 1)*1 + 2*(3 - 1) + 1
        (3, 3, {"padding": ((0, 1),)}, 4),  # (3 - 1)*1 - 1 + 3
        ([2, 3], 2, {"stride": (1, 2), "output_padding": (0, 1)}, (3, 7)),  # 1 + 2, 4 + 2 + 1
    ],
)
def test_transposed_size_by_hand(n, kernel, options, expected):
    assert cl.transpose_output_size(n, kernel, **options) == expected


def test_receptive_field_by_hand():
    # r += (N - 1)*j, then j *= s: 1 + 2*1 = 3, 3 + 1*1 = 4, 4 + 2*2 = 8, 8 + 1*2 = 10
    assert cl.receptive_field([(3,), (2, 2), (3,), (2, 2)]) == [
        cl.Field(3, 1, 0),
        cl.Field(4, 2, 0),
        cl.Field(8, 2, 0),
        cl.Field(10, 4, 0),
    ]
    # dilation: 1 + 2*2*1 = 5; start: 0 - 2*1 = -2, then -2 - 1*3 = -5
    assert cl.receptive_field([(3, 3, 2, 2), [3, 1, 1]]) == [
        cl.Field(5, 3, -2),
        cl.Field(11, 3, -5),
    ]
    assert cl.receptive_field([]) == []


@pytest.mark.parametrize(
    ("mode", "cells"),
    [
        ("reflect", "32 1234 32"),
        ("replicate", "11 1234 44"),
        ("circular", "34 1234 12"),
    ],
)
def test_padding_modes_copy_the_cells_that_the_documentation_draws(mode, cells):
    source = source_index(range(-2, 6), 4, mode)
    assert [i + 1 for i in source] == [int(c) for c in cells.replace(" ", "")]
    assert f"``{cells}``" in cl.conv.__doc__


# ---- oracle ----


@given(g=geometries(ranks=(1,), modes=("zeros",)), ceil_mode=st.booleans())
def test_pooling_sizes_are_torchs(torch, g, ceil_mode):
    n, kernel, s, d = *g.size, *g.kernel, *g.stride, *g.dilation
    p = min(g.padding[0][0], kernel // 2)  # all that torch allows
    if d * (kernel - 1) + 1 > n + 2 * p:
        n += d * (kernel - 1)
    pool = torch.nn.functional.max_pool1d
    expected = pool(torch.zeros(1, 1, n), kernel, s, p, d, ceil_mode=ceil_mode).shape[-1]
    ours = cl.output_size(n, kernel, stride=s, padding=p, dilation=d, ceil_mode=ceil_mode)
    assert ours == expected


def test_ceil_mode_leaves_out_a_window_that_starts_in_the_padding(torch):
    # ceil((2 + 2*1 - 2)/3) + 1 = 2, but window 1 starts at 3 >= 2 + 1: only window 0 stays
    pooled = torch.nn.functional.max_pool1d(torch.zeros(1, 1, 2), 2, 3, 1, ceil_mode=True)
    assert cl.output_size(2, 2, stride=3, padding=1, ceil_mode=True) == pooled.shape[-1] == 1


@given(g=geometries())
def test_padding_modes_copy_what_numpy_copies(g):
    for n, pair in zip(g.size, g.padding, strict=True):
        for mode, name in {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}.items():
            if mode != "reflect" or n > max(pair):
                expected = np.pad(np.arange(n), pair, mode=name)
                cells = range(-pair[0], n + pair[1])
                assert source_index(cells, n, mode) == expected.tolist()


def test_ceil_mode_lets_in_a_first_window_that_is_not_full(torch):
    # ceil((2 - 3)/2) + 1 = 1: the window holds two cells and hangs over by one
    pooled = torch.nn.functional.max_pool1d(torch.zeros(1, 1, 2), 3, 2, ceil_mode=True)
    assert pooled.shape[-1] == 1
    assert cl.output_size(2, 3, stride=2, ceil_mode=True) == 1


# ---- laws ----


@given(g=geometries())
def test_the_size_counts_the_windows(g):
    assert cl.output_size(g.size, g.kernel, **g.window) == g.out


@given(g=geometries(ranks=(1,)))
def test_rounding_up_adds_at_most_the_window_that_holds_the_rest(g):
    (n,), s, span = g.size, g.stride[0], g.dilation[0] * (g.kernel[0] - 1) + 1
    before, after = (min(p, span - 1) for p in g.padding[0])  # no window within the padding
    n += span
    options = {"stride": s, "padding": ((before, after),), "dilation": g.dilation}
    up = cl.output_size(n, g.kernel[0], **options, ceil_mode=True)
    down = cl.output_size(n, g.kernel[0], **options)
    rest = n + before + after - ((down - 1) * s + span)  # cells that no window reads
    assert up == down + (rest > 0 and down * s < n + before)


@given(g=geometries(modes=("zeros",)))
def test_output_padding_names_the_sizes_that_a_stride_makes_equal(g):
    """Of all input sizes that give `out`, the transposed sizes are the first `stride`, in turn."""
    for axis, n in enumerate(g.out):
        k, s, d, pair = (v[axis] for v in (g.kernel, g.stride, g.dilation, g.padding))
        window = {"stride": s, "padding": (pair,), "dilation": d}
        for extra in range(s):
            size = (n - 1) * s + d * (k - 1) + 1 + extra - sum(pair)
            if size >= 1:
                got = cl.transpose_output_size(n, k, **window, output_padding=extra)
                assert got == size
                assert cl.output_size(got, k, **window) == n


@given(g=geometries(ranks=(1,), modes=("zeros",)), extra=st.integers(0, 2))
def test_transposed_sizes_are_torchs(torch, g, extra):
    (n,), (k,), (s,), (d,), p = g.size, g.kernel, g.stride, g.dilation, g.padding[0][0]
    options = {"stride": s, "padding": p, "dilation": d, "output_padding": extra}
    x, weight = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
    try:
        expected = torch.nn.functional.conv_transpose1d(x, weight, **options).shape[-1]
    except RuntimeError:  # too much output_padding, or nothing is left
        expected = 0
    if expected:
        assert cl.transpose_output_size(n, k, **options) == expected
    else:
        with pytest.raises(ValueError, match=r"^transpose_output_size: "):
            cl.transpose_output_size(n, k, **options)


@given(n=st.integers(1, 30), kernel=small, dilation=small)
def test_same_keeps_the_size(n, kernel, dilation):
    assert cl.output_size(n, kernel, padding="same", dilation=dilation) == n


@given(
    layers=st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)),
        min_size=1,
        max_size=3,
    ),
    u=st.integers(0, 3),
)
def test_receptive_field_is_the_set_of_cells_that_reach_the_output(layers, u):
    cells = {u}  # walk back from output u: which cells of each layer's input does it read?
    for kernel, s, p, d in reversed(layers):
        cells = {cell * s - p + tap * d for cell in cells for tap in range(kernel)}
    size, jump, start = cl.receptive_field(layers)[-1]
    assert (min(cells), max(cells)) == (start + u * jump, start + u * jump + size - 1)


@given(layers=st.lists(st.tuples(small, small, st.integers(0, 3), small), max_size=4))
def test_receptive_field_of_a_prefix_is_a_prefix(layers):
    fields = cl.receptive_field(layers)
    assert fields[:-1] == cl.receptive_field(layers[:-1])
    assert len(fields) == len(layers)


@given(shape=st.lists(st.integers(0, 5), min_size=1, max_size=4), limit=st.integers(0, 200))
def test_tiles_partition_the_box(shape, limit):
    seen = np.zeros(shape, int)
    boxes = list(tiles(shape, limit))
    for box in boxes:
        seen[box] += 1
        assert seen[box].size <= max(1, limit)
        assert all(0 <= b.start <= b.stop <= n for b, n in zip(box, shape, strict=True))
    assert (seen == 1).all()
    if 1 <= np.prod(shape) <= limit:
        assert len(boxes) == 1  # all of it fits


def test_tiles_keep_the_last_axes_whole():
    assert list(tiles((2, 3, 4), 8)) == [
        (slice(b, b + 1), slice(i, min(i + 2, 3)), slice(0, 4)) for b in (0, 1) for i in (0, 2)
    ]


@given(g=geometries(), data=st.data())
def test_a_tile_reads_from_its_first_windows_start_to_its_last_windows_end(g, data):
    window = make_window(g.kernel, g.stride, g.padding, g.dilation, g.rank)
    box = []
    for o in g.out:
        start = data.draw(st.integers(0, o - 1))
        box.append(slice(start, data.draw(st.integers(start + 1, o))))
    for axis, (before, after) in enumerate(window.reach(g.size, box)):
        n, b = g.size[axis], box[axis]
        span = g.dilation[axis] * (g.kernel[axis] - 1) + 1
        first = starts(
            n, *g.padding[axis], g.kernel[axis], g.stride[axis], g.dilation[axis]
        )  # where windows start
        assert (-before, n + after) == (first[b.start], first[b.stop - 1] + span)


# ---- contract ----


@pytest.mark.parametrize(
    ("n", "kernel", "options", "error", "words"),
    [
        (32, 3.0, {}, TypeError, "kernel_size must be an int; got kernel_size=3.0."),
        (32.0, 3, {}, TypeError, "input_size must be an int; got input_size=32.0."),
        (32, 3, {"stride": True}, TypeError, "stride must be an int; got stride=True."),
        (32, 3, {"stride": 1.5}, TypeError, "stride must be an int; got stride=1.5."),
        (32, 3, {"stride": None}, TypeError, "stride must be an int; got stride=None."),
        (32, 3, {"stride": 0}, ValueError, "stride must be at least 1; got stride=0."),
        (32, 3, {"dilation": 0}, ValueError, "dilation must be at least 1; got dilation=0."),
        (32, 0, {}, ValueError, "kernel_size must be at least 1; got kernel_size=0."),
        (0, 3, {}, ValueError, "input_size must be at least 1; got input_size=0."),
        ((8, 8), (3, 3, 3), {}, ValueError, "must be an int or 2 ints, one per axis; got 3: "),
        ((8, 8), 3, {"stride": (1, -2)}, ValueError, "at least 1; got stride=(1, -2)."),
        (8, 3, {"padding": -1}, ValueError, "padding must be at least 0; got padding=-1."),
        (8, 3, {"padding": -1}, ValueError, "To crop, slice the input first."),
        (8, 3, {"padding": 0.5}, TypeError, "padding must be an int, "),
        (8, 3, {"padding": False}, TypeError, "got padding=False."),
        (8, 3, {"padding": (1, 1)}, ValueError, "got padding=(1, 1)."),
        ((8, 8), 3, {"padding": ((1, 1, 1), 1)}, ValueError, "2 (before, after) pair"),
        (8, 3, {"padding": "full"}, ValueError, '"same" or "valid"; got padding=\'full\'.'),
        (8, 3, {"padding": "same", "stride": 2}, ValueError, "needs stride 1; got stride=(2,)."),
        (4, 3, {"padding": 1, "dilation": 3}, ValueError, "spans 3*(3 - 1) + 1 = 7, the padded"),
        (4, 3, {"padding": 1, "dilation": 3}, ValueError, "input is 4 + 2*1 = 6."),
        (4, 3, {"padding": 1, "dilation": 3}, ValueError, "Use padding >= 2 or dilation <= 2."),
        (4, 9, {"padding": ((1, 2),)}, ValueError, "4 + 1 + 2 = 7. Use padding >= 3."),
    ],
)
def test_output_size_refuses_with_the_numbers(n, kernel, options, error, words):
    with pytest.raises(error, match=f"^output_size: .*{re.escape(words)}"):
        cl.output_size(n, kernel, **options)


@pytest.mark.parametrize(
    ("n", "kernel", "options", "error", "words"),
    [
        (4, 3, {"output_padding": 1}, ValueError, "less than stride or dilation; got "),
        (4, 3, {"stride": 2, "output_padding": 2}, ValueError, "got output_padding=2, stride=2, "),
        (4, 3, {"stride": 2, "output_padding": 2}, ValueError, "Use output_padding <= 1."),
        (4, 3, {"output_padding": -1}, ValueError, "output_padding must be at least 0; got"),
        (4, 3, {"output_padding": 0.5}, TypeError, "output_padding must be an int; got"),
        (1, 3, {"padding": 2}, ValueError, "its size is (1 - 1)*1 + 3 - 4 = -1. Use less padding"),
        (0, 3, {}, ValueError, "input_size must be at least 1; got input_size=0."),
        (4, 3, {"padding": -1}, ValueError, "padding must be at least 0; got padding=-1."),
    ],
)
def test_transpose_output_size_refuses_with_the_numbers(n, kernel, options, error, words):
    with pytest.raises(error, match=f"^transpose_output_size: .*{re.escape(words)}"):
        cl.transpose_output_size(n, kernel, **options)


@given(
    n=st.integers(1, 8),
    kernel=st.integers(2, 9),
    dilation=st.integers(1, 5),
    pair=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_the_repair_that_a_message_names_is_the_nearest_that_works(n, kernel, dilation, pair):
    span, padded = dilation * (kernel - 1) + 1, n + sum(pair)
    if span <= padded:
        assert cl.output_size(n, kernel, dilation=dilation, padding=(pair,)) >= 1
        return
    with pytest.raises(ValueError, match="no window fits") as caught:
        cl.output_size(n, kernel, dilation=dilation, padding=(pair,))
    message = str(caught.value)
    assert f"{dilation}*({kernel} - 1) + 1 = {span}" in message
    assert f"= {padded}. Use " in message
    padding = int(re.search(r"padding >= (\d+)", message)[1])
    assert cl.output_size(n, kernel, dilation=dilation, padding=padding) >= 1
    with pytest.raises(ValueError, match="no window fits"):
        cl.output_size(n, kernel, dilation=dilation, padding=padding - 1)
    smaller = re.search(r"dilation <= (\d+)", message)
    assert (smaller is not None) == (kernel <= padded)  # else no dilation helps
    if smaller:
        assert cl.output_size(n, kernel, dilation=int(smaller[1]), padding=(pair,)) >= 1
        with pytest.raises(ValueError, match="no window fits"):
            cl.output_size(n, kernel, dilation=int(smaller[1]) + 1, padding=(pair,))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pair", [(0, 3), (3, 0), (4, 0), (0, 5)])
def test_a_small_input_is_mirrored_and_wrapped_only_so_far(mode, pair):
    window = make_window(1, 1, (pair,), 1, 1, mode)
    most = {"reflect": 3, "circular": 4}.get(mode, 9)  # for size 4
    if max(pair) <= most:
        assert check_padding(window, (4,)) is None
        return
    words = rf'^padding_mode="{mode}".* got padding {max(pair)} for size 4\. Use .*<= {most}'
    with pytest.raises(ValueError, match=words):
        check_padding(window, (4,))


@pytest.mark.parametrize(
    ("layers", "error", "words"),
    [
        (7, TypeError, "must be a list of tuples, one a layer; got 7."),
        ([3], ValueError, "a layer is (kernel_size, stride, padding, dilation)"),
        ([()], ValueError, "got ()."),
        ([(3, 1, 0, 1, 1)], ValueError, "got (3, 1, 0, 1, 1)."),
        ([(3,), (3.0,)], TypeError, "kernel_size must be an int; got kernel_size=3.0."),
        ([(3, 0)], ValueError, "stride must be at least 1; got stride=0."),
        ([(3, 1, -1)], ValueError, "padding must be at least 0; got padding=-1."),
    ],
)
def test_receptive_field_refuses_with_the_numbers(layers, error, words):
    with pytest.raises(error, match=f"^receptive_field: .*{re.escape(words)}"):
        cl.receptive_field(layers)


def test_a_mirror_of_one_cell_shows_that_cell():
    assert source_index(range(-2, 3), 1, "reflect") == [0] * 5


def test_where_no_window_fits_the_largest_kernel_is_named():
    # taps two apart: a kernel of 2 spans 3 of the 4 cells, one of 3 spans 5
    with pytest.raises(ValueError, match=r"Use a kernel of 2 or a larger input\.$"):
        cl.avg_pool(np.ones((1, 1, 4)), 5, dilation=2)
