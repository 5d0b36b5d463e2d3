"""Comparing the labs' arithmetic with the library: the same numbers, the same words of refusal.

The tests draw configurations from a seed, and some of them break a rule on purpose. Values are
multiples of 1/8: sums of their products are exact in float64 whatever the order, so they are
compared with ``==``. Where powers and exponentials come in, to 1e-12.
"""

import math
import re
from collections import Counter

import numpy as np

RUNS = 1000
"""Configurations that each test draws."""


def settle(call):
    """What a call gives, and the words with which it refuses."""
    try:
        return call(), None
    except (ValueError, TypeError) as refusal:
        return None, str(refusal)


class Tally:
    """Compares configuration by configuration, and counts what it saw."""

    def __init__(self):
        self.valid, self.refusals = 0, Counter()

    def agree(self, library, lab, close=False):
        """Raise unless both give the same, or refuse with the same words. Give what both gave."""
        expected, refusal = settle(library)
        got, words = settle(lab)
        assert words == refusal, f"{lab}: {words!r} where the library says {refusal!r}"
        if refusal is not None:
            self.refusals[refusal] += 1
            return None
        self.valid += 1
        if close:
            np.testing.assert_allclose(np.asarray(got, float), expected, rtol=1e-12, atol=1e-300)
        elif isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(got, expected)
        else:
            assert got == expected, f"{lab}: {got} is not {expected}"
        return got

    def saw(self, valid, invalid, *phrases):
        assert self.valid >= valid, self.valid
        assert self.refusals.total() >= invalid, self.refusals
        for phrase in phrases:
            assert any(re.search(phrase, words) for words in self.refusals), phrase


def eighths(draw, *shape):
    return np.array([draw.randint(-64, 64) / 8 for _ in range(math.prod(shape))]).reshape(shape)


def camel(options):
    """Options by the labs' names: ``ceil_mode`` is ``ceilMode`` there."""
    return {re.sub("_(.)", lambda m: m[1].upper(), name): v for name, v in options.items()}


def window(draw):
    """Options of a window. A few of them break a rule by themselves."""
    return {
        "stride": draw.choice([1, 1, 1, 2, 2, 3] * 8 + [0, 1.5]),
        "padding": draw.choice([0, 0, 1, 1, 2, 3] * 8 + [-1, 0.5]),
        "dilation": draw.choice([1, 1, 1, 1, 2, 3] * 8 + [0, -2]),
    }
