"""The pooling lab: its Python face, and its numbers in a browser against convlib's."""

import numpy as np
import pytest
from labs.looks import sticks_out

import convlib as cl
from convlib import labs
from convlib.labs.pooling import pattern


def numbers(page, board):
    """What the last grid of a kind shows, as an array."""
    grid = page.locator(f".cl-{board}").last
    columns = grid.locator(".cl-row").first.locator(".cl-cell").count()
    texts = grid.locator(".cl-cell").all_text_contents()
    return np.array([float(text.replace("−", "-")) for text in texts]).reshape(-1, columns)


def pooled(x, side, kind="max", **options):
    return {"max": cl.max_pool, "average": cl.avg_pool}[kind](x[None, None], side, **options)[0, 0]


def readout(page):
    return page.locator(".cl-readout").inner_text()


def test_the_stride_is_the_window_unless_it_is_given():
    assert repr(labs.Pooling()) == "Pooling()"
    assert labs.Pooling(kernel_size=3).stride == 3
    assert labs.Pooling(kernel_size=3, stride=1).stride == 1
    assert labs.Pooling(x=[[1, 2], [3, 4]]).pattern == "own"


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        ({"size": 10}, "size is a whole number from 1 to 9; got 10."),
        ({"kind": "lp"}, "kind is one of 'max', 'average'; got 'lp'."),
        ({"shift": 0.5}, "shift is a whole number from -9 to 9; got 0.5."),
        ({"pattern": "own"}, "pattern 'own' needs x, a matrix; got x=None."),
        ({"x": [[1], []]}, "x is a matrix, rows of equally many numbers; got [[1], []]."),
    ],
)
def test_nonsense_is_refused(traits, sentence):
    with pytest.raises(ValueError, match="Pooling: ") as refusal:
        labs.Pooling(**traits)
    assert sentence in str(refusal.value)


def test_plain_form_holds_the_outputs():
    html = labs.Pooling(pattern="numbers", size=3, kernel_size=2, stride=1).html()
    assert "<tr><td>4</td><td>5</td></tr>\n<tr><td>7</td><td>8</td></tr>" in html
    html = labs.Pooling(kernel_size=2, padding=2).html()
    assert "max_pool: padding must be at most half of kernel_size" in html


def test_question_then_answer(lab_page):
    page = lab_page(labs.Pooling(pattern="numbers", size=4))
    assert page.locator(".cl-output .cl-cell").all_text_contents() == ["?"] * 4
    assert "max(10, 11, 14, 15) = ?" in readout(page) and page.locator(".cl-winner").count() == 0
    page.get_by_label("Your answer").fill("15")
    page.get_by_role("button", name="Check").click()
    assert page.locator(".cl-reply").inner_text() == "Right."
    assert numbers(page, "output").tolist() == [[5, 7], [13, 15]]
    assert page.locator(".cl-winner").all_text_contents() == ["15"]


@pytest.mark.parametrize("kind", ["max", "average"])
def test_outputs_are_the_librarys(lab_page, kind):
    options = {"stride": 2, "padding": 1, "ceil_mode": True}
    page = lab_page(labs.Pooling(kind=kind, kernel_size=3, revealed=True, **options))
    for name in ("scattered", "numbers", "spike", "blocks", "stripes"):
        page.get_by_label("Pattern").select_option(name)
        y = pooled(pattern(name, 6), 3, kind, **options)
        np.testing.assert_allclose(numbers(page, "output"), y, atol=0.005)
    if kind == "average":
        page.get_by_label("Padding counts").click()
        y = pooled(pattern("stripes", 6), 3, kind, count_include_pad=False, **options)
        np.testing.assert_allclose(numbers(page, "output"), y, atol=0.005)


def test_pointing_reads_the_window(lab_page):
    page = lab_page(labs.Pooling(padding=1, kernel_size=3, stride=2, revealed=True))
    page.locator(".cl-output .cl-cell").first.hover()
    x = pattern("scattered", 6)
    y = pooled(x, 3, stride=2, padding=1)
    seen = [f"{value:g}" for value in x[:2, :2].ravel()]
    assert readout(page) == f"Output at row 0, column 0: max({', '.join(seen)}) = {y[0, 0]:g}"
    taps = page.locator(".cl-input .cl-tap")
    assert taps.all_text_contents() == ["−∞"] * 4 + [*seen[:2], "−∞", *seen[2:]]
    page.get_by_label("average").check()
    y = pooled(x, 3, "average", stride=2, padding=1)
    assert readout(page).endswith(f"({' + '.join(seen)}) / 9 = {y[0, 0]:.2f}")


