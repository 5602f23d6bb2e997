"""The PostgreSQL engine, by ADBC: a source is the name of a table, such as sus.opa.

The connection is libpq's own: PGHOST, PGDATABASE, PGUSER, PGSERVICE and the others, and ~/.pgpass.
"""

from ebi_rules.engines.connections import driver, query_by_adbc
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.warehouse import Query, WarehouseExtract, count_cube, open_named_table

__all__ = ["count_cube", "open_source"]

_BY_ENVIRONMENT = "postgresql://"
"""A URI without any settings: libpq then uses its environment variables and files."""


def open_source(source: ExtractSource) -> WarehouseExtract:
    """Open a table. Raises `EngineError` if the driver is not installed or the server refuses."""
    return open_named_table("postgres", "postgres", _connect(), source)


def _connect() -> Query:
    dbapi = driver("adbc_driver_postgresql.dbapi", "postgres")
    return query_by_adbc("PostgreSQL", lambda: dbapi.connect(_BY_ENVIRONMENT))
