"""Tables of measures: shares by provider and by the values of a field, and means of outcomes and days.

They are made only from counts that may be shown.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from polars import selectors as cs

from ebi_rules.disclosure.rounding import WITHHELD, control
from ebi_rules.pathways.measure_counts import INDEX, MeasureEntry
from ebi_rules.provider_audit.percentages import PERCENT, with_percent
from ebi_rules.provider_audit.rate_tables import rates_by_field, total_rates
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts, shown_as, withheld_as
from ebi_rules.provider_audit.signals import with_signals
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.rule_model.measure_logic import COUNT
from ebi_rules.statistics.intervals import poisson

_RATIOS = ["expected", "standardised_ratio", "ratio_lower_95", "ratio_upper_95"]
_NUMBERS = ["mean", "mean_lower_95", "mean_upper_95", "median", "percentile_90"]
_NEW_NAMES = {"eligible": "followed", "flagged": "outcome"}
"""The names that a measure's tables have for an audit's counts."""


def share_table(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Return the share of each measure, for all providers together and then for each.

    Args:
        counts: The counts that may be shown.
        settings: How to compare.

    Returns:
        One row per measure and provider: rule (the measure), provider, index_activity, followed (index activities whose
        window lies within the data), outcome, percent (outcome in followed), percent_lower_95, percent_upper_95
        (Wilson's interval), expected, standardised_ratio, ratio_lower_95, ratio_upper_95 (for case mix, as in an
        audit), signal (see `signals.with_signals`; with binomial probabilities). Null where suppressed.
    """
    columns = ["rule", "provider", "eligible", "flagged", *_RATIOS, "signal", *_withheld("eligible", "flagged")]
    no_comparison = {**dict.fromkeys(_RATIOS, pl.lit(None, pl.Float64)), "signal": pl.lit(None, pl.String)}
    parts = [total_rates(counts).with_columns(provider=pl.lit(ALL_PROVIDERS), **no_comparison).select(columns)]
    for part in rates_by_field(counts, "provider", settings).partition_by("rule", maintain_order=True):
        plain_part = part.drop("signal", "not_judged", cs.matches("^(lower|upper)_"))
        units = plain_part.with_columns(base="eligible", observed="flagged")
        parts.append(with_signals(units, settings, counts.method, proportions=True).select(columns))
    rule_order = {entry.key: place for place, entry in enumerate(counts.audited)}
    place = pl.col("rule").replace_strict(rule_order, default=len(rule_order))
    is_provider = pl.col("provider").ne_missing(ALL_PROVIDERS)
    table = as_followed(pl.concat(parts).sort(place, is_provider, maintain_order=True))
    keys = ["rule", "provider"]
    table = with_percent(table, "outcome", "followed")
    table = table.join(_index_activity(counts), on=keys, how="left", nulls_equal=True, maintain_order="left")
    shown = [*keys, "index_activity", "followed", "outcome", *PERCENT, *_RATIOS, "signal"]
    return table.select(*shown, *_withheld("followed", "outcome", "index_activity"))


