"""XmR limits for a series of counts by month or quarter, where a chart of them can be read.

The formula (`statistics.xmr`) gives limits for any numbers. Rare counts are not such numbers: their limits are too
narrow above and below 0, and signals are false. This module decides whether a series has limits, and says why if it has
none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from ebi_rules.provider_audit.settings import Settings
from ebi_rules.statistics.xmr import xmr

FEWEST_POINTS = 12
"""With fewer points than this, a trend has no limits and no signals (NHS England, Making Data Count)."""

MOST_HIDDEN = 1 / 3
"""If more than this share of its points is suppressed, a trend has no limits and no signals either."""

FEWEST_ABOVE_0 = 1 / 2
"""If fewer than this share of its points is above 0, counts are rare."""

LOWEST_MEAN = {"none": 5, "midpoint6": 12, "hes": 12}
"""Below this mean count a point, counts are rare, by method of disclosure control.

Below 5, limits are wrong by themselves. Rounding adds to that: `docs/audit.md` has the simulation."""

HALF_UNIT = {"none": 0.0, "midpoint6": 3.0, "hes": 2.5}
"""Half of what counts are rounded to: a point no farther from the mean is on neither side of it."""

Period = Literal["month", "quarter"]
BY: dict[Period, str] = {"month": "by month", "quarter": "by quarter"}
"""What the column `judged` says where a series has limits."""

RARE = "too few to judge"

LIMITS = {"mean": pl.Float64, "lower": pl.Float64, "upper": pl.Float64}
CHART = {**LIMITS, "signal": pl.String, "judged": pl.String}


@dataclass(frozen=True)
class Judging:
    """How a series is judged.

    Attributes:
        period: What a point of the series is.
        method: The method of disclosure control.
        settings: How to compare.
    """

    period: Period
    method: str
    settings: Settings

    @property
    def baseline(self) -> int | None:
        """After how many points mean and limits are fixed; None for all."""
        months = self.settings.baseline
        return months if months is None or self.period == "month" else max(2, -(-months // 3))


def judge(points: pl.DataFrame, judging: Judging) -> pl.DataFrame:
    """Return the mean, limits and signals of a series.

    Args:
        points: One row per point in order: start (its first month, "2024-04"), value (what is charted, null where there
            is none), unit (what one event is of the value), count (the events, or what stands for them), hidden
            (whether a count is suppressed), partial (whether the extract does not cover it), thin (whether its activity
            is too little to judge).
        judging: How the series is judged.

    Returns:
        One row per point: mean, lower, upper, signal (see `statistics.xmr.xmr`), judged (`by month` or `by quarter`, or
        why the series has no limits).
    """
    is_used = pl.col("value").is_not_null() & ~pl.col("partial") & ~pl.col("thin")
    used = points.with_row_index("place").filter(is_used)
    reason = _why_not(used, judging)
    if reason:
        return _without_limits(points.height, reason)
    chart = _charted(used, judging)
    if chart is None:
        return _without_limits(points.height, RARE)
    every = pl.DataFrame({"place": range(points.height)}, schema={"place": pl.UInt32})
    placed = every.join(chart, on="place", how="left", maintain_order="left")
    is_gap, is_partial = pl.lit(points["value"].is_null()), pl.lit(points["partial"])
    limits = []
    for name in LIMITS:
        onwards = pl.col(name).forward_fill()
        drawn = pl.when(is_partial).then(onwards).otherwise(onwards.backward_fill())
        limits.append(pl.when(~is_gap).then(drawn).alias(name))
    return placed.select(*limits, "signal", judged=pl.lit(BY[judging.period]))


def is_rare(chart: pl.DataFrame) -> bool:
    """Return whether a series that was judged has no limits because its counts are rare."""
    return chart.height > 0 and chart["judged"][0] == RARE


def _why_not(used: pl.DataFrame, judging: Judging) -> str | None:
    """Return why the points that can be judged have no limits; None if they may have them."""
    if not used.height:
        return RARE
    is_above_0 = used["hidden"] | (used["count"] > 0)
    mean_count, share_above_0 = float(used["count"].mean()), float(is_above_0.mean())  # type: ignore[arg-type]
    if mean_count < LOWEST_MEAN[judging.method] or share_above_0 < FEWEST_ABOVE_0:
        return RARE
    if float(used["hidden"].mean()) > MOST_HIDDEN:  # type: ignore[arg-type]
        return RARE
    if used.height < FEWEST_POINTS:
        more = FEWEST_POINTS - used.height
        return f"needs {more} more {judging.period}{'' if more == 1 else 's'}"
    return None


def _charted(used: pl.DataFrame, judging: Judging) -> pl.DataFrame | None:
    """Return the chart of the points that are judged: place, mean, lower, upper, signal; None if nothing moves."""
    starts = used["start"].to_list()
    rebase = sorted({sum(start < month for start in starts) for month in judging.settings.rebase})
    chart = xmr(
        used["value"].to_list(),
        baseline=judging.baseline,
        tolerance=(used["unit"] * HALF_UNIT[judging.method]).to_list(),
        rebase=[place for place in rebase if place < len(starts)],
    )
    if (chart["upper"] - chart["mean"]).fill_null(0).max() == 0:
        return None
    hidden = used["hidden"]
    signal = pl.when(~hidden).then(chart["signal"])
    return chart.select(place=used["place"], mean="mean", lower="lower", upper="upper", signal=signal)


def _without_limits(points: int, reason: str) -> pl.DataFrame:
    columns: dict[str, Sequence[object]] = {name: [None] * points for name in CHART}
    return pl.DataFrame({**columns, "judged": [reason] * points}, schema=CHART)
