"""Every lab in a running JupyterLab: it draws, it answers, nothing is fetched from elsewhere."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest

from convlib import labs

TOKEN = "convlib"
SETTINGS = {
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells, also those out of sight
}
ARGUMENTS = {"SlidingWindow": "size=3, kernel_size=2, revealed=True"}


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """A JupyterLab on a folder with one notebook that shows all labs; its address."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("jupyter")
    sources = ["from convlib import labs"]
    sources += [f"labs.{name}({ARGUMENTS.get(name, '')})" for name in labs.__all__]
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source,
         "outputs": [], "execution_count": None}
        for n, source in enumerate(sources)
    ]  # fmt: skip
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    (folder / "labs.ipynb").write_text(json.dumps(notebook))
    for name, values in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--port=0",
        f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={TOKEN}",
        f"--LabApp.user_settings_dir={folder / 'settings'}",
        f"--LabApp.workspaces_dir={folder / 'workspaces'}", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    environment = os.environ | {"JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    log = (folder / "log").open("w+")
    server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    try:
        yield _address(folder / "log", server)
    finally:
        server.terminate()
        server.wait(20)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _address(log, server):
    for _ in range(1200):  # two minutes: a busy machine is slow to start it
        found = re.search(r"http://(?:localhost|127\.0\.0\.1):\d+/", log.read_text())
        if found:
            address = found[0].replace("localhost", "127.0.0.1")
            with urllib.request.urlopen(f"{address}api/status?token={TOKEN}"):
                return address
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def notebook(browser, jupyter):
    """The notebook, all its cells run; with the list of what went wrong."""
    page = browser.new_page(viewport={"width": 1280, "height": 4000})
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "request",
        lambda r: (
            r.url.startswith((jupyter, "data:", "blob:", jupyter.replace("http", "ws")))
            or troubles.append(f"foreign: {r.url}")
        ),
    )
    page.goto(f"{jupyter}lab/tree/labs.ipynb?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.evaluate(
        """async () => {
          await jupyterapp.restored;
          const widget = jupyterapp.shell.currentWidget;
          await widget.context.sessionContext.ready;
          await jupyterapp.commands.execute("notebook:run-all-cells");
        }"""
    )
    page.wait_for_function(
        f"document.querySelectorAll('.cl-lab .cl-frame').length >= {len(labs.__all__)}",
        timeout=60_000,
    )
    yield page, troubles
    page.close()


def test_every_lab_draws_itself(notebook):
    page, troubles = notebook
    assert page.locator(".cl-lab .cl-frame").count() == len(labs.__all__)
    assert not page.locator(".cl-refusal:visible").count()
    assert not troubles


def test_a_lab_answers_and_python_hears_of_it(notebook):
    page, _ = notebook
    lab = page.locator(".cl-lab", has_text="Sliding window")
    lab.locator(".cl-output .cl-cell").nth(1).hover()
    assert lab.locator(".cl-readout").inner_text().endswith("0·1 + 1·2 + 2·4 + 3·5 = 25")
    lab.get_by_label("Padding p: more").click()
    assert lab.locator(".cl-output .cl-cell").count() == 16


def test_labs_wear_the_books_colours(notebook):
    page, _ = notebook
    kernel = page.locator(".cl-lab", has_text="Sliding window").locator(".cl-kernel .cl-cell").first
    assert kernel.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(249, 220, 201)"
