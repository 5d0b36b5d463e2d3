"""Change the library in one place at a time, and see whether a test notices: mutation testing.

    python -m tools.mutants [--sample 420] [--seed 1] [MUTANT ...]      or: make mutants

A first run of the tests tells which of them touch which line. Then each mutant is a process of its
own that imports the changed module and runs the module's own tests, and after them the others that
touch its line, until one fails. `tests/mutants.md` has the last result, and why some mutants
cannot be told from the library.
"""

import argparse
import contextlib
import json
import math
import os
import random
import re
import signal
import sys
import time
import traceback
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_loader
from pathlib import Path

import coverage
import pytest
from hypothesis import Phase, settings

from tools.mutations import Mutator, mutants_of

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "convlib"
KNOWN = ROOT / "tests" / "mutants.md"
OPTIONAL = ("plot.py", "labs")  # pictures: looked at, not computed with
OWN = {  # a module's tests, where they are not in the file of its name
    "__init__": "architecture",
    "_arrays": "arrays",
    "_checks": "arrays",
    "_sums": "arrays",
    "_windows": "arrays",
    "_work": "work",
    "_pooling": "pooling",
    "_pooling_windows": "pooling",
    "adaptive_pooling": "pooling",
    "methods": "methods",
    "_loudness": "loudness",
}
NOT_OF_THE_LIBRARY = "plot benchmarks readme supply repeatable".split()
TESTS = ["tests/errors", "tests/laws"] + [
    f"tests/{path.name}"
    for path in sorted((ROOT / "tests").glob("test_*.py"))
    if path.stem.removeprefix("test_") not in NOT_OF_THE_LIBRARY
]
BUDGET = 30  # seconds of tests in each round, by the clock of the first run


class Recorder:
    """A pytest plugin: keeps how long each test took and which lines it touched."""

    def __init__(self):
        self.took = {}
        self.coverage = coverage.Coverage(source=[str(PACKAGE)], data_file=None, config_file=False)

    def pytest_runtest_logstart(self, nodeid):
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.took[report.nodeid] = report.duration

    def lines(self):
        """The tests that touched each line of each file."""
        data = self.coverage.get_data()
        return {
            str(Path(file).relative_to(PACKAGE)): {
                line: [test for test in tests if test in self.took]
                for line, tests in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }


class Chosen:
    """A pytest plugin: runs these tests in this order. One that takes far too long ends it all."""

    def __init__(self, order, took):
        self.order, self.took = {test: i for i, test in enumerate(order)}, took

    def pytest_sessionstart(self):
        # That an example fails is enough: do not look for the smallest.
        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("mutants", settings.default, phases=phases, database=None)
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items):
        items[:] = sorted(
            (item for item in items if item.nodeid in self.order),
            key=lambda item: self.order[item.nodeid],
        )

    def pytest_runtest_logstart(self, nodeid):
        signal.setitimer(signal.ITIMER_REAL, 20 + 10 * self.took[nodeid])


class Changed:
    """An import hook: the module of `path` is the one that `mutator` makes of it."""

    def __init__(self, path, mutator):
        self.path, self.mutator = path, mutator

    def find_spec(self, name, path=None, target=None):
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        if name != ".".join(parts[:-1] if parts[-1] == "__init__" else parts):
            return None
        loader = SourceFileLoader(name, str(self.path))
        # Compiled from the tree: every line keeps its number, and no compiled file is left behind.
        loader.get_code = lambda _: compile(self.mutator.tree(), str(self.path), "exec")
        return spec_from_loader(name, loader, is_package=parts[-1] == "__init__")


