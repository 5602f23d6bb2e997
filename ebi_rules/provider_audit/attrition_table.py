"""How much activity is left after each criterion, from counts as they may be shown."""

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.shown_counts import Counts, shown_as, withheld_as
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS


def attrition_table(counts: Counts) -> pl.DataFrame:
    """Give how much activity is left after each criterion, in the rule's order: all providers first, then each.

    Columns: rule, provider, step (0 is all activity), criterion (null for step 0), left, removed (null for step 0).
    `removed` is the difference of the numbers shown.
    """
    cells = counts.cells.filter(pl.col("table").is_in(["total", "provider"]))
    label = pl.when(pl.col("table") == "total").then(pl.lit(ALL_PROVIDERS)).otherwise("provider").alias("provider")
    cells = cells.select(
        "rule", "measure", "item", label, shown_as("left"), withheld_as("left"), later=pl.col("table") != "total"
    )
    parts = []
    for entry in counts.audited:
        criteria = [None, *entry.steps]
        for step, name in enumerate(criteria):
            # What is left at the end is what is flagged, and is shown or withheld as that is.
            measure = "activity" if name is None else "flagged" if step == len(criteria) - 1 else "left"
            own = pl.col("rule").is_null() if name is None else pl.col("rule") == entry.key
            item = pl.col("item").is_null() if measure != "left" else pl.col("item") == name
            found = cells.filter(own, pl.col("measure") == measure, item)
            parts.append(
                found.with_columns(rule=pl.lit(entry.key), step=pl.lit(step), criterion=pl.lit(name, pl.String))
            )
    place = {entry.key: number for number, entry in enumerate(counts.audited)}
    table = pl.concat(parts).sort(pl.col("rule").replace_strict(place), "later", "provider", "step", nulls_last=True)
    removed = (pl.col("left").shift(1) - pl.col("left")).over("rule", "provider", "later", order_by="step")
    return table.select("rule", "provider", "step", "criterion", "left", removed.alias("removed"), f"left{WITHHELD}")
