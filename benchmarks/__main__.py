"""Time `convlib` beside torch on layers of well-known networks: ``make bench``.

    python -m benchmarks                    all layers
    python -m benchmarks --match 1x1        those with 1x1 in their name
    python -m benchmarks --json out.json    the figures of every round, too

All run in one process, on the same threads, in turns: round by round each contender has its turn,
so a slow moment of the machine meets all alike. The times are this machine's; the ratios travel.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_info, threadpool_limits
from tqdm import tqdm

import convlib as cl

# name: x (B, C, H, W), weight (K, C/groups, N, N), options
LAYERS = {
    "AlexNet conv1 11x11/4": ((1, 3, 227, 227), (96, 3, 11, 11), {"stride": 4}),
    "VGG-16 conv1_2 3x3": ((1, 64, 224, 224), (64, 64, 3, 3), {"padding": 1}),
    "VGG-16 conv3_2 3x3": ((1, 256, 56, 56), (256, 256, 3, 3), {"padding": 1}),
    "VGG-16 conv5_2 3x3": ((1, 512, 14, 14), (512, 512, 3, 3), {"padding": 1}),
    "ResNet-50 stem 7x7/2": ((1, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
    "ResNet-50 conv2 1x1": ((1, 64, 56, 56), (256, 64, 1, 1), {}),
    "ResNet-50 conv3 3x3": ((1, 128, 28, 28), (128, 128, 3, 3), {"padding": 1}),
    "ResNet-50 conv5 1x1": ((1, 2048, 7, 7), (512, 2048, 1, 1), {}),
    "MobileNet depthwise 3x3": (
        (1, 256, 28, 28),
        (256, 1, 3, 3),
        {"padding": 1, "groups": 256},
    ),
}


def contenders(x_shape, weight_shape, options):
    """Callables that compute one layer, by name; all on the same numbers."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(x_shape, dtype=np.float32)
    weight = rng.standard_normal(weight_shape, dtype=np.float32)
    x_t, weight_t = torch.from_numpy(x), torch.from_numpy(weight)
    return {
        "torch": lambda: F.conv2d(x_t, weight_t, **options),
        "convlib (NumPy)": lambda: cl.conv(x, weight, **options),
        "convlib (torch)": lambda: cl.conv(x_t, weight_t, **options),
    }


def measure(calls, rounds):
    """Seconds a call, one figure for each contender and round, after one call to warm up."""
    results = {name: np.asarray(call()) for name, call in calls.items()}
    for name, y in results.items():  # a wrong answer has no speed
        np.testing.assert_allclose(y, results["torch"], atol=2e-3, err_msg=name)
    seconds = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def spread(seconds, base):
    """Median, least and greatest of the ratios to `base`, round by round."""
    ratios = sorted(a / b for a, b in zip(seconds, base, strict=True))
    return f"{statistics.median(ratios):5.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def machine(threads):
    """What the figures depend on, as a dict."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "blas": [
            f"{pool['internal_api']} {pool.get('architecture', '')}".strip()
            for pool in threadpool_info()
            if pool["user_api"] == "blas"
        ],
    }


def main():
    """Run the layers asked for and print a line for each."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--match", default="", help="only layers with this in their name")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures of every round here")
    args = parser.parse_args()
    chosen = {name: layer for name, layer in LAYERS.items() if args.match.lower() in name.lower()}
    if not chosen or args.rounds < 1 or args.threads < 1:
        sys.exit(f"No layer to run. Layers: {', '.join(LAYERS)}; rounds and threads from 1.")
    torch.set_num_threads(args.threads)
    report = {"machine": machine(args.threads), "seconds": {}}
    print(*(f"{key}: {value}" for key, value in report["machine"].items()), sep="\n")
    print("\nTime as a multiple of torch.conv2d's: median (least to greatest)\n")
    print(f"{'layer':26}{'torch, ms':>10}  {'convlib (NumPy)':>22}  {'convlib (torch)':>22}")
    with threadpool_limits(args.threads):
        for name, layer in tqdm(chosen.items(), leave=False, disable=None):
            seconds = measure(contenders(*layer), args.rounds)
            report["seconds"][name] = seconds
            base, *rest = seconds.values()
            cells = "".join(f"{spread(s, base):>24}" for s in rest)
            tqdm.write(f"{name:26}{1e3 * statistics.median(base):>10.1f}{cells}")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    with torch.no_grad():
        main()
