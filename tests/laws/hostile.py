"""Values that nobody should pass, and what may come of it: the pieces of `test_hostile`."""

import math
import re
import signal
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from unittest import mock

import numpy as np
import torch

import convlib as cl

PACKAGE = Path(cl.__file__).parent
MEMORY = 2**24
"""Bytes of memory that the library believes in here: so what is huge is refused at once."""
SECONDS = 10

OPTIONS = [
    *(None, True, False, 0, 1, 2, 3, -1, 2**15, 10**9, 2**31, 2**63 - 1, 2**63, 10**30, -(10**30)),
    *(0.5, 2.0, -1.5, 5e-324, 1e308, math.nan, math.inf, -math.inf, 1j, 10**400),
    *("same", "valid", "", "3", "zeros", "reflect", "circular", "linear", "tanh", b"same"),
    *("native", "winograd", "fft", "matrix", "zero_insertion", "nearest"),
    *((), (1,), (2, 2), [1, 2], (1, 2, 3), ((1, 2),), ((1, 0), (0, 1)), [[1]], (None,), ("1",)),
    *((2**62, 1), (0,), (-1, 1), (1.0, 1), ((1, 2, 3),), (True, 1)),
    *(np.int64(2), np.int8(-1), np.float32(2), np.bool_(True), np.array(2), np.array([1, 2])),
    *(np.array("a"), np.array(None), torch.tensor(2), torch.tensor([1.5]), torch.tensor(True)),
    *(object(), {}, {1: 2}, range(2), Fraction(1, 2), Decimal(1), len, int, slice(None)),
]


class Subclass(np.ndarray):
    """An array that may mean something of its own."""


def with_values(*values):
    """Some cells replaced: the first, the last and one between."""

    def change(a):
        a = np.array(a)
        for at, value in zip((0, -1, a.size // 2), values, strict=False):
            if a.size and a.dtype.kind == "f":
                a.reshape(-1)[at] = value
        return a

    return change


def numbered(dtype):
    return lambda a: np.zeros(a.shape, dtype)


def structured(a):
    return np.zeros(a.shape, [("re", float), ("im", float)])


def huge(a):
    """Far more cells than memory holds, all of them one: a view."""
    return np.broadcast_to(np.zeros(1), (10**12, *(1,) * (a.ndim - 1))) if a.ndim else a


ARRAYS = {  # hostile arrays made of a good one
    "nan": with_values(math.nan),
    "inf": with_values(math.inf, -math.inf),
    "infinities": with_values(math.inf, math.inf, math.nan),
    "tiny": with_values(5e-324, -5e-324, -0.0),
    "large": with_values(1e300, -1e300),
    "none": lambda a: None,
    "list": lambda a: a.tolist(),
    "ragged": lambda a: [[1, 2], [3]],
    "text": lambda a: "array",
    "number": lambda a: 1.0,
    "scalar": lambda a: np.float64(1),
    "bool": numbered(bool),
    "object": numbered(object),
    "string": numbered("U3"),
    "complex": numbered(complex),
    "int": numbered(int),
    "uint16": numbered(np.uint16),
    "half": numbered(np.float16),
    "single": numbered(np.float32),
    "long double": numbered(np.longdouble),
    "date": numbered("M8[s]"),
    "structured": structured,
    "masked": lambda a: np.ma.masked_array(a),
    "subclass": lambda a: a.view(Subclass),
    "no axes": lambda a: np.zeros(()),
    "one axis": lambda a: np.zeros(3),
    "empty": lambda a: np.zeros((0,) * a.ndim),
    "no cells": lambda a: a[..., :0] if a.ndim else a,
    "no batch": lambda a: a[:0] if a.ndim else a,
    "no channels": lambda a: a[:, :0] if a.ndim > 1 else a,
    "axis more": lambda a: a[None],
    "axis less": lambda a: a[0] if len(a.shape) and len(a) else a,
    "cut": lambda a: a[..., :-1] if a.ndim else a,
    "channel more": lambda a: np.concatenate([a, a[:, :1]], 1) if a.ndim > 1 else a,
    "huge": huge,
    "tensor": lambda a: torch.from_numpy(np.array(a)),
    "bool tensor": lambda a: torch.zeros(a.shape, dtype=torch.bool),
    "bfloat16": lambda a: torch.zeros(a.shape, dtype=torch.bfloat16),
    "float8": lambda a: torch.zeros(a.shape).to(torch.float8_e4m3fn),
    "uint16 tensor": lambda a: torch.zeros(a.shape, dtype=torch.uint16),
    "complex half": lambda a: torch.zeros(a.shape, dtype=torch.float64).to(torch.complex64),
    "meta": lambda a: torch.zeros(a.shape, dtype=torch.float64, device="meta"),
    "sparse": lambda a: torch.zeros(a.shape, dtype=torch.float64).to_sparse(),
    "expanded": lambda a: torch.zeros((), dtype=torch.float64).expand(a.shape),
    "parameter": lambda a: torch.nn.Parameter(torch.zeros(a.shape, dtype=torch.float64)),
}


class TooSlow(BaseException):
    """Not an Exception, so that no handler on the way takes it for one of its own."""


@contextmanager
def limits():
    """Little memory to believe in, little time to take."""

    def stop(*_):
        raise TooSlow(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of computing: a busy machine is no fault
    try:
        with mock.patch("convlib._checks.MEMORY", MEMORY):
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def check_refusal(name, error):
    """A refusal is the library's own, of the two kinds, and names the function and what came."""
    assert type(error) in (ValueError, TypeError)
    frame = error.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    assert PACKAGE in Path(frame.tb_frame.f_code.co_filename).parents, "another library's error"
    assert str(error).partition(":")[0] == name
    assert re.search(r"\d|got |mix ", str(error))


def bits(value):
    """What may not change while a function looks at it."""
    if isinstance(value, np.ndarray) and value.dtype != object and value.nbytes < MEMORY:
        return value.tobytes()
    dense = isinstance(value, torch.Tensor) and not value.is_sparse and value.device.type == "cpu"
    if dense and value.numel():
        flat = value.detach().new_empty(value.numel()).copy_(value.detach().flatten())
        return flat.view(torch.uint8).numpy().tobytes()
    return None


def plain(value):
    """The same value as Python would write it."""
    if isinstance(value, (tuple, list)):
        return tuple(map(plain, value))
    if isinstance(value, (np.generic, np.ndarray, torch.Tensor)):
        return value.item()
    return value
