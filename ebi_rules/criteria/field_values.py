"""Find the value that a field must have for some atoms to be true and others false.

The values that atoms can tell apart are few. An atom is a set of them, one bit each of a whole number.
"""

from collections.abc import Iterable, Mapping, Sequence

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.evaluate import holds
from ebi_rules.criteria.fields import FIELDS, Field, Kind
from ebi_rules.criteria.nodes import Between, Compare, FieldAtom, In, InList, IsNull, StartsWith
from ebi_rules.criteria.normal_values import normal_age


class FieldValues:
    """The values that one field can have, as far as some atoms can tell them apart.

    Args:
        field: The field.
        atoms: The atoms about it.
    """

    def __init__(self, field: str, atoms: Iterable[FieldAtom]) -> None:
        distinct = list(dict.fromkeys(atoms))
        self._field = field
        self._values = list(dict.fromkeys([None, *_values(FIELDS[field], distinct)]))
        self._place = {value: place for place, value in enumerate(self._values)}
        self._true = {atom: self._values_that_meet(atom) for atom in distinct}
        self._everything = (1 << len(self._values)) - 1

    def solution(self, literals: Mapping[FieldAtom, bool]) -> tuple[str | int | None] | None:
        """Return the simplest value under which atoms are as given, as a tuple of one, or None if there is none.

        Args:
            literals: Atoms, and whether each is true.
        """
        left = self._everything
        for atom, is_true in literals.items():
            left &= self._true[atom] if is_true else ~self._true[atom]
        return (self._values[(left & -left).bit_length() - 1],) if left else None

    def _values_that_meet(self, atom: FieldAtom) -> int:
        """Return the values that meet an atom; those that it names are looked up."""
        match atom:
            case In(_, named):
                return self._bits(set(named))
            case InList():
                return self._bits(set(atom.values))
            case Compare(_, "=", value):
                return self._bits({value})
        activities = (Activity.of({self._field: value}) for value in self._values)
        return sum(1 << place for place, activity in enumerate(activities) if holds(atom, activity))

    def _bits(self, named: set[str | int]) -> int:
        return sum(1 << self._place[value] for value in named if value in self._place)


def _values(definition: Field, field_atoms: Iterable[FieldAtom]) -> Sequence[str | int | None]:
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
            case InList():
                values += atom.values
            case StartsWith(_, prefix):
                values.append(prefix)
            case IsNull():
                pass
    if definition.kind is Kind.NUMBER:
        numbers = {1} | {int(value) + step for value in values for step in (0, 1, -1)}
        whole = sorted(number for number in numbers if number >= 0)
        return list(dict.fromkeys(normal_age(number) for number in whole)) if definition.name == "age" else whole
    width = definition.width or 1
    texts = [str(value) for value in values]
    longer = [text.ljust(width, digit) for text in texts for digit in "1230"]
    return list(dict.fromkeys([*longer, *definition.meanings, "Z" * width, "1" * width]))
