"""Lighthouse's scores of the built pages: ``python -m tools.lighthouse [page ...]``.

It wants Lighthouse and Chromium on this machine (``npm install -g lighthouse``).  Each page is
loaded three times as by a mid-range phone, from a server that compresses as hosts do; the table
has the medians.  A busy machine makes the first column lower.
"""

import functools
import gzip
import http.server
import json
import shutil
import statistics
import subprocess
import sys
import threading
from pathlib import Path

HTML = Path(__file__).resolve().parents[1] / "_build" / "html"
FLAGS = "--headless=new --no-sandbox --disable-gpu"
RUNS = 3


class CompressingHandler(http.server.SimpleHTTPRequestHandler):
    """Files as a static host sends them: text compressed, all of it cacheable."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        kind = self.guess_type(path)
        content = path.read_bytes()
        self.send_response(200)
        if kind.startswith("text/") or "svg" in kind or "javascript" in kind:
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


def scores(lighthouse, address):
    """One run's scores, of 100: {category: score}."""
    command = [lighthouse, address, "--quiet", "--output=json", f"--chrome-flags={FLAGS}"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {name: round(100 * part["score"]) for name, part in report["categories"].items()}


def serve():
    """Serve the built pages from a thread; return the address, ending in a slash."""
    handler = functools.partial(CompressingHandler, directory=str(HTML))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def main():
    lighthouse = shutil.which("lighthouse") or sys.exit(
        "Lighthouse is not here: npm install -g lighthouse"
    )
    pages = sys.argv[1:] or sorted(
        path.relative_to(HTML).as_posix() for path in (HTML / "book").rglob("*.html")
    )
    site = serve()
    for page in pages:
        runs = [scores(lighthouse, site + page) for _ in range(RUNS)]
        middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        print(f"{page:<56}", *(f"{name} {score:3d}" for name, score in middle.items()), flush=True)


if __name__ == "__main__":
    main()
