"""The benchmark suite: its layers, its statistics, its honesty. Nothing here asserts a speed."""

import importlib
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

import convlib as cl

torch = pytest.importorskip("torch")
pytest.importorskip("threadpoolctl")

from benchmarks import __main__ as cli  # noqa: E402
from benchmarks import guests, layers, measure, memory, peers, report, timing  # noqa: E402


def plan(**changes):
    """A plan of one small layer, forward, one round, nobody beside torch."""
    args = cli.arguments(["--quick", "--kind", "depthwise", "--forward"])
    return cli.make_plan(args, None, 1) | changes


def figure(seconds, kind="1x1", direction="forward", batch=1, **rest):
    """What `measure` gives, as far as the report reads it."""
    base = {"name": f"a {kind}", "operation": "conv", "counts": {}, "refused": {}}
    return base | {
        "kind": kind,
        "direction": direction,
        "batch": batch,
        "seconds": seconds,
        **rest,
    }


def run_of(*figures, missing=(), **changes):
    """A run with these figures, on a machine of no importance."""
    machine = {"processor": "p", "cores": 2, "threads": 1, "python": "3", "versions": {}}
    machine |= {"blas": "openblas Haswell", "torch kernels": "AVX2", "date": "2026-11-28"}
    return {
        "plan": plan(**changes),
        "machine": machine,
        "missing": [*missing],
        "figures": [*figures],
        "memory": [],
    }


# ---- layers ----


@pytest.mark.parametrize("key", layers.NAMES)
def test_every_layer_of_a_network_is_counted_once(key):
    title, net = layers.NAMES[key], cl.network(key)
    cases = [case for case in layers.all_cases() if title in case.counts]
    convs = [case for case in cases if case.operation == "conv"]
    assert sum(case.counts[title] for case in convs) == len(net.only("conv").layers)
    work = sum(case.counts[title] * case.work for case in convs)
    assert work == net.only("conv").multiply_adds
    pools = sum(case.counts[title] for case in cases if case.operation in ("max_pool",))
    globally = sum(case.counts[title] for case in cases if case.operation == "global_avg_pool")
    assert pools + globally == sum(layer.kind == "pool" for layer in net.layers)


def test_layers_are_distinct_and_every_kind_has_some():
    cases = layers.all_cases()
    keys = [(c.operation, c.x, c.weight, *c.options.values()) for c in cases]
    assert len(set(keys)) == len(keys) == len({case.name for case in cases})
    assert list(dict.fromkeys(case.kind for case in cases)) == [*layers.KINDS]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("AlexNet conv1 11x11/4", "stems and strided"),
        ("AlexNet conv2 5x5", "other (5x5, two groups)"),
        ("AlexNet conv4 3x3", "other (5x5, two groups)"),
        ("AlexNet conv3 3x3", "3x3 stride 1"),
        ("ResNet-50 conv1 7x7/2", "stems and strided"),
        ("ResNet-50 conv3_1.shortcut 1x1/2", "stems and strided"),
        ("ResNeXt-50 conv3_1.3x3 3x3/2", "grouped 32x4d"),
        ("MobileNet conv3.depthwise 3x3/2", "depthwise 3x3"),
        ("MobileNet conv2.pointwise 1x1", "1x1"),
    ],
)
def test_kinds(name, kind):
    assert [case.kind for case in layers.all_cases() if case.name == name] == [kind]


def test_a_choice_of_layers():
    assert {case.kind for case in layers.choose(kinds=["depth", "silu"])} == {
        "depthwise 3x3",
        "SiLU",
    }
    assert all("vgg" in case.name.lower() for case in layers.choose("VGG"))
    assert [case.kind for case in layers.choose(quick=True)] == [*layers.KINDS]


# ---- statistics, by hand ----


def test_ratios_are_taken_round_by_round():
    # 3/1 = 3, 4/2 = 2, 16/4 = 4: the median is 3, though the medians' ratio is 4/2 = 2
    assert timing.ratios([3, 4, 16], [1, 2, 4]) == (3, 2, 4)
    assert timing.ratios([6], [2, 100]) == (3, 3, 3)  # a slow guest has one round


