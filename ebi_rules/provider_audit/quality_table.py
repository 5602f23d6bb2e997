"""The quality table of an audit: how complete the coding is, by provider and month.

It is made only from counts that may be shown.
"""

from collections.abc import Sequence

import polars as pl

from ebi_rules.provider_audit.shown_counts import Counts, withheld_as
from ebi_rules.provider_audit.table_columns import ALL_MONTHS, ALL_PROVIDERS, LOW_CODING


def quality_table(counts: Counts) -> pl.DataFrame:
    """Return how complete the coding is, by provider and month, with all months and all providers together.

    Args:
        counts: The counts that may be shown.

    Returns:
        One row per provider and month: provider, month, activity; `percent_with_procedures`,
        `procedures_per_activity`, `percent_malformed_procedures` and the same for diagnoses; `percent_without_FIELD`;
        low_coding. Percentages are of activity, and those of malformed codes are of codes. What the cube did not count
        has no column. `low_coding` is true where the share of activity with a procedure is below `LOW_CODING` of the
        share overall.
    """
    all_providers, all_months = pl.lit(ALL_PROVIDERS), pl.lit(ALL_MONTHS)
    labels = {
        "total": (all_providers, all_months),
        "month": (all_providers, pl.col("month")),
        "provider": (pl.col("provider"), all_months),
        "provider_month": (pl.col("provider"), pl.col("month")),
    }
    of_activity = counts.cells.filter(pl.col("rule").is_null())
    parts = [
        of_activity.filter(table=table).select(
            provider.alias("provider"), month.alias("month"), "measure", "item", "shown", "withheld"
        )
        for table, (provider, month) in labels.items()
    ]
    name = pl.concat_str(["measure", "item"], separator=":", ignore_nulls=True)
    cells = pl.concat(parts).with_columns(name=name)
    names = cells["name"].unique(maintain_order=True).to_list()
    keys = ["provider", "month"]
    wide = cells.pivot("name", index=keys, values="shown", maintain_order=True) if names else cells
    withheld = cells.filter(measure="activity").select(*keys, withheld_as("activity"))
    table = wide.select(*keys, "activity", *_coding_figures(names))
    table = table.join(withheld, on=keys, how="left", nulls_equal=True, maintain_order="left")
    if "percent_with_procedures" not in table.columns:
        return table.with_columns(low_coding=pl.lit(None, pl.Boolean))
    overall = table.filter(provider=ALL_PROVIDERS, month=ALL_MONTHS)["percent_with_procedures"].max()
    return table.with_columns(low_coding=pl.col("percent_with_procedures") < LOW_CODING * pl.lit(overall, pl.Float64))


def _coding_figures(names: Sequence[str]) -> list[pl.Expr]:
    """Return the figures that can be calculated from counts with these names, `MEASURE:ITEM` or `activity`."""
    activity = pl.col("activity")
    figures = []
    for field in ("procedures", "diagnoses"):
        codes = pl.col(f"codes:{field}")
        if f"recorded:{field}" in names:
            figures.append(_percent(pl.col(f"recorded:{field}"), activity).alias(f"percent_with_{field}"))
        if f"codes:{field}" in names:
            figures.append(_quotient(codes, activity).round(2).alias(f"{field}_per_activity"))
            figures.append(_percent(pl.col(f"invalid:{field}"), codes).alias(f"percent_malformed_{field}"))
    for name in names:
        measure, _, field = name.partition(":")
        if measure == "missing":
            figures.append(_percent(pl.col(name), activity).alias(f"percent_without_{field}"))
    return figures


def _percent(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Return a share in per cent, at most 100: a rounded part can exceed its rounded whole."""
    return (_quotient(part, whole) * 100).clip(upper_bound=100).round(1)


def _quotient(count: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Return a count over a whole, null where the whole is 0."""
    return pl.when(whole > 0).then(count / whole)
