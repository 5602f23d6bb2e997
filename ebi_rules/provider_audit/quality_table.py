"""How complete the coding is, by provider and month, from counts as they may be shown."""

import polars as pl

from ebi_rules.provider_audit.shown_counts import Counts, withheld_as
from ebi_rules.provider_audit.table_columns import ALL_MONTHS, ALL_PROVIDERS, LOW_CODING


def quality_table(counts: Counts) -> pl.DataFrame:
    """Give how complete the coding is, by provider and month, with all months and all providers together.

    Percentages are of activity, those of malformed codes of codes: `percent_with_procedures`,
    `procedures_per_activity`, `percent_malformed_procedures`, the same of diagnoses, `percent_without_FIELD`.
    """
    label = {
        "total": (pl.lit(ALL_PROVIDERS), pl.lit(ALL_MONTHS)),
        "month": (pl.lit(ALL_PROVIDERS), pl.col("month")),
        "provider": (pl.col("provider"), pl.lit(ALL_MONTHS)),
        "provider_month": (pl.col("provider"), pl.col("month")),
    }
    cells = counts.cells.filter(pl.col("rule").is_null())
    parts = [
        cells.filter(pl.col("table") == table).select(
            provider.alias("provider"), month.alias("month"), "measure", "item", "shown", "withheld"
        )
        for table, (provider, month) in label.items()
    ]
    every = pl.concat(parts).with_columns(name=pl.concat_str(["measure", "item"], separator=":", ignore_nulls=True))
    names = every["name"].unique(maintain_order=True).to_list()
    wide = every.pivot("name", index=["provider", "month"], values="shown", maintain_order=True) if names else every
    gone = every.filter(pl.col("measure") == "activity").select("provider", "month", withheld_as("activity"))
    columns = [pl.col("activity")]
    for name in ("procedures", "diagnoses"):
        held, codes = pl.col(f"recorded:{name}"), pl.col(f"codes:{name}")
        if f"recorded:{name}" in names:
            columns.append(_share(held, pl.col("activity"), 100, 1).alias(f"percent_with_{name}"))
        if f"codes:{name}" in names:
            columns.append(_share(codes, pl.col("activity"), 1, 2).alias(f"{name}_per_activity"))
            columns.append(_share(pl.col(f"invalid:{name}"), codes, 100, 1).alias(f"percent_malformed_{name}"))
    for name in names:
        measure, _, field = name.partition(":")
        if measure == "missing":
            columns.append(_share(pl.col(name), pl.col("activity"), 100, 1).alias(f"percent_without_{field}"))
    table = wide.select("provider", "month", *columns)
    table = table.join(gone, on=["provider", "month"], how="left", nulls_equal=True, maintain_order="left")
    if "percent_with_procedures" not in table.columns:
        return table.with_columns(low_coding=pl.lit(None, pl.Boolean))
    overall = table.filter(provider=ALL_PROVIDERS, month=ALL_MONTHS)["percent_with_procedures"].max()
    return table.with_columns(low_coding=pl.col("percent_with_procedures") < LOW_CODING * pl.lit(overall, pl.Float64))


def _share(part: pl.Expr, whole: pl.Expr, multiplier: int, digits: int) -> pl.Expr:
    """Give part / whole, no more than all of it; a rounded part can exceed its rounded whole."""
    share = part / whole * multiplier
    return pl.when(whole > 0).then(share.clip(upper_bound=100) if multiplier == 100 else share).round(digits)
