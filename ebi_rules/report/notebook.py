"""How a notebook shows the result of an audit or of measures: what was found, in titles, with one chart."""

from collections.abc import Iterable

import polars as pl
from markupsafe import Markup

from ebi_rules._support.errors import UsageError
from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.pathways.pathway_tables import PathwayTables
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.percentages import PERCENT
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.audit_charts import chart_of
from ebi_rules.report.audit_sentences import period
from ebi_rules.report.page_tables import PageTable, page_table
from ebi_rules.report.page_templates import environment, is_of_made_up_data
from ebi_rules.report.pathways_page import outcome_words
from ebi_rules.report.rule_card import Card, rule_card
from ebi_rules.report.rule_charts import RuleCharts

MOST_CARDS = 6
"""Of more rules, a notebook shows those in which something stands out first, and says how many it leaves out."""

_STYLE = (
    "<style>.ebi .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(19rem,1fr));gap:1rem}"
    ".ebi .card{border:1px solid #c8d3dc;border-radius:6px;padding:.3rem 1rem}.ebi .look{font-weight:600}"
    ".ebi .rate{display:flex;gap:.7rem;align-items:center}</style>"
)
_MEASURES = ["measure", "index_activity", "followed", "outcome", *PERCENT]


def audit_in_notebook(audit: AuditTables) -> str:
    """Return HTML with the period, a card for each rule, a chart and the warnings of an audit."""
    cards = _cards(audit)
    left_out = len(cards) - MOST_CARDS
    more = f"{left_out} more rules are in the report: .report('audit.html')." if left_out > 0 else ""
    chart = _chart(audit, cards[0][0]) if cards else ""
    hint = "Tables: .providers .attrition .trend .sensitivity .quality .grouped(field). Charts: .chart('funnel', rule)."
    return str(
        Markup('<div class="ebi">{}<p><strong>{}</strong></p>{}<p>{}</p>{}{}<p>{}</p><p>{}</p></div>').format(
            Markup(_STYLE),
            f"{'Made-up data. ' if is_of_made_up_data(audit.run_record) else ''}{period(audit)}",
            _drawn_cards([card for _, card in cards[:MOST_CARDS]]),
            more,
            chart,
            _warnings(audit.warnings),
            audit.run_record["disclosure"],
            hint,
        )
    )


def measures_in_notebook(tables: PathwayTables) -> str:
    """Return HTML with the measures over all providers, by title, and the warnings of a run."""
    measures = [entry.measure for entry in tables.entries]
    titles = {each.key: f"{each.title}: {outcome_words(each)}" for each in measures}
    shown: Markup | str = ""
    if titles:
        totals = tables.by_file["measures"].filter(provider=ALL_PROVIDERS)
        named = totals.with_columns(measure=pl.col("rule").replace(titles)).drop("rule")
        shown = _table(page_table(named, "Measures, all providers together", _MEASURES))
    hint = "Tables: .table(name), of which .tables.by_file lists the names. The report: .report('pathways.html')."
    return str(
        Markup("<div>{}{}<p>{}</p><p>{}</p></div>").format(
            shown, _warnings(tables.warnings), ABOUT[tables.settings.disclosure], hint
        )
    )


def _cards(audit: AuditTables) -> list[tuple[str, Card]]:
    """Return the key and the card of each rule that is safe to use; those in which something stands out come first."""
    cards = [
        (entry.key, rule_card(RuleCharts(audit, entry), "")) for entry in audit.audited if not entry.fitness.is_unsafe
    ]
    return sorted(cards, key=lambda each: not each[1].stands_out)


def _drawn_cards(cards: list[Card]) -> Markup:
    macros = environment().get_template("macros.jinja").module
    return Markup(macros.rule_cards(cards, False))  # type: ignore[attr-defined]


def _chart(audit: AuditTables, rule: str) -> Markup | str:
    """Return the trend of a rule over all providers, if it can be drawn."""
    try:
        return chart_of(audit, "trend", rule, None).titled().svg()
    except UsageError:
        return ""


def _warnings(texts: Iterable[str]) -> Markup:
    return Markup("").join(Markup("<p>Warning: {}</p>").format(text) for text in texts)


def _table(table: PageTable) -> Markup:
    headings = [name for name, _ in table.headings]
    rows = [_row("td", row.cells) for row in table.rows]
    return Markup("<table><caption>{}</caption><thead>{}</thead><tbody>{}</tbody></table>").format(
        table.caption, _row("th", headings), Markup("").join(rows)
    )


def _row(tag: str, texts: Iterable[str]) -> Markup:
    cells = [Markup(f"<{tag}>{{}}</{tag}>").format(text) for text in texts]
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))
