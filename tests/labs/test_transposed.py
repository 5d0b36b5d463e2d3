"""The transposed-convolution lab: its Python face, and its numbers against convlib's."""

from math import gcd

import numpy as np
import pytest
from labs.looks import sticks_out

import convlib as cl
from convlib import labs

STAMPED, GATHERED = ".cl-output >> nth=0", ".cl-output >> nth=1"


def numbers(page, board):
    """What a grid shows, as an array."""
    columns = page.locator(f"{board} >> .cl-row").first.locator(".cl-cell").count()
    texts = page.locator(f"{board} >> .cl-cell").all_text_contents()
    return np.array([float(text.replace("−", "-")) for text in texts]).reshape(-1, columns)


def counting(side, first=0):
    return np.arange(first, first + side * side, dtype=float).reshape(side, side)


def transposed(size, side, **options):
    x, weight = counting(size, 1)[None, None], counting(side)[None, None]
    return cl.conv_transpose(x, weight, **options)[0, 0]


def test_repr_names_what_is_not_default():
    assert repr(labs.Transposed()) == "Transposed()"
    assert repr(labs.Transposed(stride=1, ask="even")) == "Transposed(stride=1, ask='even')"


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        ({"size": 5}, "size is a whole number from 1 to 4; got 5."),
        ({"output_padding": 3}, "output_padding is a whole number from 0 to 2; got 3."),
        ({"values": "zeros"}, "values is one of 'numbers', 'ones'; got 'zeros'."),
        ({"weight": [[1, 2, 3]]}, "weight is a square matrix; got 1 x 3."),
        ({"weight": [[1], [2, 3]]}, "weight is a matrix, rows of equally many numbers"),
    ],
)
def test_nonsense_is_refused(traits, sentence):
    with pytest.raises(ValueError, match="Transposed: ") as refusal:
        labs.Transposed(**traits)
    assert sentence in str(refusal.value)


def test_plain_form_holds_the_outputs():
    """1 2, 3 4 stamped with 0 1, 2 3: the example of the chapter."""
    html = labs.Transposed(size=2, kernel_size=2, stride=1).html()
    assert "<tr><td>0</td><td>1</td><td>2</td></tr>" in html
    assert "<tr><td>2</td><td>10</td><td>10</td></tr>" in html
    assert "<tr><td>6</td><td>17</td><td>12</td></tr>" in html
    assert "<tr><td>2</td><td>4</td><td>2</td></tr>" in html  # taps


def test_plain_form_of_a_kernel_of_ones_own():
    lab = labs.Transposed(size=1, weight=np.array([[5, -2], [0, 1]]))
    assert lab.kernel_size == 2
    assert "<tr><td>5</td><td>-2</td></tr>" in lab.html()


@pytest.mark.parametrize(
    ("ask", "wrong", "right", "because"),
    [
        ("value", "90", "92", ""),  # 8*5 + 6*6 + 2*8 + 0*9
        ("size", "6", "7", "(3 − 1)·2 − 2·0 + 1·(3 − 1) + 0 + 1 = 7."),
        ("even", "yes", "no", "Away from the border outputs are reached by 1, 2 or 4 taps"),
    ],
)
def test_question_then_answer(lab_page, ask, wrong, right, because):
    page = lab_page(labs.Transposed(ask=ask))
    field = page.get_by_label("Your answer")
    for answer, reply in ((wrong, "Not "), (right, f"Right. {because}")):
        assert page.locator(f"{STAMPED} >> .cl-cell").all_text_contents() == ["?"] * 49
        (field.select_option if ask == "even" else field.fill)(answer)
        page.get_by_role("button", name="Check").click()
        assert page.locator(".cl-reply").inner_text().startswith(reply.strip())
    np.testing.assert_allclose(numbers(page, STAMPED), transposed(3, 3, stride=2))


