"""The labs' convolutions are the library's: sliding, lowered, grouped and transposed."""

from functools import partial

import numpy as np
from labs.agreement import RUNS, camel, eighths, grouping, window

import convlib as cl

# ---- the sliding window ----


def alone(function, x, *arguments, **options):
    """What a function of the library gives for one image: a lab has no batch."""
    return function(x[None], *arguments, **options)[0]


def test_sliding_window(js, tally, draw):
    for _ in range(RUNS):
        channels, kernels, groups, seen = grouping(draw)
        side, options = draw.randint(1, 3), {**window(draw), "groups": groups}
        x = eighths(draw, channels, draw.randint(1, 6), draw.randint(1, 6))
        weight = eighths(draw, kernels, seen, side, side)
        bias = draw.choice([None, eighths(draw, draw.choice([kernels] * 9 + [5]))])
        y = tally.agree(
            partial(alone, cl.conv, x, weight, bias, **options),
            partial(js, "convolution", "conv", x, weight, {**options, "bias": bias}),
        )
        if y is not None:
            k, u, v = (draw.randrange(n) for n in np.shape(y))
            terms = js("convolution", "taps", x, weight, k, u, v, options)
            check_taps(terms, x, weight[k], options)
            total = sum(term["product"] for term in terms)
            assert total == y[k][u][v] - (0 if bias is None else bias[k])
    phrases = "no window fits", "x has", "groups must divide the", "bias must", "groups must be at"
    tally.saw(400, 30, *phrases)


def check_taps(terms, x, kernel, options):
    """Each term is what it says: the value at its cell of `x`, or 0 in the padding."""
    assert [term["weight"] for term in terms] == kernel.ravel().tolist()
    places = [(term["row"], term["column"]) for term in terms]
    assert places == [(row, column) for _, row, column in np.ndindex(kernel.shape)]
    for term in terms:
        cell = term["c"], term["i"], term["j"]
        inside = all(0 <= i < n for i, n in zip(cell, x.shape, strict=True))
        assert term["inside"] == inside
        assert term["value"] == (x[cell] if inside else 0)
        assert term["product"] == term["value"] * term["weight"]


def test_im2col(js, tally, draw):
    for _ in range(RUNS):
        channels, kernels, side = (draw.randint(1, 3) for _ in range(3))
        x = eighths(draw, channels, draw.randint(1, 6), draw.randint(1, 6))
        options, side = window(draw), draw.choice([side] * 30 + [0])
        columns = tally.agree(
            partial(alone, cl.im2col, x, side, **options),
            partial(js, "lowering", "im2col", x, side, options),
        )
        if columns is not None:
            weight = eighths(draw, kernels, channels, side, side)
            y = cl.conv(x[None], weight, **options).reshape(kernels, -1)
            product = js("lowering", "gemm", weight.reshape(kernels, -1), columns)
            np.testing.assert_array_equal(product, y)
    tally.saw(400, 30, "no window fits", "kernel_size must be", "stride must be an int or 2 ints")


# ---- groups ----


def shuffled(channels, groups):
    return cl.channel_shuffle(np.array(channels).reshape(1, -1, 1), groups).ravel()


def test_channel_shuffle(js, tally, draw):
    for _ in range(RUNS):
        groups = draw.choice([1, 2, 3, 4] * 5 + [0])
        count = draw.choice([1, 2, 3, 4]) * max(groups, 1) + (draw.random() < 0.1)
        channels = draw.sample(range(99), count)
        tally.agree(
            partial(shuffled, channels, groups),
            partial(js, "groups", "channelShuffle", channels, groups),
        )
    tally.saw(400, 30, "groups must divide the", "groups must be at least 1")


def reached(channels, layers, start):
    """After each layer, with the shuffle that follows it, what `channel_reach` says of `start`."""
    flat, lists = [], []
    for one in layers:
        flat.append(("conv", one["outChannels"], one["groups"]))
        if one["shuffleAfter"] is not None:
            flat.append(("shuffle", one["shuffleAfter"]))
        lists.append(cl.channel_reach(channels, flat)[:, start].nonzero()[0].tolist())
    return lists


def test_reach(js, tally, draw):
    for _ in range(RUNS):
        channels, layers = draw.choice([4, 6, 12]), []
        for _ in range(draw.randint(1, 3)):
            groups = draw.choice([1, 2, 2, 2] + [3, 0] * (draw.random() < 0.1))
            shuffle = draw.choice([None, 2, 2, 2] + [4] * (draw.random() < 0.1))
            outputs = draw.choice([4, 6, 8, 12])
            layers.append({"outChannels": outputs, "groups": groups, "shuffleAfter": shuffle})
        start = draw.randrange(channels)
        tally.agree(
            partial(reached, channels, layers, start),
            partial(js, "groups", "reach", channels, layers, start),
        )
    tally.saw(400, 30, r"got \('conv', \d+, 3\)", r"got \('shuffle', 4\)", "at least 1")


