"""The folder of examples: scripts and the notebook run, and the SQL is what is printed today."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ebi_rules.cli.all_commands import command_group
from ebi_rules.synth.made_up_extract import write_extract

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture
def extract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    write_extract(tmp_path / "opa.parquet", 5_000)
    return "opa.parquet"


@pytest.mark.parametrize(
    ("script", "arguments", "printed"),
    [("count_by_provider.py", ["audit"], "Wrote audit/report.html"), ("own_query.py", [], "in scope")],
)
def test_a_script_runs(extract: str, tmp_path: Path, script: str, arguments: list[str], printed: str) -> None:
    command = [sys.executable, str(FOLDER / script), extract, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


def test_the_notebook_runs(extract: str) -> None:
    notebook = json.loads((FOLDER / "low_back_imaging.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 4 and not any(cell["outputs"] for cell in cells)
    for cell in cells:
        exec("".join(cell["source"]), names)


def test_the_sql_for_sql_server_is_what_is_printed() -> None:
    """If this is red: ebi-rules sql 2S --dialect tsql --layout ncdr-opa --table sus.opa."""
    arguments = ["sql", "2S", "--dialect", "tsql", "--layout", "ncdr-opa", "--table", "sus.opa"]
    printed = CliRunner().invoke(command_group, arguments).output
    assert (FOLDER / "sql_server_low_back_imaging.sql").read_text(encoding="utf-8") == printed


def test_what_cannot_run_here_says_so_and_can_be_read() -> None:
    for path in (FOLDER / "warehouse_notebooks").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "Untried" in text.splitlines()[0]
        compile(text, path.name, "exec")
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in FOLDER.rglob("*.*"):
        assert path.name in readme or path.name == "README.md", path
