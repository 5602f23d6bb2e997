"""Tables of an audit, each worked out from counts as they may be shown.

Where a count is suppressed so is every figure that comes from it: all are null. Rates are per 1,000 eligible.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from polars import selectors

from ebi_rules.criteria.fields import PRACTITIONERS
from ebi_rules.cube import Audited
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit import standardisation as standardising
from ebi_rules.provider_audit.settings import OVERDISPERSION, Settings
from ebi_rules.provider_audit.shown_counts import Counts, shown_as, stand_in, withheld_as
from ebi_rules.rule_model.rule import DEFAULT
from ebi_rules.statistics.funnel import Funnel, funnel
from ebi_rules.statistics.intervals import poisson

PER = 1000
ALL_PROVIDERS, ALL_MONTHS = "all providers", "all months"
LOW_CODING = 0.75
"""A provider's coding is low when its share of activity with a procedure is below this part of the share overall."""

_NUMERATORS, _DENOMINATORS = ("flagged", "outcome"), ("eligible", "followed")
SUPPRESSIBLE = {
    **dict.fromkeys(
        [
            "activity",
            "eligible",
            "flagged",
            "left",
            "differs",
            "people",
            "count",
            "of_all",
            "followed",
            "outcome",
            "index_activity",
            "pathways",
            "of",
            "entered",
            "begun",
        ],
        (),
    ),
    "removed": ("left",),
    "difference": ("flagged",),
    **dict.fromkeys(
        [
            "rate_per_1000_eligible",
            "rate_lower_95",
            "rate_upper_95",
            "standardised_ratio",
            "ratio_lower_95",
            "ratio_upper_95",
            "signal",
            "rate_per_100000",
            "standardised_rate_per_100000",
            "standardised_lower_95",
            "standardised_upper_95",
            "mean",
            "lower",
            "upper",
            "crude_ratio",
            "moved",
            "median",
            "percentile_90",
        ],
        (*_NUMERATORS, *_DENOMINATORS),
    ),
    "expected": _DENOMINATORS,
    "per_100_pathways": ("entered", "begun"),
    **dict.fromkeys(
        ["percent", "percent_lower_95", "percent_upper_95"],
        ("count", "of_all", "pathways", "of", *_NUMERATORS, *_DENOMINATORS),
    ),
}
"""Columns that are null where something is suppressed: counts, and what is worked out from which of them."""


def totals(counts: Counts) -> pl.DataFrame:
    """Give activity, eligible, flagged and the rate with its interval over the whole extract, a row a rule."""
    return _with_rates(counts.table("total").drop("provider", "month", "value"))


def by_field(counts: Counts, field: str, settings: Settings) -> pl.DataFrame:
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
    expected = standardising.expected(counts, field, replace(settings, adjust=others))
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


def providers(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Give `by_field` for providers, with names, the funnel's limits at each, its signal, and low coding.

    `crude_ratio` is the provider's crude rate over that of all, and `moved` how far allowing for case mix moves it:
    standardised_ratio less crude_ratio. `casemix` says how expected numbers were found: strata or model.
    `signal` is above_998, above_95, below_95, below_998 or null within the limits. `low_coding` is true where the share
    of activity with any procedure is below three quarters of that overall: there a low rate may be a matter of coding.
    """
    table = _moved(by_field(counts, "provider", settings), counts)
    parts = table.partition_by("rule", maintain_order=True) if table.height else [table]
    table = pl.concat([_in_funnel(part, settings) for part in parts])
    low = quality(counts).filter(pl.col("month") == ALL_MONTHS).select("provider", "low_coding")
    table = table.join(low, on="provider", how="left", nulls_equal=True, maintain_order="left")
    if settings.names:
        name = pl.col("provider").replace_strict(settings.names, default=None, return_dtype=pl.String)
        return table.insert_column(2, table.select(name.alias("provider_name"))["provider_name"])
    return table


def _moved(table: pl.DataFrame, counts: Counts) -> pl.DataFrame:
    """Say how far allowing for case mix moves each provider."""
    overall = totals(counts).select("rule", overall=pl.col("flagged") / pl.col("eligible"))
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


def attrition(counts: Counts) -> pl.DataFrame:
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


def sensitivity(counts: Counts, audited: Sequence[Audited]) -> pl.DataFrame:
    """Give what each reading of a rule flags, and for how much activity it judges otherwise than the one counted.

    Columns: rule, variant (`default` first), flagged, difference (of the numbers shown, from the reading counted),
    differs (activity judged otherwise), about (what the variant is, or why this extract cannot answer it).
    """
    rows: list[tuple[Any, ...]] = []
    for entry in audited:
        own, own_withheld = counts.total(entry.key, "flagged")
        for name, reading in entry.rule.readings().items():
            if name in entry.skipped:
                rows.append((entry.key, name, None, None, None, f"not available: {entry.skipped[name]}", False, False))
                continue
            counted = name == entry.reading.variant_name
            flagged, withheld = (own, own_withheld) if counted else counts.total(entry.key, "variant", name)
            differs, unsaid = (0, False) if counted else counts.total(entry.key, "differs", name)
            difference = None if flagged is None or own is None else flagged - own
            if difference is None:
                # Beside a count that is not shown, this would narrow it down.
                differs, unsaid = None, True
            about = reading.variant_about or ("the rule as designed" if name == DEFAULT else "")
            rows.append((entry.key, name, flagged, difference, differs, about, withheld, unsaid))
    schema = {
        "rule": pl.String,
        "variant": pl.String,
        "flagged": pl.Int64,
        "difference": pl.Int64,
        "differs": pl.Int64,
        "about": pl.String,
        f"flagged{WITHHELD}": pl.Boolean,
        f"differs{WITHHELD}": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def quality(counts: Counts) -> pl.DataFrame:
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
