"""The dbt package builds with dbt-duckdb, its tests pass, and its models are the flags and the cube of Polars."""

import json
import subprocess
from pathlib import Path

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner

import ebi_rules as ebi
from ebi_rules.cli.all_commands import command_group
from ebi_rules.cube import read_cube
from ebi_rules.synth.made_up_extract import write_extract
from tests.needs import DBT

RULES = ["2S", "2T"]


@pytest.mark.needs("dbt")
@pytest.mark.parametrize("layout", ["ncdr-opa", "unified-sus-op"])
def test_the_package_builds(layout: str, tmp_path: Path) -> None:
    extract = tmp_path / "opa.parquet"
    write_extract(extract, 3_000, 6, layout)
    files = {"opa": extract, "procs": tmp_path / "opa.procedures.parquet", "diags": tmp_path / "opa.diagnoses.parquet"}
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        for name, path in files.items():
            if path.exists():
                connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{path}')")
    children = ["--procedures", "main.procs", "--diagnoses", "main.diags"] if files["procs"].exists() else []
    package = tmp_path / "package"
    made = CliRunner().invoke(
        command_group,
        [
            "dbt",
            *RULES,
            "-o",
            str(package),
            "--dialect",
            "duckdb",
            "--layout",
            layout,
            "--table",
            "main.opa",
            "--by",
            "site",
            *children,
        ],
    )
    assert made.exit_code == 0, made.output
    assert "3 models" in made.output
    profile = {"ebi_rules": {"target": "here", "outputs": {"here": {"type": "duckdb", "path": "w.duckdb"}}}}
    (tmp_path / "profiles.yml").write_text(json.dumps(profile))
    done = subprocess.run(
        [DBT, "build", "--project-dir", package, "--profiles-dir", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        cube = read_cube(pl.DataFrame(connection.sql("SELECT * FROM ebi_cube").to_arrow_table()))
        flagged = connection.execute('SELECT SUM("2S_lower_back_imaging") FROM ebi_2s_lower_back_imaging').fetchone()
    expected = ebi.audit(extract, RULES, by=["site"]).exact_cube
    assert cube.equals(expected.filter(~pl.col("measure").is_in(["codes", "invalid"])))
    own = pl.col("rule") == "2S_lower_back_imaging"
    assert flagged == (expected.filter(own, pl.col("measure") == "flagged")["count"].sum(),)


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
