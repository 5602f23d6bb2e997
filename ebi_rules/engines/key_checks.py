"""Whether the keys of an extract are all different, found as its rows are read."""

from collections.abc import Sequence
from threading import Lock

import polars as pl

from ebi_rules.engines.findings import Finding
from ebi_rules.engines.lazy_frames import collect

_KEYS_AT_ONCE = 10_000_000
"""How many keys are in memory at once to find repeated ones; a larger extract is read in several parts."""


class KeyChecks:
    """Watch the first column of the key: keys that always ascend are all different, and others are counted at the end.

    Args:
        columns: The columns that are together the key.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._lock = Lock()
        self._spans: list[tuple[object, object]] = []
        self._ascend = True
        self._missing = 0

    def read(self, keys: pl.Series) -> None:
        """Take in the first column of the key of some rows, in their order."""
        missing = keys.null_count()
        ascend = self._ascend and not missing and _ascend(keys)
        with self._lock:
            self._missing += missing
            self._ascend = self._ascend and ascend
            if self._ascend and len(keys):
                self._spans.append((keys[0], keys[-1]))

    def findings(self, frame: pl.LazyFrame, rows: int) -> list[Finding]:
        """Return what was found in the keys of all rows.

        Args:
            frame: The rows; they are read again if their keys do not ascend.
            rows: The number of rows.
        """
        distinct = rows if self._are_apart() else _count_distinct(frame, self._columns, rows)
        return key_findings(" and ".join(self._columns), rows, self._missing, distinct)

    def _are_apart(self) -> bool:
        """Return whether keys ascend in every batch, and no batch overlaps another."""
        if not self._ascend:
            return False
        spans = pl.DataFrame(self._spans, schema=["first", "last"], orient="row").sort("first")
        return bool(spans.select((pl.col("first") > pl.col("last").shift(1)).fill_null(True).all()).item())


def key_findings(key: str, rows: int, missing: int, distinct: int) -> list[Finding]:
    """Return what was found in keys.

    Args:
        key: The key's column, or its columns.
        rows: The number of rows.
        missing: The number of rows without a key.
        distinct: The number of different keys.
    """
    return [
        Finding("id", key, "missing", missing, rows),
        Finding("id", key, "repeated", rows - missing - distinct, rows),
    ]


def _ascend(keys: pl.Series) -> bool:
    return len(keys) < 2 or bool((keys.slice(1) > keys.slice(0, len(keys) - 1)).all())


def _count_distinct(frame: pl.LazyFrame, columns: Sequence[str], rows: int) -> int:
    """Count different keys, in memory that does not grow with the rows."""
    parts = max(1, -(-rows // _KEYS_AT_ONCE))
    key = pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)
    keys = frame.filter(pl.col(columns[0]).is_not_null()).select(key.alias("key"))
    distinct = 0
    for part in range(parts):
        keys_of_part = keys.filter(pl.col("key").hash() % parts == part) if parts > 1 else keys
        distinct += collect(keys_of_part.select(pl.col("key").n_unique())).item()
    return distinct
