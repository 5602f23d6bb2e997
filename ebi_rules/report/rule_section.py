"""What a report shows of one rule: sentences, charts and tables, from the tables of the audit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from markupsafe import Markup

from ebi_rules.cube import AuditedRule
from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.rate_tables import funnel_of
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report import audit_sentences, charts
from ebi_rules.report.page_tables import PageTable, Row, counted, page_table
from ebi_rules.report.referral_section import who_asked
from ebi_rules.report.svg_charts import styled, svg
from ebi_rules.rule_model.rule_description import described_codes, origin
from ebi_rules.translate.english import say

_RATES = ["rate_per_1000_eligible", "rate_lower_95", "rate_upper_95"]
_RATIOS = ["expected", "standardised_ratio", "ratio_lower_95", "ratio_upper_95"]
_TREND = ["month", "eligible", "flagged", "rate_per_1000_eligible", "mean", "lower", "upper", "signal"]
_COMPARISONS = {
    "percent_missing": "not recorded, per cent of {}",
    "relative_index": "relative index",
    "slope_index": "slope index, per 1,000 {}",
}
_LATELY = 6
_USUAL_FIELDS = {"ethnic_category": "ethnicity", "imd_decile": "deprivation", "referral_setting": "who asked"}
_TITLES = {
    "age_band": "By age",
    "sex": "By sex",
    "ethnic_category": "By ethnic category",
    "imd_decile": "By deprivation (1 is the most deprived tenth)",
    "referral_source": "By source of referral",
    "referral_setting": "By referral setting",
    "pcn": "By primary care network",
    "icb": "By integrated care board",
}


def rule_section(audit: AuditTables, entry: AuditedRule, place: int) -> dict[str, Any]:
    """Give all that the page says of one rule."""
    own = pl.col("rule") == entry.key
    rule, documentation = entry.counted, entry.counted.documentation
    title, words = rule.title, documentation.words
    phrases = {name: documentation.phrase(name) for name in rule.criteria}
    totals = audit.totals.filter(own).row(0, named=True)
    providers = charts.labelled(audit.providers.filter(own))
    steps = audit.attrition.filter(own)
    overall = steps.filter(pl.col("provider") == ALL_PROVIDERS)
    series = audit.trend.filter(own)
    everyone = series.filter(pl.col("provider") == ALL_PROVIDERS)
    variants = audit.sensitivity.filter(own)
    found = funnel_of(providers, audit.settings)
    drawn, ranked = charts.drawable(providers), charts.ranked(providers)
    pictures = {
        "attrition": svg(charts.attrition(overall, phrases), f"Activity left after each criterion, {title}"),
        "sensitivity": svg(charts.sensitivity(variants), f"In scope under each variant, {title}"),
        "funnel": svg(
            charts.funnel(providers, found, audit.settings.overdispersion),
            f"Funnel of standardised ratios by provider, {title}",
        )
        if drawn.height
        else None,
        "rates": svg(charts.rates(providers), f"Rates by provider, ranked, {title}") if ranked.height else None,
        "trend": svg(charts.trend(everyone), f"Rate by month, all providers, {title}") if everyone.height else None,
    }
    return {
        "key": f"rule{place}",
        "rule": rule,
        "letters": ", ".join(intervention.letter for intervention in documentation.interventions) or rule.key,
        "criteria": [(phrases[name], say(criterion, words)) for name, criterion in rule.criteria.items()],
        "eligible": "; ".join(phrases[name] for name in rule.logic.eligible) or "any activity",
        "limits": documentation.all_limits,
        "origin": origin(documentation),
        "codes": described_codes(rule, audit.reference),
        "totals": {
            "flagged": counted(totals["flagged"]),
            "eligible": counted(totals["eligible"]),
            "rate": "–" if totals[_RATES[0]] is None else f"{totals[_RATES[0]]:.2f}",
            "providers": providers.height,
        },
        "headline": audit_sentences.headline(totals, providers),
        "summary": audit_sentences.summary(audit, entry, totals, providers),
        "warnings": [text.partition(": ")[2] for text in audit.warnings if text.startswith(f"{entry.key}: ")],
        "funnel_words": audit_sentences.funnel_words(audit, providers, found),
        "trend_words": audit_sentences.trend_words(audit, everyone),
        "charts": pictures,
        "attrition": page_table(
            overall.with_columns(pl.col("criterion").fill_null("all activity").replace(phrases)),
            "Activity left after each criterion, in order",
            ["criterion", "left", "removed"],
        ),
        "attrition_by_provider": _steps_by_provider(steps, phrases),
        "providers": _providers(providers, drawn, ranked),
        "sensitivity": page_table(
            variants, "In scope under each variant", ["variant", "flagged", "difference", "differs", "about"]
        ),
        "trend": _trend_table(everyone, "All providers by month"),
        "trend_signals": _signals(audit, series),
        "trend_providers": ["all providers", *_trend_labels(audit, series)],
        "breakdowns": _breakdowns(audit, entry, title),
        "who_asked": who_asked(audit, entry, title),
        "not_broken_down": " or ".join(
            name for field, name in _USUAL_FIELDS.items() if field not in audit.counts.fields
        ),
        "inequalities": inequalities(audit.inequalities.filter(own)),
        "population": _population(audit, entry),
    }


def overview(audit: AuditTables, sections: Sequence[dict[str, Any]]) -> PageTable:
    """Give a row a rule, each with a link to what the page says of it."""
    signals = audit.providers.group_by("rule", maintain_order=True).agg(
        above=(pl.col("signal") == "above_998").sum().cast(pl.Int64),
        below=(pl.col("signal") == "below_998").sum().cast(pl.Int64),
    )
    table = audit.totals.join(signals, on="rule", how="left", maintain_order="left")
    names = {"rule": "guidance", "above": "providers above 99.8%", "below": "providers below 99.8%"}
    told = page_table(
        table.rename(names),
        "All rules, all providers together",
        ["guidance", "flagged", "eligible", *_RATES, *list(names.values())[1:]],
    )
    links = [Markup('<a href="#{}">{}</a>').format(section["key"], section["rule"].title) for section in sections]
    linked = [replace(row, cells=(link, *row.cells[1:])) for row, link in zip(told.rows, links, strict=True)]
    return replace(told, rows=tuple(linked))


def trend_data(audit: AuditTables) -> dict[str, Any] | None:
    """Give single providers' trends for the page's script: counts, mean and limits, signals; None without months."""
    months = audit.counts.months
    if not months:
        return None
    rules: dict[str, list[dict[str, Any]]] = {}
    for place, entry in enumerate(audit.audited):
        own = audit.trend.filter(pl.col("rule") == entry.key, pl.col("provider").ne_missing(ALL_PROVIDERS))
        rules[f"rule{place}"] = [_series(part) for part in own.iter_slices(len(months))]
    empty = dict.fromkeys(("rate", "mean", "lower", "upper"), pl.Float64) | {"month": pl.String, "kind": pl.String}
    return {
        "months": months,
        "rules": rules,
        "chart": _chart_without_data(pl.DataFrame(schema=empty)),
        "partial": audit.trend.filter("partial")["month"].max(),
    }


def _series(part: pl.DataFrame) -> dict[str, Any]:
    limits = {key: part[name].round(2).to_list() for key, name in (("m", "mean"), ("l", "lower"), ("u", "upper"))}
    signals = {place: charts.SIGNAL_WORDS[signal] for place, signal in enumerate(part["signal"]) if signal}
    # Without rebasing these are the same in every month: once is enough.
    short = {key: values[:1] if len(set(values)) == 1 else values for key, values in limits.items()}
    withheld = {"w": 1} if part[f"flagged{WITHHELD}"].any() or part[f"eligible{WITHHELD}"].any() else {}
    return {
        "e": part["eligible"].to_list(),
        "f": part["flagged"].to_list(),
        "s": signals,
        **withheld,
        **{key: values for key, values in short.items() if values[0] is not None},
    }


def _chart_without_data(empty: pl.DataFrame) -> dict[str, Any]:
    spec = styled(charts.trend_spec(empty))
    spec.pop("datasets", None)
    spec["data"] = {"name": "shown"}
    for layer in spec["layer"]:
        layer.pop("data", None)
    return spec


def _providers(providers: pl.DataFrame, drawn: pl.DataFrame, ranked: pl.DataFrame) -> PageTable:
    """Give the providers, highest ratio first and those not shown last by name, each with its place in the charts."""
    table = providers.sort("standardised_ratio", "label", descending=[True, False], nulls_last=True)
    data = {}
    for kind, charted in (("funnel", drawn), ("rates", ranked)):
        places = {code: place for place, code in enumerate(charted["provider"])}
        data[kind] = [places.get(code) for code in table["provider"]]
    shown = table.with_columns(
        pl.col("signal").replace(charts.SIGNAL_WORDS), code=pl.col("provider").fill_null("not recorded")
    )
    columns = [
        "label",
        *(["code"] if "provider_name" in table.columns else []),
        "activity",
        "eligible",
        "flagged",
        *_RATES,
        *_RATIOS,
        "signal",
    ]
    if "low_coding" in table.columns and table["low_coding"].any():
        columns.append("low_coding")
    caption = "Providers: counts, crude rates, and standardised ratios with 95% intervals"
    return page_table(shown, caption, columns, data)


def _steps_by_provider(steps: pl.DataFrame, phrases: dict[str, str]) -> PageTable:
    by = steps.filter(pl.col("provider").ne_missing(ALL_PROVIDERS)).with_columns(
        pl.col("provider").fill_null("not recorded"), pl.col("criterion").fill_null("all activity").replace(phrases)
    )
    columns = by["criterion"].unique(maintain_order=True).to_list()
    long = page_table(by, "", ["provider", "criterion", "left"])
    left = {(row.cells[0], row.cells[1]): row.cells[2] for row in long.rows}
    rows = [Row((code, *(left[code, name] for name in columns))) for code in by["provider"].unique(maintain_order=True)]
    headings = [("provider", False), *((name, True) for name in columns)]
    return PageTable("Activity left after each criterion, by provider", tuple(headings), tuple(rows))


def _trend_table(series: pl.DataFrame, caption: str) -> PageTable:
    signal = pl.when("partial").then(pl.lit("partial month")).otherwise(pl.col("signal").replace(charts.SIGNAL_WORDS))
    return page_table(series.with_columns(signal.alias("signal")), caption, _TREND)


def _trend_labels(audit: AuditTables, series: pl.DataFrame) -> list[str]:
    codes = series.filter(pl.col("provider").ne_missing(ALL_PROVIDERS))["provider"].unique(maintain_order=True)
    return [audit.settings.names.get(code) or code if code else "not recorded" for code in codes]


def _signals(audit: AuditTables, series: pl.DataFrame) -> PageTable:
    """Give each provider's latest signal in the last six months."""
    recent = audit.counts.months[-_LATELY:]
    table = series.filter(
        pl.col("provider").ne_missing(ALL_PROVIDERS),
        pl.col("month").is_in(recent),
        pl.col("signal").is_not_null(),
    )
    table = (
        table.group_by("provider", maintain_order=True)
        .last()
        .with_columns(
            pl.col("provider").replace(audit.settings.names).fill_null("not recorded"),
            pl.col("signal").replace(charts.SIGNAL_WORDS),
        )
    )
    return page_table(
        table,
        "Latest signal of each provider in the last six months",
        ["provider", "month", "signal", "rate_per_1000_eligible", "mean"],
    )


