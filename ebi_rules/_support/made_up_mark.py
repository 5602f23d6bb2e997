"""The mark of parquet files that hold made-up data, so that what is made from them says so."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MARK = {"ebi-rules": "made up"}
"""The entry in a parquet file's metadata."""

_BYTES = {key.encode(): value.encode() for key, value in MARK.items()}


def marked(table: pa.Table) -> pa.Table:
    """Return a table whose schema has the mark."""
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **_BYTES})


def is_made_up(path: Path) -> bool:
    """Return whether a file is parquet and has the mark."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (pa.ArrowException, OSError):
        return False
    return all(metadata.get(key) == value for key, value in _BYTES.items())
