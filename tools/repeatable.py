"""Build the book twice, as unlike as two machines, and compare the sites byte for byte.

    python -m tools.repeatable [FOLDER]      or: make repeatable

Each build has a copy of the tree in a folder of its own, runs every notebook anew, and differs from
the other in HOME, time zone, locale, hash seed and number of threads. The network is cut off, where
the system lets us (Linux, `unshare`). Only what a cell tagged `nbval-ignore-output` shows is left
out of the comparison: timings, versions, the processor's name.
"""

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UNLIKE = {
    "one": {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1",
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    "another/folder": {"TZ": "Asia/Kathmandu", "LC_ALL": "POSIX", "LANGUAGE": "de",
                       "PYTHONHASHSEED": "20261124",
                       "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
}  # fmt: skip
# A network of its own, with nothing in it but the loopback that talks to the kernels.
OFFLINE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
VARIES = re.compile(r'<div class="cell [^"]*\btag_nbval-ignore-output\b')


def offline():
    """What to put before a command to cut it off, or nothing where that is not to be had."""
    have = shutil.which("unshare") and shutil.which("ip")
    works = have and subprocess.run([*OFFLINE, "true"], capture_output=True).returncode == 0
    return OFFLINE if works else []


def copy_tree(target):
    """The files that git knows or would take up."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, text=True).split("\0"):
        if name and Path(name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, target / name)


def build(folder, settings, cut):
    """Build in `folder`, as `make book` does, and return the site's folder."""
    tree, home = folder / "tree", folder / "home"
    home.mkdir()
    bin_folder = Path(sys.executable).parent
    path = os.pathsep.join([str(bin_folder), os.environ["PATH"]])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    # PYTHONPATH: the library of this copy, not the one that is installed
    env = {**kept, "PATH": path, "HOME": str(home), "PYTHONPATH": str(tree), **settings}
    book = [bin_folder / "jupyter-book", "build", ".", "-W", "--keep-going", "-n"]
    for command in ([sys.executable, "-m", "tools.execute"], book):
        subprocess.run([*cut, *command], cwd=tree, env=env, check=True)
    return tree / "_build" / "html"


def element(page, start):
    """The end of the <div> that begins at `start`."""
    depth = 0
    for tag in re.finditer(r"<div\b|</div>", page[start:]):
        depth += 1 if tag[0] == "<div" else -1
        if depth == 0:
            return start + tag.end()
    raise ValueError("a <div> without an end")


def without_what_varies(page):
    """A page without the outputs of the cells that are not compared."""
    parts, place = [], 0
    while cell := VARIES.search(page, place):
        end = element(page, cell.start())
        output = page.find('<div class="cell_output', cell.start(), end)
        parts.append(page[place : output if output >= 0 else end])
        place = end
    return "".join([*parts, page[place:]])


def contents(site):
    """Each file of a site by its name, pages without what varies."""
    files = {}
    for path in sorted(p for p in site.rglob("*") if p.is_file()):
        content = path.read_bytes()
        if path.suffix == ".html":
            content = without_what_varies(content.decode()).encode()
        files[path.relative_to(site).as_posix()] = content
    return files


def differences(one, other):
    """The names that differ, each with a few lines of how."""
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other:
            yield name, "only in one of the two"
        elif one[name] != other[name]:
            texts = [c.decode(errors="replace").splitlines() for c in (one[name], other[name])]
            lines = list(difflib.unified_diff(*texts, "one", "other", n=0, lineterm=""))
            yield name, "\n".join(line[:200] for line in lines[:12])


def compare(sites):
    """Tell what differs; return how much."""
    one, other = map(contents, sites)
    found = dict(differences(one, other))
    for name, how in found.items():
        print(f"\n{name}\n{how}")
    pages = sum(name.endswith(".html") for name in one)
    cells = sum(len(VARIES.findall(page.read_text("utf-8"))) for page in sites[0].rglob("*.html"))
    print(
        f"\n{pages} pages and {len(one) - pages} other files compared, without the outputs of "
        f"{cells} cells; {len(found)} differ."
    )
    return len(found)


def main():
    """Build twice, below the folder given or a temporary one; exit with 1 if the sites differ."""
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(sys.argv[1] if len(sys.argv) > 1 else temporary).resolve()
        cut = offline()
        print("The network is cut off." if cut else "The network cannot be cut off here.")
        for name in UNLIKE:  # both at once: someone may be at work
            copy_tree(top / name / "tree")
        sites = [build(top / name, settings, cut) for name, settings in UNLIKE.items()]
        sys.exit(compare(sites) > 0)


if __name__ == "__main__":
    main()
