"""Trino's own ANTLR grammar, as the npm package dt-sql-parser carries it."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.engines.engine import AbsentError, Evidence
from tests.engines.judge import Judge, Schema
from tests.engines.served import ENVIRONMENTS, Served

_FOLDER = ENVIRONMENTS / "trino"


def _command() -> Sequence[str | Path]:
    node = shutil.which("node")
    if not node:
        raise AbsentError("apt-get install nodejs")
    return [node, _FOLDER / "serve_trino.cjs"]


_SERVED = Served(_command)


def _version() -> str:
    _SERVED.ask("SELECT 1")
    package = _FOLDER / "node_modules" / "dt-sql-parser" / "package.json"
    return f"dt-sql-parser {json.loads(package.read_text())['version']}"


def _complaints(text: str, schema: Schema) -> Sequence[str]:
    return list(_SERVED.ask(text))


JUDGES = (
    Judge(
        name="Trino's grammar",
        dialect="trino",
        evidence=Evidence.GRAMMAR,
        version=_version,
        complaints=_complaints,
        wrong=["SELECT a FROM b WHERE a RLIKE 'x'", "SELECT TOP 3 a FROM b", "SELECT [a] FROM b", "SELECT skip FROM b"],
        slow=True,
    ),
)

stop = _SERVED.stop
