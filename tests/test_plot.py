"""The book's pictures: what is written in which cell, and which cells are marked."""

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

from convlib import plot  # noqa: E402 (needs matplotlib)


@pytest.fixture(autouse=True)
def _own_style():
    with plt.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def ax():
    return plt.figure().add_subplot()


def cells(ax):
    """Each cell's corner with its number, its face and the number's colour."""
    colour = matplotlib.colors.to_hex
    return {
        patch.get_xy(): (text.get_text(), colour(patch.get_facecolor()), text.get_color())
        for patch, text in zip(ax.patches, ax.texts, strict=False)
    }


def words(fig):
    return [text.get_text() for text in fig.axes[0].texts]


def marked(fig):
    """Corners of the cells with a full colour, by kind."""
    strong = {plot.INPUT: "input", plot.KERNEL: "kernel", plot.OUTPUT: "output"}
    found = {"input": [], "kernel": [], "output": []}
    for patch in fig.axes[0].patches:
        kind = strong.get(matplotlib.colors.to_hex(patch.get_facecolor()).upper())
        if kind:
            found[kind].append(patch.get_xy())
    return found


def test_grid_by_hand(ax):
    values = np.array([[1.0, 2.5], [np.nan, -3.0]])
    plot.grid(ax, values, "kernel", origin=(10, 20), marked={(0, 1)}, label="$w$")
    soft, full, paper = plot.KERNEL_SOFT.lower(), plot.KERNEL.lower(), plot.PAPER.lower()
    assert cells(ax) == {
        (10, 20): ("1", soft, plot.INK),
        (11, 20): ("2.5", full, plot.PAPER),  # marked
        (10, 21): ("0", paper, plot.MUTED),  # NaN: a zero of the padding
        (11, 21): ("-3", soft, plot.INK),
    }
    label = ax.texts[-1]
    assert (label.get_text(), label.get_position()) == ("$w$", (11, 22.2))


@pytest.mark.parametrize("kind", plot.SOFT)
def test_every_kind_has_its_colours(ax, kind):
    plot.grid(ax, np.array([[0, 1]]), kind, marked=[(0, 0)])
    faces = [face for _, face, _ in cells(ax).values()]
    assert faces == [plot.STRONG[kind].lower(), plot.SOFT[kind].lower()]
    edges = [matplotlib.colors.to_hex(p.get_edgecolor()) for p in ax.patches]
    assert edges == [plot.PAPER.lower(), plot.STRONG[kind].lower()]
    assert len(ax.texts) == 2  # no label was asked for


def test_grid_refuses_a_kind_without_colours(ax):
    with pytest.raises(KeyError, match="weights"):
        plot.grid(ax, np.ones((1, 1)), "weights")


def test_equation_by_hand():
    a, b = np.array([[1, 2], [3, 4], [5, 6]]), np.array([[7], [8]])
    fig = plot.equation(
        [(a, "kernel", (), "a"), (b, "input", {(1, 0)}, ""), (a @ b, "output", (), "c")],
        signs=["@", "="],
    )
    # a is 2 wide, b 1, c 1, with gaps of 1.2; b is centred: it starts half a cell lower
    assert words(fig) == [
        *"123456", "a", "@", "7", "8", "=", "23", "53", "83", "c", "",
    ]  # fmt: skip
    ax = fig.axes[0]
    corners = [[3.2, 0.5], [3.2, 1.5], [5.4, 0], [5.4, 1], [5.4, 2]]
    np.testing.assert_allclose([p.get_xy() for p in ax.patches[6:]], corners)
    assert marked(fig)["input"] == [pytest.approx((3.2, 1.5))]
    assert ax.texts[7].get_position() == pytest.approx((2.6, 1.5))  # "@": in the gap, half way down
    assert fig.get_size_inches() == pytest.approx((0.5 * (6.4 + 0.2), 0.5 * (3 + 0.1 + 0.9)))
    fig.canvas.draw()


def test_a_wide_equation_fits_the_page():
    fig = plot.equation([(np.ones((1, 60)), "plain", (), "")], signs=[])
    assert fig.get_size_inches() == pytest.approx((8 / 60 * 60.2, 8 / 60 * 1.2))  # no label


def test_equation_needs_a_sign_between_each_two():
    with pytest.raises(ValueError, match="argument 2 is"):
        plot.equation([(np.ones((1, 1)), "plain", (), "")], signs=["+"])


def test_step_by_hand():
    fig = plot.step(np.arange(9).reshape(3, 3), np.arange(4).reshape(2, 2), at=(1, 0))
    assert words(fig) == [
        *"012345678", "$x$", "$*$", *"0123", "$w$", "$=$", "19", "25", "37", "43", "$y$", "",
    ]  # fmt: skip
    found = marked(fig)
    # output (1, 0) sees rows 1 and 2, columns 0 and 1 (right, down)
    assert found["input"] == [(0, 1), (1, 1), (0, 2), (1, 2)]
    assert found["kernel"] == []
    # x is 3 wide, w 2, gaps 1.2: y starts at 7.4; being 2 high in 3, at 0.5; row 1
    assert found["output"] == [pytest.approx((7.4, 1.5))]


def test_step_with_stride_padding_and_dilation():
    x, weight = np.ones((3, 4)), np.ones((2, 2))
    fig = plot.step(x, weight, at=(1, 1), stride=(2, 1), padding=(1, 0), dilation=(1, 2))
    # padded (5, 4): the window of output (1, 1) starts at (1*2, 1*1), taps (1, 2) apart
    assert marked(fig)["input"] == [(1, 2), (3, 2), (1, 3), (3, 3)]
    numbers = words(fig)[: 5 * 4]
    assert numbers == [*"0000", *"1111" * 3, *"0000"]
    # row 0 of y sees a row of padding (1*2 ones), row 1 rows 2 and 3, both of x (2*2 ones)
    assert words(fig)[-6:-2] == ["2", "2", "4", "4"]


