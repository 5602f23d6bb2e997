"""MariaDB, under its default collation, which ignores case, and a binary one: the text must be right under both."""

import os
import shutil
import signal
from collections.abc import Sequence

import polars as pl

from tests.engines.engine import AbsentError, SqlEngine
from tests.engines.servers import Server


class _MariaDBServer:
    """One server for both collations."""

    def __init__(self) -> None:
        self.connection = None
        self.server: Server | None = None

    def start(self) -> None:
        try:
            import pymysql
        except ImportError:
            raise AbsentError("pip install pymysql") from None
        if not (shutil.which("mariadb-install-db") and _daemon()):
            raise AbsentError("apt-get install mariadb-server-core mariadb-client-core")
        self.server = server = Server("nobody", signal.SIGTERM)
        data, socket = f"--datadir={server.folder}/data", server.folder / "socket"
        server.run(
            "mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"
        )

        def connect() -> "pymysql.Connection":
            return pymysql.connect(unix_socket=str(socket), user="root", autocommit=True, charset="utf8mb4")

        def ready() -> None:
            if not socket.exists():
                raise FileNotFoundError(socket)
            connect().close()

        server.start(
            [
                _daemon(),
                "--no-defaults",
                data,
                f"--socket={socket}",
                f"--pid-file={server.folder}/pid",
                "--skip-networking",
                "--innodb-flush-method=fsync",
                "--innodb-flush-log-at-trx-commit=0",
                "--max-heap-table-size=1G",
            ],
            ready,
        )
        self.connection = connect()

    def execute(self, query: str, rows: Sequence[tuple[object, ...]] | None = None) -> Sequence[tuple[object, ...]]:
        with self.connection.cursor() as cursor:
            if rows is None:
                cursor.execute(query)
            else:
                cursor.executemany(query, rows)
            return cursor.fetchall()

    def stop(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None
        if self.server:
            self.server.stop()


def _daemon() -> str | None:
    """Return the server's program, which distributions keep out of users' paths."""
    return shutil.which("mariadbd", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))


class MariaDB(SqlEngine):
    dialects = ("mysql",)
    note = "MySQL itself was not run"
    types = ("BIGINT", "VARCHAR(400)", "DATE")
    server = _MariaDBServer()

    def __init__(self, collation: str) -> None:
        super().__init__()
        self.name = f"MariaDB ({collation})"
        self.collation = collation
        self.database = f"tests_{collation}"

    def version(self) -> str:
        if not self.server.connection:
            self.server.start()
        return str(self.server.execute("SELECT VERSION()")[0][0]).split("-", maxsplit=1)[0]

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        options = f"CHARACTER SET utf8mb4 COLLATE {self.collation}"
        self.server.execute(f"CREATE DATABASE IF NOT EXISTS {self.database} {options}")
        self.server.execute(f"USE {self.database}")
        self.server.execute(f"DROP TABLE IF EXISTS {name}")
        self.server.execute(self.create_table(name, frame, dialect, " ENGINE=MEMORY"))
        places = ", ".join(["%s"] * frame.width)
        if frame.height:
            self.server.execute(f"INSERT INTO {name} VALUES ({places})", frame.rows())

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        self.server.execute(f"USE {self.database}")  # The engines share a connection.
        return self.server.execute(query)

    def stop(self) -> None:
        self.server.stop()


ENGINES = (MariaDB("utf8mb4_general_ci"), MariaDB("utf8mb4_bin"))
