"""The changes that `tools.mutants` makes: each a slip that a programmer could make.

A sum for a difference, `<` for `<=`, a number one too large, a condition turned round, an option
not handed on, a statement forgotten. Left alone: types, docstrings, decorators, `zip(strict=True)`,
which asserts what holds already, and the wording of messages, which `tests/errors` compares with a
page of the book.
"""

import ast
from collections import Counter
from dataclasses import dataclass

SWAPS = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult},
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Break: ast.Continue, ast.Continue: ast.Break},
    **{ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd},
}
LEFT_ALONE = ("annotation", "returns", "decorator_list", "bases", "format_spec")


@dataclass(frozen=True)
class Mutant:
    """One change: the `number`-th of its file."""

    file: str
    number: int
    inside: str  # the function
    change: str
    lines: tuple[int, ...]  # those that a test must touch to notice

    @property
    def name(self):
        return f"{self.file}#{self.number}"

    @property
    def key(self):
        """What stays the same while lines move."""
        return f"{self.file}: {self.inside}: {self.change}"


def swapped(operator):
    return SWAPS[type(operator)]() if type(operator) in SWAPS else None


def with_field(node, **fields):
    """The node again, with other fields."""
    old = {name: getattr(node, name) for name in node._fields if hasattr(node, name)}
    return type(node)(**{**old, **fields})


def other_values(node):
    """Changes of a constant: True for False, a number one larger, another word."""
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
    elif isinstance(node.value, str):
        yield ast.Constant(node.value + "x")


def changes(node):
    """Every node that may stand in the place of this one."""
    if isinstance(node, ast.Constant):
        yield from other_values(node)
    elif isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)) and swapped(node.op):
        yield with_field(node, op=swapped(node.op))
    elif isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            yield with_field(node, ops=[*node.ops[:i], swapped(operator), *node.ops[i + 1 :]])
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Slice):
        for end in ("lower", "upper", "step"):
            if getattr(node, end):
                yield with_field(node, **{end: None})
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg not in (None, "strict"):
                yield with_field(node, keywords=[k for k in node.keywords if k is not keyword])
    elif isinstance(node, (ast.Break, ast.Continue)):
        yield swapped(node)
    elif isinstance(node, (ast.Expr, ast.Raise)):
        yield ast.Pass()
    # A comparison or a `not` is turned round where it stands.
    test = getattr(node, "test", None)
    if test and not isinstance(test, (ast.Compare, ast.UnaryOp)):
        yield with_field(node, test=ast.UnaryOp(ast.Not(), test))


def in_short(node):
    """One line of code for a node; of a statement with a body, its condition."""
    node = getattr(node, "test", node) if isinstance(node, ast.stmt) else node
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else text[:87] + "..."


class Mutator(ast.NodeTransformer):
    """Goes through a file and numbers the changes. Makes one of them, if told its number."""

    def __init__(self, path, number=None):
        self.path, self.number = path, number
        self.found = []  # (function, change, lines)
        self.texts = Counter()
        self.scopes, self.statement, self.message = [], None, False

    def tree(self):
        return ast.fix_missing_locations(self.visit(ast.parse(self.path.read_text("utf-8"))))

    def visit(self, node):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return node  # a docstring
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and self.message:
            return node
        if isinstance(node, ast.keyword) and node.arg == "strict":
            return node
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "TypeVar":
            return node
        outer = self.scopes, self.statement, self.message
        self.enter(node)
        for new in changes(node):
            scope = ".".join(self.scopes) or "module"
            self.found.append((scope, self.describe(node, new), self.lines()))
            if len(self.found) - 1 == self.number:
                return ast.copy_location(new, node)
        result = self.generic_visit(node)
        self.scopes, self.statement, self.message = outer
        return result

    def enter(self, node):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            self.scopes = [*self.scopes, node.name]
        if isinstance(node, ast.stmt):
            self.statement = node
        if isinstance(node, (ast.Raise, ast.JoinedStr)):
            self.message = True  # and what a message computes in braces is code again
        if isinstance(node, ast.FormattedValue):
            self.message = False

    def generic_visit(self, node):
        kept = {name: getattr(node, name) for name in LEFT_ALONE if hasattr(node, name)}
        for name in kept:
            setattr(node, name, [] if isinstance(kept[name], list) else None)
        super().generic_visit(node)
        for name, value in kept.items():
            setattr(node, name, value)
        return node

    def describe(self, node, new):
        """What was and what is; where a function has the same twice, with its count."""
        if isinstance(node, ast.Call):
            (gone,) = [k for k in node.keywords if k not in new.keywords]
            text = f"{in_short(node.func)}(...) without {gone.arg}={in_short(gone.value)}"
        else:
            text = f"{in_short(node)} -> {in_short(new)}"
        scope = ".".join(self.scopes) or "module"
        self.texts[scope, text] += 1
        times = self.texts[scope, text]
        return text if times == 1 else f"{text} ({times})"

    def lines(self):
        """The lines of the statement; of a compound one, its head; of a default, the body's."""
        node = self.statement
        if node is None:
            return (1,)
        first, last = node.lineno, node.end_lineno
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = node.body[0].lineno
        elif getattr(node, "body", None):
            last = max(first, node.body[0].lineno - 1)
        return tuple(range(first, last + 1))


def mutants_of(path, file):
    """Every mutant of a file."""
    mutator = Mutator(path)
    mutator.tree()
    return [Mutant(file, number, *found) for number, found in enumerate(mutator.found)]
