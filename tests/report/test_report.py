"""The report: whole in one file, right in its numbers, safe with hostile names, readable in a browser."""

import re
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser

import ebi_rules as ebi
from ebi_rules.synth import write_extract
from opcs_icd.reference import Reference


def test_the_page_loads_nothing_and_shows_every_part(browser: Browser, extract: Path, tmp_path: Path) -> None:
    audit = ebi.audit(extract, ["2S"])
    audit.report(tmp_path / "report.html")
    requests: list[str] = []
    messages: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto((tmp_path / "report.html").as_uri())
    assert [url for url in requests if not url.startswith("file:")] == []
    assert messages == []
    text = page.inner_text("body")
    assert "In scope does not mean inappropriate" in text
    assert "Counts in this report are exact" in text
    assert page.locator("table").count() == 3
    assert page.locator("figure svg[role=img][aria-label]").count() == 3
    assert page.locator("figure svg").nth(1).bounding_box()["width"] > 300
    providers = page.locator("table").nth(1).locator("tbody tr")
    assert providers.count() == audit.providers.height
    page.close()


def test_the_page_says_what_the_tables_say(extract: Path, tmp_path: Path) -> None:
    audit = ebi.audit(extract, ["2S"])
    audit.report(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    totals = audit.totals().row(0, named=True)
    assert f"<strong>{totals['flagged']:,}</strong> in scope" in html
    assert f"<strong>{totals['eligible']:,}</strong> eligible" in html
    assert f"<strong>{totals['rate_per_1000_eligible']:.2f}</strong> per 1,000 eligible" in html
    for left in audit.attrition["left"]:
        assert f">{left:,}</td>" in html
    assert not re.search(r"(?:src|href)=", html)
    assert "<script" not in html


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&amp;", "{{ 7*7 }}"])
def test_a_provider_name_is_never_markup(name: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "OPA_Ident": [1, 2],
            "Der_Provider_Code": [name, "ZZ1"],
            "Der_Procedure_All": ["U055", "U055"],
            "Der_Diagnosis_All": ["M545", "M545"],
            "Administrative_Category": ["01", "01"],
            "Age_at_Start_of_Episode_SUS": [45, 45],
        }
    )
    ebi.audit(frame, ["2S"]).report(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in html.lower()
    assert "<img" not in html.lower()
    assert "49" not in re.findall(r"<td>(.*?)</td>", html)


def test_an_empty_extract_has_a_report_too(extract: Path, tmp_path: Path) -> None:
    ebi.audit(pl.read_parquet(extract).clear(), ["2S"]).write(tmp_path / "out")
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "the extract has no rows" in html
    assert "<strong>0</strong> in scope" in html


def test_a_report_that_exists_is_kept(extract: Path, tmp_path: Path) -> None:
    audit = ebi.audit(extract, ["2S"])
    (tmp_path / "report.html").write_text("precious")
    with pytest.raises(ebi.UsageError, match="exists already"):
        audit.report(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "precious"


def test_codes_have_the_titles_of_ones_own_files(extract: Path, tmp_path: Path) -> None:
    sample = Reference.read(Path(__file__).parents[2] / "fixtures" / "reference")
    ebi.audit(extract, ["2S"], reference=sample).report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "U05.4 Computed tomography of spine" in text
    admitted = tmp_path / "apc.parquet"
    write_extract(admitted, 2_000, layout="ncdr-apcs")
    ebi.audit(admitted, ["2R"], reference=sample).report(tmp_path / "admitted.html")
    assert "H01.1 Made-up excision, first kind" in (tmp_path / "admitted.html").read_text(encoding="utf-8")
