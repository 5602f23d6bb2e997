"""The kinds of files that an extract can be kept in, known by the ending of their names or by what is in a folder.

Columns of text files are text: no type is guessed, so that 02 stays 02. The layout says what is a number or a date.
"""

import glob
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from ebi_rules._support.addresses import without_secrets
from ebi_rules._support.errors import EngineError, ExtractError, nearest


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: Its name in messages.
        endings: The endings of its files' names, in lower case.
        is_text: Whether it is a table of text, with a separator between cells.
    """

    name: str
    endings: tuple[str, ...]
    is_text: bool = False

    @property
    def article(self) -> str:
        """The name with its article: a CSV, an Arrow IPC."""
        return f"an {self.name}" if self.name.startswith("A") else f"a {self.name}"


PARQUET = Kind("parquet", (".parquet", ".parq"))
ARROW = Kind("Arrow IPC", (".arrow", ".ipc", ".feather"))
_CSV = Kind("CSV", (".csv", ".csv.gz"), is_text=True)
_OTHERS = (
    _CSV,
    Kind("TSV", (".tsv", ".tsv.gz", ".tab"), is_text=True),
    ARROW,
    Kind("text", (".txt", ".txt.gz", ".psv"), is_text=True),
)
KINDS = (PARQUET, *_OTHERS)

_METADATA = ".metadata.json"
"""The end of the name of an Iceberg table's metadata."""


def kind_of(file: Path) -> Kind:
    """Return the kind of a file by its name; parquet if no ending is known."""
    return next((kind for kind in KINDS if file.name.lower().endswith(kind.endings)), PARQUET)


def scan_files(files: Sequence[Path]) -> pl.LazyFrame:
    """Return the rows of parquet or Arrow files with the same columns, not yet read."""
    if kind_of(files[0]) is ARROW:
        return pl.scan_ipc(list(files), glob=False)
    return pl.scan_parquet(
        list(files), glob=False, hive_partitioning=are_partitioned(files), try_parse_hive_dates=False
    )


def are_partitioned(files: Sequence[Path]) -> bool:
    """Return whether folders have values of columns in their names, such as month=2024-01."""
    return any("=" in part for part in files[0].parent.parts)


def find_files(text: str, is_child: Callable[[Path, Path], bool]) -> list[Path]:
    """Return the files that a path, folder or glob names, in order.

    In a folder these are its parquet files or, if there are none, the files of the first other kind; tables of codes
    are left out.

    Args:
        text: The path, folder or glob.
        is_child: Whether a file (first argument) in a folder (second) is a table of codes and not of activity.

    Raises:
        ExtractError: There is no such file, or it cannot be read.
    """
    path = Path(text)
    try:
        if path.is_dir():
            return _without_table_formats(_in_folder(path, is_child))
        if path.exists():
            return [path]
    except OSError as error:
        raise ExtractError(f"{text} cannot be read: {error.strerror}.") from None
    matches = [Path(name) for name in sorted(glob.glob(text, recursive=True))]
    files = [file for file in matches if file.is_file() and not _is_hidden(file.name)]
    if files:
        return _without_table_formats(files)
    if glob.has_magic(text):
        raise ExtractError(f"no file matches {text}.")
    if path.is_symlink():
        raise ExtractError(f"{text} is a link that leads nowhere.")
    siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, siblings, count=1)
    hint = f" The nearest name in that folder is {close[0]}." if close else ""
    raise ExtractError(f"there is no file {text}.{hint}")


def _in_folder(folder: Path, is_child: Callable[[Path, Path], bool]) -> list[Path]:
    found = [file for file in sorted(folder.rglob("*")) if not any(map(_is_hidden, file.relative_to(folder).parts))]
    candidates = [file for file in found if file.is_file() and not is_child(file, folder)]
    for kind in KINDS:
        files = [file for file in candidates if file.name.lower().endswith(kind.endings)]
        if files:
            return files
    raise ExtractError(f"the folder {folder} has no file that ends in .parquet or {', '.join(_endings())}.")


