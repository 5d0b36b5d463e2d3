"""The layer-stack lab: its Python face, and its numbers in a browser against convlib's."""

import numpy as np
import pytest

import convlib as cl
from convlib import labs

VGG = [
    *[{"padding": 1}] * 2,
    {"kind": "pool"},
    *[{"padding": 1, "channels": 128}] * 2,
    {"kind": "pool"},
]


def rows(page):
    """The table, a list of texts a layer, the input first and the sum last."""
    return [row.locator("td").all_text_contents() for row in page.locator(".cl-table tr").all()][1:]


def whole(layers):
    """The windows of a stack as receptive_field takes them."""
    names = ("kernel_size", "stride", "padding", "dilation")
    return [tuple(layer[name] for name in names) for layer in labs.LayerStack(layers=layers).layers]


def readout(page):
    return page.locator(".cl-readout").inner_text().replace("\xa0", " ")


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        ({"size": 0}, "size is a whole number from 1 to 48; got 0."),
        ({"layers": []}, "layers is a list of 1 to 8 layers"),
        ({"layers": [{"kind": "dense"}]}, "a layer is a dict of kind ('conv' or 'pool')"),
        ({"layers": [{"kind": "pool", "channels": 4}]}, "channels, the last for a conv only"),
        ({"layers": [{"stride": 0}]}, "stride of a layer is a whole number from 1 to 4; got 0."),
        ({"layers": [{"padding": True}]}, "padding of a layer is a whole number from 0 to 5"),
    ],
)
def test_nonsense_is_refused(traits, sentence):
    with pytest.raises(ValueError, match="LayerStack: ") as refusal:
        labs.LayerStack(**traits)
    assert sentence in str(refusal.value)


def test_repr_and_what_is_left_off():
    assert repr(labs.LayerStack()) == "LayerStack()"
    pool = {"kind": "pool", "kernel_size": 3, "stride": 3, "padding": 0, "dilation": 1}
    lab = labs.LayerStack(layers=[{"kind": "pool", "kernel_size": 3}])
    assert lab.layers == [pool]
    assert repr(lab) == f"LayerStack(layers=[{pool}])"


def test_plain_form_says_what_the_library_counts():
    html = labs.LayerStack(size=32, channels=3, layers=VGG).plain()
    last = cl.receptive_field(whole(VGG))[-1]
    assert (last.size, last.jump) == (16, 4)
    assert "Layer 6, pool 2×2: size 8, field 16, jump 4, 0 parameters" in html
    first = cl.conv_cost((1, 3, 32, 32), (64, 3, 3, 3), padding=1)
    assert f"{first.parameters:,} parameters, {first.multiply_adds:,} multiply-adds" in html
    assert "conv_cost: no window fits" in labs.LayerStack(size=2).html()


def test_question_then_answer(lab_page):
    page = lab_page(labs.LayerStack())
    assert [row[1] for row in rows(page)] == ["1", "?", "?", "?", ""]
    assert page.locator(".cl-cone .cl-lit").count() == 0
    field = page.get_by_label("Your answer")
    field.fill("9")
    field.press("Enter")
    assert "Not 9" in page.locator(".cl-reply").inner_text()
    field.fill("7")
    field.press("Enter")
    reply = page.locator(".cl-reply").inner_text().replace("\xa0", " ")
    assert reply == "Right. 1 + 1·(3 − 1)·1 + 1·(3 − 1)·1 + 1·(3 − 1)·1 = 7."
    assert [row[1] for row in rows(page)] == ["1", "3", "5", "7", ""]
    assert page.locator(".cl-cone .cl-lit").count() == 7 + 5 + 3 + 1


@pytest.mark.parametrize("name", ["threes", "seven", "vgg", "resnet", "even", "mixed"])
def test_ready_made_stacks_are_the_librarys(lab_page, name):
    page = lab_page(labs.LayerStack(size=9, revealed=True))
    page.get_by_label("Stack", exact=True).select_option(name)
    state = page.evaluate(
        "name => import('./layer_stack.js').then((lab) => lab.presets[name])", name
    )
    lab = labs.LayerStack(**state)
    fields = cl.receptive_field(whole(lab.layers))
    table = rows(page)[1:-1]
    assert [(int(row[1]), int(row[2])) for row in table] == [(f.size, f.jump) for f in fields]
    shape = (1, lab.channels, lab.size, lab.size)
    for row, layer, (kernel, s, p, d) in zip(table, lab.layers, whole(lab.layers), strict=True):
        options = {"stride": s, "padding": p, "dilation": d}
        parameters = 0
        if layer["kind"] == "pool":
            shape = (1, shape[1], *cl.output_size(shape[2:], kernel, **options))
        else:
            cost = cl.conv_cost(shape, (layer["channels"], shape[1], kernel, kernel), **options)
            shape, parameters = cost.output_shape, cost.parameters
        assert (row[0], row[3]) == (str(shape[2]), f"{parameters:,}")


