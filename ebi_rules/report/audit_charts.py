"""The charts of an audit by name, for notebooks and scripts; the report draws the same charts."""

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.drawing import Chart
from ebi_rules.report.rule_charts import RuleCharts
from ebi_rules.rule_model.audited_rule import AuditedRule

CHARTS = ("attrition", "funnel", "adjusted", "rates", "trend", "multiples", "change", "sensitivity")
"""The charts that every rule has, beside those by the fields that were counted."""


def chart_of(audit: AuditTables, name: str, rule: str | None, provider: str | None) -> Chart:
    """Return one chart of one rule.

    Args:
        audit: The tables of an audit.
        name: attrition, funnel, adjusted, rates, trend, multiples, change, sensitivity, or a field that was counted.
        rule: The rule's key or alias; None for the first rule.
        provider: The provider of a trend; None for all providers together.

    Raises:
        UsageError: There is no such chart, rule or provider, or too little may be shown to draw it.
    """
    charts = RuleCharts(audit, _entry(audit, rule))
    if name == "trend":
        providers = [ALL_PROVIDERS, *audit.trend["provider"].unique().sort()]
        code = provider or ALL_PROVIDERS
        if code not in providers:
            raise UsageError(unknown("provider", code, [each for each in providers[1:] if each]))
        chart = charts.trend(code)
    elif name in CHARTS:
        chart = getattr(charts, name)()
    elif name in audit.counts.fields:
        chart = charts.breakdown(name)
    else:
        raise UsageError(unknown("chart", name, [*CHARTS, *audit.counts.fields]))
    if chart is None:
        raise UsageError(f"the chart {name} is not drawn: there is nothing to draw, or too little may be shown.")
    return chart


def _entry(audit: AuditTables, rule: str | None) -> AuditedRule:
    """Return an audited rule by its key or alias, in upper or lower case; without a name, the first rule."""
    if rule is None:
        return audit.audited[0]
    for entry in reversed(audit.audited):
        names = (entry.key, *entry.rule.documentation.aliases)
        if rule.lower() in (name.lower() for name in names):
            return entry
    raise UsageError(unknown("rule", rule, [entry.key for entry in audit.audited]))
