"""What all poolings do, with windows or with adaptive regions: read cells, find winners, give back.

Work goes axis by axis: the maximum of a box is the maximum of its rows' maxima, and sums are alike.
Along one axis are regions of cells, and there are two ways to read them, both by slices. Windows
are many, short and evenly spaced: the first cells of all are one slice, the second cells of all are
the next. Adaptive regions are few and long, and not all alike: each of them is one slice. (Cell by
cell, the maxima of 7 regions of 32 cells take twenty times as long.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

import numpy as np

from . import _transforms
from ._arrays import (
    Array,
    accumulator,
    cast,
    is_tensor,
    is_transformed,
    is_whole,
    kind,
    namespace,
    new,
)
from ._checks import BadType, BadValue, check_arrays, check_spatial
from ._types import Ints

Reads = Sequence[slice] | Sequence[list[int]]  # what each part is cut by, along one axis


def parts(x: Array, reads: Reads, axis: int) -> Iterator[Array]:
    """One part of `x` for each of the reads, cut along one axis: a view, where that is a slice."""
    lead = (slice(None),) * axis
    return (x[(*lead, read)] for read in reads)


def add_parts(values: Sequence[Array], reads: Sequence[slice], axis: int, n: int) -> Array:
    """The adjoint of `parts`: `n` cells along the axis, each value added where its part was."""
    shape = list(values[0].shape)
    shape[axis] = n
    if is_transformed(values[0]):
        return _add_at_once(values, reads, axis, shape)
    total = new(shape, values[0])
    for value, part in zip(values, parts(total, reads, axis), strict=True):
        part += value
    return total


def _add_at_once(
    values: Sequence[Array], reads: Sequence[slice], axis: int, shape: list[int]
) -> Array:
    """`add_parts` for torch's transforms, which cannot follow what is written to a part."""
    xp, n = namespace(values[0]), shape[axis]
    cells = [*parts(xp.arange(n, device=values[0].device), reads, 0)]  # of each value
    values = [
        value.expand(*shape[:axis], *at.shape, *shape[axis + 1 :])  # one value for all its cells
        for value, at in zip(values, cells, strict=True)
    ]
    return _transforms.put(xp.cat(values, axis), axis, xp.cat(cells), n)


def outer_product(lengths: Iterable[Array], like: Array) -> Array:
    """The outer product (*out) of one vector per axis, in the dtype of `like`: lengths to sizes."""
    sizes = reduce(lambda a, b: a[..., None] * b, lengths)
    sizes = sizes.clip(None, 2.0**62) if is_whole(like) else sizes
    return namespace(like).asarray(sizes, dtype=like.dtype, device=like.device)


# ---- winners ----


def first_maximum(cells: Iterable[tuple[Array, Array]]) -> tuple[Array, Array]:
    """The running maximum of cells (value, number), and the number that it has: the one tie rule.

    A later value must be greater to win, so the first maximum stays. A NaN wins over everything
    before it and loses to a NaN only. What stands outside (number -1) loses to any cell inside.
    """
    pairs = iter(cells)
    best, winner = next(pairs)
    xp = namespace(best)
    for value, number in pairs:
        better = (value > best) | (value != value) | (winner < 0)
        best = xp.maximum(best, value)
        # `where` branches, which the processor mispredicts
        winner = winner + (number - winner) * better
    return best, winner


def first_maximum_at_once(x: Array, numbers: Array, cells: Array, axis: int) -> tuple[Array, Array]:
    """`first_maximum` along one axis, where region u has the cells ``cells[u]``, all at once.

    For torch's transforms: its steps are as many for any size, so a compiler works once.
    """
    values, numbers = (
        a.index_select(axis, cells.reshape(-1)).unflatten(axis, cells.shape) for a in (x, numbers)
    )  # (..., out, t, ...)
    along, xp = axis + 1, namespace(x)
    t = xp.arange(cells.shape[1], device=x.device).reshape(-1, *(1,) * (x.ndim - axis - 1))
    best = values.amax(along, keepdim=True)
    wins = (values == best) | (values != values)
    earliest = xp.where(wins, t, cells.shape[1]).amin(along, keepdim=True)
    latest = xp.where(wins, t, -1).amax(along, keepdim=True)
    at = xp.where(best != best, latest, earliest)
    numbers = numbers.expand(values.shape).gather(along, at)
    return best.squeeze(along), numbers.squeeze(along)


def winners(x: Array, numbers: Array, cells: Sequence[Reads | Array]) -> Array:
    """The number of the first maximum of every region of `x`: (B, C, *out) of int64.

    Of each axis, `cells` has what reads the t-th cell of every region, for each t; or inside of
    torch's transforms a table (out, t) of cells.
    """
    # Rows first: only from the last axis to the first is the first maximum the first in the grid.
    for axis, reads in reversed([*enumerate(cells, start=2)]):
        if is_tensor(reads):
            x, numbers = first_maximum_at_once(x, numbers, reads, axis)
        else:
            values: Iterable[Array] = parts(x, reads, axis)
            if not is_tensor(x) and getattr(reads[0], "step", None) != 1:
                values = map(np.ascontiguousarray, values)  # each is read three times
            x, numbers = first_maximum(zip(values, parts(numbers, reads, axis), strict=True))
    return broadcast_copy(numbers, x.shape)


