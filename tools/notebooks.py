"""Run the book's notebooks and write them in the one form that is committed.

    python -m tools.notebooks                 run every notebook under book/ and write it
    python -m tools.notebooks book/pooling    the same, for one folder or one file
    python -m tools.notebooks --format        no run: only rewrite (after editing prose)
    python -m tools.notebooks --check         no run, no writing: list what is not canonical

The canonical form keeps what a reader or a comparison needs (source, tags, text outputs) and drops
what changes from run to run: pictures (the build draws them), widget ids, timings, versions of
Python, tracebacks' paths. Keys are sorted, so a diff shows a change and nothing else.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path

BOOK = Path("book")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
CELL_METADATA = ("mystnb", "tags")  # all else is an editor's state
IMAGES = ("image/png", "image/jpeg", "image/svg+xml", "image/gif", "application/pdf")
VOLATILE_MIME = (*IMAGES, "application/vnd.jupyter.widget-view+json")


def find(paths):
    """The notebooks among and below `paths`, in a stable order, without checkpoints and builds."""
    found = set()
    for top in map(Path, paths):
        below = [top] if top.is_file() else top.rglob("*.ipynb")
        found.update(p for p in below if not any(s[0] in "._" for s in p.relative_to(top).parts))
    return sorted(found)


def lines(text):
    """Split a source or an output as Jupyter stores it: a list of lines with their ends."""
    return ("".join(text) if isinstance(text, list) else text).splitlines(keepends=True)


def joined(outputs):
    """Join neighbouring parts of one stream: a busy kernel sends a cell's text in several."""
    whole = []
    for output in outputs:
        last = whole[-1] if whole else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            whole[-1] = last | {"text": lines(last["text"]) + lines(output["text"])}
        else:
            whole.append(output)
    return whole


def canonical_output(output, count):
    """Drop from one output what varies between runs."""
    output = dict(output)
    if output["output_type"] == "stream":
        output["text"] = lines(output["text"])
    elif output["output_type"] == "error":  # the traceback holds paths of this machine
        output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
    else:
        kept = {mime: d for mime, d in output["data"].items() if mime not in VOLATILE_MIME}
        output["data"] = {m: d if m.endswith("json") else lines(d) for m, d in kept.items()}
        metadata = output["metadata"].items()
        output["metadata"] = {
            k: v for k, v in metadata if k not in (*VOLATILE_MIME, "needs_background")
        }
        if output["output_type"] == "execute_result":
            output["execution_count"] = count
    return output


def canonical(notebook):
    """Return the canonical form of a notebook, given and returned as plain dicts and lists."""
    cells, ids, count = [], set(), 0
    for place, old in enumerate(notebook["cells"]):
        source = lines(old["source"])
        cell = {"cell_type": old["cell_type"], "source": source}
        cell["metadata"] = {k: old["metadata"][k] for k in CELL_METADATA if old["metadata"].get(k)}
        cell_id = old.get("id")
        if not cell_id or cell_id in ids:  # made from the place and the text: the same every time
            cell_id = hashlib.sha1(f"{place}:{''.join(source)}".encode()).hexdigest()[:8]
        ids.add(cell_id)
        cell["id"] = cell_id
        if old["cell_type"] == "code":
            ran = old.get("execution_count") is not None
            count += ran
            cell["execution_count"] = count if ran else None
            cell["outputs"] = [canonical_output(o, count) for o in joined(old["outputs"])]
        cells.append(cell)
    return {"cells": cells, "metadata": NOTEBOOK_METADATA, "nbformat": 4, "nbformat_minor": 5}


def dumps(notebook):
    """Write a notebook as canonical text."""
    return json.dumps(canonical(notebook), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def execute(notebook, folder):
    """Run every cell in a fresh kernel, in the notebook's own folder."""
    import nbformat
    from nbclient import NotebookClient

    client = NotebookClient(
        nbformat.reads(dumps(notebook), as_version=4),
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute()


def is_canonical(path):
    """Whether a notebook is in its form; say so where it is not."""
    text = path.read_text(encoding="utf-8")
    if dumps(json.loads(text)) == text:
        return True
    print(f"{path}: not canonical; run: python -m tools.notebooks --format {path}")
    return False


def rewrite(path, run):
    """Write a notebook in its form, its cells run before if `run`."""
    start, text = time.perf_counter(), path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    new = dumps(execute(notebook, path.parent) if run else notebook)
    if new != text:
        path.write_text(new, encoding="utf-8")
    print(f"{time.perf_counter() - start:.1f} s{'' if new == text else ', rewritten'}")
    return True


def arguments(argv):
    """What is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", default=[BOOK], help="notebooks or folders")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="report, change nothing")
    mode.add_argument("--format", action="store_true", help="rewrite without running")
    return parser.parse_args(argv)


def main(argv=None):
    """Handle every notebook asked for; return the exit status."""
    args = arguments(argv)
    os.environ.setdefault("TQDM_DISABLE", "1")  # progress bars would be committed as output
    paths, bad = find(args.paths), 0
    for number, path in enumerate(paths, 1):
        if not args.check:
            print(f"[{number}/{len(paths)}] {path} ", end="", flush=True)
        try:
            bad += not (is_canonical(path) if args.check else rewrite(path, run=not args.format))
        except Exception as error:  # report it, go on with the next notebook
            print(f"FAILED {path}\n{error}")
            bad += 1
    if args.check:
        print(f"{len(paths)} notebooks, {bad} not canonical")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
