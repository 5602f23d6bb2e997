"""The SQL Server engine, by Microsoft's mssql-python: a source is the name of a table, such as dbo.opa.

EBI_CONNECTION is a connection string, such as Server=warehouse;Database=sus;Trusted_Connection=yes. Never run against
SQL Server: its SQL is read by Microsoft's own parser and run by an emulation in the tests.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules.engines.connections import connection, driver
from ebi_rules.engines.extract import Source
from ebi_rules.engines.warehouse import Query, Warehouse, guarded, named_table, open_table
from ebi_rules.layouts import Layout


def open_source(
    source: Source,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    children: Mapping[str, Source | None] | None = None,
) -> Warehouse:
    """Open a table. Raises `UsageError` without EBI_CONNECTION, `EngineError` when the driver cannot connect."""
    table = named_table(source, "sqlserver")
    said = connection("sqlserver", "a connection string, such as Server=NAME;Database=NAME;Trusted_Connection=yes")
    query = _query(driver("mssql_python", "sqlserver"), said)
    return open_table(query, "tsql", table, layout, overrides, children)


def _query(mssql: Any, said: str) -> Query:
    def run(text: str) -> pl.DataFrame:
        with mssql.connect(said) as connection, connection.cursor() as cursor:
            found = pl.from_arrow(cursor.execute(text).arrow())
            assert isinstance(found, pl.DataFrame)
            return found

    return guarded("SQL Server", run)
