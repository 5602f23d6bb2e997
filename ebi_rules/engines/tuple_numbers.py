"""Number the different combinations of a few whole numbers, over batches of rows that are read in parallel.

Pairs of small numbers are looked up in a table with a place for every pair, others in one of pairs that occur, as texts
are by their views. A dictionary has the last word.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt

from ebi_rules.engines.distinct_numbers import number_rows
from ebi_rules.translate.view_table import Numbers, Views, ViewTable

_UNKNOWN = -1
_MOST_PAIRS = 2**22
"""The most places of a table of every pair."""


class TupleNumbers:
    """Number combinations of whole numbers, none below 0, as they are met.

    Args:
        words: How many numbers a combination has; at least one.
    """

    def __init__(self, words: int) -> None:
        self._pairs = [_PairNumbers() for _ in range(max(1, words - 1))]
        self._words = words

    def of(self, words: Sequence[Numbers]) -> Numbers:
        """Return the number of each row's combination."""
        first, *others = words
        for pairs, word in zip(self._pairs, others or [np.zeros_like(first)], strict=True):
            first = pairs.of(first, word)
        return first

    def combinations(self) -> list[Numbers]:
        """Return the numbers that each combination has, by the number of the combination."""
        first, second = self._pairs[-1].pairs()
        found = [second]
        for pairs in reversed(self._pairs[:-1]):
            firsts, seconds = pairs.pairs()
            found.append(seconds[first])
            first = firsts[first]
        return [first, *reversed(found)][: self._words]


class _PairNumbers:
    """Number pairs of whole numbers as they are met."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._every = np.full((1, 1), _UNKNOWN, np.int32)
        self._table = ViewTable()
        self._numbers: dict[tuple[int, int], int] = {}

    def of(self, first: Numbers, second: Numbers) -> Numbers:
        """Return the number of each pair."""
        if not len(first):
            return np.zeros(0, np.int64)
        every = self._with_room(int(first.max()) + 1, int(second.max()) + 1)
        if every is None:
            return self._of_many(first, second)
        numbers: Numbers = every.ravel()[first * every.shape[1] + second].astype(np.int64)
        rows = np.flatnonzero(numbers == _UNKNOWN)
        if len(rows):
            place, number = number_rows([first[rows], second[rows]], len(rows))
            pairs = first[rows][place], second[rows][place]
            with self._lock:
                of_different = self._numbered(*pairs)
                self._every[pairs] = of_different
            numbers[rows] = of_different[number]
        return numbers

    def _with_room(self, height: int, width: int) -> npt.NDArray[np.int32] | None:
        """Return the table of every pair with room for so many numbers; None if that would be too large."""
        every = self._every
        if height <= every.shape[0] and width <= every.shape[1]:
            return every
        with self._lock:
            known = self._every
            rows, columns = (
                max(have, 1 << (need - 1).bit_length()) for have, need in zip(known.shape, (height, width), strict=True)
            )
            if rows * columns > _MOST_PAIRS:
                return None
            every = np.full((rows, columns), _UNKNOWN, np.int32)
            every[: known.shape[0], : known.shape[1]] = known
            self._every = every
        return every

    def _of_many(self, first: Numbers, second: Numbers) -> Numbers:
        """Return the number of each pair, of which there may be very many."""
        views: Views = np.stack([first, second], axis=1).astype(np.uint64)
        numbers, is_known = self._table.look_up(views)
        if not is_known.all():
            rows = np.flatnonzero(~is_known)
            numbers[rows] = self._of_new(views[rows])
        return numbers

    def pairs(self) -> tuple[Numbers, Numbers]:
        """Return both numbers of each pair, by the number of the pair."""
        table = np.array(list(self._numbers), np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def _of_new(self, views: Views) -> Numbers:
        """Return the numbers of pairs that are not in the table, and put them there."""
        place, number = number_rows(list(views.astype(np.int64).T), len(views))
        different = views[place]
        with self._lock:
            of_different = self._numbered(*different.astype(np.int64).T)
            self._table = self._table.with_views(different, of_different)
        return of_different[number]

    def _numbered(self, first: Numbers, second: Numbers) -> Numbers:
        """Return the numbers of different pairs, of which some may be new; for one thread at a time."""
        pairs = zip(first.tolist(), second.tolist(), strict=True)
        return np.array([self._numbers.setdefault(pair, len(self._numbers)) for pair in pairs], np.int64)
