"""The meaning of a criterion: a slow, obvious predicate over one activity, which judges all translators.

It takes no optimisation. `explain` runs it too.
"""

import operator

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.nodes import (
    And,
    Between,
    Compare,
    Criterion,
    FollowedBy,
    HasCode,
    In,
    IsNull,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
    code_atoms,
    lists_named,
)
from ebi_rules.translate.visitor import Visitor

_COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def holds(criterion: Criterion, activity: Activity) -> bool:
    """Say whether the criterion holds for the activity."""
    return _Predicate(activity).visit(criterion)


def matched_codes(criterion: Criterion, activity: Activity) -> tuple[str, ...]:
    """Give the activity's codes that are in any list the criterion names, procedures first, in order."""
    asked = [(atom.code_field, named.codes) for atom in code_atoms(criterion) for named in lists_named(atom)]
    found = [
        code
        for name, codes in activity.codes.items()
        for code in codes
        if any(code in codelist for field, codelist in asked if field == name)
    ]
    return tuple(dict.fromkeys(found))


class _Predicate(Visitor[bool]):
    def __init__(self, activity: Activity) -> None:
        self.activity = activity

    def visit_and(self, node: And) -> bool:
        return all(self.visit(operand) for operand in node.operands)

    def visit_between(self, node: Between) -> bool:
        value = self.activity.fields.get(node.field)
        return value is not None and node.low <= int(value) <= node.high

    def visit_compare(self, node: Compare) -> bool:
        value = self.activity.fields.get(node.field)
        return value is not None and bool(_COMPARISONS[node.operator](value, node.value))

    def visit_followed_by(self, node: FollowedBy) -> bool:
        codes = self.activity.codes[node.code_field]
        return any(
            earlier in node.first.codes and later in node.second.codes
            for place, earlier in enumerate(codes)
            for later in codes[place + 1 :]
        )

    def visit_has_code(self, node: HasCode) -> bool:
        codes = self.activity.codes[node.code_field]
        if node.position in (Position.PRIMARY, Position.SPELL):
            codes = codes[:1]
        elif node.position is Position.SECONDARY:
            codes = codes[1:]
        return any(code in node.codes.codes for code in codes)

    def visit_in(self, node: In) -> bool:
        value = self.activity.fields.get(node.field)
        return value is not None and value in node.values

    def visit_is_null(self, node: IsNull) -> bool:
        return self.activity.fields.get(node.field) is None

    def visit_not(self, node: Not) -> bool:
        return not self.visit(node.operand)

    def visit_or(self, node: Or) -> bool:
        return any(self.visit(operand) for operand in node.operands)

    def visit_recorded(self, node: Recorded) -> bool:
        return bool(self.activity.codes[node.code_field])

    def visit_starts_with(self, node: StartsWith) -> bool:
        value = self.activity.fields.get(node.field)
        return value is not None and str(value).startswith(node.prefix)
