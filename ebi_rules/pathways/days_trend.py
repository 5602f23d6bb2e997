"""How long people waited, by month: the median and the 90th percentile of days, and the share within the standard."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from ebi_rules.pathways.measure_counts import MeasureEntry
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.rule_model.measure_logic import DAYS

FEWEST_WAITS = 20
"""With fewer waits a month, a percentile is one person's wait: it is shown only with exact counts."""

QUANTILES = {"median": 0.5, "percentile_90": 0.9}
_SCHEMA = {
    **dict.fromkeys(("rule", "provider", "month"), pl.String),
    "followed": pl.Int64,
    **dict.fromkeys(QUANTILES, pl.Float64),
    "percent_within": pl.Float64,
}


def days_trend(counts: Counts, spread: pl.DataFrame, entries: Sequence[MeasureEntry]) -> pl.DataFrame:
    """Return the waits of measures of days by month of the attendance.

    Args:
        counts: The counts that may be shown.
        spread: How many index activities have each number of days: `measure_counts.answer_spread` of each measure, by
            provider and month.
        entries: The measures.

    Returns:
        One row per measure, provider and month, with all providers first: rule (the measure), provider, month,
        followed, median, percentile_90 (days), percent_within (the share that meets the standard). Null where too few
        are followed.
    """
    keys = [entry.key for entry in entries if entry.measure.gives == DAYS]
    return pl.concat(
        [pl.DataFrame(schema=_SCHEMA), *(part for key in keys for part in _of_measure(counts, spread, key))]
    )


def _of_measure(counts: Counts, spread: pl.DataFrame, key: str) -> Iterator[pl.DataFrame]:
    waits = spread.filter(pl.col("measure") == key, pl.col("month").is_not_null())
    quantiles = {
        True: _quantiles(waits.with_columns(provider=pl.lit(ALL_PROVIDERS))),
        False: _quantiles(waits),
    }
    for of_all, table in ((True, "month"), (False, "provider_month")):
        shown = counts.table(table).filter(pl.col("rule") == key, pl.col("eligible").fill_null(1) > 0)
        if of_all:
            shown = shown.with_columns(provider=pl.lit(ALL_PROVIDERS))
        joined = shown.join(
            quantiles[of_all], on=["provider", "month"], how="left", nulls_equal=True, maintain_order="left"
        )
        is_enough = pl.col("eligible") >= (1 if counts.method == "none" else FEWEST_WAITS)
        within = ((1 - pl.col("flagged") / pl.col("eligible")) * 100).clip(0, 100).round(1)
        yield joined.select(
            "rule",
            "provider",
            "month",
            followed="eligible",
            **{name: pl.when(is_enough).then(name) for name in QUANTILES},
            percent_within=pl.when(is_enough).then(within),
        )


def _quantiles(waits: pl.DataFrame) -> pl.DataFrame:
    """Return the quantiles of days by provider and month: provider, month, median, percentile_90."""
    rows = []
    summed = waits.group_by("provider", "month", "number").agg(pl.col("count").sum()).sort("number")
    for (provider, month), part in summed.group_by("provider", "month"):
        number, cumulative = part["number"].to_numpy(), np.cumsum(part["count"].to_numpy())
        places = [np.searchsorted(cumulative, cumulative[-1] * share) for share in QUANTILES.values()]
        rows.append((provider, month, *(float(number[place]) for place in places)))
    schema = {"provider": pl.String, "month": pl.String, **dict.fromkeys(QUANTILES, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row")
