"""The rules every notebook keeps. nbval compares their outputs; this is what nbval lets pass.

`problems` and `claim_problems` hold the rules; the tests below show, on small notebooks made here,
that each rule fails when it should.
"""

import ast
import json
import re
from pathlib import Path

import pytest

from tools import notebooks

ROOT = Path(__file__).parents[2]
CLAIMS = ROOT / "book" / "source-notes-checked.md"
NUMBERS = range(1, 33)  # the claims of the source notes: S1 to S32
NOTEBOOKS = notebooks.find([ROOT / "book"])
DIRECTIVE = re.compile(  # its name, what stands beside it, its :label: among its options
    r"^[ \t]*[`:]{3,}\{((?:exercise|solution)(?:-start|-end)?)\}[ \t]*(.*)\n"
    r"(?:[ \t]*:(?!label)[\w-]+:.*\n)*(?:[ \t]*:label:[ \t]*(\S+))?",
    re.MULTILINE,
)


def text_of(cell):
    return "".join(cell["source"])


def shows_something(source):
    """Whether a cell prints at its top level or ends in a bare value (a call may return None)."""
    plain = re.sub(
        r"^(\s*)(?:\w+\s*=\s*)?[%!].*$", r"\1pass", source, flags=re.MULTILINE
    )  # no magics
    body = ast.parse(plain).body
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If):
            continue
        for sub in ast.walk(node):
            if isinstance(sub, ast.Call) and getattr(sub.func, "id", "") == "print":
                return True
    last = body[-1] if body else None
    silent = plain.rstrip().endswith(";") or not isinstance(last, ast.Expr)
    return not silent and not isinstance(last.value, ast.Call | ast.Await)


def code_problems(cell):
    """Yield what is wrong with one code cell."""
    source, outputs = text_of(cell), cell["outputs"]
    tags = cell["metadata"].get("tags", [])
    if not source.strip():
        yield "is empty"
        return
    if cell["execution_count"] is None:
        yield "was never run, so nothing compares it"
    if source.lstrip().startswith("%%"):
        tags = [*tags, "cell-magic"]
    elif not outputs and shows_something(source):
        yield "prints or ends in a value, but no output is committed"
    if re.search(r"tqdm\.(auto|notebook|autonotebook)", source):
        yield "uses a widget progress bar; write: from tqdm import tqdm"
    for output in outputs:
        kind, data = output["output_type"], output.get("data", {})
        if kind == "error" and "raises-exception" not in tags:
            yield f"ends in {output['ename']} without the tag raises-exception"
        if output.get("name") == "stderr":
            yield f"writes to stderr: {''.join(output['text'])[:60]!r}"
        for mime in notebooks.IMAGES:
            if mime in data:
                yield f"holds a picture ({mime}); the build draws it"
        if "".join(data.get("text/plain", "")).startswith("<Figure"):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            if not alt.strip():
                yield 'draws a figure without metadata["mystnb"]["image"]["alt"]'


def prose_problems(text):
    """Yield what is wrong with one markdown cell by itself."""
    for word in re.findall(r"\b(?:simply|obviously)\b", text, re.IGNORECASE):
        yield f"says {word!r}"
    remote = (
        r"!\[[^\]]*\]\(\s*(?:https?:)?//"  # ![...](https://...)
        r"|<img[^>]*src=.?(?:https?:)?//"
        r"|\{(?:image|figure)\}\s*https?:"
    )
    if re.search(remote, text):
        yield "shows a picture from another site"
    if re.search(r"!\[\s*\]\(", text):
        yield "shows a picture without alternative text"


def exercise_problems(prose, at_least):
    """Yield what is wrong with the exercises of one notebook, whose prose is one text."""
    exercises, solutions, starts, ends = [], [], 0, 0
    for name, argument, label in DIRECTIVE.findall(prose + "\n\n"):
        if name == "exercise-end":
            continue
        if name.startswith("exercise"):
            if argument.strip():
                yield f"an exercise has a title, which cannot be translated: {argument.strip()!r}"
            if not label:
                yield "an exercise has no :label:"
            exercises.append(label)
        elif name == "solution-end":
            ends += 1
        else:
            solutions.append(argument.strip())
            starts += name == "solution-start"
    for label in exercises:
        if label and label not in solutions:
            yield f"exercise {label!r} has no solution"
    for label in solutions:
        if label not in exercises:
            yield f"a solution is for {label!r}, which is no exercise here"
    for label in {e for e in exercises if e and exercises.count(e) > 1}:
        yield f"exercise label {label!r} is used twice"
    if starts != ends:
        yield f"{starts} solution-start but {ends} solution-end"
    if len(exercises) < at_least:
        yield f"{len(exercises)} exercises; a section has at least {at_least}"


