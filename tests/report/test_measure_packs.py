"""Packs of measures: each unit's own shares, the others anonymous, and no more than the tables say."""

import re
from pathlib import Path

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

import ebi_rules as ebi
from ebi_rules.report.measure_packs import measure_packs
from ebi_rules.synth.made_up_people import EXTRACTS, write_population

CHOSEN = ["attendances_after_imaging", "days_to_first_attendance", "did_not_attend", "appointments_after_scan"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ebi.MeasureResult:
    folder = tmp_path_factory.mktemp("packs") / "population"
    write_population(folder, 4_000, seed=5)
    outpatients = folder / "outpatient.parquet"
    commissioner = pl.lit("Q") + (pl.int_range(pl.len()) % 12).cast(pl.String).str.zfill(2)
    pl.read_parquet(outpatients).with_columns(Der_Commissioner_Code=commissioner).write_parquet(outpatients)
    files = [folder / f"{name}.parquet" for name in EXTRACTS]
    return ebi.run_measures(files, CHOSEN, by=["commissioner"])


def _text(page: str) -> str:
    return re.sub(r"<style.*?</style>|<svg.*?</svg>", "", page, flags=re.S)


@pytest.mark.parametrize(("field", "table"), [("provider", "measures"), ("commissioner", "by_commissioner")])
def test_packs_show_only_figures_of_the_tables(result: ebi.MeasureResult, field: str, table: str) -> None:
    *packs, index = measure_packs(result.tables, field)
    rows = result.table(table).filter(pl.col(field).is_not_null(), pl.col(field) != "all providers")
    units = set(rows.filter(pl.col("followed").fill_null(1) > 0)[field])
    assert {pack.unit for pack in packs} == units and len(units) > 5 and index.file == "index"
    for pack in packs:
        own = rows.filter(pl.col(field) == pack.unit)
        told = re.findall(r"([\d,*]+) of ([\d,*]+) followed", _text(pack.page))
        shown = own.filter(pl.col("percent").is_not_null())
        expected = {(f"{row['outcome']:,}", f"{row['followed']:,}") for row in shown.iter_rows(named=True)}
        assert set(told) == expected
        assert not any(f">{other}<" in pack.page or f"{other}:" in pack.page for other in units - {pack.unit})
        for share in shown["percent"].round(1):
            assert f"<strong>{share:.1f} (" in pack.page
    named = next(iter(measure_packs(result.tables, field, name_others=True)))
    assert sum(f"{other}: " in named.page for other in units) > 3


def test_what_is_suppressed_is_named_and_has_no_figure(result: ebi.MeasureResult) -> None:
    hidden = result.shares.filter(pl.col("percent").is_null(), pl.col("followed").fill_null(1) > 0)
    assert hidden["followed"].null_count(), "some are suppressed altogether"
    pages = {pack.unit: pack.page for pack in measure_packs(result.tables, "provider")}
    titles = {entry.key: entry.measure.title for entry in result.tables.entries}
    for row in hidden.filter(pl.col("provider") != "all providers").iter_rows(named=True):
        listed = pages[row["provider"]].partition("Not shown, as the numbers are too small")[2]
        assert f"<li>{titles[row['measure']]}</li>" in listed


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("consultant", "there are no packs of people"),
        ("gp_practice", "count by it too, with --by gp_practice"),
        ("sex", "no field 'sex'"),
    ],
)
def test_there_are_no_packs_of_people_or_of_what_was_not_counted(
    result: ebi.MeasureResult, tmp_path: Path, field: str, message: str
) -> None:
    with pytest.raises(ebi.UsageError, match=message):
        result.write(tmp_path / "out", pack=field)
    assert not (tmp_path / "out").exists()


def test_packs_are_written_replaced_and_accessible(result: ebi.MeasureResult, browser: Browser, tmp_path: Path) -> None:
    result.write(tmp_path / "out", pack="provider")
    result.write(tmp_path / "out", force=True, pack="provider")
    folder = tmp_path / "out" / "packs"
    index = (folder / "index.html").read_text(encoding="utf-8")
    targets = re.findall(r'href="([^"#]+)"', index)
    assert len(targets) == len(list(folder.iterdir())) - 1
    page = browser.new_page(viewport={"width": 420, "height": 900})
    for name in ("index.html", targets[0]):
        page.goto((folder / name).as_uri())
        assert [each["id"] for each in Axe().run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
