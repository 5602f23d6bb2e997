"""The trend of an audit: the rate of each provider by month, as an XmR chart.

It is made only from counts that may be shown.
"""

import polars as pl

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts, stand_in
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS, PER
from ebi_rules.statistics.xmr import xmr

FEWEST_MONTHS = 12
"""With fewer months than this, a trend has no limits and no signals (Making Data Count)."""

MOST_HIDDEN = 1 / 3
"""If more than this share of its months is suppressed, a trend has no limits and no signals either."""

_WITHHELD = [f"eligible{WITHHELD}", f"flagged{WITHHELD}"]

_CHART = {"mean": pl.Float64, "lower": pl.Float64, "upper": pl.Float64, "signal": pl.String}


def rate_trend(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Return the rate per 1,000 eligible by month, with XmR limits.

    Every month from the first to the last is there. A month in which nothing is eligible has no rate: it is a gap, and
    counts neither in the mean nor in limits or runs. A partial
    first or last month is marked, and is not judged. Limits and signals need 12 months of which two thirds are shown; a
    suppressed month counts as 4 in them and has no signal.

    Args:
        counts: The counts that may be shown.
        settings: How to compare.

    Returns:
        One row per rule, provider and month, with all providers together first: rule, provider, month, eligible,
        flagged, rate_per_1000_eligible, mean, lower, upper, signal (see `statistics.xmr.xmr`), partial.

    Raises:
        UsageError: The extract does not contain a month in which new limits should begin.
    """
    for month in settings.rebase:
        if month not in counts.months:
            raise UsageError("--rebase: " + unknown("month", month, counts.months))
    rate = stand_in(pl.col("flagged")) / stand_in(pl.col("eligible")) * PER
    series = _with_every_month(counts).with_columns(
        rate=pl.when(pl.col("eligible") != 0).then(rate).otherwise(pl.when(pl.col("eligible").is_null()).then(rate)),
        partial=pl.col("month").is_in(counts.partial_months),
        hidden=pl.col("flagged").is_null() | pl.col("eligible").is_null(),
    )
    charts = _charts(series, settings, counts)
    columns = ["rule", "provider", "month", "eligible", "flagged"]
    if_shown = pl.when(~pl.col("hidden"))
    return pl.concat([series, charts], how="horizontal").select(
        *columns,
        if_shown.then("rate").round(3).alias("rate_per_1000_eligible"),
        pl.col("mean", "lower", "upper").round(3),
        if_shown.then("signal").alias("signal"),
        "partial",
        *_WITHHELD,
    )


def _with_every_month(counts: Counts) -> pl.DataFrame:
    """Return the counts of every rule, provider and month of the extract, 0 where there is no activity."""
    of_all = counts.table("month").with_columns(provider=pl.lit(ALL_PROVIDERS), order=pl.lit(0))
    of_each = counts.table("provider_month").with_columns(order=pl.lit(1))
    keys = ["rule", "provider", "order"]
    shown = pl.concat([of_all, of_each]).select(*keys, "month", "eligible", "flagged", *_WITHHELD)
    months = pl.DataFrame({"month": counts.months}, schema={"month": pl.String})
    grid = shown.select(keys).unique(maintain_order=True).join(months, how="cross", maintain_order="left_right")
    filled = grid.join(
        shown.with_columns(present=pl.lit(True)),
        on=[*keys, "month"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    is_absent = pl.col("present").is_null()
    return filled.with_columns(
        pl.when(is_absent).then(0).otherwise("eligible").alias("eligible"),
        pl.when(is_absent).then(0).otherwise("flagged").alias("flagged"),
        pl.col(_WITHHELD).fill_null(False),
    )


def _charts(series: pl.DataFrame, settings: Settings, counts: Counts) -> pl.DataFrame:
    """Return an XmR chart of each series of months, null where too few can be judged; no limit is below 0."""
    width = len(counts.months)
    columns = series.select("rate", "hidden", is_gap=pl.col("rate").is_null())
    charts = [_chart(columns.slice(start, width), settings, counts) for start in range(0, series.height, max(width, 1))]
    charted = pl.concat(charts) if charts else pl.DataFrame(schema=_CHART)
    return charted.with_columns(pl.col("lower").clip(lower_bound=0))


def _chart(series: pl.DataFrame, settings: Settings, counts: Counts) -> pl.DataFrame:
    """Return the chart of one series, without gaps and without a partial first month."""
    months = counts.months
    begins = int(len(months) > 1 and months[0] in counts.partial_months)
    places = [place for place in range(begins, len(months)) if not series["is_gap"][place]]
    partial_last = bool(places) and months[places[-1]] in counts.partial_months
    judged = series["hidden"].gather(places[: len(places) - partial_last])
    empty = pl.DataFrame({name: [None] * len(months) for name in _CHART}, schema=_CHART)
    if judged.len() < FEWEST_MONTHS or int(judged.sum()) / judged.len() > MOST_HIDDEN:
        return empty
    rebase = sorted({sum(months[place] < month for place in places) for month in settings.rebase})
    values = series["rate"].gather(places).to_list()
    chart = xmr(
        values,
        baseline=settings.baseline,
        rebase=[place for place in rebase if place < len(values)],
        partial_last=partial_last,
    ).drop("value")
    placed = chart.with_columns(place=pl.Series(places, dtype=pl.Int64))
    every = pl.DataFrame({"place": range(len(months))}, schema={"place": pl.Int64})
    return (
        every.join(placed, on="place", how="left", maintain_order="left").select(list(_CHART)).cast(pl.Schema(_CHART))
    )
