"""How exact float32 is: every layer of the benchmark, by every method, against float64.

    python -m benchmarks.accuracy            about two minutes; writes book/accuracy.md

The error of a result is its largest difference from the float64 result, over that result's root
mean square: a bound for every single output, in units of a typical one.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

import convlib as cl
from convlib.methods import winograd

from .layers import CONVOLUTIONS, Case, all_cases

METHODS = ("im2col", "rows", "taps", "winograd", "fft", "auto")
GRADIENTS = ("by the input", "by the weight")
RESULTS = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "book" / "accuracy.md"
BOUND = 2e-4  # what the library promises for the forward pass, by any method


def error(found: Any, truth: np.ndarray) -> float:
    """The largest difference, over the root mean square of the truth."""
    return float(np.abs(np.asarray(found, float) - truth).max() / np.sqrt((truth**2).mean()))


def problem(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Input and kernels as float64 that float32 holds exactly: only the sums are judged."""
    rng = np.random.default_rng(len(case.name))
    shapes = (1, *case.x), case.weight
    x, weight = (rng.standard_normal(shape, np.float32).astype(float) for shape in shapes)
    return x, weight


def forward(case: Case) -> dict[str, float]:
    """Errors of the output, by method; a method that does not do the layer is left out."""
    x, weight = problem(case)
    truth = cl.conv(x, weight, method="im2col", **case.options)
    x, weight = x.astype(np.float32), weight.astype(np.float32)
    found = {}
    for method in METHODS:
        try:
            found[method] = error(cl.conv(x, weight, method=method, **case.options), truth)
        except ValueError:
            continue
    by_torch = cl.conv(*map(torch.from_numpy, (x, weight)), method="native", **case.options)
    return found | {"torch": error(by_torch, truth)}


def backward(case: Case) -> dict[str, dict[str, float]]:
    """Errors of the two gradients, by library."""
    x, weight = problem(case)
    shape = cl.conv(x, weight, **case.options).shape
    grad = np.random.default_rng(1).standard_normal(shape, np.float32).astype(float)
    truth = cl.conv_backward(grad, x, weight, **case.options)
    arrays = [a.astype(np.float32) for a in (grad, x, weight)]
    ours = cl.conv_backward(*arrays, **case.options)
    grad, *leaves = map(torch.from_numpy, arrays)
    leaves = [leaf.requires_grad_() for leaf in leaves]
    theirs = torch.autograd.grad(F.conv2d(*leaves, **case.options), leaves, grad)
    return {
        name: {"convlib": error(ours[i], truth[i]), "torch": error(theirs[i], truth[i])}
        for i, name in enumerate(GRADIENTS)
    }


def measure() -> list[dict[str, Any]]:
    """Every convolution of the benchmark."""
    cases = [case for case in all_cases() if case.kind in CONVOLUTIONS]
    return [
        {"name": case.name, "kind": case.kind, "forward": forward(case), **backward(case)}
        for case in tqdm(cases, unit="layer")
    ]


