"""The page on float32's errors says what its figures say, and the figures are what one measures."""

import json

import numpy as np
import pytest

from benchmarks import accuracy
from benchmarks.layers import CONVOLUTIONS, Case, all_cases
from convlib.methods._loudness import PROMISE

FIGURES = json.loads(accuracy.RESULTS.read_text(encoding="utf-8"))
CASES = {case.name: case for case in all_cases() if case.kind in CONVOLUTIONS}
CHEAP = sorted(CASES.values(), key=lambda case: case.work)[:6]


def test_every_layer_is_there():
    assert [figure["name"] for figure in FIGURES] == list(CASES)


def test_page_is_made_of_the_figures():
    assert accuracy.PAGE.read_text(encoding="utf-8") == accuracy.page(FIGURES)


def test_bound_and_promise_are_kept_by_every_method_on_every_layer():
    for figure in FIGURES:
        assert max(figure["forward"].values()) <= accuracy.BOUND, figure["name"]
        assert max(figure["of the promise"].values()) <= PROMISE / 10, figure["name"]


def test_the_unit_of_the_promise_by_hand():
    options = {"groups": 2}
    case = Case("by hand", "grouped", "conv", (2, 1, 3), (4, 1, 1, 2), options=options)
    x = np.array([[[[1.0, -1, 3]], [[10, 10, 10]]]])
    weight = np.array([1.0, 0, 0, -3, 1, 1, -1, 1]).reshape(4, 1, 1, 2)
    # Own sums: 1 1 and 3 9, then 20 20 twice. The kernels' magnitudes are 1 and 3 in the first
    # group, 2 on average, so its cells 1 1 3 are as loud as 2 2 6, and 2 is usual; in the second
    # all are 2*10. There are two products each.
    expected = np.array([2, 2, 3, 9, 20, 20, 20, 20]).reshape(1, 4, 1, 2)
    np.testing.assert_allclose(accuracy.promised(case, x, weight), 2 * accuracy.EPS * expected)


@pytest.mark.parametrize("case", CHEAP, ids=lambda case: case.name)
def test_measured_again(case):
    """Another machine adds in another order: the same errors up to a factor of ten."""
    figure = next(figure for figure in FIGURES if figure["name"] == case.name)
    found, of_promise = accuracy.forward(case)
    assert found.keys() == figure["forward"].keys()
    for method, error in found.items():
        assert 0 < error <= min(accuracy.BOUND, 10 * figure["forward"][method])
    assert max(of_promise.values()) <= PROMISE / 10
    for name, errors in accuracy.backward(case).items():
        assert 0 < errors["convlib"] <= 10 * figure[name]["convlib"]
