"""Counts of parameters, multiply-adds and bytes, against counting what really happens."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import geometries

import convlib as cl

# ---- by hand ----


def test_by_hand():
    cost = cl.conv_cost((2, 4, 5, 5), (6, 2, 3, 3), padding=1, stride=2, groups=2)
    assert cost.output_shape == (2, 6, 3, 3)  # (5 + 2*1 - 3)//2 + 1 = 3
    assert cost.parameters == 6 * (2 * 3 * 3 + 1)
    assert cost.multiply_adds == (2 * 6 * 3 * 3) * (2 * 3 * 3)
    assert cost.input_bytes == 4 * (2 * 4 * 5 * 5)
    assert cost.weight_bytes == 4 * 6 * (2 * 3 * 3 + 1)
    assert cost.output_bytes == 4 * (2 * 6 * 3 * 3)
    assert cost.column_bytes == 4 * (2 * 3 * 3) * (4 * 3 * 3)  # B * L windows of C*N*N values
    assert cost.multiply_adds == 1944
    assert cost.intensity == 2 * 1944 / (800 + 456 + 432)
    assert cost.blow_up == 2592 / 800


def test_published_layers():
    alexnet = cl.conv_cost((1, 3, 227, 227), (96, 3, 11, 11), stride=4)
    assert (alexnet.parameters, alexnet.multiply_adds) == (34_944, 105_415_200)
    vgg = cl.conv_cost((1, 64, 224, 224), (64, 64, 3, 3), padding=1)
    assert (vgg.parameters, vgg.multiply_adds) == (36_928, 1_849_688_064)


def test_without_bias_and_in_other_bytes():
    cost = cl.conv_cost((1, 1, 4), (3, 1, 2), bias=False, itemsize=8)
    assert (cost.parameters, cost.weight_bytes, cost.input_bytes) == (3 * 2, 8 * 6, 8 * 4)
    assert (cost.output_bytes, cost.column_bytes) == (8 * 3 * 3, 8 * 2 * 3)


# ---- oracle ----


@given(g=geometries(batches=(1, 2, 3), modes=("zeros",)), bias=st.booleans())
def test_bytes_are_those_of_the_arrays(g, bias):
    cost = cl.conv_cost(
        g.x.shape, g.weight.shape, bias=bias, **g.window, groups=g.groups, itemsize=8
    )
    y = cl.conv(g.x, g.weight, **g.options)
    columns = cl.im2col(g.x, g.kernel, **g.window)
    weights = g.weight.nbytes + bias * g.bias.nbytes
    assert cost.output_shape == y.shape
    assert cost.parameters == g.weight.size + bias * g.bias.size
    assert (cost.input_bytes, cost.weight_bytes) == (g.x.nbytes, weights)
    assert (cost.output_bytes, cost.column_bytes) == (y.nbytes, columns.nbytes)
    assert cost.intensity == 2 * cost.multiply_adds / (g.x.nbytes + weights + y.nbytes)


@given(g=geometries(batches=(1, 2), modes=("zeros",)))
def test_multiply_adds_are_counted_by_ones(g):
    """With ones for values, ones for padding too, each output is its number of products."""
    padded = np.ones(g.padded(g.x).shape)
    y = cl.conv(padded, np.ones(g.weight.shape), **{**g.options, "padding": 0})
    cost = cl.conv_cost(g.x.shape, g.weight.shape, **g.window, groups=g.groups)
    assert cost.multiply_adds == y.sum()


# ---- laws ----


@given(g=geometries(batches=(1,), modes=("zeros",), groups=(2, 3)))
def test_groups_divide_the_multiply_adds(g):
    channels, kernels = g.groups * g.seen, g.groups * g.made
    dense = cl.conv_cost(g.x.shape, (kernels, channels, *g.kernel), **g.window)
    apart = cl.conv_cost(g.x.shape, g.weight.shape, **g.window, groups=g.groups)
    assert dense.multiply_adds == g.groups * apart.multiply_adds
    assert dense.column_bytes == apart.column_bytes
    assert dense.output_shape == apart.output_shape


def test_depthwise_separable_costs_one_over_k_plus_one_over_n_squared():
    size, channels, kernels = (56, 56), 32, 64
    dense = cl.conv_cost((1, channels, *size), (kernels, channels, 3, 3), padding=1)
    depth = cl.conv_cost((1, channels, *size), (channels, 1, 3, 3), padding=1, groups=channels)
    point = cl.conv_cost(depth.output_shape, (kernels, channels, 1, 1))
    ratio = (depth.multiply_adds + point.multiply_adds) / dense.multiply_adds
    assert math.isclose(ratio, 1 / kernels + 1 / 9)


# ---- contract ----


@pytest.mark.parametrize(
    ("x", "weight", "options", "error", "words"),
    [
        ((1, 3), (1, 3, 2), {}, ValueError, "x_shape must be a tuple of three sizes at least"),
        ((1, 3), (1, 3, 2), {}, ValueError, "got (1, 3)."),
        ((1, 3, 4), 7, {}, ValueError, "weight_shape must be a tuple of three sizes at least"),
        ((1, 3, 4), (1, 3, 2, 2), {}, ValueError, "got (1, 3, 4) and (1, 3, 2, 2)."),
        ((1, 3, 4), (2, 2, 2), {"groups": 2}, ValueError, "expect 2 * 2 = 4; got "),
        ((1, 4, 4), (3, 2, 2), {"groups": 2}, ValueError, "3 = 1 * 2 + 1; got "),
        ((0, 3, 4), (1, 3, 2), {}, ValueError, "x_shape must be at least 1; got x_shape=(0, 3, 4)"),
        ((1, 3, 4.0), (1, 3, 2), {}, TypeError, "got x_shape=(1, 3, 4.0)."),
        ((1, 1, 4), (1, 1, 2), {"groups": 0}, ValueError, "groups must be at least 1; got"),
        ((1, 1, 4), (1, 1, 2), {"itemsize": 0}, ValueError, "itemsize must be at least 1; got"),
        ((1, 1, 4), (1, 1, 2), {"stride": 0}, ValueError, "stride must be at least 1; got"),
        ((1, 1, 4), (1, 1, 6), {}, ValueError, "1*(6 - 1) + 1 = 6, the padded input is 4 + 2*0"),
    ],
)  # fmt: skip
def test_conv_cost_refuses_with_the_numbers(x, weight, options, error, words):
    with pytest.raises(error, match=f"^conv_cost: .*{re.escape(words)}"):
        cl.conv_cost(x, weight, **options)


def test_a_cost_cannot_be_changed():
    cost = cl.conv_cost([1, 1, 4], [1, 1, 2])
    with pytest.raises(AttributeError):
        cost.parameters = 1
    assert cost == cl.conv_cost((1, 1, 4), (1, 1, 2))