def test_step_refuses_what_conv_refuses():
    with pytest.raises(ValueError, match=r"^step: stride must be at least 1; got stride=0\."):
        plot.step(np.ones((3, 3)), np.ones((2, 2)), stride=0)
    with pytest.raises(ValueError, match="no window fits"):
        plot.step(np.ones((3, 3)), np.ones((4, 4)))


def test_lowering_by_hand():
    x, weight = np.arange(9).reshape(1, 1, 3, 3), np.arange(4).reshape(1, 1, 2, 2)
    fig = plot.lowering(x, weight, column=2)
    assert words(fig) == [
        *"0123", "$(K, R)$", "@",
        *"0134", *"1245", *"3467", *"4578", "$(R, L)$", "$=$",
        "19", "25", "37", "43", "$(K, L)$", "",
    ]  # fmt: skip
    found = marked(fig)
    # w is 4 wide and a gap 1.2: the columns start at 5.2, column 2 at 7.2; y starts at 10.4
    assert found["input"] == [pytest.approx((7.2, row)) for row in range(4)]
    assert found["output"] == [pytest.approx((12.4, 1.5))]


def test_lowering_takes_stride_and_padding():
    x, weight = np.ones((1, 2, 3, 3)), np.ones((3, 2, 3, 3))
    fig = plot.lowering(x, weight, stride=2, padding=1)
    # 3 kernels of 18, 18 by 4 columns, 3 by 4 results, each corner window seeing 2*4 cells
    assert len(fig.axes[0].patches) == 3 * 18 + 18 * 4 + 3 * 4
    assert words(fig)[-14:-2] == ["8"] * 12
    assert len(marked(fig)["output"]) == 3


def test_lowering_draws_the_first_image():
    x = np.stack([np.ones((1, 2, 2)), np.full((1, 2, 2), 9.0)])
    assert words(plot.lowering(x, np.ones((1, 1, 1, 1))))[3:7] == ["1"] * 4


def test_photos():
    images = [np.eye(4), np.ones((2, 4)), np.zeros((4, 4, 3))]
    fig = plot.photos(images, ["one", "two", "three"])
    assert [ax.get_title() for ax in fig.axes] == ["one", "two", "three"]
    for ax, image in zip(fig.axes, images, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), image)
        assert not ax.axison
    assert fig.get_size_inches() == pytest.approx((9, 3.3))  # the tallest is as high as wide
    assert plot.photos(images[1:2]).get_size_inches() == pytest.approx((3, 1.8))


def test_signed_photos_are_centred_on_zero():
    images = [np.array([[-2.0, 1.0]]), np.array([[0.5, 3.0]]), np.zeros((1, 2))]
    fig = plot.photos(images, signed=True)
    assert [ax.images[0].get_clim() for ax in fig.axes[:2]] == [(-2, 2), (-3, 3)]
    assert fig.axes[2].images[0].get_clim() == (0, 0)
    assert [ax.get_title() for ax in fig.axes] == ["", "", ""]
    fig.canvas.draw()
    one = plot.photos([np.array([[-2.0, 1.0]])])
    assert one.axes[0].images[0].get_clim() == (-2, 1)


def test_photos_on_one_grey_scale():
    fig = plot.photos([np.eye(2), np.eye(2) * 9], limits=(-1, 5))
    assert [ax.images[0].get_clim() for ax in fig.axes] == [(-1, 5), (-1, 5)]


class Shell:
    def __init__(self):
        self.asked = []

    def run_line_magic(self, name, line):
        self.asked.append((name, line))

    @property
    def InteractiveTB(self):
        return types.SimpleNamespace(set_mode=lambda mode: self.asked.append(("errors", mode)))


@pytest.mark.parametrize("shell", [None, Shell()], ids=["in a script", "in a notebook"])
def test_use_style(monkeypatch, shell):
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    plot.use_style()
    assert plt.rcParams["image.cmap"] == "gray"
    assert plt.rcParams["axes.facecolor"] == plot.PAPER
    colours = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    assert colours[:3] == [plot.INPUT, plot.KERNEL, plot.OUTPUT]
    if shell:
        assert shell.asked == [
            ("config", "InlineBackend.figure_formats = ['svg']"),
            ("errors", "Minimal"),
        ]


def test_use_style_without_ipython(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    plot.use_style()
    assert plt.rcParams["svg.hashsalt"] == "convlib"
    assert "IPython" not in sys.modules


def test_colours_are_okabe_and_itos():
    assert (plot.INPUT, plot.KERNEL, plot.OUTPUT) == ("#0072B2", "#D55E00", "#009E73")


def test_tensors_are_drawn_too(torch):
    x, weight = torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2)
    fig = plot.lowering(x[None, None], weight[None, None])
    assert words(fig)[-6:-2] == ["19", "25", "37", "43"]


def test_colours_are_those_of_the_pages_and_labs():
    sheet = Path(plot.__file__).with_name("labs") / "static" / "tokens.css"
    light = sheet.read_text(encoding="utf-8").partition("}")[0]
    tokens = dict(re.findall(r"--cl-([a-z-]+): (#[0-9a-f]{6});", light))
    for name in ("ink", "muted", "line", "surface", "paper", "input", "kernel", "output", "accent"):
        assert getattr(plot, name.upper()).lower() == tokens[name]
    for name in ("input", "kernel", "output"):
        assert plot.SOFT[name].lower() == tokens[f"{name}-soft"]
