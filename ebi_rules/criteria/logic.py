"""What criteria can hold together, decided and not guessed: every combination of answers that atoms can have.

Codes fall into cells, which are the sets of lists that a code can be in at once; the answers about an activity's
codes are found by adding one code of each cell after another until no new answers come. A field has finitely many
kinds of value. Answers about different fields are free of each other, so a formula is decided field by field. Nothing
here knows which codes a classification really has.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.evaluate import holds
from ebi_rules.criteria.fields import FIELDS, Field, Kind
from ebi_rules.criteria.nodes import (
    CODE_FIELDS,
    SPELL_FIELD,
    And,
    Between,
    CodeAtom,
    Compare,
    Criterion,
    FieldAtom,
    FollowedBy,
    HasCode,
    In,
    IsNull,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
    atoms,
    lists_named,
)
from opcs_icd import OPCS4, CodeList, CodeSystem

Atom = CodeAtom | FieldAtom

_PLAIN_CODES = [f"{letter}{number}" for number in (629, 119, 250) for letter in "XE" + OPCS4.letters]
"""Codes of either classification, from which one is taken that is in no list."""


@dataclass(frozen=True)
class Answers:
    """What an activity may hold in one field, and the atoms about that field which are then true."""

    field: str
    value: object
    true: frozenset[Atom]


def possible(criterion: Criterion) -> bool:
    """Say whether some activity meets the criterion."""
    return _search(criterion, list(possible_answers(criterion))) is not None


def witness(criterion: Criterion) -> Activity | None:
    """Give a plain activity that meets the criterion; None when no activity can."""
    found = _search(criterion, list(possible_answers(criterion)))
    return None if found is None else Activity.of({answers.field: answers.value for answers in found})


def equivalent(one: Criterion, other: Criterion) -> bool:
    """Say whether two criteria hold for the same activities."""
    return not possible(Or((And((one, Not(other))), And((other, Not(one))))))


def implies(one: Criterion, other: Criterion) -> bool:
    """Say whether every activity that meets `one` meets `other`."""
    return not possible(And((one, Not(other))))


def is_decisive(atom: Atom, criterion: Criterion, activity: Activity) -> bool:
    """Say whether the criterion's answer for an activity hangs on one atom alone: with the other it would flip."""
    otherwise = with_answers(criterion, {atom: not holds(atom, activity)})
    answer = otherwise if isinstance(otherwise, bool) else holds(otherwise, activity)
    return answer != holds(criterion, activity)


def possible_answers(criterion: Criterion) -> Iterator[list[Answers]]:
    """Give, for each field that a criterion asks about, all that an activity may hold in it.

    Values of the same answers stand once, the plainest of them; nothing recorded comes first.
    """
    asked: dict[str, dict[Atom, None]] = {}
    for atom in atoms(criterion):
        asked.setdefault(_field(atom), {})[atom] = None
    for name, of_field in asked.items():
        yield list(_code_answers(name, list(of_field)) if name in CODE_FIELDS else _value_answers(name, of_field))


def codes_by_sign(criterion: Criterion) -> dict[bool, dict[CodeSystem, CodeList]]:
    """Give the codes that a criterion asks for (True) and those that it excludes (False), by classification."""
    prefixes: dict[tuple[bool, CodeSystem], list[str]] = {}

    def walk(node: Criterion, wanted: bool) -> None:
        match node:
            case And(operands) | Or(operands):
                for operand in operands:
                    walk(operand, wanted)
            case Not(operand):
                walk(operand, not wanted)
            case FollowedBy() | HasCode():
                for named in lists_named(node):
                    prefixes.setdefault((wanted, named.system), []).extend(named.codes.prefixes)

    walk(criterion, wanted=True)
    return {
        wanted: {system: CodeList(system, prefixes.get((wanted, system), ())) for system in CodeSystem}
        for wanted in (True, False)
    }


def with_answers(criterion: Criterion, answers: Mapping[Atom, Criterion | bool]) -> Criterion | bool:
    """Give what is left of a criterion once some atoms are answered, or have another criterion in their place."""
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
    left = [part for part in parts if not isinstance(part, bool)]
    if any(part is (not neutral) for part in parts):
        return not neutral
    if len(left) < 2:
        return left[0] if left else neutral
    return connective(tuple(left))


