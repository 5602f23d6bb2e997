"""What run.json says of the inputs: where they were, how large, how many rows, and a fingerprint; no credentials."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow import ArrowException

from ebi_rules._support.addresses import without_secrets
from ebi_rules._support.made_up_mark import is_made_up
from ebi_rules.criteria.labels import settings_files
from ebi_rules.engines.extract import Extract, FrameExtract
from ebi_rules.engines.warehouse import WarehouseExtract

_WHOLE = 64 * 2**20
"""The size in bytes up to which the whole content of a file is hashed."""

_ENDS = 2**20
"""How many bytes at each end of a larger file are hashed."""

_PARQUET_END = 8
"""The last bytes of a parquet file: the length of its footer, and PAR1."""


def input_records(extract: Extract, rows: int | None) -> list[dict[str, Any]]:
    """Return a record of each input of an extract: its files, or the table that it is.

    Args:
        extract: The extract.
        rows: The number of its rows, for tables that are no files.
    """
    if extract.files:
        return [file_record(Path(file.path), file.rows) for file in extract.files]
    if isinstance(extract, WarehouseExtract):
        tables = (extract.table, *extract.child_tables.values())
        records = [{"table": without_secrets(name), "engine": extract.engine} for name in tables]
        return [{**records[0], "rows": rows}, *records[1:]]
    if isinstance(extract, FrameExtract) and extract.table.origin:
        return [{**extract.table.origin, "rows": rows}]
    return [{"frame": getattr(extract, "kind", "table"), "rows": rows}]


def settings_records() -> dict[str, dict[str, Any]]:
    """Return a record of each file of settings in force: what counts depends on it."""
    return {name: file_record(Path(path), None) for name, path in settings_files().items()}


def file_record(path: Path, rows: int | None) -> dict[str, Any]:
    """Return the record of a file, with its rows unless these are not to be shown, and `made_up` if it is."""
    counted = {} if rows is None else {"rows": rows}
    made_up = {"made_up": True} if is_made_up(path) else {}
    return {"path": str(path), "bytes": path.stat().st_size, **counted, **made_up, "fingerprint": fingerprint(path)}


def fingerprint(path: Path) -> dict[str, str]:
    """Return a fingerprint of a file's content, with how it was made.

    A file of up to 64 MiB is hashed as a whole. Of a larger one these are hashed: the size, and the footer of a parquet
    file, which has statistics of every part, or the first and the last MiB of any other.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "a.csv").write_text("x")
        ...     fingerprint(Path(folder) / "a.csv")["method"]
        'sha256 of the content'
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _WHOLE:
            return {"method": "sha256 of the content", "value": hashlib.file_digest(file, "sha256").hexdigest()}
        digest = hashlib.sha256(str(size).encode())
        footer = _footer_size(path)
        if footer is None:
            digest.update(file.read(_ENDS))
        file.seek(max(size - (footer or _ENDS), 0))
        digest.update(file.read())
    what = "the first and the last MiB" if footer is None else "the parquet footer"
    return {"method": f"sha256 of the size and of {what}", "value": digest.hexdigest()}


def _footer_size(path: Path) -> int | None:
    try:
        return int(pq.read_metadata(path).serialized_size) + _PARQUET_END
    except (ArrowException, OSError):
        return None
