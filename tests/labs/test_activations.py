"""The activations lab: its Python face, and its numbers in a browser against convlib's."""

import re

import numpy as np
import pytest
from labs.looks import sticks_out

import convlib as cl
from convlib import labs


def written(value):
    """A number as the lab writes it."""
    return f"{round(float(value), 3):g}".replace("-", "−")


def cells(html):
    """The rows of a plain form's table, as numbers."""
    rows = re.findall("<tr>(.*?)</tr>", html)
    return np.array([[float(v) for v in re.findall("<td>(.*?)</td>", row)] for row in rows])


def readout(page):
    return page.locator(".cl-readout").inner_text()


def test_repr_names_what_is_not_default():
    assert repr(labs.Activations()) == "Activations()"
    assert repr(labs.Activations(activation="silu", x=-2)) == (
        "Activations(activation='silu', x=-2)"
    )


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        ({"layers": 31}, "layers is a whole number from 1 to 30; got 31."),
        ({"x": 9}, "x is a number from -8 to 8; got 9."),
        ({"weight": "1"}, "weight is a number from 0 to 5; got '1'."),
        ({"activation": "swish"}, "activation is one of 'sigmoid', 'relu'"),
        ({"view": "slope"}, "view is one of 'curve', 'layers', 'unit'; got 'slope'."),
    ],
)
def test_nonsense_is_refused(traits, sentence):
    with pytest.raises(ValueError, match="Activations: ") as refusal:
        labs.Activations(**traits)
    assert sentence in str(refusal.value)


OPTIONS = {"negative_slope": 0.2, "prelu_weight": -0.5, "alpha": 2.0, "beta": 3.0}
TAKES = {
    "leaky_relu": ("negative_slope",),
    "prelu": ("prelu_weight",),
    "elu": ("alpha",),
    "celu": ("alpha",),
    "softplus": ("beta",),
}
X = np.array([-4.0, -3, -2, -1.3, -1, 0, 1, 2, 3, 4])


def by_library(name):
    """Values and slopes at `X`."""
    given = {k.removeprefix("prelu_"): v for k, v in OPTIONS.items() if k in TAKES.get(name, ())}
    if name == "prelu":
        given = {"weight": np.array([given["weight"]])}
    if name == "gelu_tanh":
        name, given = "gelu", {"approximate": "tanh"}
    slope = getattr(cl, f"{name}_backward")(np.ones_like(X), X, **given)
    return getattr(cl, name)(X, **given), slope[0] if name == "prelu" else slope


def test_every_function_is_the_librarys(lab_page):
    """In the plain form, and in the browser at a point on the left."""
    page = lab_page(labs.Activations(x=-1.3, revealed=True, **OPTIONS))
    names = labs.Activations.activation.names
    for name in names:
        y, slope = by_library(name)
        html = labs.Activations(activation=name, x=-1.3, **OPTIONS).html()
        np.testing.assert_allclose(cells(html), np.stack([X, y, slope], axis=1), rtol=1e-5)
        page.get_by_label("Function").select_option(name)
        there = f"x = −1.3: f(x) = {written(y[3])}, f′(x) = {written(slope[3])}."
        assert readout(page).startswith(there)
        assert page.locator(".cl-slider:visible").count() == len(TAKES.get(name, ()))
    assert len(names) == len(set(names)) == 17


def test_the_slope_is_covered_until_the_reader_has_predicted_it(lab_page):
    page = lab_page(labs.Activations(activation="silu", x=-2))
    assert "f′" not in readout(page) and page.locator(".cl-slope").count() == 0
    assert "comes back to SiLU" in page.locator(".cl-question").inner_text()
    answer = page.get_by_label("Your answer")
    answer.select_option("1")
    page.get_by_role("button", name="Check").click()
    assert page.locator(".cl-reply").inner_text().startswith("Not Positive")
    answer.select_option("-1")
    page.get_by_role("button", name="Check").click()
    assert "Right. At x = −2 the slope of SiLU is −0.091." in page.locator(".cl-reply").inner_text()
    assert "f′(x) = −0.091" in readout(page) and page.locator(".cl-slope").count() == 1


def test_moving_the_point(lab_page):
    page = lab_page(labs.Activations(activation="tanh", revealed=True))
    point = page.get_by_role("slider", name="Point x")
    point.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    x = np.array([1 + 0.1 - 1])
    slope = cl.tanh_backward(np.ones(1), x)
    assert f"x = 0.1: f(x) = {written(cl.tanh(x)[0])}, f′(x) = {written(slope[0])}" in readout(page)
    assert point.get_attribute("aria-valuetext") == readout(page)
    page.keyboard.press("Home")
    assert readout(page).startswith("x = −5: ")
    for plot in page.locator(".cl-plot").all():  # the slope's plot can be dragged, too
        box = plot.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
        page.mouse.down()
        assert readout(page).startswith("x = 0: f(x) = 0, f′(x) = 1.")
        page.mouse.move(box["x"] + 3 * box["width"], box["y"] + 20)
        page.mouse.up()
        assert readout(page).startswith("x = 5: ")