def titled(field: str) -> str:
    """Give the title of what is broken down by a field."""
    return _TITLES.get(field, f"By {field.replace('_', ' ')}")


def _breakdowns(audit: AuditTables, entry: AuditedRule, title: str) -> list[dict[str, Any]]:
    parts = []
    for field in audit.counts.fields:
        table = audit.by_field(field).filter(pl.col("rule") == entry.key, pl.col("eligible").fill_null(1) > 0)
        labels = [charts.value_label(field, value) for value in table[field]]
        name = titled(field)
        told = table.drop(field).with_columns(pl.Series(field, labels, dtype=pl.String))
        ratios = [column for column in _RATIOS if column in table.columns]
        some = table["rate_per_1000_eligible"].count()
        parts.append(
            {
                "title": name,
                "chart": svg(charts.breakdown(table, field), f"Rates {name.lower()}, {title}")
                if 0 < some <= charts.MOST_NAMED
                else None,
                "table": page_table(
                    told, f"{name}: counts and rates", [field, "activity", "eligible", "flagged", *_RATES, *ratios]
                ),
            }
        )
    return parts


def inequalities(table: pl.DataFrame, of: str = "eligible") -> PageTable | None:
    """Give what compares groups of people, for one rule or measure, each in words; `of` are those who could have it."""
    said = []
    for row in table.iter_rows(named=True):
        field = row["characteristic"]
        label = charts.FIELD_LABELS.get(field, field.replace("_", " "))
        what = _COMPARISONS.get(row["comparison"], "").format(of)
        if not what:
            ends = (charts.value_label(field, row[end]) for end in ("value", "compared_with"))
            what = "rate of {} over {}".format(*ends)
        said.append((label, what, row["basis"], row["figure"], row["figure_lower_95"], row["figure_upper_95"]))
    names = {
        "characteristic": pl.String,
        "comparison": pl.String,
        "basis": pl.String,
        "figure": pl.Float64,
        "95% lower": pl.Float64,
        "95% upper": pl.Float64,
    }
    told = pl.DataFrame(said, schema=names, orient="row")
    return page_table(told, "Groups of people compared, with 95% intervals", told.columns) if told.height else None


def _population(audit: AuditTables, entry: AuditedRule) -> PageTable | None:
    if audit.population is None:
        return None
    table = audit.population.filter(pl.col("rule") == entry.key).drop("rule")
    return page_table(
        table, "Per 100,000 people, crude and standardised to the European Standard Population of 2013", table.columns
    )
