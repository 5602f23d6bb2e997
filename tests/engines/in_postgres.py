"""PostgreSQL: a temporary cluster on a socket of its own. Amazon Redshift's text is run on it too."""

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import polars as pl

from tests.engines.engine import AbsentError, SqlEngine, quoted
from tests.engines.servers import Server

PORT = 54329


class PostgreSQL(SqlEngine):
    name = "PostgreSQL"
    dialects = ("postgres", "redshift")
    types = ("BIGINT", "TEXT", "DATE")
    stands_for = MappingProxyType(
        {"redshift": "run on PostgreSQL, from which Redshift descends; Redshift itself was not to be had"}
    )

    def __init__(self) -> None:
        super().__init__()
        self._connection = None
        self._server: Server | None = None

    def version(self) -> str:
        if not self._connection:
            self._connection = self._start()
        return str(self._connection.info.parameter_status("server_version")).split(" ", maxsplit=1)[0]

    @property
    def folder(self) -> Path:
        """Where the socket is."""
        assert self._server
        return self._server.folder

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        # Redshift takes a backslash in a text for an escape, as PostgreSQL did when the two parted.
        conforming = "off" if dialect == "redshift" else "on"
        self._connection.execute(f"SET standard_conforming_strings TO {conforming}")
        self._connection.execute("SET escape_string_warning TO off")
        self._connection.execute(f"DROP TABLE IF EXISTS {name}")
        self._connection.execute(self.create_table(name, frame, dialect))
        columns = ", ".join(quoted(column, dialect) for column in frame.columns)
        with self._connection.cursor().copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
            for row in frame.iter_rows():
                copy.write_row(row)

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        return self._connection.execute(query).fetchall()

    def execute(self, text: str) -> None:
        self._connection.execute(text)

    def stop(self) -> None:
        if self._connection:
            self._connection.close()
        if self._server:
            self._server.stop()

    def _start(self):
        try:
            import psycopg
        except ImportError:
            raise AbsentError("pip install psycopg[binary]") from None
        programs = _programs()
        self._server = server = Server("postgres", signal.SIGQUIT)
        server.run(
            programs / "initdb", "-D", "data", "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        settings = {"listen_addresses": "", "unix_socket_directories": server.folder, "fsync": "off", "port": PORT}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

        def connect() -> "psycopg.Connection[tuple[object, ...]]":
            return psycopg.connect(
                host=str(server.folder), port=PORT, user="postgres", dbname="postgres", autocommit=True
            )

        server.start([programs / "postgres", "-D", "data", *options], lambda: connect().close())
        return connect()


def _programs() -> Path:
    """Return the folder of initdb: on the path, or where Debian keeps the newest version."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found and not folders:
        raise AbsentError("apt-get install postgresql")
    return Path(found).parent if found else folders[-1].parent


ENGINES = (PostgreSQL(),)
