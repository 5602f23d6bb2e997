"""Shares in per cent with their intervals, from counts that may be shown."""

import numpy as np
import polars as pl

from ebi_rules.statistics.intervals import wilson

PERCENT = ("percent", "percent_lower_95", "percent_upper_95")
"""A share in per cent, and the limits of its 95% Wilson score interval."""


def with_percent(table: pl.DataFrame, part: str, whole: str) -> pl.DataFrame:
    """Return a table with the columns of `PERCENT`: null where a count is suppressed or the whole is 0.

    Args:
        table: A table with both counts.
        part: The column of the parts.
        whole: The column of the wholes.

    Source:
        Wilson (1927): see `intervals.wilson`.

    Example:
        >>> table = pl.DataFrame({"outcome": [50, None], "followed": [200, 90]})
        >>> with_percent(table, "outcome", "followed").row(0)
        (50, 200, 25.0, 19.5, 31.4)
    """
    missing = float("nan")
    wholes = table[whole].cast(pl.Float64).fill_null(missing).to_numpy()
    # A rounded part can exceed its rounded whole.
    parts = np.minimum(table[part].cast(pl.Float64).fill_null(missing).to_numpy(), wholes)
    lower, upper = (pl.lit(pl.Series(limit, dtype=pl.Float64)) for limit in wilson(parts, wholes))
    share = (pl.col(part) / pl.col(whole)).clip(upper_bound=1)
    is_known = pl.col(part).is_not_null() & (pl.col(whole) > 0)
    return table.with_columns(
        pl.when(is_known).then((figure * 100).round(1)).alias(name)
        for name, figure in zip(PERCENT, (share, lower, upper), strict=True)
    )
