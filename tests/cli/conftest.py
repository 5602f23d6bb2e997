"""Fixtures of the command-line tests: run a command, write a small extract, leave out reports, refresh."""

import json
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from ebi_rules.cli.all_commands import command_group
from ebi_rules.synth.made_up_extract import write_extract

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder, and check its exit code."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(command_group, arguments, prog_name="ebi-rules")
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write an empty report: drawing it takes most of the time of a run, and many tests only need the other files."""
    monkeypatch.setattr("ebi_rules.report.audit_page.audit_page", lambda tables: "")
    monkeypatch.setattr("ebi_rules.report.pathways_page.pathways_page", lambda tables: "")


@pytest.fixture
def extract(tmp_path: Path) -> Callable[..., Path]:
    """Write a small NCDR outpatient extract, with columns replaced, dropped (None) or renamed."""

    def write(name: str = "opa.parquet", drop: Sequence[str] = (), **columns: object) -> Path:
        frame = pl.DataFrame(
            {
                "OPA_Ident": [11, 12, 13, 14],
                "Der_Provider_Code": ["ZZ1", "ZZ1", "ZZ2", None],
                "Der_Procedure_All": ["||U055", "||U135,Z665", "||U135", None],
                "Der_Diagnosis_All": ["||M545", None, "||C509", None],
                "Administrative_Category": ["01", "01", "01", "02"],
                "Attendance_Status": ["5", "3", "5", "5"],
                "Age_at_Start_of_Episode_SUS": [45, 46, 47, 48],
            }
        )
        frame = frame.with_columns([pl.Series(column, values) for column, values in columns.items()]).drop(drop)
        path = tmp_path / name
        frame.write_parquet(path)
        return path

    return write


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Return an outpatient extract of three years, up to March 2026."""
    path = tmp_path_factory.mktemp("refresh") / "opa.parquet"
    write_extract(path, 8_000, 3)
    return pl.read_parquet(path)


@pytest.fixture
def refresh(run: Run, no_report: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Run a refresh, a day after the one before, and return its summary, or what it prints."""
    days = count(1_795_000_000, 86_400)

    def invoke(*options: str, settings: str | None = None, code: int = 0, as_json: bool = True) -> Any:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(next(days)))
        if settings is not None:
            (tmp_path / "ebi-rules.toml").write_text(settings, encoding="utf-8")
        result = run("run", *(["--json"] if as_json else []), *options, code=code)
        return json.loads(result.stdout) if code == 0 and as_json else result.output

    return invoke
