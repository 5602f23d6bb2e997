"""Snowflake as fakesnow emulates it on DuckDB, in an environment of its own, as it pins other versions than ours.

fakesnow parses with sqlglot, so this proves less than an engine with its own parser; it does fold names as Snowflake
does and anchor what Snowflake anchors.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tests.engines.engine import AbsentError, Evidence, SqlEngine, literal

ENVIRONMENT = Path(__file__).parents[2] / ".engines" / "fakesnow"
_SERVED = Path(__file__).with_name("serve_fakesnow.py")


class Snowflake(SqlEngine):
    name = "fakesnow"
    dialects = ("snowflake",)
    evidence = Evidence.EMULATED
    examples = 0.2
    note = "Snowflake emulated on DuckDB; parsed by sqlglot"

    def __init__(self) -> None:
        super().__init__()
        self._process: subprocess.Popen[str] | None = None
        self._version = ""

    def version(self) -> str:
        if not self._process:
            python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            if not python.exists():
                raise AbsentError("make engines")
            self._process = subprocess.Popen(
                [python, "-W", "ignore", _SERVED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._version = self._call("version")[0][0]
        return self._version

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self._call(f"DROP TABLE IF EXISTS {name}")
        self._call(self.create_table(name, frame, dialect))
        rows = ["(" + ", ".join(map(literal, row)) + ")" for row in frame.iter_rows()]
        if rows:
            self._call(f"INSERT INTO {name} VALUES " + ", ".join(rows))

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        return self._call(query)

    def stop(self) -> None:
        if self._process:
            self._process.stdin.close()
            self._process.wait(20)

    def _call(self, query: str) -> list[tuple[object, ...]]:
        assert self._process and self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(query) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "fakesnow ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return [tuple(row) for row in answer["rows"]]


ENGINES = (Snowflake(),)
