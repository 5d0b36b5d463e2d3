"""What pytest needs for every folder: names for the doctests, and how notebooks are compared."""

import os

import nbval.kernel
import pytest

pytest_plugins = ["browser"]  # tests/browser.py: the fixture is for several folders

# Progress bars are for people: off while notebooks are run and compared (tqdm reads this itself).
os.environ.setdefault("TQDM_DISABLE", "1")

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: one BLAS thread each
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _execute_like_jupyter(self, source, allow_stdin=None):
    """Send a cell as Jupyter does: in the history, so that a final ``;`` hides its value."""
    return self.kc.execute(source, allow_stdin=allow_stdin, stop_on_error=False)


nbval.kernel.RunningKernel.execute_cell_input = _execute_like_jupyter


def pytest_collectstart(collector):
    # Pictures are not committed (the build draws them). nbval passes over PNG and JPEG, but calls
    # an SVG an "unexpected output field". The text beside a picture is compared all the same.
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("image/svg+xml", "application/pdf")


@pytest.fixture(autouse=True, scope="session")
def _doctest_names(doctest_namespace):
    import numpy as np

    import convlib as cl

    doctest_namespace.update(np=np, cl=cl)
