"""The nodes of a criterion: everything that a rule can require of an activity.

Each node is frozen and checks itself when it is built, so a wrong node cannot exist and no translator checks again. An
atom is true or false, never unknown: about a missing value it is false (except `IsNull`, which tests for that), and
`Not` reverses it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from ebi_rules._support.errors import RuleError
from ebi_rules.criteria.fields import FIELDS, Field, Kind
from opcs_icd import ICD10, OPCS4, CodeList, CodeSystem, ImagingCodes, ImagingSystem

Comparison = Literal["=", "<", "<=", ">", ">="]

_PLAIN_TEXT = re.compile(r"[0-9A-Z]+")


class CriterionError(RuleError):
    """A criterion makes no sense. The message says what is wrong and how to repair it."""


class Position(Enum):
    """Which of an activity's codes are looked at.

    `ANY` is all of them, `PRIMARY` the first, `SECONDARY` all but the first. `SPELL` is the one code of a whole
    admitted spell: its dominant procedure or its primary diagnosis, for which some extracts have a column.
    """

    ANY = "any"
    PRIMARY = "primary"
    SECONDARY = "secondary"
    SPELL = "spell"


@dataclass(frozen=True)
class NamedCodes:
    """A code list and its name in a rule.

    Attributes:
        name: The name in the rule file.
        codes: The codes, all of one classification.
    """

    name: str
    codes: CodeList

    @property
    def system(self) -> CodeSystem:
        return self.codes.system


@dataclass(frozen=True)
class NamedImagingCodes:
    """A list of imaging codes and its name in a rule.

    Attributes:
        name: The name in the rule file.
        codes: The codes, all of one kind.
    """

    name: str
    codes: ImagingCodes

    @property
    def system(self) -> ImagingSystem:
        return self.codes.system


@dataclass(frozen=True)
class And:
    """All operands hold."""

    operands: tuple["Criterion", ...]

    def __post_init__(self) -> None:
        _require_operands(self.operands)


@dataclass(frozen=True)
class Between:
    """A number is between two bounds, both included."""

    field: str
    low: int
    high: int

    def __post_init__(self) -> None:
        _require_number(self.field)
        if self.low > self.high:
            raise CriterionError(
                f"{self.field} BETWEEN {self.low} AND {self.high} can never be true: "
                f"write BETWEEN {self.high} AND {self.low}."
            )


@dataclass(frozen=True)
class Compare:
    """The comparison of a field with a value is true. Codes can only be equal; numbers also have an order."""

    field: str
    operator: Comparison
    value: str | int

    def __post_init__(self) -> None:
        definition = _testable(self.field)
        if definition.kind is Kind.NUMBER:
            _require_integer(self.field, self.value)
        elif self.operator != "=":
            raise CriterionError(f"{self.field} contains codes, which have no order: use =, <> or IN.")
        else:
            _require_code(definition, self.value)


@dataclass(frozen=True)
class FollowedBy:
    """Some code of `second` comes later in the order of the activity's codes than some code of `first`."""

    first: NamedCodes
    second: NamedCodes

    def __post_init__(self) -> None:
        if self.first.system is not self.second.system:
            raise CriterionError(
                f"{self.first.name} contains {self.first.system.value} codes and {self.second.name} "
                f"{self.second.system.value} codes: both lists must be of one classification."
            )

    @property
    def code_field(self) -> str:
        return CODE_FIELD[self.first.system]


@dataclass(frozen=True)
class HasCode:
    """Some code of the activity at this position is in the list."""

    codes: NamedCodes
    position: Position = Position.ANY

    @property
    def code_field(self) -> str:
        return (SPELL_FIELD if self.position is Position.SPELL else CODE_FIELD)[self.codes.system]


@dataclass(frozen=True)
class In:
    """A field's code is one of the values."""

    field: str
    values: tuple[str | int, ...]

    def __post_init__(self) -> None:
        definition = _testable(self.field)
        if not self.values:
            raise CriterionError(f"{self.field} IN () can never be true: list at least one value.")
        for value in self.values:
            if definition.kind is Kind.NUMBER:
                _require_integer(self.field, value)
            else:
                _require_code(definition, value)


@dataclass(frozen=True)
class InList:
    """A field's imaging code is in a code list. Codes are compared whole."""

    codes: NamedImagingCodes

    @property
    def field(self) -> str:
        return IMAGING_FIELD[self.codes.system]

    @property
    def values(self) -> tuple[str, ...]:
        return self.codes.codes.codes


@dataclass(frozen=True)
class IsNull:
    """A field has no value."""

    field: str

    def __post_init__(self) -> None:
        _testable(self.field)


@dataclass(frozen=True)
class Not:
    """The operand does not hold."""

    operand: "Criterion"

    def __post_init__(self) -> None:
        _require_operands((self.operand,))


@dataclass(frozen=True)
class Or:
    """At least one operand holds."""

    operands: tuple["Criterion", ...]

    def __post_init__(self) -> None:
        _require_operands(self.operands)


