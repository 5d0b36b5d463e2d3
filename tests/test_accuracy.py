"""The page on float32's errors says what its figures say, and the figures are what one measures."""

import json

import pytest

from benchmarks import accuracy
from benchmarks.layers import CONVOLUTIONS, all_cases

FIGURES = json.loads(accuracy.RESULTS.read_text(encoding="utf-8"))
CASES = {case.name: case for case in all_cases() if case.kind in CONVOLUTIONS}
CHEAP = sorted(CASES.values(), key=lambda case: case.work)[:6]


def test_every_layer_is_there():
    assert [figure["name"] for figure in FIGURES] == list(CASES)


def test_page_is_made_of_the_figures():
    assert accuracy.PAGE.read_text(encoding="utf-8") == accuracy.page(FIGURES)


def test_promise_is_kept_by_every_method_on_every_layer():
    for figure in FIGURES:
        assert max(figure["forward"].values()) <= accuracy.BOUND, figure["name"]


@pytest.mark.parametrize("case", CHEAP, ids=lambda case: case.name)
def test_measured_again(case):
    """Another machine adds in another order: the same errors up to a factor of ten."""
    figure = next(figure for figure in FIGURES if figure["name"] == case.name)
    found = accuracy.forward(case)
    assert found.keys() == figure["forward"].keys()
    for method, error in found.items():
        assert 0 < error <= min(accuracy.BOUND, 10 * figure["forward"][method])
    for name, errors in accuracy.backward(case).items():
        assert 0 < errors["convlib"] <= 10 * figure[name]["convlib"]
