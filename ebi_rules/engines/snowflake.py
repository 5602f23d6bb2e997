"""The Snowflake engine, by ADBC: a source is the name of a table, such as sus.op.opa.

EBI_CONNECTION names an ADBC profile (profile://nhs, a file without a line `driver`) or is the driver's URI. Run
against an emulator of Snowflake's server, never against Snowflake.
"""

from collections.abc import Mapping
from pathlib import Path

from ebi_rules.engines.connections import connection, driver, query_by_adbc
from ebi_rules.engines.extract import Source
from ebi_rules.engines.warehouse import Warehouse, named_table, open_table
from ebi_rules.layouts import Layout


def open_source(
    source: Source,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    children: Mapping[str, Source | None] | None = None,
) -> Warehouse:
    """Open a table. Raises `UsageError` without EBI_CONNECTION, `EngineError` when the driver cannot connect."""
    table = named_table(source, "snowflake")
    uri = connection("snowflake", "an ADBC profile (profile://NAME) or the driver's URI")
    dbapi = driver("adbc_driver_snowflake.dbapi", "snowflake")
    query = query_by_adbc("Snowflake", lambda: dbapi.connect(uri))
    return open_table(query, "snowflake", table, layout, overrides, children)
