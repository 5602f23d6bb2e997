"""The report of before and after: readable by all, silent, and with names that are only names."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import ebi_rules as ebi
from tests.report.conftest import Open
from tests.report.situations import PROVIDERS, made_up_audit
from tests.report.test_report import HOSTILE


@pytest.fixture(scope="module")
def compared() -> ebi.PolicyComparison:
    names = {f"ZZ{place:02}": text for place, text in enumerate(HOSTILE)}
    audit = made_up_audit(0.1, later=np.where(np.arange(PROVIDERS) < 10, 0.66, 1.0), changes=18, names=names)
    return ebi.compare(audit, ebi.Change("2023-10", immature=0, phase_in=1, treated=("ZZ00", "ZZ01", "ZZ02")))


def test_axe_finds_no_violation_before_and_after(opened: Open, compared: ebi.PolicyComparison) -> None:
    page = opened(compared)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.set_viewport_size({"width": 420, "height": 1000})
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in violations] == []


def test_the_page_shows_the_series_and_names_as_text(opened: Open, compared: ebi.PolicyComparison) -> None:
    page = opened(compared)
    text = page.inner_text("body")
    assert "These figures show what changed at that time, not why." in text
    assert "Its first month is left out" in text
    for name in HOSTILE:
        assert name in text
    chart = page.locator("figure svg").first
    assert "before and after the change" in str(chart.get_attribute("aria-label"))
    assert chart.locator("circle").count() + chart.locator("path[transform]").count() > 36
