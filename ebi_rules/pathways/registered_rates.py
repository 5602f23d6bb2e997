"""Events of people per 1,000 registered: of what two datasets record, each event counted once."""

from collections.abc import Sequence

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.pathways.measure_counts import MeasureEntry
from ebi_rules.provider_audit.settings import Population
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.statistics.intervals import poisson

_PER = 1000


def registered_rates(counts: Counts, entries: Sequence[MeasureEntry], population: Population) -> pl.DataFrame:
    """Return the rate of events in both datasets together, per 1,000 people.

    Args:
        counts: The counts that may be shown.
        entries: The measures; only those that pair events of two datasets have a rate.
        population: The people, by area.

    Returns:
        One row per measure and area: rule (the measure), the field, followed (events within the days that both datasets
        cover), people (of all ages), per_1000, per_1000_lower_95, per_1000_upper_95 (of a Poisson count). Null where
        suppressed.

    Source:
        Interval: see `statistics.intervals.poisson`.
    """
    field = population.field
    column = "provider" if field == "provider" else "value"
    keys = [entry.key for entry in entries if entry.measure.pairing]
    people = population.people.group_by(field).agg(pl.col("people").sum())
    shown = counts.table(field).filter(pl.col("rule").is_in(keys))
    table = shown.select(
        "rule", pl.col(column).alias(field), followed="eligible", **{f"followed{WITHHELD}": f"eligible{WITHHELD}"}
    ).join(people, on=field, how="inner")
    rows = [
        (None, None, None) if count is None or not registered else _rate(count, registered)
        for count, registered in table.select("followed", "people").iter_rows()
    ]
    names = ("per_1000", "per_1000_lower_95", "per_1000_upper_95")
    rates = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Float64), orient="row")
    ordered = table.with_columns(rates).sort("rule", field)
    return ordered.select("rule", field, "followed", "people", *names, f"followed{WITHHELD}")


def _rate(count: int, people: int) -> tuple[float, float, float]:
    low, high = poisson(count)
    return (
        round(count / people * _PER, 2),
        round(float(low) / people * _PER, 2),
        round(float(high) / people * _PER, 2),
    )