def test_options_that_divide_are_refused_in_place(lab_page):
    page = lab_page(labs.Activations(activation="celu", revealed=True))
    alpha = page.get_by_label("Depth α")
    alpha.focus()
    page.keyboard.press("Home")
    with pytest.raises(ValueError, match="alpha must not be 0") as refusal:
        cl.celu(np.ones(1), 0)
    assert page.get_by_role("alert").inner_text() == str(refusal.value)
    page.get_by_label("Function").select_option("elu")
    assert not page.get_by_role("alert").is_visible()
    page.get_by_role("button", name="Reset").click()
    assert page.get_by_label("Function").input_value() == "celu"
    assert readout(page).startswith("x = 1: f(x) = 1, f′(x) = 1.")


def chain(name, layers, x, weight):
    """The signal behind each layer and the gradient in front of it, by the library."""
    signal, steps, a = [], [], np.array([x])
    for _ in range(layers):
        steps.append(weight * getattr(cl, f"{name}_backward")(np.ones(1), weight * a)[0])
        a = getattr(cl, name)(weight * a)
        signal.append(a[0])
    return np.array(signal), np.cumprod(steps[::-1])[::-1]


def test_gradient_through_layers(lab_page):
    lab = labs.Activations(view="layers")
    signal, back = chain("sigmoid", 10, 1.0, 1.0)
    np.testing.assert_allclose(cells(lab.html())[:, 1:], np.stack([signal, back], 1), rtol=1e-5)
    assert back[0] < 1e-6

    page = lab_page(lab)
    assert page.locator(".cl-bar-signal").count() == 10
    assert page.locator(".cl-bar-gradient").count() == 0
    page.get_by_label("Your answer").select_option("gone")
    page.get_by_role("button", name="Check").click()
    assert "Right. In front of the first layer it is 2.8·10⁻⁷." in (
        page.locator(".cl-reply").inner_text()
    )
    assert f"{back[0]:.1e}" == "2.8e-07"
    assert page.locator(".cl-bar-gradient").count() == 10

    page.get_by_role("slider", name="Layer", exact=True).focus()
    page.keyboard.press("End")
    assert readout(page).startswith("Layer 10: ") and f"= {written(back[-1])}." in readout(page)
    page.get_by_label("Layers D: more").click()
    page.get_by_label("Function").select_option("relu")
    assert page.locator(".cl-bar-gradient").count() == 11
    _, back = chain("relu", 11, 1.0, 1.0)
    assert set(back) == {1.0} and readout(page).endswith("= 1 · 1 · 1 = 1.")


def test_the_hovered_layer_is_read(lab_page):
    page = lab_page(labs.Activations(view="layers", activation="tanh", layers=4, revealed=True))
    box = page.locator(".cl-plot").bounding_box()
    page.mouse.move(box["x"] + 0.62 * box["width"], box["y"] + 30)
    signal, back = chain("tanh", 4, 1.0, 1.0)
    assert readout(page).startswith("Layer 3: ") and f"f(z) = {written(signal[2])}" in readout(page)
    assert f"= {written(back[2])}." in readout(page)


def unit(name, bias, **options):
    """Slopes of a unit on its batch, and the gradient in its bias, by the library."""
    z = np.array([-1.0, 0, 1, 2, 3]) + bias
    slopes = getattr(cl, f"{name}_backward")(np.ones(5), z, **options)
    return slopes, ((getattr(cl, name)(z, **options) - 1) * slopes).mean()


def test_a_relu_dies_and_a_leak_revives_it(lab_page):
    page = lab_page(labs.Activations(view="unit", activation="relu", bias=-2.9, negative_slope=0.1))
    page.get_by_label("Your answer").fill("-3")
    page.get_by_role("button", name="Check").click()
    assert page.locator(".cl-reply").inner_text().startswith("Right.")
    assert page.locator(".cl-dot-off").count() == 4 and "1 hand a gradient back" in readout(page)
    bias = page.get_by_label("Bias b")
    bias.focus()
    page.keyboard.press("ArrowLeft")
    slopes, gradient = unit("relu", -3.0)
    assert not slopes.any() and gradient == 0
    assert page.locator(".cl-dot-off").count() == 5 and "Dead: " in readout(page)
    train = page.get_by_role("button", name="Train 20 steps")
    train.click()
    assert bias.input_value() == "-3" and "Dead: " in readout(page)  # nothing moves it

    page.get_by_label("Function").select_option("leaky_relu")
    slopes, gradient = unit("leaky_relu", -3.0, negative_slope=0.1)
    assert slopes.all() and f"The gradient of b is {written(gradient)}." in readout(page)
    train.click()
    b = -3.0
    for _ in range(20):
        b -= unit("leaky_relu", b, negative_slope=0.1)[1]
    assert b > -2  # so the largest input gets through again, under ReLU too
    page.get_by_label("Function").select_option("relu")
    alive = (unit("relu", b)[0] != 0).sum()
    assert alive >= 1 and f"Of 5 inputs, {alive} hand a gradient back" in readout(page)


@pytest.mark.parametrize("view", ["curve", "layers", "unit"])
@pytest.mark.parametrize(("width", "theme"), [(320, "light"), (320, "dark"), (768, "light")])
def test_nothing_sticks_out(lab_page, view, width, theme):
    lab = labs.Activations(view=view, activation="gelu_tanh", layers=30)
    page = lab_page(lab, width, theme)
    assert sticks_out(page, width) == []  # the question
    page.get_by_role("button", name="Show me").click()
    assert sticks_out(page, width) == []  # the answer
