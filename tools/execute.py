"""Run the notebooks that have changed into the build's cache, as many at a time as there are cores.

`jupyter-book build` takes what it finds in the cache and runs the rest itself, one after the
other. So this only saves time: `make book` calls it first.
"""

import logging
import os
import time

from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor

from tools.notebooks import BOOK, find

CACHE = "_build/.jupyter_cache"  # as in _config.yml
TIMEOUT = 180  # seconds a cell, as in _config.yml


def main():
    """Run what the cache lacks; what fails is left to the build, which tells of it."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # the notebooks share the cores
        os.environ.setdefault(name, "1")
    cache = get_cache(CACHE)
    records = [cache.add_nb_to_project(str(path.resolve())) for path in find([BOOK])]
    waiting = cache.list_unexecuted(filter_pks=[record.pk for record in records])
    if not waiting:
        return
    print(f"Running {len(waiting)} notebooks, {os.cpu_count()} at a time.", flush=True)
    start = time.perf_counter()
    executor = load_executor("local-parallel", cache, logging.getLogger("convolution-book"))
    result = executor.run_and_cache(filter_pks=[record.pk for record in waiting], timeout=TIMEOUT)
    failed = len(waiting) - len(result.succeeded)
    note = f", {failed} of them not to the end" if failed else ""
    print(f"Ran {len(waiting)} notebooks{note} in {time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
