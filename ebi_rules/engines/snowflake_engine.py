"""The Snowflake engine, by ADBC: a source is the name of a table, such as sus.op.opa.

EBI_CONNECTION names an ADBC profile (profile://nhs, a file without a line `driver`) or is the driver's URI. Run
against an emulator of Snowflake's server, never against Snowflake.
"""

from ebi_rules.engines.connections import connection, driver, query_by_adbc
from ebi_rules.engines.warehouse import Query, opener


def _connect() -> Query:
    uri = connection("snowflake", "an ADBC profile (profile://NAME) or the driver's URI")
    dbapi = driver("adbc_driver_snowflake.dbapi", "snowflake")
    return query_by_adbc("Snowflake", lambda: dbapi.connect(uri))


open_source = opener("snowflake", "snowflake", _connect)