def cell_numbers(x: Array) -> Array:
    """The flat position of every cell of the spatial grid of `x`: (1, 1, *spatial) of int64."""
    xp, size = namespace(x), tuple(x.shape[2:])
    return xp.arange(math.prod(size), dtype=xp.int64, device=x.device).reshape(1, 1, *size)


def broadcast_copy(a: Array, shape: Ints) -> Array:
    """`a` repeated to `shape`, in memory of its own."""
    whole = new(shape, a, fill=False)
    whole[...] = a
    return whole


def gather(x: Array, cells: Array) -> Array:
    """What `x` (B, C, *spatial) holds at flat positions (B, C, *out) of its grid."""
    if is_tensor(x):
        return x.flatten(2).gather(2, cells.flatten(2)).reshape(cells.shape)
    source = np.asarray(x)  # not a file: NumPy would take a copy for one
    return source.take(batch_positions(cells, x))


def put_back(grad: Array, cells: Array, x: Array) -> Array:
    """The adjoint of `gather`: add `grad` (B, C, *out) to the cells that it came from."""
    values = cast(grad, accumulator(x))
    total = new((*x.shape[:2], math.prod(x.shape[2:])), values)
    if is_tensor(x):
        total = total.scatter_add(2, cells.flatten(2), values.flatten(2))
    else:
        np.add.at(total.reshape(-1), batch_positions(cells, x).reshape(-1), values.reshape(-1))
    return cast(total.reshape(x.shape), x.dtype)


def batch_positions(cells: Array, x: Array) -> Array:
    """Positions in one grid (B, C, *out) as positions in all of `x`, whose grids stand in a row."""
    batch, channels, *size = x.shape
    xp = namespace(x)
    grids = xp.arange(batch * channels, dtype=xp.int64, device=x.device) * math.prod(size)
    return cells + grids.reshape(batch, channels, *(1,) * len(size))


# ---- checks ----

FLOATS = "float64 float32 float16 bfloat16"
LONG_DOUBLE = np.dtype(np.longdouble).name  # NumPy's alone: taken where floats are


def check_input(x: Array, dtypes: str | None = None, **options: object) -> None:
    """Raise unless `x` is a batch (B, C, *spatial) of real numbers, of one of the `dtypes`.

    `options` are those that may have a value for each spatial axis.
    """
    check_arrays(x=x)
    check_spatial(x, **options)
    if min(x.shape[1:]) < 1:
        raise BadValue(f"only the batch may be empty; got x.shape={tuple(x.shape)}.")
    name = str(getattr(x.dtype, "name", x.dtype)).removeprefix("torch.")
    if kind(x) == "c" or (dtypes is not None and name not in (*dtypes.split(), LONG_DOUBLE)):
        expected = f"one of {dtypes}" if dtypes else "real"
        raise BadType(
            f"the dtype of x must be {expected}; got {name}. Convert it, e.g. to float32."
        )


def check_indices(
    indices: Array,
    x: Array,
    shape: Ints,
    size: Ints,
    of: str = "the output",
    grid: str = "x",
    repair: str = "Give those that the pooling of this x gave.",
) -> None:
    """Raise unless `indices` have `shape` (that of `of`) and lie in a `grid` of `size`."""
    check_arrays(indices=indices)
    if is_tensor(indices) != is_tensor(x) or indices.device != x.device:
        raise BadType(
            f"x and indices must be of one library and on one device; got "
            f"{type(x).__name__} on {x.device} and {type(indices).__name__} on {indices.device}."
        )
    if accumulator(indices) != namespace(x).int64:  # int64 of either byte order: it gives native
        raise BadType(f"indices must be int64, flat positions; got {indices.dtype}.")
    got = tuple(indices.shape)
    if got != shape:
        batch = " Add the batch axis: indices[None]." if (1, *got) == shape else ""
        raise BadValue(
            f"indices must have the shape of {of}, {shape}, one position a value; got "
            f"indices.shape={got}.{batch}"
        )
    if is_transformed(x):  # whose values stand for many, or for none yet: torch looks when it runs
        return
    if x.device != "cpu" and x.device.type == "meta":
        raise BadType("indices must have values, to be checked; got a tensor on the device meta.")
    outside = (indices < 0) | (indices >= math.prod(size))
    if bool(outside.any()):
        raise BadValue(
            f"all indices must be cells of {grid}, 0 to {math.prod(size) - 1} for size "
            f"{size}; got {int(indices[outside][0])}. {repair}"
        )
