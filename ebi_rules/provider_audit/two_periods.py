"""How a rate changed from one period to another, from shown counts: in a year, or since a policy began.

The periods have the same calendar months, so that the season is the same.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import polars as pl

from ebi_rules.disclosure.rounding import ROUNDING_VARIANCE
from ebi_rules.provider_audit.shown_counts import STAND_IN
from ebi_rules.provider_audit.table_columns import PER
from ebi_rules.statistics.inequality_indices import Index, rate_ratio

FEWEST = 10
"""A change is not told of fewer in scope in either year."""

EligibleCounts = dict[str, tuple[int | None, int | None]]
"""In scope and eligible, by month or quarter; None where suppressed."""

Counts = Mapping[str, tuple[int | None, float | None]]
"""In scope and what it is divided by (eligible activity, days or people); None where suppressed."""

_MONTHS, _QUARTERS = 12, 4
_USUAL, _OF_MANY = 0.95, 0.998


@dataclass(frozen=True)
class TwoPeriods:
    """Two periods, of the same calendar months or quarters.

    Attributes:
        points: The months or quarters of the later period, of which the earlier has the same.
        counts: The numbers in scope of the earlier period, and of the later.
        rates: The rates per 1,000 eligible of the earlier period, and of the later.
        variances: The variance of the logarithm of each rate.
    """

    points: tuple[str, ...]
    counts: tuple[int, int]
    rates: tuple[float, float]
    variances: tuple[float, float]

    def ratio(self, confidence: float = _USUAL) -> Index:
        """Return the later rate over the earlier, with its interval."""
        return rate_ratio(self.rates[1], self.variances[1], self.rates[0], self.variances[0], confidence)

    @property
    def is_beyond_chance(self) -> bool:
        """Whether chance alone would make so large a change of one rate in at most 1 of 20 years."""
        return _excludes_1(self.ratio())

    @property
    def stands_out(self) -> bool:
        """Whether chance alone would make so large a change in at most 1 of 500: the limit where many are compared."""
        return _excludes_1(self.ratio(_OF_MANY))


def counts_by_point(trend: pl.DataFrame) -> dict[str | None, EligibleCounts]:
    """Return the counts of each provider by month or quarter; partial ones are left out.

    Args:
        trend: The rows of one rule in an audit's trend: provider, month or quarter, flagged, eligible, partial.
    """
    rows = (
        trend.filter(~pl.col("partial"))
        .select("provider", "quarter" if "quarter" in trend.columns else "month", "flagged", "eligible")
        .iter_rows()
    )
    by_provider: dict[str | None, EligibleCounts] = {}
    for provider, point, flagged, eligible in rows:
        by_provider.setdefault(provider, {})[point] = (flagged, eligible)
    return by_provider


def yearly_change(counts: Counts, method: str, only_shown: bool = False) -> TwoPeriods | str:
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
    return compare_periods(counts, {point: moved_by(point, -1) for point in points}, method, only_shown)


def compare_periods(
    counts: Counts, pairs: Mapping[str, str], method: str, only_shown: bool = False
) -> TwoPeriods | str:
    """Compare two periods.

    Args:
        counts: In scope and what it is divided by, by month or quarter.
        pairs: The months or quarters of the later period, each with that of the earlier.
        method: The method of disclosure control; rounding adds to the variance.
        only_shown: Whether a suppressed count makes a comparison impossible; if not, it counts as 4.

    Returns:
        The periods, or in words why they cannot be compared.
    """
    periods = [[counts[point] for point in points] for points in (pairs.values(), pairs)]
    if only_shown and any(count is None for period in periods for pair in period for count in pair):
        return "some counts are suppressed"
    then, now = (sum(STAND_IN if flagged is None else flagged for flagged, _ in period) for period in periods)
    of_then, of_now = (sum(STAND_IN if eligible is None else eligible for _, eligible in period) for period in periods)
    if min(then, now) < FEWEST or not of_then or not of_now:
        return "too few to say"
    rounding = ROUNDING_VARIANCE[method] * len(pairs)
    variances = (1 / then + rounding / then**2, 1 / now + rounding / now**2)
    return TwoPeriods(tuple(pairs), (then, now), (then / of_then * PER, now / of_now * PER), variances)


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
