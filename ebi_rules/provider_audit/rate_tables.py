"""Tables of rates: in total, by the values of a field, and by provider with a funnel.

They are made only from counts that may be shown. If a count is suppressed, so is every figure that comes from it: all
are null. Rates are per 1,000 eligible.
"""

import numpy as np
import polars as pl
from polars import selectors

from ebi_rules.criteria.fields import AREAS, ORGANISATIONS, PRACTITIONERS
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.comparability import not_comparable, rules_not_compared
from ebi_rules.provider_audit.policy_periods import BEFORE, SINCE, counts_of_period
from ebi_rules.provider_audit.quality_table import quality_table
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts, shown_as, withheld_as
from ebi_rules.provider_audit.signals import NOT_FIT, with_signals
from ebi_rules.provider_audit.standardisation import compared, expected_counts
from ebi_rules.provider_audit.table_columns import ALL_MONTHS, PER
from ebi_rules.statistics.intervals import poisson

UNITS = (*ORGANISATIONS, *PRACTITIONERS, *AREAS)
"""Fields whose values are organisations, areas or people, which are compared in a funnel."""


def total_rates(counts: Counts) -> pl.DataFrame:
    """Return the rate of each rule over the whole extract or, for a policy with a start, from its start on.

    Returns:
        One row per rule: rule, since (the month of the start; null for all months), activity (null from a start on),
        eligible, flagged, rate_per_1000_eligible, rate_lower_95, rate_upper_95 (see `intervals.poisson`).
    """
    totals = counts.table("total").drop("provider", "month", "value")
    since = counts_of_period(counts.cells, counts.starts.keys(), SINCE)
    start = pl.col("rule").replace_strict(counts.starts, default=None, return_dtype=pl.String)
    joined = totals.with_columns(start.alias("since")).join(since, on="rule", how="left", suffix="_of_period")
    names = [name for name in totals.columns if name != "rule"]
    chosen = [
        pl.when(pl.col("since").is_null()).then(name).otherwise(f"{name}_of_period").alias(name)
        for name in names
        if f"{name}_of_period" in joined.columns
    ]
    activity = pl.when(pl.col("since").is_null()).then("activity").alias("activity")
    table = joined.with_columns(chosen).with_columns(activity).select("rule", "since", *names)
    return _with_rates(table)


def rates_before_policy(counts: Counts) -> pl.DataFrame:
    """Return the rate of each policy with a start over the months before it.

    Returns:
        One row per rule with a start: rule, eligible, flagged, rate_per_1000_eligible and its interval.
    """
    return _with_rates(counts_of_period(counts.cells, counts.starts.keys(), BEFORE))


def rates_by_field(counts: Counts, field: str, settings: Settings) -> pl.DataFrame:
    """Return rates by the values of a field, compared with those expected for the case mix.

    Args:
        counts: The counts that may be shown.
        field: The field.
        settings: How to compare.

    Returns:
        One row per rule and value: rule, the field (null where not recorded), activity, eligible, flagged,
        rate_per_1000_eligible and its interval; and, unless the field is age_band or sex: expected,
        standardised_ratio (flagged over expected), ratio_lower_95, ratio_upper_95. For organisations, areas and
        practitioners (`UNITS`) also limits, signal and not_judged (see `signals.with_signals`); what compares them is
        null for a rule that is not fit for it. `expected` is the
        flagged count if the people of that value had the standard's rates by the other fields of case mix. By provider,
        `casemix` says how expected counts were made: strata or model. Practitioners are included only if
        `settings.fewest_expected` are expected of them.
    """
    column = "provider" if field == "provider" else "value"
    table = compared(counts.table(field), counts)
    further = [name for name in ("comparable", "compared") if name in table.columns]
    table = table.select(
        "rule",
        pl.col(column).alias(field),
        "activity",
        "eligible",
        "flagged",
        *further,
        "base",
        "observed",
        selectors.ends_with(WITHHELD),
    )
    table = _with_rates(table)
    if field in ("age_band", "sex"):
        return _in_field_order(table.drop("base", "observed", *further), field)
    other_fields = tuple(name for name in settings.adjust if name != field)
    excluded = not_comparable(counts, settings) if field == "provider" else None
    standard = excluded.drop("not_judged") if excluded is not None and settings.standard is None else None
    expected = expected_counts(counts, field, settings, other_fields, standard)
    table = table.join(expected, on=["rule", field], how="left", nulls_equal=True, maintain_order="left")
    if field in PRACTITIONERS:
        table = table.filter(pl.col("expected") >= settings.fewest_expected, pl.col(field).is_not_null())
    table = _with_ratios(table)
    if excluded is not None:
        table = table.join(excluded, on=["rule", field], how="left", nulls_equal=True, maintain_order="left")
    if field in UNITS:
        table = _with_signals(_without_unfit(table, rules_not_compared(counts, settings)), settings, counts.method)
    table = table if field == "provider" else table.drop("casemix")
    return _in_field_order(table.drop("base", "observed"), field)


def _without_unfit(table: pl.DataFrame, rules: list[str]) -> pl.DataFrame:
    """Remove what compares units from the rows of rules that are not fit for it, and say why."""
    if "not_judged" not in table.columns:
        table = table.with_columns(not_judged=pl.lit(None, pl.String))
    is_unfit = pl.col("rule").is_in(rules)
    comparing = ("expected", "standardised_ratio", "ratio_lower_95", "ratio_upper_95")
    return table.with_columns(
        *(pl.when(~is_unfit).then(name).alias(name) for name in comparing),
        not_judged=pl.when(is_unfit).then(pl.lit(NOT_FIT)).otherwise("not_judged"),
    )


