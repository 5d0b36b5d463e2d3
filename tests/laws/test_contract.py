"""One contract: what is promised of every public function, and tested for each of them alike."""

import inspect
import re
from unittest import mock

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
    rest = rest[:1] if name in ("conv", "conv_transpose") else rest
    expected = flat(function(grad, x, *rest, **call.options))
    assert told(function, grad, x[0], *rest, **call.options)[0] == "x"
    argument, repair = told(function, grad[0], x, *rest, **call.options)
    assert argument == "grad_output"
    mended = flat(function(eval(repair, {argument: grad[0]}), x, *rest, **call.options))
    for ours, theirs in zip(mended, expected, strict=True):
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


@pytest.mark.parametrize("name", test_hostile.ALL)
@FEW
@given(data=st.data(), most=st.sampled_from([1, 50, 500, 5000]))
def test_so_is_what_would_not_fit_the_memory(name, data, most):
    arguments = data.draw(test_hostile.good(name))
    with mock.patch("convlib._checks.MEMORY", most):
        try:
            getattr(cl, name)(**arguments)
        except ValueError as error:
            told = rf"^{name}: .* would take \d+ bytes, and there are {most} bytes of memory\."
            assert re.match(told, str(error))


# ---- options: by position, and one for all axes ----


def by_position(function):
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if backward(n)])
def test_what_goes_by_position_does_so_in_the_backward(name):
    forward = [p for p in by_position(getattr(cl, name)) if p != "bias"]
    assert by_position(backward(name)) == ["grad_output", *forward]


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if backward(n)])
def test_what_the_forward_is_told_the_backward_may_be_told(name):
    forward, back = (inspect.signature(f).parameters for f in (getattr(cl, name), backward(name)))
    assert {*forward} - {*back} <= {"bias", "return_indices"}


X, GRAD = np.arange(50.0).reshape(1, 2, 5, 5) - 9, np.ones((1, 2, 2, 2))
PLACED = {
    "max_pool": ([X], {"kernel_size": 2, "stride": 1}),
    "avg_pool": ([X], {"kernel_size": 2, "stride": 1}),
    "lp_pool": ([X], {"norm_type": 1, "kernel_size": 2, "stride": 1}),
    "max_unpool": ([X, abs(X).astype(int)], {"kernel_size": 2, "stride": 3}),
    "resize": ([X], {"size": 7}),
    "max_pool_backward": ([GRAD, X], {"kernel_size": 3, "stride": 2}),
    "avg_pool_backward": ([GRAD, X], {"kernel_size": 3, "stride": 2}),
    "lp_pool_backward": ([GRAD, X], {"norm_type": 1, "kernel_size": 3, "stride": 2}),
    "max_unpool_backward": (
        [np.ones((1, 2, 4, 4)), GRAD, GRAD.astype(int)],
        {"kernel_size": 3, "stride": 1},
    ),
    "resize_backward": ([GRAD, X], {"size": 2}),
    "leaky_relu_backward": ([X, X], {"negative_slope": 0.2}),
    "elu_backward": ([X, X], {"alpha": 0.2}),
    "celu_backward": ([X, X], {"alpha": 0.2}),
    "softplus_backward": ([X, X], {"beta": 2, "threshold": 3}),
    "gelu_backward": ([X, X], {"approximate": "tanh"}),
}


@pytest.mark.parametrize("name", PLACED)
def test_a_place_is_an_option(name):
    function, (arrays, options) = getattr(cl, name), PLACED[name]
    np.testing.assert_array_equal(
        function(*arrays, *options.values()), function(*arrays, **options)
    )


