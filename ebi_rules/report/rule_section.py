"""The section of a report about one rule, and the overview of all rules.

It puts sentences, charts and tables together for the page's template; the figures come from the tables of the audit.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from markupsafe import Markup

from ebi_rules.cube import AuditedRule
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.rate_tables import funnel_of
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report import audit_sentences, count_charts, provider_charts, trend_charts
from ebi_rules.report.breakdown_section import RATIOS, breakdowns, comparison_table
from ebi_rules.report.page_tables import PageTable, Row, count_text, page_table
from ebi_rules.report.provider_charts import RATE, drawable, ranked
from ebi_rules.report.referral_section import referral_section
from ebi_rules.report.report_words import NOT_RECORDED, SIGNAL_WORDS, with_labels
from ebi_rules.report.svg_charts import svg
from ebi_rules.rule_model.rule_description import described_codes, origin
from ebi_rules.statistics.funnel import Funnel
from ebi_rules.translate.english import say

_TREND = ["month", "eligible", "flagged", "rate_per_1000_eligible", "mean", "lower", "upper", "signal"]
_RECENT_MONTHS = 6
_USUAL_FIELDS = {"ethnic_category": "ethnicity", "imd_decile": "deprivation", "referral_setting": "who asked"}
"""Breakdowns that a reader expects, in words; those that were not counted are named."""


def rule_section(audit: AuditTables, entry: AuditedRule, place: int) -> dict[str, Any]:
    """Return the values of a rule's section for its template.

    Args:
        audit: The tables of the audit.
        entry: The rule.
        place: The place of the rule in the audit, from 0.
    """
    of_rule = pl.col("rule") == entry.key
    rule, documentation = entry.counted, entry.counted.documentation
    title = rule.title
    phrases = {name: documentation.phrase(name) for name in rule.criteria}
    totals = audit.totals.filter(of_rule).row(0, named=True)
    providers = with_labels(audit.providers.filter(of_rule))
    steps = audit.attrition.filter(of_rule)
    overall_steps = steps.filter(pl.col("provider") == ALL_PROVIDERS)
    series = audit.trend.filter(of_rule)
    overall_trend = series.filter(pl.col("provider") == ALL_PROVIDERS)
    variants = audit.sensitivity.filter(of_rule)
    fitted = funnel_of(providers, audit.settings)
    not_counted = [words for field, words in _USUAL_FIELDS.items() if field not in audit.counts.fields]
    return {
        "key": f"rule{place}",
        "rule": rule,
        "letters": ", ".join(intervention.letter for intervention in documentation.interventions) or rule.key,
        "criteria": [(phrases[name], say(criterion, documentation.words)) for name, criterion in rule.criteria.items()],
        "eligible": "; ".join(phrases[name] for name in rule.logic.eligible) or "any activity",
        "limits": documentation.all_limits,
        "origin": origin(documentation),
        "codes": described_codes(rule, audit.reference),
        "totals": {
            "flagged": count_text(totals["flagged"]),
            "eligible": count_text(totals["eligible"]),
            "rate": "–" if totals[RATE[0]] is None else f"{totals[RATE[0]]:.2f}",
            "providers": providers.height,
        },
        "headline": audit_sentences.headline(totals, providers),
        "summary": audit_sentences.summary(audit, entry, totals, providers),
        "warnings": [text.partition(": ")[2] for text in audit.warnings if text.startswith(f"{entry.key}: ")],
        "funnel_words": audit_sentences.funnel_words(audit, providers, fitted),
        "trend_words": audit_sentences.trend_words(audit, overall_trend),
        "charts": {
            "attrition": svg(
                count_charts.attrition(overall_steps, phrases), f"Activity left after each criterion, {title}"
            ),
            "sensitivity": svg(count_charts.sensitivity(variants), f"In scope under each variant, {title}"),
            "funnel": _funnel_chart(providers, fitted, audit.settings.overdispersion, title),
            "rates": _rates_chart(providers, title),
            "trend": _trend_chart(overall_trend, title),
        },
        "attrition": page_table(
            overall_steps.with_columns(_criterion_text(phrases)),
            "Activity left after each criterion, in order",
            ["criterion", "left", "removed"],
        ),
        "attrition_by_provider": _steps_by_provider(steps, phrases),
        "providers": _providers(providers),
        "sensitivity": page_table(
            variants, "In scope under each variant", ["variant", "flagged", "difference", "differs", "about"]
        ),
        "trend": _trend_table(overall_trend),
        "trend_signals": _recent_signals(audit, series),
        "trend_providers": ["all providers", *_trend_labels(audit, series)],
        "breakdowns": breakdowns(audit, entry, title),
        "who_asked": referral_section(audit, entry, title),
        "not_broken_down": " or ".join(not_counted),
        "inequalities": comparison_table(audit.inequalities.filter(of_rule)),
        "population": _population(audit, entry),
    }


def overview(audit: AuditTables, sections: Sequence[dict[str, Any]]) -> PageTable:
    """Return a table with one row per rule, each with a link to the rule's section.

    Args:
        audit: The tables of the audit.
        sections: The sections of the rules, in the same order.
    """
    signals = audit.providers.group_by("rule", maintain_order=True).agg(
        above=(pl.col("signal") == "above_998").sum().cast(pl.Int64),
        below=(pl.col("signal") == "below_998").sum().cast(pl.Int64),
    )
    totals = audit.totals.join(signals, on="rule", how="left", maintain_order="left")
    names = {"rule": "guidance", "above": "providers above 99.8%", "below": "providers below 99.8%"}
    columns = ["guidance", "flagged", "eligible", *RATE, names["above"], names["below"]]
    table = page_table(totals.rename(names), "All rules, all providers together", columns)
    links = [Markup('<a href="#{}">{}</a>').format(section["key"], section["rule"].title) for section in sections]
    rows = [replace(row, cells=(link, *row.cells[1:])) for row, link in zip(table.rows, links, strict=True)]
    return replace(table, rows=tuple(rows))


def _funnel_chart(providers: pl.DataFrame, fitted: Funnel, overdispersion: str, title: str) -> Markup | None:
    """Draw the funnel; return None if no provider can be drawn."""
    if not drawable(providers).height:
        return None
    chart = provider_charts.funnel(providers, fitted, overdispersion)
    return svg(chart, f"Funnel of standardised ratios by provider, {title}")


def _rates_chart(providers: pl.DataFrame, title: str) -> Markup | None:
    """Draw the rates; return None if every rate is suppressed."""
    if not ranked(providers).height:
        return None
    return svg(provider_charts.rates(providers), f"Rates by provider, ranked, {title}")


def _trend_chart(series: pl.DataFrame, title: str) -> Markup | None:
    """Draw the trend; return None if there are no months."""
    if not series.height:
        return None
    return svg(trend_charts.trend(series), f"Rate by month, all providers, {title}")


def _providers(providers: pl.DataFrame) -> PageTable:
    """Return the table of providers, each row with its places in the charts.

    The highest ratio comes first; providers without a ratio come last, by name.
    """
    table = providers.sort("standardised_ratio", "label", descending=[True, False], nulls_last=True)
    data = {}
    for kind, charted in (("funnel", drawable(providers)), ("rates", ranked(providers))):
        places = {code: place for place, code in enumerate(charted["provider"])}
        data[kind] = [places.get(code) for code in table["provider"]]
    signal = pl.col("signal").replace(SIGNAL_WORDS)
    shown = table.with_columns(signal, code=pl.col("provider").fill_null(NOT_RECORDED))
    columns = ["label", "activity", "eligible", "flagged", *RATE, *RATIOS, "signal"]
    if "provider_name" in table.columns:
        columns.insert(1, "code")
    if "low_coding" in table.columns and table["low_coding"].any():
        columns.append("low_coding")
    caption = "Providers: counts, crude rates, and standardised ratios with 95% intervals"
    return page_table(shown, caption, columns, data)


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


def _trend_table(series: pl.DataFrame) -> PageTable:
    signal = pl.when("partial").then(pl.lit("partial month")).otherwise(pl.col("signal").replace(SIGNAL_WORDS))
    return page_table(series.with_columns(signal.alias("signal")), "All providers by month", _TREND)


def _trend_labels(audit: AuditTables, series: pl.DataFrame) -> list[str]:
    """Return the names of providers with a trend, in the order of `trend_data`."""
    codes = series.filter(pl.col("provider").ne_missing(ALL_PROVIDERS))["provider"].unique(maintain_order=True)
    return [audit.settings.names.get(code) or code if code else NOT_RECORDED for code in codes]


def _recent_signals(audit: AuditTables, series: pl.DataFrame) -> PageTable:
    """Return each provider's latest signal in the last six months."""
    with_signal = series.filter(
        pl.col("provider").ne_missing(ALL_PROVIDERS),
        pl.col("month").is_in(audit.counts.months[-_RECENT_MONTHS:]),
        pl.col("signal").is_not_null(),
    )
    latest = with_signal.group_by("provider", maintain_order=True).last()
    name = pl.col("provider").replace(audit.settings.names).fill_null(NOT_RECORDED)
    return page_table(
        latest.with_columns(name, pl.col("signal").replace(SIGNAL_WORDS)),
        "Latest signal of each provider in the last six months",
        ["provider", "month", "signal", "rate_per_1000_eligible", "mean"],
    )


def _population(audit: AuditTables, entry: AuditedRule) -> PageTable | None:
    if audit.population is None:
        return None
    table = audit.population.filter(pl.col("rule") == entry.key).drop("rule")
    return page_table(
        table, "Per 100,000 people, crude and standardised to the European Standard Population of 2013", table.columns
    )
