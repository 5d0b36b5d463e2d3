"""The labs' receptive fields and stacks are the library's; and the running example."""

import re
from functools import partial
from pathlib import Path

import numpy as np
from labs.agreement import RUNS, window

import convlib as cl

MATH = Path(cl.__file__).parent / "labs" / "static" / "math"
X, WEIGHT = [[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]]  # the book's running example


# ---- by hand ----


def test_running_example(js):
    """19 = 0*0 + 1*1 + 2*3 + 3*4, and so on to 43 = 0*4 + 1*5 + 2*7 + 3*8."""
    assert js("convolution", "conv", [X], [[WEIGHT]], {}) == [[[19, 25], [37, 43]]]
    columns = [[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]]
    assert js("lowering", "im2col", [X], 2, {}) == columns
    assert js("lowering", "gemm", [[0, 1, 2, 3]], columns) == [[19, 25, 37, 43]]
    terms = js("convolution", "taps", X, WEIGHT, 0, 0, {})
    assert [(t["value"], t["weight"]) for t in terms] == [(0, 0), (1, 1), (3, 2), (4, 3)]
    assert sum(t["value"] * t["weight"] for t in terms) == 19


def test_transposed_by_hand(js):
    back = [[0, 19, 25], [38, 144, 118], [74, 197, 129]]  # 144 = 3*19 + 2*25 + 1*37 + 0*43
    assert js("transpose", "convTranspose", [[19, 25], [37, 43]], WEIGHT, {}) == back
    assert js("transpose", "overlapCount", 4, 3, {"stride": 2}) == [1, 1, 2, 1, 2, 1, 2, 1, 1]
    assert js("transpose", "zeroInsert", [[1, 2], [3, 4]], 2) == [[1, 0, 2], [0, 0, 0], [3, 0, 4]]
    corner = js("transpose", "contributions", [[5]], WEIGHT, 0, 0, {"padding": 0})
    assert js("transpose", "turn", WEIGHT) == [[3, 2], [1, 0]]
    assert [(one["u"], one["v"], one["weight"]) for one in corner] == [
        *((0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3))
    ]


def test_pooling_by_hand(js):
    side = {"kernelSize": 2, "stride": 1}
    assert js("pooling", "pool", X, {"kind": "max", **side}) == {
        "values": [[4, 5], [7, 8]],
        "indices": [[4, 5], [7, 8]],
    }
    assert js("pooling", "pool", X, {"kind": "average", **side}) == {
        "values": [[2, 3], [5, 6]],
        "counts": [[4, 4], [4, 4]],
    }


def test_groups_by_hand(js):
    """One group reaches all; two keep to their half until a shuffle deals the channels out."""
    assert js("groups", "reach", 4, [{"outChannels": 2, "groups": 1}], 0) == [[0, 1]]
    halves = [{"outChannels": 4, "groups": 2}] * 2
    assert js("groups", "reach", 4, halves, 0) == [[0, 1], [0, 1]]
    assert js("groups", "reach", 4, [{**halves[0], "shuffleAfter": True}, *halves[1:]], 0) == [
        *([0, 2], [0, 1, 2, 3])
    ]
    assert js("groups", "channelShuffle", [*"abcdef"], 2) == [*"adbecf"]


def test_stack_by_hand(js):
    """From 3 channels to 8 kernels of 3x3: 8*(3*9 + 1) parameters; 2x2 pooling sees 3 + 1 cells."""
    conv, pool = js(
        *("network", "stack", 32),
        [
            {"kind": "conv", "kernelSize": 3, "stride": 1, "padding": 1, "channels": 8},
            {"kind": "pool", "kernelSize": 2, "stride": 2},
        ],
        {"channels": 3},
    )
    costs = {"parameters": 224, "multiplyAdds": 32 * 32 * 8 * 27}
    assert conv == {"size": 32, "channels": 8, "field": 3, "jump": 1, "start": -1, **costs}
    costs = {"parameters": 0, "multiplyAdds": 0}
    assert pool == {"size": 16, "channels": 8, "field": 4, "jump": 2, "start": -1, **costs}


def test_modules_need_nothing_and_join_into_one_script():
    """Jupyter gets a lab as one script: no two modules may give the same name to something."""
    names = []
    for path in sorted(MATH.glob("*.js")):
        text = path.read_text("utf-8")
        assert set(re.findall(r'from "([^"]*)"', text)) <= {f"./{p.name}" for p in MATH.iterdir()}
        assert not re.search(r"\b(document|globalThis|fetch|import)\b[.(]", text), path.name
        names += re.findall(r"^(?:export )?(?:const|let|function|class) (\w+)", text, re.M)
    assert len(names) == len({*names}) > 60


# ---- fields and stacks ----


def fields(layers):
    return [field._asdict() for field in cl.receptive_field(layers)]


