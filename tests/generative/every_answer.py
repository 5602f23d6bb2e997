"""What criteria can mean, by going through every possible answer: slow, obvious, and written before the fast way."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.evaluate import holds
from ebi_rules.criteria.fields import FIELDS, Field, Kind
from ebi_rules.criteria.logic import with_answers
from ebi_rules.criteria.nodes import (
    CODE_FIELDS,
    SPELL_FIELD,
    Between,
    CodeAtom,
    Compare,
    Criterion,
    FieldAtom,
    FollowedBy,
    HasCode,
    In,
    IsNull,
    Position,
    Recorded,
    StartsWith,
    atoms,
    lists_named,
)
from opcs_icd import OPCS4, CodeList

Atom = CodeAtom | FieldAtom

_PLAIN_CODES = [f"{letter}{number}" for number in (629, 119, 250) for letter in "XE" + OPCS4.letters]
"""Codes of both classifications, from which to take one that is in no list."""


@dataclass(frozen=True)
class Answers:
    """A possible value of one field, and what is then true.

    Attributes:
        field: The canonical field.
        value: The value, or the codes in order.
        true: The atoms about the field that are true of this value.
    """

    field: str
    value: object
    true: frozenset[Atom]


def possible(criterion: Criterion) -> bool:
    """Return whether any activity can meet the criterion."""
    return _search(criterion, list(possible_answers(criterion))) is not None


def possible_answers(criterion: Criterion) -> Iterator[list[Answers]]:
    """Return every possible value of each field in a criterion, one list per field.

    Of the values with the same answers only the simplest is listed; a missing value is first.
    """
    atoms_by_field: dict[str, dict[Atom, None]] = {}
    for atom in atoms(criterion):
        atoms_by_field.setdefault(_field(atom), {})[atom] = None
    for name, field_atoms in atoms_by_field.items():
        yield list(_code_answers(name, field_atoms) if name in CODE_FIELDS else _value_answers(name, field_atoms))


def _search(criterion: Criterion, fields: list[list[Answers]]) -> list[Answers] | None:
    """Return answers, one per field, under which the criterion holds, None when there are none."""
    hopeless: set[tuple[int, Criterion]] = set()

    def search(remainder: Criterion | bool, place: int) -> list[Answers] | None:
        if isinstance(remainder, bool) or place == len(fields):
            return [] if remainder is True else None
        if (place, remainder) in hopeless:
            return None
        field_atoms = {atom for atom in atoms(remainder) if _field(atom) == fields[place][0].field}
        for answers in fields[place]:
            simplified = with_answers(remainder, {atom: atom in answers.true for atom in field_atoms})
            solution = search(simplified, place + 1)
            if solution is not None:
                return [answers, *solution]
        hopeless.add((place, remainder))
        return None

    return search(criterion, 0)


def _field(atom: Atom) -> str:
    return atom.code_field if isinstance(atom, FollowedBy | HasCode | Recorded) else atom.field


def _code_answers(name: str, field_atoms: Iterable[Atom]) -> Iterator[Answers]:
    """Return the answers about one code field: add a code of each cell after another until no new answers come."""
    code_atoms = [atom for atom in field_atoms if isinstance(atom, FollowedBy | HasCode | Recorded)]
    cells = _cells([named.codes for atom in code_atoms for named in lists_named(atom)])
    longest = 1 if name in SPELL_FIELD.values() else None
    start: tuple[tuple[str, ...], frozenset[CodeList], frozenset[Atom]] = ((), frozenset(), frozenset())
    queue = [start]
    states = {(False, start[1], start[2])}
    known_answers = set[frozenset[Atom]]()
    for codes, lists_before, true in queue:
        if true not in known_answers:
            known_answers.add(true)
            yield Answers(name, codes, true)
        if longest is not None and len(codes) >= longest:
            continue
        for lists, code in cells.items():
            new_true = true | {atom for atom in code_atoms if _is_met(atom, lists, lists_before, first=not codes)}
            state = (True, lists_before | lists, new_true)
            if state not in states:
                states.add(state)
                queue.append(((*codes, code), lists_before | lists, new_true))


def _is_met(atom: CodeAtom, lists: frozenset[CodeList], lists_before: frozenset[CodeList], first: bool) -> bool:
    """Return whether one more code makes an atom true.

    Args:
        atom: The atom.
        lists: The lists that contain the code.
        lists_before: The lists that contain any of the codes before it.
        first: Whether there are no codes before it.
    """
    match atom:
        case FollowedBy(before, after):
            return before.codes in lists_before and after.codes in lists
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
    """Return every set of lists that one code can be in at once, with such a code."""
    in_none = next(code for code in _PLAIN_CODES if not any(code in codes for codes in lists))
    prefixes = {prefix for codes in lists for prefix in codes.prefixes}
    cells: dict[frozenset[CodeList], str] = {}
    for code in [in_none, *sorted(prefixes, key=lambda prefix: (len(prefix), prefix))]:
        cells.setdefault(frozenset(codes for codes in lists if code in codes), code)
    return cells


def _value_answers(name: str, field_atoms: Iterable[Atom]) -> Iterator[Answers]:
    known_answers = set()
    for value in [None, *_values(FIELDS[name], field_atoms)]:
        activity = Activity.of({name: value})
        true = frozenset(atom for atom in field_atoms if holds(atom, activity))
        if true not in known_answers:
            known_answers.add(true)
            yield Answers(name, value, true)


def _values(definition: Field, field_atoms: Iterable[Atom]) -> Sequence[str | int]:
    """Return at least one value of every kind that the atoms distinguish."""
    values: list[str | int] = []
    for atom in field_atoms:
        match atom:
            case Between(_, low, high):
                values += [low, high]
            case Compare(_, _, value):
                values.append(value)
            case In(_, listed):
                values += listed
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
