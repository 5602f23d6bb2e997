"""How engines reach a warehouse: by a driver, and by what the environment says of the connection.

`EBI_CONNECTION` is handed to the driver as it stands: the name of a profile (`profile://nhs`), a URI or a connection
string. It is kept nowhere and shown nowhere.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import polars as pl

from ebi_rules._support.errors import EngineError, UsageError
from ebi_rules.engines.warehouse import Query, guarded

if TYPE_CHECKING:
    import pyarrow as pa

CONNECTION = "EBI_CONNECTION"


def connection(engine: str, kinds: str) -> str:
    """Give what the environment says of the connection; `kinds` says what that may be. Raises `UsageError`."""
    said = os.environ.get(CONNECTION)
    if not said:
        raise UsageError(f"the engine {engine} needs the environment variable {CONNECTION}: {kinds}.")
    return said


def driver(module: str, engine: str) -> Any:
    """Import a driver, which is an extra of the engine's name. Raises `EngineError` when it is absent."""
    try:
        return import_module(module)
    except ImportError:
        raise EngineError(f"the engine {engine} is not installed: pip install 'ebi-rules[{engine}]'.") from None


def query_by_adbc(title: str, connect: Callable[[], Any]) -> Query:
    """Give a query by an ADBC driver, connected anew for each statement."""

    def run(text: str) -> pl.DataFrame:
        with connect() as connection, connection.cursor() as cursor:
            cursor.execute(text)
            found = pl.from_arrow(_plain(cursor.fetch_arrow_table()))
            assert isinstance(found, pl.DataFrame)
            return found

    return guarded(title, run)


def _plain(table: "pa.Table") -> "pa.Table":
    """Give numeric columns, which PostgreSQL's driver hands over as texts in a wrapping, as those texts."""
    import pyarrow as pa

    columns = [
        pa.chunked_array([part.storage for part in column.chunks], column.type.storage_type)
        if isinstance(column.type, pa.BaseExtensionType)
        else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)
