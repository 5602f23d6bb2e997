"""The section of a rule about activity above a benchmark, and published rates beside that of the audit."""

from typing import Any

import polars as pl

from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report import provider_charts
from ebi_rules.report.drawing import Chart
from ebi_rules.report.page_tables import page_table
from ebi_rules.report.report_words import NOT_RECORDED, figure_text
from ebi_rules.report.rule_charts import RuleCharts

_ABOVE = ("above_benchmark", "above_lower_95", "above_upper_95")
_TITLE = "activities above the benchmark"
_COLUMNS = ["label", "observed", "expected", "standardised_ratio", "shrunk_ratio", *_ABOVE, "above_with_chance"]
_COSTS = ["cost_above", "cost_lower_95", "cost_upper_95"]
_MOST_DRAWN = 20
_NOTHING = "Activity above a benchmark is not estimated: too few providers can be compared by this rule."


def opportunity_section(charts: RuleCharts) -> dict[str, Any] | None:
    """Return the values of the section for its template; None without a benchmark, or if nothing can be said.

    Args:
        charts: The rule with its charts.
    """
    table = charts.audit.opportunity
    if table is None:
        return None
    rows = charts.audit.of_rule(table, charts.entry.key)
    if not rows.height:
        return {
            "sentences": ["Activity above the benchmark is not said: the rule or its providers cannot be compared."]
        }
    total = rows.row(0, named=True)
    names = charts.audit.settings.names
    name = pl.col("provider").replace(names).fill_null(NOT_RECORDED)
    named = rows.with_columns(label=name, provider_name=name)
    columns = [*_COLUMNS, *(_COSTS if total["cost_above"] is not None else [])]
    caption = f"Activity above the benchmark, {total['benchmark']}"
    return {
        "sentences": _sentences(total),
        "chart": _chart(named, charts.entry.counted.title),
        "table": page_table(named.sort("above_benchmark", descending=True), caption, columns),
    }


def comparator_words(charts: RuleCharts) -> str:
    """Return the published rate beside that of the audit, with whose definition it is; empty if there is none."""
    audit, entry = charts.audit, charts.entry
    names = [name.lower() for name in (entry.key, *entry.rule.documentation.aliases)]
    published = next((audit.settings.comparators[name] for name in names if name in audit.settings.comparators), None)
    if published is None:
        return ""
    ours = audit.of_rule(audit.totals, entry.key)["rate_per_1000_eligible"][0]
    own = "too few to show a rate" if ours is None else f"{figure_text(ours, 1)} per 1,000"
    return (
        f"Published rate: {figure_text(published.rate, 1)} per 1,000 ({published.source}). The rate here is {own}, by "
        "the definition of this report. Compare them only as far as the definitions agree."
    )


def _sentences(total: dict[str, Any]) -> list[str]:
    above, low, high = (f"{total[name]:,.0f}" for name in _ABOVE)
    sentences = [
        f"The benchmark is {total['benchmark']}: {figure_text(total['benchmark_rate_per_1000'], 1)} per 1,000 for the "
        f"overall case mix. Providers above it have {above} activities more than at the benchmark (95% interval {low} "
        f"to {high}). The simple difference is {total['above_with_chance']:,.0f}, but part of that is chance.",
        "Whether activity above the benchmark should be less is a clinical question: in scope does not mean "
        "inappropriate.",
    ]
    if total["cost_above"] is not None:
        cost, low, high = (f"{total[name]:,.0f}" for name in _COSTS)
        sentences.append(f"At the prices given, these activities cost {cost} ({low} to {high}).")
        if total["percent_priced"] < 100:
            sentences.append(
                f"Only {total['percent_priced']:.1f}% of what is in scope is in months with a price: the cost leaves "
                "out the rest."
            )
    return sentences


def _chart(named: pl.DataFrame, title: str) -> Chart | None:
    """Draw the providers with most above the benchmark."""
    units = named.filter(pl.col("provider") != ALL_PROVIDERS, pl.col(_ABOVE[0]) > 0)
    most = units.sort(_ABOVE[0], descending=True).head(_MOST_DRAWN)
    if not most.height:
        return None
    chart = provider_charts.rates(most, f"Activity above the benchmark by provider, {title}", _ABOVE, _TITLE)
    first = most.row(0, named=True)
    return chart.saying(f"{first['label']} has most above the benchmark: {first[_ABOVE[0]]:,.0f} activities")
