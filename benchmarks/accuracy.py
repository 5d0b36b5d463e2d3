"""How exact float32 is: every layer of the benchmark, by every method, against float64.

    python -m benchmarks.accuracy            about three minutes; writes book/accuracy.md

The error of a result is its largest difference from the float64 result, over that result's root
mean square: a bound for every single output, in units of a typical one. Beside it stands the error
in the unit of what the library promises.
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
from convlib._tuning import WINOGRAD_LARGE
from convlib._work import Scratch
from convlib.methods._loudness import PROMISE, Loudness

from .layers import CONVOLUTIONS, Case, all_cases

METHODS = ("im2col", "rows", "taps", "winograd", "fft", "auto")
GRADIENTS = ("by the input", "by the weight")
RESULTS = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "book" / "accuracy.md"
BOUND = 2e-4  # what no method exceeds on these layers: measured, not promised
EPS = float(np.finfo(np.float32).eps)

TEXT = """\
<!-- Written by `python -m benchmarks.accuracy`. -->
# How exact float32 is

A float32 number holds about seven digits. A layer adds up to thousands of products, each of them
rounded. How many digits are left? Here is every convolution of AlexNet, VGG-16, ResNet-50,
ResNeXt-50 and MobileNet, {count} distinct layers, computed in float32 and compared with
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

{forward}

How many digits of a typical output are left, then? An error of $e$ leaves $-\\log_{{10}} e$. At
worst that is {left[im2col]:.1f} with im2col and {left[winograd]:.1f} with Winograd's method.

Three more things to see. Taps add one term to the sum after the other, where a matrix product keeps
several partial sums and adds those at the end: with thousands of terms that shows. Layer by layer,
and without the 1×1 kernels, Winograd's error is {large[0]:.0f} to {large[1]:.0f} times
im2col's. (The table shows the worst layer of each kind for each method, so its ratios differ.)
[Fast algorithms](beyond/fast-algorithms.ipynb) explains why: its transforms subtract numbers of
similar size. That holds for its large tiles. Where a layer is too small for {many} of
them, convlib takes tiles of 2×2 outputs, and the error is {small[0]:.1f} to {small[1]:.1f}
times im2col's. {by_columns} layers are in neither count. Their kernels see one to four channels. An
output is then a sum of few products, and what is promised below is small: too small for what the
tiles may lose. So convlib computes these layers by columns, and the errors are im2col's.

And the Fourier transform, for all its detours, is not the less exact way. All its points have
absolute value 1: no point is far out, so little grows. And it adds in pairs, then pairs of pairs:
in a tile of side $t$ a number passes through about $\\log_2 t$ additions along an axis, not $t$.
Only the channels are added in a row.

## What is measured, and what is promised

*Measured:* the worst output of these layers, by any method, is wrong by {worst:.1e} of a typical
one. (A test holds all of them to {bound:.0e}.) It is not a promise, because it hangs on the inputs:
they are all of one scale here. A single pixel of $10^4$ among them changes it.

*Promised* is a bound for any input, by every method on NumPy arrays. Call $n$ the number of
products in an output, $w\\,x$ one of them, and $\\varepsilon = 2^{{-23}}$ the precision of float32.
Take the sum of $|w|\\,|x|$ over the output's own window, or the one that is usual in its image and
group, whichever is larger:

$$
|\\text{{error}}| \\;\\le\\; {promise:.0f}\\; n\\, \\varepsilon \\;
    \\max\\Big(\\sum |w|\\,|x|,\\ \\text{{usual}}\\Big).
$$

The usual sum is a median over the cells where it is not 0, or 8 times the tenth percentile, if
that is less. Each image and each group is judged alone, so what other images of the batch hold
changes no promise.

