"""The attrition table: how much activity is left after each criterion of a rule.

It is made only from counts that may be shown.
"""

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.shown_counts import Counts, Entry, shown_as, withheld_as
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS


def attrition_table(counts: Counts) -> pl.DataFrame:
    """Return how much activity is left after each criterion, in the rule's order.

    Args:
        counts: The counts that may be shown.

    Returns:
        One row per rule, provider and step, with all providers together first: rule, provider, step (0 is all
        activity), criterion (null for step 0), left, removed (the difference of the counts shown; null for step 0).
    """
    is_provider = pl.col("table") != "total"
    provider = pl.when(is_provider).then("provider").otherwise(pl.lit(ALL_PROVIDERS)).alias("provider")
    cells = counts.cells.filter(pl.col("table").is_in(["total", "provider"])).select(
        "rule", "measure", "item", provider, shown_as("left"), withheld_as("left"), is_provider=is_provider
    )
    steps = [_step(cells, entry, step) for entry in counts.audited for step in range(len(entry.steps) + 1)]
    rule_order = {entry.key: place for place, entry in enumerate(counts.audited)}
    place = pl.col("rule").replace_strict(rule_order)
    table = pl.concat(steps).sort(place, "is_provider", "provider", "step", nulls_last=True)
    left_before = pl.col("left").shift(1)
    removed = (left_before - pl.col("left")).over("rule", "provider", "is_provider", order_by="step")
    return table.select("rule", "provider", "step", "criterion", "left", removed.alias("removed"), f"left{WITHHELD}")


def _step(cells: pl.DataFrame, entry: Entry, step: int) -> pl.DataFrame:
    """Return what is left after a step of a rule, in total and by provider; step 0 is all activity."""
    criterion = entry.steps[step - 1] if step else None
    series: tuple[str | None, ...]
    if criterion is None:
        series = (None, "activity", None)
    elif step == len(entry.steps):
        # What is left at the end is what is flagged, and is shown or withheld as that count is.
        series = (entry.key, "flagged", None)
    else:
        series = (entry.key, "left", criterion)
    columns = ("rule", "measure", "item")
    is_of_series = [
        pl.col(name).eq_missing(pl.lit(value, pl.String)) for name, value in zip(columns, series, strict=True)
    ]
    return cells.filter(is_of_series).with_columns(
        rule=pl.lit(entry.key), step=pl.lit(step), criterion=pl.lit(criterion, pl.String)
    )
