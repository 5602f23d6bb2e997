"""Months added to an earlier cube give the cube that counting everything gives, on every engine that counts files."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

import ebi_rules as ebi
from ebi_rules.cli.all_commands import command_group
from ebi_rules.results import audit_run
from ebi_rules.synth.made_up_extract import write_extract

EXACT = ebi.Settings(disclosure="none")


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Return an extract with days that are missing, too early or too late."""
    path = tmp_path_factory.mktemp("append") / "opa.parquet"
    write_extract(path, 4_000, 3)
    place = pl.int_range(pl.len())
    odd = pl.when(place % 97 == 0).then(None).when(place % 101 == 0).then(date(1900, 1, 1))
    return pl.read_parquet(path).with_columns(odd.otherwise("Appointment_Date").alias("Appointment_Date"))


def audit(data: pl.DataFrame | Path, engine: str = "polars", **options: Any) -> ebi.Audit:
    return ebi.audit(ebi.open(data, engine=engine), ["2T", "2S"], ["referral_source"], EXACT, **options)


def before(frame: pl.DataFrame, month: str) -> pl.DataFrame:
    """Return what an extract had before a month began; its last month and what has no day were not complete."""
    day = pl.col("Appointment_Date")
    is_later_found = day.is_null() & (pl.int_range(pl.len()) % 5 == 0)
    return frame.filter(day.is_null() | (day < date(int(month[:4]), int(month[5:]), 20)), ~is_later_found)


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("recount", [{}, {"recount": 1}, {"recount": 20}, {"recount_from": "2025-11"}])
def test_the_cube_is_that_of_everything(
    frame: pl.DataFrame, tmp_path: Path, engine: str, recount: dict[str, Any]
) -> None:
    first, everything = tmp_path / "first.parquet", tmp_path / "all.parquet"
    before(frame, "2025-12").write_parquet(first)
    frame.write_parquet(everything)
    audit(first, engine).save_cube(tmp_path / "cube.parquet")
    appended = audit(everything, engine, append=tmp_path / "cube.parquet", **recount)
    assert appended.exact_cube.equals(audit(everything, engine).exact_cube)
    assert appended.run["rows"] == frame.height
    assert any("were not counted now" in text for text in appended.warnings)


def test_restated_months_are_counted_again_and_earlier_ones_are_not(frame: pl.DataFrame, tmp_path: Path) -> None:
    audit(frame).save_cube(tmp_path / "cube.parquet")
    day = pl.col("Appointment_Date")
    restated = frame.filter(day.is_null() | ~day.is_between(date(2025, 12, 1), date(2026, 12, 31)))
    gone = frame.filter(day.is_null() | ~day.is_between(date(2023, 6, 1), date(2023, 6, 30)))
    december_kept = frame.filter(day.is_null() | ~day.is_between(date(2026, 1, 1), date(2026, 12, 31)))
    for recount, now, expected in ((4, restated, restated), (3, restated, december_kept), (3, gone, frame)):
        appended = audit(now, append=tmp_path / "cube.parquet", recount=recount)
        assert appended.exact_cube.equals(audit(expected).exact_cube)


def test_one_wrong_date_behind_the_last_month_hides_no_later_month(frame: pl.DataFrame, tmp_path: Path) -> None:
    """A month counts as the last if the bulk of activity reaches it: one day in 2026-09 does not make the rest old."""
    day = pl.col("Appointment_Date")
    wrong = frame.head(1).with_columns(pl.lit(date(2026, 9, 9)).alias("Appointment_Date"))
    first = pl.concat([frame.filter(day < date(2025, 4, 1)), wrong])
    later = pl.concat([frame.filter(day < date(2025, 9, 1)), wrong])
    audit(first).save_cube(tmp_path / "cube.parquet")
    appended = audit(later, append=tmp_path / "cube.parquet", recount=1)
    assert appended.exact_cube.equals(audit(later).exact_cube)


def test_what_is_booked_after_the_day_of_counting_says_nothing_of_the_months_before(
    frame: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = pl.col("Appointment_Date")
    booked = frame.filter(day >= date(2025, 9, 1))
    moments = iter(
        [datetime(2025, 6, 20, tzinfo=UTC), datetime(2025, 12, 20, tzinfo=UTC), datetime(2025, 12, 20, tzinfo=UTC)]
    )
    monkeypatch.setattr(audit_run, "now", lambda: next(moments))
    first = pl.concat([frame.filter(day < date(2025, 6, 20)), booked])
    audit(first).save_cube(tmp_path / "cube.parquet")
    assert audit(frame, append=tmp_path / "cube.parquet").exact_cube.equals(audit(frame).exact_cube)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rules": ["2S"]}, "the rules"),
        ({"by": []}, "the fields to count by"),
        ({"settings": ebi.Settings(providers=("ZZ1",))}, "the providers"),
        ({"settings": ebi.Settings(variant="attended")}, "the variant, the rules"),
    ],
)
def test_a_cube_that_was_counted_otherwise_is_refused(
    frame: pl.DataFrame, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    audit(frame).save_cube(tmp_path / "cube.parquet")
    arguments = {"rules": ["2S", "2T"], "by": ["referral_source"], "settings": EXACT, **change}
    with pytest.raises(ebi.ExtractError, match=f"other settings than these: {words} differ"):
        ebi.audit(frame, append=tmp_path / "cube.parquet", **arguments)


def test_the_command_keeps_its_own_cube(frame: pl.DataFrame, tmp_path: Path) -> None:
    cube = tmp_path / "cube.parquet"
    extracts = {"first": before(frame, "2025-12"), "second": frame}
    for name, data in extracts.items():
        data.write_parquet(tmp_path / f"{name}.parquet")
        arguments = ["audit", str(tmp_path / f"{name}.parquet"), "--rule", "2S", "--append", str(cube)]
        done = CliRunner().invoke(command_group, [*arguments, "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert f"Wrote {cube}" in done.output
    assert (
        pl.read_csv(tmp_path / "second" / "trend.csv").height
        == audit(frame).trend.filter(rule=ebi.rule("2S").key).height
    )
    for arguments, message in (
        (["--append", str(cube), "--months", "2024-04"], "--months and --append"),
        (["--append", str(cube), "--recount", "-1"], "0 or more"),
        (["--append", str(cube), "--recount-from", "2030-01"], "would be missing"),
        (["--recount", "2"], "for --append"),
        (["--append", str(tmp_path / "second" / "trend.csv")], "does not say how it was counted"),
    ):
        command = ["audit", str(tmp_path / "second.parquet"), "--rule", "2S", *arguments]
        done = CliRunner().invoke(command_group, [*command, "-o", str(tmp_path / "third")])
        assert done.exit_code in (2, 4), done.output
        assert message in done.output
        assert not (tmp_path / "third").exists()
