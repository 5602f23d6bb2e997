"""Months that can be months of care, and those of them that are partial, judged by the bulk of an extract's days.

A date such as 1900-01-01 or 9999-12-31 stands for "no date". Its month would begin a trend, or hide that the last month
is partial, so it is read as missing and counted. This works on cubes, whoever counted them.
"""

import calendar
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from ebi_rules._support.notices import Notice
from ebi_rules.cube import DAY_MEASURES, EARLIEST, EARLY, FIRST_DATE, LAST_DATE, LATE, dimensions_of, in_order

_BULK = 0.99
"""The share of activity in the months up to the end of the bulk."""

_LONGEST_GAP = 24
"""Months without activity after which the bulk does not go on: what follows stands for "no date", however often."""

_MOST_YEARS_AHEAD = 50
"""Years later than this after today's are no years of care."""

_MOST_DAYS_MISSING = 3
"""If the data begin or end more than this many days inside a month, that month is partial."""

_LEAST_EXPECTED = 5
"""Days without activity at the start of a month mean something only if this much activity is expected on them."""

_LEAST_OF_USUAL = 0.7
_MOST_DEVIATIONS = 4
"""A month is also partial if its first or last days have less than this share of the activity usual on them, by more
than this many standard deviations (binomial): one date at the end of a month does not make it whole."""


def without_stray_months(cube: pl.DataFrame, today: date) -> tuple[pl.DataFrame, list[Notice]]:
    """Read months that cannot be as missing.

    Args:
        cube: A cube.
        today: Months up to this day's are plausible, and so are all up to the bulk of the extract.

    Returns:
        The cube, and a warning that counts the rows of other months.
    """
    activity = _by_month(cube, "activity")
    first, last = plausible_span(activity, today)
    stray = activity.filter(~pl.col("month").is_between(pl.lit(first), pl.lit(last)))
    if not stray.height:
        return cube, []
    is_stray = pl.col("month").cast(pl.String).is_in(stray["month"].to_list()).fill_null(False)
    is_of_days = pl.col("measure").cast(pl.String).is_in(DAY_MEASURES)
    kept = cube.filter(~(is_stray & is_of_days))
    typed = kept.with_columns(pl.when(~is_stray).then("month").alias("month"))
    keys = [name for name in cube.columns if name != "count"]
    is_day = pl.col("measure").cast(pl.String).is_in([FIRST_DATE, LAST_DATE]).first()
    total = pl.when(is_day).then(pl.col("count").max()).otherwise(pl.col("count").sum())
    summed = typed.group_by(keys).agg(total.alias("count")).select(cube.columns)
    text = f"a date before {EARLIEST.year} or after the month {last}; it was read as missing."
    return in_order(summed, dimensions_of(cube)), [
        Notice(f"activity_date: {{rows_have}} {text}", int(stray["count"].sum()))
    ]


def plausible_span(activity: pl.DataFrame, today: date) -> tuple[str, str]:
    """Return the first and the last month that can be a month of care.

    Args:
        activity: How much activity there is by month, in order: month, count.
        today: Months up to this day's are plausible, and so are all up to the bulk of the activity.
    """
    first, latest = f"{EARLIEST:%Y-%m}", f"{today.year + _MOST_YEARS_AHEAD}-12"
    possible = activity.filter(pl.col("month").is_between(pl.lit(first), pl.lit(latest)))
    return first, max(end_of_bulk(possible), f"{today:%Y-%m}")


def end_of_bulk(activity: pl.DataFrame) -> str:
    """Return the month up to which almost all activity is, in one run of months; empty if there is none.

    Args:
        activity: How much activity there is by month, in order: month, count.
    """
    share = activity["count"].cum_sum() / max(int(activity["count"].sum()), 1)
    middle = activity.filter(share >= 1 / 2)["month"]
    if not middle.len():
        return ""
    first = pl.Series([middle[0]])
    months = pl.concat([first, activity.filter(pl.col("month") > middle[0], share.shift(1) < _BULK)["month"]])
    number = months.str.slice(0, 4).cast(pl.Int64) * 12 + months.str.slice(5).cast(pl.Int64)
    is_after_gap = (number.diff() > _LONGEST_GAP).fill_null(False).cum_max()
    return str(months.filter(~is_after_gap)[-1])


def partial_months(cube: pl.DataFrame) -> tuple[str, ...]:
    """Return those of the first and the last month of a cube that the extract does not cover to its start or end."""
    days = {name: dict(_by_month(cube, name).iter_rows()) for name in ("activity", *DAY_MEASURES)}
    months = sorted(days["activity"])
    if not months or not days[LAST_DATE]:
        return ()
    partial = []
    if _begins_late(months, days):
        partial.append(months[0])
    if _ends_early(months, days):
        partial.append(months[-1])
    return tuple(dict.fromkeys(partial))


def _begins_late(months: Sequence[str], days: Mapping[str, Mapping[str, int]]) -> bool:
    month, others = months[0], months[1:]
    first = days[FIRST_DATE].get(month)
    missing = first % 100 - 1 if first else 0
    by_day = sum(days["activity"].values()) / sum(map(_length, months))
    usual = [days[FIRST_DATE][other] % 100 - 1 for other in others if other in days[FIRST_DATE]]
    is_unusual = not usual or float(np.median(usual)) <= _MOST_DAYS_MISSING
    begins_late = missing > _MOST_DAYS_MISSING and by_day * missing >= _LEAST_EXPECTED and is_unusual
    return begins_late or _is_low(month, months[1:-1], days, EARLY)


def _ends_early(months: Sequence[str], days: Mapping[str, Mapping[str, int]]) -> bool:
    month = months[-1]
    last = days[LAST_DATE].get(month)
    missing = _length(month) - last % 100 if last else 0
    return missing > _MOST_DAYS_MISSING or _is_low(month, months[1:-1], days, LATE)


def _is_low(month: str, others: Sequence[str], days: Mapping[str, Mapping[str, int]], part: str) -> bool:
    """Return whether a part of a month has far less activity than it usually has."""
    if not days[part] or len(others) < 2:
        return False
    usual = float(np.median([days[part].get(other, 0) / days["activity"][other] for other in others]))
    count, total = days[part].get(month, 0), days["activity"][month]
    deviation = (usual * (1 - usual) * total) ** 0.5
    return count < _LEAST_OF_USUAL * usual * total and usual * total - count > _MOST_DEVIATIONS * deviation


def _length(month: str) -> int:
    return calendar.monthrange(int(month[:4]), int(month[5:]))[1]


def _by_month(cube: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Return a count of all activity by month, in order: month, count."""
    rows = cube.filter(pl.col("measure") == measure, pl.col("month").is_not_null())
    return rows.group_by(pl.col("month").cast(pl.String)).agg(pl.col("count").sum()).sort("month")
