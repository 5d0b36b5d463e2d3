"""Tiles in threads: same numbers, the BLAS given back, many callers at once, forks."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import convlib as cl
from convlib import _work

rng = np.random.default_rng(0)
X = rng.standard_normal((2, 32, 60, 60)).astype(np.float32)
WEIGHT = rng.standard_normal((32, 32, 3, 3)).astype(np.float32)
CALLS = {
    "winograd": lambda: cl.conv(X, WEIGHT, padding=1, method="winograd"),
    "im2col": lambda: cl.conv(X, WEIGHT, stride=2, padding=1),
    "rows of kernels": lambda: cl.conv(X, WEIGHT[:4], method="rows"),
    "taps": lambda: cl.conv(X, WEIGHT[:, :1], groups=32, method="taps"),
    "rows of outputs": lambda: cl.conv(X[:, :4], WEIGHT[:, :4], method="rows"),
    "fft": lambda: cl.conv(X, WEIGHT[:4], method="fft"),
    "depthwise": lambda: cl.conv(X, WEIGHT[:, :1], groups=32),
    "backward": lambda: np.concatenate(
        [g.ravel() for g in cl.conv_backward(X[:, :, ::2, ::2], X, WEIGHT, stride=2, padding=1)]
    ),
    "backward in groups": lambda: np.concatenate(
        [g.ravel() for g in cl.conv_backward(X, X, WEIGHT[:, :1], padding=1, groups=32)]
    ),
}


@pytest.fixture
def eager(monkeypatch):
    """Threads are woken for little work, too."""
    monkeypatch.setattr(_work, "LEAST", 2**12)


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("name", CALLS)
def test_the_same_numbers_on_any_number_of_threads(monkeypatch, eager, name):
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(_work, "count", lambda n=threads: n)
        results.append(CALLS[name]())
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=0, atol=2e-5 * np.abs(result).max())
    np.testing.assert_array_equal(CALLS[name](), results[-1])  # and again, to the bit


def test_work_is_shared_and_the_blas_held(monkeypatch):
    monkeypatch.setattr(_work, "count", lambda: 2)
    everyone, seen = threading.Barrier(2, timeout=30), []

    def work(items):
        everyone.wait()  # two at once, or this breaks
        seen.extend((item, blas_threads()) for item in items)

    before = blas_threads()
    _work.share(work, list(range(20)), 2)
    assert sorted(item for item, _ in seen) == list(range(20))
    assert all(set(threads) == {1} for _, threads in seen)
    assert blas_threads() == before


def test_one_share_is_done_here_and_the_blas_left_alone(monkeypatch):
    monkeypatch.setattr(_work, "count", lambda: 2)
    before, seen = blas_threads(), []

    def work(items):
        seen.extend((item, threading.get_ident(), blas_threads()) for item in items)

    _work.share(work, [1, 2, 3], 1)
    assert seen == [(item, threading.get_ident(), before) for item in (1, 2, 3)]


def test_an_error_in_any_thread_reaches_the_caller(monkeypatch):
    monkeypatch.setattr(_work, "count", lambda: 2)
    before = blas_threads()

    def work(items):
        for item in items:
            if item == 7:
                raise ZeroDivisionError("at 7")

    for _ in range(5):
        with pytest.raises(ZeroDivisionError, match="at 7"):
            _work.share(work, list(range(9)), 2)
    assert blas_threads() == before


@pytest.mark.usefixtures("eager")
def test_many_callers_at_once():
    expected, before = CALLS["winograd"](), blas_threads()
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: CALLS["winograd"](), range(12)):
            np.testing.assert_array_equal(result, expected)
    assert blas_threads() == before


@pytest.mark.usefixtures("eager")
def test_one_large_item_has_the_blas_to_itself():
    """A 1x1 layer is one product: the BLAS's own threads do it, between the calls of others."""
    x = rng.standard_normal((1, 256, 28, 28)).astype(np.float32)
    weight = rng.standard_normal((256, 256, 1, 1)).astype(np.float32)
    expected, others = cl.conv(x, weight), CALLS["winograd"]()
    with ThreadPoolExecutor(4) as pool:
        for i, y in enumerate(
            pool.map(lambda i: CALLS["winograd"]() if i % 2 else cl.conv(x, weight), range(20))
        ):
            np.testing.assert_array_equal(y, others if i % 2 else expected)


def test_limits_are_respected():
    with threadpool_limits(1):
        assert _work.count() == 1
        assert _work.parts(10**9) == 1
    script = "import convlib._work as t; print(t.count())"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    found = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout == "1\n"