WINDOW = {"stride": 2, "padding": 1, "dilation": 2}
DEPTH, POINT = np.ones((2, 1, 2, 2)), np.ones((3, 2, 1, 1))
ALIKE = {  # arrays, then options; those of a window are spelled as (n,), [n] and one int per axis
    "conv": ([X, np.ones((3, 2, 2, 2))], WINDOW),
    "depthwise_conv": ([X, DEPTH], WINDOW),
    "separable_conv": ([X, DEPTH, POINT], WINDOW),
    "conv_transpose": ([X, np.ones((2, 3, 2, 2))], WINDOW | {"output_padding": 1}),
    "conv_matrix": ([np.ones((1, 2, 2, 2))], WINDOW | {"input_size": 5}),
    "zero_insert": ([X], {"stride": 2}),
    "max_pool": ([X], WINDOW | {"kernel_size": 3}),
    "avg_pool": ([X], WINDOW | {"kernel_size": 3}),
    "lp_pool": ([X], WINDOW | {"kernel_size": 3, "norm_type": 1}),
    "output_size": ([(5, 5)], WINDOW | {"kernel_size": 3}),
    "transpose_output_size": ([(5, 5)], WINDOW | {"kernel_size": 3, "output_padding": 1}),
    "overlap_count": ([(5, 5)], WINDOW | {"kernel_size": 3, "output_padding": 1}),
    "conv_cost": ([(1, 2, 5, 5), (3, 2, 2, 2)], WINDOW),
}
NOT_ALIKE = {  # where torch takes an int, or one for each axis
    "im2col": ([X], WINDOW | {"kernel_size": 3}),
    "col2im": ([np.ones((1, 8, 9))], {"output_size": (4, 4), "kernel_size": 2, "stride": 1}),
    "max_unpool": ([X, abs(X).astype(int)], {"kernel_size": 2, "stride": 2, "padding": 0}),
    "resize": ([X], {"size": 7}),
    "adaptive_avg_pool": ([X], {"output_size": 2}),
    "adaptive_max_pool": ([X], {"output_size": 2}),
}
OF_A_WINDOW = {*WINDOW, "kernel_size", "output_padding"}


@pytest.mark.parametrize("kind", [tuple, list])
@pytest.mark.parametrize("name", ALIKE)
def test_one_in_a_tuple_holds_for_all_axes(name, kind):
    function, (arrays, options) = getattr(cl, name), ALIKE[name]
    plain = function(*arrays, **options)
    for spelled in ([2], [2, 2]):
        given_ = {k: kind([v] * len(spelled)) for k, v in options.items() if k in OF_A_WINDOW}
        np.testing.assert_equal(function(*arrays, **options | given_), plain)


@pytest.mark.parametrize("name", NOT_ALIKE)
def test_elsewhere_a_tuple_has_one_for_each_axis(name):
    function, (arrays, options) = getattr(cl, name), NOT_ALIKE[name]
    plain = function(*arrays, **options)
    for option, value in options.items():
        if isinstance(value, int):
            np.testing.assert_equal(function(*arrays, **options | {option: (value,) * 2}), plain)
            with pytest.raises(ValueError, match=rf"^{name}: {option} must be .*2 .*; got "):
                function(*arrays, **options | {option: (value,)})


ONE_INT = [
    ("conv", [X, np.ones((3, 2, 2, 2))], "groups"),
    ("conv", [X, np.ones((3, 2, 2, 2))], "budget"),
    ("conv_transpose", [X, np.ones((2, 3, 2, 2))], "groups"),
    ("conv_transpose", [X, np.ones((2, 3, 2, 2))], "budget"),
    ("conv_matrix", [np.ones((1, 2, 2, 2)), 5], "groups"),
    ("conv_cost", [(1, 2, 5, 5), (3, 2, 2, 2)], "groups"),
    ("conv_cost", [(1, 2, 5, 5), (3, 2, 2, 2)], "itemsize"),
    ("channel_shuffle", [X], "groups"),
    ("channel_unshuffle", [X], "groups"),
    ("pixel_shuffle", [X], "upscale_factor"),
    ("pixel_unshuffle", [X], "downscale_factor"),
    ("avg_pool", [X, 2], "divisor_override"),
    ("network", ["alexnet"], "batch"),
]


@pytest.mark.parametrize(("name", "arguments", "option"), ONE_INT)
@pytest.mark.parametrize("value", [(1,), [1], (1, 1), ()])
def test_what_is_one_int_is_no_tuple(name, arguments, option, value):
    with pytest.raises(TypeError, match=rf"^{name}: {option} must be an int.*; got ") as caught:
        getattr(cl, name)(*arguments, **{option: value})
    assert repr(value) in str(caught.value)
