"""How engines reach a warehouse: by a driver, and by what the environment says about the connection.

`EBI_CONNECTION` is passed to the driver as it is: the name of a profile (`profile://nhs`), a URI or a connection
string. It is never stored and never shown.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import polars as pl
import pyarrow as pa

from ebi_rules._support.errors import EngineError, UsageError
from ebi_rules.engines.warehouse import Query, guarded

CONNECTION = "EBI_CONNECTION"


def connection(engine: str, kinds: str) -> str:
    """Return what the environment says about the connection.

    Args:
        engine: The name of the engine.
        kinds: What the variable can be, for the error message.

    Raises:
        UsageError: The variable is not set.
    """
    text = os.environ.get(CONNECTION)
    if not text:
        raise UsageError(f"the engine {engine} needs the environment variable {CONNECTION}: {kinds}.")
    return text


def driver(module: str, engine: str) -> Any:
    """Import the driver of an engine, which is an extra of the engine's name.

    Raises:
        EngineError: The driver is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise EngineError(f"the engine {engine} is not installed: pip install 'ebi-rules[{engine}]'.") from None


def query_by_adbc(title: str, connect: Callable[[], Any]) -> Query:
    """Return a query by an ADBC driver, which connects again for each statement."""

    def run(statement: str) -> pl.DataFrame:
        with connect() as connected, connected.cursor() as cursor:
            cursor.execute(statement)
            rows = pl.from_arrow(_without_extension_types(cursor.fetch_arrow_table()))
            assert isinstance(rows, pl.DataFrame)
            return rows

    return guarded(title, run)


def _without_extension_types(table: pa.Table) -> pa.Table:
    """Return a table with plain columns: PostgreSQL's driver returns numeric columns as texts in an extension type."""
    columns = [_plain(column) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
