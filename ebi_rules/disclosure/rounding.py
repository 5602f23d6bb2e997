"""Disclosure control of single counts: no small number of people is shown.

- `hes` is the method for HES, ECDS and SUS outputs since September 2018 (NHS Digital, "Change to disclosure control
  methodology for HES and ECDS"): 0 is shown, 1 to 7 are suppressed, and other counts are rounded to the nearest 5.
- `midpoint6` is OpenSAFELY's method (documentation, statistical disclosure control): every count above 0 is shown as
  the midpoint of its band of six.
- `none` shows exact counts.

Counts that could be worked out from others are the task of `secondary_suppression`.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import polars as pl

from ebi_rules._support.errors import InvalidInputError, UsageError, unknown

Method = Literal["hes", "midpoint6", "none"]

METHODS: tuple[str, ...] = get_args(Method)
SMALLEST_SHOWN = 8
"""The smallest count above 0 that `hes` shows, rounded."""

ROUNDING_VARIANCE: Mapping[str, float] = {"none": 0.0, "midpoint6": 35 / 12, "hes": 2.0}
"""The variance that rounding adds to a count: of a whole number that is moved to the middle of 6, or of 5."""

SUPPRESSED = "*"
"""What files and tables show for a suppressed count."""

WITHHELD = "_withheld"
"""The ending of columns that mark counts withheld to protect others; no file contains these columns."""

ABOUT: Mapping[str, str] = {
    "hes": "Counts of 1 to 7 are suppressed and others rounded to the nearest 5; totals are rounded from true values, "
    "so rows may not add up to them.",
    "midpoint6": "Every count above 0 is shown as the midpoint of its band of six: 3, 9, 15 and so on.",
    "none": "Counts are exact. Do not publish them or pass them on outside the organisation.",
}


def find_method(name: str) -> str:
    """Return the name of a method, after checking it.

    Args:
        name: The name.

    Returns:
        The same name.

    Raises:
        UsageError: There is no method of this name.

    Example:
        >>> find_method("hes")
        'hes'
    """
    if name not in METHODS:
        raise UsageError("--disclosure: " + unknown("method", name, METHODS))
    return name


def controlled(count: pl.Expr, method: str) -> pl.Expr:
    """Return counts as they may be shown.

    Args:
        count: Exact counts, whole numbers of 0 or more.
        method: One of `METHODS`.

    Returns:
        The counts to show, null where suppressed.

    Source:
        `hes`: NHS Digital (2018). `midpoint6`: OpenSAFELY documentation.

    Example:
        >>> counts = pl.DataFrame({"count": [0, 3, 12]})
        >>> counts.select(shown=controlled(pl.col("count"), "hes"))["shown"].to_list()
        [0, None, 10]
    """
    if method == "none":
        return count
    if method == "midpoint6":
        return pl.when(count == 0).then(0).otherwise((count + 5) // 6 * 6 - 3)
    rounded = (count + 2) // 5 * 5
    return pl.when(count == 0).then(0).when(count >= SMALLEST_SHOWN).then(rounded)


def intervals(count: pl.Expr, method: str) -> tuple[pl.Expr, pl.Expr]:
    """Return the lowest and the highest exact count that would be shown in the same way as a count.

    Args:
        count: Exact counts, whole numbers of 0 or more.
        method: One of `METHODS`.

    Returns:
        The lower and the upper end of the interval.

    Example:
        >>> ends = intervals(pl.lit(5), "hes")
        >>> [pl.select(end).item() for end in ends]
        [1, 7]
    """
    if method == "none":
        return count, count
    if method == "midpoint6":
        upper = (count + 5) // 6 * 6
        return pl.when(count == 0).then(0).otherwise(upper - 5), upper
    rounded = (count + 2) // 5 * 5
    small = count.is_between(1, SMALLEST_SHOWN - 1)
    lower = pl.when(count == 0).then(0).when(small).then(1).otherwise(pl.max_horizontal(rounded - 2, SMALLEST_SHOWN))
    upper = pl.when(count == 0).then(0).when(small).then(SMALLEST_SHOWN - 1).otherwise(rounded + 2)
    return lower, upper


def control(count: int, method: str) -> int | None:
    """Return one count as it may be shown.

    Args:
        count: The exact count, 0 or more.
        method: One of `METHODS`.

    Returns:
        The count to show, or None where suppressed.

    Raises:
        InvalidInputError: The count is negative.
        UsageError: There is no method of this name.

    Example:
        >>> control(3, "hes"), control(12, "hes"), control(3, "midpoint6")
        (None, 10, 3)
    """
    if count < 0:
        raise InvalidInputError("a count cannot be negative.")
    shown = pl.select(controlled(pl.lit(count, dtype=pl.Int64), find_method(method))).item()
    return None if shown is None else int(shown)


def plain(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table without the columns that mark withheld counts.

    Example:
        >>> plain(pl.DataFrame({"flagged": [10], "flagged_withheld": [False]})).columns
        ['flagged']
    """
    return table.select([name for name in table.columns if not name.endswith(WITHHELD)])
