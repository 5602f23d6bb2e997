"""Breakdowns by patient characteristics: a chart and a table for each field, and groups of people compared."""

from typing import Any

import polars as pl

from ebi_rules.report.page_tables import PageTable, page_table
from ebi_rules.report.report_words import RATE, breakdown_title, field_label, value_label, with_signal_words
from ebi_rules.report.rule_charts import RuleCharts

RATIOS = ("expected", "standardised_ratio", "ratio_lower_95", "ratio_upper_95")

_COMPARISONS = {
    "percent_missing": "not recorded, per cent of {}",
    "relative_index": "relative index",
    "slope_index": "slope index, per 1,000 {}",
}
"""Comparisons in words; any other is a rate of one group over that of another."""

_COMPARISON_SCHEMA = {
    "characteristic": pl.String,
    "comparison": pl.String,
    "basis": pl.String,
    "figure": pl.Float64,
    "95% lower": pl.Float64,
    "95% upper": pl.Float64,
}


def breakdowns(charts: RuleCharts) -> list[dict[str, Any]]:
    """Return the title, chart and table of a rule's breakdown by each field that was counted.

    Args:
        charts: The rule with its charts.
    """
    audit, sections = charts.audit, []
    for field in audit.counts.fields:
        table = audit.of_rule(audit.by_field(field), charts.entry.key).filter(pl.col("eligible").fill_null(1) > 0)
        heading = breakdown_title(field)
        ratios = [column for column in (*RATIOS, "signal") if column in table.columns]
        columns = [field, "activity", "eligible", "flagged", *RATE, *ratios]
        worded = with_signal_words(with_value_labels(table, field))
        shown = page_table(worded, f"{heading}: counts and rates", columns)
        sections.append({"title": heading, "chart": charts.breakdown(field), "table": shown})
    return sections


def with_value_labels(table: pl.DataFrame, field: str) -> pl.DataFrame:
    """Return a table with the values of a field in words; the field becomes the last column."""
    labels = [value_label(field, value) for value in table[field]]
    return table.drop(field).with_columns(pl.Series(field, labels, dtype=pl.String))


def comparison_table(comparisons: pl.DataFrame, of: str = "eligible") -> PageTable | None:
    """Return the comparisons of groups of people for one rule or measure, in words; None if there are none.

    Args:
        comparisons: The rule's or measure's rows of the table of inequalities.
        of: The activity that rates are of, such as eligible or followed.
    """
    rows = []
    for row in comparisons.iter_rows(named=True):
        figures = (row["figure"], row["figure_lower_95"], row["figure_upper_95"])
        rows.append((field_label(row["characteristic"]), _comparison_text(row, of), row["basis"], *figures))
    if not rows:
        return None
    table = pl.DataFrame(rows, schema=_COMPARISON_SCHEMA, orient="row")
    return page_table(table, "Groups of people compared, with 95% intervals", table.columns)


def _comparison_text(row: dict[str, Any], of: str) -> str:
    if row["comparison"] in _COMPARISONS:
        return _COMPARISONS[row["comparison"]].format(of)
    one, other = (value_label(row["characteristic"], row[end]) for end in ("value", "compared_with"))
    return f"rate of {one} over {other}"
