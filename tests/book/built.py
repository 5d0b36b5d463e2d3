"""The pages that were built, by their addresses below ``_build/html``."""

from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
GENERATED = {"404.html", "index.html", "genindex.html", "search.html"}
# Without a build there is one name, so that the fixture `html` can say what is missing.
PAGES = sorted(
    p.relative_to(HTML).as_posix() for p in HTML.rglob("*.html") if "_static" not in p.parts
) or ["book/index.html"]
CHAPTERS = [page for page in PAGES if page not in GENERATED]


@cache
def text_of(page):
    return (HTML / page).read_text(encoding="utf-8") if (HTML / page).is_file() else ""
