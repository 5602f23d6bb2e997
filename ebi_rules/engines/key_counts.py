"""Count rows by their packed keys: keys are collected, sorted, and each run of like keys is counted.

Sorting whole numbers is faster than a table of groups, whose places are all over memory; and what is kept grows with
the different keys, not with the rows.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from ebi_rules.engines.distinct_numbers import starts_of_runs
from ebi_rules.translate.view_table import Numbers

_ROWS_AT_ONCE = 2_000_000


class KeyCounts:
    """Rows by key, which several threads may bring.

    Args:
        words: How many whole numbers are together the key of a row.
    """

    def __init__(self, words: int) -> None:
        self._words = words
        self._lock = Lock()
        self._waiting: list[list[Numbers]] = []
        self._counted: list[list[Numbers]] = []
        self._most_counted = 2 * _ROWS_AT_ONCE

    def add(self, keys: list[Numbers]) -> None:
        """Take in the keys of some rows."""
        with self._lock:
            self._waiting.append(keys)
            if _length(self._waiting) < _ROWS_AT_ONCE:
                return
            waiting, self._waiting = self._waiting, []
        counted = _counted_rows(waiting)
        with self._lock:
            self._counted.append(counted)
            if _length(self._counted) <= self._most_counted:
                return
            many, self._counted = self._counted, []
        # Other threads go on meanwhile.
        added_up = _added_up(many)
        with self._lock:
            self._counted.append(added_up)
            self._most_counted = max(2 * _ROWS_AT_ONCE, 2 * len(added_up[0]))

    def total(self) -> tuple[list[Numbers], Numbers]:
        """Return the different keys in order, and how many rows have each."""
        none = [np.zeros(0, np.int64) for _ in range(self._words + 1)]
        *keys, rows = _added_up([none, *self._counted, _counted_rows([none[:-1], *self._waiting])])
        return keys, rows


def _length(pieces: Sequence[list[Numbers]]) -> int:
    return sum(len(piece[0]) for piece in pieces)


def _counted_rows(pieces: Sequence[list[Numbers]]) -> list[Numbers]:
    """Return the different keys of some rows, and how many rows have each."""
    keys = [np.concatenate(words) for words in zip(*pieces, strict=True)]
    if len(keys) == 1:
        keys[0].sort()
    else:
        order = np.lexsort(keys[::-1])
        keys = [word[order] for word in keys]
    starts = starts_of_runs(keys, len(keys[0]))
    return [*(word[starts] for word in keys), np.diff(starts, append=len(keys[0]))]


def _added_up(pieces: Sequence[list[Numbers]]) -> list[Numbers]:
    """Return the different keys of some counts, and their sums."""
    *keys, rows = (np.concatenate(words) for words in zip(*pieces, strict=True))
    order = np.argsort(keys[0], kind="stable") if len(keys) == 1 else np.lexsort(keys[::-1])
    keys = [word[order] for word in keys]
    starts = starts_of_runs(keys, len(rows))
    sums = np.add.reduceat(rows[order], starts) if len(starts) else rows
    return [*(word[starts] for word in keys), sums]
