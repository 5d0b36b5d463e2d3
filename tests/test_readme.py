"""The README's example runs and prints what it says."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_prints_what_it_says(capsys):
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.S | re.M)
    exec(example, {})
    said = "".join(re.findall(r"^# (.*\n)", example, re.M))
    assert capsys.readouterr().out == said


def test_the_commands_exist():
    makefile = (README.parent / "Makefile").read_text("utf-8")
    for target in re.findall(r"\bmake ([a-z]+)", README.read_text("utf-8")):
        assert f"\n{target}:" in makefile, f"make {target}"
