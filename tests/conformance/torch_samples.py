"""PyTorch's own samples of its functions, with which it tests itself, by convlib's functions.

torch's `op_db` has for each operator calls that work, and calls that are refused. `out_of_scope`
says which of them ask for what convlib does not have, from the call alone:

- an image without its batch: every x here is a batch;
- a number of spatial axes that torch's function refuses, for it has one function for each number;
- `align_corners`: `resize` samples at torch's default places.

Complex numbers and bools are another contract's (see the laws), and so are halves: torch rounds
more than once. `lp_pool` and `col2im` have no samples; the laws compare them on drawn calls.
"""

import sys
import unittest
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch

import convlib as cl

ACTIVATIONS = (
    "relu relu6 leaky_relu elu celu selu silu mish gelu softplus logsigmoid hardsigmoid hardswish"
).split()
POOL = "kernel_size stride padding ceil_mode count_include_pad divisor_override"
RANKED = {  # ours, and what torch calls its arguments by position, behind the input
    "conv": "weight bias",
    "conv_transpose": "weight bias",
    "avg_pool": POOL,
    "max_pool": "",
    "adaptive_avg_pool": "output_size",
    "adaptive_max_pool": "output_size return_indices",
    "max_unpool": "indices",
}
# torch's name: ours, the arguments, and the spatial axes, where torch's function has one number.
OPERATORS = {
    f"nn.functional.{ours}{rank}d": (ours, places, rank)
    for ours, places in RANKED.items()
    for rank in (1, 2, 3)
} | {
    "nn.functional.interpolate": ("resize", "size", None),
    "nn.functional.unfold": ("im2col", "kernel_size dilation padding stride", 2),
    "nn.functional.pixel_shuffle": ("pixel_shuffle", "", None),
    "nn.functional.pixel_unshuffle": ("pixel_unshuffle", "", None),
    "nn.functional.channel_shuffle": ("channel_shuffle", "groups", None),
    "nn.functional.prelu": ("prelu", "weight", None),
    **{f"nn.functional.{name}": (name, "", None) for name in ACTIVATIONS},
    "sigmoid": ("sigmoid", "", None),
    "tanh": ("tanh", "", None),
}
MODES = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "trilinear": "linear"}


@dataclass(frozen=True)
class Call:
    """A call of a function of torch, and of ours."""

    ours: str
    rank: int | None
    arguments: dict[str, Any]  # by our names, `x` among them
    theirs: Callable[[], Any]

    def run(self, function: str = "", **changed: Any) -> Any:
        return getattr(cl, function or self.ours)(**self.arguments | changed)

    def arrays(self) -> dict[str, torch.Tensor]:
        return {k: v for k, v in self.arguments.items() if isinstance(v, torch.Tensor)}

    def __repr__(self) -> str:
        shapes = {k: tuple(v.shape) for k, v in self.arrays().items()}
        return f"cl.{self.ours}({self.arguments | shapes})"


def out_of_scope(call: Call) -> str | None:
    """What convlib does not have; None where it has it."""
    axes = call.arguments["x"].ndim - 2
    if call.rank not in (None, axes):
        return "no batch" if axes == call.rank - 1 else "axes that torch's function refuses"
    return "align_corners" if call.arguments.get("align_corners") else None


@cache
def samples(name: str, dtype: torch.dtype) -> list[Call]:
    """What works, with gradients where there are some."""
    found = []
    for operator in entries(name):
        if dtype in operator.supported_dtypes("cpu"):
            slopes = dtype.is_floating_point
            for sample in operator.sample_inputs("cpu", dtype, requires_grad=slopes):
                found.append(translated(name, operator, sample))
    return found


def errors(name: str) -> Iterator[Call]:
    """What is refused."""
    for operator in entries(name):
        if operator.error_inputs_func is not None:
            for error in operator.error_inputs("cpu"):
                yield translated(name, operator, error.sample_input)


def translated(name: str, operator: Any, sample: Any) -> Call:
    """By our names of the arguments; what torch says twice or has by default is left out."""
    ours, places, rank = OPERATORS[name]
    given = {"x": sample.input, **dict(zip(places.split(), sample.args, strict=False))}
    given |= sample.kwargs
    if "mode" in given:
        given["mode"] = MODES[given["mode"]]
    if given.pop("recompute_scale_factor", False):  # anew, from the size that it leads to
        scale = given.pop("scale_factor")
        given["size"] = tuple(int(n * scale) for n in sample.input.shape[2:])
    if not given.get("align_corners", True):
        del given["align_corners"]
    return Call(ours, rank, given, lambda: operator.op(sample.input, *sample.args, **sample.kwargs))


def entries(name: str) -> list[Any]:
    """The variants of an operator, with a mode that convlib has."""
    kept = {"", "grad", *MODES}
    found = [one for one in _database() if one.name == name]
    return [one for one in found if one.variant_test_name in kept]


@cache
def _database() -> list[Any]:
    """torch's table. Two packages that its module imports have no part in the samples.

    expecttest is for torch's tests, and may not be there. SciPy would bring a second BLAS into the
    process, which other tests would see.
    """
    stand_ins: dict[str, Any] = {}
    if find_spec("expecttest") is None:
        stand_ins["expecttest"] = ModuleType("expecttest")
        stand_ins["expecttest"].TestCase = unittest.TestCase
        stand_ins["expecttest"].assert_expected_inline = None
    if "scipy" not in sys.modules:
        stand_ins["scipy"] = None  # "not found"
    sys.modules |= stand_ins
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.testing._internal.common_methods_invocations import op_db
    finally:
        for name in stand_ins:
            del sys.modules[name]
        # That module forbids to set torch's flags, which other tests in this process do.
        flags = torch.backends.flags_frozen.__globals__
        flags["__allow_nonbracketed_mutation_flag"] = True
    return list(op_db)
