"""The im2col lab: its Python face, and its matrices in a browser against convlib's."""

import numpy as np
import pytest

import convlib as cl
from convlib import labs
from convlib.labs.im2col import input_maps, kernel_maps


def numbers(grid):
    """What a grid shows, as an array."""
    columns = grid.locator(".cl-row").first.locator(".cl-cell").count()
    texts = grid.locator(".cl-cell").all_text_contents()
    return np.array([float(text.replace("−", "-")) for text in texts]).reshape(-1, columns)


def shown(page):
    """The kernels as rows, the columns, the product."""
    kinds = ("kernel", "input", "output")
    return tuple(numbers(page.locator(f".cl-lowering-gemm .cl-grid.cl-{kind}")) for kind in kinds)


def expected(size, channels, kernels, side, **options):
    x, weight = input_maps(size, channels), kernel_maps(kernels, channels, side)
    y = cl.conv(x[None], weight, **options)
    rows = weight.reshape(kernels, -1)
    return rows, cl.im2col(x[None], (side, side), **options)[0], y.reshape(kernels, -1)


def lit(page, kind):
    return page.locator(f".cl-lowering-gemm .cl-{kind} .cl-lit").all_text_contents()


def test_repr_and_nonsense():
    assert repr(labs.Im2col(kernel_size=3, padding=1)) == "Im2col(kernel_size=3, padding=1)"
    with pytest.raises(ValueError, match="Im2col: channels is a whole number from 1 to 2; got 3"):
        labs.Im2col(channels=3)
    with pytest.raises(TypeError, match="Im2col: no option dilation; there are size, channels"):
        labs.Im2col(dilation=2)


def test_plain_form_is_the_chapters_example():
    html = labs.Im2col(channels=2, kernels=2).plain()
    assert "<td>23</td><td>30</td><td>42</td><td>47</td>" in html
    assert "<td>-1</td><td>-4</td><td>-4</td><td>-3</td>" in html
    assert "The columns take 1.78 times the memory" in html  # 2*4 * 4 numbers from 2*9
    assert "conv: no window fits" in labs.Im2col(size=1).html()


def test_question_then_answer(lab_page):
    page = lab_page(labs.Im2col())
    assert not page.locator(".cl-lowering-gemm").is_visible()
    field = page.get_by_label("Your answer")
    field.fill("9")
    field.press("Enter")
    assert "Not 9" in page.locator(".cl-reply").inner_text()
    field.fill("16")
    field.press("Enter")
    assert page.locator(".cl-reply").inner_text() == (
        "Right. C·N² = 4 numbers in a column, H′W′ = 4 columns: 4 · 4 = 16. The input has 9."
    )
    for got, wanted in zip(shown(page), expected(3, 1, 1, 2), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert page.locator(".cl-ledger strong").inner_text() == "1.78 ×"


@pytest.mark.parametrize(
    ("size", "channels", "kernels", "side", "stride", "padding"),
    [(3, 2, 2, 2, 1, 0), (5, 2, 3, 3, 1, 1), (4, 1, 2, 3, 2, 1), (5, 2, 1, 1, 3, 0)],
)
def test_matrices_are_the_librarys(lab_page, size, channels, kernels, side, stride, padding):
    lab = labs.Im2col(
        size=size, channels=channels, kernels=kernels, kernel_size=side, stride=stride,
        padding=padding, revealed=True,
    )  # fmt: skip
    page = lab_page(lab)
    wanted = expected(size, channels, kernels, side, stride=stride, padding=padding)
    for got, one in zip(shown(page), wanted, strict=True):
        np.testing.assert_array_equal(got, one)
    outputs = page.locator(".cl-lowering-conv .cl-output").locator("visible=true").all()
    maps = np.array([numbers(grid) for grid in outputs])
    np.testing.assert_array_equal(maps.reshape(kernels, -1), wanted[2])
    cost = cl.conv_cost(
        (1, channels, size, size), (kernels, channels, side, side), stride=stride, padding=padding
    )
    factor = float(page.locator(".cl-ledger strong").inner_text().removesuffix(" ×"))
    assert factor == pytest.approx(cost.blow_up, abs=0.005)
    assert f"K·R·L = {cost.multiply_adds} multiply-adds" in page.locator(".cl-work").inner_text()


def test_pointing_lights_the_patch_the_column_and_the_row(lab_page):
    page = lab_page(labs.Im2col(channels=2, kernels=2, revealed=True))
    page.locator(".cl-lowering-gemm .cl-output .cl-cell").nth(1).hover()  # kernel 0, column 1
    column = expected(3, 2, 2, 2)[1][:, 1]
    assert lit(page, "input") == [str(int(value)) for value in column]
    assert lit(page, "kernel") == list("01231111")
    assert lit(page, "output") == ["30"]
    patch = page.locator(".cl-lowering-conv .cl-input .cl-lit").all_text_contents()
    assert sorted(patch) == sorted(str(int(value)) for value in column)
    assert page.locator(".cl-readout").inner_text() == (
        "Kernel 0 on column 1, the window of row 0, column 1: "
        "0·1 + 1·2 + 2·4 + 3·5 + 1·0 + 1·2 + 1·3 + 1·0 = 30"
    )


def test_an_input_cell_and_its_copies(lab_page):
    page = lab_page(labs.Im2col(revealed=True))
    page.locator(".cl-lowering-conv .cl-input .cl-cell").nth(4).hover()  # the middle: in 4 windows
    assert lit(page, "input") == ["4"] * 4
    expected_sentence = (
        "Input cell in channel 0, row 1, column 1 is 4. It is written 4 times into the columns."
    )
    assert page.locator(".cl-readout").inner_text() == expected_sentence


def test_by_keyboard_alone(lab_page):
    page = lab_page(labs.Im2col(revealed=True))
    page.get_by_label("Kernels K: more").press("Enter")
    page.get_by_label("Channels C", exact=True).focus()
    page.keyboard.press("ArrowUp")
    page.locator('.cl-lowering-gemm .cl-output .cl-cell[tabindex="0"]').focus()
    for key in ("ArrowDown", "End"):
        page.keyboard.press(key)
    assert lit(page, "output") == ["−3"]
    page.get_by_role("button", name="Reset").press("Enter")
    for got, wanted in zip(shown(page), expected(3, 1, 1, 2), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert lit(page, "output") == ["19"]


def test_what_does_not_fit_is_the_librarys_sentence(lab_page):
    page = lab_page(labs.Im2col(size=2, kernel_size=3))
    with pytest.raises(ValueError, match="no window fits") as refusal:
        cl.conv(np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 3)))
    assert page.get_by_role("alert").inner_text() == str(refusal.value)
    assert not page.locator(".cl-question").is_visible()
    page.get_by_label("Padding p: more").click()
    assert not page.get_by_role("alert").is_visible()
    page.get_by_role("button", name="Show me").click()
    for got, wanted in zip(shown(page), expected(2, 1, 1, 3, padding=1), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_sticks_out(lab_page, width, theme):
    lab = labs.Im2col(size=5, channels=2, kernels=3, kernel_size=3, padding=1, revealed=True)
    page = lab_page(lab, width, theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