def test_painting_by_keyboard_and_by_mouse(lab_page):
    page = lab_page(labs.Pooling(pattern="numbers", size=4, padding=1, revealed=True))
    x = pattern("numbers", 4)
    page.get_by_role("spinbutton", name="row 1, column 1").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    x[0, :2] += [1, -1]
    np.testing.assert_allclose(numbers(page, "output"), pooled(x, 2, padding=1))
    border = page.get_by_role("spinbutton", name="row 0, column 1")
    assert border.get_attribute("aria-disabled") == "true"
    border.focus()
    page.keyboard.press("ArrowUp")
    assert page.locator(".cl-input .cl-cell").nth(1).text_content() == "−∞"
    box = page.locator(".cl-input .cl-cell").nth(2 * 6 + 2).bounding_box()
    page.mouse.move(box["x"] + 9, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + 9, box["y"] + 9 - 120)
    page.mouse.up()
    x[1, 1] += 10
    np.testing.assert_allclose(numbers(page, "output"), pooled(x, 2, padding=1))
    assert page.get_by_label("Pattern").input_value() == "own"
    page.get_by_label("Pattern").select_option("stripes")
    np.testing.assert_allclose(numbers(page, "output"), pooled(pattern("stripes", 4), 2, padding=1))
    page.get_by_role("button", name="Reset").click()
    x = pattern("numbers", 4)
    np.testing.assert_allclose(numbers(page, "output"), pooled(x, 2, padding=1))


def test_the_library_refuses_in_place(lab_page):
    page = lab_page(labs.Pooling(size=4, revealed=True))
    page.get_by_label("Padding p: more").click()
    page.get_by_label("Padding p: more").click()
    with pytest.raises(ValueError, match="at most half") as refusal:
        pooled(pattern("scattered", 4), 2, padding=2)
    assert page.get_by_role("alert").inner_text() == str(refusal.value)
    page.get_by_label("Padding p: less").click()
    assert not page.get_by_role("alert").is_visible()
    for _ in range(3):
        page.get_by_label("Input side: less").click()
    page.get_by_label("Padding p: less").click()
    with pytest.raises(ValueError, match="no window fits") as refusal:
        pooled(pattern("scattered", 1), 2)
    assert page.get_by_role("alert").inner_text() == str(refusal.value)


@pytest.mark.parametrize(("kind", "changed"), [("max", 8), ("average", 16)])
def test_the_question_about_a_shift(lab_page, kind, changed):
    page = lab_page(labs.Pooling(view="shift", kind=kind, size=8, pattern="blocks"))
    page.get_by_label("Your answer").fill(str(changed))
    page.get_by_role("button", name="Check").click()
    right = f"Right. A shift by one changes {changed} of 16."
    assert page.locator(".cl-reply").inner_text() == right
    assert f"Shifted by 1: {changed} of 16 outputs changed." in readout(page)
    assert page.locator(".cl-changed").count() == changed


@pytest.mark.parametrize("kind", ["max", "average"])
def test_shifting_counts_what_changes(lab_page, kind):
    page = lab_page(labs.Pooling(view="shift", kind=kind, size=8, revealed=True))
    shift = 0
    for name in ("scattered", "spike", "blocks", "stripes"):
        page.get_by_label("Pattern").select_option(name)
        x = pattern(name, 8)
        y = pooled(x, 2, kind)
        for by, button in ((1, "Shift right"), (1, "Shift right"), (-3, "Shift left")):
            for _ in range(abs(by)):
                page.get_by_role("button", name=button).press("Enter")
            shift += by
            now = pooled(np.roll(x, shift, axis=1), 2, kind)
            np.testing.assert_allclose(numbers(page, "output"), now, atol=0.005)
            changed = np.count_nonzero(now != y)
            assert page.locator(".cl-changed").count() == changed
            if shift:
                count = f"Shifted by {shift}: {changed} of 16 outputs changed."
                assert count.replace("-", "−") in readout(page)
            if shift and shift % 2 == 0:  # a whole stride: a move, and nothing else
                moved = f"moved by {shift // 2}: 0 differ.".replace("-", "−")
                assert moved in readout(page)


def test_painting_what_has_been_shifted(lab_page):
    page = lab_page(labs.Pooling(view="shift", size=4, pattern="numbers", shift=1, revealed=True))
    page.get_by_role("spinbutton", name="row 0, column 0").focus()  # here stands column 3
    page.keyboard.press("ArrowDown")
    x = pattern("numbers", 4)
    x[0, 3] -= 1
    np.testing.assert_allclose(numbers(page, "input"), np.roll(x, 1, axis=1))
    np.testing.assert_allclose(numbers(page, "output"), pooled(np.roll(x, 1, axis=1), 2))


@pytest.mark.parametrize("view", ["window", "shift"])
@pytest.mark.parametrize(("width", "theme"), [(320, "light"), (320, "dark"), (768, "light")])
def test_nothing_sticks_out(lab_page, view, width, theme):
    lab = labs.Pooling(view=view, size=9, kernel_size=2, stride=1, padding=1, revealed=True)
    page = lab_page(lab, width, theme)
    assert sticks_out(page, width) == []
