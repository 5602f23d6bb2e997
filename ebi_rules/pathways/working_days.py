"""Count working days: Monday to Friday without England's bank holidays, which are in `data/calendars/england.toml`."""

from datetime import date, timedelta
from functools import cache

import numpy as np
import numpy.typing as npt

from ebi_rules._support.package_data import data_folder
from ebi_rules._support.toml_text import parse_toml

Days = npt.NDArray[np.int64]
"""Days since 1970."""

UNKNOWN = -1
"""The number of working days where a day lies outside the years whose bank holidays are known."""

_SATURDAY = 5


@cache
def bank_holidays() -> frozenset[date]:
    """Return England's bank holidays.

    Example:
        >>> date(2022, 9, 19) in bank_holidays()
        True
    """
    calendar = parse_toml((data_folder("calendars") / "england.toml").read_text(encoding="utf-8"))
    return frozenset(date.fromisoformat(day) for year, days in calendar.items() if year.isdigit() for day in days)


def known_years() -> tuple[date, date]:
    """Return the first and the last day for which bank holidays are known."""
    days = bank_holidays()
    return date(min(days).year, 1, 1), date(max(days).year, 12, 31)


def working_days(start: date, end: date) -> int:
    """Return how many working days after a day another one is: 1 on the next working day. The slow and obvious way.

    Example:
        >>> working_days(date(2024, 3, 28), date(2024, 4, 2))  # Maundy Thursday to the Tuesday after Easter
        1
    """
    first, last = known_years()
    if start < first or end > last or end < start:
        return UNKNOWN
    between = (start + timedelta(days=number) for number in range((end - start).days))
    return sum(day.weekday() < _SATURDAY and day not in bank_holidays() for day in between)


def count_working_days(start: Days, end: Days) -> Days:
    """Return `working_days` of many pairs of days at once; `UNKNOWN` for an end before its start."""
    holidays = np.array(sorted(bank_holidays()), dtype="datetime64[D]")
    first, last = (np.datetime64(day, "D").astype(np.int64) for day in known_years())
    is_known = (start >= first) & (end <= last) & (end >= start)
    begins, ends = (np.where(is_known, days, 0).astype("datetime64[D]") for days in (start, end))
    counted: Days = np.busday_count(begins, ends, holidays=holidays).astype(np.int64)
    return np.where(is_known, counted, UNKNOWN)