def as_followed(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table of an audit's counts with a measure's names for them: followed and outcome.

    Example:
        >>> as_followed(pl.DataFrame(schema=["eligible", "flagged", "eligible_withheld", "flagged_withheld"])).columns
        ['followed', 'outcome', 'followed_withheld', 'outcome_withheld']
    """
    names = {f"{old}{ending}": f"{new}{ending}" for old, new in _NEW_NAMES.items() for ending in ("", WITHHELD)}
    return table.rename(names)


def measure_by_field(counts: Counts, field: str, settings: Settings) -> pl.DataFrame:
    """Return the share of each measure by the values of a field.

    Args:
        counts: The counts that may be shown.
        field: The field.
        settings: How to compare.

    Returns:
        One row per measure and value: rule (the measure), the field, followed, outcome, percent, percent_lower_95,
        percent_upper_95 and, unless the field is age_band or sex, expected, standardised_ratio and its interval, as in
        an audit. Null where suppressed.
    """
    table = with_percent(as_followed(rates_by_field(counts, field, settings)), "outcome", "followed")
    ratios = [name for name in _RATIOS if name in table.columns]
    return table.select("rule", field, "followed", "outcome", *PERCENT, *ratios, *_withheld("followed", "outcome"))


def number_table(counts: Counts, spread: pl.DataFrame, entries: Sequence[MeasureEntry]) -> pl.DataFrame:
    """Return the mean, median and 90th percentile of measures of counts and of days, by provider.

    Args:
        counts: The counts that may be shown.
        spread: How many index activities have each number: `measure_counts.answer_spread` of each measure, by provider
            and month.
        entries: The measures.

    Returns:
        One row per measure and provider, with all providers first: rule (the measure), provider, followed, mean,
        mean_lower_95, mean_upper_95 (from the limits of the sum of outcomes, see `intervals.poisson`; null for days),
        median, percentile_90. Null if fewer than 8 are followed, or if their number is withheld. A mean number of
        outcomes is made of counts as they are shown, and null if the count with any outcome is not shown.
    """
    followed_counts, outcome_counts = (_shown_by_provider(counts, measure) for measure in ("eligible", "flagged"))
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        of_measure = spread.filter(measure=entry.key)
        of_measure = of_measure.group_by("provider", "number", maintain_order=True).agg(pl.col("count").sum())
        if not of_measure.height:
            continue
        of_all = of_measure.group_by("number").agg(pl.col("count").sum())
        by_provider = of_measure.partition_by("provider", maintain_order=True)
        units = [(ALL_PROVIDERS, of_all), *((part["provider"][0], part) for part in by_provider)]
        for provider, part in units:
            followed = followed_counts.get((entry.key, provider))
            figures: list[float | None] = [None] * len(_NUMBERS)
            if followed:
                outcomes = outcome_counts.get((entry.key, provider)) if entry.measure.gives == COUNT else None
                mean = _mean(part, followed, outcomes, counts.method, entry.measure.gives == COUNT)
                figures = [*mean, *_quantiles(part.sort("number"))]
            rows.append((entry.key, provider, followed, *figures))
    schema = {"rule": pl.String, "provider": pl.String, "followed": pl.Int64, **dict.fromkeys(_NUMBERS, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _index_activity(counts: Counts) -> pl.DataFrame:
    """Return how many index activities each provider has, and all together: rule, provider, index_activity."""
    is_index = (pl.col("measure") == "left") & (pl.col("item") == INDEX)
    cells = counts.cells.filter(is_index, pl.col("table").is_in(["total", "provider"]))
    provider = pl.when(pl.col("table") == "total").then(pl.lit(ALL_PROVIDERS)).otherwise("provider").alias("provider")
    return cells.select("rule", provider, shown_as("index_activity"), withheld_as("index_activity"))


def _shown_by_provider(counts: Counts, measure: str) -> dict[tuple[str, str | None], int | None]:
    """Return shown counts by rule and provider, all providers included."""
    cells = counts.cells.filter(pl.col("measure") == measure, pl.col("table").is_in(["total", "provider"]))
    return {
        (row["rule"], row["provider"] if row["table"] == "provider" else ALL_PROVIDERS): row["shown"]
        for row in cells.iter_rows(named=True)
    }


def _mean(
    part: pl.DataFrame, followed: int, outcomes: int | None, method: str, of_outcomes: bool
) -> list[float | None]:
    """Return the mean number of outcomes with its interval, or the mean of days to one decimal place."""
    total, size = (int(part.select(total).item()) for total in (pl.col("number").dot("count"), pl.col("count").sum()))
    if not of_outcomes:
        return [round(total / size, 3 if method == "none" else 1), None, None]
    shown = control(total, method)
    if outcomes is None or shown is None:
        return [None, None, None]
    return [round(float(value) / followed, 3) for value in (shown, *poisson(float(shown)))]


def _quantiles(part: pl.DataFrame) -> list[float | None]:
    """Return the median and the 90th percentile of one provider, whose numbers are in ascending order."""
    number, cumulative = part["number"].to_numpy(), np.cumsum(part["count"].to_numpy())
    return [float(number[np.searchsorted(cumulative, cumulative[-1] * share)]) for share in (0.5, 0.9)]


def _withheld(*names: str) -> list[str]:
    """Return the columns that mark withheld counts."""
    return [f"{name}{WITHHELD}" for name in names]