def in_process(work, silent=True):
    """Run `work` in a process of its own; its exit code, negative for a signal.

    The fork has NumPy, torch and pytest imported, convlib not yet. So a mutant starts at once.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 70
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2) * silent:
            os.dup2(null, stream)
        code = int(work())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def run_pytest(tests, plugin, *options):
    quiet = ["-q", "-p", "no:cacheprovider", *options]
    return pytest.main([*quiet, "-o", "addopts=--import-mode=importlib", *tests], plugins=[plugin])


def first_run():
    """The tests on the library as it is: seconds by test, and tests by file and line.

    Kept until a file of the library or of the tests is newer.
    """
    notes = ROOT / "_build" / "mutants.json"
    notes.parent.mkdir(exist_ok=True)
    newest = max(p.stat().st_mtime for f in ("convlib", "tests") for p in (ROOT / f).rglob("*.py"))

    def work():
        recorder = Recorder()
        with recorder.coverage.collect():
            code = run_pytest(TESTS, recorder)
        if not code:
            notes.write_text(json.dumps([recorder.took, recorder.lines()]))
        return code

    if not (notes.exists() and notes.stat().st_mtime > newest) and in_process(work, silent=False):
        sys.exit("The tests must pass before there is a change to notice: pytest tests")
    return json.loads(notes.read_text())


def tests_of(mutant, took, lines):
    """The tests for a mutant, in two rounds: the module's own, then the others that touch it."""
    name = Path(mutant.file).parts[0].removesuffix(".py")
    own = f"tests/test_{OWN.get(name, name)}"
    touching = {test for line in mutant.lines for test in lines[mutant.file].get(str(line), [])}
    # What runs at import, or is kept in a cache, touches a line in no test or in one: so all of
    # the module's own tests, and any test for what only an import touches.
    others = touching or took
    rounds = [t for t in took if t.startswith(own)], [t for t in others if not t.startswith(own)]
    for tests in rounds:
        total = 0
        # The quick ones first, and those before all that touch the line.
        tests.sort(key=lambda test: (test not in touching, took[test]))
        for i, test in enumerate(tests):
            total += took[test]
            if total > BUDGET:
                del tests[i:]
                break
    return [tests for tests in rounds if tests]


def fate(mutant, took, lines):
    """What became of it: "killed", "survived", or "slow", which is killed by the clock."""
    rounds = tests_of(mutant, took, lines)

    def work():
        signal.alarm(120)  # to import and to collect
        path = PACKAGE / mutant.file
        sys.meta_path.insert(0, Changed(path, Mutator(path, mutant.number)))
        for tests in rounds:
            files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
            code = run_pytest(files, Chosen(tests, took), "-x")
            if code:
                return code
        return 0

    code = in_process(work)
    if code > 2:  # neither a failed test nor a failed import
        raise RuntimeError(f"{mutant.name}: pytest ended with {code}")
    return "slow" if code < 0 else ("survived", "killed", "killed")[code]


def sample_of(mutants, size, seed):
    """About `size` of the mutants, of each module its share."""
    by_file = defaultdict(list)
    for mutant in mutants:
        by_file[mutant.file].append(mutant)
    share = min(1, size / len(mutants))
    chosen = random.Random(seed)
    sample = [
        mutant
        for found in by_file.values()
        for mutant in chosen.sample(found, math.ceil(len(found) * share))
    ]
    chosen.shuffle(sample)  # whoever stops it early has a sample, too
    return sample


def table(results, known):
    """Counts by module, as Markdown."""
    rows = ["| module | mutants | killed | explained | survived |", "|---|--:|--:|--:|--:|"]
    files = sorted({mutant.file for mutant, _ in results})
    for name in [*files, "all"]:
        fates = [(m, f) for m, f in results if name in (m.file, "all")]
        lived = [m for m, f in fates if f == "survived"]
        equal = sum(m.key in known for m in lived)
        counts = (len(fates), len(fates) - len(lived), equal, len(lived) - equal)
        rows.append(f"| `{name}` | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(rows)


def options_given():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("mutants", nargs="*", help="these alone, e.g. pooling.py#12")
    parser.add_argument("--sample", type=int, default=420)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def prepare():
    """What every process starts with: NumPy and torch imported, one thread, no plugin of pytest's.

    The processes share the cores.
    """
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("numpy", "torch", "nbval.kernel", "scipy.signal"):
        with contextlib.suppress(ImportError):
            __import__(name)


def main():
    options = options_given()
    files = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]
    asked = [file for file in files if file.parts[0] not in OPTIONAL]
    mutants = [mutant for file in asked for mutant in mutants_of(PACKAGE / file, str(file))]
    chosen = sample_of(mutants, options.sample, options.seed)
    if options.mutants:
        chosen = [mutant for mutant in mutants if mutant.name in options.mutants]
    prepare()
    start = time.time()
    print(f"{len(chosen)} of {len(mutants)} mutants; first the tests as they are ...", flush=True)
    took, lines = first_run()
    known = set(re.findall(r"^- `` (.*?) ``", KNOWN.read_text("utf-8"), re.M))
    results = []
    with ThreadPoolExecutor(options.workers) as pool:
        for mutant, end in pool.map(lambda m: (m, fate(m, took, lines)), chosen):
            results.append((mutant, end))
            mark = "explained" if end == "survived" and mutant.key in known else end
            print(f"{mark:10} #{mutant.number} line {mutant.lines[0]}: {mutant.key}", flush=True)
    print(f"{time.time() - start:.0f} s\n\n{table(results, known)}")
    return any(end == "survived" and mutant.key not in known for mutant, end in results)


if __name__ == "__main__":
    sys.exit(main())
