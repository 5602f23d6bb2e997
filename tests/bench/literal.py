"""Rules in the way analysts port the published scripts: regular expressions over the raw text, row by row.

This is only for comparing speed: substrings are found anywhere in the text, and NULL is left to SQL. The low back
imaging script has the logic of the published one. The others are made from the rules in the same way, with one regular
expression per atom, which makes them faster than real scripts.
"""

from ebi_rules.criteria.nodes import (
    And,
    Between,
    Compare,
    FollowedBy,
    HasCode,
    In,
    InList,
    IsNull,
    NamedCodes,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
)
from ebi_rules.layouts.binding import Binding
from ebi_rules.rule_model.rule_logic import RuleLogic
from ebi_rules.translate.visitor import Visitor
from tests.engines.published_script import REGEX_SCRIPT


def script(rule: RuleLogic, binding: Binding, function: str = "REGEXP_MATCHES") -> str:
    """Return a rule as a condition over the extract's own columns; `function` finds a regular expression in a text."""
    if rule.key == "2S_lower_back_imaging":
        return REGEX_SCRIPT.replace("REGEXP_MATCHES", function)
    literal = _Literal(binding, function)
    return " AND ".join(f"({literal.visit(criterion)})" for criterion in rule.criteria.values())


class _Literal(Visitor[str]):
    def __init__(self, binding: Binding, function: str) -> None:
        self.binding = binding
        self.function = function

    def visit_and(self, node: And) -> str:
        return "(" + " AND ".join(map(self.visit, node.operands)) + ")"

    def visit_or(self, node: Or) -> str:
        return "(" + " OR ".join(map(self.visit, node.operands)) + ")"

    def visit_not(self, node: Not) -> str:
        return f"NOT ({self.visit(node.operand)})"

    def visit_between(self, node: Between) -> str:
        return f"{self._field(node.field)} BETWEEN {node.low} AND {node.high}"

    def visit_compare(self, node: Compare) -> str:
        value = node.value if isinstance(node.value, int) else f"'{node.value}'"
        return f"{self._field(node.field)} {node.operator} {value}"

    def visit_in(self, node: In) -> str:
        return f"{self._field(node.field)} IN ({', '.join(repr(value) for value in node.values)})"

    def visit_in_list(self, node: InList) -> str:
        return f"{self._field(node.field)} IN ({', '.join(repr(value) for value in node.values)})"

    def visit_is_null(self, node: IsNull) -> str:
        return f"{self._field(node.field)} IS NULL"

    def visit_starts_with(self, node: StartsWith) -> str:
        return f"{self._field(node.field)} LIKE '{node.prefix}%'"

    def visit_recorded(self, node: Recorded) -> str:
        return f"{self._codes(node.code_field)} IS NOT NULL"

    def visit_has_code(self, node: HasCode) -> str:
        pattern = _any(node.codes)
        if node.position in (Position.PRIMARY, Position.SPELL):
            pattern = f"^[|, ]*{pattern}"
        elif node.position is Position.SECONDARY:
            pattern = f"[A-Z0-9][|, ]+.*{pattern}"
        return f"{self.function}({self._codes(node.code_field)}, '{pattern}')"

    def visit_followed_by(self, node: FollowedBy) -> str:
        return f"{self.function}({self._codes(node.code_field)}, '{_any(node.first)}.*,.*{_any(node.second)}')"

    def _field(self, name: str) -> str:
        first, *others = self.binding.fields[name]
        return f"COALESCE({', '.join([first, *others])})" if others else first

    def _codes(self, name: str) -> str:
        (column,) = self.binding.code_columns(name)
        return column


def _any(named: NamedCodes) -> str:
    return f"({'|'.join(named.codes.prefixes)})"
