"""Memory and threads: the same numbers whoever computes, and nothing that outlives a call.

What can happen to a call: threads beside it, calls within it, Ctrl-C at any line, an error, forks,
the end of the interpreter. After each of them the next result must still be right.
"""

import gc
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import convlib as cl
from convlib import _work
from convlib.methods import im2col

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
# A few channels of everything, for what is done many times.
FEW = {
    "winograd": lambda: cl.conv(X[:, :4], WEIGHT[:4, :4], padding=1, method="winograd"),
    "im2col": lambda: cl.conv(X[:, :4], WEIGHT[:4, :4], stride=2, method="im2col"),
    "rows": lambda: cl.conv(X[:, :4], WEIGHT[:4, :4], method="rows"),
    "taps": lambda: cl.conv(X[:, :4], WEIGHT[:4, :1], groups=4, method="taps"),
    "fft": lambda: cl.conv(X[:, :4], WEIGHT[:2, :4], method="fft"),
    "backward": lambda: cl.conv_backward(X[:, :4, :58, :58], X[:, :4], WEIGHT[:4, :4])[1],
}
EAGER = "_work.blas_threads, _work.THREAD_VALUES, _work.THREAD_USES = lambda: 2, 2**12, 2**20"


@pytest.fixture
def eager(monkeypatch):
    """Threads are started for little work, too, and for products."""
    monkeypatch.setattr(_work, "THREAD_VALUES", 2**12)
    monkeypatch.setattr(_work, "THREAD_USES", 2**20)
    monkeypatch.setattr(_work, "blas_threads", lambda: 2)


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def python(script, **options):
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


# ---- threads ----


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", CALLS)
def test_the_same_numbers_on_any_number_of_threads(monkeypatch, name):
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(_work, "blas_threads", lambda n=threads: n)
        results.append(CALLS[name]())
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=0, atol=2e-5 * np.abs(result).max())
    np.testing.assert_array_equal(CALLS[name](), results[-1])  # and again, to the bit


def test_work_is_shared_and_the_blas_left_as_it_is():
    everyone, seen = threading.Barrier(2, timeout=30), []
    before = blas_threads()

    def work(items):
        everyone.wait()  # two at once, or this breaks
        seen.extend((item, blas_threads()) for item in items)

    _work.share(work, list(range(20)), 2)
    assert sorted(item for item, _ in seen) == list(range(20))
    assert all(threads == before for _, threads in seen)


@pytest.mark.usefixtures("eager")
def test_nobody_sets_the_threads_of_the_blas(monkeypatch):
    """A stand-in that can be asked, and nothing else: to set it is an AttributeError."""
    monkeypatch.setattr(_work, "_blas", lambda: [SimpleNamespace(num_threads=2)])
    for call in CALLS.values():
        call()


@pytest.mark.parametrize(("items", "threads"), [([1, 2, 3], 1), ([1, 2, 3], 0), ([1], 2), ([], 2)])
def test_one_thread_or_one_item_needs_no_helper(monkeypatch, items, threads):
    monkeypatch.setattr(_work, "_start", lambda *_: pytest.fail("a helper was started"))
    seen = []
    _work.share(lambda mine: seen.extend(mine), items, threads)
    assert seen == items


@pytest.mark.parametrize("by", ["all", "the caller", "a helper"])
def test_an_error_in_any_thread_reaches_the_caller_and_ends_the_rest(by):
    caller, both, done = threading.get_ident(), threading.Barrier(2, timeout=30), []

    def work(items):
        both.wait()
        here = threading.get_ident() == caller
        for item in items:
            if by == "all" or here == (by == "the caller"):
                raise ZeroDivisionError(f"at {item}")
            done.append(item)

    with pytest.raises(ZeroDivisionError, match="at "):
        _work.share(work, list(range(10**6)), 2)
    assert len(done) < 10**6 - 1


def test_helpers_do_about_overflow_as_the_caller_does():
    both, seen = threading.Barrier(2, timeout=30), []

    def work(items):
        both.wait()
        seen.extend(np.geterr()["over"] for _ in items)
        both.wait()

    with np.errstate(over="raise"):
        _work.share(work, [1, 2], 2)
    assert seen == ["raise", "raise"]


@pytest.mark.usefixtures("eager")
def test_where_no_thread_can_be_had_one_does_it(monkeypatch):
    expected = FEW["rows"]()

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_work, "start_new_thread", refuse)
    np.testing.assert_array_equal(FEW["rows"](), expected)


