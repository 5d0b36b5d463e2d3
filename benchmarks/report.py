"""From seconds to tables: ratios by layer, by kind and by network, beside what was aimed at."""

import re
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from convlib import network

from .layers import CONVOLUTIONS, KINDS, NAMES
from .timing import Spread, geometric_mean, ratios

ALL = "all layers"
OURS = "convlib"
# What was aimed at: times torch's, by kind and direction. (as installed, fitting kernels, fitting
# kernels on two threads); the first two on one thread.
BARS: dict[tuple[str, str], tuple[float, ...]] = {
    ("3x3 stride 1", "forward"): (1.15, 0.85, 1.0),
    ("1x1", "forward"): (1.0, 0.8, 1.0),
    ("stems and strided", "forward"): (2.0, 1.5, 1.8),
    ("grouped 32x4d", "forward"): (2.5, 2.5, 3.0),
    ("depthwise 3x3", "forward"): (4.0, 4.0, 5.0),
    (ALL, "forward"): (1.4, 1.0, 1.2),
    (ALL, "backward"): (2.0, 1.5, 1.8),
    ("max pooling", "forward"): (2.0,),
    ("average pooling", "forward"): (2.0,),
    ("ReLU", "forward"): (1.5,),
    ("SiLU", "forward"): (2.0,),
}
SETTINGS = (("as installed", 1), ("fitting", 1), ("fitting", 2))
MEMORY_BAR = 64 * 2**20  # bytes, of any layer
NOTE = (
    "Cells: the geometric mean over the layers of their median ratio to torch, and the least and "
    "greatest layer; in brackets how many layers, where a library has not all. Below 1 is faster "
    "than torch. Backward, torch differentiates a graph whose forward pass has run: of max pooling "
    "it has kept where the maxima are, and convlib and jax look for them again."
)


def bar(run: dict[str, Any], kind: str, direction: str) -> float | None:
    """What was aimed at in the setting of this run, if anything."""
    setting = (run["plan"]["setting"], run["plan"]["threads"])
    bars = BARS.get((kind, direction), ())
    if run["plan"]["device"] != "cpu" or setting not in SETTINGS[: len(bars)]:
        return None
    return bars[SETTINGS.index(setting)]


def contenders(figures: Iterable[dict[str, Any]]) -> list[str]:
    """Their names, convlib first; torch is what all are compared with."""
    names = dict.fromkeys(name for each in figures for name in each["seconds"] if name != "torch")
    return sorted(names, key=lambda name: not name.startswith(OURS))


def layer_ratios(figure: dict[str, Any]) -> dict[str, Spread]:
    """By contender, of one layer."""
    base = figure["seconds"]["torch"]
    return {name: ratios(own, base) for name, own in figure["seconds"].items() if name != "torch"}


