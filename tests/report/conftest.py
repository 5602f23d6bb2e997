"""Open reports in a real browser: Debian's Chromium, driven by Playwright. Without it tests skip; in CI they fail."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import ebi_rules as ebi
from ebi_rules.synth.made_up_extract import write_extract
from tests.engines.tally import TALLY

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        message = "Chromium is not installed: the report was not tested in a browser"
        TALLY.absent["Chromium"] = "apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield launched
        launched.close()


Report = ebi.Audit | ebi.MeasureResult
Open = Callable[[Report], Page]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a report; at the end check that it loaded nothing else and logged no message."""
    requests: list[str] = []
    messages: list[str] = []
    pages: list[Page] = []

    def open_report(result: Report) -> Page:
        result.report(tmp_path / "report.html")
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("dialog", lambda dialog: messages.append(dialog.message))
        page.goto((tmp_path / "report.html").as_uri())
        pages.append(page)
        return page

    yield open_report
    for page in pages:
        page.close()
    assert [url for url in requests if not url.startswith("file:")] == []
    assert messages == []


@pytest.fixture(scope="session")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "opa.parquet"
    write_extract(path, 30_000, seed=2)
    return path