def test_connections(js, tally, draw):
    for _ in range(RUNS):
        groups = draw.choice([1, 2, 3, 4] * 5 + [0])
        channels, kernels = (draw.randint(1, 3) * max(groups, 1) for _ in range(2))
        channels += draw.random() < 0.1
        tally.agree(
            partial(cl.channel_reach, channels, [("conv", kernels, groups)]),
            partial(js, "groups", "connections", channels, kernels, groups),
        )
    tally.saw(400, 30, "groups must divide", "groups must be at least 1")


def counted(layer, options):
    """The fields of a `LayerCost` by the labs' names."""
    groups, side = options["groups"], layer["kernelSize"]
    shape = (1, layer["inChannels"], layer["height"], layer["width"])
    weight = (layer["outChannels"], layer["inChannels"] // max(groups, 1), side, side)
    cost = cl.conv_cost(shape, weight, **options)
    return {**camel(vars(cost)), "outputShape": [*cost.output_shape]}


def test_costs(js, tally, draw):
    for _ in range(RUNS):
        channels, kernels, groups, _ = grouping(draw)
        layer = {"inChannels": channels, "outChannels": kernels, "kernelSize": draw.randint(1, 5)}
        layer |= {"height": draw.randint(3, 64), "width": draw.randint(3, 64)}
        options = {**window(draw), "groups": groups, "bias": draw.random() < 0.5}
        tally.agree(
            partial(counted, layer, options),
            partial(js, "groups", "convCost", {**layer, **options}),
        )
    tally.saw(400, 30, "x has", "groups must divide", "no window fits")


# ---- transposed convolution ----


def test_transposed(js, tally, draw):
    for _ in range(RUNS):
        channels, _, groups, _ = grouping(draw)
        side = draw.randint(1, 3)
        options = {**window(draw), "groups": groups, "output_padding": draw.choice([0] * 9 + [1])}
        x = eighths(draw, channels, draw.randint(1, 5), draw.randint(1, 5))
        depth = draw.choice([channels] * 30 + [channels + 1])
        weight = eighths(draw, depth, draw.randint(1, 2), side, side)
        bias = draw.choice([None, eighths(draw, weight.shape[1] * max(groups, 1))])
        call = partial(js, "transpose")
        given = {**camel(options), "bias": bias}
        library = partial(alone, cl.conv_transpose, x, weight, bias, **options)
        y = tally.agree(library, partial(call, "convTranspose", x, weight, given))
        tally.agree(library, partial(call, "convTransposeByZeros", x, weight, given))
        if y is not None:
            check_one_input(call, draw, x, weight, options)
    tally.saw(
        800, 60, "nothing is left", "weight expects", "groups must divide", "output_padding <"
    )


def check_one_input(call, draw, x, weight, options):
    """What one input adds makes up the result for an image that is 0 elsewhere."""
    cell = tuple(draw.randrange(n) for n in x.shape)
    single = np.zeros_like(x)
    single[cell] = x[cell]
    expected = alone(cl.conv_transpose, single, weight, **options)
    total = np.zeros_like(expected)
    added = call("contributions", x, weight, *cell, camel(options))
    assert len(added) == weight[0].size
    for one in added:
        place = one["k"], one["u"], one["v"]
        assert one["inside"] == all(0 <= i < n for i, n in zip(place, total.shape, strict=True))
        assert one["weight"] == weight[cell[0], one["k"] % weight.shape[1], one["i"], one["j"]]
        assert one["value"] == x[cell] * one["weight"]
        if one["inside"]:
            total[place] += one["value"]
    np.testing.assert_array_equal(total, expected)


def test_overlaps(js, tally, draw):
    for _ in range(RUNS):
        size = draw.choice([draw.randint(0, 6), [draw.randint(1, 5), draw.randint(1, 5)]])
        kernel, options = draw.randint(1, 4), {**window(draw), "output_padding": 0}
        tally.agree(
            partial(cl.overlap_count, size, kernel, **options),
            partial(js, "transpose", "overlapCount", size, kernel, camel(options)),
        )
    tally.saw(400, 30, "input_size must be at least 1", "nothing is left")


def spread(x, stride):
    return cl.zero_insert(x[None, None], stride)[0, 0]


def test_zero_insertion(js, tally, draw):
    for _ in range(RUNS):
        x, stride = eighths(draw, draw.randint(1, 5), draw.randint(1, 5)), draw.randint(0, 6)
        tally.agree(partial(spread, x, stride), partial(js, "transpose", "zeroInsert", x, stride))
    tally.saw(400, 30, "stride must be at least 1; got stride=0")
