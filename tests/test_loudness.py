"""The promise of "auto": no output is spoiled by a cell that its window does not see.

Judged by sums in float64: an error is measured in ``n * eps`` of the larger of two sums of |w||x|,
that of the output's own window and what is usual in its image and group.
"""

import math

import numpy as np
import pytest

import convlib as cl
from convlib.geometry import make_window
from convlib.methods import _loudness, _points, fft, winograd

EPS = np.finfo(np.float32).eps
HALVES = np.array([1.0, 1e-3])[np.arange(64) % 2]


def rng():
    return np.random.default_rng(0)


def image(*shape):
    return rng().standard_normal(shape or (2, 64, 40, 40)).astype(np.float32)


def kernels(*shape):
    return np.random.default_rng(1).standard_normal(shape or (64, 64, 3, 3)).astype(np.float32)


def errors(y, x, weight, **options):
    """Errors of `y` in ``n * eps`` of the larger of the two sums."""
    x, weight = x.astype(float), weight.astype(float)
    exact, sums = cl.conv(x, weight, **options), cl.conv(abs(x), abs(weight), **options)
    groups = options.get("groups", 1)
    taps = tuple(range(2, weight.ndim))
    heard = abs(weight).sum(axis=taps).reshape(groups, -1, weight.shape[1]).mean(axis=1)  # (G, C/G)
    loud = np.einsum("gc,bgcn->bgn", heard, abs(x).reshape(len(x), *heard.shape, -1))
    usual = np.array([[typical(each) for each in one] for one in loud])
    usual = usual.repeat(len(weight) // groups, axis=1).reshape(*sums.shape[:2], *(1 for _ in taps))
    return abs(y - exact) / (EPS * weight[0].size * np.maximum(sums, usual))


def typical(loud):
    """The median of what is not 0, but at most eight times what nine in ten exceed."""
    loud = np.sort(loud[loud > 0])
    return min(loud[len(loud) // 2], 8 * loud[len(loud) // 10]) if len(loud) else 0


def changed(x, places, value):
    x = x.copy()
    x[places] = value
    return x


def scattered(share):
    x, everywhere = image(), np.random.default_rng(2).random((2, 1, 40, 40)) < share
    return np.where(everywhere, np.float32(-9999), x)


def scaled():
    """Channels of scales from 1e-3 to 1e3, and kernels that make up for it."""
    scales = np.geomspace(1e-3, 1e3, 64).astype(np.float32)
    return image() * scales[:, None, None], kernels() / scales[:, None, None]


def hidden():
    """An outlier in a quiet channel, behind loud ones."""
    x, weight = scaled()
    return changed(x, (0, 0, 5, 5), 1e3), weight


def quarter_black():
    x = np.maximum(image(), 0)
    x[:, :, :, :30] = 0
    return x


def one_each(scale=1.0):
    """Each kernel reads one channel."""
    weight = np.zeros((64, 64, 3, 3), np.float32)
    weight[np.arange(64), np.arange(64)] = kernels(64, 3, 3)
    return weight * np.float32(scale)


def opposite():
    """Kernels that cancel what all channels have in common."""
    return kernels() - kernels().mean(axis=1, keepdims=True)


LOUD = {
    "a pixel of 1e4": lambda: (changed(image(), np.s_[0, :, 7, 7], 1e4), kernels()),
    "a pixel of 1e9 in one channel": lambda: (changed(image(), np.s_[1, 3, 0, 0], 1e9), kernels()),
    "a pixel of 1e30": lambda: (changed(image(), np.s_[0, :, 39, 39], 1e30), kernels()),
    "no data in a thousandth": lambda: (scattered(0.001), kernels()),
    "no data in a fifth": lambda: (scattered(0.2), kernels()),
    "no data in two fifths": lambda: (changed(image(), np.s_[:, :, :16], -9999), kernels()),
    "no data in half": lambda: (changed(image(), np.s_[:, :, :21], -9999), kernels()),
    "no data in four fifths": lambda: (changed(image(), np.s_[:, :, :32], -9999), kernels()),
    "one image of two": lambda: (
        changed(changed(image(), 1, 1e4 * image()[1]), np.s_[0, :, 7, 7], 1e4),
        kernels(),
    ),
    "an outlier in a quiet channel": hidden,
    "an outlier that the kernels cancel": lambda: (
        changed(image(), np.s_[0, :, 7, 7], 1e4),
        opposite(),
    ),
    "an outlier for kernels of one channel": lambda: (
        changed(image(), np.s_[0, 3, 7, 7], 1e4),
        one_each(),
    ),
    "large beyond the range of the maps": lambda: (image() * np.float32(1e36), kernels()),
    "small beyond it": lambda: (image() * np.float32(1e-36), kernels()),
    "denormal inputs": lambda: (image() * np.float32(1e-42), kernels() * np.float32(1e20)),
    "denormal kernels": lambda: (image() * np.float32(1e20), kernels() * np.float32(1e-42)),
    "one kernel far louder than the rest": lambda: (
        image(),
        changed(kernels(), 5, 1e9 * kernels()[5]),
    ),
}
QUIET = {
    "normal": lambda: (image(), kernels()),
    "after a ReLU": lambda: (np.maximum(image(), 0), kernels()),
    "offset, and kernels that sum to 0": lambda: (
        image() + np.float32(200),
        kernels() - kernels().mean(axis=(2, 3), keepdims=True),
    ),
    "channels of unlike scales": scaled,
    "every second channel quiet": lambda: (image() * HALVES[:, None, None].astype("f4"), kernels()),
    "a tenth active": lambda: (image() * (np.random.default_rng(3).random((2, 64, 40, 40)) < 0.1)
                               .astype("f4"), kernels()),
    "three quarters black": lambda: (quarter_black(), kernels()),
    "dead kernels": lambda: (image(), changed(kernels(), np.s_[::3], 0)),
    "dead channels": lambda: (changed(image(), np.s_[:, ::3], 0), kernels()),
    "all of 1e20": lambda: (image() * np.float32(1e20), kernels()),
    "all of 1e-20": lambda: (image() * np.float32(1e-20), kernels()),
    "kernels of 1e-20": lambda: (image(), kernels() * np.float32(1e-20)),
}  # fmt: skip


@pytest.fixture
def by_columns(monkeypatch):
    """The blocks that were computed by columns."""
    blocks, by_columns = [], _points._by_columns
    monkeypatch.setattr(
        _points, "_by_columns", lambda *given: blocks.append(given[4]) or by_columns(*given)
    )
    return blocks


@pytest.mark.parametrize("method", ["auto", "winograd", "fft"])
@pytest.mark.parametrize("name", LOUD)
def test_what_is_loud_spoils_nothing(by_columns, name, method):
    x, weight = LOUD[name]()
    if method == "fft":
        x, weight = x[:1], weight[:4]
    y = cl.conv(x, weight, padding=1, method=method)
    assert errors(y, x, weight, padding=1).max() <= (1 if by_columns else _loudness.PROMISE)
    assert by_columns or method == "fft"


@pytest.mark.parametrize("method", ["winograd", "fft"])
@pytest.mark.parametrize("name", QUIET)
def test_what_is_not_loud_is_computed_as_asked(by_columns, name, method):
    x, weight = QUIET[name]()
    y = cl.conv(x, weight, padding=1, method=method)
    assert not by_columns
    assert errors(y, x, weight, padding=1).max() <= 0.1  # of what a plain sum may have


def test_only_the_block_around_an_outlier_goes_by_columns(by_columns):
    x = changed(image(1, 64, 96, 96), np.s_[0, :, 7, 7], 1e4)
    cl.conv(x, kernels(), padding=1)
    (block,) = by_columns
    assert math.prod(at.stop - at.start for at in block[1:]) < 96 * 96 / 2
    assert all(at.start <= 7 < at.stop for at in block[1:])


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_copies_of_an_outlier_in_the_padding_count_too(by_columns, mode):
    x = changed(image(1, 64, 96, 96), np.s_[0, :, -1, -1], 1e4)
    y = cl.conv(x, kernels(), padding=1, padding_mode=mode)
    assert errors(y, x, kernels(), padding=1, padding_mode=mode).max() <= 1
    assert len(by_columns) == (4 if mode == "circular" else 1) or mode == "circular"
    assert by_columns


@pytest.mark.parametrize("value", [1e4, 1e9])
def test_gradients_and_transposed_convolutions_keep_the_promise_too(by_columns, value):
    x, grad = image(), changed(image(), np.s_[0, :, 7, 7], value)
    turned = np.flip(kernels().swapaxes(0, 1), (2, 3))
    grad_x, _, _ = cl.conv_backward(grad, x, kernels(), padding=1)
    assert errors(grad_x, grad, turned, padding=1).max() <= 1
    y = cl.conv_transpose(grad, kernels(), padding=1)
    assert errors(y, grad, turned, padding=1).max() <= 1
    backs, _, _ = cl.conv_transpose_backward(grad, x, turned.swapaxes(0, 1), padding=1)
    assert errors(backs, grad, turned.swapaxes(0, 1), padding=1).max() <= 1
    assert len(by_columns) >= 3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("where", ["x", "weight"])
def test_what_is_not_finite_stays_in_its_place(value, where):
    x, weight = image(1, 64, 40, 40), kernels()
    (x if where == "x" else weight)[0, 0, 1, 1] = value
    expected = cl.conv(x, weight, padding=1, method="im2col")
    for method in ("winograd", "fft"):
        y = cl.conv(x, weight, padding=1, method=method)
        np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
    y = cl.conv(x, np.where(np.arange(64) == 0, 0, weight.T).T.astype("f4"), padding=1)
    assert np.isfinite(y[:, 1:]).any()


def test_threads_do_not_mix_their_blocks_up(monkeypatch):
    """What is noted of a block is one entry, whoever else notes something meanwhile."""
    monkeypatch.setattr(_points, "threads_for", lambda *_, **__: 4)
    x = changed(image(1, 4, 160, 160), np.s_[0, :, 7, 7], 1e6)
    weight = kernels(4, 4, 3, 3)
    for _ in range(10):
        y = cl.conv(x, weight, padding=1, method="fft")
        assert errors(y, x, weight, padding=1).max() <= 1


@pytest.mark.parametrize("period", range(2, 14))
@pytest.mark.parametrize("axis", [-1, -2])
def test_no_pattern_hides_from_what_is_usual(period, axis):
    """Lines far apart or near, first or in the middle: what lies between them keeps its digits."""
    for first in (0, period // 2):
        lines = [slice(None)] * 4
        lines[axis] = slice(first, None, period)
        x = changed(image(1, 48, 42, 42), tuple(lines), 1e6)
        weight = kernels(48, 48, 3, 3)
        assert errors(cl.conv(x, weight), x, weight).max() <= _loudness.PROMISE / 10


def test_one_dead_column_is_not_what_is_usual():
    x, weight = changed(image(1, 48, 130, 26), np.s_[..., 13], 1e20), kernels(48, 48, 3, 3)
    assert errors(cl.conv(x, weight), x, weight).max() <= _loudness.PROMISE / 10


def test_what_else_is_in_the_batch_changes_no_digits():
    x = changed(image(3, 64, 32, 32), np.s_[0, :, 16, 16], 9999)
    x[1:] *= 1e4
    weight = kernels()
    np.testing.assert_allclose(cl.conv(x, weight)[:1], cl.conv(x[:1], weight), rtol=1e-3, atol=1e-3)
    assert errors(cl.conv(x, weight)[:1], x[:1], weight).max() <= _loudness.PROMISE / 10


def test_other_groups_change_no_digits():
    x = changed(image(1, 192, 32, 32), np.s_[0, :64, 16, 16], 9999)
    x[:, 64:] *= 1e4
    weight = kernels(192, 64, 3, 3)
    y = cl.conv(x, weight, groups=3)
    assert errors(y, x, weight, groups=3).max() <= _loudness.PROMISE / 10


def test_a_block_that_two_threads_read_is_recorded_once(monkeypatch):
    """Whoever comes first: the same blocks are too loud, and the result has the same bits."""
    x, weight = image(1, 8, 60, 120), kernels(60, 8, 5, 5)
    x[..., 60:] *= 1000
    monkeypatch.setattr(_points, "threads_for", lambda *_, **__: 3)
    first = cl.conv(x, weight, method="fft")
    for _ in range(5):
        np.testing.assert_array_equal(cl.conv(x, weight, method="fft"), first)


def test_nothing_at_all_is_computed_too(by_columns):
    for x, weight in ((0 * image(), kernels()), (image(), 0 * kernels())):
        assert not cl.conv(x, weight, method="winograd").any()
    assert by_columns


@pytest.mark.parametrize("dtype", ["f8", "f2", ">f4"])
def test_in_every_dtype(by_columns, dtype):
    x = changed(image().astype(dtype), np.s_[0, :, 7, 7], 6e4)
    y = cl.conv(x, kernels().astype(dtype), padding=1, method="winograd")
    assert by_columns
    expected = cl.conv(x, kernels().astype(dtype), padding=1, method="im2col")
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-4 if dtype != "f2" else 0.1)


# ---- by search: the worst inputs there are, all tiles just quiet enough ----


def hostile(generator, channels):
    """Kernels and tiles shaped like the rows of the matrices, the same in all channels."""
    a, g, b = winograd.transforms(4, 3)
    row, points = generator.integers(36), [np.kron(m, m) for m in (a, g, b)]
    tile = np.sign(points[2][row]).reshape(6, 6)
    tile = np.where(tile == 0, generator.choice([-1.0, 1.0], (6, 6)), tile)
    shapes = [np.sign(points[1][row]).reshape(3, 3), np.eye(1, 9, generator.integers(9))]
    shape = shapes[generator.integers(2)].reshape(3, 3)
    x = np.tile(tile, (5, 5)) * generator.random() + generator.normal(0, 1e-6)
    weight = np.broadcast_to(shape * generator.random(), (8, channels, 3, 3))
    return np.broadcast_to(x, (1, channels, 30, 30)).astype("f4"), weight.astype("f4")


@pytest.mark.parametrize("channels", [48, 128, 256, 512])
def test_the_worst_that_is_known_keeps_the_promise(monkeypatch, channels):
    """No more than `rounding` times `growth` times the loudest D: so the promise is kept."""
    monkeypatch.setattr(_points, "_by_columns", lambda *_: None)
    generator, worst = np.random.default_rng(channels), 0
    for _ in range(12):
        x, weight = hostile(generator, channels)
        y = cl.conv(x, weight, method="winograd")
        exact = cl.conv(x.astype(float), weight.astype(float))
        loudest = (abs(weight).sum(axis=(2, 3)).max(axis=0) @ abs(x[0]).reshape(channels, -1)).max()
        growth = winograd.Maps((3, 3), x, (4, 4)).growth
        worst = max(worst, abs(y - exact).max() / (EPS * growth * loudest))
    assert 0 < worst <= _loudness.rounding(channels)


def test_growth_by_hand():
    # F(2, 3) with points 0, 1, -1: rows of G at most 1, 1/2, 1/2, 1; rows of B.T add up to 2 each;
    # rows of A.T have three entries of 1 or -1: 2*1 + 2/2 + 2/2 = 4, or 2/2 + 2/2 + 2*1 = 4
    assert winograd.Maps((3,), image(1, 1, 8), (2,)).growth == 4
    assert winograd.Maps((3, 3), image(1, 1, 8, 8), (2, 2)).growth == 4 * 4
    assert fft.Maps(make_window(3, 1, 0, 1, 2), (30, 30), image(1, 1, 32, 32)).growth == 16  # 16x16
