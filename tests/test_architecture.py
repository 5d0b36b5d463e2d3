"""How the library is built: who imports whom, what is public, how long a function may be."""

import ast
import doctest
import inspect
import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import convlib as cl
from convlib import _checks

PACKAGE = Path(cl.__file__).parent
ROOT = PACKAGE.parent

# Which modules of convlib each one may import. A new module needs a line here.
# From the ground up.
FLOORS = "_types _tuning _arrays _sums _checks geometry _work _transforms _windows".split()
CORE = {*FLOORS}
LAYERS = CORE | {"lowering", "_layer", "methods"}  # what convolutions stand on
ALL = LAYERS | {
    *(
        "convolution",
        "groups",
        "transpose",
        "upsampling",
        "activations",
        "pooling",
        "adaptive_pooling",
    ),
    *("costs", "networks"),
}
MAY_IMPORT = {
    "_types": set(),
    "_tuning": set(),
    "_arrays": {"_types"},
    "_sums": {"_arrays"},
    "_checks": {"_types", "_arrays"},
    "geometry": {"_types", "_arrays", "_checks"},
    "_work": {"_arrays", "_tuning"},
    "_transforms": {"_types", "_arrays", "geometry"},
    "_windows": {"_types", "_arrays", "_sums", "geometry", "_work", "_transforms"},
    "lowering": CORE,
    "_layer": CORE,
    "methods": LAYERS,
    "convolution": LAYERS,
    "groups": LAYERS,
    "transpose": LAYERS,
    "_formulas": {"_arrays"},
    "_pointwise": {"_tuning", "_arrays", "_checks", "_formulas"},
    "activations": {"_types", "_arrays", "_sums", "_checks", "_formulas", "_pointwise"},
    "_pooling": CORE,
    "_pooling_windows": CORE | {"_pooling"},
    "pooling": CORE | {"_pooling", "_pooling_windows"},
    "adaptive_pooling": CORE | {"_pooling"},
    "upsampling": CORE,
    "costs": {"_types", "_arrays", "_checks", "geometry"},
    "networks": {"_types", "_arrays", "_checks", "geometry", "costs"},
    "plot": ALL,
    "labs": ALL | {"plot", "labs"},
    "__init__": ALL,  # the public names: never plot or labs
}
EXTRAS = {"_work": {"threadpoolctl"}, "plot": {"matplotlib"}, "labs": {"anywidget", "traitlets"}}

# The public names, with their parameters: those of torch.nn.functional, options by name only.
CONV = "stride=1, padding=0, dilation=1, groups=1, padding_mode='zeros'"
TRANSPOSE = "stride=1, padding=0, output_padding=0"
SIGNATURES = {
    "conv": f"(x, weight, bias=None, *, {CONV}, method='auto', budget=8388608)",
    "conv_backward": (
        f"(grad_output, x, weight, *, {CONV}, method='auto', budget=8388608, "
        "needs=(True, True, True))"
    ),
    "im2col": "(x, kernel_size, *, stride=1, padding=0, dilation=1)",
    "col2im": "(cols, output_size, kernel_size, *, stride=1, padding=0, dilation=1)",
    "output_size": "(input_size, kernel_size, *, stride=1, padding=0, dilation=1, ceil_mode=False)",
    "receptive_field": "(layers)",
    "conv_cost": (
        "(x_shape, weight_shape, *, bias=True, stride=1, padding=0, dilation=1, groups=1, "
        "itemsize=4)"
    ),
    "conv_transpose": (
        f"(x, weight, bias=None, *, {TRANSPOSE}, groups=1, dilation=1, method='auto', "
        "budget=8388608)"
    ),
    "conv_transpose_backward": (
        f"(grad_output, x, weight, *, {TRANSPOSE}, groups=1, dilation=1, method='auto', "
        "budget=8388608, needs=(True, True, True))"
    ),
    "conv_matrix": "(weight, input_size, *, stride=1, padding=0, dilation=1, groups=1)",
    "overlap_count": f"(input_size, kernel_size, *, {TRANSPOSE}, dilation=1)",
    "transpose_output_size": f"(input_size, kernel_size, *, {TRANSPOSE}, dilation=1)",
    "depthwise_conv": "(x, weight, bias=None, *, stride=1, padding=0, dilation=1)",
    "pointwise_conv": "(x, weight, bias=None)",
    "separable_conv": "(x, depthwise, pointwise, bias=None, *, stride=1, padding=0, dilation=1)",
    "resize": "(x, size=None, *, scale_factor=None, mode='nearest')",
    "max_pool": (
        "(x, kernel_size, stride=None, *, padding=0, dilation=1, ceil_mode=False, "
        "return_indices=False)"
    ),
    "max_pool_backward": (
        "(grad_output, x, kernel_size, stride=None, *, padding=0, dilation=1, ceil_mode=False, "
        "indices=None)"
    ),
    "avg_pool": (
        "(x, kernel_size, stride=None, *, padding=0, dilation=1, ceil_mode=False, "
        "count_include_pad=True, divisor_override=None)"
    ),
    "lp_pool": (
        "(x, norm_type, kernel_size, stride=None, *, padding=0, dilation=1, ceil_mode=False)"
    ),
    "global_avg_pool": "(x)",
    "global_max_pool": "(x)",
    "adaptive_avg_pool": "(x, output_size)",
    "adaptive_max_pool": "(x, output_size, *, return_indices=False)",
    "adaptive_max_pool_backward": "(grad_output, x, output_size, *, indices=None)",
    "max_unpool": "(x, indices, kernel_size, stride=None, *, padding=0, output_size=None)",
    "pixel_shuffle": "(x, upscale_factor)",
    "channel_shuffle": "(x, groups)",
    "zero_insert": "(x, stride)",
    "leaky_relu": "(x, negative_slope=0.01)",
    "prelu": "(x, weight)",
    "gelu": "(x, approximate='none')",
}
# Public too, once they are there; their parameters are not laid down.
NAMES = (
    "COLUMN_BUDGET relu sigmoid tanh silu relu6 elu selu celu mish softplus hardsigmoid hardswish "
    "logsigmoid"
).split()
CONTRACT = {*SIGNATURES, *NAMES}
# What the book needs beyond the contract.
BOOKS_OWN = {
    *("Field", "LayerCost", "Layer", "NetworkCost", "NETWORKS", "network"),
    *("channel_reach", "channel_unshuffle", "clear_scratch", "pixel_unshuffle"),
}

