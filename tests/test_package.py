"""What is shipped: what the wheel and the source archive hold, what is said where a part lacks."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import convlib as cl
from convlib import _arrays

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
STEM = f"{PROJECT['name']}-{cl.__version__}"
SUFFIXES = (".py", ".js", ".css", "py.typed")
LIBRARY = {
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "convlib").rglob("*")
    if path.name.endswith(SUFFIXES)
}


def python(*arguments, **options):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **options)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The folder with the wheel and the source archive, built without the network."""
    for name in ("build", "hatchling", "twine"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    folder = tmp_path_factory.mktemp("dist")
    built = python("-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_two_files_are_shipped_and_the_index_would_take_them(shipped):
    names = sorted(path.name for path in shipped.iterdir())
    assert names == [f"{STEM}-py3-none-any.whl", f"{STEM}.tar.gz"]
    checked = python("-m", "twine", "check", "--strict", *sorted(shipped.iterdir()))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_wheel_holds_the_library_and_nothing_else(shipped):
    with zipfile.ZipFile(shipped / f"{STEM}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        metadata = Parser().parsestr(wheel.read(f"{STEM}.dist-info/METADATA").decode())
    about = {name for name in names if name.startswith(f"{STEM}.dist-info/")}
    assert f"{STEM}.dist-info/licenses/LICENSE" in about
    assert names - about == LIBRARY
    assert {"convlib/py.typed", "convlib/labs/static/labs.css"} <= names
    assert "convlib/labs/static/math/convolution.js" in names
    assert (metadata["Name"], metadata["Version"]) == (PROJECT["name"], cl.__version__)
    needed = [one for one in metadata.get_all("Requires-Dist") if "extra ==" not in one]
    assert needed == ["numpy>=2"]


def test_the_source_archive_is_complete(shipped):
    with tarfile.open(shipped / f"{STEM}.tar.gz") as archive:
        names = {member.name.removeprefix(f"{STEM}/") for member in archive.getmembers()}
    others = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "pyproject.toml"}
    assert names - {".gitignore", "PKG-INFO"} == LIBRARY | others  # no test without its helpers


def test_the_version_stands_in_one_place():
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["version"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)", citation, re.M) == [cl.__version__]


# ---- names and addresses ----

TEXTS = sorted(
    path
    for pattern in ("*.md", "*.cff", "book/**/*.md", "convlib/**/*.py", "benchmarks/**/*.py")
    for path in ROOT.glob(pattern)
)
REPOSITORY = PROJECT["urls"]["Repository"]


def test_there_is_one_address_of_the_repository_and_one_of_the_site():
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    (site,) = set(re.findall(r"https://[\w-]+\.github\.io/", config))
    assert PROJECT["urls"]["Homepage"] == site
    assert REPOSITORY == f"https://github.com/convolution-book/{site.split('/')[2]}"
    for name, url in PROJECT["urls"].items():
        assert url.startswith((site, REPOSITORY)), name
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'repository-code: "{REPOSITORY}"\n' in citation
    assert f'url: "{site}"\n' in citation
    for path in TEXTS:
        for found in re.findall(
            r"github\.com/(convolution-book/[\w.-]*\w)", path.read_text("utf-8")
        ):
            assert REPOSITORY.endswith(found.removesuffix(".git")), path


def test_what_is_installed_has_the_name_of_the_package():
    """convlib is the name to import; on the index it is somebody else's."""
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        assert "convlib[" not in text, path
        assert not re.search(r"pip install [^\n]*\bconvlib\b", text), path
        for extra in re.findall(rf"\b{PROJECT['name']}\[([\w,]+)\]", text):
            assert set(extra.split(",")) <= EXTRAS.keys(), path


# ---- what lacks is told ----


@pytest.mark.parametrize(("module", "top"), [("labs", "anywidget"), ("plot", "matplotlib")])
def test_a_missing_extra_is_told_with_the_line_to_install_it(module, top):
    (needed,) = EXTRAS[module]
    script = f"import sys; sys.modules[{top!r}] = None; from convlib import {module}"
    done = python("-c", script)
    *_, said = done.stderr.splitlines()
    assert said == (
        f"ModuleNotFoundError: convlib.{module} needs {top}, the extra "
        f'{PROJECT["name"]}[{module}]. Use pip install "{needed}".'
    )


def test_the_oldest_torch_is_that_of_the_extra():
    assert EXTRAS["torch"] == [f"torch>={_arrays.OLDEST_TORCH}"]


@pytest.mark.parametrize("function", [cl.conv, cl.avg_pool, cl.prelu, cl.col2im, cl.resize])
def test_a_torch_too_old_is_told(torch, monkeypatch, function):
    monkeypatch.delattr(torch.amp, _arrays._YOUNGEST)  # as before 2.4
    monkeypatch.setattr(torch, "__version__", "2.3.1")
    x, weight = torch.ones(1, 1, 4), torch.ones(1, 1, 2)
    said = (
        r"^convlib needs torch 2\.4 or newer for tensors; this is torch 2\.3\.1\. "
        r'Use pip install --upgrade "torch>=2\.4", or NumPy arrays\.$'
    )
    with pytest.raises(RuntimeError, match=said):
        function(x, weight)


def test_beside_a_torch_too_old_numpy_works(torch, monkeypatch):
    monkeypatch.delattr(torch, "amp")
    monkeypatch.delattr(torch, "__version__")
    assert cl.conv(np.ones((1, 1, 4)), np.ones((1, 1, 2))).tolist() == [[[2, 2, 2]]]
    with pytest.raises(RuntimeError, match="this is torch of no version"):
        cl.conv(torch.ones(1, 1, 4), torch.ones(1, 1, 2))
