"""Peak memory beyond input and output: ``python -m benchmarks.memory PLAN OUT``, from `__main__`.

On Linux the kernel keeps the most that a process ever held (VmHWM), and forgets it when told to.
So the growth during one call is what the call needed, its result among it. Elsewhere `tracemalloc`
counts what NumPy asks for, and tensors are not measured. On CUDA torch's own allocator counts.
"""

import ctypes
import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .layers import Case, choose
from .peers import contenders, make_problem
from .timing import Call, reason

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def result_bytes(result: Any) -> int:
    """Bytes of an array, or of several gradients."""
    parts = result if isinstance(result, (tuple, list)) else (result,)
    return sum(part.nbytes for part in parts)


def extra_linux(call: Call) -> int:
    """Growth of resident memory during the call, at its peak, less its result."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    CLEAR.write_text("5")  # the peak is now what is held now
    before = _held("VmHWM")
    result = call()
    return max(0, _held("VmHWM") - before - result_bytes(result))


def _held(field: str) -> int:
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def extra_traced(call: Call) -> int:
    """What Python and NumPy allocated during the call, at its peak, less its result."""
    tracemalloc.start()
    try:
        result = call()
        return max(0, tracemalloc.get_traced_memory()[1] - result_bytes(result))
    finally:
        tracemalloc.stop()


def extra_cuda(call: Call, cuda: Any = torch.cuda) -> int:
    """What torch's allocator gave out during the call, at its peak, less the result."""
    cuda.synchronize()
    cuda.reset_peak_memory_stats()
    before = cuda.memory_allocated()
    result = call()
    cuda.synchronize()
    return max(0, cuda.max_memory_allocated() - before - result_bytes(result))


def gauge(device: str) -> tuple[Callable[[Call], int], str]:
    """The way to measure here, and the contenders it can measure."""
    if device == "cuda":
        return extra_cuda, "torch"
    try:
        CLEAR.write_text("5")
        return extra_linux, "torch NumPy"
    except OSError:
        return extra_traced, "NumPy"


def measure(case: Case, batch: int, backward: bool, device: str) -> dict[str, Any]:
    """Bytes beyond input and output, by contender, of the first call on these shapes."""
    extra, able = gauge(device)
    found: dict[str, int] = {}
    refused: dict[str, str] = {}
    for name, call in contenders(make_problem(case, batch, backward), device).items():
        try:
            if name.rpartition("(")[2].strip(")") in able:
                found[name] = extra(call)
        except Exception as error:
            refused[name] = reason(name, error)
    what = {"name": case.name, "kind": case.kind, "batch": batch}
    what["direction"] = "backward" if backward else "forward"
    return what | {"bytes": found, "refused": refused}


def run(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """All the cases of a plan; first one call of each kind, for what a library sets up once."""
    torch.set_num_threads(plan["threads"])
    cases = choose(plan["match"], plan["kinds"], plan["quick"])
    todo = [
        (case, batch, direction == "backward", plan["device"])
        for batch in plan["batches"]
        for direction in plan["directions"]
        for case in cases
    ]
    with threadpool_limits(plan["threads"]), torch.no_grad():
        for case in choose(plan["match"], plan["kinds"], quick=True):
            for direction in plan["directions"]:
                measure(case, 1, direction == "backward", plan["device"])
        bar = tqdm(todo, desc=f"memory, {plan['label']}", leave=False, disable=None)
        return [measure(*each) for each in bar]


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(run(json.loads(sys.argv[1]))))
