"""DacFx, Microsoft's model of a database: names and types held against CREATE TABLE, without a server.

It comes with ScriptDom, but needs libssl 1.1, which Debian no longer has, and ICU: so it has a process of its own.
"""

import ctypes.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.engines import scriptdom
from tests.engines.engine import AbsentError, Evidence
from tests.engines.judge import Judge, Schema
from tests.engines.served import ENVIRONMENTS, Served

_OPENSSL = ENVIRONMENTS / "openssl"


def _icu() -> str:
    """Return the version of the ICU library that is here, or nothing."""
    return (ctypes.util.find_library("icuuc") or "").rpartition(".so.")[2]


def _environment() -> Mapping[str, str]:
    root = Path(__file__).parents[2]
    return {**os.environ, "LD_LIBRARY_PATH": str(_OPENSSL), "CLR_ICU_VERSION_OVERRIDE": _icu(), "PYTHONPATH": str(root)}


_SERVED = Served(lambda: [sys.executable, Path(__file__).with_name("serve_dacfx.py")], _environment)


def _version() -> str:
    scriptdom.library_folder()
    if not (_OPENSSL / "libssl.so.1.1").exists():
        raise AbsentError("make engines")
    if not _icu():
        raise AbsentError("apt-get install libicu72")
    return str(_SERVED.ask("version"))


def _complaints(text: str, schema: Schema) -> Sequence[str]:
    tables = [
        f"CREATE TABLE {name} ({', '.join(f'[{column}] {kind}' for column, kind in columns.items())})"
        for name, columns in schema.items()
    ]
    view = text if text.startswith("CREATE VIEW") else f"CREATE VIEW dbo.judged AS {text}"
    return list(_SERVED.ask([*tables, view.rstrip(";")]))


JUDGES = (
    Judge(
        name="DacFx",
        dialect="tsql",
        evidence=Evidence.VENDOR,
        version=_version,
        complaints=_complaints,
        wrong=[
            "SELECT not_there AS a FROM dbo.opa",
            "SELECT OPA_Ident AS a FROM dbo.not_there",
            "SELECT CAST(OPA_Ident AS BOOLEAN) AS a FROM dbo.opa",
        ],
        note="names and types held against CREATE TABLE",
    ),
)

stop = _SERVED.stop
