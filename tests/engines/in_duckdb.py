"""DuckDB in process."""

from collections.abc import Sequence

import duckdb
import polars as pl

from tests.engines.engine import SqlEngine


class DuckDB(SqlEngine):
    name = "DuckDB"
    dialects = ("duckdb",)
    built_in = True

    def __init__(self) -> None:
        super().__init__()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def version(self) -> str:
        if not self._connection:
            self._connection = duckdb.connect()
        return duckdb.__version__

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self._connection.register(name, frame.to_arrow())

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        return self._connection.execute(query).fetchall()

    def stop(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None


ENGINES = (DuckDB(),)
