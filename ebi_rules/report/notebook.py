"""How an audit and a rule show themselves in a notebook."""

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from ebi_rules.report.audit_sentences import period
from ebi_rules.report.page_tables import PageTable, page_table
from ebi_rules.translate.english import say

if TYPE_CHECKING:
    from ebi_rules.results.audit_result import Audit
    from ebi_rules.rule_model.rule import Rule

_FEWEST_LEFT_OUT = 12


def notebook_audit(audit: "Audit") -> str:
    """Show an audit: period, totals, warnings, and what to ask of it."""
    totals = page_table(
        audit.marked.totals, "In scope of the guidance, all providers together", audit.marked.totals.columns
    )
    warnings = Markup("").join(Markup("<p>Warning: {}</p>").format(text) for text in audit.warnings)
    hint = "Tables: .providers .attrition .trend .sensitivity .quality .grouped(field). Charts: .chart('funnel', rule)."
    return str(
        Markup("<div><p><strong>ebi-rules audit</strong>: {}</p>{}{}<p>{}</p><p>{}</p></div>").format(
            period(audit), _table(totals), warnings, audit.said["disclosure"], hint
        )
    )


def notebook_rule(rule: "Rule") -> str:
    """Show a rule: title, criteria in words, codes."""
    items = Markup("").join(
        Markup("<li><strong>{}</strong>: {}</li>").format(rule.words.get(name, name), say(criterion, rule.words))
        for name, criterion in rule.criteria.items()
    )
    lists = Markup("").join(
        Markup("<li>{} ({}): {}</li>").format(
            name.replace("_", " "),
            codes.system.value,
            ", ".join(codes.prefixes[:12]) + (" ..." if len(codes.prefixes) > _FEWEST_LEFT_OUT else ""),
        )
        for name, codes in rule.codes.items()
    )
    return str(
        Markup(
            "<div><p><strong>{}</strong> ({}, edition {}, reading {})</p><p>In scope when all of these hold:</p>"
            "<ol>{}</ol><p>Codes:</p><ul>{}</ul><p>In scope does not mean inappropriate.</p></div>"
        ).format(rule.title, rule.key, rule.edition_name, rule.variant_name, items, lists)
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
