"""Counts of what batches of rows contain, added up as they come: memory grows with the values and not with the rows."""

from collections.abc import Mapping
from threading import Lock

import numpy as np
import polars as pl

from ebi_rules.translate.view_table import Numbers

ROWS = "rows"
"""The column of counts."""

_ROWS_AT_ONCE = 3_000_000
_FRAMES_AT_ONCE = 1_000


class NumberTally:
    """Count rows by a small whole number, which several threads may bring.

    Attributes:
        rows: The number of rows by number.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.rows: Numbers = np.zeros(1, np.int64)

    def add(self, numbers: Numbers, rows_of_each: Numbers | None = None) -> None:
        """Take in numbers, each of one row, or of so many rows."""
        rows = np.bincount(numbers, rows_of_each).astype(np.int64)
        with self._lock:
            if len(rows) > len(self.rows):
                self.rows = np.pad(self.rows, (0, len(rows) - len(self.rows)))
            self.rows[: len(rows)] += rows


class Tally:
    """Add up counts of batches, which several threads may bring.

    Args:
        keys: The columns that say what is counted, and their types.
    """

    def __init__(self, keys: Mapping[str, pl.DataType]) -> None:
        self._keys = list(keys)
        self._schema = pl.Schema({**keys, ROWS: pl.Int64()})
        self._frames = [pl.DataFrame(schema=self._schema)]
        self._most_rows = _ROWS_AT_ONCE
        self._lock = Lock()

    def add(self, counted: pl.DataFrame) -> None:
        """Take in the counts of one batch: the keys, and rows."""
        frame = counted if counted.schema == self._schema else counted.select(self._schema.names()).cast(self._schema)
        with self._lock:
            self._frames.append(frame)
            if len(self._frames) > _FRAMES_AT_ONCE or sum(map(len, self._frames)) > self._most_rows:
                self._frames = [self._added_up()]
                self._most_rows = max(_ROWS_AT_ONCE, 2 * len(self._frames[0]))

    def total(self) -> pl.DataFrame:
        """Return the counts of all batches, one row for each different thing counted."""
        with self._lock:
            return self._added_up()

    def _added_up(self) -> pl.DataFrame:
        return pl.concat(self._frames).group_by(self._keys).agg(pl.col(ROWS).sum())
