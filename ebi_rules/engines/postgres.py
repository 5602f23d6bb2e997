"""The PostgreSQL engine, by ADBC: a source is the name of a table, such as sus.opa.

The connection is libpq's own: PGHOST, PGDATABASE, PGUSER, PGSERVICE and the others, and ~/.pgpass.
"""

from collections.abc import Mapping
from pathlib import Path

from ebi_rules.engines.connections import driver, query_by_adbc
from ebi_rules.engines.extract import Source
from ebi_rules.engines.warehouse import Warehouse, named_table, open_table
from ebi_rules.layouts import Layout

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
    dbapi = driver("adbc_driver_postgresql.dbapi", "postgres")
    query = query_by_adbc("PostgreSQL", lambda: dbapi.connect(_BY_ENVIRONMENT))
    return open_table(query, "postgres", table, layout, overrides, children)
