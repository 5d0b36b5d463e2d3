"""One run in a process of its own: ``python -m benchmarks.measure PLAN OUT``, from `__main__`.

The process is fresh because what it measures is settled when NumPy, torch and jax are loaded: the
BLAS kernels, the number of threads, the cores it may use.
"""

import datetime
import importlib.metadata
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_info, threadpool_limits
from tqdm import tqdm

from .guests import present
from .layers import Case, choose
from .peers import Guest, contenders, make_problem, tolerance
from .timing import Call, check, cpu_clock, cuda_clock, reason, take_turns


def checked(calls: dict[str, Call]) -> tuple[dict[str, Call], dict[str, str]]:
    """The calls whose result is torch's, and why the others are not timed. Warms all up."""
    reference, kept, refused = calls["torch"](), {}, {}
    for name, call in calls.items():
        try:
            check(name, call(), reference, tolerance(name))
            kept[name] = call
        except Exception as error:  # a wrong answer has no speed, nor has none
            refused[name] = reason(name, error)
    return kept, refused


def measure(
    case: Case, batch: int, backward: bool, plan: dict[str, Any], guests: dict[str, Guest]
) -> dict[str, Any]:
    """The seconds of every contender and round, with all that says what was measured."""
    cuda = plan["device"] == "cuda"
    if batch > 1:  # those that loop in Python take minutes, and one image has shown their speed
        guests = {name: guest for name, guest in guests.items() if name == "jax"}
    calls = contenders(make_problem(case, batch, backward), plan["device"], guests)
    kept, refused = checked(calls)
    clock = cuda_clock(torch.cuda) if cuda else cpu_clock
    return asdict(case) | {
        "batch": batch,
        "direction": "backward" if backward else "forward",
        "seconds": take_turns(kept, plan["rounds"], clock, [*guests]),
        "refused": refused,
    }


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """All the cases of a plan, under its threads."""
    guests, missing = present() if plan["peers"] == "all" and plan["device"] == "cpu" else ({}, [])
    _settle(plan)
    todo = [
        (case, batch, direction == "backward")
        for batch in plan["batches"]
        for direction in plan["directions"]
        for case in choose(plan["match"], plan["kinds"], plan["quick"])
    ]
    bar = tqdm(todo, desc=plan["label"], leave=False, disable=None)
    with threadpool_limits(plan["threads"]), torch.no_grad():
        figures = [measure(*each, plan, guests) for each in bar]
    return {"plan": plan, "machine": machine(plan, guests), "missing": missing, "figures": figures}


def _settle(plan: dict[str, Any]) -> None:
    """Threads and precision, for the whole process."""
    torch.set_num_threads(plan["threads"])
    if plan["device"] == "cuda":
        if not torch.cuda.is_available():
            sys.exit("--device cuda: torch sees no CUDA device here.")
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.benchmark = True  # cuDNN tries its algorithms and takes the fastest


def machine(plan: dict[str, Any], guests: dict[str, Guest]) -> dict[str, Any]:
    """What the figures depend on."""
    libraries = ["numpy", "torch", *(name.split()[0] for name in guests)]
    with threadpool_limits(plan["threads"]):
        blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    found = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": plan["threads"],
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in libraries},
        # scipy brings an OpenBLAS of its own: NumPy's is the first
        "blas": f"{blas[0]['internal_api']} {blas[0].get('architecture', '')}" if blas else "",
        "torch kernels": torch.backends.cpu.get_cpu_capability(),
        "date": datetime.date.today().isoformat(),
    }
    if plan["device"] == "cuda":
        found |= {
            "gpu": torch.cuda.get_device_name(),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "precision": "TF32 off, but in the row named so; cuDNN takes its fastest algorithm",
        }
    return found


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(run(json.loads(sys.argv[1]))))
