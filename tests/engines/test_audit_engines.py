"""An audit's engines count the cube that Polars counts, where the data are; one that fails says so plainly."""

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.cube import schema
from ebi_rules.layouts import ChildTable, find_layout
from ebi_rules.synth import write_extract
from tests.engines.evaluators import SQL_ENGINES, require
from tests.engines.in_postgres import PORT

RULES = ["2S", "2T"]
BY = ["referral_source"]
NOT_IN_SQL = ["codes", "invalid"]


def by_polars(path: Path, **options: str) -> pl.DataFrame:
    cube = ebi.audit(path, RULES, by=BY, **options).cube
    return cube.filter(~pl.col("measure").is_in(NOT_IN_SQL))


@pytest.fixture(scope="module", params=["ncdr-opa", "hes-op", "unified-sus-op"])
def extract(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engines") / f"{request.param}.parquet"
    write_extract(path, 3_000, 6, request.param)
    return path


def children(path: Path) -> dict[str, Path]:
    codes = find_layout(path.stem).codes.items()
    return {
        name: path.with_name(f"{path.stem}.{name}.parquet") for name, shape in codes if isinstance(shape, ChildTable)
    }


def test_duckdb_counts_files(extract: Path) -> None:
    assert ebi.audit(extract, RULES, by=BY, engine="duckdb").cube.equals(by_polars(extract))


def test_duckdb_counts_a_table_of_a_database(extract: Path, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        for name, path in {"opa": extract, **children(extract)}.items():
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{path}')")
    named = {name: name for name in children(extract)}
    found = ebi.audit(f"{tmp_path / 'w.duckdb'}::opa", RULES, by=BY, engine="duckdb", **named)
    assert found.cube.equals(by_polars(extract))
    assert found.run["layout"] == extract.stem


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Give the tests' PostgreSQL, and point libpq's environment at it."""
    require("postgres on PostgreSQL")
    engine, _ = SQL_ENGINES["postgres on PostgreSQL"]
    settings = {"PGHOST": str(engine.folder), "PGPORT": str(PORT), "PGUSER": "postgres", "PGDATABASE": "postgres"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield engine


def test_postgres_counts_a_table(extract: Path, postgres: object) -> None:
    for name, path in {"opa_table": extract, **{f"{n}_of_opa": p for n, p in children(extract).items()}}.items():
        frame = pl.read_parquet(path)
        whole = [column for column, kind in frame.schema.items() if kind.is_integer()]
        postgres.load(name, frame.with_columns(pl.col(whole).cast(pl.Int64)), "postgres")  # type: ignore[attr-defined]
    named = {name: f"{name}_of_opa" for name in children(extract)}
    found = ebi.audit("opa_table", RULES, by=BY, engine="postgres", **named)
    assert found.cube.equals(by_polars(extract))
    assert found.run["inputs"] == []
    assert os.environ["PGHOST"] not in str(found.said)


def test_spark_counts_files(extract: Path) -> None:
    require("spark on Apache Spark")
    named = {name: str(path) for name, path in children(extract).items()}
    found = ebi.audit(str(extract), RULES, by=BY, engine="spark", **named)
    assert found.cube.equals(by_polars(extract))


def test_what_goes_wrong_is_told_by_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", str(tmp_path))
    monkeypatch.setenv("PGPASSWORD", "secret")
    pytest.importorskip("adbc_driver_postgresql")
    with pytest.raises(ebi.EngineError, match=r"PostgreSQL stopped \(\w+\)") as error:
        ebi.audit("opa", engine="postgres")
    assert "secret" not in str(error.value)
    with pytest.raises(ebi.UsageError, match="no engine 'dukdb'; the nearest is duckdb"):
        ebi.audit("opa", engine="dukdb")
    with pytest.raises(ebi.UsageError, match="give its name"):
        ebi.audit(pl.DataFrame(), engine="postgres")
    with pytest.raises(ebi.ExtractError, match="there is no file"):
        ebi.audit(f"{tmp_path}/none.duckdb::opa", engine="duckdb")


def test_a_cube_has_its_columns_in_order(extract: Path) -> None:
    cube = ebi.audit(extract, RULES, by=BY, engine="duckdb").cube
    assert dict(cube.schema) == schema(["provider", "month", "age_band", "sex", *BY])
