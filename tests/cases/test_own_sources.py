"""Cases of our own: tables of databases, cubes, and frames of other libraries."""

from datetime import date
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.cube import add_up, read_cube
from ebi_rules.provider_audit.merged_providers import merger_hints, read_merged_providers
from tests.cases.own_cases import RIGHT, audited, refused
from tests.cases.test_files_as_people_have_them import CASES, EXACT, counts

# Engines.


@pytest.mark.needs("DuckDB")
def test_a_table_in_a_database_is_read_as_it_is(tmp_path: Path, frame: pl.DataFrame) -> None:
    duckdb = import_module("duckdb")
    path = tmp_path / "warehouse.duckdb"
    table = frame.with_columns(
        pl.col("Age_at_Start_of_Episode_SUS").cast(pl.Float64).cast(pl.String),
        pl.col("Sex").cast(pl.Float64),
    ).rename(str.upper)
    with duckdb.connect(str(path)) as connection:
        connection.register("seen", table.to_arrow())
        connection.execute("CREATE TABLE opa AS SELECT * FROM seen")
    found = audited(f"{path}::opa", engine="duckdb")
    assert counts(found) == RIGHT
    ours = audited(table).exact_cube.filter(~pl.col("measure").cast(pl.String).is_in(["codes", "invalid"]))
    assert found.exact_cube.equals(ours)


# Cubes.


def test_two_cubes_of_the_same_month_are_refused_and_can_be_replaced(tmp_path: Path, frame: pl.DataFrame) -> None:
    early, late = tmp_path / "early.parquet", tmp_path / "late.parquet"
    first = frame.filter(pl.col("Appointment_Date") < date(2023, 7, 1))
    second = frame.filter(pl.col("Appointment_Date") >= date(2023, 6, 1))
    audited(first.head(first.height - 5)).exact_cube.write_parquet(early)
    audited(second).exact_cube.write_parquet(late)
    with pytest.raises(ebi.ExtractError, match=r"two cubes have counted the same: .* in 2023-06 .*--replace"):
        ebi.audit_cube([early, late], "2S", EXACT)
    replaced = ebi.audit_cube([early, late], "2S", EXACT, replace_months=True)
    whole = audited(frame)
    assert counts(replaced)[1] >= RIGHT[1] - 5
    june = [
        audit.trend.filter(provider="all providers", month="2023-06").select("eligible", "flagged").row(0)
        for audit in (replaced, whole)
    ]
    assert june[0] == june[1]


def test_what_a_later_cube_does_not_have_stays_or_is_said_to_be_gone(frame: pl.DataFrame) -> None:
    both = ebi.audit(frame, ["2S", "2T"], settings=EXACT).exact_cube
    later = audited(frame.filter(pl.col("Der_Provider_Code") != "RAA")).exact_cube
    total, warnings = add_up([both, later], replace_months=True)
    counts_of = [cube.filter(rule="2T_knee_mri", measure="eligible")["count"].sum() for cube in (both, total)]
    assert counts_of[0] == counts_of[1] > 0
    assert warnings == ["months that a later cube restates do not have these providers there any more: RAA."]
    assert total.filter(measure="activity")["count"].sum() == (frame["Der_Provider_Code"] != "RAA").sum()


def test_a_pasted_cube_without_headings(tmp_path: Path, frame: pl.DataFrame) -> None:
    path = tmp_path / "pasted.csv"
    cube = audited(frame).exact_cube
    cube.write_csv(path, include_header=False, separator=";")
    with pytest.raises(ebi.ExtractError, match="headings"):
        read_cube(path)
    cube.write_csv(path, separator=";")
    assert read_cube(path).equals(cube)


# Frames.


@pytest.mark.needs("pandas")
def test_tables_of_other_libraries(frame: pl.DataFrame) -> None:
    pandas = import_module("pandas")
    table = pandas.DataFrame(frame.to_dict(as_series=False))
    assert counts(audited(table)) == RIGHT
    flagged = ebi.flag(table, "2S")
    assert isinstance(flagged, pandas.DataFrame)
    assert flagged["2S_lower_back_imaging"].sum() == RIGHT[0]
    assert counts(audited(frame.to_arrow())) == counts(audited(frame.to_arrow().to_reader())) == RIGHT


@pytest.mark.needs("DuckDB")
def test_a_relation_of_duckdb(frame: pl.DataFrame) -> None:
    connection = import_module("duckdb").connect()
    connection.register("opa", frame.to_arrow())
    assert counts(audited(connection.sql("SELECT * FROM opa"))) == RIGHT


def test_what_is_no_table_is_refused_with_what_to_type(frame: pl.DataFrame) -> None:
    rows = frame.to_dicts()
    assert "not a builtins.list: pass polars.DataFrame(data)" in refused(rows)
    assert counts(audited(pl.DataFrame(rows, infer_schema_length=None))) == RIGHT


# Providers that merged.


def test_merged_providers_are_one_for_all_dates(tmp_path: Path) -> None:
    path = tmp_path / "merged.csv"
    path.write_text("old,new,from\n" + "".join(f"R{x}{x}00,R{x}{x},2023-09-01\n" for x in "ABCD"), encoding="utf-8")
    merged = read_merged_providers(path)
    extract = pl.read_parquet(CASES / "10b-provider-3-5" / "opa.parquet")
    audit = audited(extract, ebi.Settings(disclosure="none", merged=merged))
    assert counts(audit) == RIGHT
    assert set(audit.providers["provider"]) == {"RAA", "RBB", "RCC", "RDD"}
    assert merger_hints(audit.exact_cube) == []
    only = audited(extract, ebi.Settings(disclosure="none", merged=merged, providers=("RAA",)))
    assert only.totals()["activity"].item() == extract["Der_Provider_Code"].is_in(["RAA", "RAA00"]).sum()


def test_a_code_that_ends_as_another_begins_is_hinted_at(frame: pl.DataFrame) -> None:
    early = pl.col("Appointment_Date") < date(2023, 8, 1)
    code = pl.when(early).then(pl.lit("RXA")).otherwise(pl.lit("RYB")).alias("Der_Provider_Code")
    is_first = pl.col("Der_Provider_Code") == "RAA"
    changed = frame.with_columns(pl.when(is_first).then(code).otherwise("Der_Provider_Code").alias("Der_Provider_Code"))
    hints = [text for text in audited(changed).warnings if "took over" in text]
    assert len(hints) == 1
    assert "RXA has no activity after 2023-07, and RYB has none before 2023-08" in hints[0]


# What was read.


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_the_profile_tells_what_was_read(tmp_path: Path, frame: pl.DataFrame, engine: str) -> None:
    path = tmp_path / "opa.parquet"
    frame.with_columns(Sex=pl.when(pl.int_range(pl.len()) < 7).then(pl.lit("Q")).otherwise("Sex")).write_parquet(path)
    profile = ebi.open(path, engine=engine).profile("2S")
    assert profile.rows == frame.height
    fields = {row["field"]: row for row in profile.fields.to_dicts()}
    assert fields["sex"]["unknown"] == 7
    assert fields["procedures"]["missing"] == frame["Der_Procedure_All"].null_count()
    assert profile.months["rows"].sum() == frame.height
    assert profile.rules.rows() == [("2S_lower_back_imaging", True, None)]
    assert profile.problem is None
