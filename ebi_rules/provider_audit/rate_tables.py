"""Tables of an audit, each worked out from counts as they may be shown.

Where a count is suppressed so is every figure that comes from it: all are null. Rates are per 1,000 eligible.
"""

from dataclasses import replace

import numpy as np
import polars as pl
from polars import selectors

from ebi_rules.criteria.fields import PRACTITIONERS
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.quality_table import quality_table
from ebi_rules.provider_audit.settings import OVERDISPERSION, Settings
from ebi_rules.provider_audit.shown_counts import Counts, stand_in
from ebi_rules.provider_audit.standardisation import expected_counts
from ebi_rules.provider_audit.table_columns import ALL_MONTHS, PER
from ebi_rules.statistics.funnel import Funnel, funnel
from ebi_rules.statistics.intervals import poisson


def total_rates(counts: Counts) -> pl.DataFrame:
    """Give activity, eligible, flagged and the rate with its interval over the whole extract, a row a rule."""
    return _with_rates(counts.table("total").drop("provider", "month", "value"))


def rates_by_field(counts: Counts, field: str, settings: Settings) -> pl.DataFrame:
    """Give the same by the values of a field (null where not recorded), with what case mix would lead to expect.

    `expected` is the number in scope if the field's people, by the other fields of case mix (age band and sex, unless
    more was asked for), had the rates of the standard; `standardised_ratio` is flagged over expected. Neither is given
    by age band and by sex themselves. Of practitioners only those are given of whom enough is expected.
    """
    column = "provider" if field == "provider" else "value"
    table = counts.table(field).select(
        "rule", pl.col(column).alias(field), "activity", "eligible", "flagged", selectors.ends_with(WITHHELD)
    )
    table = _with_rates(table)
    if field in ("age_band", "sex"):
        return _in_field_order(table, field)
    others = tuple(name for name in settings.adjust if name != field)
    expected = expected_counts(counts, field, replace(settings, adjust=others))
    table = table.join(expected, on=["rule", field], how="left", nulls_equal=True, maintain_order="left")
    if field in PRACTITIONERS:
        table = table.filter(pl.col("expected") >= settings.fewest_expected, pl.col(field).is_not_null())
    hidden = pl.col("flagged").is_null() | pl.col("eligible").is_null()
    lower, upper = _interval(table["flagged"])
    table = table.with_columns(pl.when(pl.col("eligible").is_not_null()).then(pl.col("expected").round(1)))
    over = pl.when(~hidden & (pl.col("expected") > 0)).then
    return _in_field_order(
        table.with_columns(
            over(pl.col("flagged") / pl.col("expected")).round(3).alias("standardised_ratio"),
            over(pl.lit(lower) / pl.col("expected")).round(3).alias("ratio_lower_95"),
            over(pl.lit(upper) / pl.col("expected")).round(3).alias("ratio_upper_95"),
        ).select(pl.exclude("casemix"), *(["casemix"] if field == "provider" else [])),
        field,
    )


def provider_rates(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Give `by_field` for providers, with names, the funnel's limits at each, its signal, and low coding.

    `crude_ratio` is the provider's crude rate over that of all, and `moved` how far allowing for case mix moves it:
    standardised_ratio less crude_ratio. `casemix` says how expected numbers were found: strata or model.
    `signal` is above_998, above_95, below_95, below_998 or null within the limits. `low_coding` is true where the share
    of activity with any procedure is below three quarters of that overall: there a low rate may be a matter of coding.
    """
    table = _moved(rates_by_field(counts, "provider", settings), counts)
    parts = table.partition_by("rule", maintain_order=True) if table.height else [table]
    table = pl.concat([_in_funnel(part, settings) for part in parts])
    low = quality_table(counts).filter(pl.col("month") == ALL_MONTHS).select("provider", "low_coding")
    table = table.join(low, on="provider", how="left", nulls_equal=True, maintain_order="left")
    if settings.names:
        name = pl.col("provider").replace_strict(settings.names, default=None, return_dtype=pl.String)
        return table.insert_column(2, table.select(name.alias("provider_name"))["provider_name"])
    return table


def _moved(table: pl.DataFrame, counts: Counts) -> pl.DataFrame:
    """Say how far allowing for case mix moves each provider."""
    overall = total_rates(counts).select("rule", overall=pl.col("flagged") / pl.col("eligible"))
    crude = pl.col("flagged") / (pl.col("eligible") * pl.col("overall"))
    joined = table.join(overall, on="rule", how="left", maintain_order="left")
    given = pl.when(pl.col("standardised_ratio").is_not_null() & crude.is_finite()).then
    joined = joined.with_columns(given(crude).round(3).alias("crude_ratio"))
    moved = (pl.col("standardised_ratio") - pl.col("crude_ratio")).round(3)
    names = [name for name in table.columns if name != "casemix" and not name.endswith(WITHHELD)]
    return joined.with_columns(moved.alias("moved")).select(
        *names, "crude_ratio", "moved", "casemix", selectors.ends_with(WITHHELD)
    )


def _in_funnel(part: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Add the funnel's limits and signals to one rule's rows; what is suppressed has no signal."""
    found = funnel_of(part, settings)
    limits = found.limits.cast(pl.Float64).select(pl.all().round(3)).get_columns()
    known = pl.col("flagged").is_not_null() & pl.col("expected").is_not_null()
    return part.with_columns(*limits, pl.when(known).then(pl.lit(found.signals)).alias("signal"))


def funnel_of(part: pl.DataFrame, settings: Settings) -> Funnel:
    """Give the funnel of one rule's rows of `by_field`; a suppressed count stands in as 4."""
    observed = part.select(stand_in(pl.col("flagged")))["flagged"].to_numpy()
    expected = part["expected"].fill_null(0).to_numpy()
    return funnel(observed, expected, overdispersion=OVERDISPERSION[settings.overdispersion], trim=settings.trim)


def _with_rates(table: pl.DataFrame) -> pl.DataFrame:
    lower, upper = _interval(table["flagged"])
    given = (pl.col("eligible") > 0) & pl.col("flagged").is_not_null()
    rate = {
        "rate_per_1000_eligible": pl.col("flagged"),
        "rate_lower_95": pl.lit(lower),
        "rate_upper_95": pl.lit(upper),
    }
    return table.with_columns(
        pl.when(given).then(count / pl.col("eligible") * PER).round(3).alias(name) for name, count in rate.items()
    )


def _interval(flagged: pl.Series) -> tuple[pl.Series, pl.Series]:
    known = flagged.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    lower, upper = poisson(known) if known.size else (np.array([]), np.array([]))
    return pl.Series(lower, dtype=pl.Float64), pl.Series(upper, dtype=pl.Float64)


def _in_field_order(table: pl.DataFrame, field: str) -> pl.DataFrame:
    """Sort by rule as they came, then by the field: numbers and age bands by size."""
    place = pl.col("rule").replace_strict(
        {rule: number for number, rule in enumerate(table["rule"].unique(maintain_order=True))}, return_dtype=pl.Int64
    )
    number = pl.col(field).str.extract(r"^(\d+)").cast(pl.Int64)
    by_size = field in ("age_band", "imd_decile")
    return table.sort(place, *([number] if by_size else []), field, nulls_last=True)