So no output is spoiled by a loud pixel that its window does not see. But a quiet region of less
than a tenth of an image may lose digits relative to itself. The bound holds before the bias is
added and before a result is rounded to float16, and as long as nothing over- or underflows. [Fast
algorithms](#sec-fast-loud) derives it, and says which step of it rests on a search and not on a
proof.

A bound for the worst inputs is far from what ordinary ones do. Where {promise:.0f} is promised, the
worst layer on this page has {auto:.2f} with `auto`, and {share:.2f} with the worst method for it.
Expect some fifty times less than what is promised, or better.

## The gradients

They are compared with torch's, on the same arrays. The backward pass was left at `auto`. At
stride 1 the gradient with respect to the input is a convolution itself, and convlib computes it
as the forward pass would. For most of the 3×3 layers that is Winograd's method, and the error shows
it: in {apart} of the {square} it is more than ten times torch's. The gradient with respect to the
kernels is a product with im2col's columns.

### With respect to the input

{by_input}

### With respect to the kernels

{by_weight}
"""


def error(found: Any, truth: np.ndarray) -> float:
    """The largest difference, over the root mean square of the truth."""
    return float(np.abs(np.asarray(found, float) - truth).max() / np.sqrt((truth**2).mean()))


def promised(case: Case, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The unit of the promise: ``n * eps`` times the output's own sum of |w||x|, or the usual one.

    What is usual in a group, the library finds: see "Fast algorithms".
    """
    own = cl.conv(abs(x), abs(weight), method="im2col", **case.options)
    loudness = Loudness(weight, case.options["groups"], x.dtype)
    with Scratch(x) as scratch:
        loudness.record(tuple(slice(0, n) for n in (len(x), *x.shape[2:])), x, scratch)
    of_kernels = loudness.usual().repeat(len(weight) // case.options["groups"], axis=1)
    usual = of_kernels.reshape(*own.shape[:2], *(1 for _ in x.shape[2:]))
    return EPS * math.prod(weight.shape[1:]) * np.maximum(own, usual)


def problem(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Input and kernels as float64 that float32 holds exactly: only the sums are judged."""
    rng = np.random.default_rng(len(case.name))
    shapes = (1, *case.x), case.weight
    x, weight = (rng.standard_normal(shape, np.float32).astype(float) for shape in shapes)
    return x, weight


def forward(case: Case) -> tuple[dict[str, float], dict[str, float]]:
    """Errors of the output, by method, in both units; methods that do not do the layer left out."""
    x, weight = problem(case)
    truth = cl.conv(x, weight, method="im2col", **case.options)
    unit = promised(case, x, weight)
    x, weight = x.astype(np.float32), weight.astype(np.float32)
    found, of_promise = {}, {}
    for method in METHODS:
        try:
            y = cl.conv(x, weight, method=method, **case.options)
        except ValueError:
            continue
        found[method], of_promise[method] = error(y, truth), float((abs(y - truth) / unit).max())
    by_torch = cl.conv(*map(torch.from_numpy, (x, weight)), method="native", **case.options)
    return found | {"torch": error(by_torch, truth)}, of_promise


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
    figures = []
    for case in tqdm(cases, unit="layer"):
        errors, of_promise = forward(case)
        figures.append(
            {"name": case.name, "kind": case.kind, "forward": errors, "of the promise": of_promise}
            | backward(case)
        )
    return figures


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
    """Winograd's errors in units of im2col's: of layers with many tiles, and of those with few.

    Layers whose tiles were all computed by columns, so that the errors are im2col's, are left out.
    """
    cases = {case.name: case for case in all_cases()}
    factors: tuple[list[float], list[float]] = [], []
    for figure in figures:
        errors, case = figure["forward"], cases[figure["name"]]
        if "winograd" in errors and errors["winograd"] != errors["im2col"] and case.weight:
            outputs = 7 - case.weight[2]  # of a tile, per axis; these layers keep their size
            tiles = math.prod(-(-n // outputs) for n in case.x[1:])
            factors[tiles < WINOGRAD_LARGE].append(errors["winograd"] / errors["im2col"])
    return factors


def page(figures: list[dict[str, Any]]) -> str:
    """The whole page of the book."""
    worst = max(max(figure["forward"].values()) for figure in figures)
    forward, by_input, by_weight = (table(figures, name) for name in ("forward", *GRADIENTS))
    square = [f[GRADIENTS[0]] for f in figures if f["kind"] == CONVOLUTIONS[0]]
    apart = sum(errors["convlib"] > 10 * errors["torch"] for errors in square)
    return TEXT.format(
        count=len(figures),
        worst=worst,
        bound=BOUND,
        promise=PROMISE,
        forward=forward,
        by_input=by_input,
        by_weight=by_weight,
        apart=apart,
        square=len(square),
        **of_winograd(figures),
        **of_promise(figures),
    )


def of_winograd(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """The digits that im2col and Winograd's method leave, and how far the two are apart."""
    forwards = [figure["forward"] for figure in figures]
    large, small = winograd_factors(figures)
    return {
        "left": {
            m: -math.log10(max(e.get(m, 0) for e in forwards)) for m in ("im2col", "winograd")
        },
        "large": (min(large), max(large)),
        "small": (min(small), max(small)),
        "many": WINOGRAD_LARGE,
        "by_columns": sum(
            f["kind"] != "1x1" and f["forward"].get("winograd") == f["forward"]["im2col"]
            for f in figures
        ),
    }


def of_promise(figures: list[dict[str, Any]]) -> dict[str, float]:
    """How much of the promise the worst layer takes, with `auto` and with the worst method."""
    shares = [figure["of the promise"] for figure in figures]
    return {
        "auto": max(share["auto"] for share in shares),
        "share": max(max(share.values()) for share in shares),
    }


def main() -> None:
    """Measure, and write the figures and the page."""
    figures = measure()
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
