"""Number the different texts of a column, over batches of rows that are read in parallel.

Polars keeps a text as a view of 16 bytes: its length and, up to 12 bytes, the text itself; or else its first four bytes
and a place in memory. Equal views within a batch are equal texts, and views of short texts are equal everywhere. So
texts are looked up by their views in a table, in a third of the time that a dictionary of texts takes; the dictionary
has the last word where a view is new.
"""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules.translate.filled_numbers import filled
from ebi_rules.translate.view_table import FIRST_BITS, MOST_BITS, Numbers, Views, ViewTable, hashed

_Item = TypeVar("_Item", bound=np.generic)
_MOST_UNKNOWN = 0.1
"""With a greater share of views that the table cannot have, after the first batch, looking them up does not pay."""

_WAITING = 8
"""Views are put in the table when they are one for so many that it has: it is copied each time."""

_LONGEST_INLINE = 12
_LENGTH = np.uint64(2**32 - 1)
"""The bits of the first half of a view that have the length of the text."""


class TextNumbers:
    """Number texts as they are met; 0 is the number of the empty text, and of rows without text.

    Args:
        learn: Called with the new numbers and their texts before any row has these numbers, by one thread at a time.

    Attributes:
        highest: The highest number so far.
    """

    def __init__(self, learn: Callable[[Numbers, pl.Series], None]) -> None:
        self._learn = learn
        self._lock = Lock()
        # Numbers last as long as a series that has them.
        self._dictionary = pl.Series([""]).cast(pl.Categorical(pl.Categories.random()))
        self._is_known = np.zeros(1, np.bool_)
        self._all_known = 0  # All numbers below it are known.
        self._table = ViewTable()
        self._waiting: list[tuple[Views, Numbers]] = []
        self._is_used = self._has_long_texts = False
        self.highest = -1
        empty = pl.Series([""])
        self._announce(np.zeros(1, np.int64), empty)
        self._table = self._table.with_views(_views(empty), np.zeros(1, np.int64))

    def of(self, texts: pl.Series) -> Numbers:
        """Return the number of each row's text."""
        if 2 * texts.null_count() <= len(texts):
            return self._of_most(texts)
        numbers = np.zeros(len(texts), np.int64)
        has_text = texts.is_not_null()
        numbers[has_text.to_numpy()] = self._of_most(texts.filter(has_text))
        return numbers

    def _of_most(self, texts: pl.Series) -> Numbers:
        """Return the number of each row's text, where most rows have text."""
        if not len(texts):
            return np.zeros(0, np.int64)
        if self._has_long_texts or texts.dtype != pl.String:
            return self._by_dictionary(texts.cast(pl.String))
        texts = texts.rechunk()
        views = _views(texts)
        numbers, is_known = self._table.look_up(views)
        if texts.null_count():
            # A row without text may have any view.
            is_null = texts.is_null().to_numpy()
            numbers[is_null], is_known[is_null] = 0, True
        if not is_known.all():
            rows = np.flatnonzero(~is_known)
            beyond = len(rows) if self._table.is_full else np.count_nonzero(~_are_short(views[rows]))
            self._has_long_texts = self._is_used and bool(beyond > _MOST_UNKNOWN * len(texts))
            numbers[rows] = self._of_new(texts, views, rows)
        self._is_used = True
        return numbers

    def _of_new(self, texts: pl.Series, views: Views, rows: npt.NDArray[np.int64]) -> Numbers:
        """Return the numbers of the texts in some rows whose views are not in the table, and put short ones there."""
        of_rows = views[rows]
        first_rows, is_same = _first_alike(of_rows)
        is_first = np.zeros(len(rows), np.bool_)
        is_first[first_rows] = True
        asked = np.flatnonzero(is_first | ~is_same)
        numbers = np.zeros(len(rows), np.int64)
        numbers[asked] = self._by_dictionary(texts.gather(rows[asked]))
        numbers = np.where(is_same, numbers[first_rows], numbers)
        is_short = _are_short(of_rows[asked])
        with self._lock:
            self._waiting.append((of_rows[asked][is_short], numbers[asked][is_short]))
            if _WAITING * sum(len(numbers) for _, numbers in self._waiting) > self._table.taken:
                self._table = self._table.with_views(*map(np.concatenate, zip(*self._waiting, strict=True)))
                self._waiting = []
        return numbers

    def _by_dictionary(self, texts: pl.Series) -> Numbers:
        numbers = filled(texts.cast(self._dictionary.dtype).to_physical(), 0)
        if numbers.max(initial=-1) >= self._all_known:
            with self._lock:
                self._announce(numbers, texts)
        return numbers

    def _announce(self, numbers: Numbers, texts: pl.Series) -> None:
        """Tell of the texts that are new."""
        highest = int(numbers.max())
        self._is_known = with_room(self._is_known, highest)
        rows = np.flatnonzero(~self._is_known[numbers])
        if len(rows):
            new, first = np.unique(numbers[rows], return_index=True)
            self._learn(new, texts.gather(rows[first]).fill_null(""))
            self._is_known[new] = True
            self.highest = max(self.highest, highest)
        if self._is_known[self._all_known : self.highest + 1].all():
            self._all_known = self.highest + 1


def with_room(values: npt.NDArray[_Item], place: int) -> npt.NDArray[_Item]:
    """Return values with room for one at a place; as they often grow, for twice as many as there are."""
    if place < len(values):
        return values
    grown = np.zeros(max(2 * len(values), place + 1), values.dtype)
    grown[: len(values)] = values
    return grown


def _views(texts: pl.Series) -> Views:
    """Return the views of texts in one piece of memory, without copying them."""
    array = texts.to_arrow(compat_level=pl.CompatLevel.newest())
    halves = np.frombuffer(array.buffers()[1], np.uint64).reshape(-1, 2)
    return halves[array.offset : array.offset + len(array)]


def _are_short(views: Views) -> npt.NDArray[np.bool_]:
    """Return whether each view is the text itself, and so the same in every batch."""
    found: npt.NDArray[np.bool_] = (views[:, 0] & _LENGTH) <= _LONGEST_INLINE
    return found


def _first_alike(views: Views) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return for each view a row that stands for it, and whether that row's view is the same."""
    bits = min(max(len(views).bit_length() + 2, FIRST_BITS), MOST_BITS)
    places = hashed(views, bits)
    row_at = np.zeros(2**bits, np.int64)
    row_at[places] = np.arange(len(views))
    standing = row_at[places]
    is_same = (views[standing] == views).all(axis=1)
    return standing, is_same
