"""Make the report's page from an audit: text and tables by a template, charts from `charts`."""

from importlib import resources
from typing import TYPE_CHECKING

import jinja2
import polars as pl
from markupsafe import Markup, escape

from ebi_rules.audit.cube import Audited
from ebi_rules.report import charts
from ebi_rules.translate.english import origin, say, told_codes

if TYPE_CHECKING:
    from ebi_rules.audit import Audit

_RIGHT_ALIGNED = (pl.Int64, pl.Float64)


def render(audit: "Audit") -> str:
    """Give the report of an audit as one HTML page that loads nothing from outside."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string((resources.files(__package__) / "page.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        run=audit.run,
        warnings=audit.warnings,
        rules=[_rule_section(audit, entry) for entry in audit.audited],
    )


def _rule_section(audit: "Audit", entry: Audited) -> dict[str, object]:
    reading = entry.reading
    providers, attrition, sensitivity = (
        table.filter(pl.col("rule") == entry.key).drop("rule")
        for table in (audit.providers, audit.attrition, audit.sensitivity)
    )
    totals = providers.select(pl.col("activity", "eligible", "flagged").sum()).row(0, named=True)
    words = {name: reading.words.get(name, name.replace("_", " ")) for name in reading.criteria}
    criteria = [(words[name], say(criterion, reading.words)) for name, criterion in reading.criteria.items()]
    title = str(escape(reading.title))
    ranked = providers.sort("rate_per_1000_eligible", descending=True, nulls_last=True)
    return {
        "rule": reading,
        "criteria": criteria,
        "limits": [*reading.limits, *(reading.port.limits if reading.port else ())],
        "origin": origin(reading),
        "codes": told_codes(reading, audit.reference),
        "totals": totals,
        "rate": totals["flagged"] / totals["eligible"] * 1000 if totals["eligible"] else None,
        "number_of_providers": providers.height,
        "most_providers": charts.MOST_PROVIDERS,
        "providers": _table(ranked.with_columns(pl.col("provider").fill_null("not recorded"))),
        "attrition": _table(attrition.with_columns(pl.col("criterion").fill_null("all activity").replace(words))),
        "sensitivity": _table(sensitivity),
        "rate_chart": _chart(charts.rates(providers), f"Rate by provider, {title}") if totals["eligible"] else None,
        "attrition_chart": _chart(charts.attrition(attrition, words), f"Activity left after each criterion, {title}"),
        "sensitivity_chart": _chart(charts.sensitivity(sensitivity), f"Flagged under each variant, {title}"),
    }


def _chart(chart: charts.Chart, name: str) -> Markup:
    return Markup(charts.svg(chart, name))


def _table(frame: pl.DataFrame) -> dict[str, object]:
    """Give a table as headings, each with its alignment, and rows of text."""
    headings = [
        (name.replace("_", " ").replace("1000", "1,000"), frame.schema[name] in _RIGHT_ALIGNED)
        for name in frame.columns
    ]
    return {"headings": headings, "rows": [[_cell(value) for value in row] for row in frame.iter_rows()]}


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
