"""One Chromium for all tests that look at pages: the fixture `browser`, for every folder."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium, driven by playwright; without it these tests skip, except in CI."""
    required = os.environ.get("CI") or os.environ.get("CONVLIB_REQUIRE_BROWSER") == "1"
    give_up = pytest.fail if required else pytest.skip
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        give_up(
            "no Chromium here; get one with `apt install chromium`, or set CHROMIUM to its path"
        )
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        give_up("playwright is not installed: `pip install playwright`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()
