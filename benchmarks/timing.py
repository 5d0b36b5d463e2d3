"""Taking turns, clocks, and the statistics of ratios."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

TOLERANCE = 2e-4  # of the output's root mean square, float32
LEAST = 2e-3  # seconds: shorter calls are repeated, and their mean is the figure of the round
PATIENCE = 0.5  # seconds: a guest whose call takes longer has one round

Call = Callable[[], Any]
Clock = Callable[[Call, int], float]  # (call, repeats) -> seconds a call


class WrongAnswer(ValueError):
    """A contender's result is not torch's: it has no speed."""


class Spread(NamedTuple):
    """Of the ratios of one layer, or of the layers of one kind."""

    middle: float
    least: float
    greatest: float


def arrays(result: Any) -> list[np.ndarray]:
    """What a call gave, as NumPy arrays: one, or one for each gradient."""
    parts = result if isinstance(result, (tuple, list)) else (result,)
    return [np.asarray(part.cpu() if hasattr(part, "cpu") else part) for part in parts]


def check(name: str, result: Any, reference: Any, tolerance: float = TOLERANCE) -> None:
    """Raise `WrongAnswer` unless each array is the reference's, to `tolerance` of its RMS."""
    ours, theirs = arrays(result), arrays(reference)
    if [a.shape for a in ours] != [a.shape for a in theirs]:
        raise WrongAnswer(
            f"{name}: shapes {[a.shape for a in ours]}, not {[a.shape for a in theirs]}."
        )
    for a, b in zip(ours, theirs, strict=True):
        error = float(np.abs(np.subtract(a, b, dtype=np.float64)).max())
        rms = math.sqrt(np.mean(np.square(b, dtype=np.float64)))
        if not error <= tolerance * rms:  # also where the error is NaN
            raise WrongAnswer(
                f"{name}: wrong by {error:.2g}, more than {tolerance:g} * {rms:.2g}, the RMS."
            )


def reason(name: str, error: Exception) -> str:
    """Why a contender is not measured, in a line."""
    wrong = isinstance(error, WrongAnswer)
    return str(error) if wrong else f"{name}: {type(error).__name__}: {error}"


def cpu_clock(call: Call, repeats: int) -> float:
    """Seconds a call, by the wall."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def cuda_clock(cuda: Any) -> Clock:
    """A clock of CUDA events: work is queued there, so the wall would time the queueing.

    `cuda` is ``torch.cuda``, or in a test something with its `Event` and `synchronize`.
    """

    def clock(call: Call, repeats: int) -> float:
        start, end = (cuda.Event(enable_timing=True) for _ in range(2))
        cuda.synchronize()
        start.record()
        for _ in range(repeats):
            call()
        end.record()
        cuda.synchronize()
        return start.elapsed_time(end) / 1e3 / repeats  # events count milliseconds

    return clock


def take_turns(
    calls: dict[str, Call], rounds: int, clock: Clock = cpu_clock, guests: Sequence[str] = ()
) -> dict[str, list[float]]:
    """Seconds a call, by contender and round.

    Round by round each contender has its turn, so a slow moment of the machine meets all alike.
    Every second round runs backwards: no one always stands behind the same neighbour.
    """
    first = {name: clock(call, 1) for name, call in calls.items()}
    slow = {name for name in guests if first.get(name, 0) > PATIENCE}
    repeats = {name: max(1, math.ceil(LEAST / max(once, 1e-9))) for name, once in first.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds):
        for name in list(calls)[:: -1 if i % 2 else 1]:
            if name not in slow:
                seconds[name].append(clock(calls[name], repeats[name]))
    return seconds | {name: [first[name]] for name in slow}


def ratios(seconds: Sequence[float], base: Sequence[float]) -> Spread:
    """Median, least and greatest of the ratios to `base`, round by round."""
    each = [a / b for a, b in zip(seconds, base, strict=False)]  # a slow guest has one round
    return Spread(statistics.median(each), min(each), max(each))


def geometric_mean(values: Sequence[float]) -> Spread:
    """The mean for ratios, twice and half as fast giving 1, with the least and greatest value."""
    return Spread(statistics.geometric_mean(values), min(values), max(values))
