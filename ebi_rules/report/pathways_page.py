"""The report of pathways, measures and flows: one HTML page that loads nothing from outside."""

import calendar
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import polars as pl
from markupsafe import Markup

from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.layouts.layout import DATASETS
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.pathway_tables import PathwayTables
from ebi_rules.pathways.wait_tables import EVERYBODY, WAIT_COLUMNS
from ebi_rules.provider_audit.audit_tables import SIGNS
from ebi_rules.provider_audit.percentages import PERCENT
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report import chart_findings, provider_charts, trend_charts, wait_charts
from ebi_rules.report.audit_sentences import control_words
from ebi_rules.report.breakdown_section import comparison_table, with_value_labels
from ebi_rules.report.drawing import Chart
from ebi_rules.report.flow_section import FEWEST_BEGUN, flow_section
from ebi_rules.report.page_tables import PageTable, Row, count_text, page_table
from ebi_rules.report.page_templates import environment, is_of_made_up_data, resource
from ebi_rules.report.report_words import NOT_RECORDED, SIGNAL_WORDS, breakdown_title, period_label, with_words
from ebi_rules.report.trend_data import without_limits_words
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, WAIT, WITHOUT
from ebi_rules.translate.english import listed, month_name

_FOLLOWED = ["followed", "outcome", *PERCENT]
_RATIOS = ["expected", "standardised_ratio", "ratio_lower_95", "ratio_upper_95", "signal"]
_TREND = ["followed", "outcome", "percent", "mean", "lower", "upper", "signal"]
_NUMBERS = ["mean", "mean_lower_95", "mean_upper_95", "median", "percentile_90"]


def pathways_page(tables: PathwayTables) -> str:
    """Return the report of measures and flows as HTML."""
    measures = [_measure_section(tables, entry.measure, place) for place, entry in enumerate(tables.entries)]
    return (
        environment()
        .get_template("pathways.jinja")
        .render(
            run=tables.run,
            made_up=is_of_made_up_data(tables.run),
            exact=tables.settings.disclosure == "none",
            many=False,
            disclosure=ABOUT[tables.settings.disclosure],
            signs=SIGNS,
            warnings=tables.warnings,
            lead=lead(tables),
            overview=_overview(tables, measures) if measures else None,
            measures=measures,
            fewest_begun=FEWEST_BEGUN,
            flows=[flow_section(tables, place) for place in range(len(tables.moves))],
            method=_method(tables),
            style=Markup(resource("style.css")),
            script=Markup(resource("script.js")),
        )
    )


def lead(tables: PathwayTables) -> str:
    """Return which datasets were read from when to when; those of the same days are named together."""
    datasets: dict[tuple[str, str], list[str]] = {}
    for extract in tables.run["extracts"]:
        days = (str(extract["first_day"]), str(extract["last_day"]))
        datasets.setdefault(days, []).append(DATASETS[extract["dataset"]])
    spans = [
        f"{listed(names, 'and')} from {_in_words(first)} to {_in_words(last)}"
        for (first, last), names in datasets.items()
    ]
    text = "; ".join(spans)
    return f"{text[:1].upper()}{text[1:]}."


def _in_words(day: str) -> str:
    """Return a day as a reader says it: 1 April 2024."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return day
    return f"{found.day} {calendar.month_name[found.month]} {found.year}"


def _overview(tables: PathwayTables, sections: Sequence[dict[str, Any]]) -> PageTable:
    """Return a table with one row per measure, each with a link to its section."""
    totals = tables.by_file["measures"].filter(provider=ALL_PROVIDERS).rename({"rule": "measure"})
    columns = ["measure", "index_activity", *_FOLLOWED]
    table = page_table(totals, "All measures, all providers together", columns)
    links = [Markup('<a href="#{}">{}</a>').format(section["key"], section["measure"].title) for section in sections]
    rows = [Row((link, *row.cells[1:])) for row, link in zip(table.rows, links, strict=True)]
    return PageTable(table.caption, table.headings, tuple(rows))


def _measure_section(tables: PathwayTables, measure: Measure, place: int) -> dict[str, Any]:
    """Return the values of a measure's section for its template."""
    of_measure = pl.col("rule") == measure.key
    shares = tables.by_file["measures"].filter(of_measure)
    providers = with_words(shares.filter(pl.col("provider").ne_missing(ALL_PROVIDERS)), tables.settings.names)
    total = shares.filter(provider=ALL_PROVIDERS).row(0, named=True)
    numbers = tables.by_file["numbers"].filter(of_measure)
    overall_trend = _trend(tables, measure)
    outcome = outcome_words(measure)
    share = f"per cent {outcome}"
    name = f"{measure.title}, {share}"
    providers_chart = numbers_table = trend_chart = None
    if (ranked := provider_charts.ranked(providers, "percent")).height:
        finding = chart_findings.of_rates(ranked, "percent", f"Shares {outcome}", "%")
        providers_chart = provider_charts.rates(providers, f"{name}, by provider", PERCENT, share).saying(finding)
    if numbers.height:
        columns = ["provider", "followed", *_NUMBERS]
        numbers_table = page_table(with_words(numbers, tables.settings.names), _numbers_caption(measure), columns)
    if overall_trend["percent"].count():
        period = period_label(overall_trend)
        points = tables.counts.quarters if period == "quarter" else tables.counts.months
        shown = f"{name}, by {period} of the index"
        trend_chart = trend_charts.trend(overall_trend, shown, "percent", share, points)
        trend_chart = trend_chart.saying(chart_findings.of_trend(overall_trend, "All providers"))
    days_chart, days_table = _waits(tables, measure)
    return {
        **_seen(tables, measure),
        "key": f"measure{place}",
        "days_chart": days_chart,
        "days": days_table,
        "measure": measure,
        "figures": list(_key_figures(total, numbers, measure)),
        "providers_chart": providers_chart,
        "providers": page_table(
            providers,
            f"By provider: index activity, those followed, and those {outcome}",
            ["provider", "index_activity", *_FOLLOWED, *_RATIOS],
        ),
        "numbers": numbers_table,
        "trend_chart": trend_chart,
        "trend": page_table(
            overall_trend.with_columns(pl.col("signal").replace(SIGNAL_WORDS)),
            "All providers by month or quarter of the index",
            [name for name in overall_trend.columns if name in ("month", "quarter")] + _TREND,
        ),
        "trend_reason": without_limits_words(overall_trend["judged"][0]) if overall_trend.height else "",
        "groups": [_breakdown(tables, measure, field) for field in tables.counts.fields],
        "inequalities": comparison_table(tables.by_file["inequalities"].filter(of_measure), "followed"),
    }


