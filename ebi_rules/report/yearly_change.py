"""How a rate changed in a year: the latest months against the same months a year before, from shown counts."""

import re
from dataclasses import dataclass
from functools import cache

import polars as pl

from ebi_rules.disclosure.rounding import ROUNDING_VARIANCE
from ebi_rules.provider_audit.shown_counts import STAND_IN
from ebi_rules.provider_audit.table_columns import PER
from ebi_rules.report.report_words import period_label
from ebi_rules.statistics.inequality_indices import Index, rate_ratio

FEWEST = 10
"""A change is not told of fewer in scope in either year."""

Counts = dict[str, tuple[int | None, int | None]]
"""In scope and eligible, by month or quarter; None where suppressed."""

_MONTHS, _QUARTERS = 12, 4
_USUAL, _OF_MANY = 0.95, 0.998


@dataclass(frozen=True)
class YearlyChange:
    """Two years, of the same months or quarters.

    Attributes:
        points: The latest months or quarters, up to a year, of which the year before has the same.
        rates: The rate per 1,000 eligible of the year before, and of the latest.
        variances: The variance of the logarithm of each rate.
    """

    points: tuple[str, ...]
    rates: tuple[float, float]
    variances: tuple[float, float]

    def ratio(self, confidence: float = _USUAL) -> Index:
        """Return the latest rate over that of the year before, with its interval."""
        return rate_ratio(self.rates[1], self.variances[1], self.rates[0], self.variances[0], confidence)

    @property
    def is_beyond_chance(self) -> bool:
        """Whether chance alone would make so large a change of one rate in at most 1 of 20 years."""
        return _excludes_1(self.ratio())

    @property
    def stands_out(self) -> bool:
        """Whether chance alone would make so large a change in at most 1 of 500: the limit where many are compared."""
        return _excludes_1(self.ratio(_OF_MANY))


def counts_by_point(trend: pl.DataFrame) -> dict[str | None, Counts]:
    """Return the counts of each provider by month or quarter; partial ones are left out.

    Args:
        trend: The rows of one rule in an audit's trend: provider, month or quarter, flagged, eligible, partial.
    """
    rows = trend.filter(~pl.col("partial")).select("provider", period_label(trend), "flagged", "eligible").iter_rows()
    by_provider: dict[str | None, Counts] = {}
    for provider, point, flagged, eligible in rows:
        by_provider.setdefault(provider, {})[point] = (flagged, eligible)
    return by_provider


def yearly_change(counts: Counts, method: str, only_shown: bool = False) -> YearlyChange | str:
    """Compare the latest year with the same months or quarters of the year before.

    Args:
        counts: In scope and eligible, by month or quarter.
        method: The method of disclosure control; rounding adds to the variance.
        only_shown: Whether a suppressed count makes a comparison impossible; if not, it counts as 4.

    Returns:
        The change, or in words why there is none.
    """
    points = [point for point in sorted(counts) if moved_by(point, -1) in counts]
    if not points:
        return "needs thirteen months of data"
    points = points[-(_MONTHS if len(points[0]) == len("2024-04") else _QUARTERS) :]
    years = [[counts[moved_by(point, years)] for point in points] for years in (-1, 0)]
    if only_shown and any(count is None for year in years for pair in year for count in pair):
        return "some counts are suppressed"
    then, now = (sum(STAND_IN if flagged is None else flagged for flagged, _ in year) for year in years)
    of_then, of_now = (sum(STAND_IN if eligible is None else eligible for _, eligible in year) for year in years)
    if min(then, now) < FEWEST or not of_then or not of_now:
        return "too few to say"
    rounding = ROUNDING_VARIANCE[method] * len(points)
    variances = (1 / then + rounding / then**2, 1 / now + rounding / now**2)
    return YearlyChange(tuple(points), (then / of_then * PER, now / of_now * PER), variances)


@cache
def moved_by(point: str, years: int) -> str:
    """Return the same month or quarter of another year.

    Example:
        >>> moved_by("2024-04", 1), moved_by("2023-12 to 2024-02", -1)
        ('2025-04', '2022-12 to 2023-02')
    """
    return re.sub(r"\d{4}", lambda year: str(int(year[0]) + years), point)


def _excludes_1(index: Index) -> bool:
    return index.lower > 1 or index.upper < 1
