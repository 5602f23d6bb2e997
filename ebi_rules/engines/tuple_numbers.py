"""Number the different combinations of a few whole numbers, over batches of rows that are read in parallel.

A combination is looked up in a table of pairs, as texts are by their views; a dictionary has the last word.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from ebi_rules.engines.distinct_numbers import number_rows
from ebi_rules.translate.view_table import Numbers, Views, ViewTable


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
        self._table = ViewTable()
        self._numbers: dict[tuple[int, int], int] = {}

    def of(self, first: Numbers, second: Numbers) -> Numbers:
        """Return the number of each pair."""
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
            of_different = np.array(
                [self._numbers.setdefault((first, second), len(self._numbers)) for first, second in different.tolist()]
            )
            self._table = self._table.with_views(different, of_different)
        return of_different[number]
