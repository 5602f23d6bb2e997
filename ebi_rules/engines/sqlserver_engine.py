"""The SQL Server engine, by Microsoft's mssql-python: a source is the name of a table, such as dbo.opa.

EBI_CONNECTION is a connection string, such as Server=warehouse;Database=sus;Trusted_Connection=yes. Never run against
SQL Server: its SQL is read by Microsoft's own parser and run by an emulation in the tests.
"""

import polars as pl

from ebi_rules.engines.connections import connection, driver
from ebi_rules.engines.warehouse import Query, guarded, opener


def _connect() -> Query:
    said = connection("sqlserver", "a connection string, such as Server=NAME;Database=NAME;Trusted_Connection=yes")
    mssql = driver("mssql_python", "sqlserver")

    def run(text: str) -> pl.DataFrame:
        with mssql.connect(said) as connected, connected.cursor() as cursor:
            found = pl.from_arrow(cursor.execute(text).arrow())
            assert isinstance(found, pl.DataFrame)
            return found

    return guarded("SQL Server", run)


open_source = opener("sqlserver", "tsql", _connect)