def problems(text, at_least=4):
    """List what is wrong with a notebook, given as the text of its file."""
    notebook = json.loads(text)
    found = []
    if text != notebooks.dumps(notebook):
        found.append("not canonical; run: python -m tools.notebooks --format")
    for number, cell in enumerate(notebook["cells"]):
        check = prose_problems(text_of(cell)) if cell["cell_type"] == "markdown" else ()
        check = code_problems(cell) if cell["cell_type"] == "code" else check
        found += [f"cell {number} {problem}" for problem in check]
    prose = "\n\n".join(text_of(c) for c in notebook["cells"] if c["cell_type"] == "markdown")
    return [*dict.fromkeys(found), *exercise_problems(prose, at_least)]  # each once


def claim_problems(table, cells_of):
    """List what is wrong with the table of claims; `cells_of` maps a notebook to its cells."""
    found, settled = [], {}
    for name, cells in cells_of.items():
        for place, cell in enumerate(cells):
            for label in re.findall(r"^\((claim-s\d+)\)=", text_of(cell), re.MULTILINE):
                if cell["cell_type"] == "markdown":
                    code = (c for c in cells[place + 1 :] if c["cell_type"] == "code")
                    settled[label] = name, text_of(next(code, {"source": ""}))
    rows = {int(n): row for n, row in re.findall(r"^\|[ *`]*S(\d+)\b(.*)$", table, re.MULTILINE)}
    found += [f"S{n} has no row" for n in NUMBERS if n not in rows]
    for n, row in rows.items():
        label = f"claim-s{n}"
        if not re.search(rf"\b{label}\b", row):
            found.append(f"S{n}: its row has no link to {label}")
        if label not in settled:
            found.append(f"S{n}: no notebook has the label ({label})=")
        elif not re.search(r"\bassert", settled[label][1]):
            found.append(f"S{n}: the cell after ({label})= in {settled[label][0]} asserts nothing")
    return found


# ---- the book ----


def test_there_are_notebooks():
    assert NOTEBOOKS, "no notebook under book/"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.relative_to(ROOT / "book").as_posix())
def test_notebook_keeps_the_rules(path):
    found = problems(path.read_text(encoding="utf-8"), at_least=0 if path.stem == "index" else 4)
    assert not found, "\n  ".join([f"{path.relative_to(ROOT)}:", *found])


def test_each_claim_is_settled_by_a_cell():
    assert CLAIMS.exists(), f"{CLAIMS.relative_to(ROOT)} is missing"
    cells = {
        p.relative_to(ROOT).as_posix(): json.loads(p.read_text("utf-8"))["cells"] for p in NOTEBOOKS
    }
    found = claim_problems(CLAIMS.read_text(encoding="utf-8"), cells)
    assert not found, "\n  ".join([f"{CLAIMS.relative_to(ROOT)}:", *found])


# ---- the rules themselves ----


def markdown(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source, *outputs, count=1, **metadata):
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "outputs": list(outputs),
        "execution_count": count,
    }


def shown(**data):
    data = {key.replace("_", "/"): value for key, value in data.items()}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def check(*cells, at_least=0):
    return problems(notebooks.dumps({"cells": list(cells)}), at_least)


FIGURE = shown(text_plain="<Figure size 300x200 with 1 Axes>")
PRINTED = {"output_type": "stream", "name": "stdout", "text": "1\n"}
ERROR = {
    "output_type": "error",
    "ename": "ValueError",
    "evalue": "no",
    "traceback": ["/home/me/x.py"],
}
EXERCISE = "```{exercise}\n:label: ex-a\nWhy?\n```\n"


