"""The BigQuery engine, by ADBC: a source is the name of a table, such as project.sus.opa.

Google's own application default credentials are used, and GOOGLE_CLOUD_PROJECT pays; or EBI_CONNECTION names an ADBC
profile (profile://nhs, a file without a line `driver`). Never run against BigQuery: its SQL is read and run by Google's
own parser in the tests, the driver only as far as it goes without an account.
"""

import os

from ebi_rules._support.errors import UsageError
from ebi_rules.engines.connections import CONNECTION, driver, query_by_adbc
from ebi_rules.engines.warehouse import Query, opener

_PROJECT = "GOOGLE_CLOUD_PROJECT"


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


open_source = opener("bigquery", "bigquery", _connect)