def _without_table_formats(files: list[Path]) -> list[Path]:
    """Return the files; raise `ExtractError` if one belongs to a table whose files contain rows deleted since."""
    for folder in dict.fromkeys(parent for file in files for parent in file.parents):
        if is_table_format(str(folder)):
            raise ExtractError(
                f"{folder} is a Delta or Iceberg table, whose files contain rows that were deleted: name that folder."
            )
    return files


def _is_hidden(name: str) -> bool:
    """Return whether a file or folder is no data by its name: _SUCCESS, _temporary, .part-0.parquet.crc."""
    return name.startswith(("_", "."))


def _endings() -> list[str]:
    return [ending for kind in _OTHERS for ending in kind.endings]


def is_table_format(text: str) -> bool:
    """Return whether a path is a Delta or Iceberg table, or an address in an object store."""
    return _is_address(text) or _is_delta(Path(text)) or bool(_iceberg_metadata(text))


def scan_table_format(text: str) -> pl.LazyFrame:
    """Return the rows of a Delta or Iceberg table, or of parquet in an object store, not yet read.

    Raises:
        EngineError: The library for the format is not installed.
        ExtractError: The table cannot be read, or the address says neither that it is parquet nor which table it is.
    """
    try:
        if metadata := _iceberg_metadata(text):
            return _scan_with("iceberg", "pyiceberg", lambda: pl.scan_iceberg(metadata))
        if not _is_address(text):
            return _scan_with("delta", "deltalake", lambda: pl.scan_delta(text))
        if _names_parquet(text):
            return pl.scan_parquet(text)
        # The parquet files of a Delta table contain rows that were deleted since: such a folder is not read as files.
        return _scan_with("delta", "deltalake", lambda: _scan_remote_delta(text))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise ExtractError(f"{text} cannot be read ({type(error).__name__}).") from None


def origin_of(text: str) -> dict[str, object]:
    """Return what a record says of a Delta or Iceberg table or an address: which, and in which version."""
    place: dict[str, object] = {"address": without_secrets(text)} if _is_address(text) else {"path": text}
    if metadata := _iceberg_metadata(text):
        if _is_address(text):
            return {**place, "format": "Iceberg"}
        path = Path(metadata)
        version = json.loads(path.read_text(encoding="utf-8")).get("current-snapshot-id")
        return {**place, "format": "Iceberg", "version": version, "metadata": path.name}
    if _names_parquet(text):
        return place
    return {**place, "format": "Delta", "version": import_module("deltalake").DeltaTable(text).version()}


def _is_address(text: str) -> bool:
    return "://" in text


def _names_parquet(text: str) -> bool:
    return text.partition("?")[0].lower().endswith(PARQUET.endings)


def _is_delta(folder: Path) -> bool:
    return (folder / "_delta_log").is_dir()


def _scan_remote_delta(text: str) -> pl.LazyFrame:
    if not import_module("deltalake").DeltaTable.is_deltatable(text):
        raise ExtractError(f"{text} is not a Delta table: name parquet files, such as {text.rstrip('/')}/*.parquet.")
    return pl.scan_delta(text)


def _iceberg_metadata(text: str) -> str | None:
    """Return the newest metadata file of an Iceberg table; None if the path or address is not one.

    In an object store the address is that of the metadata file.
    """
    if _is_address(text):
        return text if text.endswith(_METADATA) else None
    folder = Path(text) / "metadata"
    hint = folder / "version-hint.text"
    if hint.is_file():
        name = hint.read_text(encoding="utf-8").strip()
        current = folder / (f"v{name}{_METADATA}" if name.isdigit() else f"{name.removesuffix(_METADATA)}{_METADATA}")
        return str(current) if current.is_file() else None
    # The number is before the first hyphen: 00002-3f1c.metadata.json, v10.metadata.json.
    numbers = {file: re.match(r"v?(\d+)", file.name) for file in folder.glob(f"*{_METADATA}")}
    numbered = [(int(number[1]), str(file)) for file, number in numbers.items() if number]
    return max(numbered)[1] if numbered else None


def _scan_with(extra: str, module: str, scan: Callable[[], pl.LazyFrame]) -> pl.LazyFrame:
    """Scan with the library `module`; raise `EngineError` if it is not installed."""
    if find_spec(module) is None:
        raise EngineError(f"{module} is not installed: pip install 'ebi-rules[{extra}]'.")
    return scan()
