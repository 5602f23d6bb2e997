"""What a report shows of who asked: the shares of referral settings, overall and of each provider and commissioner."""

from typing import Any

import polars as pl

from ebi_rules.criteria.labels import REFERRAL_SETTING, referral_settings
from ebi_rules.cube import AuditedRule
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.referral_shares import EVERY_UNIT, parted, settings_in_order
from ebi_rules.report import charts
from ebi_rules.report.page_tables import page_table
from ebi_rules.report.svg_charts import svg

_COLUMNS = [REFERRAL_SETTING, "count", "of_all", "percent", "percent_lower_95", "percent_upper_95"]
_OF = {"flagged": "activity in scope", "eligible": "eligible activity, in scope or not"}


def who_asked(audit: AuditTables, entry: AuditedRule, title: str) -> dict[str, Any] | None:
    """Give the part of a rule's section that says who asked; None where it was not counted."""
    table = audit.referrals.filter(rule=entry.key)
    if not table.height:
        return None
    recoding = referral_settings()
    settings = settings_in_order(table, recoding.known)
    place = pl.col(REFERRAL_SETTING).replace_strict({name: number for number, name in enumerate(settings)})
    names = audit.settings.names
    label = pl.col("unit").replace(names).fill_null("not recorded")
    table = table.with_columns(
        pl.when(pl.col("level") == EVERY_UNIT).then(pl.lit("all")).otherwise(label).alias("label")
    )
    levels = []
    for level in table["level"].unique(maintain_order=True):
        part = table.filter(level=level).sort("label", place, maintain_order=True)
        called = "Overall" if level == EVERY_UNIT else f"By {level.replace('_', ' ')}"
        few = part["label"].n_unique() <= charts.MOST_NAMED and (part["percent"] > 0).any()
        levels.append(
            {
                "title": called,
                "chart": svg(charts.who_asked(part, settings), f"Who asked, {called.lower()}, {title}")
                if few
                else None,
                "table": page_table(
                    part.with_columns(pl.col("label").alias(level)),
                    f"Who asked, {called.lower()}: shares of {_OF[parted(entry)]}",
                    [*([] if level == EVERY_UNIT else [level]), *_COLUMNS],
                ),
            }
        )
    return {"of": _OF[parted(entry)], "levels": levels, "limits": recoding.limits}
