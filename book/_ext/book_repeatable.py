"""The same book from the same source: two places where a build would depend on the moment.

* A kernel sends the text that a cell prints in parts, cut where the clock has it. myst-nb begins a
  new line at each cut; here the parts are joined as they came.
* Timings differ between builds, and Sphinx would list each as a word to search for. What a cell
  tagged ``nbval-ignore-output`` shows stays in the page and out of the index.

``make repeatable`` builds twice and compares.
"""

from copy import copy

from docutils import nodes
from myst_nb.core import render
from sphinx.builders.html import StandaloneHTMLBuilder


def joined(outputs):
    """The parts of each stream as one, where its first part stood."""
    whole, streams = [], {}
    for output in outputs:
        name = output.get("name") if output["output_type"] == "stream" else None
        if name in streams:
            streams[name]["text"] += output["text"]
            continue
        whole.append(copy(output))
        if name:
            streams[name] = whole[-1]
    return whole


def searchable(doctree):
    """A copy of a page without the outputs that vary."""
    page = doctree.deepcopy()
    for cell in page.findall(nodes.container):
        if "tag_nbval-ignore-output" in cell["classes"]:
            inner = list(cell.findall(nodes.container))
            for output in (box for box in inner if "cell_output" in box["classes"]):
                output.parent.remove(output)
    return page


def setup(app):
    coalesce, index_page = render.coalesce_streams, StandaloneHTMLBuilder.index_page
    render.coalesce_streams = lambda outputs: coalesce(joined(outputs))
    StandaloneHTMLBuilder.index_page = lambda builder, name, doctree, title: index_page(
        builder, name, searchable(doctree), title
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
