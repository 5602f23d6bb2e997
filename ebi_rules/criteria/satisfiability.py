"""Find out whether an activity can meet a criterion, without going through all combinations of answers.

A criterion is divided into demands that must all be met. Demands that have nothing to do with each other are decided
apart. What can be concluded is concluded first; only then is an alternative tried. What the atoms about one field can
mean together is known to `code_sequences` and `field_values`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.code_sequences import CodeSequences
from ebi_rules.criteria.field_values import FieldValues
from ebi_rules.criteria.nodes import (
    CODE_FIELDS,
    And,
    CodeAtom,
    Criterion,
    FieldAtom,
    FollowedBy,
    HasCode,
    Not,
    Or,
    Recorded,
    atoms,
)
from ebi_rules.criteria.search_budget import Budget

Atom = CodeAtom | FieldAtom
Answers = Mapping[Atom, bool]


@dataclass(frozen=True)
class _Literal:
    """An atom is true, or it is false."""

    atom: Atom
    is_true: bool


@dataclass(frozen=True)
class _Together:
    """All parts hold."""

    parts: tuple["_Demand", ...]


@dataclass(frozen=True)
class _Alternatives:
    """Some part holds."""

    parts: tuple["_Demand", ...]


_Demand = _Literal | _Together | _Alternatives


class Satisfiability:
    """What criteria can mean that are made of known atoms.

    Args:
        criteria: Criteria that have all the atoms.
        budget: The work that all questions together may take.
    """

    def __init__(self, criteria: Iterable[Criterion], budget: Budget | None = None) -> None:
        self._budget = budget or Budget()
        by_field: dict[str, dict[Atom, None]] = {}
        for criterion in criteria:
            for atom in atoms(criterion):
                by_field.setdefault(_field(atom), {})[atom] = None
        self._codes = {name: CodeSequences(name, each) for name, each in by_field.items() if name in CODE_FIELDS}  # type: ignore[arg-type]
        self._values = {name: FieldValues(name, each) for name, each in by_field.items() if name not in CODE_FIELDS}  # type: ignore[arg-type]

    def possible(self, criterion: Criterion) -> bool:
        """Return whether any activity can meet a criterion.

        Raises:
            TooComplexError: Deciding takes too long.
        """
        return self.witness(criterion) is not None

    def equivalent(self, one: Criterion, other: Criterion) -> bool:
        """Return whether two criteria hold for the same activities.

        Raises:
            TooComplexError: Deciding takes too long.
        """
        return self.implies(one, other) and self.implies(other, one)

    def implies(self, one: Criterion, other: Criterion) -> bool:
        """Return whether every activity that meets `one` also meets `other`.

        Raises:
            TooComplexError: Deciding takes too long.
        """
        return not self.possible(And((one, Not(other))))

    def witness(self, criterion: Criterion) -> Activity | None:
        """Return a simple activity that meets a criterion, or None if no activity can.

        Raises:
            TooComplexError: Deciding takes too long.
        """
        answers = self._search([_demand(criterion, sign=True)], {})
        if answers is None:
            return None
        fields = {name: self._solution(name, answers) for name in {_field(atom): None for atom in answers}}
        assert None not in fields.values(), "demands that were decided apart are not independent"
        values = {name: value if name in CODE_FIELDS else value[0] for name, value in fields.items() if value}
        return Activity.of(values)

    def _search(self, demands: Iterable[_Demand], known: Answers) -> Answers | None:
        """Return answers to atoms under which all demands are met, or None if there are none."""
        concluded = _conclude(demands, known, self._budget)
        if concluded is None:
            return None
        answers, alternatives = concluded
        changed = {_field(atom) for atom in answers if atom not in known}
        if any(self._solution(name, answers) is None for name in changed):
            return None
        if not alternatives:
            return answers
        parts = self._apart(alternatives, answers)
        if len(parts) > 1:
            return self._search_each(parts, answers)
        return self._try_each(alternatives, answers)

    def _search_each(self, parts: Sequence[list[_Alternatives]], known: Answers) -> Answers | None:
        """Decide parts that have nothing to do with each other, each by itself."""
        answers = dict(known)
        for part in parts:
            found = self._search(part, known)
            if found is None:
                return None
            answers.update(found)
        return answers

    def _try_each(self, alternatives: list[_Alternatives], known: Answers) -> Answers | None:
        """Try the alternatives of the shortest demand; what failed is false from then on."""
        shortest = min(alternatives, key=lambda demand: len(demand.parts))
        others = [demand for demand in alternatives if demand is not shortest]
        failed: list[_Demand] = []
        for part in shortest.parts:
            found = self._search([part, *failed, *others], known)
            if found is not None:
                return found
            if isinstance(part, _Literal):
                failed.append(_Literal(part.atom, not part.is_true))
        return None

    def _apart(self, alternatives: list[_Alternatives], known: Answers) -> list[list[_Alternatives]]:
        """Divide demands into groups with no atom in one that limits an atom in another."""
        groups: list[tuple[list[Atom], list[_Alternatives]]] = [([atom], []) for atom in known]
        for demand in alternatives:
            asked = list(dict.fromkeys(_atoms(demand)))
            together: tuple[list[Atom], list[_Alternatives]] = (asked, [demand])
            apart = []
            for group in groups:
                self._budget.spend(len(group[0]) * len(asked))
                if any(self._are_connected(one, other) for one in group[0] for other in asked):
                    together = (together[0] + group[0], group[1] + together[1])
                else:
                    apart.append(group)
            groups = [*apart, together]
        return [demands for _, demands in groups if demands]

    def _are_connected(self, one: Atom, other: Atom) -> bool:
        name = _field(one)
        if name != _field(other):
            return False
        if name in CODE_FIELDS:
            return self._codes[name].are_connected(one, other)  # type: ignore[arg-type]
        return True

    def _solution(self, name: str, answers: Answers) -> tuple[str | int | None, ...] | None:
        """Return what a field must have for the answers to its atoms, or None if it cannot have it."""
        literals = {atom: is_true for atom, is_true in answers.items() if _field(atom) == name}
        self._budget.spend(len(answers))
        if name in CODE_FIELDS:
            return self._codes[name].solution(literals, self._budget)  # type: ignore[arg-type]
        return self._values[name].solution(literals)  # type: ignore[arg-type]


def _demand(criterion: Criterion, sign: bool) -> _Demand:
    """Return what a criterion demands, or what its opposite does."""
    match criterion:
        case Not(operand):
            return _demand(operand, not sign)
        case And(operands) | Or(operands):
            kind = _Together if isinstance(criterion, And) is sign else _Alternatives
            return kind(tuple(_demand(operand, sign) for operand in operands))
        case _:
            return _Literal(criterion, sign)


def _conclude(
    demands: Iterable[_Demand], known: Answers, budget: Budget
) -> tuple[dict[Atom, bool], list[_Alternatives]] | None:
    """Return the answers that demands leave no choice about, and the alternatives that remain.

    Returns:
        None if the demands conflict.
    """
    answers = dict(known)
    waiting: list[_Demand] = list(demands)
    alternatives: list[_Alternatives] = []
    while waiting:
        size = len(answers)
        open_demands, waiting = waiting, []
        while open_demands:
            demand = _simplified(open_demands.pop(), answers, budget)
            match demand:
                case False:
                    return None
                case _Literal(atom, is_true):
                    answers[atom] = is_true
                case _Together(parts):
                    open_demands.extend(reversed(parts))
                case _Alternatives():
                    alternatives.append(demand)
        if len(answers) > size and alternatives:
            waiting, alternatives = [*reversed(alternatives)], []
    return answers, alternatives


def _simplified(demand: _Demand, answers: Answers, budget: Budget) -> _Demand | bool:
    """Return what is left of a demand under known answers, or its truth if nothing is."""
    budget.spend()
    if isinstance(demand, _Literal):
        answer = answers.get(demand.atom)
        return demand if answer is None else answer is demand.is_true
    decides = isinstance(demand, _Alternatives)
    parts: dict[_Demand, None] = {}
    for part in demand.parts:
        left = _simplified(part, answers, budget)
        if left is decides:
            return decides
        if not isinstance(left, bool):
            parts[left] = None
    if not parts:
        return not decides
    return next(iter(parts)) if len(parts) == 1 else type(demand)(tuple(parts))


def _atoms(demand: _Demand) -> Iterator[Atom]:
    if isinstance(demand, _Literal):
        yield demand.atom
    else:
        for part in demand.parts:
            yield from _atoms(part)


def _field(atom: Atom) -> str:
    return atom.code_field if isinstance(atom, FollowedBy | HasCode | Recorded) else atom.field
