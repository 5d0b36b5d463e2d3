"""The contract of errors: every message is met by a call, in one form, and stands on the page."""

import ast
import re
from pathlib import Path

import pytest
from errors import cases

import convlib as cl
from tools import error_page

pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # torch's

PACKAGE = Path(cl.__file__).parent
ROOT = PACKAGE.parent
OPTIONAL = ("plot.py", "labs")  # extras, with tests of their own
ALL = [pair for calls in cases.CASES.values() for pair in calls]


def raises(path):
    """The lines, first and last, of every statement in a file that makes an error."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        # `raise error` hands on what somebody else has made.
        # RuntimeError tells of what is installed, not of the call: tests/test_package.py meets it.
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            if ast.unparse(node.exc.func) != "RuntimeError":
                yield node.lineno, node.end_lineno


def places(error):
    """The files and lines that raised the error: the check, and the door that told it on."""
    return {place(e) for e in (error, error.__context__) if e is not None}


def place(error):
    """The file and line that raised the error: the innermost of its frames."""
    frame = error.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    return Path(frame.tb_frame.f_code.co_filename), frame.tb_lineno


@pytest.mark.parametrize(("call", "kind"), ALL, ids=[call for call, _ in ALL])
def test_a_call_meets_an_error_of_the_library(call, kind):
    error = cases.run(call)
    assert type(error) is kind
    assert PACKAGE in place(error)[0].parents, "another library's error"
    function, _, sentence = str(error).partition(": ")
    assert re.search(rf"\.{function}\(", call), "it names the function"
    assert re.search(r"\d|got |mix ", sentence), "it says what came"
    assert sentence.endswith(".")
    assert "  " not in sentence


def test_every_message_is_in_the_table():
    met = set().union(*(places(cases.run(call)) for call, _ in ALL))
    missing = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] in OPTIONAL:
            continue
        for first, last in raises(path):
            if not any((path, line) in met for line in range(first, last + 1)):
                missing.append(f"{path.relative_to(ROOT)}:{first}")
    assert not missing, "give each of these a call in tests/errors/cases.py"


def test_the_page_is_what_the_table_says():
    page = error_page.PAGE.read_text("utf-8")
    assert page == error_page.page(cases), "run python -m tools.error_page"
