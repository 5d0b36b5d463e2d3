"""Figures that follow the page: inline the SVG, and let it take its colours from the theme.

Notebooks draw with the palette below (``convlib.plot``), in plain hex colours, so a figure
looks right anywhere.  In the HTML pages each SVG, from a notebook or from a file, is set into
the page, and each palette colour becomes a CSS variable of ``convlib/labs/static/tokens.css``.
Light and dark are then one figure.  Colours outside the palette stay as they are.  Photographs in
an SVG become files beside the page, half as large and the same pixel for pixel, so that the text
does not wait for them.  A picture without alternative text is a warning, so ``-W`` fails.
"""

import base64
import hashlib
import io
import re
from html import escape
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

PALETTE = {
    "#1f2328": "ink", "#59636e": "muted", "#d0d7de": "line", "#f6f8fa": "surface",
    "#ffffff": "paper", "#0072b2": "input", "#cce3f0": "input-soft", "#d55e00": "kernel",
    "#f9dcc9": "kernel-soft", "#009e73": "output", "#ccece3": "output-soft", "#cc79a7": "accent",
}  # fmt: skip
logger = logging.getLogger(__name__)


def themed(svg):
    """Replace palette colours inside style attributes, and nowhere else."""

    def colour(match):
        return f"var(--cl-{PALETTE[match[0].lower()]})"

    hexes = re.compile(f"({'|'.join(PALETTE)})(?![0-9a-f])", re.I)
    return re.sub(r'style="[^"]*"', lambda style: hexes.sub(colour, style[0]), svg)


def steadied(svg):
    """The same picture has the same text, whatever the last bits of its numbers.

    Those hang on the number of threads. matplotlib names clips and markers by a hash of all digits:
    here they are counted. It prints six decimals: three are kept, of a thousandth of a point. The
    shift keeps what is a fraction of 2 or 10, as layouts are, off the edge of the rounding.
    """
    hashed = dict.fromkeys(re.findall(r'\bid="(\w*[0-9a-f]{10})"', svg))
    numbers = {name: f"part-{number}" for number, name in enumerate(hashed, start=1)}
    svg = re.sub(r"\b\w*[0-9a-f]{10}\b", lambda name: numbers.get(name[0], name[0]), svg)

    def rounded(match):
        if match[0].startswith(("scale", "matrix")):  # factors, of any size
            return match[0]
        return f"{float(match[0]) + 1.37e-5:.3f}".rstrip("0").rstrip(".")

    svg = re.sub(r"\b(?:scale|matrix)\([^)]*\)|-?\d+\.\d{4,}", rounded, svg)
    return re.sub(r'(?<=[ "(,])-0(?=[ "),\n])', "0", svg)


def inlined(svg, prefix, alt):
    """Make a stand-alone SVG fit to live inside a page."""
    svg = svg[svg.index("<svg") :]  # the XML prologue stays behind
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", svg, flags=re.S)
    svg = steadied(svg)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", svg)
    head, body = themed(svg).split(">", 1)
    width = re.search(r'\bwidth="([\d.]+)(pt|px|)"', head)
    pixels = round(float(width[1]) * (4 / 3 if width[2] == "pt" else 1)) if width else None
    box = re.search(r'viewBox="[^"]+"', head)[0]
    size = f' width="{pixels}"' if pixels else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' class="cl-figure" role="img" aria-label="{escape(alt)}" {box}{size}>{body}'
    )  # fmt: skip


def with_photograph_files(html, folder, address):
    """Move the PNGs inside an SVG to files; `address` is the folder's, as seen from the page."""

    def moved(match):
        png = base64.b64decode(match[1])
        name = f"{hashlib.sha256(png).hexdigest()[:16]}.webp"
        if not (folder / name).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            webp = io.BytesIO()
            Image.open(io.BytesIO(png)).save(webp, "webp", lossless=True)
            (folder / name).write_bytes(webp.getvalue())
        return f'href="{address}/{name}"'

    return re.sub(r'xlink:href="data:image/png;base64,([^"]+)"', moved, html)


class InlineFigures(SphinxPostTransform):
    """Runs after myst-nb has chosen among the formats of an output, before images are collected."""

    default_priority = 6
    formats = ("html",)

    def run(self, **kwargs):
        for number, image in enumerate(list(self.document.findall(nodes.image)), start=1):
            alt = " ".join(image.get("alt", "").split())
            if not alt:
                logger.warning("figure without alternative text: %s", image["uri"], location=image)
            path = Path(self.app.srcdir, image["uri"])
            if path.suffix != ".svg" or not path.is_file():
                continue
            prefix = f"{nodes.make_id(self.env.docname.rsplit('/', 1)[-1])}-{number}-"
            html = inlined(path.read_text(encoding="utf-8"), prefix, alt)
            folder = Path(self.app.outdir, "_images", "photographs")
            up = "../" * self.env.docname.count("/")
            html = with_photograph_files(html, folder, f"{up}_images/photographs")
            image.replace_self(nodes.raw("", html, format="html"))


def setup(app):
    app.add_post_transform(InlineFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