def test_receptive_fields(js, tally, draw):
    names = ["kernelSize", "stride", "padding", "dilation"]
    for _ in range(RUNS):
        layers = []
        for _ in range(draw.randint(0, 6)):
            options = window(draw) if draw.random() < 0.3 else {"stride": 2}
            one = (draw.choice([1, 2, 3] * 30 + [0]), *options.values())
            layers.append(one)
        tally.agree(
            partial(fields, layers),
            partial(
                *(js, "geometry", "receptiveField"),
                [dict(zip(names, one, strict=False)) for one in layers],
            ),
        )
    tally.saw(400, 30, "kernel_size must be", "stride must be", "1 int or 1 .before, after")


def stacked(size, layers, channels):
    """What `stack` gives, put together from the library's own functions."""
    rows, windows = [], []
    for one in layers:
        kernel, p, d = one["kernelSize"], one["padding"], one["dilation"]
        s = one["stride"]
        if one["kind"] == "pool":
            y = cl.max_pool(np.zeros((1, 1, size, size)), kernel, stride=s, padding=p, dilation=d)
            size, parameters, products = y.shape[2], 0, 0
        else:
            weight = (one["channels"], channels, kernel, kernel)
            options = {"stride": s, "padding": p, "dilation": d}
            cost = cl.conv_cost((1, channels, size, size), weight, **options)
            _, channels, size, _ = cost.output_shape
            parameters, products = cost.parameters, cost.multiply_adds
        windows.append((kernel, s, p, d))
        rows.append(
            {"size": size, "channels": channels, "parameters": parameters, "multiplyAdds": products}
        )
    seen = [
        {"field": f.size, "jump": f.jump, "start": f.start} for f in cl.receptive_field(windows)
    ]
    return [{**row, **field} for row, field in zip(rows, seen, strict=True)]


def test_stacks(js, tally, draw):
    for _ in range(RUNS):
        channels, layers = draw.choice([2, 3, 4]), []
        for _ in range(draw.randint(1, 4)):
            kernel, odd = draw.choice([1, 2, 3]), draw.random() < 0.2
            one = {"kind": draw.choice(["conv", "conv", "pool"]), "kernelSize": kernel}
            if one["kind"] == "conv":
                one |= {"channels": draw.choice([2, 3, 4]), "stride": 1, "padding": 1}
            else:
                one |= {"stride": kernel, "padding": draw.choice([0, 0, 0, 1])}
            layers.append({**one, "dilation": 1, **(window(draw) if odd else {})})
        size = draw.randint(4, 40)
        tally.agree(
            partial(stacked, size, layers, channels),
            partial(js, "network", "stack", size, layers, {"channels": channels}),
        )
    tally.saw(400, 30, "max_pool: padding must be at most half", "conv_cost: stride must be")


# ---- what a unit deep in a stack sees ----


def test_cones_by_hand(js):
    """Two dilated layers reach only every other cell; padding is listed and leads no further."""
    one = {"kind": "conv", "kernelSize": 3, "stride": 1, "channels": 1}
    seen = partial(js, "network", "cone")
    layers = [one | {"padding": 0, "dilation": 2}] * 2
    assert seen(12, layers, 2, 1, {"channels": 1}) == [[1, 3, 5, 7, 9], [1, 3, 5], [1]]
    layers = [one | {"padding": 1, "dilation": 1}] * 2
    assert seen(5, layers, 2, 0, {"channels": 1}) == [[-1, 0, 1, 2], [-1, 0, 1], [0]]


def reached(size, layers, unit):
    """The cells of a map of `size` that count towards a unit above `layers`, each cell tried."""
    y = np.eye(size)[:, None]  # (B, C, W): image b is 1 at cell b
    for one in layers:
        options = {name: one[name] for name in ("stride", "padding", "dilation")}
        y = cl.conv(y, np.ones((1, 1, one["kernelSize"])), **options)
    return np.flatnonzero(y[:, 0, unit]).tolist()


def test_cones(js, draw):
    for _ in range(RUNS):
        size, layers = draw.randint(12, 40), []
        for _ in range(draw.randint(1, 4)):
            one = {"kernelSize": draw.randint(2, 3), "stride": draw.choice([1, 1, 2])}
            one |= {"padding": draw.choice([0, 1]), "dilation": draw.choice([1, 1, 2])}
            kind = draw.choice(["conv", "pool"]) if one["dilation"] == 1 else "conv"
            layers.append({"kind": kind, "channels": 1, **one})
        sizes = [size]
        for one in layers:
            options = {name: one[name] for name in ("stride", "padding", "dilation")}
            room = sizes[-1] + 2 * one["padding"] - one["dilation"] * (one["kernelSize"] - 1)
            if room < 1:
                break
            sizes.append(cl.output_size(sizes[-1], one["kernelSize"], **options))
        level = len(sizes) - 1
        unit = draw.randint(0, sizes[level] - 1)
        seen = js("network", "cone", size, layers[:level], level, unit, {"channels": 1})
        for below, cells in enumerate(seen):
            inside = [cell for cell in cells if 0 <= cell < sizes[below]]
            assert inside == reached(sizes[below], layers[below:level], unit)
        top = layers[level - 1]  # its own window, padding and all
        start = unit * top["stride"] - top["padding"]
        assert seen[-2] == [start + tap * top["dilation"] for tap in range(top["kernelSize"])]