def test_geometric_mean():
    assert timing.geometric_mean([0.5, 2]) == pytest.approx((1, 0.5, 2))
    assert timing.geometric_mean([1, 3, 9]).middle == pytest.approx(3)  # (1 * 3 * 9) ** (1 / 3)


def test_all_take_turns_and_only_slow_guests_sit_out():
    order = []
    takes = {"a": 0.4, "b": 0.9, "slow guest": 0.6}

    def clock(call, repeats):
        order.append(call)
        return takes[call]

    calls = {name: name for name in takes}
    seconds = timing.take_turns(calls, 2, clock, guests=["slow guest"])
    assert order == ["a", "b", "slow guest", "a", "b", "b", "a"]
    assert seconds == {"a": [0.4, 0.4], "b": [0.9, 0.9], "slow guest": [0.6]}


def test_a_short_call_is_repeated():
    asked = []
    timing.take_turns({"a": None}, 1, lambda call, repeats: asked.append(repeats) or 1e-4)
    assert asked == [1, math.ceil(timing.LEAST / 1e-4)]


def test_clocks():
    calls = []
    assert timing.cpu_clock(lambda: calls.append(0), 3) > 0
    assert len(calls) == 3

    class Cuda:
        """Counts: an event is recorded when as many calls have been queued as there are."""

        synchronized = 0

        class Event:
            def __init__(self, enable_timing):
                assert enable_timing

            def record(self):
                self.at = len(calls)

            def elapsed_time(self, end):
                return 1000.0 * (end.at - self.at)  # a second a call, in milliseconds

        def synchronize(self):
            self.synchronized += 1

    cuda = Cuda()
    assert timing.cuda_clock(cuda)(lambda: calls.append(0), 4) == 1.0
    assert cuda.synchronized == 2  # before the first event, and after the last


# ---- a wrong answer has no speed ----


def test_check_measures_against_the_rms():
    reference = np.full((2, 8), 10.0, np.float32)  # RMS 10: 2e-4 * 10 = 2e-3
    timing.check("close", reference + 1e-3, reference)
    with pytest.raises(timing.WrongAnswer, match=r"far: wrong by 0.003, more than 0.0002 \* 10"):
        timing.check("far", reference + 3e-3, reference)
    timing.check("far, allowed", reference + 3e-3, reference, 1e-3)
    with pytest.raises(timing.WrongAnswer, match="nan"):
        timing.check("nan", reference * np.nan, reference)
    with pytest.raises(timing.WrongAnswer, match="shapes"):
        timing.check("flat", reference.ravel(), reference)
    with pytest.raises(timing.WrongAnswer, match="second"):  # one gradient of two
        timing.check("second", (reference, -reference), (reference, torch.from_numpy(reference)))


def test_a_wrong_contender_is_not_timed():
    calls = {"torch": lambda: np.ones(3), "right": lambda: np.ones(3), "wrong": lambda: np.zeros(3)}
    kept, refused = measure.checked(calls | {"none": lambda: [][0]})
    assert [*kept] == ["torch", "right"]
    assert refused == {
        "wrong": "wrong: wrong by 1, more than 0.0002 * 1, the RMS.",
        "none": "none: IndexError: list index out of range",
    }
    shown = report.text(run_of(figure({"torch": [1.0], "convlib (NumPy)": [2.0]}, refused=refused)))
    assert "Not measured: a 1x1, forward, batch 1: wrong: wrong by 1" in shown


def test_a_wrong_answer_of_ours_is_an_error(monkeypatch, capsys):
    refused = {"convlib (NumPy)": "convlib (NumPy): wrong by 1"}
    results = {"measure": run_of(figure({"torch": [1.0]}, refused=refused)), "memory": []}
    monkeypatch.setattr(cli, "child", lambda module, plan, variables: results[module])
    assert cli.main(["--quick"]) == 1
    results["measure"] = run_of(figure({"torch": [1.0], "convlib (NumPy)": [2.0]}))
    assert cli.main(["--quick"]) == 0
    assert "convlib (NumPy)" in capsys.readouterr().out


