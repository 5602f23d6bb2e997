"""The DuckDB engine: the cube counted by DuckDB, over parquet files or a table of a database file.

A source is what the Polars engine reads (a file, folder or glob of parquet), or `FILE.duckdb::TABLE`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ebi_rules._support.errors import EngineError, ExtractError, UsageError
from ebi_rules.engines.extract import InputFile, Source, open_extract
from ebi_rules.engines.file_formats import PARQUET, kind_of
from ebi_rules.engines.warehouse import Query, Warehouse, guarded, open_table
from ebi_rules.layouts.layout import Layout

if TYPE_CHECKING:
    import duckdb

_ACTIVITY = "activity_table"
_IN_DATABASE = "::"


def open_source(
    source: Source,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    children: Mapping[str, Source | None] | None = None,
) -> Warehouse:
    """Open files or a table. Raises `EngineError` when DuckDB is absent, `ExtractError`, `UsageError`."""
    if not isinstance(source, str | Path):
        raise UsageError("the engine duckdb reads files: give their path, or FILE.duckdb::TABLE.")
    database, _, table = str(source).partition(_IN_DATABASE)
    if table:
        if not Path(database).is_file():
            raise ExtractError(f"there is no file {database}.")
        connection = _connect(database)
        return open_table(_query(connection), "duckdb", table, layout, overrides, children)
    extract, binding = open_extract(source, layout, overrides, children)
    _refuse_others(extract.files)
    connection = _connect(":memory:")
    names = {name: f"{name}_table" for name in extract.children}
    _view(connection, _ACTIVITY, [file.path for file in extract.table.files])
    for name, child in extract.children.items():
        _view(connection, names[name], [file.path for file in child.files])
    return replace(Warehouse(binding, "duckdb", _ACTIVITY, names, _query(connection)), files=extract.files)


def _connect(database: str) -> "duckdb.DuckDBPyConnection":
    try:
        import duckdb
    except ImportError:
        raise EngineError("the engine duckdb is not installed: pip install 'ebi-rules[duckdb]'.") from None
    return duckdb.connect(database, read_only=database != ":memory:")


def _refuse_others(files: Sequence[InputFile]) -> None:
    for file in files:
        if kind_of(Path(file.path)) is not PARQUET:
            raise UsageError(f"the engine duckdb reads parquet, and {file.path} is none: use the engine polars.")


def _view(connection: "duckdb.DuckDBPyConnection", name: str, paths: Sequence[str]) -> None:
    files = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{files}])")


def _query(connection: "duckdb.DuckDBPyConnection") -> Query:
    def run(text: str) -> pl.DataFrame:
        found = pl.from_arrow(connection.sql(text).to_arrow_table())
        assert isinstance(found, pl.DataFrame)
        return found

    return guarded("DuckDB", run)
