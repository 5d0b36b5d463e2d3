"""How large work is done: piece by piece, in memory that is used again, and in threads.

The BLAS has threads of its own. How many is a setting of the whole process, and whoever made it
relies on it: nothing here touches it. Products that are worth several threads are left to those.
Work whose products are too small for them, or that has none, is shared among threads of ours,
which live as long as the call. So nothing that a call sets up outlives it, and no call waits for
another one.
"""

from __future__ import annotations

import math
import os
import sys
import time
from _thread import get_ident, start_new_thread
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from contextvars import copy_context
from functools import cache
from queue import SimpleQueue
from types import FrameType
from typing import Any

import numpy as np

from ._arrays import Array, is_recording, is_tensor, is_transformed, namespace, new
from ._tuning import KEPT, THREAD_USES, THREAD_VALUES

# ---- memory ----

_idle: deque[tuple[int, dict[Any, Array]]] = deque()  # (bytes, memory by name and dtype)


class Scratch:
    """Memory by name, for a loop over tiles: the next tile writes where the last one did.

    Fresh memory costs more than writing to it, since the system hands it out page by page. So for
    NumPy it is taken from what earlier calls have left, and left in turn at the end of ``with``.
    While a call holds it nobody else can: not another thread, nor a call within the call, as a
    signal handler or a debugger makes. With ``keep=False`` (autograd records, or torch compiles)
    each request gets its own memory.
    """

    def __init__(self, like: Array, dtype: Any = None, *, keep: bool = True) -> None:
        self.like, self.dtype, self.keep = like, dtype or like.dtype, keep
        self.waiting: dict[Any, Array] = {}
        self.used: dict[Any, Array] = {}
        self.made: dict[str, tuple[Any, Any]] = {}  # by `latest`

    def __enter__(self) -> Scratch:
        if self.keep and not is_tensor(self.like):
            with suppress(IndexError):  # the deque is empty
                _, self.waiting = _idle.pop()
        return self

    def __exit__(self, *error: object) -> None:
        flats = {**self.waiting, **self.used}  # in the order of their last use
        self.waiting, self.used, self.made = {}, {}, {}
        if self.keep and not is_tensor(self.like):
            _leave(flats)

    def __call__(self, name: str, shape: Sequence[int], dtype: Any = None) -> Array:
        """An array of `shape`, its values whatever they were."""
        size, dtype = math.prod(shape), dtype or self.dtype
        flat = self.used.get((name, dtype))
        if flat is None:
            flat = self.waiting.pop((name, dtype), None)
        if flat is None or flat.shape[0] < size:
            flat = new((size,), self.like, dtype, fill=False)
        if self.keep:
            self.used[name, dtype] = flat
        return flat[:size].reshape(tuple(shape))

    def latest(self, name: str, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives for this `key`; the same again until another key comes."""
        if name not in self.made or self.made[name][0] != key:
            self.made[name] = key, make()
        return self.made[name][1]

    def product(self, name: str, a: Array, b: Array) -> Array:
        """The matrix product ``a @ b``, written to the memory of that name."""
        if not self.keep:
            return a @ b
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        out = self(name, (*stack, a.shape[-2], b.shape[-1]), a.dtype)
        return namespace(a).matmul(a, b, out=out)

    def multiply(self, a: Array, b: Array, target: Array) -> None:
        """Write the matrix product ``a @ b`` to `target`: at once, where memory may be written."""
        if self.keep:
            namespace(a).matmul(a, b, out=target)
        else:
            target[...] = a @ b


def keeps_scratch(*arrays: Array) -> bool:
    """True where memory may be written twice: no autograd records, no transform is under way."""
    return not (is_recording(*arrays) or is_transformed(arrays[0]))


def _leave(flats: dict[Any, Array]) -> None:
    """Leave memory to the next call: at most half of `KEPT`, and `KEPT` with all that waits."""
    size = sum(flat.nbytes for flat in flats.values())
    while size > KEPT // 2:
        size -= flats.pop(next(iter(flats))).nbytes  # what has not been used for longest
    _idle.append((size, flats))
    while sum(size for size, _ in _idle.copy()) > KEPT:
        with suppress(IndexError):  # another thread has taken the last one
            _idle.popleft()


def clear_scratch() -> None:
    """Let go of the memory that is kept for the next calls.

    Parameters
    ----------
    None

    Returns
    -------
    None

    Raises
    ------
    Nothing.

    Notes
    -----
    Calls on NumPy arrays lay columns, tiles and sums out in scratch memory, and leave it to the
    next ones: 64 MiB at most in the whole process, ``convlib._tuning.KEPT``. Calls that are running
    keep theirs. For tensors see ``torch.cuda.empty_cache``.  Book: "im2col and GEMM".

    Examples
    --------
    >>> clear_scratch()
    """
    _idle.clear()


# ---- threads ----


def run(
    step: Callable[[Any, Scratch], None],
    pieces: Iterable[Any],
    like: Array,
    *,
    threads: int = 1,
    dtype: Any = None,
    keep: bool = True,
) -> None:
    """Do ``step(piece, scratch)`` for all pieces of some work: here, or in several threads at once.

    The one loop of all methods. Each thread has scratch memory of its own, in the library and
    dtype of `like`, which serves one piece after the other; see `Scratch` for `keep` and `dtype`.
    """

    def work(left: Iterator[Any]) -> None:
        with Scratch(like, dtype, keep=keep) as scratch:
            for piece in left:
                step(piece, scratch)

    share(work, list(pieces), threads)


def share(work: Callable[[Iterator[Any]], None], items: Sequence[Any], threads: int) -> None:
    """Run ``work(iterator)`` so that all `items` get done, in so many threads.

    Each thread has its `work` to itself, and draws from the same items: so a buffer made before
    the loop serves every item that this thread draws. Which thread does an item must not matter
    to the result. Where no thread can be had, as at the end of the interpreter, this one does all.
    """
    left = deque(items)
    if min(threads, len(left)) < 2:
        return work(_drawn(left))
    ends: SimpleQueue[BaseException | None] = SimpleQueue()
    helpers = 0
    while helpers < min(threads, len(items)) - 1 and _start(work, left, ends):
        helpers += 1
    try:
        work(_drawn(left))
    finally:
        left.clear()  # after an error or Ctrl-C the helpers end with the item that they are at
    for _ in range(helpers):
        error = ends.get()
        if error is not None:
            raise error


def _start(work: Callable[..., None], left: deque[Any], ends: SimpleQueue[Any]) -> bool:
    """Start a helper, in a copy of the context: NumPy keeps there what it does about overflow."""
    if sys.is_finalizing():  # a new thread would never come to run
        return False
    try:
        start_new_thread(copy_context().run, (_help, work, left, ends))
    except RuntimeError:  # no more threads, or none any more
        return False
    return True


def _help(work: Callable[..., None], left: deque[Any], ends: SimpleQueue[Any]) -> None:
    """What a helper does: its share, and then say that it has ended, and how."""
    failed = None
    try:
        work(_drawn(left))
    except BaseException as error:
        left.clear()
        failed = error
    ends.put(failed)


def _drawn(left: deque[Any]) -> Iterator[Any]:
    """One item after the other, until somebody has taken the last."""
    while left:
        if _fork.until:
            _stand_still()
        try:
            item = left.popleft()
        except IndexError:  # another thread was faster
            return
        yield item


class _Fork:
    """Until when calls stand still, because a thread is about to fork: 0 when none is."""

    until = 0.0


_fork = _Fork()


def _stand_still() -> None:
    while time.monotonic() < _fork.until:
        time.sleep(0.0002)


def _computes(frame: FrameType | None) -> bool:
    """True for a thread that is in a call of ours, and does not stand still."""
    if frame is not None and frame.f_code is _stand_still.__code__:
        return False
    while frame is not None:  # its stack may be deeper than ours has room for
        if frame.f_code in (share.__code__, _help.__code__):
            return True
        frame = frame.f_back
    return False


def _before_fork() -> None:
    """Let all calls in other threads stand still after the item they are at, for a second at most.

    A fork takes OpenBLAS's threads away, also from a product in the middle of which another thread
    is; that thread would wait for ever.
    """
    _fork.until = time.monotonic() + 1
    while time.monotonic() < _fork.until:
        frames = sys._current_frames()
        del frames[get_ident()]
        if not any(map(_computes, frames.values())):
            break
        time.sleep(0.0002)


def _after_fork() -> None:
    _fork.until = 0.0


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows does not fork)
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )


def threads_for(like: Array, *shapes: Sequence[int], uses: int = 1) -> int:
    """How many threads of ours work on arrays of these `shapes` is worth.

    `uses` says how often a product reads each value that was laid out for it. Tensors are left to
    torch's own threads, as products are to those of the BLAS.
    """
    worth = sum(map(math.prod, shapes)) // THREAD_VALUES
    few = uses <= THREAD_USES and not is_tensor(like)
    return min(blas_threads(), worth) if worth > 1 and few else 1


def blas_threads() -> int:
    """Threads that the BLAS takes, and so many take we.

    So what limits it limits us: ``OMP_NUM_THREADS``, ``OPENBLAS_NUM_THREADS``,
    ``MKL_NUM_THREADS``, ``threadpool_limits``. To ask needs threadpoolctl; without it, one.
    """
    return min((blas.num_threads for blas in _blas()), default=1)


def blas_has_avx2_only() -> bool:
    """True where the BLAS has kernels for AVX2: half as fast as those for AVX-512.

    Then a method that spares products pays sooner. Who has no threadpoolctl is not asked.
    """
    return any(getattr(blas, "architecture", "") in ("Haswell", "Zen") for blas in _blas())


@cache
def _blas() -> list[Any]:
    """The BLAS libraries in this process, as threadpoolctl finds them: asked, never set."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
