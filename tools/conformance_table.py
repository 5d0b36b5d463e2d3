"""Run ONNX's test cases on convlib and write the book's page about them.

    python -m tools.conformance_table            write book/conformance.md
    python -m tools.conformance_table --check    only say whether it is as committed

A test does the second. Nothing is typed by hand: counts and names come from the run.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch  # noqa: F401  a tensor's library is looked up, not imported

from tests.conformance import cases, operators, run
from tests.conformance.cases import Case
from tests.conftest import Library

PAGE = Path(__file__).resolve().parents[1] / "book" / "conformance.md"

NEIGHBOURS = (  # of the same kind, and not in convlib
    *("DeformConv", "QLinearConv", "GridSample", "RoiAlign", "Clip", "LogSoftmax", "Shrink"),
    *("Softmax", "Softsign", "SwiGLU", "ThresholdedRelu"),
)

TEXT = """\
# ONNX's own tests

<!-- Written by `python -m tools.conformance_table`; a test compares. -->

ONNX is the format in which networks travel between libraries. Its definition of an operator comes
with test cases: a model of that one operator, its inputs, and what must come out. Other people
wrote them, so they can find what our own tests get wrong in the same way as our code.

**{passed} of {applicable} applicable cases pass**, in NumPy and in torch, with the tolerances that
each case brings. They come with the package `onnx` {version}, and run with the other tests. Its
suites are {suites}.

| ONNX operator | `convlib` | cases | apply | pass in NumPy | pass in torch |
|---|---|--:|--:|--:|--:|
{rows}
| **all** | | **{covered}** | **{applicable}** | **{numpy}** | **{torch}** |

"Cases" are models of this operator alone. Of those that apply, {halves} is in bfloat16, which NumPy
does not have: it runs in torch alone.

## What is spelled differently

ONNX and torch disagree in places. `convlib` has torch's names and rules, and the tests translate:

- `pads` lists all sides before, then all sides after; here each axis has a pair (before, after).
  `auto_pad` is worked out into such pairs.
- ONNX numbers the cells of pooled maxima through the whole batch; here each channel starts at 0.
  `storage_order` numbers the same cells column by column.
- DepthToSpace in its default mode, DCR, is *not* a pixel shuffle: a block's cells count before the
  channels. It is `pixel_shuffle(channel_shuffle(x, r * r), r)`. Mode CRD is `pixel_shuffle` itself.
- LpPool takes powers of magnitudes, torch of the signed values: it is `lp_pool(abs(x), p, ...)`.
- AveragePool leaves padding out of its count unless told; `avg_pool` counts it unless told.
- HardSigmoid has a slope and an offset of its own, which go into the argument of `hardsigmoid`.
  Selu with constants of its own is `elu`, scaled.
- PRelu may have a slope for every cell, `prelu` has one for every channel: each cell is made a
  channel.
- CausalConvWithState is `depthwise_conv` padded on the left alone, or behind the past it is given.
- Pad is `conv` with a kernel of one cell that holds 1.

## What does not apply

{counted} of the {covered} cases ask for something that `convlib` does not have:

{reasons}

{several} more models consist of several operators. {apart} are an operator of the table taken apart
into others, the rest use one among others. They do not test one function, so they are not run.

:::{{dropdown}} Their names
{names}
:::

`convlib` does not have these operators of the same kind, with so many cases: {neighbours}.
"""


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        return int(text != PAGE.read_text("utf-8"))
    PAGE.write_text(text, "utf-8")
    return 0


def page() -> str:
    """The whole page."""
    covered = run.covered()
    reasons = by_reason(covered)
    applicable = reasons.pop(None)
    passed = {name: passes(applicable, name) for name in ("numpy", "torch")}
    halves = {case.name for case in applicable if run.needs_torch(case)}
    several, apart = models_of_several(covered)
    return TEXT.format(
        passed=len(passed["torch"] & (passed["numpy"] | halves)),
        applicable=len(applicable),
        version=onnx.__version__,
        suites=", ".join(f"`{suite}`" for suite in cases.SUITES),
        rows="\n".join(rows(covered, applicable, passed)),
        covered=len(covered),
        numpy=len(passed["numpy"]),
        torch=len(passed["torch"]),
        halves=len(halves),
        counted=len(covered) - len(applicable),
        reasons="\n".join(
            f"- {reason} ({len(those)}): {listed(those)}" for reason, those in reasons.items()
        ),
        several=len(several),
        apart=len(apart),
        names=listed(several),
        neighbours=", ".join(neighbours()),
    )


def by_reason(covered: list[Case]) -> dict[str | None, list[Case]]:
    """The cases by why they do not apply; those that do, by None."""
    reasons = defaultdict(list)
    for case in covered:
        reasons[operators.not_applicable(case)].append(case)
    return reasons


def passes(applicable: list[Case], name: str) -> set[str]:
    """The names of the cases that pass in one library."""
    library, passed = Library(name), set()
    for case in applicable:
        if name == "numpy" and run.needs_torch(case):
            continue
        try:
            run.check(case, run.outputs(case, library))
        except (AssertionError, TypeError, ValueError) as error:
            print(f"{case.name}, {name}: {error}", file=sys.stderr)
        else:
            passed.add(case.name)
    return passed


def rows(covered: list[Case], applicable: list[Case], passed: dict[str, set[str]]) -> Iterator[str]:
    """A line of the table for each operator."""
    for name, operator in operators.OPERATORS.items():
        of_it = [
            {case.name for case in those if case.node.operator == name}
            for those in (covered, applicable)
        ]
        counts = [*map(len, of_it), *(len(passed[each] & of_it[1]) for each in passed)]
        yield f"| {name} | {operator.public} | {' | '.join(map(str, counts))} |"


def models_of_several(covered: list[Case]) -> tuple[list[Case], list[Case]]:
    """Models of several operators that have to do with ours; those that take one of ours apart."""
    whole = {case.name for case in covered}
    several = [case for case in cases.load() if len(case.operators) > 1]
    apart = [case for case in several if case.name.split("_expanded")[0] in whole]
    using = [case for case in several if {*case.operators} & {*operators.OPERATORS}]
    return [case for case in several if case in apart or case in using], apart


def neighbours() -> Iterator[str]:
    for name in NEIGHBOURS:
        count = sum(case.operators == (name,) for case in cases.load())
        yield f"{name} ({count})"


def listed(those: list[Case]) -> str:
    return ", ".join(f"`{case.name.removeprefix('test_')}`" for case in those)


if __name__ == "__main__":
    sys.exit(main())
