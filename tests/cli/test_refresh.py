"""A monthly refresh: what is counted, what is kept, and what is refused."""

import json
import textwrap
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock

from ebi_rules._support.output_lock import scratch_path
from ebi_rules.cube import read_cube
from tests.cli.conftest import Run
from tests.cli.refreshing import DAY, SETTINGS, Refresh, exact_cube, until


def test_months_are_added_and_nothing_is_counted_twice(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path
) -> None:
    until(everything, date(2026, 1, 1)).write_parquet("opa.parquet")
    first = refresh(settings=SETTINGS)
    assert first["status"] == "counted" and first["since"] is None and first["changes"] == ["This is the first run."]
    assert refresh() == {"status": "unchanged", "since": first["run"]}
    assert len(list((tmp_path / "runs").iterdir())) == 1

    everything.write_parquet("opa.parquet")
    second = refresh()
    assert second["reasons"] == ["opa.parquet has changed"] and second["counted_again"] == "the last months"
    assert second["new_months"] == ["2026-01", "2026-02", "2026-03"] and second["changed_months"] == []
    assert second["changes"] == [
        "New months: January 2026, February 2026 and March 2026.",
        "No count of an earlier month, of all providers together, has changed.",
    ]
    kept = read_cube(tmp_path / "exact" / f"{second['run']}.parquet")
    assert kept.equals(exact_cube(everything))
    written = {path.name for path in (tmp_path / "runs" / second["run"]).iterdir()}
    assert {"report.html", "run.json", "providers.csv", "changes.csv", "summary.json"} <= written
    assert json.loads((tmp_path / "runs" / second["run"] / "summary.json").read_text()) == second
    assert refresh("--again")["reasons"] == []


def test_a_cube_that_was_removed_is_counted_again(refresh: Refresh, everything: pl.DataFrame, tmp_path: Path) -> None:
    until(everything, date(2026, 1, 1)).write_parquet("opa.parquet")
    first = refresh(settings=SETTINGS)
    (tmp_path / "exact" / f"{first['run']}.parquet").unlink()
    everything.write_parquet("opa.parquet")
    summary = refresh()
    assert summary["counted_again"] == "everything, as there is no earlier cube to add to"
    assert summary["new_months"] == ["2026-01", "2026-02", "2026-03"]


@pytest.mark.needs("DuckDB")
def test_a_table_in_a_database_is_always_looked_at(refresh: Refresh, everything: pl.DataFrame, tmp_path: Path) -> None:
    until(everything, date(2026, 3, 1)).write_parquet("opa.parquet")
    settings = SETTINGS + 'engine = "duckdb"\n'
    refresh(settings=settings)
    everything.write_parquet("opa.parquet")
    summary = refresh()
    assert summary["new_months"] == ["2026-03"] and summary["counted_again"] == "the last months"
    assert read_cube(tmp_path / "exact" / f"{summary['run']}.parquet").equals(exact_cube(everything, "duckdb"))


def test_files_of_months_are_named_where_they_are_new(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "extracts").mkdir()
    for start, end in ((1, 3), (3, 7)):
        part = everything.filter(DAY.is_between(date(2024, start, 1), date(2024, end, 1), closed="left"))
        part.write_parquet(tmp_path / "extracts" / f"{start}.parquet")
        summary = refresh(settings=SETTINGS.replace("opa.parquet", "extracts/*.parquet"))
    assert summary["reasons"] == [f"{Path('extracts/3.parquet')} is new"]
    assert summary["new_months"] == ["2024-03", "2024-04", "2024-05", "2024-06"]


@pytest.mark.parametrize(
    ("settings", "message", "code"),
    [
        ('extract = "opa.parquet"\nrun = "x"\n', "line 2: run: there is no entry 'run'", 3),
        ('runs = "x"\n', "the entry extract is missing", 3),
        ('extract = ["a.parquet"]\n', "extract: this must be text", 3),
        ('extract = "opa.parquet"\nrecount = -1\n', "recount: this must be a whole number from 0", 3),
        ('extract = "opa.parquet"\naudit = 3\n', "write [audit] on a line of its own", 3),
        (SETTINGS + "disclosures = 'none'\n", "line 5: audit.disclosures: there is no option of ebi-rules audit", 3),
        (SETTINGS + "force = true\n", "ebi-rules run sets --force itself", 3),
        (SETTINGS + 'months = "2024-04"\n', "ebi-rules run sets --months itself", 3),
        (SETTINGS + 'xlsx = "yes"\n', "audit.xlsx: this must be true or false", 3),
        (SETTINGS + "names = true\n", "audit.names: this must be text", 3),
        (SETTINGS + "by = [1]\n", "audit.by: this must be a name", 3),
        (SETTINGS + 'baseline = "long"\n', "[audit]: Invalid value for '--baseline'", 3),
        (SETTINGS + 'disclosure = "some"\n', "there is no method 'some'", 2),
        (SETTINGS + 'release = "ledger.jsonl"\ndisclosure = "none"\n', "exact counts", 2),
        (SETTINGS.replace("[audit]", 'runs = "a"\nexact = "a/b"\n[audit]'), "overlap", 2),
        (SETTINGS.replace("[audit]", 'exact = "opa.parquet"\n[audit]'), "overlaps the input", 2),
        (SETTINGS.replace("[audit]", 'runs = "no/such/place"\n[audit]'), "does not exist", 2),
        ("extract = ", "Invalid value", 3),
    ],
)
def test_wrong_settings_are_refused_and_nothing_is_left(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path, settings: str, message: str, code: int
) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    assert message in refresh(settings=settings, code=code).replace("\\", "/")
    left = {path.name for path in tmp_path.iterdir()} - {"opa.parquet", "ebi-rules.toml"}
    assert not [path for name in left for path in (tmp_path / name).rglob("*")]