def _seen(tables: PathwayTables, measure: Measure) -> dict[str, Any]:
    """Return what a section says of everybody's waits: nothing unless the measure is of days or of waits."""
    told: dict[str, Any] = dict.fromkeys(("waits", "contacts", "seen", "seen_chart", "seen_words"))
    if measure.gives not in (DAYS, WAIT):
        return told
    waits = tables.by_file["waits"].filter(pl.col("rule") == measure.key)
    named = _with_names_of_providers(tables, waits)
    columns = ["field", "value", *WAIT_COLUMNS]
    told["waits"] = page_table(named, "Days waited, by every field", columns)
    contacts = tables.by_file.get("contacts", pl.DataFrame(schema=["rule"])).filter(pl.col("rule") == measure.key)
    if contacts.height:
        told["contacts"] = page_table(contacts, "Contacts, by attendance status", ["status", "contacts"])
    weeks = tables.by_file.get("seen_by_week", pl.DataFrame(schema=["rule", "provider"]))
    weeks = weeks.filter(pl.col("rule") == measure.key, pl.col("provider") == ALL_PROVIDERS)
    if weeks.height:
        name = f"{measure.title}: share of people seen by week, those still waiting included"
        chart = wait_charts.seen_by_week(weeks, name, measure.standard_days or 0)
        told["seen_chart"] = chart.saying(_seen_finding(waits.row(0, named=True), measure))
        columns = [column for column in weeks.columns if column not in ("rule", "provider")]
        told["seen"] = page_table(weeks, "Share seen by week, all providers together", columns)
        told["seen_words"] = _seen_words(waits.row(0, named=True), measure)
    return told


def _seen_finding(total: dict[str, Any], measure: Measure) -> str:
    """Return what the share seen by week says of the standard."""
    if total["percent_within"] is None:
        return "Too few to say how many are seen in time"
    return f"{total['percent_within']:.1f}% are seen within {measure.standard_days} days"


def _seen_words(total: dict[str, Any], measure: Measure) -> str:
    """Return what ignoring those who still wait would hide."""
    if total["percent_within"] is None or total["percent_within_of_seen"] is None:
        return "Those who left unseen count as not seen; those who still wait, until the end of the data."
    return (
        f"Within {measure.standard_days} days {total['percent_within']:.1f}% are seen "
        f"({total['percent_within_lower_95']:.1f} to {total['percent_within_upper_95']:.1f}). Of those alone who were "
        f"seen it would be {total['percent_within_of_seen']:.1f}%: that leaves out those who still wait or left unseen."
    )


def _with_names_of_providers(tables: PathwayTables, waits: pl.DataFrame) -> pl.DataFrame:
    """Return waits with the names of providers and of fields."""
    is_provider = pl.col("field") == "provider"
    names = pl.col("value").replace(tables.settings.names)
    value = pl.when(is_provider).then(names).otherwise("value")
    everybody = pl.when(pl.col("field") == EVERYBODY).then(pl.lit("everybody")).otherwise(value.fill_null(NOT_RECORDED))
    return waits.with_columns(everybody.alias("value"), pl.col("field").str.replace_all("_", " "))


