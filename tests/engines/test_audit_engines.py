"""An audit's engines count the cube that Polars counts, where the data are; one that fails says so plainly."""

import datetime
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules._support.errors import ExtractError
from ebi_rules.cube import schema
from ebi_rules.layouts.layout import ChildTable, find_layout
from ebi_rules.synth.made_up_extract import write_extract
from tests.engines.snowflake_server import PASSWORD, load_into_fakesnow, serving
from tests.unit.small_rule import rule_text

Children = dict[str, Path] | dict[str, str]

RULES = ["2S", "2T"]
BY = ["referral_source"]
NOT_IN_SQL = ["codes", "invalid"]


def audit_of(source: str | Path, engine: str = "polars", children: Children | None = None, **part: Any) -> ebi.Audit:
    """Audit an extract, or a part of it, where it is."""
    extract = ebi.open(source, engine=engine, **(children or {}))
    return ebi.audit(extract, RULES, by=BY, settings=ebi.Settings(**part))


def by_polars(path: Path, **part: Any) -> pl.DataFrame:
    cube = audit_of(path, **part).exact_cube
    return cube.filter(~pl.col("measure").is_in(NOT_IN_SQL))


LONG_HES, LONG_UNIFIED = (pytest.param(name, marks=pytest.mark.long) for name in ("hes-op", "unified-sus-op"))


def require_restated_found(before: str | Path, now: str | Path, engine: str, children: Children, folder: Path) -> None:
    """Check that a month that was restated is found by an engine, and that nothing is if nothing has changed."""
    audit_of(before, engine, children).save_cube(folder / "cube.parquet")
    for source, counted in ((before, "the last months"), (now, "the months from 2024-06 on")):
        extract = ebi.open(source, engine=engine, **children)
        found = ebi.audit(extract, RULES, by=BY, append=folder / "cube.parquet", find_restated=True)
        assert found.run["counted_again"].startswith(counted)
        assert found.exact_cube.equals(audit_of(source, engine, children).exact_cube)


def restated(path: Path) -> pl.DataFrame:
    """Return an extract without the first days of June 2024."""
    date = pl.col(find_layout(path.stem).fields["activity_date"][0])
    day = date if pl.read_parquet_schema(path)[date.meta.output_name()] == pl.Date else date.str.to_date(strict=False)
    return pl.read_parquet(path).filter(day.is_between(datetime.date(2024, 6, 1), datetime.date(2024, 6, 20)).not_())


def written(factory: pytest.TempPathFactory, layout: str) -> Path:
    path = factory.mktemp("engines") / f"{layout}.parquet"
    write_extract(path, 1_500, 6, layout)
    return path


@pytest.fixture(scope="module", params=["ncdr-opa", LONG_HES, "unified-sus-op"])
def extract(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory, request.param)