def test_without_a_file_of_settings_it_says_how_to_make_one(
    refresh: Refresh, run: Run, everything: pl.DataFrame, tmp_path: Path
) -> None:
    assert "ebi-rules new settings EXTRACT writes one" in refresh(code=2)
    everything.head(2_000).write_parquet("opa.parquet")
    (tmp_path / "deep").mkdir()
    run("new", "settings", "opa.parquet", "-o", "deep/monthly.toml")
    assert refresh("deep/monthly.toml")["status"] == "counted"
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"monthly.toml", "runs", "exact"}
    assert "already exists" in run("new", "settings", "opa.parquet", "-o", "deep/monthly.toml", code=2).output


@pytest.mark.parametrize("name", ["summary.json", "run.json", "trend.csv"])
def test_a_damaged_earlier_run_is_named(refresh: Refresh, everything: pl.DataFrame, tmp_path: Path, name: str) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    first = refresh(settings=SETTINGS)
    (tmp_path / "runs" / first["run"] / name).write_text("[")
    assert f"{name} of an earlier run cannot be read" in refresh("--again", code=3)
    assert len(list((tmp_path / "exact").iterdir())) == 1


def test_a_run_beside_another_and_a_clock_that_goes_back_are_refused(
    refresh: Refresh, run: Run, everything: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    refresh(settings=SETTINGS)
    with FileLock(scratch_path((tmp_path / "runs").resolve()).with_suffix(".lock")):
        assert "another run is writing to" in refresh("--again", code=2)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert "check the clock" in run("run", "--again", code=2).output


def test_a_release_that_is_refused_keeps_neither_figures_nor_cube(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path
) -> None:
    until(everything, date(2026, 1, 1)).write_parquet("opa.parquet")
    settings = SETTINGS + 'release = "ledger.jsonl"\n'
    refresh(settings=settings)
    everything.write_parquet("opa.parquet")
    assert "would combine with an earlier release" in refresh(code=2)
    assert len(list((tmp_path / "runs").iterdir())) == len(list((tmp_path / "exact").iterdir())) == 1
    refresh(settings=settings + 'release-override = "agreed by the information governance lead"\n')
    assert "information governance" in (tmp_path / "ledger.jsonl").read_text()


def test_the_settings_in_the_docs_are_read(refresh: Refresh, everything: pl.DataFrame, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "refresh.md").read_text(encoding="utf-8")
    block = textwrap.dedent(page.split("<!-- settings -->\n")[1].split("<!-- end -->")[0])
    everything.head(2_000).write_parquet("opa.parquet")
    (tmp_path / "names.csv").write_text("code,name\nZZ0,Made-up Hospital\n")
    assert refresh(settings=block)["status"] == "counted"


def test_what_a_killed_run_left_is_removed(refresh: Refresh, everything: pl.DataFrame, tmp_path: Path) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    refresh(settings=SETTINGS)
    for folder in ("runs", "exact"):
        left = tmp_path / folder / ".ebi-rules-0123456789abcdef"
        left.mkdir()
        (left / "half.csv").write_text("half")
        (tmp_path / folder / ".ebi-rules-0123456789abcdef.lock").write_text("")
    refresh("--again")
    assert not [path for folder in ("runs", "exact") for path in (tmp_path / folder).glob(".ebi-rules-*")]


def test_a_layout_that_was_edited_is_a_change(
    refresh: Refresh, run: Run, everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    run("new", "layout", "ours")
    settings = SETTINGS + 'layout = "ours.toml"\n'
    refresh(settings=settings)
    assert refresh()["status"] == "unchanged"
    text = (tmp_path / "ours.toml").read_text()
    (tmp_path / "ours.toml").write_text(text.replace('"Der_Provider_Code"', '"Der_Provider_Site_Code"'))
    summary = refresh()
    assert "ours.toml has changed" in summary["reasons"]
    assert "the columns" in summary["counted_again"]


def test_a_folder_of_charts_with_other_files_is_refused_before_anything_is_counted(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    (tmp_path / "bi").mkdir()
    (tmp_path / "bi" / "mine.xlsx").write_text("mine")
    assert "contains mine.xlsx" in refresh(settings=SETTINGS + 'star-schema = "bi"\n', code=2)
    assert not (tmp_path / "runs").exists()
    (tmp_path / "bi" / "mine.xlsx").unlink()
    refresh()
    assert refresh("--again")["status"] == "counted", "a star schema is replaced every month"
    assert (tmp_path / "bi" / "data_dictionary.parquet").exists()
