"""The report of a comparison before and after a change: one HTML page that loads nothing from outside."""

from typing import Any

import polars as pl
from markupsafe import Markup

from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.provider_audit.audit_tables import SIGNS, AuditTables
from ebi_rules.provider_audit.policy_effect import BEFORE, FIGURES, PolicyEffect
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.axes import Names, from_zero
from ebi_rules.report.chart_style import BLACK, BLUE, COMMON_CAUSE, COMMON_EDGE, SPECIAL_CAUSE
from ebi_rules.report.drawing import Chart, Point
from ebi_rules.report.page_tables import page_table
from ebi_rules.report.page_templates import environment, is_of_made_up_data, resource
from ebi_rules.report.plot import Plot
from ebi_rules.report.report_words import NOT_RECORDED, axis_label, figure_text
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.translate.english import month_name

_HEIGHT = 280
_SERIES = ["group", "compared_with", "figure", "ratio", "lower", "upper", "p", "smallest"]
_SURE = 0.05
_KEY = [
    ("used", "circle", COMMON_CAUSE),
    ("left out", "cross", COMMON_EDGE),
    ("fitted", "square", BLUE),
    ("without the change", "square", SPECIAL_CAUSE),
]


def effect_page(audit: AuditTables, effect: PolicyEffect) -> str:
    """Return the report as HTML.

    Args:
        audit: The tables of the audit that counted both periods.
        effect: The tables of the comparison.
    """
    run = audit.run_record
    entries = [entry for entry in audit.audited if entry.key in effect.begins]
    return (
        environment()
        .get_template("effect.jinja")
        .render(
            run=run,
            made_up=is_of_made_up_data(run),
            exact=audit.settings.disclosure == "none",
            many=False,
            disclosure=ABOUT[audit.settings.disclosure],
            signs=SIGNS,
            warnings=audit.warnings,
            sections=[_section(audit, effect, entry, place) for place, entry in enumerate(entries)],
            style=Markup(resource("style.css")),
            script=Markup(resource("script.js")),
        )
    )


def _section(audit: AuditTables, effect: PolicyEffect, entry: AuditedRule, place: int) -> dict[str, Any]:
    of_rule = pl.col("rule") == entry.key
    name = pl.col("provider").replace(audit.settings.names).fill_null(NOT_RECORDED)
    periods = effect.periods.filter(of_rule).with_columns(label=name)
    series = effect.series.filter(of_rule).with_columns(pl.col("figure").replace(FIGURES))
    ends = ["ratio_lower_95", "ratio_upper_95"]
    columns = ["label", "months", "flagged_before", "flagged_after", "rate_before", "rate_after", "ratio", *ends]
    why = ["not_compared"] if periods["not_compared"].count() else []
    return {
        "key": f"rule{place}",
        "title": entry.counted.title,
        "about": _about(effect, entry.key),
        "sentences": effect_sentences(effect, entry.key),
        "notes": effect.notes[entry.key],
        "chart": _chart(effect, entry),
        "periods": page_table(periods, "The months after and the same months before, by provider", [*columns, *why]),
        "series": page_table(series, "The series of months", _SERIES) if series.height else None,
    }


def _about(effect: PolicyEffect, rule: str) -> str:
    change, months = effect.change, effect.months.filter(rule=rule)
    text = f"The change began in {month_name(effect.begins[rule])}."
    if change.phase_in:
        months_are = "month is" if change.phase_in == 1 else f"{change.phase_in} months are"
        text += f" Its first {months_are} left out, as it came gradually."
    if change.immature:
        months_are = "month of data is" if change.immature == 1 else f"{change.immature} months of data are"
        text += f" The last {months_are} left out: the data may not be complete yet."
    left_out = months.filter(~pl.col("used"), pl.col("group") == months["group"].first()).height if months.height else 0
    return text + (f" In all {left_out} months are not used." if left_out else "")


