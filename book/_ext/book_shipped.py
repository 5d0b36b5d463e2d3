"""The site holds what its pages use, and no more.

The theme and the extensions copy 7 MB of scripts, fonts and styles beside the pages, which no page
of this book loads.  What a reader gets is then what ``book/licences.md`` names.
"""

import re
from pathlib import Path

from convlib import labs


def own_files(app):
    """What was written for this book, and KaTeX: scripts and styles may ask for one another."""
    top = Path(app.srcdir, "book", "_static")
    ours = {path.relative_to(top).as_posix() for path in top.rglob("*")}
    return ours | {f"labs/{p.relative_to(labs.STATIC).as_posix()}" for p in labs.STATIC.rglob("*")}


def leave_out_unused(app, exception):
    """Remove from ``_static`` what no page names."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    static = site / "_static"
    pages = [page for page in site.rglob("*.html") if static not in page.parents]
    wanted = own_files(app)
    for page in pages:
        wanted.update(re.findall(r"\b_static/([\w./-]+)", page.read_text(encoding="utf-8")))
    for path in sorted(static.rglob("*"), reverse=True):  # what lies in a folder before the folder
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(static).as_posix() not in wanted:
            path.unlink()


def setup(app):
    app.connect("build-finished", leave_out_unused, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