def provider_rates(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Return the rates of providers, with the funnel's limits and signal for each.

    Args:
        counts: The counts that may be shown.
        settings: How to compare.

    Returns:
        The columns of `rates_by_field`, and: provider_name, if there are names; crude_ratio, the provider's crude rate
        over that of all; moved, how far adjusting for case mix moves it (standardised_ratio minus crude_ratio); the
        limits of the funnel; undiagnosed and percent_undiagnosed, what is flagged without any diagnosis, for rules that
        exclude diagnoses; signal and not_judged (see `signals.with_signals`); low_coding, true where the share of
        activity with any procedure is below three quarters of the share overall. There, a low rate may be a matter of
        coding.
    """
    table = _with_crude_ratios(rates_by_field(counts, "provider", settings), counts)
    table = _with_undiagnosed(table, counts)
    low_coding = quality_table(counts).filter(pl.col("month") == ALL_MONTHS).select("provider", "low_coding")
    table = table.join(low_coding, on="provider", how="left", nulls_equal=True, maintain_order="left")
    if settings.names:
        name = pl.col("provider").replace_strict(settings.names, default=None, return_dtype=pl.String)
        return table.insert_column(2, table.select(name.alias("provider_name"))["provider_name"])
    return table


def _with_undiagnosed(table: pl.DataFrame, counts: Counts) -> pl.DataFrame:
    """Add how much of what is flagged has no diagnosis, so that an exclusion by diagnosis could not apply to it."""
    cells = counts.cells.filter(pl.col("table") == "provider", pl.col("measure") == "undiagnosed")
    undiagnosed = cells.select("rule", "provider", shown_as("undiagnosed"), withheld_as("undiagnosed"))
    joined = table.join(undiagnosed, on=["rule", "provider"], how="left", nulls_equal=True, maintain_order="left")
    share = (pl.col("undiagnosed") / pl.col("flagged")).clip(upper_bound=1) * 100
    percent = pl.when(pl.col("flagged") > 0).then(share).round(1).alias("percent_undiagnosed")
    marks = [name for name in joined.columns if name.endswith(WITHHELD)]
    return joined.select(pl.exclude(marks), percent, *marks)


def _with_crude_ratios(table: pl.DataFrame, counts: Counts) -> pl.DataFrame:
    """Add how each provider's crude rate compares with that of all, and how far adjusting for case mix moves it."""
    totals = compared(counts.table("total"), counts)
    overall = totals.select("rule", overall=pl.col("observed") / pl.col("base"))
    table = compared(table, counts)
    ratio = pl.col("observed") / (pl.col("base") * pl.col("overall"))
    is_known = pl.col("standardised_ratio").is_not_null() & ratio.is_finite()
    joined = table.join(overall, on="rule", how="left", maintain_order="left")
    joined = joined.with_columns(pl.when(is_known).then(ratio).round(3).alias("crude_ratio"))
    moved = (pl.col("standardised_ratio") - pl.col("crude_ratio")).round(3).alias("moved")
    moved_columns = ("base", "observed", "casemix", "not_judged")
    names = [name for name in table.columns if not name.endswith(WITHHELD) and name not in moved_columns]
    place = names.index("ratio_upper_95") + 1
    further = ("crude_ratio", moved, "casemix")
    return joined.select(*names[:place], *further, *names[place:], "not_judged", selectors.ends_with(WITHHELD))


def _with_signals(table: pl.DataFrame, settings: Settings, method: str) -> pl.DataFrame:
    """Add limits and signals, rule by rule."""
    parts = table.partition_by("rule", maintain_order=True) if table.height else [table]
    return pl.concat([with_signals(part, settings, method) for part in parts])


def _with_rates(table: pl.DataFrame) -> pl.DataFrame:
    """Add the rate per 1,000 eligible and its interval."""
    lower, upper = _interval(table["flagged"])
    events = {
        "rate_per_1000_eligible": pl.col("flagged"),
        "rate_lower_95": pl.lit(lower),
        "rate_upper_95": pl.lit(upper),
    }
    is_known = (pl.col("eligible") > 0) & pl.col("flagged").is_not_null()
    return table.with_columns(
        pl.when(is_known).then(count / pl.col("eligible") * PER).round(3).alias(name) for name, count in events.items()
    )


def _with_ratios(table: pl.DataFrame) -> pl.DataFrame:
    """Add the standardised ratio and its interval, and round the expected count."""
    lower, upper = _interval(table["observed"])
    events = {
        "standardised_ratio": pl.col("observed"),
        "ratio_lower_95": pl.lit(lower),
        "ratio_upper_95": pl.lit(upper),
    }
    expected = pl.when(pl.col("base").is_not_null()).then(pl.col("expected").round(1))
    table = table.with_columns(expected.alias("expected"))
    is_known = pl.col("observed").is_not_null() & pl.col("base").is_not_null() & (pl.col("expected") > 0)
    return table.with_columns(
        pl.when(is_known).then(count / pl.col("expected")).round(3).alias(name) for name, count in events.items()
    )


def _interval(flagged: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the 95% limits of counts, NaN where a count is null."""
    counts = flagged.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    lower, upper = poisson(counts) if counts.size else (np.array([]), np.array([]))
    return pl.Series(lower, dtype=pl.Float64), pl.Series(upper, dtype=pl.Float64)


def _in_field_order(table: pl.DataFrame, field: str) -> pl.DataFrame:
    """Return a table in its own order of rules, and by the field's values: numbers and age bands by size."""
    rule_order = {rule: place for place, rule in enumerate(table["rule"].unique(maintain_order=True))}
    place = pl.col("rule").replace_strict(rule_order, return_dtype=pl.Int64)
    number = pl.col(field).str.extract(r"^(\d+)").cast(pl.Int64)
    by_size = field in ("age_band", "imd_decile")
    return table.sort(place, *([number] if by_size else []), field, nulls_last=True)