@pytest.mark.usefixtures("eager")
def test_at_the_end_of_the_interpreter_no_thread_is_asked_for(monkeypatch):
    expected = FEW["rows"]()
    monkeypatch.setattr(_work, "start_new_thread", lambda *_: pytest.fail("a thread was asked for"))
    monkeypatch.setattr(_work.sys, "is_finalizing", lambda: True)
    np.testing.assert_array_equal(FEW["rows"](), expected)


@pytest.mark.usefixtures("eager")
def test_many_callers_at_once():
    for call in FEW.values():
        expected = call()
        with ThreadPoolExecutor(4) as pool:
            for result in pool.map(lambda _, call=call: call(), range(12)):
                np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("name", FEW)
def test_no_call_waits_for_another(monkeypatch, name):
    """One stands still in the middle of its work; another one, of any method, gets through."""
    inside, go_on, to_columns = threading.Event(), threading.Event(), im2col.to_columns

    def stand_still(*arguments):
        if threading.current_thread().name == "slow":
            inside.set()
            assert go_on.wait(60)
        return to_columns(*arguments)

    expected = FEW[name]()
    monkeypatch.setattr(im2col, "to_columns", stand_still)
    slow = threading.Thread(target=FEW["im2col"], name="slow")
    slow.start()
    try:
        assert inside.wait(60)
        np.testing.assert_array_equal(FEW[name](), expected)
    finally:
        go_on.set()
        slow.join()


def test_limits_are_respected():
    with threadpool_limits(1):
        assert _work.blas_threads() == 1
        assert _work.threads_for(X, (10**9,)) == 1
    script = "import convlib._work as t; print(t.blas_threads())"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    assert python(script, env=environment).stdout == "1\n"


@pytest.mark.usefixtures("eager")
def test_a_limit_of_the_users_own_survives_the_calls_of_others():
    stop = threading.Event()

    def compute():
        while not stop.is_set():
            FEW["rows"]()

    before = blas_threads()
    thread = threading.Thread(target=compute)
    thread.start()
    try:
        for _ in range(20):
            with threadpool_limits(1, user_api="blas"):
                assert set(blas_threads()) <= {1}
                FEW["im2col"]()
                assert set(blas_threads()) <= {1}
            assert blas_threads() == before
    finally:
        stop.set()
        thread.join()


def test_threads_by_hand(monkeypatch):
    monkeypatch.setattr(_work, "blas_threads", lambda: 4)
    million = 2**20
    found = [_work.threads_for(X, (n, million)) for n in (0, 1, 2, 3, 4, 9)]
    assert found == [1, 1, 2, 3, 4, 4]
    assert _work.threads_for(X, (2 * million - 1,)) == 1  # as many as have a million each
    assert _work.threads_for(X, (million,), (million, 2)) == 3  # in and out
    assert _work.threads_for(X, (9, million), uses=12) == 4
    assert _work.threads_for(X, (9, million), uses=13) == 1  # products: left to the BLAS's threads


def test_tensors_are_left_to_torch(torch, monkeypatch):
    monkeypatch.setattr(_work, "blas_threads", lambda: 4)
    assert _work.threads_for(torch.ones(1), (9, 2**20)) == 1


def test_a_blas_that_does_not_say_what_it_runs_is_not_called_slow(monkeypatch):
    monkeypatch.setattr(_work, "_blas", lambda: [object()])
    assert not _work.blas_has_avx2_only()
    monkeypatch.setattr(_work, "_blas", list)
    assert not _work.blas_has_avx2_only()


def test_no_threadpoolctl_is_no_blas_to_ask(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)  # an import of it fails now
    assert _work._blas.__wrapped__() == []
    monkeypatch.setattr(_work, "_blas", list)
    assert _work.blas_threads() == 1


# ---- memory ----


@pytest.fixture
def nothing_kept():
    cl.clear_scratch()
    yield
    cl.clear_scratch()


def held():
    """Bytes that wait for the next calls."""
    return sum(flat.nbytes for _, flats in _work._idle for flat in flats.values())


