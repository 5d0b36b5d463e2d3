"""``book/licences.md`` against the built pages: what others made is named, with its licence."""

import re
from fnmatch import fnmatch

import pytest
from book.built import PAGES, ROOT, text_of
from sphinxcontrib import katex

from convlib import labs

LIST = (ROOT / "book" / "licences.md").read_text(encoding="utf-8")
ROWS = [line.strip("|").split("|") for line in LIST.splitlines() if line.startswith("| ")]
PATTERNS = [name for row in ROWS for name in re.findall(r"`([^`]+)`", row[3])]
LOADED = (".js", ".css", ".woff2", ".woff", ".ttf", ".otf", ".wasm", ".map")  # code and fonts


def listed(name):
    return any(fnmatch(name, pattern) for pattern in PATTERNS)


def own(name):
    """Whether a file of the site was written for this book: its source is here."""
    source = ROOT / "book" / name
    ours = source.is_file() and "fonts" not in source.parts and "katex" not in source.parts
    return ours or (labs.STATIC / name.removeprefix("_static/labs/")).is_file()


def test_each_file_is_ours_or_listed(html):
    names = [p.relative_to(html).as_posix() for p in html.rglob("*") if p.suffix in LOADED]
    made = {"searchindex.js"}  # by Sphinx, of the book's own words
    strange = [name for name in names if name not in made and not own(name) and not listed(name)]
    assert len(names) > 50
    assert not strange


def test_each_file_listed_is_there(html):
    names = [path.relative_to(html).as_posix() for path in html.rglob("*")]
    files = [pattern for pattern in PATTERNS if pattern.startswith("_static/")]
    assert len(files) > 8
    assert [one for one in files if not any(fnmatch(name, one) for name in names)] == []


@pytest.mark.usefixtures("html")
def test_the_letters_of_figures_are_listed():
    glyph = re.compile(r'xlink:href="#[^"]*?-([A-Z][\w-]*?)-[0-9a-f]+"')
    fonts = {name for page in PAGES for name in glyph.findall(text_of(page))}
    assert "DejaVuSans" in fonts
    assert [name for name in fonts if not listed(name)] == []


def test_the_pictures_and_data_are_listed():
    sources = [*(ROOT / "book").rglob("*.ipynb"), ROOT / "tools" / "photograph.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    names = set(re.findall(r"\bdata\.(\w+)\(\)|\b(load_\w+)\(", text))
    names = {a or b for a, b in names} - {"load_state_dict"}
    assert {"camera", "load_digits"} <= names
    assert names <= set(PATTERNS)


def test_the_versions_are_those_installed():
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    checked = {}
    for what, version, *_ in ROWS:  # "Sphinx, the search" "7.4.7", or "DejaVu" "Matplotlib 3.11.2"
        *_, name, version = f"{what.split(',')[0]} {version}".lower().split()
        if name in pinned:
            checked[name] = version
    assert len(checked) == 6
    assert checked == {name: pinned[name] for name in checked}
    (katex_version,) = {row[1].strip() for row in ROWS if row[0].strip().startswith("KaTeX")}
    script = (ROOT / katex.__file__).with_name("katex.min.js").read_text(encoding="utf-8")
    assert f'version:"{katex_version}"' in script
