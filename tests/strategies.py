"""Random convolutions for hypothesis: one strategy, `geometries`, for all tests.

Sizes are small and values are whole numbers from -9 to 9. Sums of their products are exact in
float64, whatever the order, so that results are compared with ``==``.
"""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from hypothesis import strategies as st

MODES = ("zeros", "reflect", "replicate", "circular")
NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def whole(*shape, seed=0):
    """Whole numbers from -9 to 9 as float64: the same for the same shape and seed."""
    return np.random.default_rng([seed, *shape]).integers(-9, 10, shape).astype(np.float64)


def starts(n, before, after, kernel, stride, dilation):
    """Where windows start along one axis, counted one by one and from the input's first cell."""
    span = dilation * (kernel - 1) + 1
    last = n + after - span
    found, start = [], -before
    while start <= last:
        found.append(start)
        start += stride
    return found


@dataclass(frozen=True)
class Geometry:
    """The shapes and options of one convolution."""

    batch: int
    groups: int
    seen: int  # channels that one kernel sees
    made: int  # kernels of one group
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    mode: str

    @property
    def rank(self):
        return len(self.size)

    @property
    def out(self):
        axes = zip(self.size, self.padding, self.kernel, self.stride, self.dilation, strict=True)
        return tuple(len(starts(n, *p, k, s, d)) for n, p, k, s, d in axes)

    @property
    def x(self):
        return whole(self.batch, self.groups * self.seen, *self.size, seed=1)

    @property
    def weight(self):
        return whole(self.groups * self.made, self.seen, *self.kernel, seed=2)

    @property
    def bias(self):
        return whole(self.groups * self.made, seed=3)

    @property
    def y(self):
        """Values of the output's shape, to serve as the output's gradient."""
        return whole(self.batch, self.groups * self.made, *self.out, seed=4)

    @property
    def window(self):
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    @property
    def options(self):
        return {**self.window, "groups": self.groups, "padding_mode": self.mode}

    def padded(self, x):
        """`x` padded by NumPy's own function."""
        width = ((0, 0),) * (x.ndim - self.rank) + self.padding
        return np.pad(x, width, mode=NUMPY_MODES[self.mode]) if x.size else np.pad(x, width)

    def column_bytes(self):
        """Bytes of the column of one output, all channels, in float64."""
        return 8 * self.groups * self.seen * math.prod(self.kernel)


@st.composite
def geometries(draw, ranks=(1, 2, 3), modes=MODES, groups=(1, 2, 3), batches=(0, 1, 2, 3)):
    """Any convolution that fits, with every option free on every axis."""
    rank, mode = draw(st.sampled_from(ranks)), draw(st.sampled_from(modes))
    size, kernel, stride, padding, dilation = [], [], [], [], []
    for _ in range(rank):
        n = draw(st.integers(1, {1: 9, 2: 6, 3: 4}[rank]))
        most = {"reflect": min(3, n - 1), "circular": min(3, n)}.get(mode, 3)
        before, after = draw(st.integers(0, most)), draw(st.integers(0, most))
        d = draw(st.integers(1, 3))
        size.append(n)
        padding.append((before, after))
        dilation.append(d)
        kernel.append(draw(st.integers(1, min(4, (n + before + after - 1) // d + 1))))
        stride.append(draw(st.integers(1, 3)))
    return Geometry(
        batch=draw(st.sampled_from(batches)),
        groups=draw(st.sampled_from(groups)),
        seen=draw(st.integers(1, 2)),
        made=draw(st.integers(1, 2)),
        size=tuple(size),
        kernel=tuple(kernel),
        stride=tuple(stride),
        padding=tuple(padding),
        dilation=tuple(dilation),
        mode=mode,
    )


def by_definition(x, weight, g):
    """The formula as loops over every index, in Python's own numbers."""
    padded, out = g.padded(x), g.out
    y = np.zeros((len(x), len(weight), *out))
    for b, k, *u in np.ndindex(*y.shape):
        first = k // g.made * g.seen
        total = 0.0
        for c, *tap in product(range(g.seen), *map(range, g.kernel)):
            cell = [i * s + t * d for i, s, t, d in zip(u, g.stride, tap, g.dilation, strict=True)]
            total += float(padded[(b, first + c, *cell)]) * float(weight[(k, c, *tap)])
        y[(b, k, *u)] = total
    return y