def _search(criterion: Criterion, fields: list[list[Answers]]) -> list[Answers] | None:
    """Give answers, one a field, under which the criterion holds; None when there are none."""
    hopeless: set[tuple[int, Criterion]] = set()

    def search(left: Criterion | bool, place: int) -> list[Answers] | None:
        if isinstance(left, bool) or place == len(fields):
            return [] if left is True else None
        if (place, left) in hopeless:
            return None
        asked = {atom for atom in atoms(left) if _field(atom) == fields[place][0].field}
        for answers in fields[place]:
            found = search(with_answers(left, {atom: atom in answers.true for atom in asked}), place + 1)
            if found is not None:
                return [answers, *found]
        hopeless.add((place, left))
        return None

    return search(criterion, 0)


def _field(atom: Atom) -> str:
    return atom.code_field if isinstance(atom, FollowedBy | HasCode | Recorded) else atom.field


def _code_answers(name: str, asked: list[Atom]) -> Iterator[Answers]:
    """Add a code of each cell after another, until no new answers come."""
    about_codes = [atom for atom in asked if isinstance(atom, FollowedBy | HasCode | Recorded)]
    cells = _cells([named.codes for atom in about_codes for named in lists_named(atom)])
    longest = 1 if name in SPELL_FIELD.values() else None
    start: tuple[tuple[str, ...], frozenset[CodeList], frozenset[Atom]] = ((), frozenset(), frozenset())
    waiting, met, told = [start], {(False, start[1], start[2])}, set[frozenset[Atom]]()
    for codes, seen, true in waiting:
        if true not in told:
            told.add(true)
            yield Answers(name, codes, true)
        if longest is not None and len(codes) >= longest:
            continue
        for lists, code in cells.items():
            added = true | {atom for atom in about_codes if _is_met(atom, lists, seen, first=not codes)}
            state = (True, seen | lists, added)
            if state not in met:
                met.add(state)
                waiting.append(((*codes, code), seen | lists, added))


def _is_met(atom: CodeAtom, lists: frozenset[CodeList], seen: frozenset[CodeList], first: bool) -> bool:
    """Say whether one more code, which is in `lists`, makes an atom true."""
    match atom:
        case FollowedBy(before, after):
            return before.codes in seen and after.codes in lists
        case HasCode(named, Position.ANY):
            return named.codes in lists
        case HasCode(named, Position.SECONDARY):
            return not first and named.codes in lists
        case HasCode(named):
            return first and named.codes in lists
        case Recorded():
            return True
    assert False, f"Unhandled node: {atom}"


def _cells(lists: list[CodeList]) -> Mapping[frozenset[CodeList], str]:
    """Give every set of lists that one code can be in at once, with such a code."""
    in_none = next(code for code in _PLAIN_CODES if not any(code in codes for codes in lists))
    prefixes = sorted(
        {prefix for codes in lists for prefix in codes.prefixes}, key=lambda prefix: (len(prefix), prefix)
    )
    cells: dict[frozenset[CodeList], str] = {}
    for code in [in_none, *prefixes]:
        cells.setdefault(frozenset(codes for codes in lists if code in codes), code)
    return cells


def _value_answers(name: str, asked: Iterable[Atom]) -> Iterator[Answers]:
    told = set()
    for value in [None, *_values(FIELDS[name], asked)]:
        activity = Activity.of({name: value})
        true = frozenset(atom for atom in asked if holds(atom, activity))
        if true not in told:
            told.add(true)
            yield Answers(name, value, true)


def _values(definition: Field, asked: Iterable[Atom]) -> Sequence[str | int]:
    """Give values of every kind that atoms tell apart."""
    values: list[str | int] = []
    for atom in asked:
        match atom:
            case Between(_, low, high):
                values += [low, high]
            case Compare(_, _, value):
                values.append(value)
            case In(_, several):
                values += several
            case StartsWith(_, prefix):
                values.append(prefix)
            case IsNull():
                pass
    if definition.kind is Kind.NUMBER:
        numbers = {1} | {int(value) + step for value in values for step in (0, 1, -1)}
        return sorted(number for number in numbers if number >= 0)
    width = definition.width or 1
    texts = [str(value) for value in values]
    longer = [text.ljust(width, digit) for text in texts for digit in "1230"]
    return list(dict.fromkeys([*longer, *definition.meanings, "Z" * width, "1" * width]))
