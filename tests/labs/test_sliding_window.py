"""The sliding-window lab: its Python face, and its numbers in a browser against convlib's."""

import numpy as np
import pytest

import convlib as cl
from convlib import labs
from convlib.labs.sliding_window import preset


def numbers(page, board):
    """What a grid shows, as an array."""
    columns = page.locator(f".cl-{board} .cl-row").first.locator(".cl-cell").count()
    texts = page.locator(f".cl-{board} .cl-cell").all_text_contents()
    return np.array([float(text.replace("−", "-")) for text in texts]).reshape(-1, columns)


def counting(side):
    return np.arange(side * side, dtype=float).reshape(side, side)


def test_repr_names_what_is_not_default():
    assert repr(labs.SlidingWindow()) == "SlidingWindow()"
    assert repr(labs.SlidingWindow(stride=2, view="photo")) == (
        "SlidingWindow(stride=2, view='photo')"
    )


@pytest.mark.parametrize(
    ("traits", "error", "sentence"),
    [
        ({"stride": 0}, ValueError, "stride is a whole number from 1 to 4; got 0."),
        ({"stride": 1.5}, ValueError, "stride is a whole number from 1 to 4; got 1.5."),
        ({"size": True}, ValueError, "size is a whole number from 1 to 9; got True."),
        ({"kernel": "sobel"}, ValueError, "kernel is one of 'numbers', 'edge', 'blur'"),
        ({"weight": [[1], [2, 3]]}, ValueError, "weight is a matrix, rows of equally many numbers"),
        ({"strides": 2}, TypeError, "no option strides; there are size, kernel_size, stride"),
    ],
)
def test_nonsense_is_refused(traits, error, sentence):
    with pytest.raises(error, match="SlidingWindow: ") as refusal:
        labs.SlidingWindow(**traits)
    assert sentence in str(refusal.value)


def test_a_trait_cannot_be_set_to_nonsense_later():
    lab = labs.SlidingWindow()
    with pytest.raises(ValueError, match="dilation is a whole number from 1 to 3; got 7"):
        lab.dilation = 7
    assert lab.dilation == 1


def test_plain_form_holds_the_outputs():
    assert "<td>37</td><td>43</td>" in labs.SlidingWindow(size=3, kernel_size=2).html()


def test_plain_form_of_what_does_not_fit_is_the_librarys_sentence():
    html = labs.SlidingWindow(size=2, kernel_size=5).html()
    assert "conv: no window fits: the dilated kernel spans 1*(5 - 1) + 1 = 5" in html


@pytest.mark.parametrize("weight", [[[1, 0], [0, -1]], np.array([[1, 0], [0, -1]])])
def test_a_kernel_of_ones_own(weight):
    lab = labs.SlidingWindow(weight=weight)
    assert (lab.kernel, lab.kernel_size, lab.weight) == ("own", 2, [[1, 0], [0, -1]])


def test_question_then_answer(lab_page):
    page = lab_page(labs.SlidingWindow(size=3, kernel_size=2))
    outputs = page.locator(".cl-output .cl-cell")
    assert outputs.all_text_contents() == ["?"] * 4
    assert "row 1, column 1" in page.locator(".cl-question").inner_text()
    field = page.get_by_label("Your answer")
    field.fill("42")
    field.press("Enter")
    assert "Not 42" in page.locator(".cl-reply").inner_text()
    assert outputs.all_text_contents() == ["?"] * 4
    field.fill("43")
    field.press("Enter")
    assert page.locator(".cl-reply").inner_text() == "Right."
    assert outputs.all_text_contents() == ["19", "25", "37", "43"]


def test_pointing_reads_the_sum(lab_page):
    page = lab_page(labs.SlidingWindow(size=3, kernel_size=2, revealed=True))
    page.locator(".cl-output .cl-cell").nth(1).hover()
    expected = "Output at row 0, column 1: 0·1 + 1·2 + 2·4 + 3·5 = 25"
    assert page.locator(".cl-readout").inner_text() == expected
    assert page.locator(".cl-input .cl-tap").all_text_contents() == ["1", "2", "4", "5"]


def test_by_keyboard_alone(lab_page):
    page = lab_page(labs.SlidingWindow(size=4, kernel_size=2, revealed=True))
    page.get_by_label("Stride s", exact=True).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")  # the button "more"; then padding
    page.get_by_label("Padding p: more").press("Enter")
    weight = preset("numbers", 2)
    y = cl.conv(counting(4)[None, None], weight[None, None], stride=2, padding=1)[0, 0]
    np.testing.assert_allclose(numbers(page, "output"), y)
    kernel = page.get_by_role("spinbutton", name="Kernel, row 0, column 0")
    kernel.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    weight += [[-1, 1], [0, 0]]
    y = cl.conv(counting(4)[None, None], weight[None, None], stride=2, padding=1)[0, 0]
    np.testing.assert_allclose(numbers(page, "output"), y)
    page.locator('.cl-output .cl-cell[tabindex="0"]').focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    assert page.locator(".cl-readout").inner_text().startswith("Output at row 0, column 0: ")


