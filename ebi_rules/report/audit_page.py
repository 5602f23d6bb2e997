"""The report of an audit: one HTML page that loads nothing from outside.

This module puts sections into the page's template; it does not compute rates.
"""

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.provider_audit.audit_tables import SIGNS, AuditTables
from ebi_rules.provider_audit.table_columns import ALL_MONTHS, ALL_PROVIDERS
from ebi_rules.report.audit_sentences import method, period
from ebi_rules.report.page_tables import PageTable, count_text, page_table
from ebi_rules.report.page_templates import environment, is_of_made_up_data, resource
from ebi_rules.report.report_words import with_labels
from ebi_rules.report.rule_card import Card
from ebi_rules.report.rule_heatmap import FEWEST_RULES, rule_heatmap
from ebi_rules.report.rule_section import overview, rule_section
from ebi_rules.report.trend_data import trend_data


def audit_page(audit: AuditTables) -> str:
    """Return the report of an audit as HTML."""
    sections = [rule_section(audit, entry, place) for place, entry in enumerate(audit.audited)]
    trends = trend_data(audit)
    rule_prefixes = tuple(f"{entry.key}: " for entry in audit.audited)
    by_month = audit.quality.filter(provider=ALL_PROVIDERS)
    return (
        environment()
        .get_template("page.jinja")
        .render(
            run=audit.run_record,
            made_up=is_of_made_up_data(audit.run_record),
            exact=audit.settings.disclosure == "none",
            disclosure=ABOUT[audit.settings.disclosure],
            signs=SIGNS,
            period=period(audit),
            warnings=[text for text in audit.warnings if not text.startswith(rule_prefixes)],
            overview=overview(audit, [section for section in sections if not section["fitness"].is_unsafe]),
            rules=sections,
            cards=_cards(sections),
            many=len(sections) > MOST_IN_FULL,
            heatmap=rule_heatmap(audit, sections),
            quality=_quality(audit),
            quality_by_month=page_table(by_month, "All providers by month", _quality_columns(by_month, "month")),
            what_was_read=_what_was_read(audit),
            method=method(audit),
            counted=count_text,
            trends=None if trends is None else _json(trends),
            style=Markup(resource("style.css")),
            script=Markup(resource("script.js")),
        )
    )


MOST_IN_FULL = 4
"""With more rules each has a page in print: its figures, funnel and trend."""


def _cards(sections: Sequence[dict[str, Any]]) -> list[Card]:
    """Return the cards of rules that are safe to use; of many, those in which something stands out come first."""
    cards = [section["card"] for section in sections if not section["fitness"].is_unsafe]
    return sorted(cards, key=lambda card: not card.stands_out) if len(cards) >= FEWEST_RULES else cards


def _json(data: object) -> Markup:
    """Return data as JSON for a script element, escaped so that no text can end the element."""
    text = json.dumps(data, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _quality(audit: AuditTables) -> PageTable:
    table = audit.quality.filter(pl.col("month") == ALL_MONTHS)
    if audit.settings.names:
        name = pl.col("provider").replace_strict(audit.settings.names, default=None, return_dtype=pl.String)
        table = table.with_columns(provider_name=name)
    table = with_labels(table).drop("provider").rename({"label": "provider"})
    return page_table(table, "Coding by provider, all months", _quality_columns(table, "provider"))


def _what_was_read(audit: AuditTables) -> PageTable | None:
    table = audit.what_was_read
    if not table.height:
        return None
    return page_table(table, "Fields in use: rows without a value, or with one that was not understood", table.columns)


def _quality_columns(table: pl.DataFrame, first: str) -> list[str]:
    figures = [name for name in table.columns if name.startswith("percent") or name.endswith("per_activity")]
    return [first, "activity", *figures, "low_coding"]