@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("options", [(1, 0, 0, 1), (2, 1, 1, 1), (3, 2, 2, 2), (3, 0, 1, 2)])
def test_both_definitions_give_the_librarys_numbers(lab_page, size, options):
    options = dict(zip(("stride", "padding", "output_padding", "dilation"), options, strict=True))
    page = lab_page(labs.Transposed(size=size, kernel_size=1, revealed=True, **options))
    for side in range(1, 5):
        try:
            y = transposed(size, side, **options)
        except ValueError as refusal:
            assert page.get_by_role("alert").inner_text() == str(refusal)
        else:
            np.testing.assert_allclose(numbers(page, GATHERED), y)
            stamped, rows = numbers(page, STAMPED), slice(options["padding"], None)
            np.testing.assert_allclose(stamped[rows, rows][: len(y), : len(y)], y)
            cut = page.locator(f"{STAMPED} >> .cl-cell.cl-pad").count()
            assert cut == stamped.size - y.size
        page.get_by_label("Kernel side N: more").dispatch_event("click")


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_counts_and_the_checkerboard(lab_page, stride, dilation):
    page = lab_page(
        labs.Transposed(size=4, kernel_size=1, stride=stride, dilation=dilation, values="ones",
                        revealed=True)
    )  # fmt: skip
    for side in range(1, 5):
        counts = cl.overlap_count((4, 4), (side, side), stride=stride, dilation=dilation)
        np.testing.assert_array_equal(numbers(page, STAMPED), counts)
        np.testing.assert_array_equal(numbers(page, GATHERED), counts)
        shades = page.locator(f"{GATHERED} >> .cl-cell").evaluate_all(
            "all => all.map(e => Number(e.style.getPropertyValue('--shade')))"
        )
        np.testing.assert_allclose(shades, counts.ravel() / counts.max())
        even = side % stride == 0 and gcd(dilation, stride) == 1
        verdict = page.locator(".cl-shades strong").inner_text()
        assert ("every output is reached by equally many taps" in verdict) == even
        assert ("a checkerboard" in verdict) != even
        page.get_by_label("Kernel side N: more").dispatch_event("click")


def test_pointing_at_an_input_lights_its_stamp(lab_page):
    page = lab_page(labs.Transposed(size=2, kernel_size=2, revealed=True))
    page.locator(".cl-input >> nth=0 >> .cl-cell").nth(3).hover()
    expected = "Input at row 1, column 1: the kernel times 4 is added to the 4 lit outputs."
    assert page.locator(".cl-readout").inner_text() == expected
    for board in (STAMPED, GATHERED):
        lit = page.locator(f"{board} >> .cl-tap").all_text_contents()
        assert lit == ["0", "4", "8", "12"]  # 4 times 0 1, 2 3
    assert page.locator(".cl-input >> nth=1 >> .cl-here").inner_text() == "4"


def test_pointing_at_an_output_lights_its_window(lab_page):
    page = lab_page(labs.Transposed(size=2, kernel_size=2, stride=1, revealed=True))
    page.locator(f"{GATHERED} >> .cl-cell").nth(4).hover()
    expected = (
        "Output at row 1, column 1. Inputs in the window: 4, zeros: 0. 3·1 + 2·2 + 1·3 + 0·4 = 10"
    )
    assert page.locator(".cl-readout").inner_text() == expected
    assert page.locator(".cl-input >> nth=1 >> .cl-tap").all_text_contents() == list("1234")


def test_what_the_padding_cuts_is_said(lab_page):
    page = lab_page(labs.Transposed(padding=1, revealed=True))
    page.locator(f"{STAMPED} >> .cl-cell").first.hover()
    assert page.locator(".cl-readout").inner_text() == "The padding cuts this cell off."
    page.locator(".cl-input >> nth=0 >> .cl-cell").first.hover()
    said = page.locator(".cl-readout").inner_text()
    assert said.endswith("added to the 4 lit outputs. 5 more are cut off.")


def test_by_keyboard_alone(lab_page):
    page = lab_page(labs.Transposed(revealed=True))
    page.get_by_label("Stride s", exact=True).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")  # "more"; "less" is off at 1
    page.get_by_label("Padding p: more").press("Enter")
    np.testing.assert_allclose(numbers(page, GATHERED), transposed(3, 3, padding=1))
    page.get_by_role("spinbutton", name="Kernel, row 0, column 0").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    kernel = counting(3)
    kernel[0, 0] = 2
    y = cl.conv_transpose(counting(3, 1)[None, None], kernel[None, None], padding=1)[0, 0]
    np.testing.assert_allclose(numbers(page, GATHERED), y)
    np.testing.assert_allclose(numbers(page, ".cl-kernel >> nth=1"), kernel[::-1, ::-1])
    page.locator(f'{GATHERED} >> .cl-cell[tabindex="0"]').focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    assert page.locator(".cl-readout").inner_text().startswith("Output at row 1, column 0. ")
    page.get_by_role("button", name="Reset").press("Enter")
    np.testing.assert_allclose(numbers(page, GATHERED), transposed(3, 3, stride=2))


def test_an_output_padding_too_large_is_refused_in_place(lab_page):
    page = lab_page(labs.Transposed(stride=1, revealed=True))
    page.get_by_label("Output padding: more").click()
    with pytest.raises(ValueError) as refusal:
        transposed(3, 3, output_padding=1)
    assert page.get_by_role("alert").inner_text() == str(refusal.value)
    page.get_by_label("Stride s: more").click()
    assert not page.get_by_role("alert").is_visible()
    np.testing.assert_allclose(
        numbers(page, GATHERED), transposed(3, 3, stride=2, output_padding=1)
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_sticks_out(lab_page, width, theme):
    lab = labs.Transposed(size=4, kernel_size=4, stride=3, dilation=2, revealed=True)
    page = lab_page(lab, width, theme)
    assert sticks_out(page, width) == []