def table(figures: list[dict[str, Any]], result: str) -> str:
    """Worst error by kind of layer, as Markdown; a column for each method or library."""
    columns = list(dict.fromkeys(name for figure in figures for name in figure[result]))
    lines = [f"| layers | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for kind in CONVOLUTIONS:
        of_kind = [figure[result] for figure in figures if figure["kind"] == kind]
        worst = [
            max((errors[column] for errors in of_kind if column in errors), default=None)
            for column in columns
        ]
        cells = ["–" if value is None else f"{value:.1e}" for value in worst]
        lines.append(f"| {kind} ({len(of_kind)}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def winograd_factors(figures: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Winograd's errors in units of im2col's: of layers with many tiles, and of those with few."""
    cases = {case.name: case for case in all_cases()}
    factors: tuple[list[float], list[float]] = [], []
    for figure in figures:
        errors, case = figure["forward"], cases[figure["name"]]
        if figure["kind"] != "1x1" and "winograd" in errors and case.weight:
            outputs = 7 - case.weight[2]  # of a tile, per axis; these layers keep their size
            tiles = math.prod(-(-n // outputs) for n in case.x[1:])
            factors[tiles < winograd.MANY].append(errors["winograd"] / errors["im2col"])
    return factors


def page(figures: list[dict[str, Any]]) -> str:
    """The whole page of the book."""
    forwards = [figure["forward"] for figure in figures]
    worst = max(max(errors.values()) for errors in forwards)
    left = {m: -math.log10(max(e.get(m, 0) for e in forwards)) for m in ("im2col", "winograd")}
    large, small = winograd_factors(figures)
    square = [f[GRADIENTS[0]] for f in figures if f["kind"] == CONVOLUTIONS[0]]
    apart = sum(errors["convlib"] > 10 * errors["torch"] for errors in square)
    return f"""\
<!-- Written by `python -m benchmarks.accuracy`. -->
# How exact float32 is

A float32 number holds about seven digits. A layer adds up to thousands of products, each of them
rounded. How many digits are left? Here is every convolution of AlexNet, VGG-16, ResNet-50,
ResNeXt-50 and MobileNet, {len(figures)} distinct layers, computed in float32 and compared with
the same layer in float64.

The error is the *largest* difference among all outputs of a layer, divided by the root mean square
of those outputs: what the worst output loses, in units of a typical one. Inputs and kernels are
drawn from a normal distribution. Each cell is the worst layer of its kind; in brackets, how many
layers there are. `auto` is what `cl.conv` does when you do not choose. A dash says that a method
does not do such layers: Winograd's needs stride 1. With a kernel of one cell it has nothing to
save, and is im2col.

*Stems* are first layers. *32x4d* are ResNeXt's layers in 32 groups, which begin with 4 channels
each. *Other* are AlexNet's layers in two groups, one of them with 5×5 kernels.

## The output, by method

{table(figures, "forward")}

How many digits of a typical output are left, then? An error of $e$ leaves $-\\log_{{10}} e$. At
worst that is {left["im2col"]:.1f} with im2col and {left["winograd"]:.1f} with Winograd's method.

Three more things to see. Taps add one term to the sum after the other, where a matrix product keeps
several partial sums and adds those at the end: with thousands of terms that shows. Layer by layer,
and without the 1×1 kernels, Winograd's error is {min(large):.0f} to {max(large):.0f} times
im2col's. (The table shows the worst layer of each kind for each method, so its ratios differ.)
[Fast algorithms](beyond/fast-algorithms.ipynb) explains why: its transforms subtract numbers of
similar size. That holds for its large tiles. Where a layer is too small for {winograd.MANY} of
them, convlib takes tiles of 2×2 outputs, and the error is {min(small):.1f} to {max(small):.1f}
times im2col's. And the Fourier transform, for all its detours, is not the less exact way. Its
points have absolute value 1, so nothing grows. And it adds in pairs, then pairs of pairs: in a tile
of side $t$ a number passes through about $\\log_2 t$ additions along an axis, not $t$. Only the
channels are added in a row.

The library promises a forward error of at most {BOUND:.0e} by any method. The worst on this page is
{worst:.1e}.

## The gradients

They are compared with torch's, on the same arrays. The backward pass has no method to choose. But
at stride 1 the gradient with respect to the input is a convolution itself, and convlib computes it
as `auto` would. For most of the 3×3 layers that is Winograd's method, and the error is Winograd's:
in {apart} of the {len(square)} it is more than ten times torch's. The gradient with respect to the
kernels is a product with im2col's columns.

### With respect to the input

{table(figures, GRADIENTS[0])}

### With respect to the kernels

{table(figures, GRADIENTS[1])}
"""


def main() -> None:
    """Measure, and write the figures and the page."""
    figures = measure()
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
