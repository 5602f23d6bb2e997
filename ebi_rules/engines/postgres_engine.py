"""The PostgreSQL engine, by ADBC: a source is the name of a table, such as sus.opa.

The connection is libpq's own: PGHOST, PGDATABASE, PGUSER, PGSERVICE and the others, and ~/.pgpass.
"""

from ebi_rules.engines.connections import driver, query_by_adbc
from ebi_rules.engines.warehouse import Query, opener

_BY_ENVIRONMENT = "postgresql://"
"""A URI that says nothing: libpq then asks its environment variables and files."""


def _connect() -> Query:
    dbapi = driver("adbc_driver_postgresql.dbapi", "postgres")
    return query_by_adbc("PostgreSQL", lambda: dbapi.connect(_BY_ENVIRONMENT))


open_source = opener("postgres", "postgres", _connect)
