"""The BigQuery engine, by ADBC: a source is the name of a table, such as project.sus.opa.

Google's own application default credentials are used, and GOOGLE_CLOUD_PROJECT pays; or EBI_CONNECTION names an ADBC
profile (profile://nhs, a file without a line `driver`). Never run against BigQuery: its SQL is read and run by Google's
own parser in the tests, the driver only as far as it goes without an account.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from ebi_rules.engines.connections import CONNECTION, driver, query_by_adbc
from ebi_rules.engines.extract import Source
from ebi_rules.engines.warehouse import Warehouse, named_table, open_table
from ebi_rules.errors import UsageError
from ebi_rules.layouts import Layout

_PROJECT = "GOOGLE_CLOUD_PROJECT"


def open_source(
    source: Source,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    children: Mapping[str, Source | None] | None = None,
) -> Warehouse:
    """Open a table. Raises `UsageError` when no project is named, `EngineError` when the driver cannot connect."""
    table = named_table(source, "bigquery")
    settings = _settings()
    dbapi = driver("adbc_driver_bigquery.dbapi", "bigquery")
    query = query_by_adbc("BigQuery", lambda: dbapi.connect(settings))
    return open_table(query, "bigquery", table, layout, overrides, children)


def _settings() -> dict[str, str]:
    if profile := os.environ.get(CONNECTION):
        return {"uri": profile}
    if project := os.environ.get(_PROJECT):
        return {"adbc.bigquery.sql.project_id": project}
    raise UsageError(f"the engine bigquery needs {_PROJECT} in the environment, or an ADBC profile in {CONNECTION}.")