def effect_sentences(effect: PolicyEffect, rule: str) -> list[str]:
    """Return what a comparison says of a rule, for someone who reads no further.

    Args:
        effect: The tables of the comparison.
        rule: The rule's key.
    """
    sentences = []
    total = effect.periods.filter(rule=rule, provider=ALL_PROVIDERS).row(0, named=True)
    if total["ratio"] is None:
        sentences.append(f"Two periods are not compared: {total['not_compared']}.")
    else:
        before, after = (figure_text(total[name], 1) for name in ("rate_before", "rate_after"))
        unit = effect.change.per.unit
        sentences.append(
            f"In the {total['months']} months after, the rate was {after} per {unit}, against {before} in the same "
            f"months before: {_times(total['ratio'], total['ratio_lower_95'], total['ratio_upper_95'])}."
        )
    for row in effect.series.filter(rule=rule, figure="average").iter_rows(named=True):
        is_alone = row["compared_with"] == BEFORE
        expected = "what we would expect from the months before" if is_alone else str(row["compared_with"])
        sure = "That is more than chance explains" if row["p"] < _SURE else "Chance alone could explain this"
        sentences.append(
            f"Compared with {expected}, the rate of {row['group']} was on average "
            f"{_times(row['ratio'], row['lower'], row['upper'])}. {sure}. With these months we could have detected a "
            f"fall to {row['smallest']:.2f} times the rate or lower."
        )
        if not is_alone:
            trend = effect.series.filter(
                rule=rule, group=row["group"], compared_with=row["compared_with"], figure="trend"
            ).row(0, named=True)
            alike = "did not run clearly apart" if trend["p"] >= _SURE else "ran apart already: they compare badly"
            by_year = _plain(trend["ratio"], trend["lower"], trend["upper"])
            sentences.append(f"Before the change the two {alike} (ratio a year {by_year}).")
    return sentences


def _times(ratio: float, low: float, high: float) -> str:
    return f"{_plain(ratio, low, high)} times as high"


def _plain(ratio: float, low: float, high: float) -> str:
    return f"{figure_text(ratio)} ({figure_text(low)} to {figure_text(high)})"


def _chart(effect: PolicyEffect, entry: AuditedRule) -> Chart | None:
    """Draw the rates, the fitted line, and what it would be without the change."""
    months, begins = effect.months.filter(rule=entry.key), effect.begins[entry.key]
    if not months.height:
        return None
    rows = (
        months.filter(group=months["group"][0]).select("month", "rate", "fitted", "without_the_change", "used").rows()
    )
    y = from_zero(f"In scope per {effect.change.per.unit}", [value for row in rows for value in row[1:4]])
    plot = Plot(Names(axis_label(row[0]) for row in rows), y, _HEIGHT, upright=True, legend=_KEY)
    for place, style in (
        (3, {"stroke": SPECIAL_CAUSE, "stroke_width": 2, "stroke_dasharray": "6 4"}),
        (2, {"stroke": BLUE, "stroke_width": 2}),
    ):
        points: list[Point | None] = [
            None if row[place] is None else plot.at(at, row[place]) for at, row in enumerate(rows)
        ]
        plot.drawing.curve(points, **style)
    with plot.drawing.group(fill=COMMON_CAUSE, stroke=COMMON_EDGE, stroke_width=1.5):
        for at, (month, rate, _, _, used) in enumerate(rows):
            if rate is not None:
                told = f"{axis_label(month)}: {figure_text(rate)}{'' if used else ', left out'}"
                plot.drawing.symbol(plot.at(at, rate), "circle" if used else "cross", 4, told)
    first = next((place for place, row in enumerate(rows) if row[0] >= begins), None)
    if first is not None:
        across = plot.x(first - 0.5)
        plot.drawing.line((across, plot.top), (across, plot.bottom), stroke=BLACK, stroke_dasharray="2 2")
        plot.drawing.words((across + 4, plot.top + 8), "the change begins")
    average = effect.series.filter(rule=entry.key, figure="average", compared_with=BEFORE).row(0, named=True)
    times = _plain(average["ratio"], average["lower"], average["upper"])
    chart = plot.chart(f"Rate by month before and after the change, {entry.counted.title}")
    return chart.saying(f"The rate of {average['group']} was {times} times what the months before lead us to expect")
