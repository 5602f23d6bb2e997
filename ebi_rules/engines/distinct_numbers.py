"""Different whole numbers, and different rows of a table of whole numbers, in order."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from ebi_rules.translate.view_table import Numbers

_HIGHEST = 2**63
_FEW = 0.01
"""Up to such a share of different numbers, looking each up among them is faster than sorting all."""


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
        values = pl.Series(column).unique().sort().to_numpy()
        if len(values) < _FEW * len(column):
            return values, np.searchsorted(values, column)
        return np.unique(column, return_inverse=True)
    is_there = np.zeros(highest + 1, np.bool_)
    is_there[column] = True
    places = np.cumsum(is_there) - 1
    return np.flatnonzero(is_there), places[column]