def test_without_threadpoolctl_one_thread_does_it():
    script = """
import sys
sys.modules["threadpoolctl"] = None
import numpy as np, convlib as cl, convlib._work as t
y = cl.conv(np.ones((1, 32, 64, 64), np.float32), np.ones((32, 32, 3, 3), np.float32))
print(t.count(), round(float(y.min())), round(float(y.max())))
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout == "1 288 288\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_computes_too():
    script = """
import os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, convlib as cl
from convlib import _work
_work.count, _work.LEAST = lambda: 2, 2**12
x, w = np.ones((2, 32, 64, 64), np.float32), np.ones((32, 32, 3, 3), np.float32)
cl.conv(x, w, stride=2)
child = os.fork()
y = cl.conv(x, w, stride=2)
if not child:
    os._exit(int(y.max()) - 288)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == "0\n"


class Blas:
    """A BLAS of four threads, on whatever machine."""

    num_threads = 4
    controlled = True  # by another thread: then threadpoolctl does not listen

    def clear_controlling_thread(self, force):
        self.controlled = not force

    def set_num_threads(self, threads):
        assert not self.controlled
        self.num_threads, self.controlled = threads, True


def test_the_blas_is_held_by_the_first_and_let_go_by_the_last(monkeypatch):
    blas = Blas()
    monkeypatch.setattr(_work, "_blas", lambda: [blas])
    for _ in range(2):
        assert (_work.count(), blas.num_threads) == (4, 4)
        with _work._one_blas_thread():
            with _work._one_blas_thread():
                assert (_work.count(), blas.num_threads) == (4, 1)
            assert (_work.count(), blas.num_threads) == (4, 1)
    assert (_work.count(), blas.num_threads) == (4, 4)
    assert not blas.controlled


def test_who_wants_the_blas_alone_is_told_when_it_is_free(monkeypatch):
    monkeypatch.setattr(_work, "_blas", lambda: [Blas()])
    waits, alone = threading.Event(), threading.Event()
    wait_for = _work._HELD.lock.wait_for
    monkeypatch.setattr(
        _work._HELD.lock, "wait_for", lambda free: waits.set() or wait_for(free, timeout=30)
    )

    def want():
        with _work._alone():
            alone.set()

    thread = threading.Thread(target=want)
    with _work._one_blas_thread():
        thread.start()
        assert waits.wait(30)
        assert not alone.wait(0.05)
    assert alone.wait(10)
    thread.join()


def test_a_blas_that_does_not_say_what_it_runs_is_not_called_slow(monkeypatch):
    monkeypatch.setattr(_work, "_blas", lambda: [object()])
    assert not _work.narrow()
    monkeypatch.setattr(_work, "_blas", list)
    assert not _work.narrow()


def test_parts_by_hand(monkeypatch):
    monkeypatch.setattr(_work, "count", lambda: 4)
    million = 2**20
    assert [_work.parts(n * million) for n in (0, 1, 2, 3, 4, 9)] == [1, 1, 2, 3, 4, 4]
    assert _work.parts(2 * million - 1) == 1  # as many as have a million each


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_takes_over_no_threads_and_no_locks():
    script = """
import os
from convlib import _work
pool, held = _work._pool(), _work._HELD
child = os.fork()
if not child:
    os._exit(2 * (_work._pool() is pool) + (_work._HELD is held))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == "0\n"


# ---- the same branches in this process, where the coverage is measured ----


def test_an_error_in_a_helper_alone_reaches_the_caller(monkeypatch):
    monkeypatch.setattr(_work, "count", lambda: 2)
    caller, both = threading.get_ident(), threading.Barrier(2, timeout=30)

    def work(items):
        both.wait()
        list(items)
        if threading.get_ident() != caller:
            raise ZeroDivisionError("in a helper")

    with pytest.raises(ZeroDivisionError, match="in a helper"):
        _work.share(work, list(range(9)), 2)


def test_no_threadpoolctl_is_no_blas_to_ask(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)  # an import of it fails now
    assert _work._blas.__wrapped__() == []
    monkeypatch.setattr(_work, "_blas", list)
    assert _work.count() == 1


def test_a_child_starts_with_a_pool_and_locks_of_its_own():
    pool, held = _work._pool(), _work._HELD
    expected = CALLS["im2col"]()
    _work._after_fork()
    assert _work._pool() is not pool
    assert _work._HELD is not held
    np.testing.assert_array_equal(CALLS["im2col"](), expected)
    pool.shutdown()