def test_dragging_a_kernel_number(lab_page):
    page = lab_page(labs.SlidingWindow(size=3, kernel_size=2, revealed=True))
    cell = page.locator(".cl-kernel .cl-cell").first
    box = cell.bounding_box()
    page.mouse.move(box["x"] + 9, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + 9, box["y"] + 9 - 24)  # 12 px a unit
    page.mouse.up()
    np.testing.assert_allclose(numbers(page, "kernel"), [[2, 1], [2, 3]])
    np.testing.assert_allclose(numbers(page, "output"), [[19, 27], [43, 51]])
    page.get_by_role("button", name="Reset").click()
    np.testing.assert_allclose(numbers(page, "output"), [[19, 25], [37, 43]])


def test_a_finger_drags_sideways(lab_page):
    """Up and down is the page's: there a finger scrolls."""
    page = lab_page(labs.SlidingWindow(size=3, kernel_size=2, revealed=True))
    cell = page.locator(".cl-kernel .cl-cell").first
    assert cell.evaluate("e => getComputedStyle(e).touchAction") == "pan-y"
    finger = {"pointerType": "touch", "pointerId": 1, "clientX": 50, "clientY": 50}
    cell.evaluate("e => { e.setPointerCapture = () => {}; }")  # no finger is really there
    cell.dispatch_event("pointerdown", finger)
    cell.dispatch_event("pointermove", finger | {"clientX": 74, "clientY": 10})
    np.testing.assert_allclose(numbers(page, "kernel"), [[2, 1], [2, 3]])


def test_what_does_not_fit_is_said_in_place(lab_page):
    page = lab_page(labs.SlidingWindow(size=2, kernel_size=2, revealed=True))
    page.get_by_label("Kernel side N: more").click()
    sentence = "the dilated kernel spans 1*(3 - 1) + 1 = 3, the padded input is 2 + 2*0 = 2."
    assert sentence in page.get_by_role("alert").inner_text()
    assert numbers(page, "input").shape == (2, 2)
    assert not page.locator(".cl-output").is_visible()
    page.get_by_label("Padding p: more").click()
    assert not page.get_by_role("alert").is_visible()
    assert numbers(page, "output").shape == (2, 2)


@pytest.mark.parametrize(
    ("kernel", "side"), [("numbers", 5), ("edge", 3), ("blur", 2), ("sharpen", 4)]
)
def test_kernels_are_the_same_in_both_languages(lab_page, kernel, side):
    page = lab_page(labs.SlidingWindow(kernel=kernel, kernel_size=side, revealed=True))
    np.testing.assert_allclose(numbers(page, "kernel"), preset(kernel, side), atol=0.005)


def test_photograph(lab_page):
    page = lab_page(labs.SlidingWindow(view="photo", kernel="edge", revealed=True))
    screen = page.get_by_role("application", name="Output")
    screen.focus()
    before = page.locator(".cl-readout").inner_text()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".cl-readout").inner_text() != before
    line = "document.querySelectorAll('canvas')[1].getContext('2d').getImageData(0, 20, 62, 1).data"
    assert len(page.evaluate(f"[...new Set({line})]")) > 10


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_sticks_out(lab_page, width, theme):
    page = lab_page(labs.SlidingWindow(size=9, padding=2, revealed=True), width, theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_stepping_waits_while_nothing_fits(lab_page):
    page = lab_page(labs.SlidingWindow(size=2, kernel_size=3, revealed=True))
    assert page.get_by_role("alert").is_visible()
    page.get_by_role("button", name="Step", exact=True).click()
    page.get_by_label("Kernel side N: less").click()
    assert not page.get_by_role("alert").is_visible()
    assert page.locator(".cl-readout").inner_text().startswith("Output at row 0, column 0: ")


@pytest.mark.parametrize(("kernel", "answer"), [("edge", 0), ("blur", 200), ("sharpen", 200)])
def test_photograph_asks_first(lab_page, kernel, answer):
    page = lab_page(labs.SlidingWindow(view="photo", kernel=kernel))
    assert "If each were 200" in page.locator(".cl-question").inner_text()
    page.get_by_label("Your answer").fill("7")
    page.keyboard.press("Enter")
    assert "covered" not in page.locator(".cl-reply").inner_text()
    canvas = "document.querySelectorAll('canvas')[1]"
    pixels = f"{canvas}.getContext('2d').getImageData(0, 20, 62, 1).data"
    assert page.evaluate(f"[...new Set({pixels})].length") <= 2  # painted over
    page.get_by_label("Your answer").fill(str(answer))
    page.keyboard.press("Enter")
    assert page.evaluate(f"[...new Set({pixels})].length") > 10
