"""The wheel beside NumPy alone: install it as a user does, run every example of its docstrings.

    python -m tools.alone dist/convbook-*.whl [PYTHON ...]

For each Python given (by default, this one) in an environment of its own. NumPy is the index's
newest for that Python.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

NEEDS_AN_EXTRA = ("convlib.labs", "convlib.plot")
EXAMPLES = f"""
import doctest, importlib, pkgutil, platform
import numpy as np, convlib as cl
tried = failed = 0
found = pkgutil.walk_packages(cl.__path__, "convlib.", onerror=lambda name: None)
for name in [one.name for one in found]:
    if not name.startswith({NEEDS_AN_EXTRA}):
        module = importlib.import_module(name)
        result = doctest.testmod(module, extraglobs=dict(np=np, cl=cl))
        tried, failed = tried + result.attempted, failed + result.failed
print(f"Python {{platform.python_version()}}, NumPy {{np.__version__}}:", end=" ")
print(f"{{tried}} examples of convlib {{cl.__version__}} run, {{failed}} failed")
raise SystemExit(failed or not tried)
"""


def alone(wheel, python, folder):
    """Install `wheel` for one `python` in `folder`, look what came with it, run its examples."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    (own,) = (*folder.glob("bin/python"), *folder.glob("Scripts/python.exe"))
    pip = [own, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--only-binary", ":all:", wheel], check=True)
    listed = subprocess.check_output([*pip, "list", "--format", "json"])
    names = {one["name"] for one in json.loads(listed)} - {"pip", "setuptools"}
    if names != {"convbook", "numpy"}:
        sys.exit(f"The wheel should bring NumPy alone; here are {sorted(names)}.")
    subprocess.run([own, "-c", EXAMPLES], cwd=folder, check=True)


def main():
    """Each Python in turn; a failure ends it."""
    wheel, *pythons = sys.argv[1:]
    for python in pythons or [sys.executable]:
        with tempfile.TemporaryDirectory() as folder:
            alone(Path(wheel).resolve(), python, Path(folder))


if __name__ == "__main__":
    main()
