"""The charts of an audit by name, for notebooks and scripts; the report draws the same charts."""

import polars as pl

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.signals import variance_of
from ebi_rules.provider_audit.standardisation import compared
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.count_charts import attrition, sensitivity
from ebi_rules.report.drawing import Chart
from ebi_rules.report.provider_charts import breakdown, funnel, rates
from ebi_rules.report.report_words import CHART_NAMES, breakdown_title
from ebi_rules.report.trend_charts import trend
from ebi_rules.report.trend_data import chosen_trend
from ebi_rules.rule_model.audited_rule import AuditedRule

CHARTS = ("attrition", "funnel", "rates", "trend", "sensitivity")
"""The charts that every rule has, beside those by the fields that were counted."""


def chart_of(audit: AuditTables, name: str, rule: str | None, provider: str | None) -> Chart:
    """Return one chart of one rule.

    Args:
        audit: The tables of an audit.
        name: attrition, funnel, rates, trend, sensitivity, or a field that was counted.
        rule: The rule's key or alias; None for the first rule.
        provider: The provider of a trend; None for all providers together.

    Raises:
        UsageError: There is no such chart, rule or provider.
    """
    entry = _entry(audit, rule)
    of_rule = pl.col("rule") == entry.key
    title = entry.counted.title
    if name == "attrition":
        documentation = entry.counted.documentation
        shows = CHART_NAMES[name].format(title=title)
        phrases = {criterion: documentation.phrase(criterion) for criterion in entry.counted.criteria}
        return attrition(audit.attrition.filter(of_rule, pl.col("provider") == ALL_PROVIDERS), phrases, shows)
    if name == "funnel":
        providers = audit.providers.filter(of_rule)
        tau2 = variance_of(compared(providers, audit.counts), audit.settings, audit.counts.method)
        return funnel(providers, tau2, CHART_NAMES[name].format(title=title))
    if name == "rates":
        return rates(audit.providers.filter(of_rule), CHART_NAMES[name].format(title=title))
    if name == "sensitivity":
        return sensitivity(audit.sensitivity.filter(of_rule), CHART_NAMES[name].format(title=title))
    if name == "trend":
        code = provider or ALL_PROVIDERS
        series = chosen_trend(audit, entry.key, code)
        if not series.height:
            raise UsageError(unknown("provider", code, audit.trend["provider"].drop_nulls().unique().sort()))
        period, points = "month", audit.counts.months
        if "quarter" in series.columns:
            period, points = "quarter", audit.counts.quarters
        words = {"period": period, "who": provider or "all providers", "title": title}
        return trend(series, CHART_NAMES[name].format(**words), points=points)
    if name in audit.counts.fields:
        shows = CHART_NAMES["breakdown"].format(by=breakdown_title(name).lower(), title=title)
        return breakdown(audit.by_field(name).filter(of_rule), name, shows)
    raise UsageError(unknown("chart", name, [*CHARTS, *audit.counts.fields]))


def _entry(audit: AuditTables, rule: str | None) -> AuditedRule:
    """Return an audited rule by its key or alias, in upper or lower case; without a name, the first rule."""
    if rule is None:
        return audit.audited[0]
    for entry in reversed(audit.audited):
        names = (entry.key, *entry.rule.documentation.aliases)
        if rule.lower() in (name.lower() for name in names):
            return entry
    raise UsageError(unknown("rule", rule, [entry.key for entry in audit.audited]))