@pytest.mark.usefixtures("nothing_kept")
def test_memory_is_used_again_by_the_next_call_and_by_no_other():
    with _work.Scratch(np.zeros(1)) as first:
        mine = first("tiles", (2, 3))
        assert np.shares_memory(mine, first("tiles", (3,)))
        with _work.Scratch(np.zeros(1)) as within:  # a call within the call
            assert not np.shares_memory(mine, within("tiles", (2, 3)))
    with _work.Scratch(np.zeros(1)) as after:
        assert np.shares_memory(mine, after("tiles", (2, 3)))


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("dtype", ["f8", ">f8", "f4", "g", "c8", "c16", "G", "i1"])
def test_memory_is_known_by_name_and_dtype(dtype):
    for size in (3, 5, 2, 40):
        with _work.Scratch(np.zeros(1)) as scratch:
            plain, other = scratch("tiles", (size,)), scratch("tiles", (size,), np.dtype(dtype))
            assert other.dtype == np.dtype(dtype)
            assert np.shares_memory(plain, other) == (np.dtype(dtype) == plain.dtype)


def test_memory_that_is_not_kept_is_new_each_time():
    """What autograd has seen is not written to again."""
    with _work.Scratch(np.zeros(1), keep=False) as fresh:
        assert not np.shares_memory(fresh("tiles", (2, 3)), fresh("tiles", (2, 3)))
        assert fresh.product("sums", np.eye(2), np.ones((2, 1))).tolist() == [[1], [1]]


