"""fakesnow's server, which speaks to Snowflake's own drivers, and an ADBC profile that leads there."""

import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from tests.engines.engine import literal
from tests.engines.served import ENVIRONMENTS
from tests.engines.servers import Server

_PROFILE = """profile_version = 1

[Options]
username = "tests"
password = "{{{{ env_var(EBI_TESTS_PASSWORD) }}}}"
"adbc.snowflake.sql.account" = "tests"
"adbc.snowflake.sql.db" = "tests"
"adbc.snowflake.sql.schema" = "tests"
"adbc.snowflake.sql.uri.host" = "localhost"
"adbc.snowflake.sql.uri.port" = "{port}"
"adbc.snowflake.sql.uri.protocol" = "http"
"adbc.snowflake.sql.client_option.login_timeout" = "20s"
"""
PASSWORD = "a-secret"
_TYPES = {pl.Int64: "BIGINT", pl.String: "VARCHAR", pl.Date: "DATE"}


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """Run the server, and give the environment by which Snowflake's driver finds it: a profile in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "tests.toml").write_text(_PROFILE.format(port=port), encoding="utf-8")
    scripts = ENVIRONMENTS / "fakesnow" / ("Scripts" if os.name == "nt" else "bin")
    server = Server(None, stop_signal=signal.SIGTERM)

    def ready() -> None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)
        except urllib.error.HTTPError:
            return

    server.start([scripts / "python", scripts / "fakesnow", "-s", "-p", str(port)], ready)
    try:
        yield {"ADBC_PROFILE_PATH": str(folder), "EBI_TESTS_PASSWORD": PASSWORD, "EBI_CONNECTION": "profile://tests"}
    finally:
        server.stop()


def load_into_fakesnow(name: str, frame: pl.DataFrame) -> None:
    """Make a table, by the driver."""
    from adbc_driver_snowflake import dbapi

    whole = [column for column, kind in frame.schema.items() if kind.is_integer()]
    frame = frame.with_columns(pl.col(whole).cast(pl.Int64))
    columns = ", ".join(f'"{column.upper()}" {_TYPES[type(kind)]}' for column, kind in frame.schema.items())
    with dbapi.connect("profile://tests", autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
        for part in frame.iter_slices(500):
            rows = ", ".join(f"({', '.join(map(literal, row))})" for row in part.iter_rows())
            cursor.execute(f"INSERT INTO {name} VALUES {rows}")
