"""The built book, page by page: links, mathematics, downloads, what it tells search engines.

Build first (``make book``).  What only a browser can tell is in test_browser.py, test_access.py.
"""

import doctest
import json
import re
from collections import Counter
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from urllib.parse import unquote, urldefrag, urljoin

import pytest
import yaml
from book.built import CHAPTERS, HTML, PAGES, ROOT, text_of
from bs4 import BeautifulSoup
from PIL import Image

NOTEBOOKS = [page for page in CHAPTERS if (ROOT / page).with_suffix(".ipynb").is_file()]
SITE = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]

each_page = pytest.mark.parametrize("page", PAGES)
each_chapter = pytest.mark.parametrize("page", CHAPTERS)


@cache
def soup_of(page):
    return BeautifulSoup(text_of(page), "lxml" if find_spec("lxml") else "html.parser")


@cache
def ids_of(page):
    return Counter(re.findall(r'<[a-zA-Z][^<>]*?\sid="([^"]+)"', text_of(page)))


# tests/errors makes the calls of errors.md, which share names and raise.
WITH_EXAMPLES = [path for path in sorted((ROOT / "book").glob("*.md")) if path.stem != "errors"]


@pytest.mark.parametrize("source", WITH_EXAMPLES, ids=lambda path: path.name)
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
        if not target or re.match(r"(https?|mailto|data):", target):
            continue
        target = target.removeprefix("/")  # the page for lost readers counts from the root
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
    button = soup_of(page).select_one("a.download")
    assert button is not None
    target = html / urljoin(page, button["href"])
    assert json.loads(target.read_text(encoding="utf-8")) == json.loads(
        source.read_text(encoding="utf-8")
    )


@each_chapter
def test_reader_can_go_on(html, page):
    links = soup_of(page).select(".prev-next a")
    assert links, "no previous and no next page"


@each_chapter
def test_everything_has_an_address(html, page):
    """Headings, figures, displayed formulas and exercises each carry a link to themselves."""
    places = ":is(h1, h2, h3, h4), figure[id]:has(figcaption), div.math, div.exercise, dt[id]"
    for place in soup_of(page).article.select(places):
        link = place.select_one("a.headerlink")
        assert link is not None, place.get_text()[:60]
        assert link["href"].startswith("#")
        assert link["href"][1:] in ids_of(page)
        assert link.get("title")


@each_chapter
def test_page_introduces_itself(html, page):
    """Title, description, address and card, as a search engine or a chat shows them."""
    soup = soup_of(page)
    meta = {
        tag.get("name") or tag.get("property"): tag.get("content", "")
        for tag in soup.find_all("meta")
    }
    assert 40 <= len(meta["description"]) <= 220, meta["description"]
    assert meta["og:description"] == meta["description"]
    assert meta["og:title"]
    assert meta["twitter:card"] == "summary_large_image"
    with Image.open(HTML / meta["og:image"].removeprefix(SITE)) as card:
        assert card.size == (1200, 630)
    assert soup.find("link", rel="canonical")["href"] == SITE + page == meta["og:url"]
    assert len(soup.find_all("meta", attrs={"name": "viewport"})) == 1


def test_descriptions_differ(html):
    found = Counter(
        soup_of(page).find("meta", attrs={"name": "description"})["content"] for page in CHAPTERS
    )
    assert not [text for text, count in found.items() if count > 1]


def test_site_map_lists_the_chapters(html):
    listed = re.findall(r"<loc>([^<]+)</loc>", (html / "sitemap.xml").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(SITE + page for page in CHAPTERS)
    assert f"Sitemap: {SITE}sitemap.xml" in (html / "robots.txt").read_text(encoding="utf-8")


@each_page
def test_policy_forbids_foreign_and_inline_scripts(html, page):
    soup = soup_of(page)
    if page == "index.html":  # Jupyter Book's redirection to the first page: nothing is loaded
        assert not soup.find_all(["script", "link", "style", "img"])
        return
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'self'"
    assert rules["object-src"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[\w+/=]+'", rules["script-src"])
    assert len([tag for tag in soup.find_all("script") if not tag.get("src")]) == 1
    assert not [tag for tag in soup.find_all(True) if any(k.startswith("on") for k in tag.attrs)]
