"""How a notebook shows an audit: a short summary as HTML, without charts."""

from collections.abc import Iterable

from markupsafe import Markup, escape

from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.report.audit_sentences import period
from ebi_rules.report.page_tables import PageTable, page_table


def audit_in_notebook(audit: AuditTables) -> str:
    """Return HTML with the period, totals and warnings of an audit, and what the result offers."""
    totals = page_table(audit.totals, "In scope of the guidance, all providers together", audit.totals.columns)
    warnings = Markup("").join(Markup("<p>Warning: {}</p>").format(text) for text in audit.warnings)
    hint = "Tables: .providers .attrition .trend .sensitivity .quality .grouped(field). Charts: .chart('funnel', rule)."
    return str(
        Markup("<div><p><strong>ebi-rules audit</strong>: {}</p>{}{}<p>{}</p><p>{}</p></div>").format(
            period(audit), _table(totals), warnings, audit.run_record["disclosure"], hint
        )
    )


def _table(table: PageTable) -> Markup:
    headings = [name for name, _ in table.headings]
    rows = [_row("td", row.cells) for row in table.rows]
    return Markup("<table><caption>{}</caption><thead>{}</thead><tbody>{}</tbody></table>").format(
        escape(table.caption), _row("th", headings), Markup("").join(rows)
    )


def _row(tag: str, texts: Iterable[str]) -> Markup:
    cells = [Markup(f"<{tag}>{{}}</{tag}>").format(text) for text in texts]
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))
