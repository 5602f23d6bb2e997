"""The charts of an audit by name, for notebooks and scripts; the report draws the same ones."""

import polars as pl

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.rate_tables import funnel_of
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.charts import Chart, attrition, breakdown, funnel, rates, sensitivity, trend


def chart_of(audit: AuditTables, name: str, rule: str | None, provider: str | None) -> Chart:
    """Give one chart of one rule. Raises `UsageError` for a name, rule or provider that the audit has not."""
    keys = [entry.key for entry in audit.audited]
    named = {
        alias.lower(): entry.key for entry in audit.audited for alias in (entry.key, *entry.rule.documentation.aliases)
    }
    if rule is not None and rule.lower() not in named:
        raise UsageError(unknown("rule", rule, keys))
    entry = next(each for each in audit.audited if each.key == (named[rule.lower()] if rule else keys[0]))
    own = pl.col("rule") == entry.key
    words = {step: entry.counted.documentation.phrase(step) for step in entry.counted.criteria}
    if name == "attrition":
        return attrition(audit.attrition.filter(own, pl.col("provider") == ALL_PROVIDERS), words)
    if name == "funnel":
        part = audit.providers.filter(own)
        return funnel(part, funnel_of(part, audit.settings), audit.settings.overdispersion)
    if name == "rates":
        return rates(audit.providers.filter(own))
    if name == "sensitivity":
        return sensitivity(audit.sensitivity.filter(own))
    if name == "trend":
        wanted = provider or ALL_PROVIDERS
        series = audit.trend.filter(own, pl.col("provider") == wanted)
        if not series.height:
            raise UsageError(unknown("provider", wanted, audit.trend["provider"].drop_nulls().unique().sort()))
        return trend(series)
    if name in audit.counts.fields:
        return breakdown(audit.by_field(name).filter(own), name)
    raise UsageError(
        unknown("chart", name, ["attrition", "funnel", "rates", "trend", "sensitivity", *audit.counts.fields])
    )
