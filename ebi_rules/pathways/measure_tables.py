"""Tables of measures, each from counts as they may be shown: shares by provider, means, waits."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.pathways.measure_counts import INDEX, MeasureEntry
from ebi_rules.provider_audit.percentages import PERCENT, with_percent
from ebi_rules.provider_audit.rate_tables import funnel_of, rates_by_field, total_rates
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.rule_model.measure_logic import COUNT
from ebi_rules.statistics.intervals import poisson

_FUNNEL = ["expected", "standardised_ratio", "ratio_lower_95", "ratio_upper_95"]
_NUMBERS = ["mean", "mean_lower_95", "mean_upper_95", "median", "percentile_90"]


def shares(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Give each measure's share, of all providers together first and then of each.

    Columns: measure, provider, index_activity, followed (whose window lies within the data), outcome, percent,
    percent_lower_95, percent_upper_95 (Wilson's score interval, of outcome in followed), expected, standardised_ratio,
    ratio_lower_95, ratio_upper_95 (for case mix, as in an audit), signal (which funnel limit is passed). Null where
    suppressed.
    """
    nothing = {name: pl.lit(None, pl.Float64) for name in _FUNNEL}
    overall = total_rates(counts).with_columns(
        provider=pl.lit(ALL_PROVIDERS), signal=pl.lit(None, pl.String), **nothing
    )
    names = ["rule", "provider", "eligible", "flagged", *_FUNNEL, "signal", f"eligible{WITHHELD}", f"flagged{WITHHELD}"]
    rows = [overall.select(names)]
    for part in rates_by_field(counts, "provider", settings).partition_by("rule", maintain_order=True):
        signals = pl.lit(funnel_of(part, settings).signals)
        known = pl.col("flagged").is_not_null() & (pl.col("expected") > 0)
        rows.append(part.with_columns(signal=pl.when(known).then(signals)).select(names))
    order = {entry.key: place for place, entry in enumerate(counts.audited)}
    place = pl.col("rule").replace_strict(order, default=len(order))
    table = pl.concat(rows).sort(place, pl.col("provider").ne_missing(ALL_PROVIDERS), maintain_order=True)
    table = with_percent(table, "flagged", "eligible").join(
        _index(counts), on=["rule", "provider"], how="left", nulls_equal=True, maintain_order="left"
    )
    return table.select(
        "rule",
        "provider",
        "index_activity",
        pl.col("eligible").alias("followed"),
        pl.col("flagged").alias("outcome"),
        *PERCENT,
        *_FUNNEL,
        "signal",
        pl.col(f"eligible{WITHHELD}").alias(f"followed{WITHHELD}"),
        pl.col(f"flagged{WITHHELD}").alias(f"outcome{WITHHELD}"),
        f"index_activity{WITHHELD}",
    )


def as_followed(table: pl.DataFrame) -> pl.DataFrame:
    """Give a table of an audit's counts with a measure's names for them: followed is eligible, outcome is flagged."""
    names = {"eligible": "followed", "flagged": "outcome"}
    return table.rename({f"{old}{end}": f"{new}{end}" for old, new in names.items() for end in ("", WITHHELD)})


def by_field(counts: Counts, field: str, settings: Settings) -> pl.DataFrame:
    """Give each measure's share by the values of a field: rule (the measure), the field, followed, outcome, percent.

    Further columns: the ends of Wilson's interval and, but by age band and sex, expected, standardised_ratio and its
    interval, as in an audit. Null where suppressed.
    """
    table = with_percent(as_followed(rates_by_field(counts, field, settings)), "outcome", "followed")
    figures = [name for name in _FUNNEL if name in table.columns]
    return table.select(
        "rule", field, "followed", "outcome", *PERCENT, *figures, f"followed{WITHHELD}", f"outcome{WITHHELD}"
    )


def _index(counts: Counts) -> pl.DataFrame:
    """Give how many index activities each provider, and all together, have."""
    cells = counts.cells.filter(
        pl.col("measure") == "left", pl.col("item") == INDEX, pl.col("table").is_in(["total", "provider"])
    )
    provider = pl.when(pl.col("table") == "total").then(pl.lit(ALL_PROVIDERS)).otherwise("provider")
    return cells.select(
        "rule",
        provider.alias("provider"),
        pl.col("shown").alias("index_activity"),
        pl.col("withheld").alias(f"index_activity{WITHHELD}"),
    )


def numbers(counts: Counts, spread: pl.DataFrame, entries: Sequence[MeasureEntry]) -> pl.DataFrame:
    """Give the mean, median and 90th percentile of measures that count outcomes or days, by provider.

    Columns: rule (the measure), provider (all providers first), followed, mean, mean_lower_95, mean_upper_95 (of
    outcomes: Byar's limits of their sum; of days there are none), median, percentile_90. `spread` is that of
    `counting.spread_of`. Null where fewer than 8 are followed, or their number is withheld.
    """
    cells = counts.cells.filter(pl.col("measure") == "eligible", pl.col("table").is_in(["total", "provider"]))
    shown = {
        (row["rule"], row["provider"] if row["table"] == "provider" else ALL_PROVIDERS): row["shown"]
        for row in cells.iter_rows(named=True)
    }
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        own = spread.filter(measure=entry.key)
        units = [(ALL_PROVIDERS, own.group_by("number").agg(pl.col("count").sum()))]
        units += [(part["provider"][0], part) for part in own.partition_by("provider", maintain_order=True)]
        for provider, part in units if own.height else []:
            followed = shown.get((entry.key, provider))
            of_outcomes = entry.measure.gives == COUNT
            figures = _figures(part.sort("number"), of_outcomes) if followed else [None] * len(_NUMBERS)
            rows.append((entry.key, provider, followed, *figures))
    kinds = {"rule": pl.String, "provider": pl.String, "followed": pl.Int64, **dict.fromkeys(_NUMBERS, pl.Float64)}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _figures(part: pl.DataFrame, of_outcomes: bool) -> list[float | None]:
    number, count = part["number"].to_numpy(), part["count"].to_numpy()
    total, size = float((number * count).sum()), float(count.sum())
    limits = [round(limit / size, 3) for limit in poisson(total)] if of_outcomes else [None, None]
    reached = np.cumsum(count)
    at = [float(number[np.searchsorted(reached, size * share)]) for share in (0.5, 0.9)]
    return [round(total / size, 3), *limits, *at]
