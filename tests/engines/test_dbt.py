"""The dbt package builds with dbt-duckdb, its tests pass, and its models are the flags and the cube of Polars."""

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner, Result

import ebi_rules as ebi
from ebi_rules._support.clock import today
from ebi_rules.cli.all_commands import command_group
from ebi_rules.cube import read_cube
from ebi_rules.provider_audit.plausible_months import without_stray_months
from ebi_rules.synth.made_up_extract import write_extract
from tests.needs import DBT

RULES = ["2S", "2T"]


def _build(folder: Path, package: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Build a package in the database w.duckdb of a folder."""
    profile = {"ebi_rules": {"target": "here", "outputs": {"here": {"type": "duckdb", "path": "w.duckdb"}}}}
    (folder / "profiles.yml").write_text(json.dumps(profile))
    command = [DBT, "build", "--project-dir", package, "--profiles-dir", folder, *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _cube(folder: Path) -> pl.DataFrame:
    with duckdb.connect(folder / "w.duckdb") as connection:
        cube = read_cube(pl.DataFrame(connection.sql("SELECT * FROM ebi_cube").to_arrow_table()))
    return without_stray_months(cube, today())[0]


def _expected(extract: pl.DataFrame | Path, *by: str) -> pl.DataFrame:
    cube = ebi.audit(extract, RULES, by=by).exact_cube
    return cube.filter(~pl.col("measure").is_in(["codes", "invalid"]))


def _make(package: Path, rules: Sequence[str], layout: str, *options: str) -> Result:
    places = ["-o", str(package), "--dialect", "duckdb", "--layout", layout, "--table", "main.opa"]
    made = CliRunner().invoke(command_group, ["dbt", *rules, *places, *options])
    assert made.exit_code == 0, made.output
    return made


def _load(folder: Path, **tables: pl.DataFrame | Path) -> None:
    with duckdb.connect(folder / "w.duckdb") as connection:
        for name, table in tables.items():
            frame = (table if isinstance(table, pl.DataFrame) else pl.read_parquet(table)).to_arrow()
            connection.register("frame", frame)
            connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM frame")


@pytest.mark.needs("dbt")
@pytest.mark.parametrize("layout", [pytest.param("ncdr-opa", marks=pytest.mark.long), "unified-sus-op"])
def test_the_package_builds(layout: str, tmp_path: Path) -> None:
    extract = tmp_path / "opa.parquet"
    write_extract(extract, 3_000, 6, layout)
    files = {"opa": extract, "procs": tmp_path / "opa.procedures.parquet", "diags": tmp_path / "opa.diagnoses.parquet"}
    _load(tmp_path, **{name: path for name, path in files.items() if path.exists()})
    children = ["--procedures", "main.procs", "--diagnoses", "main.diags"] if files["procs"].exists() else []
    package = tmp_path / "package"
    made = _make(package, RULES, layout, "--by", "site", *children)
    assert "4 models" in made.output
    done = _build(tmp_path, package)
    assert done.returncode == 0, done.stdout
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        flagged = connection.execute('SELECT SUM("2S_lower_back_imaging") FROM ebi_2s_lower_back_imaging').fetchone()
    expected = _expected(extract, "site")
    assert _cube(tmp_path).equals(expected)
    own = pl.col("rule") == "2S_lower_back_imaging"
    assert flagged == (expected.filter(own, pl.col("measure") == "flagged")["count"].sum(),)


@pytest.mark.needs("dbt", "PostgreSQL")
def test_the_package_builds_in_postgres_and_again_a_month_later(tmp_path: Path, postgres: Any) -> None:
    write_extract(tmp_path / "opa.parquet", 2_000, 6)
    rows, day = pl.read_parquet(tmp_path / "opa.parquet"), pl.col("Appointment_Date")
    made = ["-o", str(tmp_path / "p"), "--dialect", "postgres", "--layout", "ncdr-opa", "--table", "public.opa_of_dbt"]
    assert CliRunner().invoke(command_group, ["dbt", *RULES, *made]).exit_code == 0
    where = {name: os.environ[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE")}
    output = {"type": "postgres", "host": where["PGHOST"], "port": int(where["PGPORT"]), "user": where["PGUSER"]}
    output |= {"password": "", "dbname": where["PGDATABASE"], "schema": "public", "threads": 1}
    profile = {"ebi_rules": {"target": "here", "outputs": {"here": output}}}
    (tmp_path / "profiles.yml").write_text(json.dumps(profile))
    command = [DBT, "build", "--project-dir", tmp_path / "p", "--profiles-dir", tmp_path]
    postgres.load("opa_of_dbt", rows.clear(), "postgres")
    is_early = day < date(2025, 9, 1)
    for added, known in (
        (rows.filter(is_early), rows.filter(is_early)),
        (rows.filter(~is_early | day.is_null()), rows),
    ):
        # The views of the package stand on the table, so that rows are added to it.
        postgres.load("added", added, "postgres")
        postgres.execute("INSERT INTO opa_of_dbt SELECT * FROM added")
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        counted = pl.DataFrame(
            postgres.rows("SELECT * FROM ebi_cube"), schema=list(_expected(known).columns), orient="row"
        )
        cube = without_stray_months(read_cube(counted.cast(pl.String)), today())[0]
        assert cube.equals(_expected(known))


@pytest.mark.needs("dbt")
def test_later_runs_count_the_last_months_alone(tmp_path: Path) -> None:
    write_extract(tmp_path / "opa.parquet", 4_000, 6)
    day, place = pl.col("Appointment_Date"), pl.int_range(pl.len())
    wrong = pl.when(place % 97 == 0).then(None).when(place == 5).then(date(1900, 1, 1)).when(place == 6)
    # One day is wrong, and much is booked for months to come.
    odd = wrong.then(date(2026, 9, 9)).when(place % 20 == 0).then(today() + timedelta(days=150)).otherwise(day)
    opa = pl.read_parquet(tmp_path / "opa.parquet").with_columns(odd.alias("Appointment_Date"))
    package = tmp_path / "package"
    _make(package, RULES, "ncdr-opa")
    is_undated = day.is_null() | (day.dt.year() == 1900) | (day > date(2026, 9, 1))
    # The last month is not complete at first, nor is what has no date.
    _load(tmp_path, opa=opa.filter((is_undated & (place % 2 == 0)) | (day < date(2025, 7, 20))))
    assert _build(tmp_path, package).returncode == 0
    restated = opa.filter(is_undated | ~day.is_between(date(2025, 6, 1), date(2025, 6, 9)))
    unseen = restated.filter(is_undated | ~day.is_between(date(2024, 2, 1), date(2024, 2, 20)))
    _load(tmp_path, opa=unseen)
    done = _build(tmp_path, package)
    assert done.returncode == 0, done.stdout
    assert _cube(tmp_path).equals(_expected(restated)), "a month that is not counted again is as it was"
    assert _build(tmp_path, package, "--vars", "ebi_recount_from: 202402").returncode == 0
    assert _cube(tmp_path).equals(_expected(unseen))
    _make(package, RULES[:1], "ncdr-opa", "--force")
    refused = _build(tmp_path, package)
    assert refused.returncode == 1
    assert "Run dbt build --full-refresh to count everything" in refused.stdout
    assert _cube(tmp_path).equals(_expected(unseen))
    assert _build(tmp_path, package, "--full-refresh").returncode == 0
    assert set(_cube(tmp_path)["rule"].drop_nulls().cast(pl.String)) == {"2S_lower_back_imaging"}


def test_a_package_replaces_nothing_of_the_user_s(tmp_path: Path) -> None:
    arguments = [
        "dbt",
        "2S",
        "-o",
        str(tmp_path / "p"),
        "--dialect",
        "tsql",
        "--layout",
        "ncdr-opa",
        "--table",
        "sus.opa",
    ]
    assert CliRunner().invoke(command_group, arguments).exit_code == 0
    assert CliRunner().invoke(command_group, arguments).exit_code == 2
    assert CliRunner().invoke(command_group, [*arguments, "--force"]).exit_code == 0
    (tmp_path / "p" / "models" / "mine.sql").write_text("SELECT 1")
    refused = CliRunner().invoke(command_group, [*arguments, "--force"])
    assert refused.exit_code == 2
    assert (tmp_path / "p" / "models" / "mine.sql").exists()
