"""What axe-core, the accessibility checker behind Lighthouse, says of every page: nothing."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from book.built import CHAPTERS, PAGES, text_of
from book.visits import visit

AXE = Path(find_spec("axe_playwright_python").origin).with_name("axe.min.js")
# The insides of a formula and of a figure are hidden from screen readers, and those of a block of
# code are coloured words (test_browser.py sees to their contrast).  Without these thousands of
# elements, their text left, axe takes a tenth of the time.
PLAIN = """() => {
    document.querySelectorAll("svg.cl-figure > *").forEach((e) => e.remove());
    document.querySelectorAll("pre").forEach((e) => { e.textContent = e.textContent; });
    const formulas = document.querySelectorAll(".katex-html");
    formulas.forEach((e) => { e.textContent = e.textContent.slice(0, 12); });
    document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
}"""
RUN = """() => axe.run({ resultTypes: ["violations"] })
    .then(({ violations }) => violations.map((v) => `${v.help}: ${v.nodes.map((n) => n.html)}`))"""

# Not index.html: it sends the reader on at once.
each_page = pytest.mark.parametrize("page", [page for page in PAGES if page != "index.html"])


def violations(tab):
    tab.evaluate(PLAIN)
    # not by a <script> element: the page's own policy would refuse it
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    return tab.evaluate(RUN)


@each_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_rule_holds(tabs, site, page, scheme):
    tab = tabs(1280, scheme)
    visit(tab, site, page)
    assert not violations(tab)


@each_page
def test_every_rule_holds_on_a_phone(tabs, site, page):
    """Where some things are hidden: never the only text of a link."""
    tab = tabs(320, "light")
    tab.set_viewport_size({"width": 320, "height": 800})
    visit(tab, site, page)
    assert not violations(tab)


@pytest.mark.parametrize("page", [page for page in CHAPTERS if "data-lab=" in text_of(page)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_labs_in_use(tabs, site, page, scheme):
    """With the question, with the answer, and with what the library refuses, where a lab can."""
    tab = tabs(1280, scheme)
    visit(tab, site, page)
    tab.evaluate("probes.layOut()")  # or what is laid out above a lab moves it away again
    for lab in tab.locator(".cl-lab").all():
        lab.scroll_into_view_if_needed()
        lab.locator(".cl-frame").wait_for()
    assert not violations(tab)
    show = tab.get_by_role("button", name="Show me")
    while show.count():
        show.first.press("Enter")
    assert not violations(tab)
    for button in tab.get_by_role("button", name="more").all():
        for _ in range(4):
            button.click(force=True)
    assert not violations(tab)


@pytest.mark.parametrize("name", ["contents", "outline", "search"])
def test_popovers_on_a_phone(tabs, site, name):
    tab = tabs(320, "light")
    tab.set_viewport_size({"width": 320, "height": 800})
    visit(tab, site, "book/notation.html")
    tab.locator(f".tools [popovertarget={name}]").press("Enter")
    assert not violations(tab)
