"""Counts of small groups for use in statistics, as far as the counts that are shown determine them.

Expected counts need the eligible activity of every provider by age band and sex, which no table shows. If they were
made from exact counts, they could be worked back to them. They are made from these instead.
"""

from collections.abc import Sequence

import polars as pl

from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, controlled


def likely_count(count: pl.Expr, whole: pl.Expr, within: Sequence[str], method: str) -> pl.Expr:
    """Return counts as they would be shown; suppressed ones share what the others leave of their whole equally.

    Args:
        count: Exact counts, whole numbers of 0 or more.
        whole: For each count, the shown count of the group that it is a part of; null if that is not shown.
        within: The columns that identify the group.
        method: The method of disclosure control.

    Returns:
        Numbers (Float64) that two extracts have in common if they differ only inside what is suppressed or rounded.

    Example:
        >>> frame = pl.DataFrame({"provider": ["ZZ1"] * 4, "eligible": [22, 3, 1, 0], "all": [30] * 4})
        >>> numbers = likely_count(pl.col("eligible"), pl.col("all"), ["provider"], "hes")
        >>> frame.select(numbers.alias("eligible"))["eligible"].to_list()
        [20.0, 5.0, 5.0, 0.0]
    """
    if method == "none":
        return count.cast(pl.Float64)
    shown = controlled(count, method).cast(pl.Float64)
    missing = shown.is_null().sum().over(within)
    left = (whole - shown.sum().over(within)) / missing
    middle = pl.lit(float(SMALLEST_SHOWN // 2))
    return pl.coalesce(shown, left.clip(1, SMALLEST_SHOWN - 1).fill_nan(None), middle)
