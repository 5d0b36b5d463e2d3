"""One contract: what is promised of every public function, and tested for each of them alike."""

import re

import numpy as np
import pytest
from errors.test_errors import PACKAGE, place
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from laws import test_hostile
from laws.catalogue import FUNCTIONS, OTHERS, calls
from laws.test_laws import SOME, backward, flat, like

import convlib as cl

FEW = settings(SOME, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

# ---- every x, cols and grad_output is batched ----

BATCHED = [n for n, e in FUNCTIONS.items() if not e.elementwise and n != "conv_matrix"]
# No option and no weight of these tells an image without its batch from a batch of signals.
NO_TELLING = [n for n in BATCHED if n.startswith("global") or n.endswith("shuffle")]


@st.composite
def images(draw, name):
    """A call for a batch of one, where an image without its batch can be told from one."""
    call = draw(calls(name))
    assume(len(call.arrays[0]))
    assume(name not in NO_TELLING or call.arrays[0].ndim == 3)
    count = 2 if name == "max_unpool" else 1  # its indices are batched, too
    return call, [a[:1] if i < count else a for i, a in enumerate(call.arrays)]


def told(function, *arrays, **options):
    """What the refusal says to do, done to the array that it names."""
    with pytest.raises(ValueError, match=r"batch axis: (\w+)\[None\]\.") as caught:
        function(*arrays, **options)
    said = str(caught.value)
    assert said.startswith(f"{function.__name__}: ")
    name, repair = re.search(r"Add the batch axis: ((\w+)\[None\])\.", said).group(2, 1)
    assert f"got {name}.shape=" in said
    return name, repair


@pytest.mark.parametrize("name", BATCHED)
@FEW
@given(data=st.data())
def test_an_image_without_its_batch_is_refused_and_the_repair_works(name, data):
    call, (x, *rest) = data.draw(images(name))
    function, expected = getattr(cl, name), call.run(x, *rest)
    argument, repair = told(function, x[0], *rest, **call.options)
    assert argument == ("cols" if name == "col2im" else "x")
    mended = eval(repair, {argument: x[0]})
    np.testing.assert_array_equal(call.run(mended, *rest), expected)


@pytest.mark.parametrize("name", [n for n in BATCHED if backward(n)])
@FEW
@given(data=st.data())
def test_so_it_is_for_gradients(name, data):
    call, (x, *rest) = data.draw(images(name))
    function, grad = backward(name), like(call.run(x, *rest), seed=1)
    options = {k: v for k, v in call.options.items() if k != "method"}
    rest = rest[:1] if name in ("conv", "conv_transpose") else rest
    expected = flat(function(grad, x, *rest, **options))
    assert told(function, grad, x[0], *rest, **options)[0] == "x"
    argument, repair = told(function, grad[0], x, *rest, **options)
    assert argument == "grad_output"
    mended = eval(repair, {argument: grad[0]})
    for ours, theirs in zip(flat(function(mended, x, *rest, **options)), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# ---- a refusal names the function and the argument ----

PARAMETERS = [(name, p) for name in test_hostile.ALL for p in test_hostile.parameters(name)]


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
@settings(FEW, max_examples=2)
@given(data=st.data())
def test_what_is_nothing_of_the_kind_is_refused_by_both_names(name, parameter, data):
    """Of the function that was called: it may be done by another one."""
    arguments = data.draw(test_hostile.good(name)) | {parameter: object()}
    with pytest.raises(
        (TypeError, ValueError), match=rf"^{name}: .*\b{parameter}\b.*got "
    ) as error:
        getattr(cl, name)(**arguments)
    assert PACKAGE in place(error.value)[0].parents


FLOATS = {*test_hostile.ARRAYS} - {"indices"}
ARRAYS = [
    (name, p)
    for name, p in PARAMETERS
    if p in FLOATS and name not in OTHERS and len(FLOATS & {*test_hostile.parameters(name)}) > 1
]


@pytest.mark.parametrize(("name", "parameter"), ARRAYS)
@settings(FEW, max_examples=2)
@given(data=st.data())
def test_so_is_an_array_of_another_dtype(name, parameter, data):
    arguments = data.draw(test_hostile.good(name))
    array = arguments.get(parameter)
    assume(array is not None and len(FLOATS & {*arguments}) > 1)  # a bias may be left out
    half = array.astype("float16") if isinstance(array, np.ndarray) else array.half()
    both = rf"(\w+ and {parameter}|{parameter} and \w+)"
    with pytest.raises(TypeError, match=f"^{name}: {both} must have one dtype; got "):
        getattr(cl, name)(**arguments | {parameter: half})
