"""What tests of several engines share."""

from collections.abc import Iterator

import pytest

from tests.engines.evaluators import SQL_ENGINES
from tests.engines.in_postgres import PORT


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Return the tests' PostgreSQL, and point libpq's environment at it."""
    engine, _ = SQL_ENGINES["postgres on PostgreSQL"]
    settings = {"PGHOST": str(engine.folder), "PGPORT": str(PORT), "PGUSER": "postgres", "PGDATABASE": "postgres"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield engine
