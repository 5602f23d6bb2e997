"""One extract with everything that real files have: every engine counts the same, and says the same of it."""

import sqlite3
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.cube import cube_dimensions
from ebi_rules.engines import warehouse
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.synth.made_up_extract import write_extract
from tests.engines.evaluators import SQL_ENGINES
from tests.engines.in_postgres import PORT
from tests.engines.test_audit_engines import NOT_IN_SQL

ROWS = 3_000
RULES = ["2S"]


def every(rows: int, value: pl.Expr | str | None, column: str) -> pl.Expr:
    """Return a column in which one row of several has another value."""
    other = pl.lit(value) if isinstance(value, str) or value is None else value
    return pl.when(pl.int_range(pl.len()) % rows == 1).then(other).otherwise(pl.col(column)).alias(column)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up extract with white space, markers for nothing, decimals, stray dates, unknown and malformed values."""
    path = tmp_path_factory.mktemp("dirty") / "opa.parquet"
    write_extract(path, ROWS, 7)
    frame = pl.read_parquet(path)
    age = pl.col("Age_at_Start_of_Episode_SUS").cast(pl.Float64).cast(pl.String)
    frame = frame.with_columns(age.alias("Age_at_Start_of_Episode_SUS"))
    frame = (
        frame.with_columns(
            every(7, "NULL", "Age_at_Start_of_Episode_SUS"),
            every(5, pl.col("Administrative_Category").replace({"01": "1.0", "02": "2.0"}), "Administrative_Category"),
            every(6, "\u00a0" + pl.col("Sex") + "\r", "Sex"),
            every(4, "\u00a0" + pl.col("Der_Procedure_All").str.replace(",", "\t") + "\u200b", "Der_Procedure_All"),
            every(11, pl.date(1900, 1, 1), "Appointment_Date"),
        )
        .with_columns(
            every(13, "private", "Administrative_Category"),
            every(9, "U054^Z665", "Der_Procedure_All"),
            every(10, "None", "Der_Diagnosis_All"),
            every(17, pl.date(9999, 12, 31), "Appointment_Date"),
            every(12, " NA ", "Der_Provider_Code"),
            every(19, "7003", "Age_at_Start_of_Episode_SUS"),
        )
        .with_columns(every(8, "X99.8", "Der_Procedure_All"))
    )
    frame.write_parquet(path)
    return path


@pytest.fixture(scope="module")
def right(dirty: Path) -> ebi.Audit:
    return ebi.audit(ebi.open(dirty), RULES, settings=ebi.Settings(disclosure="none"))


def agree(found: ebi.Audit, right: ebi.Audit) -> None:
    # PostgreSQL's table has its names in small letters.
    assert sorted(map(str.lower, found.warnings)) == sorted(map(str.lower, right.warnings))
    assert found.exact_cube.equals(right.exact_cube.filter(~pl.col("measure").cast(pl.String).is_in(NOT_IN_SQL)))
    assert found.trend.equals(right.trend)


def test_everything_is_said(right: ebi.Audit) -> None:
    said = " ".join(right.warnings)
    for words in ("short code", "administrative_category: 2", "malformed first code", "X998", "date before 1990"):
        assert words in said, said


@pytest.mark.needs("DuckDB")
def test_duckdb(dirty: Path, right: ebi.Audit) -> None:
    agree(ebi.audit(ebi.open(dirty, engine="duckdb"), RULES, settings=right.settings), right)


@pytest.mark.needs("Apache Spark")
def test_spark(dirty: Path, right: ebi.Audit) -> None:
    agree(ebi.audit(ebi.open(str(dirty), engine="spark"), RULES, settings=right.settings), right)


@pytest.mark.needs("PostgreSQL", "adbc_driver_postgresql")
def test_postgres(dirty: Path, right: ebi.Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _ = SQL_ENGINES["postgres on PostgreSQL"]
    engine.version()
    settings = {"PGHOST": str(engine.folder), "PGPORT": str(PORT), "PGUSER": "postgres", "PGDATABASE": "postgres"}  # type: ignore[attr-defined]
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    frame = pl.read_parquet(dirty)
    whole = [column for column, kind in frame.schema.items() if kind.is_integer()]
    engine.load("dirty", frame.with_columns(pl.col(whole).cast(pl.Int64)), "postgres")
    agree(ebi.audit(ebi.open("dirty", engine="postgres"), RULES, settings=right.settings), right)
    # Names have capitals where they were quoted when the table was made.
    engine.execute("DROP TABLE IF EXISTS quoted_names")  # type: ignore[attr-defined]
    aliases = ", ".join(f'{column} AS "{column}"' for column in frame.columns)
    engine.execute(f"CREATE TABLE quoted_names AS SELECT {aliases} FROM dirty")  # type: ignore[attr-defined]
    agree(ebi.audit(ebi.open("quoted_names", engine="postgres"), RULES, settings=right.settings), right)


def test_sqlite(dirty: Path, right: ebi.Audit, request: pytest.FixtureRequest) -> None:
    """No engine of ours counts in SQLite: its text is run, as somebody would who pastes it."""
    connection = sqlite3.connect(":memory:")
    request.addfinalizer(connection.close)
    frame = pl.read_parquet(dirty).with_columns(pl.col(pl.Date).cast(pl.String))
    types = ", ".join(f'"{name}" {"TEXT" if kind == pl.String else "INTEGER"}' for name, kind in frame.schema.items())
    connection.execute(f"CREATE TABLE opa ({types})")
    connection.executemany(f"INSERT INTO opa VALUES ({', '.join('?' * frame.width)})", frame.iter_rows())

    def query(statement: str) -> pl.DataFrame:
        cursor = connection.execute(statement)
        names = [each[0] for each in cursor.description]
        return pl.DataFrame(cursor.fetchall(), schema=names, orient="row", infer_schema_length=None)

    binding = ExtractSource("opa").bind_to(frame.columns)
    extract = warehouse.WarehouseExtract(binding, "sqlite", "sqlite", "opa", {}, query)
    counted = warehouse.count_cube(extract, right.tables.audited, cube_dimensions())
    found = ebi.audit_cube(counted.cube, RULES, right.settings)
    assert sorted([*counted.notices, *found.warnings]) == sorted(right.warnings)
    assert found.exact_cube.equals(right.exact_cube.filter(~pl.col("measure").cast(pl.String).is_in(NOT_IN_SQL)))
