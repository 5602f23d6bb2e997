"""How a rate changed in a year: the latest months against the same months a year before, from shown counts."""

import re
from dataclasses import dataclass

import polars as pl

from ebi_rules.disclosure.rounding import ROUNDING_VARIANCE
from ebi_rules.provider_audit.shown_counts import stand_in
from ebi_rules.provider_audit.table_columns import PER
from ebi_rules.report.report_words import period_label
from ebi_rules.statistics.inequality_indices import Index, rate_ratio

FEWEST = 10
"""A change is not told of fewer in scope in either year."""

_YEAR = {"month": 12, "quarter": 4}
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


def yearly_change(trend: pl.DataFrame, method: str, only_shown: bool = False) -> YearlyChange | str:
    """Compare the latest year with the same months or quarters of the year before.

    Args:
        trend: One series of an audit's trend: month or quarter, flagged, eligible, partial. Partial ones are left out.
        method: The method of disclosure control; rounding adds to the variance.
        only_shown: Whether a suppressed count makes a comparison impossible; if not, it counts as 4.

    Returns:
        The change, or in words why there is none.
    """
    period = period_label(trend)
    points = trend.filter(~pl.col("partial")).select(point=period, flagged="flagged", eligible="eligible")
    if not only_shown:
        points = points.with_columns(stand_in(pl.col("flagged", "eligible")))
    before = points.with_columns(pl.Series("point", [moved_by(point, 1) for point in points["point"]], pl.String))
    both = points.join(before, on="point", suffix="_before").sort("point").tail(_YEAR[period])
    if not both.height:
        return "needs thirteen months of data"
    columns = ("flagged_before", "flagged", "eligible_before", "eligible")
    if any(both[name].has_nulls() for name in columns):
        return "some counts are suppressed"
    then, now, eligible_then, eligible_now = (int(both[name].sum()) for name in columns)
    if min(then, now) < FEWEST or not eligible_then or not eligible_now:
        return "too few to say"
    rounding = ROUNDING_VARIANCE[method] * both.height
    variances = (1 / then + rounding / then**2, 1 / now + rounding / now**2)
    rates = (then / eligible_then * PER, now / eligible_now * PER)
    return YearlyChange(tuple(both["point"]), rates, variances)


def moved_by(point: str, years: int) -> str:
    """Return the same month or quarter of another year.

    Example:
        >>> moved_by("2024-04", 1), moved_by("2023-12 to 2024-02", -1)
        ('2025-04', '2022-12 to 2023-02')
    """
    return re.sub(r"\d{4}", lambda year: str(int(year[0]) + years), point)


def _excludes_1(index: Index) -> bool:
    return index.lower > 1 or index.upper < 1
