"""Packs, charts as files and the printed report: whole, accessible, and no more than the tables say."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

import ebi_rules as ebi
from ebi_rules.report.unit_packs import unit_packs
from ebi_rules.synth.made_up_extract import write_extract
from tests.report.situations import PROVIDERS, made_up_audit


@pytest.fixture(scope="module")
def packed() -> ebi.Audit:
    share = np.full(PROVIDERS, 0.025)
    share[[2, 9]] = 0.003
    return made_up_audit(share, rows=30)


def test_packs_show_only_figures_of_the_tables(packed: ebi.Audit) -> None:
    packs = list(unit_packs(packed.tables, "provider"))
    assert len(packs) == PROVIDERS + 1 and packs[-1].file == "index"
    rows = {row["provider"]: row for row in packed.providers.iter_rows(named=True)}
    for pack in packs[:-1]:
        text = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", pack.page, flags=re.S)
        row = rows[pack.unit]
        counts = re.search(r"([\d,*]+) in scope of ([\d,*]+) eligible", text)
        assert counts is not None
        shown = ["*" if row[name] is None else f"{row[name]:,}" for name in ("flagged", "eligible")]
        assert list(counts.groups()) == shown
        others = set(rows) - {pack.unit}
        assert not any(other in pack.page for other in others), "the others are anonymous"
    named = next(iter(unit_packs(packed.tables, "provider", name_others=True)))
    assert sum(other in named.page for other in rows) > 5


def test_a_unit_with_few_has_nothing_small_in_its_pack(packed: ebi.Audit) -> None:
    hidden = packed.providers.filter(pl.col("flagged").is_null())["provider"].to_list()
    assert hidden, "some counts are suppressed"
    for pack in unit_packs(packed.tables, "provider"):
        if pack.unit in hidden:
            assert "* in scope of" in pack.page and "not shown" in pack.page and "<title>your place" not in pack.page


def test_there_are_no_packs_of_people_or_of_what_was_not_counted(packed: ebi.Audit) -> None:
    with pytest.raises(ebi.UsageError, match="there are no packs of people"):
        list(unit_packs(packed.tables, "consultant"))
    with pytest.raises(ebi.UsageError, match="count by it too, with --by gp_practice"):
        list(unit_packs(packed.tables, "gp_practice"))
    with pytest.raises(ebi.UsageError, match="no field 'practice'"):
        list(unit_packs(packed.tables, "practice"))


def test_packs_and_charts_are_written(packed: ebi.Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed.write(tmp_path / "out", pack="provider")
    packed.write(tmp_path / "out", force=True, pack="provider")
    assert len(list((tmp_path / "out" / "packs").iterdir())) == PROVIDERS + 1
    index = (tmp_path / "out" / "packs" / "index.html").read_text(encoding="utf-8")
    for target in re.findall(r'href="([^"#]+)"', index):
        assert (tmp_path / "out" / "packs" / target).is_file()
    monkeypatch.setattr("ebi_rules.report.browser.find_browser", lambda: None)
    assert packed.charts(tmp_path / "charts") == len(list((tmp_path / "charts").glob("*.svg"))) >= 7
    with pytest.raises(ebi.EngineError, match="no Chromium, Chrome or Edge was found"):
        packed.write(tmp_path / "printed", pdf=True)
    assert not (tmp_path / "printed").exists()


def test_a_rule_that_compares_nobody_is_counted_alone(tmp_path: Path) -> None:
    write_extract(tmp_path / "apc.parquet", rows=20_000, layout="ncdr-apcs")
    audit = ebi.audit(tmp_path / "apc.parquet")
    fitness = {entry.fitness.use: entry.counted for entry in audit.tables.audited}
    page = next(iter(unit_packs(audit.tables, "provider"))).page
    assert {"compare", "count", "unsafe"} <= set(fitness)
    assert "Fit to count, not to compare providers" in page and "ratio to what is expected" in page
    assert f"<h2>{fitness['unsafe'].title}" not in page


def test_a_pack_is_accessible_and_the_browser_prints(packed: ebi.Audit, browser: Browser, tmp_path: Path) -> None:
    packed.write(tmp_path / "out", pdf=True, pack="provider")
    assert (tmp_path / "out" / "report.pdf").read_bytes().startswith(b"%PDF")
    drawn = packed.charts(tmp_path / "charts")
    assert len(list((tmp_path / "charts").glob("*.png"))) == drawn
    page = browser.new_page(viewport={"width": 420, "height": 900})
    for name in ("index", "0001_ZZ00"):
        page.goto((tmp_path / "out" / "packs" / f"{name}.html").as_uri())
        assert [each["id"] for each in Axe().run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
