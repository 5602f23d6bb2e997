"""The attrition table: how much activity is left after each criterion of a rule.

It is made only from counts that may be shown.
"""

import numpy as np
import polars as pl

from ebi_rules.provider_audit.shown_counts import Counts, Entry
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS


def attrition_table(counts: Counts) -> pl.DataFrame:
    """Return how much activity is left after each criterion, in the rule's order.

    Args:
        counts: The counts that may be shown.

    Returns:
        One row per rule, provider and step, with all providers together first: rule, provider, step (0 is all
        activity), criterion (null for step 0), left, removed (the difference of the counts shown; null for step 0).
    """
    return pl.concat(_of_entry(counts, entry, table) for entry in counts.audited for table in ("total", "provider"))


def _of_entry(counts: Counts, entry: Entry, table: str) -> pl.DataFrame:
    """Return what is left after each step of a rule, in total or provider by provider; step 0 is all activity."""
    cells = counts.cells_of(table)
    providers = cells.groups["provider"].arg_sort(nulls_last=True).to_numpy().astype(np.int64)
    # What is left at the end is what is flagged, and is shown or withheld as that count is.
    lefts = [(entry.key, "left", name) for name in entry.steps[:-1]]
    series = [(None, "activity", None), *lefts, (entry.key, "flagged", None)][: len(entry.steps) + 1]
    first = np.array([cells.first[each] for each in series if providers.size], np.int64)
    step, criterion = pl.Series(range(len(series)), dtype=pl.Int32), pl.Series([None, *entry.steps], dtype=pl.String)
    steps = np.tile(np.arange(len(series)), providers.size)
    provider = pl.lit(ALL_PROVIDERS) if table == "total" else pl.col("provider")
    places = pl.Series(np.add.outer(providers, first).ravel())
    return cells.rows[places].select(
        rule=pl.lit(entry.key),
        provider=provider,
        step=step.gather(steps),
        criterion=criterion.gather(steps),
        left="shown",
        removed=pl.when(step.gather(steps) > 0).then(pl.col("shown").shift() - pl.col("shown")),
        left_withheld="withheld",
    )
