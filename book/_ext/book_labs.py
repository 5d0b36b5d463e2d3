"""Labs in the built book: their scripts beside the pages, loaded where a lab stands.

A lab's output brings its own HTML (``convlib.labs.Lab``): a plain table, and the state to start
from.  ``_config.yml`` prefers that HTML over the widget; ``page.js`` starts it.

A Markdown page sets a lab with the directive ``lab``: the class, and below it the state as YAML.
"""

import re
import shutil
from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import Directive

from convlib import labs


class LabDirective(Directive):
    """``{lab} SlidingWindow`` with its traits, one a line."""

    required_arguments = 1
    has_content = True

    def run(self):
        lab = getattr(labs, self.arguments[0])(**yaml.safe_load("\n".join(self.content)) or {})
        return [nodes.raw("", lab.html(), format="html")]


def copy_scripts(app):
    """The scripts as they are in the library: the browser follows their imports."""
    if app.builder.format == "html":
        shutil.copytree(labs.STATIC, Path(app.outdir, "_static", "labs"), dirs_exist_ok=True)


def mark_cells(body):
    """Name the cells that hold a lab, for the style."""
    cell = '<div class="cell '
    output = r'<div class="output text_html">\s*<div class="cl-lab" data-lab="'
    for lab in reversed(list(re.finditer(output, body))):
        at = body.rindex(cell, 0, lab.start())
        body = body[:at] + body[at:].replace(cell, cell + "with-lab ", 1)
    return body


def add_scripts(app, pagename, templatename, context, doctree):
    """Load a page's labs, and nothing on a page without one."""
    if 'data-lab="' in context.get("body", ""):
        context["body"] = mark_cells(context["body"])
        app.add_css_file("labs/labs.css")
        app.add_js_file("labs/page.js", type="module")


def setup(app):
    app.add_directive("lab", LabDirective)
    app.connect("builder-inited", copy_scripts)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
