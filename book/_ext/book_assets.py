"""What a page loads: its style within itself, one script, and a policy that forbids the rest.

The theme and the extensions bring some twenty stylesheets and scripts, 200 kB of them, for a few
things that a reader needs.  These few are in ``book/_static``: here the sheets are set into the
page, 10 kB compressed, so that nothing else is fetched before the text shows.  Every sheet and
script that is not of this book is left out.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from pydata_sphinx_theme.pygments import get_pygments_stylesheet
from sphinx.builders.html._assets import _JavaScript

from convlib import labs

STATIC = Path(__file__).parents[1] / "_static"
TOKENS = labs.STATIC / "tokens.css"  # colours and faces: the labs' and the book's
SHEETS = (
    "fonts.css", "katex/katex.min.css", "page.css", "book.css", "code.css", "small.css",
)  # fmt: skip
# Sphinx's own search needs these three.
SEARCH_SCRIPTS = ("documentation_options.js", "doctools.js", "sphinx_highlight.js")

# Before the first paint: the reader's choice of colours, or the system's.
THEME_SCRIPT = """(() => {
  let mode = "auto";
  try { mode = localStorage.getItem("mode") || mode; } catch {}
  const system = matchMedia("(prefers-color-scheme: dark)").matches;
  const dark = mode === "dark" || (mode === "auto" && system);
  Object.assign(document.documentElement.dataset, { mode, theme: dark ? "dark" : "light" });
})();"""


def content_security_policy():
    """All from this site; styles inline too, for formulas; one inline script, by its hash."""
    digest = base64.b64encode(hashlib.sha256(THEME_SCRIPT.encode()).digest()).decode()
    return "; ".join((
        "default-src 'self'", f"script-src 'self' 'sha256-{digest}'",
        "style-src 'self' 'unsafe-inline'", "img-src 'self' data:",
        "object-src 'none'", "base-uri 'self'", "form-action 'self'",
    ))  # fmt: skip


def without_comments(rules):
    return re.sub(r"/\*.*?\*/|^\s+", "", rules, flags=re.S | re.M)


@cache
def stylesheet(light, dark):
    """The book's sheets as one; its addresses are relative to ``_static``."""
    parts = [get_pygments_stylesheet(light, dark), TOKENS.read_text(encoding="utf-8")]
    for name in SHEETS:
        folder = f"{name.rpartition('/')[0]}/".lstrip("/")
        rules = (STATIC / name).read_text(encoding="utf-8")
        rules = re.sub(r"url\((?=fonts/)", f"url({folder}", rules)
        parts.append(rules.replace("@font-face{", "@font-face{font-display:swap;"))
    return without_comments("\n".join(parts))


def style_digest():
    """As a configuration value: when the style changes, every page is written again."""
    files = sorted(p for p in STATIC.rglob("*") if p.suffix in (".css", ".js"))
    return hashlib.sha256(b"".join(p.read_bytes() for p in [TOKENS, *files])).hexdigest()


def choose_assets(app, pagename, templatename, context, doctree):
    """Leave out what every page would load, and keep what this page alone asked for (a lab)."""
    options = app.config.html_theme_options
    colours = options["pygments_light_style"], options["pygments_dark_style"]
    rules = stylesheet(*colours)
    common_sheets, common_scripts = app.builder._orig_css_files, app.builder._orig_js_files
    own_sheets = [sheet for sheet in context["css_files"] if sheet not in common_sheets]
    own_scripts = [
        script
        for script in context["script_files"]
        if script.filename and script not in common_scripts  # the policy forbids inline scripts
    ]
    wanted = (*SEARCH_SCRIPTS, "book.js") if pagename == "search" else ("book.js",)
    scripts = [_JavaScript(f"_static/{name}", defer="defer") for name in wanted]
    for sheet in own_sheets:
        rules += without_comments(Path(app.outdir, sheet.filename).read_text(encoding="utf-8"))
    context["css_files"] = []
    context["stylesheet"] = rules
    context["script_files"] = scripts + own_scripts
    context["theme_script"] = THEME_SCRIPT
    context["content_security_policy"] = content_security_policy()


def root_addresses(app, pagename, templatename, context, doctree):
    """The page for addresses without one is served at any depth: its links start at the root."""
    if pagename != "404":
        return
    root = urlsplit(app.config.html_baseurl).path or "/"
    relative = context["pathto"]
    context["pathto"] = lambda *args, **kwargs: (
        root + re.sub(r"^#$", "404.html", relative(*args, **kwargs))
    )
    context["content_root"] = root
    context["js_tag"] = lambda script: f'<script defer src="{root}{script.filename}"></script>'
    context["favicon_url"] = f"{root}{context['favicon_url']}"


def write_for_robots(app, exception):
    """The site map has every chapter, also those that this build had no need to write again."""
    if exception is not None or app.builder.format != "html":
        return
    base = app.config.html_baseurl
    chapters = sorted(app.env.found_docs - {"404"})
    urls = "".join(f"<url><loc>{base}{name}.html</loc></url>\n" for name in chapters)
    site_map = f"""<?xml version="1.0" encoding="utf-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{urls}</urlset>
"""
    rules = f"User-agent: *\nAllow: /\nSitemap: {base}sitemap.xml\n"
    Path(app.outdir, "sitemap.xml").write_text(site_map, encoding="utf-8")
    Path(app.outdir, "robots.txt").write_text(rules, encoding="utf-8")


def setup(app):
    app.add_config_value("book_style", style_digest(), "html")
    # After the extensions (500), which add to the lists.
    app.connect("html-page-context", choose_assets, priority=900)
    app.connect("html-page-context", root_addresses, priority=901)
    app.connect("build-finished", write_for_robots)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
