"""The reference: what a criterion means, as a slow and obvious function of one activity.

Every other evaluator is tested against this one, so it contains no optimisation. `explain` runs it too.
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
    InList,
    IsNull,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
    code_atoms,
    lists_named,
)

_COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def holds(criterion: Criterion, activity: Activity) -> bool:
    """Return whether a criterion holds for an activity.

    Args:
        criterion: Any criterion.
        activity: The activity, in normal form.

    Returns:
        True or False; a criterion is never unknown.

    Example:
        >>> from ebi_rules.criteria.parser import parse
        >>> holds(parse("age >= 19", lists={}), Activity.of({"age": 45}))
        True
    """
    match criterion:
        case And(operands):
            return all(holds(operand, activity) for operand in operands)
        case Or(operands):
            return any(holds(operand, activity) for operand in operands)
        case Not(operand):
            return not holds(operand, activity)
        case HasCode() | FollowedBy() | Recorded():
            return _codes_match(criterion, activity.codes[criterion.code_field])
        case Between() | Compare() | In() | InList() | IsNull() | StartsWith():
            return _value_matches(criterion, activity.fields.get(criterion.field))
    assert False, f"Unhandled node: {criterion}"


def matched_codes(criterion: Criterion, activity: Activity) -> tuple[str, ...]:
    """Return the codes of an activity that are in any list the criterion names.

    Args:
        criterion: Any criterion.
        activity: The activity, in normal form.

    Returns:
        Codes in normal form, each once, procedures first, otherwise in the activity's order.
    """
    lists = [(atom.code_field, named.codes) for atom in code_atoms(criterion) for named in lists_named(atom)]
    matches = [
        code
        for code_field, codes in activity.codes.items()
        for code in codes
        if any(code in code_list for field, code_list in lists if field == code_field)
    ]
    return tuple(dict.fromkeys(matches))


def _codes_match(atom: HasCode | FollowedBy | Recorded, codes: tuple[str, ...]) -> bool:
    match atom:
        case HasCode(named, Position.ANY):
            return any(code in named.codes for code in codes)
        case HasCode(named, Position.PRIMARY | Position.SPELL):
            return any(code in named.codes for code in codes[:1])
        case HasCode(named, Position.SECONDARY):
            return any(code in named.codes for code in codes[1:])
        case FollowedBy(first, second):
            return any(
                earlier in first.codes and later in second.codes
                for place, earlier in enumerate(codes)
                for later in codes[place + 1 :]
            )
        case Recorded():
            return bool(codes)
    assert False, f"Unhandled node: {atom}"


def _value_matches(atom: Between | Compare | In | InList | IsNull | StartsWith, value: str | int | None) -> bool:
    if value is None:
        return isinstance(atom, IsNull)
    match atom:
        case Between(_, low, high):
            return low <= int(value) <= high
        case Compare(_, comparison, bound):
            return bool(_COMPARISONS[comparison](value, bound))
        case In(_, values):
            return value in values
        case InList(named):
            return value in named.codes.codes
        case IsNull():
            return False
        case StartsWith(_, prefix):
            return str(value).startswith(prefix)
    assert False, f"Unhandled node: {atom}"
