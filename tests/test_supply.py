"""What comes from others, and whether it is what we think: pins with hashes, outputs that cannot
run, no address of a script, style or font elsewhere.
"""

import json
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tools import notebooks

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements-torch.txt", "requirements-torch-cpu.txt")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def plain(name):
    """A package's name as all spellings of it agree."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name):
    """{package: version} of a file of requirements."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", read(name), re.MULTILINE)
    return {plain(package): version for package, version in found}


LOCKED = pins("requirements.txt") | pins("requirements-torch.txt")


# ---- the lock ----


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_is_a_version_with_hashes(name):
    text = read(name)
    assert "\n--require-hashes\n--only-binary :all:\n" in text
    body = text.split("--only-binary :all:\n", 1)[1].replace("\\\n", "")
    entries = [line for line in body.splitlines() if line.split("#")[0].strip()]
    assert len(entries) == len(pins(name)) > 0
    for entry in entries:
        assert re.fullmatch(r"[\w.-]+==\S+( ; [^\\]+?)?( +--hash=sha256:[0-9a-f]{64})+ *", entry)


@pytest.mark.parametrize("name", [*LOCKS, "requirements.in"])
def test_no_index_is_named(name):
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", read(name))


def test_the_lock_has_what_is_asked_for():
    asked = pins("requirements.in")
    assert {name: LOCKED.get(name) for name in asked} == asked


def test_the_lock_has_what_the_extras_need():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    needed = [one for name, ones in extras.items() if name != "bench" for one in ones]
    names = {plain(re.match(r"[\w.-]+", one)[0]) for one in needed} - {project["name"]}
    assert names <= LOCKED.keys(), sorted(names - LOCKED.keys())


def test_torch_is_one_release_in_both_builds():
    assert pins("requirements-torch-cpu.txt") == {"torch": f"{LOCKED['torch']}+cpu"}


# ---- what a notebook's output may hold ----

TAGS = {"div", "p", "table", "caption", "thead", "tbody", "tr", "th", "td", "b", "i", "sub", "sup"}
ATTRIBUTES = {
    *("class", "data-lab", "data-state", "scope", "colspan", "rowspan"),
    *("role", "aria-label", "tabindex"),
}


class Inert(HTMLParser):
    """Collects what a lab's table has no use for: any tag or attribute but those above."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        self.found += [tag] * (tag not in TAGS) + [n for n in names if n not in ATTRIBUTES]

    def handle_decl(self, decl):
        self.found.append(decl)

    handle_pi = unknown_decl = handle_decl


def active(output):
    """List what in one output could run, or is of a kind that could."""
    if output["output_type"] in ("stream", "error"):
        return []
    found = [mime for mime in output["data"] if mime not in ("text/plain", "text/html")]
    if "text/html" in output["data"]:
        text = "".join(output["data"]["text/html"])
        if not text.startswith('<div class="cl-lab" data-lab="'):
            found.append(f"HTML that is no lab: {text[:40]}")
        found += Inert(text).found
    return found


@pytest.mark.parametrize(
    "path", notebooks.find([ROOT / "book"]), ids=lambda p: p.relative_to(ROOT / "book").as_posix()
)
def test_no_output_runs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = [one for cell in cells for o in cell.get("outputs", []) for one in active(o)]
    assert not found


def shown(mime, text):
    return {"output_type": "display_data", "data": {mime: [text]}, "metadata": {}}


LAB = '<div class="cl-lab" data-lab="pooling" data-state="{}">'


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (shown("text/plain", "<script>f()</script>"), None),
        (shown("text/html", LAB + "<table><tr><td>1</td></tr></table></div>"), None),
        (shown("text/html", "<div><p>1</p></div>"), "HTML that is no lab"),
        (shown("text/html", LAB + "<script>f()</script></div>"), "script"),
        (shown("text/html", LAB + '<p onclick="f()">1</p></div>'), "onclick"),
        (shown("text/html", LAB + '<a href="javascript:f()">1</a></div>'), "href"),
        (shown("text/html", LAB + '<svg onload="f()"/></div>'), "onload"),
        (shown("text/html", LAB + '<p style="x">1</p></div>'), "style"),
        (shown("application/javascript", "f()"), "application/javascript"),
        (shown("image/svg+xml", "<svg/>"), "image/svg+xml"),
    ],
)
def test_what_could_run_is_told(output, told):
    found = active(output)
    assert any(told in one for one in found) if told else not found


# ---- addresses in the sources ----

ELSEWHERE = re.compile(
    r"(?:https?:)?//[\w.-]+/[^\s\"'()<>]*\.(?:m?js|css|woff2?|ttf|otf|wasm)\b"
    r"|\b(?:url\(|@import|from|import\()\s*[\"']?(?:https?:)?//"
    r"|<(?:script|link|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//",
    re.IGNORECASE,
)
SOURCES = sorted(
    path
    for folder in ("book", "convlib")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".css", ".html", ".ipynb", ".js", ".md", ".py", ".svg"}
    and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)


def test_no_source_asks_another_site_for_code():
    assert len(SOURCES) > 50
    texts = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in SOURCES}
    texts[Path("_config.yml")] = read("_config.yml")
    found = {name: hit[0] for name, text in texts.items() if (hit := ELSEWHERE.search(text))}
    assert not found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('<script src="https://example.org/x">', True),
        ("<link rel=stylesheet href=//example.org/x>", True),
        ("url( 'https://example.org/x')", True),
        ('import { a } from "https://example.org/x";', True),
        ('const a = await import("https://example.org/x");', True),
        ("see https://example.org/lib/katex.min.js", True),
        ('<svg xmlns="http://www.w3.org/2000/svg">', False),
        ("[Sphinx](https://example.org/page.html)", False),
        ('import { a } from "./kit.js";  // b', False),
    ],
)
def test_an_address_elsewhere_is_told(text, told):
    assert bool(ELSEWHERE.search(text)) is told
