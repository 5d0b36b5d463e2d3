"""Runs one case on the arrays of one library, and compares as ONNX's own runner does."""

import numpy as np

from . import cases, operators
from .cases import Arrays, Case


def covered() -> list[Case]:
    """The cases whose model is a single operator that convlib has."""
    return [case for case in cases.load() if is_covered(case)]


def is_covered(case: Case) -> bool:
    return len(case.operators) == 1 and case.node.operator in operators.OPERATORS


def needs_torch(case: Case) -> bool:
    """NumPy has no bfloat16."""
    return any(array is not None and array.dtype.name == "bfloat16" for array in case.inputs)


def outputs(case: Case, library, **options) -> Arrays:
    """What convlib makes of a case; `library` turns NumPy arrays into its own, and back."""
    operator = operators.OPERATORS[case.node.operator]
    given = [
        _as(library, array) if array is not None and i < operator.arrays else array
        for i, array in enumerate(case.inputs)
    ]
    made = operator.call(case.node, *given, **options)
    return [library.numpy(one) for one in (made if isinstance(made, tuple) else (made,))]


def _as(library, array: np.ndarray):
    name = array.dtype.name
    return library.asarray(array.astype("float32") if name == "bfloat16" else array, name)


def check(case: Case, made: Arrays) -> None:
    """Shapes and dtypes alike, and values within the tolerances of the case."""
    for ours, expected in zip(made, case.outputs, strict=True):
        assert ours.shape == expected.shape
        if needs_torch(case):  # read back as float64
            expected = expected.astype("float64")
        assert ours.dtype == expected.dtype
        np.testing.assert_allclose(ours, expected, rtol=case.rtol, atol=case.atol)
