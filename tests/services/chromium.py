"""A headless Chromium for walks through pages: looked for on the machine, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

VARIABLE = "TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FOLDERS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
REMEDY = f"apt-get install chromium, brew install --cask chromium, or set {VARIABLE}"
# No sandbox: the suite may run as root, which Chromium refuses. The rest keeps it at home.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class ChromiumMissingError(Exception):
    """A walk needs a browser that this machine does not have; the message says how to get it."""


def chromium_program() -> Path:
    """Find the program: the one that TEST_CHROMIUM names, else one of the usual."""
    given = os.environ.get(VARIABLE)
    if given and not os.access(given, os.X_OK):
        raise ChromiumMissingError(f"{VARIABLE} names {given}, which cannot be run: {REMEDY}")
    found = given or next(filter(None, map(shutil.which, NAMES)), None)
    found = found or next((one for one in FOLDERS if os.access(one, os.X_OK)), None)
    if found is None:
        raise ChromiumMissingError(f"no Chromium on this machine: {REMEDY}")
    return Path(found)


@contextmanager
def chromium_browser(program: Path) -> Iterator[Browser]:
    """Run one; while it runs, its thread has an event loop: `asyncio.run` belongs elsewhere."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
