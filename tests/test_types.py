"""What type checkers tell those who use the library: mypy and pyright, with torch and without."""

import json
import re
import subprocess
import sys
import typing
import venv
from pathlib import Path

import numpy as np
import pytest

import convlib as cl
from convlib import _types, geometry
from convlib.methods import METHODS
from convlib.transpose import DEFINITIONS
from tools import stubs

LINES = Path(__file__).parent / "types"
FILES = {"lines.py": False, "tensor_lines.py": True}  # which need torch


@pytest.fixture(scope="module")
def python_of(tmp_path_factory):
    """Interpreters: this one, where the package is editable and torch is there; NumPy's alone."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("[Ll]ib/**/site-packages")
    for package in (np, cl):
        source = Path(package.__file__).parent
        (packages / source.name).symlink_to(source)
    (python,) = folder.glob("*/python")
    return {"torch": sys.executable, "bare": str(python)}


def run(tmp_path, *command):
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True
    ).stdout


def by_mypy(tmp_path, python, files):
    """What mypy says: by file and line, the types revealed, and whether something is wrong."""
    options = ("--strict", "--no-error-summary", "--cache-dir", tmp_path / "cache")
    text = run(tmp_path, "mypy", *options, "--python-executable", python, *files).decode()
    revealed, wrong = {}, set()
    for file, line, kind, message in re.findall(r"^(\S+?):(\d+): (\w+): (.*)$", text, re.M):
        if kind == "error":
            wrong.add((file, int(line)))
        elif found := re.search(r'Revealed type is "(.*)"', message):
            revealed[file, int(line)] = found[1]
    return revealed, wrong


def by_pyright(tmp_path, python, files):
    """The same of pyright."""
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "standard"}))
    options = ("--outputjson", "--pythonpath", python)
    told = json.loads(run(tmp_path, "basedpyright", *options, *files))["generalDiagnostics"]
    revealed, wrong = {}, set()
    for each in told:
        place = Path(each["file"]).name, each["range"]["start"]["line"] + 1
        if each["severity"] == "error":
            wrong.add(place)
        elif found := re.search(r' is "(.*)"$', each["message"]):
            revealed[place] = found[1]
    return revealed, wrong


def short(name):
    """A type as the comments write it: without modules, and without what an ndarray holds."""
    name = re.sub(r"\b(?:\w+\.)+", "", name)
    while "ndarray[" in name:
        start = name.index("ndarray[") + len("ndarray")
        depth, stop = 0, start
        for stop in range(start, len(name)):
            depth += {"[": 1, "]": -1}.get(name[stop], 0)
            if not depth:
                break
        name = name[:start] + name[stop + 1 :]
    return name


@pytest.mark.parametrize("checker", [by_mypy, by_pyright], ids=["mypy", "pyright"])
@pytest.mark.parametrize("which", ["torch", "bare"])
def test_user_lines(tmp_path, python_of, checker, which):
    if which == "torch":
        pytest.importorskip("torch", reason="torch is not installed")
    files = [name for name, needs_torch in FILES.items() if which == "torch" or not needs_torch]
    told, expected, must, may = {}, {}, set(), set()
    for name in files:
        text = (LINES / name).read_text("utf-8")
        (tmp_path / name).write_text(text, "utf-8")
        for number, line in enumerate(text.splitlines(), start=1):
            comment = line.partition("  # ")[2]
            if "reveal_type(" in line and comment:
                expected[name, number] = comment
            elif comment == "wrong" or (comment and which == "torch"):
                must.add((name, number))
            elif comment:
                may.add((name, number))
    told, wrong = checker(tmp_path, python_of[which], files)
    assert {place: short(name) for place, name in told.items()} == expected
    assert must <= wrong <= must | may


def test_the_stub_is_what_the_source_says():
    assert stubs.STUB.read_text("utf-8") == stubs.stub(), "run python -m tools.stubs"


def test_words_are_those_that_the_library_takes():
    words = {
        _types.Method: ("auto", *METHODS),
        _types.Definition: (*DEFINITIONS,),
        _types.PaddingMode: geometry.PADDING_MODES,
        _types.Network: cl.NETWORKS,
    }
    for literal, taken in words.items():
        assert typing.get_args(literal) == taken


@pytest.mark.parametrize("option", ["stride", "dilation", "padding"])
def test_a_range_is_no_tuple(option):
    x = np.zeros((1, 1, 5, 5))
    with pytest.raises(TypeError, match=f"{option} must be an int"):
        cl.conv(x, np.zeros((1, 1, 2, 2)), **{option: range(1, 3)})
