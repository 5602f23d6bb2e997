"""The SQL Server engine, by Microsoft's mssql-python: a source is the name of a table, such as dbo.opa.

EBI_CONNECTION is a connection string, such as Server=warehouse;Database=sus;Trusted_Connection=yes. Not tested against
SQL Server: the tests check its SQL with Microsoft's own parser and run it on an emulation.
"""

import polars as pl

from ebi_rules.engines.connections import connection, driver
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.warehouse import Query, WarehouseExtract, count_cube, guarded, open_named_table

__all__ = ["count_cube", "open_source"]


def open_source(source: ExtractSource) -> WarehouseExtract:
    """Open a table. Raises `UsageError` without EBI_CONNECTION, `EngineError` if the driver is not installed."""
    return open_named_table("sqlserver", "tsql", _connect(), source)


def _connect() -> Query:
    text = connection("sqlserver", "a connection string, such as Server=NAME;Database=NAME;Trusted_Connection=yes")
    mssql = driver("mssql_python", "sqlserver")

    def run(statement: str) -> pl.DataFrame:
        with mssql.connect(text) as connected, connected.cursor() as cursor:
            rows = pl.from_arrow(cursor.execute(statement).arrow())
            assert isinstance(rows, pl.DataFrame)
            return rows

    return guarded("SQL Server", run)
