"""Write requirements.txt and requirements-torch.txt from requirements.in: `make lock`.

Every version is pinned, for every system and Python, and every file of that version has its hash.
pip then installs those bytes and no others.  What was pinned before stays, unless asked otherwise:

    make lock                           after a change of requirements.in
    make lock UV=--upgrade              the newest of all that requirements.in leaves open
    make lock UV='--upgrade-package tornado'
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

OLDEST_PYTHON = "3.11.5"  # soupsieve, under beautifulsoup4, asks for it
LOCK, TORCH_LOCK = Path("requirements.txt"), Path("requirements-torch.txt")
# With the index's build of torch for Linux come gigabytes of CUDA. Who has a build without it
# (requirements-torch-cpu.txt, by hand) needs none of these.
TORCH = re.compile(r"torch==|triton==|cuda-|nvidia-")

HEADER = """\
# Written by `make lock` from requirements.in: edit that. A hash for each file of each version.
#
#   pip install --no-deps -r requirements.txt -r requirements-torch.txt
#
# --no-deps because the list is whole: what is not in it shall not be installed.
--require-hashes
--only-binary :all:

"""
TORCH_HEADER = """\
# Written by `make lock`: torch as the index has it, with CUDA on Linux. See requirements.txt.
# In its place `make` takes requirements-torch-cpu.txt where pip finds that build: a tenth the size.
--require-hashes
--only-binary :all:

"""


def resolve(pinned, options):
    """The whole list as uv finds it, with hashes as they are now, staying with `pinned`."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "whole.txt")
        whole.write_text("\n".join(pinned), encoding="utf-8")
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [uv, "pip", "compile", "requirements.in", "--output-file", whole, "--quiet",
             "--universal", "--python-version", OLDEST_PYTHON, "--no-python-downloads",
             "--generate-hashes", "--no-header", "--annotation-style", "line", *options],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        return whole.read_text(encoding="utf-8")


def main():
    """Resolve, part off torch and what it alone needs, write both files."""
    before = "".join(file.read_text(encoding="utf-8") for file in (LOCK, TORCH_LOCK))
    pinned = re.findall(r"^[\w.-]+==[^\s;]+(?: *;[^\\\n]*)?", before, re.MULTILINE)
    entries = re.findall(r"^\w.*\n(?:[ #].*\n)*", resolve(pinned, sys.argv[1:]), re.MULTILINE)
    torch = [one for one in entries if TORCH.match(one)]
    others = [one for one in entries if not TORCH.match(one)]
    LOCK.write_text(HEADER + "".join(others), encoding="utf-8")
    TORCH_LOCK.write_text(TORCH_HEADER + "".join(torch), encoding="utf-8")
    print(f"{LOCK}: {len(others)} packages; {TORCH_LOCK}: {len(torch)}")


if __name__ == "__main__":
    main()
