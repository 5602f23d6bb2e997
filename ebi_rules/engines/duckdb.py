"""The DuckDB engine: the cube counted by DuckDB, over parquet files or a table of a database file."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl

from ebi_rules.cube import Audited, read_cube
from ebi_rules.engines.cube_statement import cube_statement
from ebi_rules.engines.extract import Extract
from ebi_rules.errors import EngineError
from ebi_rules.layouts import Binding

if TYPE_CHECKING:
    import duckdb

_TABLE = "activity_table"


def count_files(
    extract: Extract, binding: Binding, audited: Sequence[Audited], dimensions: Sequence[str]
) -> pl.DataFrame:
    """Count the cube of an extract's parquet files. Raises `EngineError` when DuckDB is absent or stops."""
    children = {name: f"{name}_table" for name in extract.children}
    text = cube_statement(audited, dimensions, "duckdb", binding, _TABLE, children)
    with closing(_connect()) as connection:
        _view(connection, _TABLE, [file.path for file in extract.table.files])
        for name, table in extract.children.items():
            _view(connection, children[name], [file.path for file in table.files])
        return _counted(connection, text)


def _connect(database: str = ":memory:") -> "duckdb.DuckDBPyConnection":
    try:
        import duckdb
    except ImportError:
        raise EngineError("the engine duckdb is not installed: pip install ebi-rules[duckdb].") from None
    return duckdb.connect(database, read_only=database != ":memory:")


def _view(connection: "duckdb.DuckDBPyConnection", name: str, paths: Sequence[str]) -> None:
    files = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{files}])")


def _counted(connection: "duckdb.DuckDBPyConnection", text: str) -> pl.DataFrame:
    found = pl.from_arrow(connection.sql(text.rstrip(";")).to_arrow_table())
    assert isinstance(found, pl.DataFrame)
    return read_cube(found)
