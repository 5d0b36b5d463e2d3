"""Time convlib beside its peers on every layer of five networks: ``make bench``.

    python -m benchmarks                       all layers, forward and backward, one thread
    python -m benchmarks --match 1x1           those with 1x1 in their name
    python -m benchmarks --quick               one small layer of each kind, one round
    python -m benchmarks --blas SKYLAKEX       with these kernels of OpenBLAS
    python -m benchmarks --full                the committed results: benchmarks/results/

Ratios are to torch, round by round, all in one process on the same threads. The times are this
machine's; the ratios travel.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import report
from .layers import KINDS, choose

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
SCHEMA = 1  # of the JSON
# After a parallel call, the threads of torch (OpenMP) and of OpenBLAS go on spinning, up to 25 ms,
# on the cores that the next contender needs. These end it sooner: torch's within some 0.7 ms,
# OpenBLAS's within 10 microseconds. More for OpenBLAS would spare convlib some waking of threads,
# but they would disturb whoever comes after it.
SHORT_SPIN = {"GOMP_SPINCOUNT": "10000", "OPENBLAS_THREAD_TIMEOUT": "14"}
# For the process that measures memory: every large block is mapped, and given back at once. None
# waits, counted already, to be used again.
MAPPED = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--match", default="", help="only layers with this in their name")
    add("--kind", action="append", default=[], help=f"only these: {', '.join(KINDS)}")
    add("--batch", type=int, action="append", help="images at once; repeatable; default 1")
    add("--threads", type=int, action="append", help="repeatable; default 1")
    add("--rounds", type=int, help="default 7")
    add("--quick", action="store_true", help="one layer of each kind, no peers, one round")
    add("--forward", action="store_true", help="only forward")
    add("--backward", action="store_true", help="only backward")
    add(
        "--peers",
        choices=("all", "none"),
        help="beside torch; default all there are; batches beyond 1: jax",
    )
    add("--blas", help="OPENBLAS_CORETYPE, such as SKYLAKEX; 'detected' removes the variable")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--full", action="store_true", help="batches 1 and 8, three settings, written to results/")
    add("--json", type=Path, help="write the seconds of every round here")
    add("--picture", type=Path, help="write the picture here, as SVG")
    args = parser.parse_args(words)
    _check(parser, args)
    return args


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    args.rounds = args.rounds if args.rounds is not None else 1 if args.quick else 7
    args.peers = args.peers or ("none" if args.quick else "all")
    for name in ("batch", "threads", "rounds"):
        value = getattr(args, name)
        counts = value if isinstance(value, list) else [] if value is None else [value]
        if any(n < 1 for n in counts):
            parser.error(f"--{name} counts from 1; got {value}")
    if args.full and (args.threads or args.blas):
        parser.error("--full has threads and kernels of its own: leave --threads and --blas out")
    if not choose(args.match, args.kind):
        parser.error(f"no layer has {args.match!r} in its name; kinds: {', '.join(KINDS)}")


def fitting_kernels() -> str:
    """The kernels of OpenBLAS that fit this processor, where it might choose lesser ones."""
    info = Path("/proc/cpuinfo")
    wide = info.exists() and "avx512bw" in info.read_text()
    return "SKYLAKEX" if wide else "detected"


def settings(args: argparse.Namespace) -> list[tuple[str | None, int]]:
    """Kernels and threads of each run; without kernels the environment stays as it is."""
    if args.full and args.device == "cpu":
        fitting, threads = fitting_kernels(), [1, 2] if (os.cpu_count() or 1) > 1 else [1]
        if fitting == "detected" and "OPENBLAS_CORETYPE" not in os.environ:
            threads.remove(1)  # the kernels as installed are those that fit
        return [(None, 1), *((fitting, n) for n in threads)]
    return [(args.blas, threads) for threads in args.threads or [1]]


def make_plan(args: argparse.Namespace, blas: str | None, threads: int) -> dict[str, Any]:
    """What a run measures, as JSON can say it."""
    directions = [name for name in ("forward", "backward") if getattr(args, name)]
    kernels = "as installed" if blas is None else f"kernels {blas}"
    return {
        "label": f"{kernels}, {threads} thread{'s' if threads > 1 else ''}",
        "setting": "fitting" if blas == fitting_kernels() else "other" if blas else "as installed",
        "blas": blas,
        "threads": threads,
        "batches": args.batch or ([1, 8] if args.full and not args.quick else [1]),
        "directions": directions or ["forward", "backward"],
        "match": args.match,
        "kinds": args.kind,
        "quick": args.quick,
        "rounds": args.rounds,
        "peers": args.peers,
        "device": args.device,
    }


def environment(plan: dict[str, Any]) -> dict[str, str]:
    """Variables that libraries read when they are loaded."""
    variables = (
        SHORT_SPIN | dict(os.environ) | {"NPROC": str(plan["threads"])}
    )  # the threads of jax
    if plan["blas"] == "detected":
        variables.pop("OPENBLAS_CORETYPE", None)
    elif plan["blas"]:
        variables["OPENBLAS_CORETYPE"] = plan["blas"]
    return variables


@contextlib.contextmanager
def few_cores(number: int) -> Iterator[None]:
    """Processes started in here may use this many cores, whatever their libraries think."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-number:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def child(module: str, plan: dict[str, Any], variables: dict[str, str]) -> Any:
    """What a fresh process measures by a plan."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", f"benchmarks.{module}", json.dumps(plan), str(out)]
        with few_cores(plan["threads"]):
            subprocess.run(command, check=True, cwd=ROOT, env=variables)
        return json.loads(out.read_text())


def write(runs: Sequence[dict[str, Any]], paths: dict[str, Path | None]) -> None:
    """The JSON, the picture and the page, where a path is given."""
    if path := paths.get("json"):
        path.write_text(json.dumps({"schema": SCHEMA, "runs": runs}, indent=1) + "\n")
    if path := paths.get("svg"):
        from .picture import draw  # matplotlib is needed for nothing else

        draw(runs, path)
    if path := paths.get("md"):
        path.write_text(report.markdown(runs, paths["svg"].name if paths.get("svg") else ""))


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 where an answer of convlib was wrong, or failed to come."""
    args = arguments(words)
    runs = []
    for blas, threads in settings(args):
        plan = make_plan(args, blas, threads)
        variables = environment(plan)
        runs.append(child("measure", plan, variables))
        runs[-1]["memory"] = child("memory", plan, variables | MAPPED)
        print(report.text(runs[-1]), flush=True)
    written = {"json": args.json, "svg": args.picture, "md": None}
    if args.full:
        RESULTS.mkdir(exist_ok=True)
        base = RESULTS / report.file_name(runs[0])
        written = {ending: written[ending] or base.with_suffix(f".{ending}") for ending in written}
    write(runs, written)
    parts = [each for run in runs for each in (*run["figures"], *run["memory"])]
    wrong = [name for each in parts for name in each["refused"]]
    return int(any(name.startswith("convlib") for name in wrong))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as stopped:  # the child has said why
        sys.exit(stopped.returncode)
