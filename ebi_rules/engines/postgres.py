"""The PostgreSQL engine, by ADBC: a source is the name of a table, such as sus.opa.

The connection is libpq's own: PGHOST, PGDATABASE, PGUSER, PGSERVICE and the others, and ~/.pgpass.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ebi_rules.engines.extract import Source
from ebi_rules.engines.warehouse import Query, Warehouse, guarded, named_table, open_table
from ebi_rules.errors import EngineError
from ebi_rules.layouts import Layout

if TYPE_CHECKING:
    import pyarrow as pa

_BY_ENVIRONMENT = "postgresql://"
"""A URI that says nothing: libpq then asks its environment variables and files."""


def open_source(
    source: Source,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    children: Mapping[str, Source | None] | None = None,
) -> Warehouse:
    """Open a table. Raises `EngineError` when the driver is absent or cannot connect."""
    table = named_table(source, "postgres")
    return open_table(_query(), "postgres", table, layout, overrides, children)


def _query() -> Query:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise EngineError("the engine postgres is not installed: pip install 'ebi-rules[postgres]'.") from None

    def run(text: str) -> pl.DataFrame:
        with dbapi.connect(_BY_ENVIRONMENT) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            found = pl.from_arrow(_plain(cursor.fetch_arrow_table()))
            assert isinstance(found, pl.DataFrame)
            return found

    return guarded("PostgreSQL", run)


def _plain(table: "pa.Table") -> "pa.Table":
    """Give numeric columns, which ADBC hands over as texts in a wrapping, as those texts."""
    import pyarrow as pa

    columns = [pa.chunked_array([part.storage for part in column.chunks], column.type.storage_type)
               if isinstance(column.type, pa.BaseExtensionType) else column for column in table.columns]  # fmt: skip
    return pa.table(columns, names=table.column_names)
