"""What all labs share: their script for Jupyter, traits that refuse nonsense, the plain form.

A lab is a widget without a kernel's help: Python gives it its first state, JavaScript
(``static/``) draws it and computes.  The same scripts serve Jupyter, as one string, and the built
book, as files.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from .._arrays import Array

STATIC = Path(__file__).with_name("static")
_IMPORT = re.compile(r'^import \{[^}]*\} from "(\./[^"]+)";\n', re.M)


def bundle(script: Path) -> str:
    """Join a script and the modules it imports into one module, each of them once.

    A front end gets one string, and an import cannot lead out of it.  So the imports go, with the
    word ``export``: all names then live in one module.
    """
    found: dict[Path, str] = {}

    def visit(path: Path) -> None:
        if path in found:
            return
        text = path.read_text(encoding="utf-8")
        found[path] = ""  # seen; its place is behind what it imports
        for name in _IMPORT.findall(text):
            visit((path.parent / name).resolve())
        del found[path]
        found[path] = re.sub(r"^export (?=\w)", "", _IMPORT.sub("", text), flags=re.M)

    visit(script.resolve())
    return "\n".join([*found.values(), "export default { render };\n"])


class Option(traitlets.TraitType):
    """A trait that refuses what breaks its rule: a `ValueError` with the rule and what came."""

    def __init__(self, default: Any, rule: str) -> None:
        super().__init__(default)
        self.rule = rule
        self.tag(sync=True)

    def __get__(self, obj: Any, cls: Any = None) -> Any:
        return super().__get__(obj, cls)

    def accepts(self, value: Any) -> bool:
        """Whether `value` keeps the rule."""
        raise NotImplementedError

    def validate(self, obj: Any, value: Any) -> Any:
        """Return `value`, an array as nested lists, or raise with the rule."""
        value = value.tolist() if hasattr(value, "tolist") else value
        if self.accepts(value):
            return value
        raise ValueError(f"{type(obj).__name__}: {self.name} is {self.rule}; got {value!r}.")


class Whole(Option):
    """A whole number from `low` to `high`."""

    def __init__(self, default: int, low: int, high: int) -> None:
        super().__init__(default, f"a whole number from {low} to {high}")
        self.bounds = low, high

    def accepts(self, value: Any) -> bool:
        """Whether `value` is such a number; True and False are none."""
        return type(value) is int and self.bounds[0] <= value <= self.bounds[1]


class Real(Option):
    """A number from `low` to `high`."""

    def __init__(self, default: float, low: float, high: float) -> None:
        super().__init__(default, f"a number from {low:g} to {high:g}")
        self.bounds = low, high

    def accepts(self, value: Any) -> bool:
        """Whether `value` is such a number; True, False and NaN are none."""
        return type(value) in (int, float) and self.bounds[0] <= value <= self.bounds[1]


class OneOf(Option):
    """One of a few names, the first unless said otherwise."""

    def __init__(self, *names: str) -> None:
        super().__init__(names[0], f"one of {', '.join(map(repr, names))}")
        self.names = names

    def accepts(self, value: Any) -> bool:
        """Whether `value` is one of the names."""
        return value in self.names


class Numbers(Option):
    """A matrix of numbers, or None."""

    def __init__(self) -> None:
        super().__init__(None, "a matrix, rows of equally many numbers")

    def accepts(self, value: Any) -> bool:
        """Whether `value` is None or such a matrix."""
        return value is None or _is_matrix(value)


def _is_matrix(rows: Any) -> bool:
    """Whether `rows` are lists of equally many numbers, at least one."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        return False
    numbers = all(type(value) in (int, float) for row in rows for value in row)
    return numbers and len(rows[0]) > 0 and len({len(row) for row in rows}) == 1


class Lab(anywidget.AnyWidget):
    """An interactive figure.  Its traits are its first state; the reader's hand changes them.

    A subclass names its `script`, declares its traits, and says in `plain` what a reader sees
    where no script runs.
    """

    script: ClassVar[str]
    revealed = traitlets.Bool(False).tag(sync=True)  # start with the answer shown
    _bounds = traitlets.Dict(read_only=True).tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "script" in vars(cls):
            cls._esm = bundle(STATIC / f"{cls.script}.js")
            cls._css = "".join((STATIC / name).read_text() for name in ("tokens.css", "labs.css"))
        super().__init_subclass__(**kwargs)

    def __init__(self, **traits: Any) -> None:
        unknown = sorted(set(traits) - set(self._options()))
        if unknown:
            raise TypeError(
                f"{type(self).__name__}: no option {', '.join(unknown)}; "
                f"there are {', '.join(self._options())}."
            )
        super().__init__(**traits)
        self.add_class("cl-lab")

    @classmethod
    def _options(cls) -> list[str]:
        """The names of the lab's own traits."""
        # traits of anywidget's own, set on a class that it makes for each widget, start with "_"
        own = [vars(c).items() for c in cls.__mro__ if issubclass(c, Lab)]
        traits = (name for items in own for name, v in items if isinstance(v, traitlets.TraitType))
        return [name for name in traits if not name.startswith("_")]

    @traitlets.default("_bounds")
    def _bounds_of_traits(self) -> dict[str, Any]:
        """The least and the most of each number, from its trait: what the controls offer."""
        traits = ((name, getattr(type(self), name)) for name in self._options())
        return {name: trait.bounds for name, trait in traits if hasattr(trait, "bounds")}

    def __repr__(self) -> str:
        given = {name: getattr(self, name) for name in self._options()}
        changed = [f"{k}={v!r}" for k, v in given.items() if v != self.trait_defaults(k)]
        return f"{type(self).__name__}({', '.join(changed)})"

    def plain(self) -> str:
        """Return HTML for where no script runs: what the lab shows first, as text and tables."""
        raise NotImplementedError

    def html(self) -> str:
        """The lab for a page: the plain form, and the state from which page.js starts it."""
        state = json.dumps({name: getattr(self, name) for name in (*self._options(), "_bounds")})
        scrolls = f'role="group" aria-label="{type(self).__name__}" tabindex="0"'
        return (
            f'<div class="cl-lab" data-lab="{self.script}" data-state="{escape(state)}">\n'
            f'<div class="cl-fallback" {scrolls}>\n{self._plain_or_refusal()}\n</div>\n</div>'
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return data | {"text/html": self.html()}, metadata

    def _plain_or_refusal(self) -> str:
        try:
            return self.plain()
        except ValueError as refusal:  # the library's own sentence, as the lab shows it
            return paragraph(refusal)


def paragraph(text: object) -> str:
    """Return `text` as a paragraph of HTML."""
    return f"<p>{escape(str(text))}</p>"


def table(caption: str, rows: Array) -> str:
    """Return a matrix as an HTML table."""
    lines = [
        "<tr>" + "".join(f"<td>{value:g}</td>" for value in row) + "</tr>"
        for row in (rows.tolist() if hasattr(rows, "tolist") else rows)
    ]
    return f"<table><caption>{escape(caption)}</caption>\n" + "\n".join(lines) + "\n</table>"
