"""The DuckDB engine: the cube counted by DuckDB, over parquet files or a table of a database file.

A source is a file, folder or glob of parquet, as the Polars engine reads, or `FILE.duckdb::TABLE`.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.errors import ExtractError, UsageError
from ebi_rules.engines.connections import driver
from ebi_rules.engines.extract import ExtractSource, InputFile
from ebi_rules.engines.value_checks import zone_remarks
from ebi_rules.engines.warehouse import (
    Query,
    WarehouseExtract,
    count_cube,
    guarded,
    joined_schema,
    open_files,
    open_named_table,
)
from ebi_rules.translate.date_formats import LONDON

__all__ = ["count_cube", "open_source"]

_IN_MEMORY = ":memory:ebi-rules"
"""One database of this process, so that the views of several extracts can be joined."""

_NUMBERS = count(1)
_IN_DATABASE = "::"


def open_source(source: ExtractSource) -> WarehouseExtract:
    """Open files or a table.

    Raises:
        UsageError: The data are a frame, or files of another kind than parquet.
        ExtractError: There is no such file, or no layout fits.
        EngineError: DuckDB is not installed.
    """
    if not isinstance(source.data, str | Path):
        raise UsageError("the engine duckdb reads files: pass their path, or FILE.duckdb::TABLE.")
    database, _, table = str(source.data).partition(_IN_DATABASE)
    if table:
        if not Path(database).is_file():
            raise ExtractError(f"there is no file {database}.")
        opened = open_named_table("duckdb", "duckdb", _query(_connect(database)), replace(source, data=table))
        return replace(opened, place=str(Path(database).resolve()), reads_in_order=True)
    return _open_files(source)


def _open_files(source: ExtractSource) -> WarehouseExtract:
    files = open_files("duckdb", source)
    connection = _connect(_IN_MEMORY)
    number = next(_NUMBERS)
    activity = f"activity_{number}"
    children = {name: f"{name}_{number}" for name in files.children}
    _make_view(connection, activity, files.table.files)
    for name, child in files.children.items():
        _make_view(connection, children[name], child.files)
    query = _query(connection)
    schema = query(f"SELECT * FROM {activity} WHERE 1 = 0").schema
    joined = files.binding.joined
    of_second = query(f"SELECT * FROM {children[joined.called]} WHERE 1 = 0").schema if joined else {}
    types = joined_schema(files.binding, schema, of_second)
    remarks = zone_remarks(files)
    return WarehouseExtract(
        files.binding,
        "duckdb",
        "duckdb",
        activity,
        children,
        query,
        files.files,
        types,
        remarks,
        place=_IN_MEMORY,
        reads_in_order=True,
    )


def _connect(database: str) -> Any:
    connection = driver("duckdb", "duckdb").connect(database, read_only=database != _IN_MEMORY)
    # The day of a time with a zone is its day in London, as everywhere.
    connection.execute(f"SET TimeZone = '{LONDON}'")
    return connection


def _make_view(connection: Any, name: str, files: Sequence[InputFile]) -> None:
    paths = ", ".join(f"'{_exactly(file.path)}'" for file in files)
    options = "union_by_name=true, hive_partitioning=" + str(any("=" in file.path for file in files)).lower()
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{paths}], {options})")


def _exactly(path: str) -> str:
    """Return a path as DuckDB reads it and no other: it takes *, ? and [ in a name for a pattern."""
    return re.sub(r"[*?\[]", r"[\g<0>]", path).replace("'", "''")


def _query(connection: Any) -> Query:
    def run(statement: str) -> pl.DataFrame:
        rows = pl.from_arrow(connection.sql(statement).to_arrow_table())
        assert isinstance(rows, pl.DataFrame)
        return rows

    return guarded("DuckDB", run)
