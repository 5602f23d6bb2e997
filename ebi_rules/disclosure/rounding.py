"""Disclosure control of counts: no small number of people is shown, nor to be worked out.

`hes` is the method for HES, ECDS and SUS outputs since September 2018 (NHS Digital, "Change to disclosure control
methodology for HES and ECDS"): 0 stays, 1 to 7 are suppressed, the rest are rounded to the nearest 5. `midpoint6` is
OpenSAFELY's (documentation, statistical disclosure control): every count above 0 is the midpoint of its band of six.
`none` shows what is there.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import polars as pl

from ebi_rules._support.errors import InvalidInputError, UsageError, unknown

Method = Literal["hes", "midpoint6", "none"]

METHODS: tuple[str, ...] = get_args(Method)
SMALLEST_SHOWN = 8
"""The smallest count above 0 that `hes` shows, rounded."""

SUPPRESSED = "*"
"""What stands in a file or a table for a count that is not shown."""

WITHHELD = "_withheld"
"""How the columns end that say which counts are withheld to protect another; no file has them."""

ABOUT: Mapping[str, str] = {
    "hes": "Counts of 1 to 7 are suppressed and others rounded to the nearest 5; totals are rounded from true values, "
    "so rows may not add up to them.",
    "midpoint6": "Every count above 0 is shown as the midpoint of its band of six: 3, 9, 15 and so on.",
    "none": "Counts are exact. Do not publish them or pass them on outside the organisation.",
}


def find_method(name: str) -> str:
    """Give a method's name. Raises `UsageError` for an unknown one."""
    if name not in METHODS:
        raise UsageError("--disclosure: " + unknown("method", name, METHODS))
    return name


def controlled(count: pl.Expr, method: str) -> pl.Expr:
    """Give the count that may be shown: a whole number, null where it is suppressed."""
    if method == "none":
        return count
    if method == "midpoint6":
        return pl.when(count == 0).then(0).otherwise((count + 5) // 6 * 6 - 3)
    rounded = (count + 2) // 5 * 5
    return pl.when(count == 0).then(0).when(count >= SMALLEST_SHOWN).then(rounded)


def control(count: int, method: str) -> int | None:
    """Give one count as it may be shown, None where it is suppressed. Raises `InvalidInputError` for a negative count."""
    if count < 0:
        raise InvalidInputError("a count is not negative.")
    shown = pl.select(controlled(pl.lit(count, dtype=pl.Int64), find_method(method))).item()
    return None if shown is None else int(shown)


def plain(table: pl.DataFrame) -> pl.DataFrame:
    """Give a table without the marks of what is withheld."""
    return table.select([name for name in table.columns if not name.endswith(WITHHELD)])
