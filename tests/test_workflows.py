"""The hosted checks: actions by their hash, nothing deployed but what was tested."""

import re
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CI = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)


def pythons():
    """The versions of Python that the package names."""
    prefix = "Programming Language :: Python :: 3."
    return [
        one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.match(prefix + r"\d", one)
    ]


def commands(job):
    return [step["run"] for step in CI["jobs"][job]["steps"] if "run" in step]


def actions(job):
    return [step["uses"].split("@")[0] for step in CI["jobs"][job]["steps"] if "uses" in step]


@each
def test_an_action_is_a_hash_with_its_version(path):
    used = re.findall(r"\buses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    for one in used:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one


def test_an_action_has_one_version():
    text = "".join(path.read_text(encoding="utf-8") for path in PATHS)
    used = set(re.findall(r"\buses: (.*)", text))
    assert len(used) == len({one.split("@")[0] for one in used})


@each
def test_a_job_may_only_read_unless_it_deploys(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert {name for name, job in workflow["jobs"].items() if "permissions" in job} <= {"deploy"}


def test_what_is_deployed_is_what_was_tested():
    assert actions("deploy") == ["actions/deploy-pages"], "no rebuild"
    assert "check" in CI["jobs"]["deploy"]["needs"]
    steps = CI["jobs"]["check"]["steps"]
    *_, tested, upload = steps
    assert tested["run"] == "make test"
    assert upload["uses"].startswith("actions/upload-pages-artifact@")
    assert upload["with"] == {"path": "_build/html"}
    # one of the builds, or the second would take the first one's place
    (python,) = re.fullmatch(r"matrix\.python == '(.*)'", upload["if"]).groups()
    assert python in CI["jobs"]["check"]["strategy"]["matrix"]["python"]


def test_a_push_does_not_end_a_deployment():
    whole, deploy = CI["concurrency"], CI["jobs"]["deploy"]
    assert whole["cancel-in-progress"] == "${{ github.ref != 'refs/heads/main' }}"
    assert "github.ref == 'refs/heads/main'" in deploy["if"]
    assert deploy["concurrency"]["cancel-in-progress"] is False


def test_the_wheel_is_tried_on_each_python_that_is_named():
    assert pythons() == CI["jobs"]["wheel"]["strategy"]["matrix"]["python"]
    first, last = (int(one.removeprefix("3.")) for one in (pythons()[0], pythons()[-1]))
    assert len(pythons()) == last - first + 1
    assert PROJECT["requires-python"] == f">=3.{first},<3.{last + 1}"


def test_the_hosted_check_runs_all_of_the_local_one():
    local = re.findall(r"^make .*", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.M)
    hosted = [one for job in ("check", "repeatable") for one in commands(job)]
    assert len(local) == 4
    assert local == [one for one in hosted if one.startswith("make ")]
