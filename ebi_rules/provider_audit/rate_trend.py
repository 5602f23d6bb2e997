"""Trends of an audit: the rate of each provider by month as an XmR chart, from counts as they may be shown."""

import calendar

import numpy as np
import polars as pl

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts, stand_in
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS, PER
from ebi_rules.statistics.xmr import xmr

FEWEST_MONTHS = 12
"""With fewer months than this a trend has no limits and no signals (Making Data Count)."""

MOST_HIDDEN = 1 / 3
"""With more than this part of its months suppressed a trend has none either."""

_WITHHELD = [f"eligible{WITHHELD}", f"flagged{WITHHELD}"]

_LATE = 3
"""Data that end more than so many days before the month does end within it: the last month is partial."""


def partial_month(counts: Counts) -> str | None:
    """Give the last month when the extract ends well before it does, else None."""
    if counts.last_date is None or not counts.months:
        return None
    last = counts.last_date
    days = calendar.monthrange(last.year, last.month)[1]
    month = f"{last.year}-{last.month:02d}"
    return month if days - last.day > _LATE and month == counts.months[-1] else None


def rate_trend(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Give the rate per 1,000 eligible by month, all providers together first and then each, with XmR limits.

    Columns: rule, provider, month, eligible, flagged, rate_per_1000_eligible, mean, lower, upper, signal (see
    `trend.xmr`), partial. A month in the extract without activity of a provider is 0; months not in the extract are
    absent; a partial last month is marked and not judged. Limits and signals need 12 months of which two thirds are
    shown; a suppressed month counts as 4 in them and has no signal. Raises `UsageError` for a month to rebase at that
    the extract has not.
    """
    for month in settings.rebase:
        if month not in counts.months:
            raise UsageError("--rebase: " + unknown("month", month, counts.months))
    months = pl.DataFrame({"month": counts.months}, schema={"month": pl.String})
    every = pl.concat(
        [
            counts.table("month").with_columns(provider=pl.lit(ALL_PROVIDERS), order=pl.lit(0)),
            counts.table("provider_month").with_columns(order=pl.lit(1)),
        ]
    ).select("rule", "provider", "order", "month", "eligible", "flagged", *_WITHHELD)
    series = every.select("rule", "provider", "order").unique(maintain_order=True).with_row_index("series")
    grid = series.join(months, how="cross", maintain_order="left_right")
    keys = ["rule", "provider", "order", "month"]
    filled = grid.join(
        every.with_columns(present=pl.lit(True)), on=keys, how="left", nulls_equal=True, maintain_order="left"
    )
    absent = pl.col("present").is_null()
    filled = filled.with_columns(
        *(pl.when(absent).then(0).otherwise(name).alias(name) for name in ("eligible", "flagged")),
        pl.col(_WITHHELD).fill_null(False),
    ).with_columns(hidden=pl.col("flagged").is_null() | pl.col("eligible").is_null())
    last = partial_month(counts)
    rate = stand_in(pl.col("flagged")) / stand_in(pl.col("eligible")) * PER
    filled = filled.with_columns(
        rate=pl.when(pl.col("eligible") == 0).then(0.0).otherwise(rate),
        partial=pl.col("month").eq(pl.lit(last, pl.String)).fill_null(False),
    )
    charted = _charted(filled, len(counts.months), settings, counts.months, last is not None)
    given = pl.when(~pl.col("hidden")).then
    return pl.concat([filled, charted], how="horizontal").select(
        "rule",
        "provider",
        "month",
        "eligible",
        "flagged",
        given("rate").round(3).alias("rate_per_1000_eligible"),
        pl.col("mean", "lower", "upper").round(3),
        given("signal").alias("signal"),
        "partial",
        *_WITHHELD,
    )


def _charted(filled: pl.DataFrame, width: int, settings: Settings, months: list[str], partial: bool) -> pl.DataFrame:
    """Chart one series after another; nothing where too few months can be judged. A rate is never below 0."""
    rates, hidden = filled["rate"].to_numpy(), filled["hidden"].to_numpy()
    places = [months.index(month) for month in settings.rebase]
    parts = []
    kinds = {"mean": pl.Float64, "lower": pl.Float64, "upper": pl.Float64, "signal": pl.String}
    empty = pl.DataFrame({name: [None] * width for name in kinds}, schema=kinds)
    for start in range(0, filled.height, max(width, 1)):
        values = rates[start : start + width].tolist()
        judged = width - partial
        if judged < FEWEST_MONTHS or np.mean(hidden[start : start + judged]) > MOST_HIDDEN:
            parts.append(empty)
        else:
            parts.append(xmr(values, baseline=settings.baseline, rebase=places, partial_last=partial).drop("value"))
    charted = pl.concat(parts) if parts else empty.clear()
    return charted.with_columns(pl.col("lower").clip(lower_bound=0))