@pytest.mark.parametrize(
    "cell",
    [
        code("print(1)", PRINTED),
        code("x = 1"),
        code("1 + 1;"),
        code("np.testing.assert_allclose(x, y)"),
        code("def f():\n    print(1)"),
        code("%timeit f()\nx = 2"),
        code("plt.plot([1]);", FIGURE, mystnb={"image": {"alt": "a rising line"}}),
        code("raise ValueError('no')", ERROR, tags=["raises-exception"]),
        markdown(EXERCISE + "\n````{solution} ex-a\n:class: dropdown\nSo.\n````"),
        markdown(
            ":::{exercise}\n:class: x\n:label: ex-a\nWhy?\n:::\n\n:::{solution-start} ex-a\n"
            ":class: dropdown\n:::\n\n:::{solution-end}\n:::"
        ),
    ],
    ids=lambda cell: text_of(cell)[:25],
)
def test_what_is_right_passes(cell):
    assert check(cell) == []


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (code("x = 1", count=None), "never run"),
        (code("  \n"), "is empty"),
        (code("print(1)"), "no output"),
        (code("for i in x:\n    print(i)"), "no output"),
        (code("x = 1\nx"), "no output"),
        (code("x[0] + 1"), "no output"),
        (code("raise ValueError('no')", ERROR), "without the tag raises-exception"),
        (code("f()", {**PRINTED, "name": "stderr"}), "stderr"),
        (code("plt.plot([1]);", FIGURE), '["alt"]'),
        (code("plt.plot([1]);", FIGURE, mystnb={"image": {"alt": " "}}), '["alt"]'),
        (code("from tqdm.auto import tqdm"), "progress bar"),
        (markdown("This is Obviously so."), "'Obviously'"),
        (markdown("![a cat](http://example.org/cat.png)"), "another site"),
        (markdown("<img alt='a cat' src='https://example.org/cat.png'>"), "another site"),
        (markdown("![](cat.png)"), "alternative text"),
        (markdown(EXERCISE), "'ex-a' has no solution"),
        (markdown("```{exercise}\nWhy?\n```"), "no :label:"),
        (
            markdown("```{exercise} A title\n:label: ex-a\nWhy?\n```"),
            "cannot be translated: 'A title'",
        ),
        (markdown("```{solution} ex-b\nSo.\n```"), "'ex-b', which is no exercise"),
        (markdown(EXERCISE * 2 + "```{solution} ex-a\n```"), "used twice"),
        (markdown(EXERCISE + "```{solution-start} ex-a\n```"), "1 solution-start but 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_is_told(cell, message):
    found = check(cell)
    assert any(message in problem for problem in found), found


def test_a_section_has_four_exercises():
    assert "1 exercises; a section has at least 4" in check(markdown(EXERCISE), at_least=4)


def test_a_picture_is_told():
    text = json.dumps(
        {
            **json.loads(notebooks.dumps({"cells": []})),
            "cells": [code("f()", {**FIGURE, "data": {"image/svg+xml": "<svg/>"}})],
        }
    )
    found = problems(text, at_least=0)
    assert any("not canonical" in p for p in found)
    assert any("holds a picture (image/svg+xml)" in p for p in found)


def test_the_canonical_form_is_stable_and_drops_what_varies():
    raw = {
        "cells": [
            markdown("# A\n× b"),
            code(
                "f()",
                ERROR,
                shown(image_png="AAAA", text_plain="<Figure>"),
                count=7,
                execution={"t": 1},
            ),
        ],
        "metadata": {"language_info": {"version": "3.11.7"}, "widgets": {}},
    }
    text = notebooks.dumps(raw)
    assert notebooks.dumps(json.loads(text)) == text
    assert "×" in text
    for gone in ("AAAA", "3.11.7", "widgets", "/home/me", '"t"'):
        assert gone not in text
    cells = json.loads(text)["cells"]
    assert cells[1]["execution_count"] == 1
    assert all(cell["id"] for cell in cells)


def table(*numbers, link=True):
    return "\n".join(
        f"| S{n} | … | [cell](#{'claim-s' + str(n) if link else 'x'}) |" for n in numbers
    )


def settled(*numbers, source="assert True"):
    return [cell for n in numbers for cell in (markdown(f"(claim-s{n})=\n### A"), code(source))]


@pytest.mark.parametrize(
    ("rows", "cells", "message"),
    [
        (table(*NUMBERS), settled(*NUMBERS), None),
        (table(*NUMBERS[:-1]), settled(*NUMBERS), "S32 has no row"),
        (table(*NUMBERS, link=False), settled(*NUMBERS), "S1: its row has no link"),
        (table(*NUMBERS), settled(*NUMBERS[:-1]), "S32: no notebook has the label"),
        (table(*NUMBERS), settled(*NUMBERS, source="x = 1"), "asserts nothing"),
    ],
)
def test_claims(rows, cells, message):
    found = claim_problems(rows, {"a.ipynb": cells})
    assert (not found) if message is None else any(message in p for p in found), found
