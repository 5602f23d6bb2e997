"""Shares in per cent with their intervals, from counts as they may be shown."""

import numpy as np
import polars as pl

from ebi_rules.statistics.intervals import wilson

PERCENT = ("percent", "percent_lower_95", "percent_upper_95")
"""A share in per cent, and Wilson's score interval of it."""


def with_percent(table: pl.DataFrame, part: str, whole: str) -> pl.DataFrame:
    """Add the columns of `PERCENT` for counts that may be null, where suppressed: then these are too."""
    missing = float("nan")
    sizes = table[whole].cast(pl.Float64).fill_null(missing).to_numpy()
    # A rounded part can exceed its rounded whole.
    held = np.minimum(table[part].cast(pl.Float64).fill_null(missing).to_numpy(), sizes)
    limits = [pl.lit(pl.Series(limit, dtype=pl.Float64)) for limit in wilson(held, sizes)]
    given = pl.when(pl.col(part).is_not_null() & (pl.col(whole) > 0)).then
    share = (pl.col(part) / pl.col(whole)).clip(upper_bound=1)
    figures = zip(PERCENT, (share, *limits), strict=True)
    return table.with_columns(given((each * 100).round(1)).alias(name) for name, each in figures)
