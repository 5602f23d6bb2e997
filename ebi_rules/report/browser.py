"""Print pages as PDF by a browser that is installed: Chromium, Chrome or Edge."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ebi_rules._support.errors import EngineError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
_PLACES = (
    ("PROGRAMFILES(X86)", "Microsoft/Edge/Application/msedge.exe"),
    ("PROGRAMFILES", "Microsoft/Edge/Application/msedge.exe"),
    ("PROGRAMFILES", "Google/Chrome/Application/chrome.exe"),
    ("LOCALAPPDATA", "Google/Chrome/Application/chrome.exe"),
)
"""Where Windows keeps browsers: a variable with a folder, and the place in it."""
_ON_A_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_SECONDS = 120
_WITHOUT_SANDBOX = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
"""As root, for example in a container, Chromium does not start inside its sandbox."""


def require_browser() -> str:
    """Return the path of an installed browser.

    Raises:
        EngineError: There is none.
    """
    browser = find_browser()
    if browser is None:
        raise EngineError(
            "no Chromium, Chrome or Edge was found on this machine, so that the report cannot be printed: "
            "leave --pdf out."
        )
    return browser


def find_browser() -> str | None:
    """Return the path of an installed browser; None if there is none."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    windows = [Path(os.environ[variable]) / place for variable, place in _PLACES if variable in os.environ]
    return next((str(path) for path in (*windows, *map(Path, _ON_A_MAC)) if path.is_file()), None)


def print_pdf(browser: str, page: Path, target: Path) -> None:
    """Print a page as PDF.

    Args:
        browser: The path of the browser.
        page: The page.
        target: The file to write.

    Raises:
        EngineError: The browser did not write it.
    """
    _run(browser, [f"--print-to-pdf={target}", "--no-pdf-header-footer", page.resolve().as_uri()], target)


def _run(browser: str, options: Sequence[str], target: Path) -> None:
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            *_WITHOUT_SANDBOX,
            "--no-first-run",
            f"--user-data-dir={profile}",
            *options,
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"the browser did not finish ({type(error).__name__}).") from None
    if not target.is_file():
        raise EngineError("the browser wrote nothing: print the page by hand, from the browser's menu.")