@pytest.mark.usefixtures("nothing_kept")
def test_no_more_is_kept_than_is_said():
    most = _work.KEPT
    with _work.Scratch(np.zeros(1, np.uint8)) as one:
        one("old", (most // 4,)), one("new", (most // 2,))
    assert [[*flats] for _, flats in _work._idle] == [[("new", np.dtype(np.uint8))]]
    together = [_work.Scratch(np.zeros(1, np.uint8)).__enter__() for _ in range(4)]
    for scratch in together:
        scratch("tiles", (most // 3,))
    for scratch in together:
        scratch.__exit__()
        assert held() <= most
    assert len(_work._idle) == 3
    cl.clear_scratch()
    assert held() == 0


@pytest.mark.usefixtures("nothing_kept", "eager")
def test_every_method_leaves_what_it_took():
    for name, call in FEW.items():
        call()
        kept = held()
        assert kept > 0, name
        call()
        assert held() <= 2 * kept  # of one thread more, perhaps; not of every call


@pytest.mark.usefixtures("nothing_kept")
def test_memory_taken_by_a_call_that_fails_is_not_lost_to_the_next(monkeypatch):
    expected = FEW["im2col"]()
    monkeypatch.setattr(im2col, "_multiply", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        FEW["im2col"]()
    monkeypatch.undo()
    np.testing.assert_array_equal(FEW["im2col"](), expected)


# ---- calls within calls, and Ctrl-C ----


class AtLine:
    """Does `act` before line number `at` of the library that the main thread runs from here on."""

    def __init__(self, at, act):
        self.at, self.act, self.lines = at, act, 0

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *error):
        sys.settrace(self.before)

    def trace(self, frame, event, _):
        if not frame.f_globals.get("__name__", "").startswith("convlib"):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                sys.settrace(None)
                self.act()
                sys.settrace(self.trace)
        return self.trace


def every_line(call, act, step=1):
    """Make the call again and again, `act` coming one line (or `step`) later each time."""
    with AtLine(0, None) as counted:
        call()
    for at in range(1, counted.lines + 1, step):
        yield AtLine(at, act)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", FEW)
def test_a_call_within_a_call_disturbs_neither(name):
    """A signal handler, a finaliser and a debugger's watch expression call wherever they come."""
    expected, other, inner = FEW[name](), [], lambda: other.append(FEW[name]())
    for traced in every_line(FEW[name], inner, step=7):
        with traced:
            y = FEW[name]()
        np.testing.assert_array_equal(y, expected)
    assert len(other) > 20
    for y in other:
        np.testing.assert_array_equal(y, expected)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", ["rows", "winograd", "backward"])
def test_an_interrupt_at_any_line_leaves_all_well(name):
    expected, before, interrupted = FEW[name](), blas_threads(), 0

    def interrupt():
        raise KeyboardInterrupt

    for traced in every_line(FEW[name], interrupt, step=3):
        try:
            with traced:
                FEW[name]()
        except KeyboardInterrupt:
            interrupted += 1
        np.testing.assert_array_equal(FEW[name](), expected)
    assert interrupted > 50
    assert blas_threads() == before
    with ThreadPoolExecutor(1) as pool:  # nor does another thread wait for anything
        np.testing.assert_array_equal(pool.submit(FEW[name]).result(timeout=60), expected)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timer")
def test_real_interrupts_leave_all_well():
    script = f"""
import random, signal, threading, time
import numpy as np, convlib as cl
from convlib import _work
{EAGER}
rng = np.random.default_rng(0)
x, w = rng.random((2, 16, 48, 48), np.float32), rng.random((16, 16, 3, 3), np.float32)
calls = [lambda m=m: cl.conv(x, w, padding=1, method=m) for m in ("im2col", "rows", "winograd")]
good = [call() for call in calls]
start = time.perf_counter()
[call() for call in calls]
took = (time.perf_counter() - start) / 3
signal.signal(signal.SIGALRM, signal.default_int_handler)
interrupts, threads = 0, [b.num_threads for b in _work._blas()]
for i in range(400):
    call = calls[i % 3]
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, took))
        call()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupts += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
for call, y in zip(calls, good):
    assert np.array_equal(call(), y)
    found = []
    thread = threading.Thread(target=lambda: found.append(call()), daemon=True)
    thread.start()
    thread.join(30)
    assert np.array_equal(found[0], y)
assert [b.num_threads for b in _work._blas()] == threads
print(interrupts > 100)
"""
    found = python(script)
    assert found.stdout == "True\n", found.stderr


def test_a_finaliser_may_call():
    """The collector runs it in the middle of another call."""

    class Last:
        def __del__(self):
            found.append(FEW["im2col"]())

    expected, found = FEW["im2col"](), []

    def collect():
        Last().itself = Last  # an object that goes at once
        loop = Last()
        loop.itself = loop
        del loop
        gc.collect()

    for traced in every_line(FEW["im2col"], collect, step=40):
        with traced:
            np.testing.assert_array_equal(FEW["im2col"](), expected)
    assert found
    for y in found:
        np.testing.assert_array_equal(y, expected)


# ---- forks, and the end of the interpreter ----

LARGE = """
import atexit, os, sys, threading, time, warnings
warnings.simplefilter("ignore")  # a fork beside a thread, from Python 3.12 on
import numpy as np, convlib as cl
from convlib import _work
x, w = np.ones((8, 32, 72, 72), np.float32), np.ones((32, 32, 3, 3), np.float32)
def compute():  # in threads of ours, and in those of the BLAS
    few, many = cl.conv(x, w[:, :1], groups=32), cl.conv(x, w, stride=2)
    print(int(few[0, 0, 0, 0]), int(many[-1, -1, -1, -1]), flush=True)
"""
ENDS = {
    "atexit": "atexit.register(compute)",
    "a thread that outlives the main one": (
        "threading.Thread(target=lambda: (time.sleep(0.3), compute())).start()"
    ),
    "jobs that wait in an executor": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1)\n"
        "pool.submit(time.sleep, 0.3), pool.submit(compute)"
    ),
    "the last object": ("class Last:\n    def __del__(self): compute()\nlast = Last()"),
}


@pytest.mark.parametrize("end", ENDS)
def test_at_the_end_of_the_interpreter_calls_still_compute(end):
    found = python(LARGE + ENDS[end])
    assert (found.stdout, found.stderr, found.returncode) == ("9 288\n", "", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("beside", ["nothing", "a call in another thread"])
def test_a_forked_child_computes_too(beside):
    script = f"""
before = [b.num_threads for b in _work._blas()]
stop = threading.Event()
def loop():
    while not stop.is_set():
        cl.conv(x, w, stride=2), cl.conv(x, w[:, :1], groups=32)
other = threading.Thread(target=loop)
if {beside != "nothing"}:
    other.start()
codes = set()
for _ in range(6):
    cl.conv(x, w, stride=2)
    child = os.fork()
    if not child:
        y = cl.conv(x, w, stride=2)
        cl.conv(x, w[:, :1], groups=32)
        same = [b.num_threads for b in _work._blas()] == before
        os._exit(int(y.max()) - 288 + 2 * (not same))
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
print(codes)
"""
    found = python(LARGE + script)
    assert found.stdout == "{0}\n", found.stderr


def test_without_threadpoolctl_one_thread_does_it():
    script = """
import sys
sys.modules["threadpoolctl"] = None
import numpy as np, convlib as cl, convlib._work as t
y = cl.conv(np.ones((1, 32, 64, 64), np.float32), np.ones((32, 32, 3, 3), np.float32))
print(t.blas_threads(), round(float(y.min())), round(float(y.max())))
"""
    assert python(script).stdout == "1 288 288\n"
