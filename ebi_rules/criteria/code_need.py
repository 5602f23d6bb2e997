"""Whether a criterion can hold only for an activity with a code in one of its lists."""

from ebi_rules.criteria.nodes import And, Criterion, FollowedBy, HasCode, Not, Or


def needs_codes(criterion: Criterion) -> bool:
    """Return whether a criterion can hold only for an activity with a code in one of its lists.

    Example:
        >>> from ebi_rules.criteria.nodes import Between, HasCode, NamedCodes, Not
        >>> from opcs_icd import CodeList
        >>> has_scan = HasCode(NamedCodes("scan", CodeList.opcs(["U05"])))
        >>> needs_codes(has_scan), needs_codes(Not(has_scan)), needs_codes(Between("age", 19, 120))
        (True, False, False)
    """
    return _without_codes(criterion) is False


def _without_codes(criterion: Criterion) -> bool | None:
    """Return the truth of a criterion for an activity without listed codes; None if it depends on something else."""
    match criterion:
        case HasCode() | FollowedBy():
            return False
        case Not(operand):
            answer = _without_codes(operand)
            return None if answer is None else not answer
        case And(operands) | Or(operands):
            decisive = isinstance(criterion, Or)
            answers = [_without_codes(operand) for operand in operands]
            if decisive in answers:
                return decisive
            return None if None in answers else not decisive
    return None