SOURCES = sorted(PACKAGE.rglob("*.py"))
WRITTEN = [*SOURCES, *sorted([*ROOT.glob("tools/*.py"), *ROOT.glob("benchmarks/*.py")])]
SOURCE_TEXT = "\n".join(path.read_text("utf-8") for path in SOURCES)
FUNCTIONS = [name for name in cl.__all__ if inspect.isfunction(getattr(cl, name))]


def module_of(path):
    """The line of the table for a file: ``methods`` for ``methods/direct.py``."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def is_public(name):
    return name in CONTRACT or name.removesuffix("_backward") in CONTRACT


def imports(path):
    """Dotted names that a file imports, at its top or in a function; relative ones made whole."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def python(*arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)


# ---- imports ----


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    module = module_of(path)
    assert module in MAY_IMPORT, f"{module} has no line in the table of this test"
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "convlib":
            assert rest, f"{path.name} imports the whole of convlib"
            assert rest[0] in MAY_IMPORT[module], f"{path.name} imports {name}"
        else:
            allowed = {"numpy", *EXTRAS.get(module, ()), *sys.stdlib_module_names}
            assert top in allowed, f"{path.name} imports {name}"


def test_the_table_itself_goes_one_way():
    settled = set()
    for module, may in MAY_IMPORT.items():
        assert may - {module} <= settled | ALL
        assert not may & {"plot", "labs"} or module == "labs"
        settled.add(module)
    order = [*FLOORS, "lowering", "_layer", "methods", "convolution"]
    for i, module in enumerate(order):
        assert MAY_IMPORT[module] <= {*order[:i], "methods"}


@pytest.mark.parametrize("folder", ["benchmarks", "tools"])
def test_beside_the_library_imports_go_one_way(folder):
    """No circle, also by an import in a function; and neither of the two needs the other."""
    needs = {}
    for path in (ROOT / folder).glob("*.py"):
        found = {tuple(name.split(".")[:2]) for name in imports(path)}
        assert not {"benchmarks", "tools"} - {folder} & {top for top, *_ in found}, path.name
        needs[folder, path.stem] = {name for name in found if name[0] == folder}
    TopologicalSorter(needs).prepare()  # raises CycleError, and names the circle


def test_tools_run_one_way():
    """``python -m tools.lock``, from the root: no tool is named by its path."""
    texts = [*ROOT.glob("*.*"), ROOT / "Makefile", *ROOT.glob(".github/**/*.yml")]
    for folder in ("benchmarks", "book", "convlib", "tests", "tools"):
        texts += (ROOT / folder).rglob("*.*")
    kinds = {".in", ".ipynb", ".js", ".md", ".mjs", ".py", ".toml", ".txt", ".yaml", ".yml", ""}
    for path in texts:
        if path.is_file() and path.suffix in kinds:
            found = re.findall(r"tools/\w+\.py\b", path.read_text("utf-8"))
            assert not found, f"{path.relative_to(ROOT)}: {found}"


def test_the_oracle_shares_nothing_with_what_it_judges():
    """`direct` pads and casts as the others do; windows, columns and tiles it does without."""
    names = {name.rpartition(".")[2] for name in imports(PACKAGE / "methods" / "direct.py")}
    assert names <= {*"annotations product Array ConvLayer accumulator beside cast new pad".split()}


