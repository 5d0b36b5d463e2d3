"""How work is done: in memory that calls leave to the next, and in threads.

Large work on tiles, in threads: NumPy's copies use one core each, the BLAS is held to one.

As many threads run as the BLAS would take by itself, so what limits it limits this too:
``OMP_NUM_THREADS``, ``OPENBLAS_NUM_THREADS``, ``MKL_NUM_THREADS``, ``threadpool_limits``. Asking
the BLAS needs threadpoolctl; without it, one thread does the tiles and the BLAS does as it likes.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from threading import Condition
from typing import Any

import numpy as np

from ._arrays import Array, is_recording, is_tensor, is_transformed, namespace, new


class Scratch:
    """Memory by name, for a loop over tiles: the next tile writes where the last one did.

    Fresh memory costs more than writing to it, since the system hands it out page by page. So for
    NumPy each thread keeps what it was given, up to `KEPT` bytes a name, for the next call too.
    With ``keep=False`` (autograd records, or torch compiles) each request gets its own memory.
    """

    def __init__(self, like: Array, dtype: Any = None, *, keep: bool = True) -> None:
        self.like, self.dtype, self.keep = like, dtype or like.dtype, keep
        self.mine: dict[str, Array] = {}

    def __call__(self, name: str, shape: Sequence[int], dtype: Any = None) -> Array:
        """An array of `shape`, its values whatever they were."""
        size = math.prod(shape)
        flat = self.mine.get(name)
        if flat is None or flat.shape[0] < size:
            flat = self._memory(name, size, dtype or self.dtype)
            if self.keep:
                self.mine[name] = flat
        return flat[:size].reshape(tuple(shape))

    def _memory(self, name: str, size: int, dtype: Any) -> Array:
        """At least `size` values: those that the thread has kept, where that may be."""
        count = size * dtype.itemsize
        if is_tensor(self.like) or not self.keep or count > KEPT:
            return new((size,), self.like, dtype, fill=False)
        kept = _THREAD.__dict__.setdefault("scratch", {})
        if name not in kept or len(kept[name]) < count:
            kept[name] = np.empty(-(-count // 16) * 16, np.uint8)  # whole numbers of any dtype
        return kept[name].view(dtype)

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


_THREAD = threading.local()

KEPT = 8 * 2**20
"""Bytes of scratch memory that a thread keeps under one name."""


def keeps_scratch(*arrays: Array) -> bool:
    """True where memory may be written twice: no autograd records, no transform is under way."""
    return not (is_recording(*arrays) or is_transformed(arrays[0]))


LEAST = 2**20
"""Values, in and out, that a thread of ours must have to do.

After each call of NumPy, threads wait for their turn in the interpreter. Short calls are better
made by one of them, and the products left to the BLAS's threads.
"""


def share(work: Callable[[Iterator[Any]], None], items: Sequence[Any], shares: int) -> None:
    """Run ``work(iterator)`` so that all `items` get done: here, or in several threads at once.

    All the threads draw from one iterator, and each has its `work` to itself: what that sets up
    before its loop, a buffer say, serves all the items that fall to it. Which thread does an item
    must not matter to the result. `shares` is what `parts` said, or 0 for tensors: torch has
    threads of its own. What is one share, or one item, is left to the BLAS's threads.
    """
    if not shares or count() < 2:
        work(iter(items))
    elif shares == 1 or len(items) == 1:
        with _alone():  # the same number of threads, so the same bits, whoever else computes
            work(iter(items))
    else:
        with _one_blas_thread():
            _spread(work, items, min(count(), len(items)))


def _spread(work: Callable[[Iterator[Any]], None], items: Sequence[Any], threads: int) -> None:
    shared = iter(items)  # a list's iterator hands out each item once, whoever asks
    # A copy of the context each: NumPy keeps there what it does about overflow (`errstate`).
    helpers = [_pool().submit(copy_context().run, _help, work, shared) for _ in range(threads - 1)]
    try:
        work(shared)
    finally:
        _finish(helpers)


def _help(work: Callable[[Iterator[Any]], None], shared: Iterator[Any]) -> None:
    with _HELD.lock:
        _set_threads([1] * len(_blas()))  # some libraries keep a count for each thread
    work(shared)


def _finish(helpers: Sequence[Future[None]]) -> None:
    """Wait for all that run, so that nobody writes on afterwards; then raise what they raised.

    The items are all taken, so a helper that has not begun by now is not needed any more.
    """
    errors = [helper.exception() for helper in helpers if not helper.cancel()]
    for error in errors:
        if error is not None:
            raise error


def parts(values: int) -> int:
    """Into how many parts work on so many `values`, in and out, is cut: one a thread."""
    worth = values // LEAST
    return min(count(), worth) if worth > 1 else 1


def count() -> int:
    """Threads that the BLAS takes by itself."""
    with _HELD.lock:
        return _HELD.count or min((blas.num_threads for blas in _blas()), default=1)


def narrow() -> bool:
    """True where the BLAS has kernels for AVX2: half as fast as those for AVX-512.

    Then a method that spares products pays sooner. Who has no threadpoolctl is not asked.
    """
    return any(getattr(blas, "architecture", "") in ("Haswell", "Zen") for blas in _blas())


@cache
def _blas() -> list[Any]:
    """The BLAS libraries in this process, as threadpoolctl finds them."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _set_threads(counts: Sequence[int]) -> None:
    """Give each BLAS its number of threads, from whatever thread this is."""
    for blas, threads in zip(_blas(), counts, strict=True):
        # threadpoolctl lets one thread alone set the count, and ignores the others.
        release = getattr(blas, "clear_controlling_thread", lambda force: None)
        release(force=True)
        blas.set_num_threads(threads)
        release(force=True)


class _Held:
    """How many calls hold the BLAS to one thread now, and how many threads it had before."""

    def __init__(self) -> None:
        self.lock, self.calls, self.count = Condition(), 0, 0
        self.before: tuple[int, ...] = ()


_HELD = _Held()


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Hold the BLAS to one thread. The first to come holds it, the last to go lets go."""
    with _HELD.lock:
        if not _HELD.calls:
            _HELD.before = tuple(blas.num_threads for blas in _blas())
            _HELD.count = min(_HELD.before)
            _set_threads([1] * len(_blas()))
        _HELD.calls += 1
    try:
        yield
    finally:
        with _HELD.lock:
            _HELD.calls -= 1
            if not _HELD.calls:
                _set_threads(_HELD.before)
                _HELD.count = 0
                _HELD.lock.notify_all()


@contextmanager
def _alone() -> Iterator[None]:
    """Have the BLAS and its threads to oneself: wait for those who hold it, keep others out."""
    with _HELD.lock:
        _HELD.lock.wait_for(lambda: not _HELD.calls)
        yield


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, "convlib")


def _after_fork() -> None:
    """A forked child has none of its parent's threads, and a lock may be held for ever."""
    global _HELD
    _pool.cache_clear()
    _HELD = _Held()


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows does not fork)
    os.register_at_fork(after_in_child=_after_fork)