def test_pointing_lights_what_the_library_sees(lab_page):
    """Dilations 2, 2, 2: the middle output reads every other cell of its field of 13."""
    page = lab_page(labs.LayerStack(size=20, layers=[{"dilation": 2}] * 3, revealed=True))
    y = np.eye(20)[:, None]  # (B, C, W): image b is 1 at cell b
    for _ in range(3):
        y = cl.conv(y, np.ones((1, 1, 3)), dilation=2)
    unit = 4
    cells = np.flatnonzero(y[:, 0, unit])
    boxes = page.locator(".cl-cone rect.cl-output:not(.cl-pad)").all()
    boxes[16 + 12 + unit].hover()
    lit = page.locator(".cl-cone rect.cl-input").evaluate_all(
        "rects => rects.flatMap((rect, n) => rect.classList.contains('cl-lit') ? [n] : [])"
    )
    assert lit == cells.tolist()
    assert readout(page) == (
        "Unit 4 of layer 3: the field is 9 + 2·(3 − 1)·1 = 13, cells 4 to 16, of which it reads 7."
    )
    assert page.locator(".cl-cone-field").inner_text() == "13"


def test_by_keyboard_alone(lab_page):
    page = lab_page(labs.LayerStack(revealed=True))
    page.get_by_role("button", name="2: conv 3×3").press("Enter")
    page.get_by_label("Stride s: more").press("Enter")
    page.get_by_label("Padding p", exact=True).focus()
    page.keyboard.press("ArrowUp")
    page.get_by_role("button", name="Add pool").press("Enter")
    layers = [{}, {"stride": 2, "padding": 1}, {}, {"kind": "pool"}]
    fields = cl.receptive_field(whole(layers))
    assert [row[1] for row in rows(page)[1:-1]] == [str(field.size) for field in fields]
    picture = page.get_by_role("application")
    picture.focus()
    for key in ("ArrowUp", "Home"):
        page.keyboard.press(key)
    first, last = fields[2].start, fields[2].start + fields[2].size - 1
    assert readout(page).startswith("Unit 0 of layer 3: the field is 5 + 1·(3 − 1)·2 = 9, ")
    assert f"cells {first} to {last}".replace("-", "−") in readout(page)
    page.get_by_role("button", name="Remove layer 4").press("Enter")
    assert len(rows(page)) == 5
    page.get_by_role("button", name="Reset").press("Enter")
    assert [row[1] for row in rows(page)] == ["1", "3", "5", "7", ""]
    assert page.get_by_role("button", name="1: conv 3×3").get_attribute("aria-pressed") == "true"


def test_what_does_not_fit_is_the_librarys_sentence(lab_page):
    page = lab_page(labs.LayerStack(size=6, layers=[{}] * 4, revealed=True))
    with pytest.raises(ValueError, match="no window fits") as refusal:
        cl.conv_cost((1, 64, 2, 2), (64, 64, 3, 3))
    assert page.get_by_role("alert").inner_text() == str(refusal.value)
    assert page.get_by_role("button", name="3: conv 3×3 does not fit").is_visible()
    assert len(rows(page)) == 4  # the input, the two that fit, the sum
    page.get_by_role("button", name="4: conv 3×3").click()
    page.get_by_role("button", name="Remove layer 4").click()
    page.get_by_label("Padding p: more").click()
    assert not page.get_by_role("alert").is_visible()
    assert [row[0] for row in rows(page)][:4] == ["6", "4", "2", "2"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_sticks_out(lab_page, width, theme):
    layers = [{"kernel_size": 11, "padding": 5, "channels": 512}] * 4
    page = lab_page(
        labs.LayerStack(size=48, channels=512, layers=layers, revealed=True), width, theme
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
