"""The counts of a policy before its start and from it on, which are sums of months.

Headline counts of a rule with a start are made from its start on; trends and comparisons use all months.
"""

from collections.abc import Collection, Mapping

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.disclosure.secondary_suppression import Relation

BEFORE, SINCE = "before", "since"
"""The periods: the months before a policy's start, and those from it on."""

PERIODS = "periods"
"""The table of their counts."""

BEFORE_THE_POLICY = "before the policy"
"""How the months before the start are labelled."""

RELATIONS = (
    Relation(PERIODS, "month", (("value", "period"),), "parts"),
    Relation("total", PERIODS, (), "parts"),
)
"""How the counts of periods add up with those of other tables."""

_MEASURES = ("eligible", "flagged")


def period_of_month(starts: Mapping[str, str]) -> pl.Expr:
    """Return the period of each count of a month; null for every other count, and for rules without a start.

    Args:
        starts: The month in which each rule begins, by rule.
    """
    start = pl.col("rule").replace_strict(starts, default=None, return_dtype=pl.String)
    is_month = (pl.col("table") == "month") & pl.col("month").is_not_null() & start.is_not_null()
    return pl.when(is_month & (pl.col("month") >= start)).then(pl.lit(SINCE)).when(is_month).then(pl.lit(BEFORE))


def sums_of_periods(exact: pl.DataFrame, rules: Collection[str]) -> pl.DataFrame:
    """Return the counts of rules with a start, by period.

    Args:
        exact: Exact cells, with their period (`period_of_month`).
        rules: The rules that have a start.
    """
    of_months = exact.filter(
        pl.col("table") == "month", pl.col("rule").is_in(rules), pl.col("measure").is_in(_MEASURES)
    )
    sums = of_months.group_by("rule", "measure", "item", "period", maintain_order=True).agg(pl.col("count").sum())
    nothing = pl.lit(None, pl.String)
    sums = sums.with_columns(
        table=pl.lit(PERIODS), provider=nothing, month=nothing, unit=nothing, value="period", period=nothing
    )
    return sums.select(exact.columns)


def counts_of_period(cells: pl.DataFrame, rules: Collection[str], period: str) -> pl.DataFrame:
    """Return the counts of rules with a start in a period, as they may be shown.

    Args:
        cells: The cells of an audit (`Counts.cells`).
        rules: The rules that have a start, in order.
        period: `BEFORE` or `SINCE`.

    Returns:
        One row per rule: rule, eligible, flagged (null if suppressed), eligible_withheld, flagged_withheld.
    """
    cells = cells.filter(pl.col("table") == PERIODS, pl.col("value") == period)
    table = pl.DataFrame({"rule": list(rules)}, schema={"rule": pl.String})
    for measure in _MEASURES:
        of_measure = cells.filter(measure=measure).select(
            "rule", pl.col("shown").alias(measure), pl.col("withheld").alias(f"{measure}{WITHHELD}")
        )
        table = table.join(of_measure, on="rule", how="left", maintain_order="left")
    is_absent = pl.col(f"flagged{WITHHELD}").is_null()
    return table.select(
        "rule",
        *(pl.when(is_absent).then(0).otherwise(name).alias(name) for name in _MEASURES),
        *(pl.col(f"{name}{WITHHELD}").fill_null(False) for name in _MEASURES),
    )
