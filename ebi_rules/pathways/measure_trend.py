"""The trend of measures: shares by month of the index activity, with XmR limits.

A month in which nobody is followed does not have a share of 0: it is left out. The last months are such months, because
their windows reach beyond the data.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.pathways.measure_tables import as_followed
from ebi_rules.provider_audit.percentages import PERCENT, with_percent
from ebi_rules.provider_audit.rate_trend import FEWEST_MONTHS, MOST_HIDDEN
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts, stand_in
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.statistics.xmr import xmr

_LIMITS = ["mean", "lower", "upper"]


_CHART = {**dict.fromkeys(_LIMITS, pl.Float64), "signal": pl.String}


def measure_trend(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Return the share of each measure by month of the index activity, with XmR limits.

    Limits and signals need 12 months of which two thirds are shown; a suppressed count counts as 4 in them, and its
    month has no signal. A partial first or last month is marked, and is not judged.

    Args:
        counts: The counts that may be shown.
        settings: How to compare.

    Returns:
        One row per measure, provider and month, with all providers together first: rule (the measure), provider, month,
        followed, outcome, percent, mean, lower, upper (per cent), signal (see `statistics.xmr.xmr`), partial.
    """
    of_all = counts.table("month").with_columns(provider=pl.lit(ALL_PROVIDERS), order=pl.lit(0))
    of_each = counts.table("provider_month").with_columns(order=pl.lit(1))
    months = pl.concat([of_all, of_each])
    has_followed = pl.col("eligible").is_null() | (pl.col("eligible") > 0)
    rule_order = {entry.key: place for place, entry in enumerate(counts.audited)}
    percent_or_stand_in = (stand_in(pl.col("outcome")) / stand_in(pl.col("followed"))).clip(upper_bound=1) * 100
    shown = with_percent(as_followed(months.filter(has_followed)), "outcome", "followed").with_columns(
        partial=pl.col("month").is_in(counts.partial_months),
        charted=percent_or_stand_in,
        place=pl.col("rule").replace_strict(rule_order, default=len(rule_order)),
    )
    series = shown.sort("place", "order", "provider", "month", nulls_last=True)
    charts = [pl.DataFrame(schema=_CHART), *_charts(series, settings)]
    columns = ["rule", "provider", "month", "followed", "outcome", PERCENT[0]]
    signal = pl.when(pl.col("percent").is_not_null()).then("signal").alias("signal")
    return pl.concat([series, pl.concat(charts)], how="horizontal").select(
        *columns,
        pl.col(_LIMITS).clip(0, 100).round(2),
        signal,
        "partial",
        f"followed{WITHHELD}",
        f"outcome{WITHHELD}",
    )


def _charts(series: pl.DataFrame, settings: Settings) -> Iterator[pl.DataFrame]:
    """Return an XmR chart of each series of months; null where too few months can be judged."""
    for months_of_series in series.partition_by("rule", "order", "provider", maintain_order=True):
        judged = months_of_series.filter(~pl.col("partial"))
        is_hidden = judged["percent"].is_null().to_numpy()
        if judged.height < FEWEST_MONTHS or np.mean(is_hidden) > MOST_HIDDEN:
            yield pl.DataFrame({name: [None] * months_of_series.height for name in _CHART}, schema=_CHART)
            continue
        first = int(months_of_series.height > 1 and months_of_series["partial"][0])
        charted = months_of_series.slice(first)
        months = charted["month"].to_list()
        chart = xmr(
            charted["charted"].to_list(),
            baseline=settings.baseline,
            rebase=[months.index(month) for month in settings.rebase if month in months],
            partial_last=bool(charted["partial"][-1]),
        )
        before = pl.DataFrame({name: [None] * first for name in _CHART}, schema=_CHART)
        yield pl.concat([before, chart.select(list(_CHART))])
