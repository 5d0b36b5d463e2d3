"""The ratios as dots on a logarithmic axis, a panel a run; one SVG for light and dark pages."""

import textwrap
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from convlib.plot import ACCENT, INK, INPUT, KERNEL, LINE, MUTED, OUTPUT, PAPER, STYLE

from .report import by_kind, caption, contenders

TITLE = "Time of convlib and its peers as a multiple of torch's, by kind of layer"
LOOK = {
    "convlib (NumPy)": (INPUT, "o"),
    "convlib (torch)": (KERNEL, "o"),
    "jax": (OUTPUT, "s"),
    "torch, TF32": (OUTPUT, "s"),
    "mygrad": (ACCENT, "^"),
    "scipy": (MUTED, "D"),
    "onnx reference": (MUTED, "v"),
}
# The page turns dark with the reader's system: these colours stand out on black.
DARK = {
    INK: "#E6EDF3",
    MUTED: "#9DA7B1",
    LINE: "#30363D",
    PAPER: "#0D1117",
    INPUT: "#58A6DB",
    KERNEL: "#F0883E",
    OUTPUT: "#2FC49A",
    ACCENT: "#E3A5C5",
}


def draw(runs: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the picture; filled marks are the smallest batch, hollow ones the others."""
    tables = [by_kind(run) for run in runs]
    labels = list(dict.fromkeys(_label(row) for rows in tables for row in rows))
    style = {key: value for key, value in STYLE.items() if "constrained" not in key}
    with plt.rc_context(style):
        fig, axes = plt.subplots(
            1,
            len(runs),
            sharey=True,
            sharex=True,
            squeeze=False,
            figsize=(3 + 3.4 * len(runs), 2 + 0.34 * len(labels)),
            layout="constrained",
        )
        for ax, run, rows in zip(axes[0], runs, tables, strict=True):
            _panel(ax, run, rows, labels)
        _explain(fig, runs)
        text = StringIO()
        fig.savefig(text, format="svg", metadata={"Date": None, "Title": TITLE})
        plt.close(fig)
    path.write_text(_for_dark_pages(text.getvalue()))


def _explain(fig: Any, runs: Sequence[dict[str, Any]]) -> None:
    """Who is who above the panels; machines and versions below them."""
    handles = {h.get_label(): h for ax in fig.axes for h in ax.get_legend_handles_labels()[0]}
    fig.legend(handles.values(), handles, loc="outside upper center", ncols=min(4, len(handles)))
    width = round(22 * fig.get_figwidth())
    lines = [line for run in runs for line in textwrap.wrap(caption(run), width)]
    fig.supxlabel("\n".join(lines), fontsize=6, color=MUTED, ha="left", x=0.01)


def _label(row: dict[str, Any]) -> str:
    return row["kind"] + (", backward" if row["direction"] == "backward" else "")


def _panel(
    ax: Any, run: dict[str, Any], rows: Sequence[dict[str, Any]], labels: Sequence[str]
) -> None:
    names = [name for name in contenders(run["figures"]) if name in LOOK]
    smallest = min(run["plan"]["batches"])
    for row in rows:
        hollow = row["batch"] != smallest
        for name, (mean, _) in row["means"].items():
            color, marker = LOOK[name]
            place = (names.index(name) + 0.5 * hollow + 0.25) / len(names) - 0.5
            y = labels.index(_label(row)) + 0.8 * place
            ax.plot([mean.least, mean.greatest], [y, y], color=color, linewidth=0.8, alpha=0.6)
            face = PAPER if hollow else color
            label = f"{name}, batch {row['batch']}"
            look = {"color": color, "markerfacecolor": face, "markersize": 4, "label": label}
            ax.plot(mean.middle, y, marker, **look)
        if row["bar"]:
            y, look = labels.index(_label(row)), {"color": INK, "linewidth": 1.5, "label": "bar"}
            ax.plot([row["bar"]] * 2, [y - 0.45, y + 0.45], **look)
    ax.axvline(1, color=MUTED, linewidth=1)
    ax.set(xscale="log", xlabel="time / torch's", title=run["plan"]["label"])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)


def _for_dark_pages(svg: str) -> str:
    """Colours stand in `style` attributes: a rule for each overrides them where it is dark."""
    rules = [
        f'[style*="{kind}: {light.lower()}"] {{ {kind}: {dark} !important; }}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    ]
    style = f"<style>@media (prefers-color-scheme: dark) {{ {' '.join(rules)} }}</style>"
    head, start, rest = svg.partition("<defs>")
    return f"{head}{style}\n {start}{rest}"
