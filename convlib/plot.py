"""The book's pictures: small grids of numbers, windows, columns, photographs.

Input is blue, kernel orange, output green, here and in every formula and lab. Each function draws
into given axes, or makes a figure and returns it; the caller writes the alternative text.
Needs matplotlib (the extra ``plot``).
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

try:
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "convlib.plot needs matplotlib, the extra convbook[plot]. "
        'Use pip install "matplotlib>=3.9".',
        name=missing.name,
    ) from missing

from ._arrays import Array
from ._checks import public_exact
from ._types import IntOrInts
from .convolution import conv
from .geometry import make_window
from .lowering import im2col

# The page turns exactly these colours into those of its light or dark theme.
INK, MUTED, LINE, SURFACE, PAPER = "#1F2328", "#59636E", "#D0D7DE", "#F6F8FA", "#FFFFFF"
INPUT, INPUT_SOFT = "#0072B2", "#CCE3F0"
KERNEL, KERNEL_SOFT = "#D55E00", "#F9DCC9"
OUTPUT, OUTPUT_SOFT = "#009E73", "#CCECE3"
ACCENT = "#CC79A7"
STRONG = {"input": INPUT, "kernel": KERNEL, "output": OUTPUT, "plain": MUTED}
SOFT = {"input": INPUT_SOFT, "kernel": KERNEL_SOFT, "output": OUTPUT_SOFT, "plain": SURFACE}

STYLE = {
    "figure.dpi": 100,
    "figure.facecolor": PAPER,
    "figure.constrained_layout.use": True,
    "axes.facecolor": PAPER,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.prop_cycle": plt.cycler(color=[INPUT, KERNEL, OUTPUT, ACCENT, MUTED]),
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "font.size": 10.0,
    "image.cmap": "gray",
    "svg.hashsalt": "convlib",  # the same picture gives the same file
}


def use_style() -> None:
    """Set the book's colours for all figures; in a notebook also SVG pictures and short errors."""
    plt.rcParams.update(STYLE)
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        if shell is not None:
            shell.run_line_magic("config", "InlineBackend.figure_formats = ['svg']")
            # An error on purpose is there for its sentence, not for the calls that led to it.
            shell.InteractiveTB.set_mode("Minimal")


def grid(
    ax: Any,
    values: Array,
    kind: str = "input",
    *,
    origin: tuple[float, float] = (0, 0),
    marked: Collection[tuple[int, int]] = (),
    label: str = "",
) -> None:
    """Draw a matrix as unit cells with their numbers; NaN stands for a zero of the padding.

    Parameters
    ----------
    ax : matplotlib axes
    values : array (rows, columns)
    kind : "input", "kernel", "output" or "plain"
        The colour.
    origin : (right, down)
        Where the upper left corner stands; several grids can share one axes.
    marked : cells (row, column)
        Filled with the full colour, the number in white.
    label : str
        Written under the grid; a formula reads in every language.
    """
    left, top = origin
    for row, column in np.ndindex(*values.shape):
        value = float(values[row, column])
        padding, strong = np.isnan(value), (row, column) in marked
        face = STRONG[kind] if strong else (PAPER if padding else SOFT[kind])
        edge = PAPER if strong else (LINE if padding else STRONG[kind])
        ax.add_patch(
            Rectangle(
                (left + column, top + row), 1, 1, facecolor=face, edgecolor=edge, linewidth=1.0
            )
        )
        ax.text(
            left + column + 0.5,
            top + row + 0.52,
            "0" if padding else f"{value:g}",
            ha="center",
            va="center",
            color=PAPER if strong else (MUTED if padding else INK),
            fontsize=11,
        )
    if label:
        middle, under = left + values.shape[1] / 2, top + values.shape[0] + 0.2
        ax.text(middle, under, label, ha="center", va="top", color=MUTED, fontsize=11)