def by_kind(run: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each batch, direction and kind, and one for all convolutions."""
    rows = []
    for batch, direction, figures in parts(run["figures"]):
        for kind in (*CONVOLUTIONS, ALL, *KINDS[len(CONVOLUTIONS) :]):
            wanted = CONVOLUTIONS if kind == ALL else (kind,)
            of_kind = [layer_ratios(each) for each in figures if each["kind"] in wanted]
            means = {
                name: (geometric_mean(values), len(values))
                for name in contenders(figures)
                if (values := [each[name].middle for each in of_kind if name in each])
            }
            row = {"batch": batch, "direction": direction, "kind": kind, "layers": len(of_kind)}
            rows.append(row | {"means": means, "bar": bar(run, kind, direction)})
    return [row for row in rows if row["layers"]]


def by_network(figures: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Seconds of all convolutions of a network, by contender: medians times how often."""
    totals: dict[str, dict[str, float]] = {}
    for title in NAMES.values():
        its = [e for e in figures if e["operation"] == "conv" and title in e["counts"]]
        if sum(each["counts"][title] for each in its) < convolutions_of(title):
            continue  # only some of its layers were asked for
        for name in ("torch", *contenders(its)):
            if all(name in each["seconds"] for each in its):
                totals.setdefault(title, {})[name] = sum(
                    each["counts"][title] * statistics.median(each["seconds"][name]) for each in its
                )
    return totals


def convolutions_of(title: str) -> int:
    """How many convolutions a network has."""
    (key,) = (key for key, name in NAMES.items() if name == title)
    return len(network(key).only("conv").layers)


def parts(figures: Sequence[dict[str, Any]]) -> list[tuple[int, str, list[dict[str, Any]]]]:
    """The figures of each batch and direction."""
    keys = dict.fromkeys((each["batch"], each["direction"]) for each in figures)
    return [
        (*key, [each for each in figures if (each["batch"], each["direction"]) == key])
        for key in keys
    ]


def caption(run: dict[str, Any]) -> str:
    """The machine, the versions, the threads and the kernels: they belong to every figure."""
    machine, plan = run["machine"], run["plan"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    where = machine.get("gpu") or f"{machine['processor']}, {machine['cores']} cores"
    return (
        f"{where}; {plan['label']}; {machine['blas']}, torch {machine['torch kernels']}"
        + "".join(f", {key} {machine[key]}" for key in ("cuda", "cudnn") if key in machine)
        + f"; Python {machine['python']}, {versions}; rounds: {plan['rounds']}; {machine['date']}."
        + (f" {machine['precision']}." if "precision" in machine else "")
    )


# ---- tables, that read as text and as Markdown ----


def number(value: float) -> str:
    """Three digits or so."""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def cell(spread: Spread) -> str:
    """A middle with its spread."""
    return f"{number(spread.middle)} ({number(spread.least)}–{number(spread.greatest)})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns of one width, the first to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in (aligned[0], rule, *aligned[1:]))


def layer_table(figures: Sequence[dict[str, Any]]) -> str:
    """A line for each layer: torch's milliseconds, the others' ratios."""
    names = contenders(figures)
    rows = []
    for each in figures:
        own = layer_ratios(each)
        milliseconds = 1e3 * statistics.median(each["seconds"]["torch"])
        cells = [cell(own[name]) if name in own else "" for name in names]
        rows.append([each["name"], number(milliseconds), *cells])
    return table(["layer", "torch, ms", *names], rows)


def kind_table(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """A line for each kind: what was aimed at, and what came."""
    lines = []
    for row in rows:
        cells = []
        for name in names:
            if name not in row["means"]:
                cells.append("")
                continue
            mean, layers = row["means"][name]
            few = f" [{layers}]" if layers < row["layers"] else ""
            cells.append(cell(mean) + few + _verdict(name, mean.middle, row["bar"]))
        aim = "" if row["bar"] is None else f"{row['bar']:g}"
        lines.append([row["kind"], str(row["layers"]), aim, *cells])
    return table(["kind", "layers", "bar", *names], lines)


def _verdict(name: str, value: float, aim: float | None) -> str:
    if aim is None or not name.startswith(OURS):
        return ""
    return " ✓" if value <= aim else " ✗"


def network_table(figures: Sequence[dict[str, Any]]) -> str:
    """All convolutions of a network, one after the other."""
    totals, names = by_network(figures), contenders(figures)
    rows = [
        [
            title,
            number(1e3 * own["torch"]),
            *(number(own[name] / own["torch"]) if name in own else "" for name in names),
        ]
        for title, own in totals.items()
    ]
    return table(["all convolutions of", "torch, ms", *names], rows)


def memory_table(run: dict[str, Any]) -> str:
    """The layer that needs most, by batch, direction and contender."""
    rows = []
    for batch, direction, each in parts(run["memory"]):
        for name in dict.fromkeys(name for one in each for name in one["bytes"]):
            worst = max(
                (one for one in each if name in one["bytes"]), key=lambda o: o["bytes"][name]
            )
            most, cpu = worst["bytes"][name], run["plan"]["device"] == "cpu"
            verdict = _verdict(name, most, MEMORY_BAR if cpu else None)
            size = f"{most / 2**20:.1f}{verdict}"
            rows.append([f"{name}, {direction}, batch {batch}", size, worst["name"]])
    aim = f"most beyond input and output, MiB (bar {MEMORY_BAR // 2**20})"
    return table(["peak memory", aim, "in"], rows)


def problems(run: dict[str, Any]) -> list[str]:
    """Who is missing, and whose answers were wrong."""
    lines = (
        [f"Not installed, so not measured: {', '.join(run['missing'])}."] if run["missing"] else []
    )
    wrong = (
        f"Not measured: {each['name']}, {each['direction']}, batch {each['batch']}: {reason}"
        for each in (*run["figures"], *run["memory"])
        for reason in each["refused"].values()
    )
    return [*lines, *wrong]


def sections(run: dict[str, Any], layers: bool) -> list[str]:
    """The paragraphs of one run; `layers` adds a line for each layer."""
    found = [caption(run), *problems(run)]
    rows = by_kind(run)
    for batch, direction, figures in parts(run["figures"]):
        of_part = [r for r in rows if (r["batch"], r["direction"]) == (batch, direction)]
        found.append(f"**{direction.capitalize()}, batch {batch}**")
        found += [layer_table(figures)] if layers else []
        found.append(kind_table(of_part, contenders(figures)))
        found += [network_table(figures)] if by_network(figures) else []
    return [*found, memory_table(run)] if run["memory"] else found


def text(run: dict[str, Any]) -> str:
    """All that the terminal shows of a run."""
    return "\n\n".join([*sections(run, layers=True), NOTE]) + "\n"


def markdown(runs: Sequence[dict[str, Any]], picture: str = "") -> str:
    """The page of the committed results."""
    image = (
        [f"![Ratios to torch by kind of layer, as in the tables below]({picture})"]
        if picture
        else []
    )
    found = ["# convlib beside its peers", NOTE, *image]
    for run in runs:
        title = run["plan"]["label"]
        found += [f"## {title[0].upper()}{title[1:]}", *sections(run, layers=False)]
    return "\n\n".join(found) + "\n"


def file_name(run: dict[str, Any]) -> str:
    """From the device: ``cpu-2-cores-avx2``, ``nvidia-h100``."""
    machine = run["machine"]
    name = machine.get("gpu") or f"cpu {machine['cores']} cores {machine['torch kernels']}"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
