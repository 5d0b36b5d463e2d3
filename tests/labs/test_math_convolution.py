"""The labs' convolutions are the library's: sliding, lowered, transposed; and who sees whom."""

from functools import partial

import numpy as np
from labs.agreement import RUNS, camel, eighths, window

import convlib as cl

# ---- the sliding window ----


def alone(function, x, *arguments, **options):
    """What a function of the library gives for one image: a lab has no batch."""
    return function(x[None], *arguments, **options)[0]


def test_sliding_window(js, tally, draw):
    for _ in range(RUNS):
        channels, kernels, side = (draw.randint(1, 3) for _ in range(3))
        options = window(draw)
        x = eighths(draw, channels, draw.randint(1, 6), draw.randint(1, 6))
        weight = eighths(draw, kernels, channels, side, side)
        y = tally.agree(
            partial(alone, cl.conv, x, weight, **options),
            partial(js, "convolution", "conv", x, weight, options),
        )
        if y is not None:
            k, u, v = (draw.randrange(n) for n in np.shape(y))
            total = 0
            for plane, kernel in zip(x, weight[k], strict=True):
                terms = js("convolution", "taps", plane, kernel, u, v, options)
                check_taps(terms, plane, kernel)
                total += sum(term["value"] * term["weight"] for term in terms)
            assert total == y[k][u][v]
    tally.saw(400, 30, "no window fits.*dilation <=", "at least 1", "at least 0", "be an int")


def check_taps(terms, plane, kernel):
    """Each term is what it says: the value at its cell of `plane`, or 0 in the padding."""
    assert [term["weight"] for term in terms] == kernel.ravel().tolist()
    for term in terms:
        cell = term["i"], term["j"]
        inside = all(0 <= i < n for i, n in zip(cell, plane.shape, strict=True))
        assert term["value"] == (plane[cell] if inside else 0)


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


def test_channel_shuffle(js, draw):
    for _ in range(RUNS):
        groups = draw.choice([1, 2, 3, 4])
        channels = draw.sample(range(99), draw.choice([1, 2, 3, 4]) * groups)
        dealt = js("groups", "channelShuffle", channels, groups)
        assert dealt == shuffled(channels, groups).tolist()


def reached(channels, layers, start):
    """After each layer, with the shuffle that follows it, what `channel_reach` says of `start`."""
    flat, lists = [], []
    for one in layers:
        flat.append(("conv", one["outChannels"], one["groups"]))
        if one["shuffleAfter"]:
            flat.append(("shuffle", one["groups"]))
        lists.append(cl.channel_reach(channels, flat)[:, start].nonzero()[0].tolist())
    return lists


def test_reach(js, tally, draw):
    for _ in range(RUNS):
        channels, layers = draw.choice([4, 6, 12]), []
        for _ in range(draw.randint(1, 3)):
            groups = draw.choice([1, 2, 2, 2] + [3, 0] * (draw.random() < 0.1))
            outputs, shuffle = draw.choice([4, 6, 8, 12]), draw.random() < 0.7
            layers.append({"outChannels": outputs, "groups": groups, "shuffleAfter": shuffle})
        start = draw.randrange(channels)
        tally.agree(
            partial(reached, channels, layers, start),
            partial(js, "groups", "reach", channels, layers, start),
        )
    tally.saw(400, 30, r"got \('conv', \d+, 3\)", "at least 1")


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
    """What the labs show of a `LayerCost`."""
    shape = (1, layer["inChannels"], layer["size"], layer["size"])
    seen, side = layer["inChannels"] // options["groups"], layer["kernelSize"]
    cost = cl.conv_cost(shape, (layer["outChannels"], seen, side, side), **options)
    size, parameters, work = cost.output_shape[2], cost.parameters, cost.multiply_adds
    return {"size": size, "parameters": parameters, "multiplyAdds": work}


def test_costs(js, tally, draw):
    for _ in range(RUNS):
        groups = draw.randint(1, 3)
        channels, kernels = (groups * draw.randint(1, 2) for _ in range(2))
        layer = {"inChannels": channels, "outChannels": kernels, "kernelSize": draw.randint(1, 5)}
        layer |= {"size": draw.randint(3, 64)}
        options = {**window(draw), "groups": groups, "bias": draw.random() < 0.5}
        tally.agree(
            partial(counted, layer, options),
            partial(js, "groups", "convCost", {**layer, **options}),
        )
    tally.saw(400, 30, "no window fits", "stride must be", "padding must be")


# ---- transposed convolution ----


def test_transposed(js, tally, draw):
    for _ in range(RUNS):
        side, extra = draw.randint(1, 3), draw.choice([0] * 9 + [1, -1])
        options = {**window(draw), "output_padding": extra}
        x = eighths(draw, draw.randint(1, 5), draw.randint(1, 5))
        weight = eighths(draw, side, side)
        call = partial(js, "transpose")
        library = partial(transposed, x, weight, options)
        y = tally.agree(library, partial(call, "convTranspose", x, weight, camel(options)))
        tally.agree(library, partial(call, "convTransposeByZeros", x, weight, camel(options)))
        if y is not None:
            check_one_input(call, draw, x, weight, options)
    phrases = "nothing is left", "output_padding <= 0", "output_padding must be at least"
    tally.saw(800, 60, *phrases)


def transposed(x, weight, options):
    return cl.conv_transpose(x[None, None], weight[None, None], **options)[0, 0]


def check_one_input(call, draw, x, weight, options):
    """What one input adds makes up the result for an image that is 0 elsewhere."""
    cell = tuple(draw.randrange(n) for n in x.shape)
    single = np.zeros_like(x)
    single[cell] = x[cell]
    expected = transposed(single, weight, options)
    total = np.zeros_like(expected)
    added = call("contributions", x, weight, *cell, camel(options))
    assert len(added) == weight.size
    for one in added:
        place = one["u"], one["v"]
        assert one["inside"] == all(0 <= i < n for i, n in zip(place, total.shape, strict=True))
        assert one["weight"] == weight[one["i"], one["j"]]
        if one["inside"]:
            total[place] += x[cell] * one["weight"]
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
