"""The printed SQL is clean by sqlfluff, with the settings that examples/.sqlfluff states."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import ebi_rules as ebi
from ebi_rules.translate.dialects.dialect import builtin_dialects

SETTINGS = Path(__file__).parents[2] / "examples" / ".sqlfluff"
THEIR_NAMES = {"spark": "sparksql"}
IN_EVERY_RUN = ("tsql",)


@pytest.mark.needs("sqlfluff")
@pytest.mark.parametrize(
    "dialect",
    [pytest.param(name, marks=[] if name in IN_EVERY_RUN else pytest.mark.long) for name in builtin_dialects()],
)
def test_the_statement_is_clean(dialect: str, tmp_path: Path) -> None:
    statement = tmp_path / "flags.sql"
    statement.write_text(ebi.sql(["2S", "2T"], dialect, "ncdr-opa", "sus.opa") + "\n", encoding="utf-8")
    theirs = THEIR_NAMES.get(dialect, dialect)
    command = [sys.executable, "-m", "sqlfluff", "lint", "--format", "json", "--dialect", theirs]
    done = subprocess.run([*command, "--config", str(SETTINGS), str(statement)], capture_output=True, text=True)
    assert [each for file in json.loads(done.stdout) for each in file["violations"]] == []
