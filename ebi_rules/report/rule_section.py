"""The section of a report about one rule, and the overview of all rules.

It puts sentences, charts and tables together for the page's template; the figures come from the tables of the audit.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from markupsafe import Markup

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.comparability import rules_not_compared
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report import audit_sentences
from ebi_rules.report.breakdown_section import RATIOS, breakdowns, comparison_table
from ebi_rules.report.opportunity_section import comparator_words, opportunity_section
from ebi_rules.report.page_tables import PageTable, Row, count_text, page_table
from ebi_rules.report.provider_charts import MOST_NAMED, drawable, ranked
from ebi_rules.report.referral_section import referral_section
from ebi_rules.report.report_words import (
    NOT_RECORDED,
    RATE,
    SIGNAL_WORDS,
    figure_text,
    variant_label,
    with_signal_words,
)
from ebi_rules.report.rule_card import rule_card
from ebi_rules.report.rule_charts import RuleCharts
from ebi_rules.report.trend_charts import as_labels
from ebi_rules.report.trend_data import trend_providers
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.rule_description import described_codes, origin
from ebi_rules.statistics.inequality_indices import NONE
from ebi_rules.translate.english import say

_TREND = ["eligible", "flagged", "rate_per_1000_eligible", "mean", "lower", "upper", "signal"]
_RECENT_MONTHS, _RECENT_QUARTERS = 6, 2
_COUNTS = ["eligible", "flagged"]
_USUAL_FIELDS = {"ethnic_category": "ethnicity", "imd_decile": "deprivation"}
"""Breakdowns that a reader expects, in words; those that were not counted are named."""


def rule_section(audit: AuditTables, entry: AuditedRule, place: int) -> dict[str, Any]:
    """Return the values of a rule's section for its template.

    Args:
        audit: The tables of the audit.
        entry: The rule.
        place: The place of the rule in the audit, from 0.
    """
    key, charts = f"rule{place}", RuleCharts(audit, entry)
    rule, documentation = entry.counted, entry.counted.documentation
    phrases, providers = charts.phrases, charts.providers
    totals = audit.of_rule(audit.totals, entry.key).row(0, named=True)
    not_counted = [words for field, words in _USUAL_FIELDS.items() if field not in audit.counts.fields]
    not_counted += [] if audit.counts.asked_by or "referral_source" in audit.counts.fields else ["source of referral"]
    return {
        "key": key,
        "rule": rule,
        "letters": ", ".join(intervention.letter for intervention in documentation.interventions) or rule.key,
        "criteria": [(phrases[name], say(criterion, documentation.words)) for name, criterion in rule.criteria.items()],
        "eligible": [phrases[name] for name in rule.logic.eligible] or ["any activity"],
        "limits": documentation.all_limits,
        "fitness": documentation.fitness,
        "compared": charts.is_compared,
        "casemix": audit_sentences.casemix_fields(audit),
        "origin": origin(documentation),
        "codes": described_codes(rule, audit.reference),
        "totals": {
            "flagged": count_text(totals["flagged"]),
            "eligible": count_text(totals["eligible"]),
            "rate": "–" if totals[RATE[0]] is None else figure_text(totals[RATE[0]]),
            "providers": providers.height,
        },
        "card": rule_card(charts, key),
        "headline": audit_sentences.headline(totals, providers, charts.is_compared),
        "summary": audit_sentences.summary(audit, entry, totals, providers),
        "warnings": [text.partition(": ")[2] for text in audit.warnings if text.startswith(f"{entry.key}: ")],
        "funnel_words": audit_sentences.funnel_words(audit, entry, providers, charts.variation),
        "trend_words": audit_sentences.trend_words(audit, charts.overall),
        "charts": {
            "attrition": charts.attrition(),
            "sensitivity": charts.sensitivity(),
            "funnel": charts.funnel(),
            "rates": charts.rates() if charts.is_compared else None,
            "multiples": charts.multiples(),
            "adjusted": charts.adjusted() if charts.is_compared else None,
            "trend": charts.trend(),
            "change": charts.change(),
        },
        "tables": _tables(charts),
        "trend_providers": ["all providers", *_trend_labels(audit, entry.key)],
        "breakdowns": breakdowns(charts),
        "sources": referral_section(audit, entry, rule.title),
        "opportunity": opportunity_section(charts),
        "comparator": comparator_words(charts),
        "not_broken_down": " or ".join(not_counted),
    }


def _tables(charts: RuleCharts) -> dict[str, PageTable | None]:
    """Return the tables of a section by name: those behind its charts, and others."""
    audit, key = charts.audit, charts.entry.key
    is_short = charts.providers.height <= MOST_NAMED
    by_provider = audit.of_rule(audit.provider_sensitivity, key).with_columns(
        pl.col("provider").replace(audit.settings.names).fill_null(NOT_RECORDED)
    )
    return {
        "attrition": None
        if not charts.entry.has_steps
        else page_table(
            charts.steps.with_columns(_criterion_text(charts.phrases)),
            "Activity left after each criterion, in order",
            ["criterion", "left", "removed"],
        ),
        "attrition_by_provider": _steps_by_provider(audit.of_rule(audit.attrition, key), charts.phrases)
        if is_short and charts.entry.has_steps
        else None,
        "providers": _providers(charts),
        "sensitivity": page_table(
            _with_variant_labels(audit.of_rule(audit.sensitivity, key)),
            "In scope under each variant",
            ["variant", "flagged", "difference", "differs", "about"],
        ),
        "sensitivity_providers": page_table(
            _with_variant_labels(by_provider.filter(pl.col("differs").ne_missing(0))),
            "In scope under each variant, by provider, where it decides any activity differently",
            ["provider", "variant", "flagged", "difference", "differs"],
        ),
        "trend": _trend_table(charts.overall),
        "trend_signals": _recent_signals(audit, key),
        "inequalities": comparison_table(audit.of_rule(audit.inequalities, key)),
        "population": _population(audit, charts.entry),
    }


def overview(audit: AuditTables, sections: Sequence[dict[str, Any]]) -> PageTable:
    """Return a table with one row per rule that is safe to use, each with a link to the rule's section.

    Args:
        audit: The tables of the audit.
        sections: The sections of these rules, in the same order.
    """
    not_compared = rules_not_compared(audit.counts, audit.settings)
    is_compared = ~pl.col("rule").is_in(not_compared).first()
    signals = audit.providers.group_by("rule", maintain_order=True).agg(
        above=pl.when(is_compared).then((pl.col("signal") == "above_998").sum().cast(pl.Int64)),
        below=pl.when(is_compared).then((pl.col("signal") == "below_998").sum().cast(pl.Int64)),
    )
    keys = [section["rule"].key for section in sections]
    totals = audit.totals.filter(pl.col("rule").is_in(keys)).join(signals, on="rule", how="left", maintain_order="left")
    names = {"rule": "guidance", "above": "providers above 99.8%", "below": "providers below 99.8%"}
    columns = ["guidance", "flagged", "eligible", *RATE, names["above"], names["below"]]
    table = page_table(totals.rename(names), "All rules, all providers together", columns)
    links = [Markup('<a href="#{}">{}</a>').format(section["key"], section["rule"].title) for section in sections]
    rows = [replace(row, cells=(link, *row.cells[1:])) for row, link in zip(table.rows, links, strict=True)]
    return replace(table, rows=tuple(rows))


def _providers(charts: RuleCharts) -> PageTable:
    """Return the table of providers, each row with its places in the charts.

    The highest ratio comes first; providers without a ratio come last, by name.
    """
    providers = _with_changes(charts)
    table = providers.sort("standardised_ratio", "label", descending=[True, False], nulls_last=True)
    data = {}
    for kind, charted in (("f", drawable(providers)), ("r", ranked(providers))):
        places = {code: place for place, code in enumerate(charted["provider"])}
        data[kind] = [places.get(code) for code in table["provider"]]
    shown = with_signal_words(table).with_columns(code=pl.col("provider").fill_null(NOT_RECORDED))
    columns = ["label", "activity", "eligible", "flagged", *RATE, *RATIOS, "signal"]
    if "provider_name" in table.columns:
        columns.insert(1, "code")
    if table["change"].count():
        columns += ["change", "change_lower_95", "change_upper_95"]
    if table["undiagnosed"].count():
        columns.append("percent_undiagnosed")
    if "low_coding" in table.columns and table["low_coding"].any():
        columns.append("low_coding")
    caption = "Providers: counts, crude rates, and standardised ratios with 95% intervals"
    return page_table(shown, caption, columns, data)


def _with_variant_labels(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.Series("variant", [variant_label(name) for name in table["variant"]], pl.String))


def _criterion_text(phrases: dict[str, str]) -> pl.Expr:
    return pl.col("criterion").fill_null("all activity").replace(phrases)


def _steps_by_provider(steps: pl.DataFrame, phrases: dict[str, str]) -> PageTable:
    """Return a table with one row per provider and one column per criterion: the activity left."""
    by_provider = steps.filter(pl.col("provider").ne_missing(ALL_PROVIDERS)).with_columns(
        pl.col("provider").fill_null(NOT_RECORDED), _criterion_text(phrases)
    )
    criteria = by_provider["criterion"].unique(maintain_order=True).to_list()
    codes = by_provider["provider"].unique(maintain_order=True)
    long = page_table(by_provider, "", ["provider", "criterion", "left"])
    left = {(row.cells[0], row.cells[1]): row.cells[2] for row in long.rows}
    rows = [Row((code, *(left[code, criterion] for criterion in criteria))) for code in codes]
    headings = [("provider", False), *((criterion, True) for criterion in criteria)]
    return PageTable("Activity left after each criterion, by provider", tuple(headings), tuple(rows))


def _with_changes(charts: RuleCharts) -> pl.DataFrame:
    """Return the rule's providers with the ratio of the latest year's rate to that of the year before."""
    changes = {code: change.ratio() for code, change in charts.yearly.items()}
    found = [changes.get(code, NONE) for code in charts.providers["provider"]]
    figures = {"change": "value", "change_lower_95": "lower", "change_upper_95": "upper"}
    columns = [pl.Series(name, [getattr(ratio, end) for ratio in found], pl.Float64) for name, end in figures.items()]
    return charts.providers.with_columns(column.fill_nan(None) for column in columns)


def _trend_table(series: pl.DataFrame) -> PageTable:
    signal = pl.when("partial").then(pl.lit("incomplete")).otherwise(pl.col("signal").replace(SIGNAL_WORDS))
    period = "quarter" if "quarter" in series.columns else "month"
    shown = series.with_columns(signal.alias("signal"), as_labels(period))
    policy = ["policy"] if series.get_column("policy", default=pl.Series([None])).count() else []
    return page_table(shown, f"All providers by {period}", [period, *policy, *_TREND])


def _trend_labels(audit: AuditTables, rule: str) -> list[str]:
    """Return the names of providers with a trend, in the order of `trend_data`."""
    return [audit.settings.names.get(code) or code if code else NOT_RECORDED for code in trend_providers(audit, rule)]


def _recent_signals(audit: AuditTables, rule: str) -> PageTable:
    """Return each provider's latest signal in the last six months or two quarters."""
    columns = ["provider", "signal", "rate_per_1000_eligible", "mean", *(f"{name}{WITHHELD}" for name in _COUNTS)]
    latest = []
    for whole, point, recent in (
        (audit.trend, "month", audit.counts.months[-_RECENT_MONTHS:]),
        (audit.trends.quarters, "quarter", audit.counts.quarters[-_RECENT_QUARTERS:]),
    ):
        with_signal = audit.of_rule(whole, rule).filter(
            pl.col("provider").ne_missing(ALL_PROVIDERS),
            pl.col(point).is_in(recent),
            pl.col("signal").is_not_null(),
        )
        last = with_signal.group_by("provider", maintain_order=True).last()
        latest.append(last.select(pl.col(point).alias("when"), *_COUNTS, *columns))
    name = pl.col("provider").replace(audit.settings.names).fill_null(NOT_RECORDED)
    return page_table(
        pl.concat(latest)
        .sort("provider")
        .with_columns(name, pl.col("signal").replace(SIGNAL_WORDS), as_labels("when")),
        "Latest signal of each provider in the last six months",
        ["provider", "when", "signal", "rate_per_1000_eligible", "mean"],
    )


def _population(audit: AuditTables, entry: AuditedRule) -> PageTable | None:
    if audit.population is None:
        return None
    table = audit.population.filter(pl.col("rule") == entry.key).drop("rule")
    return page_table(
        table, "Per 100,000 people, crude and standardised to the European Standard Population of 2013", table.columns
    )
