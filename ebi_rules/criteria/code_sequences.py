"""Find the codes that an activity must have for some atoms to be true and others false.

Codes fall into cells: the sets of lists that one code can be in at once. A list is then a set of cells, one bit each of
a whole number, so that what a code may be is worked out by a few operations however many codes the lists have. This
module does not know which codes a classification really has.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ebi_rules.criteria.nodes import SPELL_FIELD, CodeAtom, FollowedBy, HasCode, Position, Recorded, lists_named
from ebi_rules.criteria.search_budget import Budget
from opcs_icd import OPCS4, CodeList

_PLAIN_CODES = [f"{letter}{number}" for number in (629, 119, 250) for letter in "XE" + OPCS4.letters]
"""Codes of both classifications, from which to take one that is in no list."""


class CodeSequences:
    """The sequences of codes that one code field can have, as far as some atoms can tell them apart.

    Args:
        field: The code field.
        atoms: The atoms about it.
    """

    def __init__(self, field: str, atoms: Iterable[CodeAtom]) -> None:
        self._is_single = field in SPELL_FIELD.values()
        lists = list(dict.fromkeys(named.codes for atom in atoms for named in lists_named(atom)))
        cells = list(_cells(lists))
        self._codes = [code for _, code in cells]
        self._everything = (1 << len(cells)) - 1
        bits = dict.fromkeys(range(len(lists)), 0)
        for place, (members, _) in enumerate(cells):
            for member in members:
                bits[member] |= 1 << place
        self._cells_of = {codes: bits[place] for place, codes in enumerate(lists)}

    def are_connected(self, one: CodeAtom, other: CodeAtom) -> bool:
        """Return whether the answer to one atom can limit the answer to another.

        Codes that are in no list of one atom can be added after its own codes, so two atoms that ask about any code are
        independent unless their lists have a code in common.
        """
        if self._is_single or isinstance(one, Recorded) or isinstance(other, Recorded):
            return True
        if not _is_about_any(one) and not _is_about_any(other):
            return True
        return bool(self._all_cells(one) & self._all_cells(other))

    def solution(self, literals: Mapping[CodeAtom, bool], budget: Budget) -> tuple[str, ...] | None:
        """Return the shortest sequence of codes under which atoms are as given, or None if there is none.

        Args:
            literals: Atoms, and whether each is true.
            budget: The work that may still be done.

        Raises:
            TooComplexError: Deciding takes too long.
        """
        if any(isinstance(atom, Recorded) and not is_true for atom, is_true in literals.items()):
            return None if any(literals.values()) else ()
        demands = _Demands.of(self, literals)
        if demands.ordered:
            return self._search(demands, budget)
        return self._directly(demands)

    def cells(self, codes: CodeList) -> int:
        """Return the cells of a list, as the bits of a whole number."""
        return self._cells_of[codes]

    @property
    def everything(self) -> int:
        """All cells."""
        return self._everything

    @property
    def is_single(self) -> bool:
        """Whether the field has one code at most."""
        return self._is_single

    def _all_cells(self, atom: CodeAtom) -> int:
        cells = 0
        for named in lists_named(atom):
            cells |= self._cells_of[named.codes]
        return cells

    def _code(self, cells: int) -> str:
        """Return the code of the first of some cells."""
        return self._codes[(cells & -cells).bit_length() - 1]

    def _directly(self, demands: "_Demands") -> tuple[str, ...] | None:
        """Return a sequence where no demand is about order: what only the first code can meet, it must meet."""
        if not demands.needs_a_code:
            return ()
        first = demands.first
        for cells in demands.anywhere:
            if not cells & demands.later:
                first &= cells
        if not first or not all(cells & demands.later for cells in demands.among_later):
            return None
        wishes = [cells for cells in demands.anywhere if first & cells]
        for cells in wishes:
            first = first & cells or first
        chosen = first & -first
        later: list[int] = []
        for cells in [*demands.among_later, *(each for each in demands.anywhere if not each & chosen)]:
            if not any(cells & other for other in later):
                possible = cells & demands.later
                later.append(possible & -possible)
        return tuple(self._code(cell) for cell in (chosen, *later))

    def _search(self, demands: "_Demands", budget: Budget) -> tuple[str, ...] | None:
        """Return a shortest sequence where some demands are about order, by adding one code after another."""
        start = _Progress(0, frozenset(range(len(demands.wanted))), frozenset(), frozenset())
        queue: list[tuple[_Progress, tuple[str, ...]]] = [(start, ())]
        known = {start}
        kinds = list(self._kinds(demands))
        for progress, codes in queue:
            budget.spend(len(kinds))
            if not progress.unmet and (codes or not demands.needs_a_code):
                return codes
            for cell in kinds:
                onward = demands.after(progress, cell, is_first=not codes)
                if onward is not None and onward not in known:
                    known.add(onward)
                    queue.append((onward, (*codes, self._code(cell))))
        return None

    def _kinds(self, demands: "_Demands") -> Iterator[int]:
        """Return one cell of each kind that the demands tell apart."""
        known = set()
        masks = demands.masks
        for place in range(len(self._codes)):
            cell = 1 << place
            kind = tuple(bool(cell & mask) for mask in masks)
            if kind not in known:
                known.add(kind)
                yield cell


@dataclass(frozen=True)
class _Progress:
    """How far a sequence of codes has come.

    Attributes:
        length: 0 without a code, else 1.
        unmet: Which demands are not yet met.
        begun: Of the demands for an order, those of which the first code is there.
        closed: Of the orders that may not be, those of which the first code is there.
    """

    length: int
    unmet: frozenset[int]
    begun: frozenset[int]
    closed: frozenset[int]


@dataclass(frozen=True)
class _Demands:
    """What atoms require of a sequence of codes, in cells.

    Attributes:
        first: What the first code may be.
        later: What other codes may be.
        anywhere: For each list, that a code of it is somewhere.
        among_later: For each list, that a code of it is not first.
        orders: Two lists each: a code of the first is before one of the second.
        no_orders: Two lists each: no code of the first is before one of the second.
        needs_a_code: Whether there must be any code.
    """

    first: int
    later: int
    anywhere: tuple[int, ...]
    among_later: tuple[int, ...]
    orders: tuple[tuple[int, int], ...]
    no_orders: tuple[tuple[int, int], ...]
    needs_a_code: bool

    @classmethod
    def of(cls, sequences: CodeSequences, literals: Mapping[CodeAtom, bool]) -> "_Demands":
        first = later = sequences.everything
        anywhere: list[int] = []
        among_later: list[int] = []
        orders: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        for atom, is_true in literals.items():
            match atom:
                case FollowedBy(one, other):
                    orders[is_true].append((sequences.cells(one.codes), sequences.cells(other.codes)))
                case HasCode(named, position):
                    cells = sequences.cells(named.codes)
                    is_first = sequences.is_single or position is Position.PRIMARY
                    if is_first:
                        first &= cells if is_true else ~cells
                    elif is_true:
                        (among_later if position is Position.SECONDARY else anywhere).append(cells)
                    else:
                        later &= ~cells
                        first &= sequences.everything if position is Position.SECONDARY else ~cells
                case Recorded():
                    pass
        needs_a_code = any(literals.values())
        return cls(
            first, later, tuple(anywhere), tuple(among_later), tuple(orders[True]), tuple(orders[False]), needs_a_code
        )

    @property
    def ordered(self) -> bool:
        """Whether anything is demanded about order."""
        return bool(self.orders or self.no_orders)

    @cached_property
    def wanted(self) -> tuple[tuple[int, int], ...]:
        """What must be met: cells, and cells that must be before them (0 for no matter what)."""
        return (*((cells, 0) for cells in (*self.anywhere, *self.among_later)), *((b, a) for a, b in self.orders))

    @property
    def masks(self) -> list[int]:
        """Every set of cells that tells codes apart."""
        pairs = (*self.orders, *self.no_orders)
        return [self.first, self.later, *self.anywhere, *self.among_later, *(cells for pair in pairs for cells in pair)]

    def after(self, progress: _Progress, cell: int, is_first: bool) -> _Progress | None:
        """Return how far a sequence comes by one more code, or None if the code may not be there."""
        if not cell & (self.first if is_first else self.later):
            return None
        if any(cell & self.no_orders[place][1] for place in progress.closed):
            return None
        met = {place for place in progress.unmet if self._is_met(place, progress, cell, is_first)}
        begun = progress.begun | {place for place, (_, before) in enumerate(self.wanted) if before & cell}
        closed = progress.closed | {place for place, (before, _) in enumerate(self.no_orders) if before & cell}
        return _Progress(1, progress.unmet - met, (begun & progress.unmet) - met, closed)

    def _is_met(self, place: int, progress: _Progress, cell: int, is_first: bool) -> bool:
        cells, before = self.wanted[place]
        if not cells & cell:
            return False
        if before:
            return place in progress.begun
        is_among_later = len(self.anywhere) <= place < len(self.anywhere) + len(self.among_later)
        return not (is_first and is_among_later)


def _is_about_any(atom: CodeAtom) -> bool:
    return isinstance(atom, HasCode) and atom.position is Position.ANY


def _cells(lists: Sequence[CodeList]) -> Iterator[tuple[frozenset[int], str]]:
    """Return every set of lists (by their place) that one code can be in at once, with such a code, plainest first."""
    in_none = next((code for code in _PLAIN_CODES if not any(code in codes for codes in lists)), None)
    if in_none is not None:
        yield frozenset(), in_none
    known = {frozenset[int]()}
    members_by_prefix: dict[str, set[int]] = {}
    for place, codes in enumerate(lists):
        for prefix in codes.prefixes:
            members_by_prefix.setdefault(prefix, set()).add(place)
    cells: list[tuple[str, frozenset[int]]] = []
    shorter: list[tuple[str, frozenset[int]]] = []
    for prefix in sorted(members_by_prefix):
        while shorter and not prefix.startswith(shorter[-1][0]):
            shorter.pop()
        members = frozenset(members_by_prefix[prefix] | (shorter[-1][1] if shorter else set()))
        shorter.append((prefix, members))
        if members not in known:
            known.add(members)
            cells.append((prefix, members))
    for prefix, members in sorted(cells, key=lambda cell: (len(cell[0]), cell[0])):
        yield members, prefix
