"""Small repairs to the generated pages, so that they are valid and accessible."""

import os
import re
from itertools import count

from docutils import nodes

# Progress bars are for people who run a notebook. In a page their stderr would be an error.
os.environ.setdefault("TQDM_DISABLE", "1")

PUNCTUATION = tuple(".,;:!?)’”")
# sphinx-exercise and sphinx-proof give the body of every exercise on a page the same id
SHARED_IDS = {"exercise-content", "solution-content", "proof-content"}


def drop_shared_ids(app, doctree, docname):
    for section in doctree.findall(nodes.section):
        section["ids"] = [name for name in section["ids"] if name not in SHARED_IDS]


def keep_together(app, doctree, docname):
    """Keep a short formula on one line, and with it the full stop behind it."""
    for math in list(doctree.findall(nodes.math)):
        if len(math.astext()) > 24:
            continue
        together = nodes.inline("", "", math.deepcopy(), classes=["nowrap"])
        after = math.next_node(descend=False, siblings=True)
        if isinstance(after, nodes.Text) and after[:1] in PUNCTUATION:
            together += nodes.Text(after[:1])
            after.parent.replace(after, nodes.Text(after[1:]))
        math.replace_self(together)


def fold(body):
    """Make each box of class ``dropdown`` a <details>, which the browser itself folds."""
    opening = re.compile(r'<div class="(?=[^"]*\badmonition\b)[^"]*\bdropdown\b')
    while match := opening.search(body):
        depth, end = 0, None
        for tag in re.finditer(r"<div\b|</div>", body[match.start() :]):
            depth += 1 if tag[0] == "<div" else -1
            if depth == 0:
                end = match.start() + tag.end()
                break
        box = body[match.start() : end]
        box = "<details" + box.removeprefix("<div").removesuffix("</div>") + "</details>"
        box = box.replace("dropdown", "folded", 1)
        title = re.search(r'<p class="admonition-title">(.*?)</p>', box, re.S)
        words = re.sub(r"</?a\b[^>]*>", "", title[1])  # a link would take the click that unfolds
        summary = f'<summary class="admonition-title fold"><span>{words}</span></summary>'
        body = body[: match.start()] + box.replace(title[0], summary, 1) + body[end:]
    return body


def link_to(what, anchor):
    return f'<a class="headerlink" href="#{anchor}" title="Link to this {what}">#</a>'


def address(body):
    """Give every exercise a visible link to itself, and every formula without a number one too."""
    exercise = r'(<div class="exercise[^"]*" id="([^"]+)">\s*<p class="admonition-title">.*?)(</p>)'
    body = re.sub(exercise, lambda m: m[1] + link_to("exercise", m[2]) + m[3], body, flags=re.S)
    numbers = count(1)

    def formula(match):
        anchor = f"formula-{next(numbers)}"
        return f'<div class="math" id="{anchor}">{link_to("formula", anchor)}'

    return re.sub(r'<div class="math">', formula, body)


def mark_words(body):
    """Name the cells of a table: a word or number stays whole, a phrase keeps a readable width."""

    def cell(match):
        if re.search("katex|<code", match[2]):
            return match[0]
        kind = "phrase" if len(re.sub("<.*?>", "", match[2]).strip()) > 16 else "word"
        return f'<td class="{kind} {match[1] or ""}">{match[2]}</td>'

    return re.sub(r'<td(?: class="([^"]*)")?>(.*?)</td>', cell, body, flags=re.S)


def mend_html(app, pagename, templatename, context, doctree):
    if "body" in context:
        # the label hides the visible text "Show code cell source"
        body = context["body"].replace('<summary aria-label="Toggle hidden content">', "<summary>")
        body = re.sub(r'<th class="head">\s*(<p>\s*</p>)?\s*</th>', "<td></td>", body)
        body = body.replace('<summary class="sd-', '<summary class="fold sd-')
        # roles that screen readers no longer know
        body = body.replace(' role="doc-biblioentry"', "").replace('<div role="list" ', "<div ")
        context["body"] = address(fold(mark_words(body)))
    if context.get("metatags"):  # docutils repeats what the page has already
        context["metatags"] = re.sub(r'<meta name="viewport"[^>]*>', "", context["metatags"])


def escape_stars(app, what, name, obj, options, lines):
    """In a shape such as (B, C, *spatial) the star is Python's, not the start of emphasis."""
    for i, line in enumerate(lines):
        if "`" not in line:
            lines[i] = re.sub(r"(?<=, )\*(?=[a-z_]+\))", r"\\*", line)


def setup(app):
    # Before napoleon (500), which turns sections into fields.
    app.connect("autodoc-process-docstring", escape_stars, priority=400)
    app.connect("doctree-resolved", drop_shared_ids)
    app.connect("doctree-resolved", keep_together)
    app.connect("html-page-context", mend_html)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