@dataclass(frozen=True)
class Recorded:
    """The activity has at least one code of the classification."""

    system: CodeSystem

    @property
    def code_field(self) -> str:
        return CODE_FIELD[self.system]


@dataclass(frozen=True)
class StartsWith:
    """The code in a field begins with this prefix."""

    field: str
    prefix: str

    def __post_init__(self) -> None:
        definition = _testable(self.field)
        if definition.kind is not Kind.CODE:
            raise CriterionError(f"{self.field} is a {definition.kind.value}: starts_with requires a code.")
        _require_plain(self.field, self.prefix)


CodeAtom = FollowedBy | HasCode | Recorded
FieldAtom = Between | Compare | In | InList | IsNull | StartsWith
Criterion = And | Or | Not | CodeAtom | FieldAtom

_NODES = (And, Between, Compare, FollowedBy, HasCode, In, InList, IsNull, Not, Or, Recorded, StartsWith)


def atoms(criterion: Criterion) -> Iterator[CodeAtom | FieldAtom]:
    """Return the atoms of a criterion from left to right, with repeats.

    Example:
        >>> adult = And((IsNull("sex"), Not(Between("age", 0, 18))))
        >>> list(atoms(adult))
        [IsNull(field='sex'), Between(field='age', low=0, high=18)]
    """
    match criterion:
        case And(operands) | Or(operands):
            for operand in operands:
                yield from atoms(operand)
        case Not(operand):
            yield from atoms(operand)
        case _:
            yield criterion


def code_atoms(criterion: Criterion) -> Iterator[CodeAtom]:
    """Return the atoms about codes from left to right, with repeats."""
    for atom in atoms(criterion):
        if isinstance(atom, FollowedBy | HasCode | Recorded):
            yield atom


def fields_needed(criterion: Criterion) -> tuple[str, ...]:
    """Return the canonical fields in a criterion, code fields among them, in order and each once.

    Example:
        >>> fields_needed(And((IsNull("sex"), Recorded(OPCS4))))
        ('sex', 'procedures')
    """
    names = (
        atom.code_field if isinstance(atom, FollowedBy | HasCode | Recorded) else atom.field
        for atom in atoms(criterion)
    )
    return tuple(dict.fromkeys(names))


def lists_named(atom: CodeAtom) -> tuple[NamedCodes, ...]:
    """Return the code lists in an atom."""
    match atom:
        case HasCode(codes):
            return (codes,)
        case FollowedBy(first, second):
            return (first, second)
        case Recorded():
            return ()


def imaging_lists(criterion: Criterion) -> Iterator[NamedImagingCodes]:
    """Return the lists of imaging codes in a criterion from left to right, with repeats."""
    for atom in atoms(criterion):
        if isinstance(atom, InList):
            yield atom.codes


IMAGING_FIELD = {ImagingSystem.NICIP: "nicip", ImagingSystem.SNOMED: "snomed"}
"""The field that contains the imaging code of each kind: one code per examination."""

CODE_FIELD = {OPCS4: "procedures", ICD10: "diagnoses"}
"""The field that contains the codes of each classification, in order."""

SPELL_FIELD = {OPCS4: "dominant_procedure", ICD10: "spell_primary_diagnosis"}
"""The field that contains the one code of a whole admitted spell."""

CODE_FIELDS = {name: system for fields in (CODE_FIELD, SPELL_FIELD) for system, name in fields.items()}
"""Every code field with its classification."""


def _require_operands(operands: tuple["Criterion", ...]) -> None:
    assert operands, "a connective requires operands"
    for operand in operands:
        assert isinstance(operand, _NODES), f"Unhandled node: {operand}"


def _testable(name: str) -> Field:
    definition = FIELDS.get(name)
    if definition is None or not definition.testable:
        raise CriterionError(f"a criterion cannot use the field {name}.")
    return definition


def _require_number(name: str) -> None:
    if _testable(name).kind is not Kind.NUMBER:
        raise CriterionError(f"{name} contains codes, which have no order: use =, <> or IN.")


def _require_integer(name: str, value: str | int) -> None:
    if not isinstance(value, int):
        raise CriterionError(f"{name} is a number: write {value} without quotation marks.")


def _require_code(definition: Field, value: str | int) -> None:
    if not isinstance(value, str):
        raise CriterionError(f"{definition.name} contains codes: write '{value}' in quotation marks.")
    _require_plain(definition.name, value)
    if definition.width and len(value) < definition.width:
        raise CriterionError(
            f"codes of {definition.name} have {definition.width} characters: "
            f"write '{value.rjust(definition.width, '0')}' for '{value}'."
        )


def _require_plain(name: str, value: str) -> None:
    if not _PLAIN_TEXT.fullmatch(value) or value == "NULL":
        raise CriterionError(f"'{value}' is not a code of {name}: codes are capital letters and digits.")
