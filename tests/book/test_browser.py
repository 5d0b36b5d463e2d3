"""The built book in a browser: nothing fails, nothing is too wide or too heavy, all can be used.

Build first (``make book``).  These tests skip without a browser; see conftest.py.
"""

import gzip
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from book.built import CHAPTERS, HTML, text_of
from book.visits import visit

BUDGET = 300_000  # bytes a page may weigh on its way, compressed, its figures not counted
FOLDED = [page for page in CHAPTERS if '"solution folded' in text_of(page)]
WITH_LABS = [page for page in CHAPTERS if "data-lab=" in text_of(page)]

each_chapter = pytest.mark.parametrize("page", CHAPTERS)


@cache
def compressed(path):
    """Bytes that a file takes on its way: hosts compress text, fonts are compressed already."""
    content = (HTML / path).read_bytes()
    if path.endswith(".html"):
        content = re.sub(rb'<svg [^>]*class="cl-figure".*?</svg>', b"", content, flags=re.S)
    return len(content) if path.endswith(".woff2") else len(gzip.compress(content))


def weight(tab, site):
    loaded = tab.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    paths = {unquote(urlsplit(address).path)[1:] for address in (tab.url, *loaded)}
    return sum(compressed(path) for path in paths if not path.startswith("_images/"))


@each_chapter
def test_page_opens(tabs, site, page):
    """No error, no foreign request, no raw markup, no faint text; light and dark; within budget."""
    for scheme in ("light", "dark"):
        tab = tabs(1280, scheme)
        assert not visit(tab, site, page)
        assert tab.evaluate("document.documentElement.dataset.theme") == scheme
        assert not tab.evaluate("probes.faint()")
    assert not tab.evaluate("probes.unrendered()")
    assert weight(tab, site) <= BUDGET


