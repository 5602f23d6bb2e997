"""By what a rate before and after a change is divided: eligible activity, or what the change itself cannot move."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules._support.small_csv import read_small_csv
from ebi_rules.layouts.scope import read_month
from ebi_rules.provider_audit.table_columns import PER

ELIGIBLE, DAYS, PEOPLE = "eligible", "days", "people"

_OPTION = "--per"
_UNITS = {ELIGIBLE: "1,000 eligible", DAYS: "day", PEOPLE: "1,000 people and year"}
_SCALES = {ELIGIBLE: PER, DAYS: 1, PEOPLE: PER}
_YEAR = 365.25


@dataclass(frozen=True)
class Denominator:
    """By what the activity in scope of a month is divided.

    Attributes:
        kind: ELIGIBLE, DAYS or PEOPLE.
        people: Of PEOPLE, how many there were in each month ("2024-04").
    """

    kind: str = ELIGIBLE
    people: Mapping[str, float] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What a rate is per."""
        return _UNITS[self.kind]

    @property
    def scale(self) -> float:
        """By what activity in scope over `of` is multiplied to give the rate."""
        return _SCALES[self.kind]

    def of(self, month: str, eligible: int | None) -> float | None:
        """Return the denominator of a month; None if it is not known.

        Args:
            month: The month.
            eligible: Its eligible activity; None if suppressed.

        Example:
            >>> Denominator(DAYS).of("2024-02", 500), Denominator().of("2024-02", 500)
            (29, 500)
        """
        if self.kind == ELIGIBLE:
            return eligible
        days = monthrange(int(month[:4]), int(month[5:7]))[1]
        if self.kind == DAYS:
            return days
        return None if month not in self.people else self.people[month] * days / _YEAR

    def require(self, months: Sequence[str]) -> None:
        """Raise `UsageError` if people are not known in one of these months."""
        lacking = [month for month in months if self.kind == PEOPLE and month not in self.people]
        if lacking:
            more = f" and {len(lacking) - 1} more months" if len(lacking) > 1 else ""
            raise UsageError(f"{_OPTION}: the file has no people for {lacking[0]}{more}, which are compared.")


PER_ELIGIBLE = Denominator()
"""Rates per eligible activity."""


def read_denominator(text: str) -> Denominator:
    """Return the denominator that a user names.

    Args:
        text: eligible, days, or a CSV file with the columns month and people.

    Raises:
        UsageError: It is none of these, or the file is wrong.

    Example:
        >>> read_denominator("days").unit
        'day'
    """
    name = text.strip().lower()
    if name in (ELIGIBLE, DAYS):
        return Denominator(name)
    if not Path(text).exists():
        raise UsageError(f"{_OPTION} {text}: name eligible, days, or a CSV file with the columns month and people.")
    frame = read_small_csv(text, _OPTION)
    for column in ("month", "people"):
        if column not in frame.columns:
            raise UsageError(f"{_OPTION} {text} has no column {column}. It needs the headings month, people.")
    numbers = frame["people"].str.strip_chars().cast(pl.Float64, strict=False)
    wrong = int((~(numbers > 0) | numbers.is_infinite() | numbers.is_null()).fill_null(True).sum())
    if wrong:
        raise UsageError(f"{_OPTION} {text}: {wrong:,} of the cells in people are not numbers above 0.")
    people: dict[str, float] = {}
    for cell, number in zip(frame["month"], numbers, strict=True):
        month = read_month(cell or "", f"{_OPTION} {text}: the month")
        key = f"{month // 100:04}-{month % 100:02}"
        if key in people:
            raise UsageError(f"{_OPTION} {text}: the month {key} is there twice.")
        people[key] = number
    if not people:
        raise UsageError(f"{_OPTION} {text}: there is no month.")
    return Denominator(PEOPLE, people)
