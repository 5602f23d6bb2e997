"""The Snowflake engine, by ADBC: a source is the name of a table, such as sus.op.opa.

EBI_CONNECTION names an ADBC profile (profile://nhs, a file without a line `driver`) or is the driver's URI. Tested
against an emulator of Snowflake's server, not against Snowflake.
"""

from ebi_rules.engines.connections import connection, driver, query_by_adbc
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.warehouse import Query, WarehouseExtract, count_cube, open_named_table

__all__ = ["count_cube", "open_source"]


def open_source(source: ExtractSource) -> WarehouseExtract:
    """Open a table. Raises `UsageError` without EBI_CONNECTION, `EngineError` if the driver is not installed."""
    return open_named_table("snowflake", "snowflake", _connect(), source)


def _connect() -> Query:
    uri = connection("snowflake", "an ADBC profile (profile://NAME) or the driver's URI")
    dbapi = driver("adbc_driver_snowflake.dbapi", "snowflake")
    return query_by_adbc("Snowflake", lambda: dbapi.connect(uri))
