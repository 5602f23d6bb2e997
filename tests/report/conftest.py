"""Open reports in a real browser: Debian's Chromium, driven by Playwright. Tests that use it need it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import ebi_rules as ebi
from ebi_rules.synth.made_up_extract import write_extract
from tests.needs import chromium

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that open a page: each needs a browser."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.needs("Chromium"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=_FLAGS)
        yield launched
        launched.close()


Report = ebi.Audit | ebi.MeasureResult | ebi.PolicyComparison
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
