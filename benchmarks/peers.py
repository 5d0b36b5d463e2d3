"""The problem that all get, and the contenders: torch, and convlib on arrays and on tensors."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

import convlib as cl

from .layers import Case
from .timing import TOLERANCE, Call


class Problem(NamedTuple):
    """The numbers that all contenders get; with a gradient, what is asked is the backward pass."""

    operation: str
    options: dict[str, Any]
    inputs: tuple[np.ndarray, ...]  # x, and for a convolution its weight
    grad: np.ndarray | None

    @property
    def window(self) -> tuple[int, int, int, int]:
        """Kernel side, stride, padding, groups: what the guests spell in their own ways."""
        side = self.inputs[1].shape[-1] if self.operation == "conv" else 0
        get = self.options.get
        return get("kernel_size", side), get("stride", 1), get("padding", 0), get("groups", 1)


Guest = Callable[[Problem], Call | None]

TORCH = {
    "conv": F.conv2d,
    "max_pool": F.max_pool2d,
    "avg_pool": F.avg_pool2d,
    "global_avg_pool": partial(F.adaptive_avg_pool2d, output_size=1),
    "relu": F.relu,
    "silu": F.silu,
    "gelu": F.gelu,
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
    "hardswish": F.hardswish,
}


def make_problem(case: Case, batch: int, backward: bool) -> Problem:
    """Normally distributed numbers, the same in every run; kernels scaled to keep the variance."""
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((batch, *case.x), dtype=np.float32)]
    if case.weight:
        scale = np.float32(1 / math.sqrt(math.prod(case.weight[1:])))
        inputs.append(scale * rng.standard_normal(case.weight, dtype=np.float32))
    grad = None
    if backward:
        y = TORCH[case.operation](*map(torch.from_numpy, inputs), **case.options)
        grad = rng.standard_normal(tuple(y.shape), dtype=np.float32)
    return Problem(case.operation, case.options, tuple(inputs), grad)


def with_bias(problem: Problem) -> tuple[np.ndarray, ...]:
    """`conv_backward` gives the bias's gradient too: whoever is compared with it must do so."""
    if problem.grad is None or problem.operation != "conv":
        return problem.inputs
    return *problem.inputs, np.zeros(len(problem.inputs[1]), np.float32)


def in_torch(problem: Problem, device: str = "cpu") -> Call:
    """Backward by autograd, as a training step runs it, with the forward pass done before."""
    function = partial(TORCH[problem.operation], **problem.options)
    inputs = [torch.from_numpy(a).to(device) for a in with_bias(problem)]
    if problem.grad is None:
        return partial(function, *inputs)
    grad = torch.from_numpy(problem.grad).to(device)
    with torch.enable_grad():
        leaves = [a.requires_grad_() for a in inputs]
        y = function(*leaves)
    return partial(torch.autograd.grad, y, leaves, grad, retain_graph=True)


def in_torch_tf32(problem: Problem, device: str) -> Call | None:
    """The same with products of ten-bit mantissas, which is how cuDNN convolves unless told."""
    call, backends = in_torch(problem, device), torch.backends

    def run() -> Any:
        backends.cudnn.allow_tf32 = backends.cuda.matmul.allow_tf32 = True
        try:
            return call()
        finally:
            backends.cudnn.allow_tf32 = backends.cuda.matmul.allow_tf32 = False

    return run if problem.operation == "conv" else None


def in_convlib(problem: Problem, convert: Callable[[np.ndarray], Any]) -> Call:
    """The public functions, as they come."""
    inputs = [convert(a) for a in problem.inputs]
    if problem.grad is None:
        return partial(getattr(cl, problem.operation), *inputs, **problem.options)
    backward = getattr(cl, f"{problem.operation}_backward")
    return partial(backward, convert(problem.grad), *inputs, **problem.options)


def contenders(
    problem: Problem, device: str, guests: Mapping[str, Guest] | None = None
) -> dict[str, Call]:
    """A call for each library that can do it, by name; torch first."""
    if device == "cuda":
        convert = lambda a: torch.from_numpy(a).to(device)  # noqa: E731
        calls = {
            "torch": in_torch(problem, device),
            "convlib (torch)": in_convlib(problem, convert),
            "torch, TF32": in_torch_tf32(problem, device),
        }
    else:
        calls = {
            "torch": in_torch(problem),
            "convlib (NumPy)": in_convlib(problem, lambda a: a),
            "convlib (torch)": in_convlib(problem, torch.from_numpy),
        }
        calls |= {name: guest(problem) for name, guest in (guests or {}).items()}
    return {name: call for name, call in calls.items() if call is not None}


def tolerance(name: str) -> float:
    """What `timing.check` allows a contender."""
    return 1e-2 if name == "torch, TF32" else TOLERANCE
