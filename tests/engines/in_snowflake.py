"""Snowflake as fakesnow emulates it on DuckDB, in an environment of its own, as it pins other versions than ours.

fakesnow parses with sqlglot, so this proves less than an engine with its own parser; it does fold names as Snowflake
does and anchor what Snowflake anchors.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tests.engines.engine import Evidence, SqlEngine, literal
from tests.engines.served import ENVIRONMENTS, Served

_PYTHON = ENVIRONMENTS / "fakesnow" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


class Snowflake(SqlEngine):
    name = "fakesnow"
    dialects = ("snowflake",)
    evidence = Evidence.EMULATED
    examples = 0.2
    note = "Snowflake emulated on DuckDB; parsed by sqlglot"

    def __init__(self) -> None:
        super().__init__()
        self._served = Served(lambda: [_PYTHON, "-W", "ignore", Path(__file__).with_name("serve_fakesnow.py")])
        self._version = ""

    def version(self) -> str:
        if not self._version:
            self._version = str(self.rows("version")[0][0])
        return self._version

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self.execute(f"DROP TABLE IF EXISTS {name}")
        self.execute(self.create_table(name, frame, dialect))
        rows = [f"({', '.join(map(literal, row))})" for row in frame.iter_rows()]
        if rows:
            self.execute(f"INSERT INTO {name} VALUES {', '.join(rows)}")

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        answer = self._served.ask(query)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return [tuple(row) for row in answer["rows"]]

    def stop(self) -> None:
        self._served.stop()


ENGINES = (Snowflake(),)
