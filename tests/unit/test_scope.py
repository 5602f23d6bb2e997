"""Only the chosen months and providers are counted, and the scan does not read the rest."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.polars_engine import open_source, within_scope
from ebi_rules.layouts.scope import Scope
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.synth.made_up_extract import write_extract

MONTHS = "2024-02..2024-04"


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scope") / "opa.parquet"
    write_extract(path, 20_000, 5)
    return path


def _part(path: Path) -> pl.DataFrame:
    day = pl.col("Appointment_Date")
    return pl.read_parquet(path).filter(
        day.is_between(date(2024, 2, 1), date(2024, 4, 30)) & pl.col("Der_Provider_Code").is_in(["ZZ1", "ZZ3"])
    )


def test_a_part_equals_an_audit_of_that_part_alone(extract: Path) -> None:
    exact = Settings(disclosure="none")
    part = ebi.audit(extract, ["2S"], settings=replace(exact, months=MONTHS, providers=("zz3", " ZZ1")))
    expected = ebi.audit(_part(extract), ["2S"], settings=exact)
    assert part.exact_cube.equals(expected.exact_cube)
    assert part.run["rows"] == expected.run["rows"] == _part(extract).height > 50
    assert part.run["options"]["months"] == (202402, 202404)


def test_parts_add_up_to_the_whole(extract: Path, tmp_path: Path) -> None:
    parts = []
    for name, months in {"a": "2023-01..2024-06", "b": "2024-07", "c": "2024-08..2030-12"}.items():
        parts.append(tmp_path / f"{name}.csv")
        ebi.audit(extract, ["2S"], settings=Settings(months=months)).exact_cube.write_csv(parts[-1])
    whole = ebi.audit(extract, ["2S"]).exact_cube
    assert ebi.audit_cube(parts).exact_cube.equals(whole)
    other = ebi.audit(extract, ["2S"], by=["site"]).exact_cube
    other.write_csv(tmp_path / "other.csv")
    with pytest.raises(ebi.ExtractError, match="count by different fields"):
        ebi.audit_cube([*parts, tmp_path / "other.csv"])


def test_the_scan_does_the_filtering(extract: Path) -> None:
    """The filter is in the plan's scan and not after it, so that whole row groups are skipped by their statistics."""
    frame = within_scope(open_source(ExtractSource(extract)), Scope.of(MONTHS, ["ZZ1"])).table.frame
    plan = frame.select(pl.col("Sex")).explain(engine="streaming")
    assert "SELECTION" in plan
    assert "FILTER" not in plan


def test_text_dates_are_compared_as_dates(extract: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(extract)
    frame.with_columns(pl.col("Appointment_Date").dt.strftime("%d/%m/%Y")).write_csv(tmp_path / "opa.csv")
    part = ebi.audit(tmp_path / "opa.csv", ["2S"], settings=Settings(months=MONTHS, providers=("ZZ1", "ZZ3")))
    assert part.exact_cube.equals(ebi.audit(_part(extract), ["2S"]).exact_cube)


def test_a_wrong_scope_is_reported(extract: Path) -> None:
    for months in ("2024", "2024-13", "2024-04..", "april"):
        with pytest.raises(ebi.UsageError, match=r"write 2024-04 or 2024-04\.\.2025-03"):
            ebi.audit(extract, settings=Settings(months=months))
    with pytest.raises(ebi.UsageError, match="after the last"):
        ebi.audit(extract, settings=Settings(months="2024-04..2024-03"))
    with pytest.raises(ebi.UsageError, match="--provider"):
        ebi.audit(extract, settings=Settings(providers=("ZZ'; DROP TABLE",)))
    with pytest.raises(ebi.ExtractError, match="no column for activity_date"):
        ebi.audit(pl.read_parquet(extract).drop("Appointment_Date"), settings=Settings(months="2024-04"))
    with pytest.raises(ebi.ExtractError, match="no activity in these months"):
        ebi.audit(extract, ["2S"], settings=Settings(months="1999-01"))
    warnings = ebi.audit(extract, ["2S"], settings=Settings(providers=("ZZ1", "ZZ99"))).warnings
    assert [text for text in warnings if "provider" in text] == ["there is no activity of the provider ZZ99."]


def test_progress_shows_rows_done_and_time_left(extract: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ebi_rules._support import progress

    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0)
    messages: list[str] = []
    ebi.audit(extract, ["2S"], progress=messages.append)
    rows = [text for text in messages if text.startswith("checking and counting: ")]
    assert rows[-1] == "checking and counting: 20,000 of 20,000 rows, 0:00 left"
    assert messages[-1] == "adding up"
