"""XmR limits for a series of counts by month or quarter, where a chart of them can be read.

The formula (`statistics.xmr`) gives limits for any numbers. Rare counts are not such numbers: their limits are too
narrow above and below 0, and signals are false. This module decides whether a series has limits, and says why if it has
none.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from ebi_rules.provider_audit.settings import Settings
from ebi_rules.statistics.xmr import SIGNALS, xmr_charts

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
    """Return the mean, limits and signals of series.

    Args:
        points: One row per point, series by series and in order: series (a number), start (its first month, "2024-04"),
            value (what is charted, null where there is none), unit (what one event is of the value), count (the events,
            or what stands for them), hidden (whether a count is suppressed), partial (whether the extract does not
            cover it), thin (whether its activity is too little to judge).
        judging: How the series are judged.

    Returns:
        One row per point: mean, lower, upper, signal (see `statistics.xmr.xmr`), judged (`by month` or `by quarter`, or
        why the series has no limits).
    """
    placed = points.with_row_index("place")
    used = placed.filter(pl.col("value").is_not_null(), ~pl.col("partial"), ~pl.col("thin"))
    reasons = used.group_by("series").agg(reason=_why_not(judging))
    has_limits = used.join(reasons, on="series", how="left", maintain_order="left").filter(pl.col("reason").is_null())
    chart = _charted(has_limits, judging)
    every = placed.join(reasons, on="series", how="left", maintain_order="left")
    every = every.join(chart, on="place", how="left", maintain_order="left")
    is_charted = pl.col("charted").any().over("series")
    reason = pl.when(is_charted).then(pl.lit(BY[judging.period])).otherwise(pl.col("reason").fill_null(RARE))
    limits = []
    for name in LIMITS:
        onwards = pl.col(name).forward_fill().over("series")
        drawn = pl.when("partial").then(onwards).otherwise(onwards.backward_fill().over("series"))
        limits.append(pl.when(pl.col("value").is_not_null()).then(drawn).alias(name))
    return every.select(*limits, "signal", judged=reason)


def _why_not(judging: Judging) -> pl.Expr:
    """Return why the points of a series that can be judged have no limits; null if they may have them."""
    is_above_0 = pl.col("hidden") | (pl.col("count") > 0)
    is_rare = (
        (pl.col("count").mean() < LOWEST_MEAN[judging.method])
        | (is_above_0.mean() < FEWEST_ABOVE_0)
        | (pl.col("hidden").mean() > MOST_HIDDEN)
    )
    more = FEWEST_POINTS - pl.len().cast(pl.Int64)
    plural = pl.when(more == 1).then(pl.lit("")).otherwise(pl.lit("s"))
    needs = pl.format("needs {} more {}{}", more, pl.lit(judging.period), plural)
    return pl.when(is_rare).then(pl.lit(RARE)).when(more > 0).then(needs)


def _charted(used: pl.DataFrame, judging: Judging) -> pl.DataFrame:
    """Return the charts of the points that are judged, without series in which nothing moves.

    They have the columns place, mean, lower, upper, signal, charted (always true).
    """
    phase = pl.sum_horizontal(pl.lit(0), *(pl.col("start") >= month for month in judging.settings.rebase))
    phases = used.select(pl.struct("series", phase.alias("phase")).rle_id()).to_series().to_numpy().astype(np.int64)
    charts = xmr_charts(
        used["value"].to_numpy(),
        phases,
        np.ones(used.height, np.bool_),
        judging.baseline,
        (used["unit"] * HALF_UNIT[judging.method]).to_numpy(),
    )
    names = pl.Series([*SIGNALS, None], dtype=pl.String)
    signals = names.gather(np.where(charts.signal < 0, len(SIGNALS), charts.signal))
    chart = used.select("place", "series", "hidden").with_columns(
        pl.Series("mean", charts.mean), pl.Series("lower", charts.lower), pl.Series("upper", charts.upper)
    )
    moves = (pl.col("upper") - pl.col("mean")).fill_nan(0).max().over("series") > 0
    return chart.filter(moves).select(
        "place",
        pl.col(list(LIMITS)).fill_nan(None),
        signal=pl.when(~pl.col("hidden")).then(signals.filter(chart.select(moves).to_series())),
        charted=pl.lit(True),
    )
