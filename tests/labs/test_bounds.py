"""The least and the most of an option stand in its trait; controls and docstrings say the same."""

import inspect
import re

import pytest

from convlib import labs
from convlib.labs._lab import Real, Whole


class Wide(labs.SlidingWindow):
    """A lab with one bound moved."""

    size = Whole(5, 2, 11)


class Steep(labs.Activations):
    """The same for a number on a line."""

    weight = Real(1.0, -3, 7)


def test_a_stepper_ends_where_its_trait_does(lab_page):
    page = lab_page(Wide(size=10, revealed=True))
    side = page.get_by_label("Input side", exact=True)
    assert (side.get_attribute("min"), side.get_attribute("max")) == ("2", "11")
    more = page.get_by_label("Input side: more")
    more.click()
    assert side.input_value() == "11" and more.is_disabled()
    side.fill("1")
    side.press("Enter")
    assert side.input_value() == "2"


def test_a_slider_ends_where_its_trait_does(lab_page):
    weight = lab_page(Steep(view="layers")).get_by_label("Weight w")
    assert (weight.get_attribute("min"), weight.get_attribute("max")) == ("-3", "7")


def test_jupyter_is_told_what_the_page_is_told():
    lab = Wide()
    assert lab.get_state()["_bounds"]["size"] == (2, 11)
    assert "&quot;size&quot;: [2, 11]" in lab.html()
    assert "_bounds" not in repr(lab)
    with pytest.raises(TypeError, match="no option _bounds"):
        Wide(_bounds={})


def ends(bounds):
    """All pairs of least and most, those of the options of a layer too."""
    for value in bounds.values():
        yield from ends(value) if isinstance(value, dict) else [tuple(value)]


@pytest.mark.parametrize("name", labs.__all__)
def test_docstrings_give_these_bounds(name):
    """``stride ... 1 to 4``: each such range is some trait's."""
    lab = getattr(labs, name)
    said = re.findall(r"(-?\d+) (?:to|or) (-?\d+)", inspect.getdoc(lab))
    assert {(int(low), int(high)) for low, high in said} <= {*ends(lab()._bounds)}
    assert said