@each_chapter
def test_nothing_overflows_or_overlaps(tabs, site, page):
    tab = tabs(320, "light")
    tab.set_viewport_size({"width": 320, "height": 800})
    assert not visit(tab, site, page)
    tab.evaluate("probes.layOut()")
    for width in (320, 768, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        assert not tab.evaluate("probes.overflow()"), f"at {width} px"
        assert not tab.evaluate("probes.overlap()"), f"at {width} px"


@pytest.mark.parametrize("page", FOLDED)
def test_an_address_leads_to_its_section(tabs, site, page):
    """Also to one far below, where nothing above it has been laid out yet."""
    tab = tabs(1280, "light")
    tab.goto("about:blank")
    last = re.findall(r'<section [^>]*\bid="([^"]+)"', text_of(page))[-1]
    assert not visit(tab, site, f"{page}#{last}")
    settled = "new Promise((done) => setTimeout(done, 300))"
    tops = "[...document.querySelectorAll(':target')].map((e) => e.getBoundingClientRect().top)"
    tab.evaluate(settled)
    (top,) = tab.evaluate(tops)
    assert -1 <= top < 900


@pytest.mark.parametrize("page", WITH_LABS)
def test_without_scripts_a_lab_is_its_plain_form(browser, site, page):
    """So it is for a moment on every visit. Its tables may be wide: they scroll in their box."""
    with browser.new_context(
        java_script_enabled=False, viewport={"width": 320, "height": 800}
    ) as context:
        tab = context.new_page()
        tab.goto(site + page)
        assert tab.locator(".cl-lab > .cl-fallback").count() == tab.locator(".cl-lab").count() > 0
        tab.evaluate(Path(__file__).with_name("probes.js").read_text())
        tab.evaluate("probes.layOut()")
        assert not tab.evaluate("probes.overflow()")


@pytest.mark.parametrize("page", FOLDED)
def test_solutions_fold(tabs, site, page):
    tab = tabs(1280, "light")
    visit(tab, site, page)
    for solution in tab.locator("details.solution").all():
        body = solution.locator("> section").first
        assert not body.is_visible()
        solution.locator("> summary").press("Enter")
        assert body.is_visible()


def test_paper_shows_the_solutions(tabs, site):
    tab = tabs(1280, "light")
    visit(tab, site, FOLDED[0])
    count = "document.querySelectorAll('details.solution:not([open])').length"
    before = tab.evaluate(count)
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.evaluate(count) == 0
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate(count) == before > 0


def test_code_is_copied_without_prompts(tabs, site):
    from playwright.sync_api import expect

    tab = tabs(1280, "light")
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(tab, site, "book/index.html")
    button = tab.locator(".highlight-pycon .copybtn")
    button.press("Enter")
    expect(button.first).to_have_text("Copied")  # a page allows no script that asks for it
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import numpy as np")
    assert ">>>" not in copied
    assert "array(" not in copied


def test_colours_are_switched_and_remembered(tabs, site):
    tab = tabs(1280, "light")
    visit(tab, site, "book/index.html")
    themes = []
    for _ in range(3):
        tab.locator(".theme-switch").press("Enter")
        tab.reload()
        themes.append(tab.evaluate("document.documentElement.dataset.theme"))
    assert themes == ["light", "dark", "light"]  # light, dark, as the system
    assert tab.evaluate("localStorage.getItem('mode')") == "auto"


def test_figures_follow_the_theme(tabs, site):
    page = next(page for page in CHAPTERS if 'class="cl-figure"' in text_of(page))
    part = "svg.cl-figure [style*='fill: var(--cl-']"
    fills = set()
    for scheme in ("light", "dark"):
        visit(tabs(1280, scheme), site, page)
        fills.add(tabs(1280, scheme).locator(part).first.evaluate("e => getComputedStyle(e).fill"))
    assert len(fills) == 2


def test_search_finds(tabs, site):
    tab = tabs(1280, "light")
    assert not visit(tab, site, "search.html?q=stride")
    tab.wait_for_selector("#search-results li a")
    tab.wait_for_selector("#search-results .context")
    quoted = tab.locator("#search-results").inner_text()
    assert "stride" in quoted
    assert "\\" not in quoted  # of a formula its characters, not its TeX
    visit(tab, site, "book/notation.html")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("padding")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results li a")


@pytest.mark.parametrize("name", ["contents", "outline", "search"])
def test_popovers_by_keyboard(tabs, site, name):
    """On a phone: Enter opens, Escape closes, and the focus is back on the button."""
    tab = tabs(320, "light")
    tab.set_viewport_size({"width": 320, "height": 800})
    visit(tab, site, CHAPTERS[-1])
    popover = tab.locator(f"#{name}")
    opener = tab.locator(f".tools [popovertarget={name}]")
    assert not popover.is_visible()
    opener.press("Enter")
    assert popover.is_visible()
    tab.keyboard.press("Escape")
    assert not popover.is_visible()
    assert opener.evaluate("button => button === document.activeElement")


def test_addresses_show_on_focus(tabs, site):
    tab = tabs(1280, "light")
    visit(tab, site, FOLDED[0])
    for place in ("h2", "figcaption", "div.math", "div.exercise"):
        link = tab.locator(f"article {place} a.headerlink").first
        tab.keyboard.press("Tab")  # so that the browser shows where the focus is
        link.focus()
        assert link.evaluate("link => getComputedStyle(link).opacity") == "1"
        link.press("Enter")
        assert urlsplit(tab.url).fragment == link.get_attribute("href")[1:]


def test_outline_marks_the_place(tabs, site):
    tab = tabs(1280, "light")
    visit(tab, site, FOLDED[0])
    link = tab.locator(".outline a").nth(2)
    link.press("Enter")
    tab.wait_for_selector(".outline a[aria-current]")
    assert tab.locator(".outline a[aria-current]").get_attribute("href") == link.get_attribute(
        "href"
    )


def test_lost_readers_are_met_at_any_depth(tabs, site, html):
    tab = tabs(1280, "light")
    address = "book/some/old/page.html"
    tab.route(f"**/{address}", lambda route: route.fulfill(path=html / "404.html"))
    assert not visit(tab, site, address)
    tab.unroute_all()
    assert tab.locator("h1").inner_text() == "No window fits here"
    tab.locator(".ways-out a").first.click()
    assert tab.url == f"{site}book/index.html"


def test_policy_is_in_force(tabs, site):
    tab = tabs(1280, "light")
    visit(tab, site, "book/index.html")
    script = "Object.assign(document.createElement('script'), { text: 'window.ran = 1' })"
    tab.evaluate(f"document.body.append({script})")
    assert tab.evaluate("window.ran") is None
