"""DuckDB in process."""

from collections.abc import Sequence

import duckdb
import polars as pl

from tests.engines.engine import SqlEngine


class DuckDB(SqlEngine):
    name = "DuckDB"
    dialects = ("duckdb",)

    def __init__(self) -> None:
        super().__init__()
        self.connection = duckdb.connect()

    def version(self) -> str:
        return duckdb.__version__

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self.connection.register(name, frame.to_arrow())

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        return self.connection.execute(query).fetchall()


ENGINES = (DuckDB(),)
