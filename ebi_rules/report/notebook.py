"""How a notebook shows an audit."""

from markupsafe import Markup, escape

from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.report.audit_sentences import period
from ebi_rules.report.page_tables import PageTable, page_table


def audit_in_notebook(audit: AuditTables) -> str:
    """Show an audit: period, totals, warnings, and what to ask of it."""
    totals = page_table(audit.totals, "In scope of the guidance, all providers together", audit.totals.columns)
    warnings = Markup("").join(Markup("<p>Warning: {}</p>").format(text) for text in audit.warnings)
    hint = "Tables: .providers .attrition .trend .sensitivity .quality .grouped(field). Charts: .chart('funnel', rule)."
    return str(
        Markup("<div><p><strong>ebi-rules audit</strong>: {}</p>{}{}<p>{}</p><p>{}</p></div>").format(
            period(audit), _table(totals), warnings, audit.run_record["disclosure"], hint
        )
    )


def _table(table: PageTable) -> Markup:
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name, _ in table.headings)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row.cells))
        for row in table.rows
    )
    caption = escape(table.caption)
    return Markup("<table><caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(
        caption, head, body
    )
