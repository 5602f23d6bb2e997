"""Whole numbers of a column, with another number in the place of nulls.

Polars would make a query of it, for threads of its own; Arrow and numpy do it where they are asked.
"""

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from ebi_rules.translate.view_table import Numbers

_FAR = 2**31
"""Numbers of 32 bits are nearer to 0."""


def filled(values: pl.Series | pa.Array, missing: int) -> Numbers:
    """Return whole numbers, or days as their numbers since 1970.

    Args:
        values: Whole numbers of 64 bits or fewer, or days.
        missing: What stands for null.
    """
    array = values.cast(pl.Int32).to_arrow() if isinstance(values, pl.Series) and values.dtype == pl.Date else values
    array = array.to_arrow() if isinstance(array, pl.Series) else array
    if array.null_count:
        has_room = array.type == pa.int32() and -_FAR < missing < _FAR
        array = pc.fill_null(array if has_room else array.cast(pa.int64()), missing)
    numbers: Numbers = array.to_numpy().astype(np.int64, copy=False)
    return numbers
