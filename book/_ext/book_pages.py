"""Small repairs to the generated pages, so that they are valid and accessible."""

import os
import re

from docutils import nodes

# Progress bars are for people who run a notebook. In a page their stderr would be an error.
os.environ.setdefault("TQDM_DISABLE", "1")

PUNCTUATION = tuple(".,;:!?)’”")
# sphinx-exercise and sphinx-proof give the body of every exercise on a page the same id
SHARED_IDS = {"exercise-content", "solution-content", "proof-content"}


def drop_shared_ids(app, doctree, docname):
    for section in doctree.findall(nodes.section):
        section["ids"] = [name for name in section["ids"] if name not in SHARED_IDS]


def keep_punctuation(app, doctree, docname):
    """Keep a short formula and the full stop behind it on one line."""
    for math in list(doctree.findall(nodes.math)):
        after = math.next_node(descend=False, siblings=True)
        if isinstance(after, nodes.Text) and after[:1] in PUNCTUATION and len(math.astext()) <= 24:
            rest = nodes.Text(after[1:])
            together = nodes.inline(
                "", "", math.deepcopy(), nodes.Text(after[:1]), classes=["nowrap"]
            )
            after.parent.replace(after, rest)
            math.replace_self(together)


def mend_html(app, pagename, templatename, context, doctree):
    if "body" in context:  # the label hides the visible text "Show code cell source"
        context["body"] = context["body"].replace(
            '<summary aria-label="Toggle hidden content">', "<summary>"
        )


def escape_stars(app, what, name, obj, options, lines):
    """In a shape such as (B, C, *spatial) the star is Python's, not the start of emphasis."""
    for i, line in enumerate(lines):
        if "`" not in line:
            lines[i] = re.sub(r"(?<=, )\*(?=[a-z_]+\))", r"\\*", line)


def setup(app):
    # Before napoleon (500), which turns sections into fields.
    app.connect("autodoc-process-docstring", escape_stars, priority=400)
    app.connect("doctree-resolved", drop_shared_ids)
    app.connect("doctree-resolved", keep_punctuation)
    app.connect("html-page-context", mend_html)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
