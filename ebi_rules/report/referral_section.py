"""The section of a rule about the source of referral: shares of settings, overall and by provider."""

from typing import Any

import polars as pl

from ebi_rules.criteria.labels import REFERRAL_SETTING, settings_of
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.referral_shares import EVERY_UNIT, parted, settings_in_order
from ebi_rules.report.chart_findings import of_sources
from ebi_rules.report.page_tables import page_table
from ebi_rules.report.provider_charts import MOST_NAMED, referral_sources
from ebi_rules.report.report_words import CHART_NAMES, NOT_RECORDED
from ebi_rules.rule_model.audited_rule import AuditedRule

_COLUMNS = ["count", "of_all", "percent", "percent_lower_95", "percent_upper_95"]
_OF = {"flagged": "activity in scope", "eligible": "eligible activity, in scope or not"}


def referral_section(audit: AuditTables, entry: AuditedRule, title: str) -> dict[str, Any] | None:
    """Return the values of the section for its template; None if settings were not counted.

    Args:
        audit: The tables of the audit.
        entry: The rule.
        title: The title of the rule, for text alternatives of charts.
    """
    table = audit.referrals.filter(rule=entry.key)
    if not table.height:
        return None
    field = audit.counts.asked_by or REFERRAL_SETTING
    recoding = settings_of(field)
    assert recoding, "settings have labels"
    settings = settings_in_order(table, field, recoding.known)
    places = {name: place for place, name in enumerate(settings)}
    of_what = _OF[parted(entry)]
    unit_label = pl.col("unit").replace(audit.settings.names).fill_null(NOT_RECORDED)
    label = pl.when(pl.col("level") == EVERY_UNIT).then(pl.lit("all")).otherwise(unit_label)
    table = table.with_columns(label.alias("label"))
    levels = []
    for level in table["level"].unique(maintain_order=True):
        place = pl.col(field).replace_strict(places)
        shares = table.filter(level=level).sort("label", place, maintain_order=True)
        heading = "Overall" if level == EVERY_UNIT else f"By {level.replace('_', ' ')}"
        chart = None
        if shares["label"].n_unique() <= MOST_NAMED and (shares["percent"] > 0).any():
            name = CHART_NAMES["sources"].format(by=heading.lower(), title=title)
            chart = referral_sources(shares, field, settings, name)
            if level == EVERY_UNIT:
                chart = chart.saying(of_sources(shares, field))
        columns = [*([] if level == EVERY_UNIT else [level]), field, *_COLUMNS]
        caption = f"Source of referral, {heading.lower()}: shares of {of_what}"
        shown = shares.with_columns(pl.col("label").alias(level))
        levels.append({"title": heading, "chart": chart, "table": page_table(shown, caption, columns)})
    return {"of": of_what, "levels": levels, "limits": recoding.limits}