# ---- contenders ----


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("case", layers.choose(quick=True), ids=lambda case: case.operation)
def test_contenders_agree_with_torch(case, backward):
    installed, _ = guests.present()
    fast = {name: guest for name, guest in installed.items() if name != "scipy"}
    problem = peers.make_problem(case, 1, backward)
    with torch.no_grad():
        kept, refused = measure.checked(peers.contenders(problem, "cpu", fast))
    assert not refused
    assert [*kept][:3] == ["torch", "convlib (NumPy)", "convlib (torch)"]
    assert not {"mygrad", "onnx reference"} & {*kept} or not backward


@pytest.mark.parametrize(
    ("operation", "shapes", "options"),
    [
        ("conv", [(2, 4, 7, 6), (6, 2, 3, 3)], {"stride": 2, "padding": 1, "groups": 2}),
        ("max_pool", [(2, 3, 7, 8)], {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("max_pool", [(2, 3, 7, 8)], {"kernel_size": 2, "stride": 2, "padding": 0}),
        ("avg_pool", [(2, 3, 7, 8)], {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("sigmoid", [(2, 3, 4)], {}),
    ],
)
def test_scipy_agrees_with_torch(operation, shapes, options):
    pytest.importorskip("scipy")
    rng = np.random.default_rng(0)
    inputs = tuple(rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
    problem = peers.Problem(operation, options, inputs, None)
    timing.check("scipy", guests.in_scipy(problem)(), peers.in_torch(problem)())


def test_tf32_is_on_only_while_its_row_runs(monkeypatch):
    backends, seen = torch.backends, []
    monkeypatch.setitem(
        peers.TORCH, "conv", lambda *inputs, **options: seen.append(backends.cudnn.allow_tf32)
    )
    x, weight = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 2, 2), np.float32)
    before = backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32
    peers.in_torch_tf32(peers.Problem("conv", {}, (x, weight), None), "cpu")()
    assert seen == [True]
    assert not backends.cudnn.allow_tf32 and not backends.cuda.matmul.allow_tf32
    backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32 = before
    assert peers.in_torch_tf32(peers.Problem("relu", {}, (x,), None), "cpu") is None
    assert peers.tolerance("torch, TF32") > peers.tolerance("torch") == timing.TOLERANCE


def test_a_missing_guest_is_named(monkeypatch):
    def without(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", without)
    there, missing = guests.present()
    assert (there, missing) == ({}, ["jax", "mygrad", "scipy", "onnx reference"])
    shown = report.text(run_of(figure({"torch": [1.0], "convlib (NumPy)": [1.0]}), missing=missing))
    assert "Not installed, so not measured: jax, mygrad, scipy, onnx reference." in shown


# ---- memory ----


def test_peak_memory_beyond_input_and_output():
    if os.environ.get("MALLOC_MMAP_THRESHOLD_"):
        pytest.skip("needs an allocator as it comes")

    def call():
        scratch = np.ones(4 << 20)  # 32 MiB
        return scratch[: 1 << 20].copy()  # 8 MiB, the result

    assert memory.extra_traced(call) == pytest.approx(32 << 20, rel=0.05)
    extra, _ = memory.gauge("cpu")
    # The system may take pages of other tests back while it counts; hardly three times in a row.
    assert any(extra(call) == pytest.approx(32 << 20, rel=0.05) for _ in range(3))
    assert memory.result_bytes((np.zeros(2), torch.zeros(3))) == 2 * 8 + 3 * 4


def test_peak_memory_on_cuda_counts_torchs_allocator():
    class Cuda:
        synchronize = reset_peak_memory_stats = staticmethod(lambda: None)
        memory_allocated = staticmethod(lambda: 100)
        max_memory_allocated = staticmethod(lambda: 100 + 24 + 7)

    assert memory.extra_cuda(lambda: np.zeros(3), Cuda) == 7  # of 31, 3 * 8 are the result


# ---- the report ----


def test_kinds_have_geometric_means_and_bars():
    slow = figure({"torch": [1.0], "convlib (NumPy)": [2.0]}, name="slow")
    fast = figure({"torch": [1.0], "convlib (NumPy)": [0.5], "jax": [3.0]}, name="fast")
    other = figure({"torch": [1.0], "convlib (NumPy)": [8.0]}, kind="3x3 stride 1")
    run = run_of(slow, fast, other)
    rows = {row["kind"]: row for row in report.by_kind(run)}
    assert [*rows] == ["3x3 stride 1", "1x1", "all layers"]
    assert rows["1x1"]["means"]["convlib (NumPy)"] == (pytest.approx((1, 0.5, 2)), 2)
    assert rows["1x1"]["means"]["jax"] == (pytest.approx((3, 3, 3)), 1)  # has one of two
    mean = rows["all layers"]["means"]["convlib (NumPy)"][0]
    assert mean == pytest.approx((2, 0.5, 8))  # (2 * 0.5 * 8) ** (1 / 3)
    assert [row["bar"] for row in rows.values()] == [1.15, 1.0, 1.4]
    shown = report.text(run)
    assert "2.00 (0.50–8.00) ✗" in shown and "8.00 (8.00–8.00) ✗" in shown
    assert "1.00 (0.50–2.00) ✓" in shown and "3.00 (3.00–3.00) [1]" in shown


@pytest.mark.parametrize(
    ("setting", "threads", "expected"),
    [("as installed", 1, 1.4), ("fitting", 1, 1.0), ("fitting", 2, 1.2), ("other", 1, None)],
)
def test_the_bar_is_that_of_the_setting(setting, threads, expected):
    run = run_of(setting=setting, threads=threads)
    assert report.bar(run, "all layers", "forward") == expected
    assert report.bar(run, "ReLU", "forward") == (1.5 if setting == "as installed" else None)
    on_cuda = run_of(setting=setting, threads=threads, device="cuda")
    assert report.bar(on_cuda, "all layers", "forward") is None


def test_a_network_is_the_sum_of_its_layers(monkeypatch):
    monkeypatch.setattr(report, "convolutions_of", lambda title: 3)
    once = figure({"torch": [1.0], "convlib (NumPy)": [2.0]}, counts={"VGG-16": 1})
    twice = figure({"torch": [3.0, 4.0, 9.0], "convlib (NumPy)": [5.0]}, counts={"VGG-16": 2})
    totals = report.by_network([once, twice])
    assert totals == {"VGG-16": {"torch": 1 + 2 * 4, "convlib (NumPy)": 2 + 2 * 5}}
    assert report.by_network([once]) == {}  # a part of a network is no network


def test_file_names_come_from_the_device():
    run = run_of()
    assert report.file_name(run) == "cpu-2-cores-avx2"
    run["machine"]["gpu"] = "NVIDIA H100 80GB"
    assert report.file_name(run) == "nvidia-h100-80gb"


def test_written_files(tmp_path):
    pytest.importorskip("matplotlib")
    runs = [run_of(figure({"torch": [1.0], "convlib (NumPy)": [2.0], "jax": [30.0]}))] * 2
    for batch in (1, 8):
        runs[0]["memory"].append(
            {"name": "n", "kind": "1x1", "batch": batch, "direction": "forward"}
            | {"bytes": {"torch": 0, "convlib (NumPy)": 65 << 20}, "refused": {}}
        )
    paths = {name: tmp_path / f"out.{name}" for name in ("json", "svg", "md")}
    cli.write(runs, paths)
    written = json.loads(paths["json"].read_text())
    assert written == {"schema": cli.SCHEMA, "runs": runs}
    svg, page = paths["svg"].read_text(), paths["md"].read_text()
    assert "prefers-color-scheme: dark" in svg and svg.count("<svg") == 1
    assert "](out.svg)" in page and page.count("openblas Haswell") == 2
    assert "convlib (NumPy), forward, batch 8" in page and "65.0 ✗" in page


# ---- the command ----


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--match nosuchlayer", "no layer has 'nosuchlayer' in its name"),
        ("--kind nosuchkind", "kinds: 3x3 stride 1, 1x1"),
        ("--rounds 0", "--rounds counts from 1; got 0"),
        ("--batch 1 --batch 0", "--batch counts from 1; got [1, 0]"),
        ("--threads -1", "--threads counts from 1"),
        ("--full --blas HASWELL", "--full has threads and kernels of its own"),
        ("--device tpu", "invalid choice: 'tpu'"),
    ],
)
def test_arguments_that_cannot_be(words, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.arguments(words.split())
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_settings(monkeypatch):
    monkeypatch.setattr(cli, "fitting_kernels", lambda: "SKYLAKEX")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert cli.settings(cli.arguments([])) == [(None, 1)]
    words = "--blas HASWELL --threads 1 --threads 2"
    assert cli.settings(cli.arguments(words.split())) == [("HASWELL", 1), ("HASWELL", 2)]
    full = cli.arguments(["--full"])
    assert cli.settings(full) == [(None, 1), ("SKYLAKEX", 1), ("SKYLAKEX", 2)]
    plans = [cli.make_plan(full, *setting) for setting in cli.settings(full)]
    assert [each["setting"] for each in plans] == ["as installed", "fitting", "fitting"]
    assert {*map(tuple, (each["batches"] for each in plans))} == {(1, 8)}
    assert cli.settings(cli.arguments(["--full", "--device", "cuda"])) == [(None, 1)]
    monkeypatch.setattr(cli, "fitting_kernels", lambda: "detected")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    assert cli.settings(full) == [(None, 1), ("detected", 2)]
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    assert cli.settings(full) == [(None, 1), ("detected", 1), ("detected", 2)]


def test_environment_of_a_run(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert cli.environment(plan(blas=None))["OPENBLAS_CORETYPE"] == "Haswell"
    assert cli.environment(plan(blas="ZEN", threads=3))["OPENBLAS_CORETYPE"] == "ZEN"
    assert cli.environment(plan(blas="ZEN", threads=3))["NPROC"] == "3"
    assert "OPENBLAS_CORETYPE" not in cli.environment(plan(blas="detected"))


def test_a_run_keeps_to_its_cores():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system does not say which cores a process may use")
    before = os.sched_getaffinity(0)
    with cli.few_cores(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_end_to_end(tmp_path, capfd):
    out = tmp_path / "out.json"
    words = f"--quick --match depthwise --forward --rounds 1 --json {out}"
    assert cli.main(words.split()) == 0
    (run,) = json.loads(out.read_text())["runs"]
    (found,) = run["figures"]
    assert found["kind"] == "depthwise 3x3" and found["direction"] == "forward"
    assert {*found["seconds"]} == {"torch", "convlib (NumPy)", "convlib (torch)"}
    assert all(len(each) == 1 and each[0] > 0 for each in found["seconds"].values())
    assert run["machine"]["threads"] == 1 and run["machine"]["versions"]["numpy"] == np.__version__
    assert run["missing"] == [] and run["plan"]["rounds"] == 1
    (held,) = run["memory"]
    assert (
        held["name"] == found["name"]
        and not held["refused"]
        and all(n >= 0 for n in held["bytes"].values())
    )
    shown = capfd.readouterr().out
    assert "depthwise 3x3" in shown and "all layers" in shown and run["machine"]["blas"] in shown


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_no_cuda_is_said():
    assert cli.settings(cli.arguments(["--device", "cuda"])) == [(None, 1)]
    with pytest.raises(SystemExit, match="torch sees no CUDA device here"):
        measure.run(plan(device="cuda"))


def test_results_are_of_the_schema():
    for path in (Path(cli.__file__).parent / "results").glob("*.json"):
        written = json.loads(path.read_text())
        assert written["schema"] == cli.SCHEMA
        assert report.file_name(written["runs"][0]) == path.stem
        page = path.with_suffix(".md").read_text()
        assert page == report.markdown(written["runs"], f"{path.stem}.svg")
