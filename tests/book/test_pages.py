"""The built book, page by page: links, mathematics, downloads, and what a browser says of it.

Build first (``make book``).  The tests that need a browser skip without one; see conftest.py.
"""

import doctest
import json
import re
from collections import Counter
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
GENERATED = {"index.html", "genindex.html", "py-modindex.html", "prf-prf.html", "search.html"}
PAGES = sorted(
    p.relative_to(HTML).as_posix() for p in HTML.rglob("*.html") if "_static" not in p.parts
)
CHAPTERS = [page for page in PAGES if page not in GENERATED]
NOTEBOOKS = [page for page in CHAPTERS if (ROOT / page).with_suffix(".ipynb").is_file()]
FOLDED = [page for page in CHAPTERS if "solution dropdown" in (HTML / page).read_text("utf-8")]

each_page = pytest.mark.parametrize("page", PAGES or ["book/index.html"])
each_chapter = pytest.mark.parametrize("page", CHAPTERS or ["book/index.html"])


@cache
def text_of(page):
    return (HTML / page).read_text(encoding="utf-8")


@cache
def soup_of(page):
    return BeautifulSoup(text_of(page), "lxml" if find_spec("lxml") else "html.parser")


@cache
def ids_of(page):
    return Counter(re.findall(r'<[a-zA-Z][^<>]*?\sid="([^"]+)"', text_of(page)))


# ---------------------------------------------------------------- without a browser


@pytest.mark.parametrize("source", sorted((ROOT / "book").glob("*.md")), ids=lambda path: path.name)
def test_examples_in_markdown_run(source):
    """Blocks marked ``pycon`` in the Markdown pages print what they say they print."""
    blocks = re.findall(r"^```pycon\n(.*?)^```", source.read_text(encoding="utf-8"), re.M | re.S)
    for number, block in enumerate(blocks):
        test = doctest.DocTestParser().get_doctest(
            block, {}, f"{source.name}[{number}]", str(source), 0
        )
        assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_every_toc_entry_has_a_page(html):
    entries = re.findall(r"(?:file|root): *(\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    missing = [entry for entry in entries if not (html / f"{entry}.html").is_file()]
    assert not missing


@each_page
def test_links_lead_somewhere(html, page):
    broken = []
    for tag in soup_of(page).find_all(["a", "link", "script", "img", "source", "iframe"]):
        target = tag.get("href") or tag.get("src")
        if not target or re.match(r"(https?|mailto|data|javascript):", target):
            continue
        path, anchor = urldefrag(urljoin(page, unquote(target)).split("?")[0])
        if path.endswith("/"):
            path += "index.html"
        if not (html / path).is_file():
            broken.append(target)
        elif anchor and path.endswith(".html") and anchor not in ids_of(path):
            broken.append(target)
    assert not broken


@each_page
def test_nothing_comes_from_another_site(html, page):
    loaded = []
    for tag in soup_of(page).find_all(
        ["script", "img", "source", "iframe", "link", "video", "audio"]
    ):
        if tag.name == "link" and not {"stylesheet", "preload", "icon", "modulepreload"} & set(
            tag.get("rel", [])
        ):
            continue
        loaded.append(tag.get("src") or tag.get("href") or "")
    assert not [address for address in loaded if re.match(r"(https?:)?//", address)]
    for address in loaded:
        sheet = html / urljoin(page, address.split("?")[0])
        if sheet.suffix == ".css":
            rules = sheet.read_text(encoding="utf-8")
            assert not re.search(r"(url\(\s*['\"]?|@import\s+['\"])(https?:)?//", rules), sheet.name


@each_chapter
def test_structure(html, page):
    soup = soup_of(page)
    assert len([title.get_text() for title in soup.find_all("h1")]) == 1
    assert soup.title.get_text(strip=True)
    assert soup.html.get("lang")
    assert not [name for name, count in ids_of(page).items() if count > 1]
    levels = [int(tag.name[1]) for tag in soup.article.find_all(re.compile("^h[1-6]$"))]
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels


@each_chapter
def test_pictures_have_alternative_text(html, page):
    article = soup_of(page).article
    assert all(image.get("alt", "").strip() for image in article.find_all("img"))
    assert all(
        figure.get("aria-label", "").strip()
        for figure in article.find_all("svg", class_="cl-figure")
    )


@each_page
def test_mathematics_is_rendered(html, page):
    # an error, or the colour in which KaTeX shows what it does not know
    assert not re.findall(r".{0,40}(?:katex-error|#cc0000).{0,80}", text_of(page))


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_download_button_gives_the_notebook(html, page):
    source = (ROOT / page).with_suffix(".ipynb")
    button = soup_of(page).select_one("a.btn-download-source-button")
    assert button is not None
    target = html / urljoin(page, button["href"])
    assert json.loads(target.read_text(encoding="utf-8")) == json.loads(
        source.read_text(encoding="utf-8")
    )


@each_chapter
def test_reader_can_go_on(html, page):
    links = soup_of(page).select(".prev-next-area a")
    assert links, "no previous and no next page"


# ---------------------------------------------------------------- in a browser


def visit(tab, site, page):
    """Open a page; return everything that went wrong on the way."""
    troubles = []
    listeners = {
        "console": lambda m: m.type == "error" and troubles.append(f"console: {m.text}"),
        "pageerror": lambda error: troubles.append(f"error: {error}"),
        "requestfailed": lambda request: troubles.append(f"failed: {request.url}"),
        "request": lambda r: (
            r.url.startswith((site, "data:", "blob:")) or troubles.append(f"foreign: {r.url}")
        ),
        "response": lambda r: r.status >= 400 and troubles.append(f"{r.status}: {r.url}"),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.goto(site + page, wait_until="load")
    tab.evaluate("document.fonts.ready.then(() => 0)")
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    return troubles


@each_chapter
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_desktop(tabs, site, page, scheme):
    tab = tabs(1280, scheme)
    assert not visit(tab, site, page)
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme
    assert not tab.evaluate("probes.unrendered()")
    assert not tab.evaluate("probes.overflow()")
    assert not tab.evaluate("probes.faint()")


@each_chapter
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone(tabs, site, page, scheme):
    tab = tabs(390, scheme)
    tab.set_viewport_size({"width": 390, "height": 844})
    assert not visit(tab, site, page)
    for width in (390, 320):
        tab.set_viewport_size({"width": width, "height": 844})
        assert not tab.evaluate("probes.overflow()"), f"at {width} px"


@pytest.mark.parametrize("page", FOLDED)
def test_solutions_fold(tabs, site, page):
    tab = tabs(1280, "light")
    visit(tab, site, page)
    for solution in tab.locator(".solution.dropdown").all():
        body = solution.locator("> section").first
        assert not body.is_visible()
        solution.locator("button.toggle-button").first.press("Enter")
        assert body.is_visible()


def test_code_can_be_copied(tabs, site):
    tab = tabs(1280, "light")
    visit(tab, site, "book/index.html")
    tab.wait_for_selector("button.copybtn", state="attached")


def test_figures_follow_the_theme(tabs, site):
    fill = """getComputedStyle(document.querySelector("svg.cl-figure .hero-input rect")).fill"""
    fills = set()
    for scheme in ("light", "dark"):
        visit(tabs(1280, scheme), site, "book/index.html")
        fills.add(tabs(1280, scheme).evaluate(fill))
    assert len(fills) == 2


def test_search_finds(tabs, site):
    tab = tabs(1280, "light")
    assert not visit(tab, site, "search.html?q=stride")
    tab.wait_for_selector("#search-results li a")
    visit(tab, site, "book/notation.html")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("padding")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results li a")
