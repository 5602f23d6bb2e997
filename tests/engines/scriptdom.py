"""Microsoft's own T-SQL parser, ScriptDom, as the judge of the T-SQL we print: the grammar of SQL Server 2016.

It comes in the wheel of mssql-cli with the .NET runtime it needs, and is used for tests alone.
"""

import ctypes
import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.engines.engine import AbsentError

_INSTALL = "make engines"


@cache
def scriptdom() -> Any:
    """Return the namespace of ScriptDom. Raises `AbsentError`."""
    folder = library_folder()
    start_dotnet(folder, "true")
    import clr

    clr.AddReference(str(folder / "Microsoft.SqlServer.TransactSql.ScriptDom.dll"))
    from Microsoft.SqlServer.TransactSql import ScriptDom

    return ScriptDom


def parse(text: str) -> Any:
    """Parse a batch as SQL Server 2016 does, and give its tree. Raises `SyntaxError` with the parser's messages."""
    parser = scriptdom().TSql130Parser(True)
    from System.IO import StringReader

    tree, errors = parser.Parse(StringReader(text), None)
    if errors.Count:
        raise SyntaxError("; ".join(f"line {error.Line}, column {error.Column}: {error.Message}" for error in errors))
    return tree


def version() -> str:
    """Return the library's version."""
    assembly = scriptdom().TSql130Parser.__dict__  # Loads the library, or raises `AbsentError`.
    assert assembly
    from System.Diagnostics import FileVersionInfo

    file = library_folder() / "Microsoft.SqlServer.TransactSql.ScriptDom.dll"
    return str(FileVersionInfo.GetVersionInfo(str(file)).FileVersion)


def library_folder() -> Path:
    """Return the folder of Microsoft's libraries. Raises `AbsentError`."""
    found = importlib.util.find_spec("mssqlcli")
    if not (found and found.origin and importlib.util.find_spec("pythonnet")):
        raise AbsentError(_INSTALL)
    folder = Path(found.origin).parent / "mssqltoolsservice" / "bin"
    if not (folder / "libcoreclr.so").exists():
        raise AbsentError("a Linux machine: the libraries come built for Linux here")
    return folder


def start_dotnet(folder: Path, invariant: str) -> None:
    """Start the .NET runtime of a folder in this process, and Python for .NET in it."""
    import pythonnet

    runtime = str(Path(pythonnet.__file__).parent / "runtime" / "Python.Runtime.dll")
    libraries = [*(str(path) for path in folder.glob("*.dll")), runtime]
    settings = {
        b"TRUSTED_PLATFORM_ASSEMBLIES": ":".join(libraries).encode(),
        b"APP_PATHS": str(folder).encode(),
        b"NATIVE_DLL_SEARCH_DIRECTORIES": str(folder).encode(),
        b"System.Globalization.Invariant": invariant.encode(),
    }
    library = ctypes.CDLL(str(folder / "libcoreclr.so"))
    texts = ctypes.c_char_p * len(settings)
    host, domain, function = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_void_p()
    _check(
        library.coreclr_initialize(
            sys.executable.encode(),
            b"tests",
            len(settings),
            texts(*settings),
            texts(*settings.values()),
            ctypes.byref(host),
            ctypes.byref(domain),
        )
    )
    _check(
        library.coreclr_create_delegate(
            host, domain, b"Python.Runtime", b"Python.Runtime.Loader", b"Initialize", ctypes.byref(function)
        )
    )
    initialize = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)(function.value)
    argument = ctypes.create_string_buffer(1)  # A null pointer makes Initialize fail.
    _check(initialize(ctypes.cast(argument, ctypes.c_void_p), 0))
    pythonnet._LOADED = True


def _check(code: int) -> None:
    if code:
        raise RuntimeError(f".NET did not start: {code & 0xFFFFFFFF:#x}")
