"""ClickHouse in process, from chDB."""

import csv
from collections.abc import Sequence

import polars as pl

from tests.engines.engine import AbsentError, SqlEngine, literal

_LIMITS = "max_query_size = 10000000, max_ast_elements = 1000000"
_ROWS_AN_INSERT = 500


class ClickHouse(SqlEngine):
    name = "ClickHouse"
    dialects = ("clickhouse",)
    types = (
        "Nullable(Int64)",
        "Nullable(String)",
        "Nullable(Date32)",
    )  # A Date of ClickHouse begins in 1970: births are older.
    note = "long statements need a larger max_query_size and max_ast_elements"

    def __init__(self) -> None:
        super().__init__()
        self._session = None

    def version(self) -> str:
        if not self._session:
            try:
                from chdb.session import Session
            except ImportError:
                raise AbsentError("pip install chdb") from None
            self._session = Session()
        return self._text("SELECT version()").strip().strip('"')

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self._text(f"DROP TABLE IF EXISTS {name}")
        self._text(self.create_table(name, frame, dialect, " ENGINE = Memory"))
        rows = [f"({', '.join(map(_literal, row))})" for row in frame.iter_rows()]
        for start in range(0, len(rows), _ROWS_AN_INSERT):
            self._text(f"INSERT INTO {name} VALUES " + ", ".join(rows[start : start + _ROWS_AN_INSERT]))

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        lines = csv.reader(self._text(f"{query} SETTINGS {_LIMITS}").splitlines())
        return [tuple(_value(text) for text in line) for line in lines]

    def execute(self, text: str) -> None:
        self._text(text)

    def stop(self) -> None:
        if self._session:
            self._session.close()

    def _text(self, query: str) -> str:
        return str(self._session.query(query, "CSV"))


def _value(text: str) -> object:
    return None if text == r"\N" else int(text) if text.lstrip("-").isdigit() else text


def _literal(value: object) -> str:
    return literal(value).replace("\\", "\\\\")


ENGINES = (ClickHouse(),)
