"""Long sums: n numbers added one by one lose up to n/2 units of the last digit; so, in pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache, reduce
from itertools import islice

import numpy as np

from ._arrays import Array, is_tensor

CHAIN = 16
"""Terms that are added one by one, at most; then these sums are added in pairs."""

BLOCK = 8 * CHAIN
"""Numbers that one call of NumPy or of the BLAS sums, at most, as it may add them one by one."""


def pairwise(terms: Iterable[Array]) -> Array:
    """The sum of one term or more: chains of them, pairs of chains, pairs of pairs, and so on."""
    kept: list[Array] = []  # the sums of 1, 2, 4, ... chains: each once at most
    rest = iter(terms)
    for count, first in enumerate(rest, start=1):
        total = sum(islice(rest, CHAIN - 1), start=first)
        for _ in range((count & -count).bit_length() - 1):  # how often 2 divides the count
            total = kept.pop() + total
        kept.append(total)
    return reduce(lambda few, more: more + few, reversed(kept))


def row_sums(x: Array) -> Array:
    """The sums over the last axis of `x` (..., n): blocks first, then the sums of the blocks.

    A block's sum is a product with ones, several times as fast as NumPy's sum of a short row.
    """
    if is_tensor(x):
        return x.sum(-1)  # in blocks as well
    *lead, n = x.shape
    if n < 2 * BLOCK:
        return x @ np.ones(n, x.dtype)
    block = _block(n)
    count, left = divmod(n, block)
    blocks = x[..., : n - left].reshape(*lead, count, block)
    rows = blocks if left else blocks.reshape(-1, block)  # one large product, where it is a view
    sums = row_sums((rows @ np.ones(block, x.dtype)).reshape(*lead, count))
    return sums + row_sums(x[..., n - left :]) if left else sums


def axis_sums(x: Array, axis: int) -> Array:
    """The sums along one axis of `x`, which is not there any more."""
    if is_tensor(x) or axis == x.ndim - 1 or x.shape[axis] <= BLOCK:
        return x.sum(axis)  # in blocks; NumPy does so along the last axis alone
    lead = (slice(None),) * axis
    starts = range(0, x.shape[axis], BLOCK)
    return pairwise(x[(*lead, slice(start, start + BLOCK))].sum(axis) for start in starts)


def channel_sums(x: Array) -> Array:
    """The sums over images and cells: (B, C, *spatial) to (C,)."""
    if is_tensor(x):
        return x.sum((0, *range(2, x.ndim)))
    cells = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    return row_sums(row_sums(cells).swapaxes(0, 1))


@cache
def _block(n: int) -> int:
    """The largest divisor of n that is no longer than `BLOCK`, and not much shorter, or `BLOCK`."""
    return next((size for size in range(BLOCK, BLOCK // 4, -1) if n % size == 0), BLOCK)
