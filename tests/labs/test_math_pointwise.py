"""The labs' pooling and activations are the library's."""

import math
from functools import partial

import numpy as np
import pytest
from labs.agreement import RUNS, camel, eighths

import convlib as cl

# ---- pooling ----


def pooled(x, kind, options):
    image = x[None, None]
    if kind == "max":
        values, indices = cl.max_pool(image, **options, return_indices=True)
        return [values[0, 0], indices[0, 0]]
    return [cl.avg_pool(image, **options)[0, 0]]


def pool_options(draw, kind):
    """Options of each kind alone; a kernel of 0 and a padding that is too wide break rules."""
    side = draw.choice([1, 2, 2, 3, 3, 4] * 8 + [0])
    options = {"kernel_size": side, "ceil_mode": draw.random() < 0.5}
    options["stride"] = draw.choice([side, side, 1, 2, 3])
    options["padding"] = draw.choice([0, 0, *range(side // 2 + 1)] * 8 + [2, 3, -1])
    options["dilation"] = draw.choice([1, 1, 2, 3])
    if kind == "average":
        options["count_include_pad"] = draw.random() < 0.5
    return options


def lab_pool(js, x, kind, options):
    given = js("pooling", "pool", x, {"kind": kind, **camel(options)})
    return [np.array(given[name]) for name in ("values", "indices") if name in given]


@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling(js, tally, draw, kind):
    for _ in range(RUNS):
        x = eighths(draw, draw.randint(1, 7), draw.randint(1, 7))
        if draw.random() < 0.5:
            x = x.round(-1)  # many equal cells
        if kind == "max" and draw.random() < 0.2:
            x.flat[draw.randrange(x.size)] = draw.choice([math.nan, -math.inf])
        options = pool_options(draw, kind)
        tally.agree(
            partial(pooled, x, kind, options),
            partial(lab_pool, js, x, kind, options),
            close=True,
        )
    tally.saw(400, 30, "no window fits", "at most half", "nothing but padding")


def test_taps_of_a_window(js, draw):
    """What a window sees reduces to the library's output; the rest of it lies outside x."""
    for _ in range(RUNS // 2):
        x = eighths(draw, draw.randint(3, 6), draw.randint(3, 6))
        side = draw.choice([1, 2, 3])
        options = {"kernel_size": side, "stride": draw.randint(1, 3)}
        options |= {"padding": draw.randint(0, side // 2), "ceil_mode": draw.random() < 0.5}
        options["dilation"] = draw.choice([1, 2]) if min(x.shape) > 4 else 1
        y = cl.max_pool(x[None, None], **options)[0, 0]
        u, v = draw.randrange(y.shape[0]), draw.randrange(y.shape[1])
        taps = js("pooling", "poolTaps", x, u, v, {"kind": "max", **camel(options)})
        seen = [tap for tap in taps if tap["inside"]]
        assert len(taps) == side**2 and max(tap["value"] for tap in seen) == y[u, v]
        assert all(x[tap["i"], tap["j"]] == tap["value"] for tap in seen)
        outside = [tap for tap in taps if not tap["inside"]]
        assert all(tap["value"] is None for tap in outside)
        assert not any(0 <= t["i"] < x.shape[0] and 0 <= t["j"] < x.shape[1] for t in outside)


def test_shifting_and_counting_changes(js, draw):
    for _ in range(RUNS // 2):
        x = eighths(draw, draw.randint(1, 5), draw.randint(1, 5)).round(-1)
        moved = np.roll(x, shift := draw.randint(-9, 9), axis=1)
        np.testing.assert_array_equal(js("pooling", "roll", x, shift), moved)
        assert js("pooling", "countChanged", x, moved) == np.count_nonzero(x != moved)


# ---- activations ----

NAMES = [
    *("relu", "relu6", "leaky_relu", "prelu", "hardsigmoid", "hardswish", "sigmoid", "tanh"),
    *("softplus", "logsigmoid", "elu", "selu", "celu", "silu", "gelu", "mish"),
]
JOINTS = [0, 3, -3, 6, 20, 1e4, -1e4, math.inf, -math.inf, math.nan]


def parameters(draw, name):
    """Random parameters of an activation; those that divide are now and then 0."""
    number = draw.choice([draw.uniform(0.1, 3), -0.5, 0])
    return {
        "leaky_relu": {"negative_slope": number},
        "prelu": {"weight": number},
        "elu": {"alpha": number},
        "celu": {"alpha": number},
        "softplus": {"beta": number, "threshold": draw.choice([20, 2])},
        "gelu": {"approximate": draw.choice(["none", "tanh"])},
    }.get(name, {})


def of_library(function, name, x, given):
    """A value or a slope of the library at one number."""
    if name == "prelu":
        given = {"weight": np.array([given["weight"]], float)}
    z = np.array([x], float)
    if function == "value":
        return getattr(cl, name)(z, **given).item()
    slope = getattr(cl, f"{name}_backward")(np.ones(1), z, **given)
    return (slope[0] if name == "prelu" else slope).item()


@pytest.mark.parametrize("function", ["value", "slope"])
def test_activations(js, tally, draw, function):
    for name in NAMES:
        for x in [*JOINTS, *(draw.gauss(0, draw.choice([1, 5, 40])) for _ in range(40))]:
            given = parameters(draw, name)
            tally.agree(
                partial(of_library, function, name, x, given),
                partial(js, "activations", f"activations.{name}.{function}", x, given),
                close=True,
            )
    tally.saw(500, 20, "celu.*: alpha must not be 0", "softplus.*: beta must")


def test_defaults_are_those_of_the_library(js):
    """The table's own parameters, given by name, change nothing in the library."""
    for name in NAMES:
        given = defaults(js, name)
        bare = {} if name != "prelu" else given
        assert of_library("value", name, -0.7, given) == of_library("value", name, -0.7, bare)


def chain(name, layers, x, weight):
    """Values and slopes along a chain, by the library."""
    rows = []
    for _ in range(layers):
        z = weight * x
        x, slope = (of_library(f, name, z, {}) for f in ("value", "slope"))
        rows.append([z, x, slope])
    return np.array(rows)


def defaults(js, name):
    return js("activations", f"activations.{name}.parameters")


def lab_chain(js, **options):
    parameters = defaults(js, options["activation"])
    rows = js("activations", "signalThroughLayers", options | {"parameters": parameters})
    return np.array([[row[key] for key in ("z", "value", "slope")] for row in rows])


def test_signal_through_layers(js, tally, draw):
    for _ in range(RUNS):
        name = draw.choice([name for name in NAMES if name != "prelu"])
        options = {"layers": draw.randint(1, 20), "x": draw.gauss(0, 2)}
        options["weight"] = draw.choice([0.5, 1, 1.5, -1])
        tally.agree(
            partial(chain, name, **options),
            partial(lab_chain, js, activation=name, **options),
            close=True,
        )
    tally.saw(500, 0)


def test_gradients_on_the_way_back(js, draw):
    """In front of each layer: the slopes of the library from there to the end, times weights."""
    for _ in range(RUNS):
        name, weight = draw.choice(["sigmoid", "tanh", "relu", "gelu"]), draw.choice([0.5, 1.5, -1])
        layers, x = draw.randint(1, 12), draw.gauss(0, 2)
        options = {"activation": name, "layers": layers, "x": x, "weight": weight}
        options["parameters"] = defaults(js, name)
        forward = js("activations", "signalThroughLayers", options)
        steps = weight * chain(name, layers, x, weight)[:, 2]
        expected = np.cumprod(steps[::-1])[::-1]
        back = js("activations", "gradientBack", forward, weight)
        np.testing.assert_allclose(back, expected, rtol=1e-12, atol=1e-300)


def bias_gradient(name, inputs, bias, target):
    """The gradient of mean((f(input + bias) - target)**2) / 2 in the bias, by the library."""
    z = np.array(inputs) + bias
    error = getattr(cl, name)(z) - target
    return getattr(cl, f"{name}_backward")(error, z).mean()


def test_unit_on_a_batch(js, draw):
    for _ in range(RUNS // 2):
        name = draw.choice(["relu", "leaky_relu", "sigmoid", "elu", "silu"])
        inputs = [draw.gauss(0, 2) for _ in range(draw.randint(1, 8))]
        bias, target = draw.gauss(0, 2), draw.choice([0, 1, 2])
        given = {"activation": name, "inputs": inputs, "bias": bias, "target": target}
        given["parameters"] = defaults(js, name)
        unit = js("activations", "unitOnBatch", given)
        z = np.array(inputs) + bias
        np.testing.assert_allclose(unit["outputs"], getattr(cl, name)(z), rtol=1e-12)
        slopes = getattr(cl, f"{name}_backward")(np.ones_like(z), z)
        np.testing.assert_allclose(unit["slopes"], slopes, rtol=1e-12)
        gradient = bias_gradient(name, inputs, bias, target)
        assert unit["gradient"] == pytest.approx(gradient, rel=1e-12, abs=1e-14)
        steps = draw.randint(0, 20)
        for _ in range(steps):
            bias -= 0.25 * bias_gradient(name, inputs, bias, target)
        trained = js("activations", "trainBias", given, {"steps": steps, "rate": 0.25})
        assert trained == pytest.approx(bias, rel=1e-10, abs=1e-12)