def test_the_import_needs_numpy_alone():
    script = "import json, sys, convlib; print(json.dumps(sorted(sys.modules)))"
    loaded = {name.partition(".")[0] for name in json.loads(python("-c", script).stdout)}
    assert "numpy" in loaded
    assert not loaded & {"torch", "matplotlib", "anywidget", "IPython"}


def test_it_works_where_torch_cannot_be_imported():
    script = """
import sys
sys.modules["torch"] = None  # an import of it fails now
import numpy as np, convlib as cl
x, weight = np.arange(9).reshape(1, 1, 3, 3), np.arange(4).reshape(1, 1, 2, 2)
y = cl.conv(x, weight, np.array([1]), padding=1, padding_mode="reflect")
cl.conv_backward(y, x, weight, padding=1)
print(cl.conv(x, weight).ravel().tolist(), cl.col2im(cl.im2col(x, 2), (3, 3), 2).shape)
"""
    assert python("-c", script).stdout == "[19, 25, 37, 43] (1, 1, 3, 3)\n"


CPU_TIMES = """
import time
def spent(done=[0.0]):
    before, done[0] = done[0], 1000 * time.process_time()
    return done[0] - before
spent()
import numpy
numpys = spent()
import convlib
print(numpys, spent())
"""


def test_the_import_is_quick():
    """At most 30 ms after NumPy's own import: the only bound on time in the tests.

    Time of the processor, not of the clock, and the best of five. On a slow machine, a third of
    what NumPy takes.
    """
    # As anywhere after the first import: compiled, even where Python is told not to keep bytecode.
    python("-m", "compileall", "-q", str(PACKAGE))
    times = []
    for _ in range(5):
        numpys, ours = map(float, python("-c", CPU_TIMES).stdout.split())
        times.append((round(ours), round(max(30, numpys / 3))))
        if ours <= max(30, numpys / 3):
            return
    pytest.fail(f"milliseconds taken and allowed: {times}")


# ---- the public face ----


def test_public_names_are_those_of_the_contract():
    constants_first = sorted(cl.__all__, key=lambda name: (not name.isupper(), name))
    assert cl.__all__ == constants_first
    assert len(set(cl.__all__)) == len(cl.__all__)
    assert all(is_public(name) or name in BOOKS_OWN for name in cl.__all__)
    assert all(hasattr(cl, name) for name in cl.__all__)


def test_what_is_written_is_public():
    """A function of the contract that stands in some module is a public name."""
    for path in SOURCES:
        if module_of(path) not in ("plot", "labs"):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, ast.FunctionDef) and is_public(node.name):
                    assert node.name in cl.__all__, f"{path.name}: {node.name}"


@pytest.mark.parametrize("name", sorted({*SIGNATURES} & {*cl.__all__}))
def test_parameters_are_those_of_the_contract(name):
    signature = inspect.signature(getattr(cl, name))
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    assert str(inspect.Signature(bare)) == SIGNATURES[name]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "clear_scratch"])
def test_every_public_function_has_the_door(name):
    """So what it refuses is told in its name, and NumPy does not warn; `clear_scratch` can't."""
    doors = {f(lambda: None).__code__ for f in (_checks.public, _checks.public_exact)}
    assert getattr(cl, name).__code__ in doors
    assert getattr(cl, name).__wrapped__.__name__ == name


def test_only_the_door_names_the_function():
    """A check does not know who called; so it raises what the door tells on."""
    for path in SOURCES:
        if module_of(path) not in ("plot", "labs"):
            raised = {
                node.exc.func.id
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
            }
            others = {"_checks.py": {"_told"}, "_arrays.py": {"RuntimeError"}}
            assert raised <= {"BadValue", "BadType"} | others.get(path.name, set()), path.name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstrings_are_complete(name):
    text = inspect.getdoc(getattr(cl, name))
    sections = re.findall(r"^(\w+)\n-+$", text, re.M)
    assert sections == ["Parameters", "Returns", "Raises", "Notes", "Examples"]
    assert re.match(r"[A-Z].*\.$", text.splitlines()[0]), "a summary of one line"
    assert doctest.DocTestParser().get_examples(text)
    for parameter in inspect.signature(getattr(cl, name)).parameters:
        described = text[text.index("Parameters\n") : text.index("Returns\n")]
        assert re.search(rf"^[\w, ]*\b{parameter}\b", described, re.M), parameter


@pytest.mark.parametrize("name", cl.__all__)
def test_every_public_name_says_what_it_is(name):
    value = getattr(cl, name)
    if name.isupper():
        assert re.search(rf'^{name}\b.*= .*\n"""', SOURCE_TEXT, re.M), "a string under it says so"
    else:
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}("), "that is a generated docstring"


# ---- style ----


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_are_short(path):
    checked = 0
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 25, f"{path.name}: {node.name} has {lines} lines"
            checked += 1
    assert checked or path.name in ("__init__.py", "__main__.py", "_tuning.py", "_types.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
