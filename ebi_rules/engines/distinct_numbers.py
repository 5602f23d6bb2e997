"""Different whole numbers, and different rows of a table of whole numbers, in order."""

from collections.abc import Sequence

import numpy as np

from ebi_rules.translate.view_table import Numbers

_HIGHEST = 2**63
_FEW = 4096
"""Rows are counted by sorting them if they have so few different numbers."""


def number_rows(columns: Sequence[Numbers], rows: int) -> tuple[Numbers, Numbers]:
    """Number the different rows of a table of whole numbers, in their order.

    Args:
        columns: The columns of the table, none with a number below 0.
        rows: How many rows the table has.

    Returns:
        For each different row, the place of one that is like it; and for each row, its number.
    """
    key, span = np.zeros(rows, np.int64), 1
    for column in columns:
        values, places = distinct(column)
        if span * len(values) >= _HIGHEST:
            key = distinct(key)[1]
            span = int(key.max()) + 1
        key = key * len(values) + places
        span *= max(1, len(values))
    values, number = distinct(key)
    place = np.zeros(len(values), np.int64)
    place[number] = np.arange(rows)
    return place, number


def distinct(column: Numbers) -> tuple[Numbers, Numbers]:
    """Return the different numbers of a column in order, none below 0, and the place of each row's among them."""
    highest = int(column.max(initial=-1))
    if highest > 4 * len(column):
        return np.unique(column, return_inverse=True)
    is_there = np.zeros(highest + 1, np.bool_)
    is_there[column] = True
    places = np.cumsum(is_there) - 1
    return np.flatnonzero(is_there), places[column]


def rows_of_each(places: Numbers, numbers: int) -> Numbers:
    """Return how many rows have each number below `numbers`, from the number of each row.

    Few numbers are sorted, which is faster than counting, and lets other threads go on.
    """
    if numbers > _FEW:
        return np.bincount(places, minlength=numbers)
    return np.diff(np.searchsorted(np.sort(places.astype(np.int32)), np.arange(numbers + 1, dtype=np.int32)))


def starts_of_runs(columns: Sequence[Numbers], rows: int) -> Numbers:
    """Return where each run of like rows of a table starts.

    Args:
        columns: The columns of the table.
        rows: How many rows it has.
    """
    is_start = np.zeros(rows, np.bool_)
    is_start[:1] = True
    for column in columns:
        is_start[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(is_start)