def _waits(tables: PathwayTables, measure: Measure) -> tuple[Chart | None, PageTable | None]:
    """Return the chart and the table of days waited by month; None unless the measure is of days."""
    waits = tables.by_file["trend_days"].filter(pl.col("rule") == measure.key, pl.col("provider") == ALL_PROVIDERS)
    if not waits.height:
        return None, None
    columns = ["month", "followed", "median", "percentile_90", "percent_within"]
    table = page_table(waits, f"Days waited by month, and the share within {measure.standard_days} days", columns)
    if not waits["median"].count():
        return None, table
    last = waits.filter(pl.col("median").is_not_null()).row(-1, named=True)
    finding = f"Half of people waited {last['median']:.0f} days or fewer in {month_name(last['month'])}"
    chart = trend_charts.waits(waits, f"{measure.title}: median and 90th percentile by month")
    return chart.saying(finding), table


def _trend(tables: PathwayTables, measure: Measure) -> pl.DataFrame:
    """Return the trend of a measure over all providers as it is judged: by quarter, or by month."""
    is_series = (pl.col("rule") == measure.key) & (pl.col("provider") == ALL_PROVIDERS)
    months = tables.by_file["trend"].filter(is_series)
    is_by_quarter = months.height > 0 and "quarter" in months["judged"][0]
    return tables.by_file["trend_quarters"].filter(is_series) if is_by_quarter else months


def outcome_words(measure: Measure) -> str:
    """Return in words which index activities the share of a measure counts."""
    if measure.gives in (DAYS, WAIT):
        return f"who waited more than {measure.standard_days} days"
    if measure.pairing:
        return f"recorded in {DATASETS[str(measure.index.dataset)]} alone"
    return "without the outcome" if measure.gives == WITHOUT else "with the outcome"


def _numbers_caption(measure: Measure) -> str:
    return "Days waited, by provider" if measure.gives == DAYS else "Outcomes an index activity, by provider"


def _key_figures(total: dict[str, Any], numbers: pl.DataFrame, measure: Measure) -> Iterator[tuple[str, str]]:
    """Yield the figures at the head of a measure's section, each with its caption."""
    yield count_text(total["index_activity"]), "in either dataset" if measure.pairing else "index activity"
    if measure.window or measure.gives in (DAYS, WAIT):
        yield count_text(total["followed"]), "followed"
    if measure.pairing:
        yield count_text(total["followed"]), "in the days that both cover"
    percent = "–" if total["percent"] is None else f"{total['percent']:.1f}%"
    yield percent, outcome_words(measure)
    if measure.wait:
        return
    overall = numbers.filter(provider=ALL_PROVIDERS)
    if overall.height and overall["mean"][0] is not None:
        if measure.gives == COUNT:
            yield f"{overall['mean'][0]:.2f}", "outcomes on average"
        else:
            yield f"{overall['median'][0]:.0f}", "days, the median"
            yield f"{overall['percentile_90'][0]:.0f}", "days, the 90th percentile"


def _breakdown(tables: PathwayTables, measure: Measure, field: str) -> dict[str, Any]:
    """Return the title, chart and table of a measure's breakdown by a field."""
    outcome = outcome_words(measure)
    table = tables.by_file[f"by_{field}"].filter(pl.col("rule") == measure.key, pl.col("followed").fill_null(1) > 0)
    title = breakdown_title(field)
    chart = None
    if 0 < table["percent"].count() <= provider_charts.MOST_NAMED:
        name = f"{measure.title}, {title.lower()}"
        chart = provider_charts.breakdown(table, field, name, PERCENT, f"per cent {outcome}")
        chart = chart.saying(chart_findings.of_values(table, field, "percent", f"percentage {outcome}"))
    caption = f"{title}: those followed and those {outcome}"
    return {
        "title": title,
        "chart": chart,
        "table": page_table(with_value_labels(table, field), caption, [field, *_FOLLOWED]),
    }


def _method(tables: PathwayTables) -> list[str]:
    """Return how the figures were computed."""
    sentences = [
        "Activity of one person is found by its pseudonym. A window is in whole days; on one day the index comes "
        "first.",
        "Followed is an index activity whose whole window lies within the data; others are set apart, and never count "
        "as no.",
        "Intervals of shares are Wilson's, of counts Byar's. Ratios are indirectly standardised by age and sex, or "
        "what --adjust named; funnel signals as in the audit's report.",
        "Trends are XmR charts. Where numbers are small by month, quarters are used. Months in which few are followed "
        "are not judged.",
        "Disclosure control: " + " ".join(control_words(tables.settings.disclosure)),
    ]
    if "seen_by_week" in tables.by_file:
        sentences.append(
            "The share seen by a day is Aalen and Johansen's estimate: those who left unseen compete, those who still "
            "wait are censored, and who is known of from a later day on is at risk from that day. Its interval is on "
            "the scale of log(-log). Followed are waits whose standard lies within the data."
        )
    for flow, _ in tables.moves:
        sentences.append(
            f"{flow.title}: a pathway ends with no further activity when nothing is recorded for more than "
            f"{flow.lost_after} days. It is still being followed when the data end before that. Those whose first "
            "activity comes in the "
            f"first {flow.lost_after} days of data may have begun earlier, and are left out. Visits in a row "
            "to one stage are one; on one day stages have their order in the list."
        )
    return sentences
