"""Write the types of convlib's public names for type checkers, `convlib/__init__.pyi`.

python -m tools.stubs

In the source an `Array` is NumPy's or torch's, which no one type can say. Here every function has a
signature for each: arrays in, array out; tensors in, tensor out. The rest is read off the source.
"""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import convlib as cl
from convlib import _types

STUB = Path(cl.__file__).with_suffix(".pyi")

HEAD = """\
# Written by `python -m tools.stubs`; a test compares.
from typing import Any, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

{imports}

D = TypeVar("D", bound=np.generic)

__version__: str
__all__ = {names}
"""
HOMES = {"COLUMN_BUDGET": "_tuning", "NETWORKS": "networks"}  # constants do not know theirs
ARRAY = re.compile(r"\bArray\b")


def written(parameters, returns):
    """Signatures of one function: what it gives may hang on the value of an option."""
    if "return_indices" in parameters:
        both = f"tuple[{returns}, Indices]"
        yield {**parameters, "return_indices": "Literal[False] = False"}, returns
        yield {**parameters, "return_indices": "Literal[True]"}, both
        yield {**parameters, "return_indices": "bool"}, f"{returns} | {both}"
    elif "needs" in parameters:
        needs = parameters["needs"].partition(" = ")[0]
        yield {n: text for n, text in parameters.items() if n != "needs"}, returns
        yield {**parameters, "needs": needs}, ARRAY.sub("Array | None", returns)
    elif returns == "int | Ints":
        yield {**parameters, "input_size": "int"}, "int"
        yield {**parameters, "input_size": "Ints | list[int]"}, "Ints"
    else:
        yield parameters, returns


def in_numpy(parameters, returns):
    """`Array` said for NumPy: a result has the dtype of the first array."""
    first = next((n for n, text in parameters.items() if ARRAY.search(text)), None)
    typed = {
        name: ARRAY.sub("NDArray[D]" if name == first else "NDArray[Any]", text)
        for name, text in parameters.items()
    }
    returns = ARRAY.sub("NDArray[D]" if first else "NDArray[Any]", returns)
    return typed, returns.replace("Indices", "NDArray[np.int64]")


def in_torch(parameters, returns):
    """`Array` said for torch: one type for all."""
    typed = {name: ARRAY.sub("Tensor", text) for name, text in parameters.items()}
    return typed, ARRAY.sub("Tensor", returns).replace("Indices", "Tensor")


def signatures(function):
    """The lines of a function: an overload for each library and each kind of result."""
    signature = inspect.signature(function)
    parameters = {
        p.name: str(p.annotation) + ("" if p.default is p.empty else f" = {p.default!r}")
        for p in signature.parameters.values()
    }
    named = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    takes_arrays = ARRAY.search(str(parameters))
    variants = [
        library(*variant)
        for library in ((in_numpy, in_torch) if takes_arrays else (in_numpy,))
        for variant in written(parameters, signature.return_annotation)
    ]
    for typed, returns in variants:
        inside = []
        for name, text in typed.items():
            inside += ["*"] * (name in named[:1]) + [f"{name}: {text}"]
        overload = "@overload\n" if len(variants) > 1 else ""
        yield f"{overload}def {function.__name__}({', '.join(inside)}) -> {returns}: ..."


def imports(lines):
    """What the stub takes from convlib: classes and constants, and the types of options."""
    for name in cl.__all__:
        value = getattr(cl, name)
        if not inspect.isfunction(value):
            yield f"from .{HOMES.get(name) or value.__module__.rpartition('.')[2]} import {name}"
    words = set(re.findall(r"\w+", "\n".join(lines)))
    yield f"from ._types import {', '.join(sorted(words & {*_types.__all__}))}"


def stub():
    """The text of the file, as ruff formats it."""
    functions = filter(inspect.isfunction, (getattr(cl, name) for name in cl.__all__))
    lines = [line for function in functions for line in signatures(function)]
    head = HEAD.format(imports="\n".join(imports(lines)), names=repr(cl.__all__))
    return formatted(formatted(head + "\n".join(lines), "check", "--select=I", "--fix"), "format")


def formatted(text, *command):
    """What ruff makes of a text."""
    command = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(STUB), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def main():
    STUB.write_text(stub(), "utf-8")


if __name__ == "__main__":
    main()
