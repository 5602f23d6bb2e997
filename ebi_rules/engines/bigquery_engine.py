"""The BigQuery engine, by ADBC: a source is the name of a table, such as project.sus.opa.

Google's application default credentials are used, and GOOGLE_CLOUD_PROJECT pays; or EBI_CONNECTION names an ADBC
profile (profile://nhs, a file without a line `driver`). Not tested against BigQuery: the tests run its SQL on Google's
own parser and evaluator, and the driver only as far as it goes without an account.
"""

import os

from ebi_rules._support.errors import UsageError
from ebi_rules.engines.connections import CONNECTION, driver, query_by_adbc
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.warehouse import Query, WarehouseExtract, count_cube, open_named_table

__all__ = ["count_cube", "open_source"]

_PROJECT = "GOOGLE_CLOUD_PROJECT"


def open_source(source: ExtractSource) -> WarehouseExtract:
    """Open a table. Raises `UsageError` without a project, `EngineError` if the driver is not installed."""
    return open_named_table("bigquery", "bigquery", _connect(), source)


def _connect() -> Query:
    settings = _settings()
    dbapi = driver("adbc_driver_bigquery.dbapi", "bigquery")
    return query_by_adbc("BigQuery", lambda: dbapi.connect(settings))


def _settings() -> dict[str, str]:
    if profile := os.environ.get(CONNECTION):
        return {"uri": profile}
    if project := os.environ.get(_PROJECT):
        return {"adbc.bigquery.sql.project_id": project}
    raise UsageError(f"the engine bigquery needs {_PROJECT} in the environment, or an ADBC profile in {CONNECTION}.")