@pytest.fixture(scope="module", params=["ncdr-opa", LONG_HES, LONG_UNIFIED])
def slow_extract(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An extract for engines that take half a minute to count one: Spark and fakesnow."""
    return written(tmp_path_factory, request.param)


def children(path: Path) -> dict[str, Path]:
    codes = find_layout(path.stem).codes.items()
    return {
        name: path.with_name(f"{path.stem}.{name}.parquet") for name, shape in codes if isinstance(shape, ChildTable)
    }


def test_duckdb_counts_files(extract: Path) -> None:
    assert audit_of(extract, "duckdb").exact_cube.equals(by_polars(extract))


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_restated_months_of_files_are_found(extract: Path, engine: str, tmp_path: Path) -> None:
    now = tmp_path / extract.name
    restated(extract).write_parquet(now)
    require_restated_found(extract, now, engine, children(extract), tmp_path)


def test_duckdb_counts_a_table_of_a_database(extract: Path, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        for name, path in {"opa": extract, **children(extract)}.items():
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{path}')")
    named = {name: name for name in children(extract)}
    found = audit_of(f"{tmp_path / 'w.duckdb'}::opa", "duckdb", named)
    assert found.exact_cube.equals(by_polars(extract))
    assert found.run["layout"] == extract.stem


@pytest.mark.needs("PostgreSQL")
def test_psql_and_a_csv_file_are_enough(postgres: object, tmp_path: Path) -> None:
    """No connection of ours: the query is printed, run by psql, saved as CSV and audited."""
    extract = tmp_path / "opa.parquet"
    write_extract(extract, 3_000, 6)
    frame = pl.read_parquet(extract)
    postgres.load("pasted", frame, "postgres")  # type: ignore[attr-defined]
    command = [
        sys.executable,
        "-m",
        "ebi_rules",
        "sql",
        *RULES,
        "--dialect",
        "postgres",
        "--layout",
        "ncdr-opa",
        "--table",
        "pasted",
        "--shape",
        "cube",
    ]
    query = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (tmp_path / "cube.sql").write_text(query, encoding="utf-8")
    psql = ["psql", "--csv", "-P", "null=NULL", "-f", tmp_path / "cube.sql", "-o", tmp_path / "cube.csv"]
    subprocess.run(psql, check=True)
    found = ebi.audit_cube(tmp_path / "cube.csv")
    expected = ebi.audit(extract, RULES).exact_cube.filter(~pl.col("measure").is_in(NOT_IN_SQL))
    assert found.exact_cube.equals(expected)


@pytest.mark.needs("PostgreSQL", "adbc_driver_postgresql")
def test_postgres_counts_a_table(extract: Path, postgres: object, tmp_path: Path) -> None:
    for name, path in {"opa_table": extract, **{f"{n}_of_opa": p for n, p in children(extract).items()}}.items():
        frame = pl.read_parquet(path)
        whole = [column for column, kind in frame.schema.items() if kind.is_integer()]
        postgres.load(name, frame.with_columns(pl.col(whole).cast(pl.Int64)), "postgres")  # type: ignore[attr-defined]
    named = {name: f"{name}_of_opa" for name in children(extract)}
    found = audit_of("opa_table", "postgres", named)
    assert found.exact_cube.equals(by_polars(extract))
    read = ["opa_table", *named.values()]
    assert found.run["inputs"] == [
        {"table": name, "engine": "postgres", **({"rows": found.run["rows"]} if name == "opa_table" else {})}
        for name in read
    ]
    assert os.environ["PGHOST"] not in str(found.run)
    now = restated(extract)
    whole = [column for column, kind in now.schema.items() if kind.is_integer()]
    postgres.load("restated", now.with_columns(pl.col(whole).cast(pl.Int64)), "postgres")  # type: ignore[attr-defined]
    require_restated_found("opa_table", "restated", "postgres", named, tmp_path)


@pytest.mark.long  # test_spark_cluster asks the same of two workers.
@pytest.mark.needs("Apache Spark")
def test_spark_counts_files(slow_extract: Path, tmp_path: Path) -> None:
    named = {name: str(path) for name, path in children(slow_extract).items()}
    found = audit_of(str(slow_extract), "spark", named)
    assert found.exact_cube.equals(by_polars(slow_extract))
    now = tmp_path / slow_extract.name
    restated(slow_extract).write_parquet(now)
    require_restated_found(str(slow_extract), str(now), "spark", named, tmp_path)


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_tables_without_rows_or_days_are_counted_too(engine: str, tmp_path: Path) -> None:
    write_extract(tmp_path / "opa.parquet", 200)
    frame = pl.read_parquet(tmp_path / "opa.parquet")
    frame.clear().write_parquet(tmp_path / "empty.parquet")
    assert audit_of(tmp_path / "empty.parquet", engine).exact_cube.is_empty()
    frame.with_columns(pl.lit(None, pl.Date).alias("Appointment_Date")).write_parquet(tmp_path / "dateless.parquet")
    cube = audit_of(tmp_path / "dateless.parquet", engine).exact_cube
    assert cube["month"].is_null().all()
    assert "last_date" not in cube["measure"]


@pytest.mark.parametrize("lacking", ["Appointment_Date", "Treatment_Function_Code", "Sex"])
def test_columns_that_are_not_there_are_counted_alike(lacking: str, tmp_path: Path) -> None:
    write_extract(tmp_path / "made.parquet", 300)
    kept = pl.read_parquet(tmp_path / "made.parquet").drop(lacking)
    kept.write_parquet(tmp_path / "opa.parquet")
    cubes = []
    for engine in ("polars", "duckdb"):
        extract = ebi.open(tmp_path / "opa.parquet", layout="ncdr-opa", engine=engine)
        cubes.append(ebi.audit(extract, "2S").exact_cube)
    assert cubes[1].equals(cubes[0].filter(~pl.col("measure").is_in(NOT_IN_SQL)))
    assert cubes[1].filter(measure="activity")["count"].sum() == 300


_ABSENT = ("Appointment_Date", "Treatment_Function_Code", "Sex", "Administrative_Category", "Attendance_Status")
_AGES = ("Age_at_Start_of_Episode_SUS", "Der_Age_at_CDS_Activity_Date")


@pytest.mark.parametrize("lacking", [_AGES, ("Administrative_Category",), _ABSENT[:2], _ABSENT, (*_ABSENT, *_AGES)])
def test_a_rule_about_codes_needs_no_other_column(lacking: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "scans.toml").write_text(rule_text(), encoding="utf-8")
    write_extract(tmp_path / "made.parquet", 300)
    pl.read_parquet(tmp_path / "made.parquet").drop(lacking).write_parquet(tmp_path / "opa.parquet")
    cubes = []
    for engine in ("polars", "duckdb"):
        extract = ebi.open(tmp_path / "opa.parquet", layout="ncdr-opa", engine=engine)
        cubes.append(ebi.audit(extract, tmp_path / "scans.toml").exact_cube)
    assert cubes[1].equals(cubes[0].filter(~pl.col("measure").is_in(NOT_IN_SQL)))
    counted = {measure: int(count) for measure, count in cubes[1].group_by("measure").agg(pl.col("count").sum()).rows()}
    assert counted["activity"] == 300 and counted["flagged"] > 0
    if "Administrative_Category" in lacking:
        assert cubes[1].filter(measure="missing", item="administrative_category")["count"].sum() == 300


def test_numbers_below_0_are_counted_by_alike(tmp_path: Path) -> None:
    write_extract(tmp_path / "made.parquet", 300)
    decile = pl.int_range(pl.len()) % 4 - 2
    frame = pl.read_parquet(tmp_path / "made.parquet").with_columns(made_up=pl.when(decile < 1).then(decile))
    frame.write_parquet(tmp_path / "opa.parquet")
    cubes = []
    for engine in ("polars", "duckdb"):
        extract = ebi.open(tmp_path / "opa.parquet", columns={"imd_decile": "made_up"}, engine=engine)
        cubes.append(ebi.audit(extract, "2S", by=["imd_decile"]).exact_cube)
    assert cubes[1].equals(cubes[0].filter(~pl.col("measure").is_in(NOT_IN_SQL)))
    assert {"-2", "-1", "0", None} == set(cubes[1]["imd_decile"].cast(pl.String))


def test_a_part_is_counted_alike(extract: Path) -> None:
    """Months and providers are asked of the table; DuckDB stands for every engine that is given our SQL."""
    part = {"months": "2024-02..2024-06", "providers": ("zz1", "ZZ2")}
    found = audit_of(extract, "duckdb", **part)
    assert found.exact_cube.equals(by_polars(extract, **part))
    assert found.run["rows"] == audit_of(extract, **part).run["rows"] < 1_000


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_keys_are_checked_unless_that_is_declined(engine: str, tmp_path: Path) -> None:
    write_extract(tmp_path / "once.parquet", 500)
    frame = pl.read_parquet(tmp_path / "once.parquet")
    pl.concat([frame, frame.head(20)]).write_parquet(tmp_path / "opa.parquet")
    checked, unchecked = (
        audit_of(tmp_path / "opa.parquet", engine, check_keys=each, disclosure="none") for each in (True, False)
    )
    assert checked.exact_cube.equals(unchecked.exact_cube)
    assert checked.run["rows"] == unchecked.run["rows"] == 520
    assert any("20 rows" in text and "OPA_Ident" in text for text in checked.warnings)
    assert any(text.startswith("keys were not checked") for text in unchecked.warnings)
    assert sum("repeat" in text for text in unchecked.warnings) == 1


_KEYS: dict[str, list[int | None]] = {
    "ascending": [1, 2, 5, 9],
    "descending": [9, 5, 2, 1],
    "repeated side by side": [1, 2, 2, 9],
    "repeated apart": [1, 5, 2, 5],
    "all alike": [3, 3, 3, 3],
    "first missing": [None, 2, 5, 9],
    "last missing": [1, 2, 5, None],
    "missing between": [1, None, 2, 2],
    "alone": [7],
    "alone and missing": [None],
}


@pytest.mark.parametrize("of_text", [False, True])
@pytest.mark.parametrize("keys", list(_KEYS))
def test_keys_in_any_order_are_judged_alike(keys: str, of_text: bool, tmp_path: Path) -> None:
    """DuckDB does not count keys that only ascend."""
    write_extract(tmp_path / "made.parquet", len(_KEYS[keys]))
    values = pl.Series("OPA_Ident", _KEYS[keys], dtype=pl.Int64)
    frame = pl.read_parquet(tmp_path / "made.parquet").with_columns(values.cast(pl.String) if of_text else values)
    frame.write_parquet(tmp_path / "opa.parquet")
    by_engine = []
    for engine in ("polars", "duckdb"):
        found = audit_of(tmp_path / "opa.parquet", engine)
        by_engine.append([text for text in found.warnings if "OPA_Ident" in text])
    assert by_engine[0] == by_engine[1]
    assert bool(by_engine[0]) == (keys not in ("ascending", "descending", "alone"))


@pytest.mark.parametrize("days", [4_000_000, -1_000_000])
@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_years_that_no_cube_has_are_refused_alike(engine: str, days: int, tmp_path: Path) -> None:
    """Of the year 12921, and of 768 before Christ: a month has four digits for its year."""
    write_extract(tmp_path / "made.parquet", 50)
    frame = pl.read_parquet(tmp_path / "made.parquet")
    day = pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(days, pl.Int32).cast(pl.Date))
    frame.with_columns(day.otherwise("Appointment_Date").alias("Appointment_Date")).write_parquet(
        tmp_path / "opa.parquet"
    )
    with pytest.raises(ExtractError, match=r"activity_date: 1 row has a value that is not a date such as 2024-03-28"):
        audit_of(tmp_path / "opa.parquet", engine)


@pytest.fixture(scope="module")
def snowflake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the environment in which Snowflake's driver finds a server that emulates Snowflake."""
    with serving(tmp_path_factory.mktemp("profiles")) as environment:
        yield environment


@pytest.mark.needs("fakesnow", "adbc_driver_snowflake")
def test_snowflake_counts_a_table(
    slow_extract: Path, snowflake: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snowflake's own driver against a server that emulates Snowflake."""
    for name, value in snowflake.items():
        monkeypatch.setenv(name, value)
    tables = {"opa": slow_extract, **{f"opa_{name}": path for name, path in children(slow_extract).items()}}
    for name, path in tables.items():
        load_into_fakesnow(name, pl.read_parquet(path))
    named = {name: f"opa_{name}" for name in children(slow_extract)}
    found = audit_of("opa", "snowflake", named)
    assert found.exact_cube.equals(by_polars(slow_extract))
    assert PASSWORD not in str(found.run)


@pytest.mark.needs("adbc_driver_snowflake", "adbc_driver_bigquery", "mssql_python")
def test_credentials_are_nobodys_business(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the drivers of warehouses that are not here say when they cannot connect holds nothing of the connection."""
    monkeypatch.delenv("EBI_CONNECTION", raising=False)
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    for engine in ("snowflake", "sqlserver", "bigquery"):
        with pytest.raises(ebi.UsageError, match="EBI_CONNECTION"):
            ebi.open("opa", engine=engine)
    wrong = {
        "snowflake": "profile://no-such-profile-a-secret",
        "bigquery": "profile://no-such-profile-a-secret",
        "sqlserver": "Server=a-secret;Nonsense=a-secret",
    }
    for engine, connection in wrong.items():
        monkeypatch.setenv("EBI_CONNECTION", connection)
        with pytest.raises(ebi.EngineError, match=r"failed \(\w+\)") as error:
            ebi.open("opa", engine=engine)
        assert "a-secret" not in str(error.value)


@pytest.mark.needs("adbc_driver_postgresql")
def test_a_connection_that_fails_is_told_by_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", str(tmp_path))
    monkeypatch.setenv("PGPASSWORD", "secret")
    with pytest.raises(ebi.EngineError, match=r"PostgreSQL failed \(\w+\)") as error:
        ebi.open("opa", engine="postgres")
    assert "secret" not in str(error.value)
    with pytest.raises(ebi.UsageError, match="pass its name"):
        ebi.open(pl.DataFrame(), engine="postgres")


def test_what_goes_wrong_is_told(tmp_path: Path) -> None:
    with pytest.raises(ebi.UsageError, match="no engine 'dukdb'; the nearest is duckdb"):
        ebi.open("opa", engine="dukdb")
    with pytest.raises(ebi.ExtractError, match="there is no file"):
        ebi.open(f"{tmp_path}/none.duckdb::opa", engine="duckdb")


def test_a_cube_has_its_columns_in_order(extract: Path) -> None:
    cube = audit_of(extract, "duckdb").exact_cube
    assert dict(cube.schema) == schema(["provider", "month", "age_band", "sex", *BY])