def equation(
    terms: Sequence[tuple[Array, str, Collection[tuple[int, int]], str]], signs: Sequence[str]
) -> Any:
    """Matrices in a row with signs between them, all cells of one size: ``a @ b = c`` as a picture.

    Parameters
    ----------
    terms : sequence of (values, kind, marked, label)
        As for `grid`.
    signs : one str between each two neighbours

    Returns
    -------
    matplotlib figure
    """
    gap = 1.2
    height = max(values.shape[0] for values, *_ in terms)
    width = sum(values.shape[1] for values, *_ in terms) + gap * len(signs)
    scale = min(0.5, 8 / width)  # inches a cell, so that no figure is wider than the page
    under = 0.9 if any(label for *_, label in terms) else 0.1
    fig, ax = plt.subplots(figsize=(scale * (width + 0.2), scale * (height + under + 0.1)))
    left = 0.0
    for (values, kind, marked, label), sign in zip(terms, (*signs, ""), strict=True):
        top = (height - values.shape[0]) / 2
        grid(ax, values, kind, origin=(left, top), marked=marked, label=label)
        left += values.shape[1] + gap
        ax.text(left - gap / 2, height / 2, sign, ha="center", va="center", fontsize=15)
    ax.set(xlim=(-0.1, width + 0.1), ylim=(height + under, -0.1), aspect="equal")
    ax.axis("off")
    return fig


@public_exact
def step(
    x: Array,
    weight: Array,
    at: tuple[int, int] = (0, 0),
    *,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
) -> Any:
    """One step of a convolution: the window on the input, the kernel, the output it gives.

    Parameters
    ----------
    x, weight : arrays (H, W) and (N, N)
    at : (row, column)
        The output that is computed.
    stride, padding, dilation : int or one int per axis

    Returns
    -------
    matplotlib figure
        Input (with its padding), kernel and output, each in its colour, the window marked.
    """
    window = make_window(weight.shape, stride, padding, dilation, 2)
    y = conv(x[None, None], weight[None, None], stride=stride, padding=padding, dilation=dilation)
    covered = {
        tuple(
            u * s + t * d
            for u, s, t, d in zip(at, window.stride, tap, window.dilation, strict=True)
        )
        for tap in np.ndindex(*weight.shape)
    }
    padded = np.pad(x.astype(float), window.padding, constant_values=np.nan)
    return equation(
        [
            (padded, "input", covered, "$x$"),
            (weight, "kernel", (), "$w$"),
            (y[0, 0], "output", {at}, "$y$"),
        ],
        signs=["$*$", "$=$"],
    )


def lowering(
    x: Array,
    weight: Array,
    column: int = 0,
    *,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
) -> Any:
    """The picture of im2col: kernels as rows, windows as columns, one product of matrices.

    Parameters
    ----------
    x, weight : arrays (B, C, H, W) and (K, C, N, N)
        The first image is drawn.
    column : int
        The window that is marked, in the order of the output, row by row.
    stride, padding : int or one int per axis

    Returns
    -------
    matplotlib figure
        ``(K, R) @ (R, L) = (K, L)`` with one column and its results marked.
    """
    columns = im2col(x, weight.shape[2:], stride=stride, padding=padding)[0]
    rows = weight.reshape(len(weight), -1)
    return equation(
        [
            (rows, "kernel", (), "$(K, R)$"),
            (columns, "input", {(r, column) for r in range(len(columns))}, "$(R, L)$"),
            (rows @ columns, "output", {(k, column) for k in range(len(rows))}, "$(K, L)$"),
        ],
        signs=["@", "$=$"],
    )


def photos(
    images: Sequence[Array],
    labels: Sequence[str] = (),
    *,
    signed: bool = False,
    limits: tuple[float, float] | None = None,
) -> Any:
    """Photographs side by side, without axes.

    Parameters
    ----------
    images : arrays (H, W) or (H, W, 3)
    labels : one str an image, optional
    signed : bool
        Centre the greys of each image on zero, for responses of either sign.
    limits : (black, white), optional
        One grey scale for all images; by default each has its own.

    Returns
    -------
    matplotlib figure
    """
    fig, axes = plt.subplots(
        1, len(images), figsize=(3.0 * len(images), 3.0 * _aspect(images) + 0.3), squeeze=False
    )
    for i, (ax, image) in enumerate(zip(axes[0], images, strict=True)):
        bound = float(np.abs(image).max())
        black, white = limits or ((-bound, bound) if signed else (None, None))
        ax.imshow(image, vmin=black, vmax=white)
        ax.axis("off")
        if labels:
            ax.set_title(labels[i], color=MUTED)
    return fig


def _aspect(images: Sequence[Array]) -> float:
    return max(image.shape[0] / image.shape[1] for image in images)
