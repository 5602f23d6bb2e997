"""The trend of measures: shares by month of the index, with XmR limits.

A month without anybody followed is no month with a share of 0: it is left out. Such are the last ones, whose windows
reach beyond the data.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.pathways.measure_tables import as_followed
from ebi_rules.provider_audit.percentages import PERCENT, with_percent
from ebi_rules.provider_audit.rate_trend import FEWEST_MONTHS, MOST_HIDDEN, partial_month
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts, stand_in
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.statistics.xmr import xmr

_LIMITS = ["mean", "lower", "upper"]


def measure_trend(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Give each measure's share by month of the index, all providers together first and then each, with XmR limits.

    Columns: rule (the measure), provider, month, followed, outcome, percent, mean, lower, upper (per cent), signal (see
    `audit.trend.xmr`), partial. Limits and signals need 12 months of which two thirds are shown; a suppressed count
    counts as 4 in them, and its month has no signal. A partial last month is marked and not judged.
    """
    every = pl.concat(
        [
            counts.table("month").with_columns(provider=pl.lit(ALL_PROVIDERS), order=pl.lit(0)),
            counts.table("provider_month").with_columns(order=pl.lit(1)),
        ]
    )
    known = pl.col("eligible").is_null() | (pl.col("eligible") > 0)
    shown = with_percent(as_followed(every.filter(known)), "outcome", "followed").with_columns(
        partial=pl.col("month").eq(pl.lit(partial_month(counts), pl.String)).fill_null(False),
        drawn=(stand_in(pl.col("outcome")) / stand_in(pl.col("followed"))).clip(upper_bound=1) * 100,
    )
    place = {entry.key: number for number, entry in enumerate(counts.audited)}
    ordered = shown.with_columns(place=pl.col("rule").replace_strict(place, default=len(place))).sort(
        "place", "order", "provider", "month", nulls_last=True
    )
    charted = list(_charted(ordered, settings))
    kinds = dict.fromkeys(_LIMITS, pl.Float64) | {"signal": pl.String}
    table = pl.concat([ordered, pl.concat(charted) if charted else pl.DataFrame(schema=kinds)], how="horizontal")
    given = pl.when(pl.col("percent").is_not_null()).then
    return table.select(
        "rule",
        "provider",
        "month",
        "followed",
        "outcome",
        PERCENT[0],
        pl.col(_LIMITS).clip(0, 100).round(2),
        given("signal").alias("signal"),
        "partial",
        f"followed{WITHHELD}",
        f"outcome{WITHHELD}",
    )


def _charted(ordered: pl.DataFrame, settings: Settings) -> Iterator[pl.DataFrame]:
    """Chart one series after another; nothing where too few months can be judged."""
    for series in ordered.partition_by("rule", "order", "provider", maintain_order=True):
        judged = series.filter(~pl.col("partial"))
        empty = pl.DataFrame(
            {name: [None] * series.height for name in (*_LIMITS, "signal")},
            schema=dict.fromkeys(_LIMITS, pl.Float64) | {"signal": pl.String},
        )
        hidden = judged["percent"].is_null().to_numpy()
        if judged.height < FEWEST_MONTHS or np.mean(hidden) > MOST_HIDDEN:
            yield empty
            continue
        months = series["month"].to_list()
        rebase = [months.index(month) for month in settings.rebase if month in months]
        chart = xmr(
            series["drawn"].to_list(),
            baseline=settings.baseline,
            rebase=rebase,
            partial_last=bool(series["partial"][-1]),
        )
        yield chart.select(*_LIMITS, "signal")
