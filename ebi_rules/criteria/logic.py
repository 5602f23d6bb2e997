"""Decide what criteria can mean together: whether one can be met, implies another or is equivalent to it.

The answers are exact, not sampled; `satisfiability` works them out. Who asks many questions about one rule makes one
`Satisfiability` of it. This module does not know which codes a classification really has.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.evaluate import holds
from ebi_rules.criteria.nodes import And, Criterion, FollowedBy, HasCode, InList, Not, Or, atoms, lists_named
from ebi_rules.criteria.satisfiability import Atom, Satisfiability
from opcs_icd import CodeList, CodeSystem, ImagingCodes, ImagingSystem


def possible(criterion: Criterion) -> bool:
    """Return whether any activity can meet the criterion.

    Example:
        >>> from ebi_rules.criteria.parser import parse
        >>> possible(parse("age >= 19 AND age < 19", lists={}))
        False
    """
    return Satisfiability([criterion]).possible(criterion)


def witness(criterion: Criterion) -> Activity | None:
    """Return a simple activity that meets the criterion, None when no activity can.

    Example:
        >>> from ebi_rules.criteria.parser import parse
        >>> dict(witness(parse("age >= 19", lists={})).fields)
        {'age': 19}
    """
    return Satisfiability([criterion]).witness(criterion)


def equivalent(one: Criterion, other: Criterion) -> bool:
    """Return whether two criteria hold for the same activities.

    Example:
        >>> from ebi_rules.criteria.parser import parse
        >>> equivalent(parse("age >= 19", lists={}), parse("age > 18", lists={}))
        True
    """
    return Satisfiability([one, other]).equivalent(one, other)


def implies(one: Criterion, other: Criterion) -> bool:
    """Return whether every activity that meets `one` also meets `other`.

    Example:
        >>> from ebi_rules.criteria.parser import parse
        >>> implies(parse("age >= 65", lists={}), parse("age >= 19", lists={}))
        True
    """
    return Satisfiability([one, other]).implies(one, other)


def is_decisive(atom: Atom, criterion: Criterion, activity: Activity) -> bool:
    """Return whether the opposite answer to one atom would change the criterion's answer for an activity."""
    reduced = with_answers(criterion, {atom: not holds(atom, activity)})
    answer = reduced if isinstance(reduced, bool) else holds(reduced, activity)
    return answer != holds(criterion, activity)


def decisive_atoms(criterion: Criterion, activity: Activity) -> set[Atom]:
    """Return the atoms whose opposite answer would change the criterion's answer for an activity.

    Example:
        >>> from ebi_rules.criteria.parser import parse
        >>> either = parse("sex = '1' OR age >= 65", lists={})
        >>> decisive_atoms(either, Activity.of({"sex": "1", "age": 70}))
        set()
        >>> decisive_atoms(either, Activity.of({"sex": "1", "age": 40}))
        {Compare(field='sex', operator='=', value='1')}
    """
    times = Counter(atoms(criterion))
    once = {atom for atom in _decisive_places(criterion, activity) if times[atom] == 1}
    return once | {atom for atom in times if times[atom] > 1 and is_decisive(atom, criterion, activity)}


def _decisive_places(criterion: Criterion, activity: Activity) -> Iterator[Atom]:
    """Yield the atoms where the opposite answer at that one place would change the criterion's answer."""
    match criterion:
        case Not(operand):
            yield from _decisive_places(operand, activity)
        case And(operands) | Or(operands):
            decides = isinstance(criterion, Or)
            deciding = [operand for operand in operands if holds(operand, activity) is decides]
            for operand in operands if not deciding else deciding if len(deciding) == 1 else ():
                yield from _decisive_places(operand, activity)
        case _:
            yield criterion


def codes_by_sign(criterion: Criterion) -> dict[bool, dict[CodeSystem, CodeList]]:
    """Return the codes that a criterion requires (True) and those that it excludes (False), by classification."""
    prefixes: dict[tuple[bool, CodeSystem], list[str]] = {}

    def walk(node: Criterion, sign: bool) -> None:
        match node:
            case And(operands) | Or(operands):
                for operand in operands:
                    walk(operand, sign)
            case Not(operand):
                walk(operand, not sign)
            case FollowedBy() | HasCode():
                for named in lists_named(node):
                    prefixes.setdefault((sign, named.system), []).extend(named.codes.prefixes)

    walk(criterion, sign=True)
    return {
        sign: {system: CodeList(system, prefixes.get((sign, system), ())) for system in CodeSystem}
        for sign in (True, False)
    }


def imaging_codes_by_sign(criterion: Criterion) -> dict[bool, dict[ImagingSystem, ImagingCodes]]:
    """Return the imaging codes that a criterion requires (True) and those that it excludes (False), by kind."""
    codes: dict[tuple[bool, ImagingSystem], list[str]] = {}

    def walk(node: Criterion, sign: bool) -> None:
        match node:
            case And(operands) | Or(operands):
                for operand in operands:
                    walk(operand, sign)
            case Not(operand):
                walk(operand, not sign)
            case InList(named):
                codes.setdefault((sign, named.system), []).extend(named.codes)

    walk(criterion, sign=True)
    return {
        sign: {system: ImagingCodes(system, codes.get((sign, system), ())) for system in ImagingSystem}
        for sign in (True, False)
    }


def with_answers(criterion: Criterion, answers: Mapping[Atom, Criterion | bool]) -> Criterion | bool:
    """Return a criterion with some atoms replaced, each by its answer or by another criterion, and simplified.

    Returns:
        What is left of the criterion, or its truth when nothing is left to decide.
    """
    match criterion:
        case And(operands):
            return _joined(And, [with_answers(operand, answers) for operand in operands], neutral=True)
        case Or(operands):
            return _joined(Or, [with_answers(operand, answers) for operand in operands], neutral=False)
        case Not(operand):
            inside = with_answers(operand, answers)
            return not inside if isinstance(inside, bool) else Not(inside)
        case _:
            return answers.get(criterion, criterion)


def _joined(connective: type[And | Or], parts: list[Criterion | bool], neutral: bool) -> Criterion | bool:
    """Join simplified operands; `neutral` is the truth that changes nothing under the connective."""
    undecided = [part for part in parts if not isinstance(part, bool)]
    if any(part is (not neutral) for part in parts):
        return not neutral
    if len(undecided) < 2:
        return undecided[0] if undecided else neutral
    return connective(tuple(undecided))
