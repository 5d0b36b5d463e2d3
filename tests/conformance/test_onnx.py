"""convlib against the test cases that ONNX has for its operators."""

import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("torch", reason="torch is not installed")

from tests.conformance import cases, operators, run  # noqa: E402
from tools import conformance_table  # noqa: E402

COVERED = run.covered()
APPLICABLE = [case for case in COVERED if operators.not_applicable(case) is None]


@pytest.mark.parametrize("case", APPLICABLE, ids=repr)
def test_case(xp, case):
    if run.needs_torch(case) and not xp.is_torch:
        pytest.skip("NumPy has no bfloat16")
    run.check(case, run.outputs(case, xp))


# Without "winograd": it is as exact as its layer, not as each output, and the tolerances are
# relative to each output. See test_methods.py.
METHODS = {
    "Conv": ("direct", "im2col", "rows", "taps", "fft", "native"),
    "ConvTranspose": ("scatter", "zero_insertion", "matrix", "native"),
}


@pytest.mark.parametrize(
    ("operator", "method"), [(each, m) for each, methods in METHODS.items() for m in methods]
)
def test_every_method(xp, operator, method):
    if method == "native" and not xp.is_torch:
        pytest.skip("NumPy has no convolution of its own")
    those = [case for case in APPLICABLE if case.node.operator == operator]
    assert len(those) >= 10
    for case in those:
        run.check(case, run.outputs(case, xp, method=method))


def test_every_operator_has_a_case():
    assert {case.node.operator for case in APPLICABLE} == {*operators.OPERATORS}


def test_cases_are_told_apart():
    names = [case.name for case in cases.load()]
    assert len({*names}) == len(names) > 1800


@pytest.mark.parametrize("operator", ["Conv", "MaxPool", "Gelu"])
def test_a_wrong_result_is_found(operator):
    case = next(case for case in APPLICABLE if case.node.operator == operator)
    run.check(case, case.outputs)
    (right,) = case.outputs
    for wrong in (right + 0.01, right[..., :-1], right.astype("float64")):
        with pytest.raises(AssertionError):
            run.check(case, [wrong])


def test_the_page_is_what_the_cases_say():
    committed = conformance_table.PAGE.read_text("utf-8")
    if f"`onnx` {onnx.__version__}," not in committed:
        pytest.skip("the page is of another version of onnx")
    assert committed == conformance_table.page()
    assert f"**{len(APPLICABLE)} of {len(APPLICABLE)} applicable cases pass**" in committed
