"""The page tests' fixtures: the built book, a local server, tabs of the browser that all share."""

import functools
import http.server
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def html():
    """The folder of the built pages."""
    if not (HTML / "book" / "index.html").is_file():
        pytest.fail("the book is not built: run `make book` first", pytrace=False)
    return HTML


@pytest.fixture(scope="session")
def site(html):
    """Address of the book on a local server, ending in a slash."""
    handler = functools.partial(QuietHandler, directory=str(html))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def tabs(browser):
    """tabs(width, scheme): an open tab of that width and colour scheme, always the same one."""
    opened = {}

    def tab(width, scheme):
        if (width, scheme) not in opened:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            context.add_init_script(path=Path(__file__).with_name("probes.js"))
            opened[width, scheme] = context.new_page()
        return opened[width, scheme]

    yield tab
    for page in opened.values():
        page.context.close()
