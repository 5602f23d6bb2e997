"""A table of views with their numbers, in which several threads look up what it has; a table that has more is another.

A view is a pair of whole numbers of 64 bits, as Polars keeps of a text (see `text_numbers`).
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
"""One whole number per row or text."""

Views = npt.NDArray[np.uint64]
"""One pair per row."""

FIRST_BITS, MOST_BITS = 10, 20
"""Tables have 2 to the power of so many places at first, and at most."""

_EMPTY = np.uint64(2**64 - 1)
"""The first half of no view: no text is as long as that."""

_FACTORS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_FULL = 4
"""A table grows when one in so many places is taken."""


class ViewTable:
    """Views with their numbers, each in one of two places that depend on the view.

    Args:
        bits: The table has 2 to the power of `bits` places.

    Attributes:
        taken: How many places are taken.
    """

    def __init__(self, bits: int = FIRST_BITS) -> None:
        self._bits = bits
        self._views = np.full((2**bits, 2), _EMPTY, np.uint64)
        self._numbers = np.zeros(2**bits, np.int64)
        self.taken = 0

    @property
    def is_full(self) -> bool:
        """Whether there is no room for many more views."""
        return self._bits >= MOST_BITS and self.taken * _FULL > 2**self._bits

    def look_up(self, views: Views) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """Return the number in each view's place, and whether it is that of the view."""
        numbers, is_known = self._at(views, 0)
        if not is_known.all():
            rows = np.flatnonzero(~is_known)
            numbers[rows], is_known[rows] = self._at(views[rows], 1)
        return numbers, is_known

    def with_views(self, views: Views, numbers: Numbers) -> "ViewTable":
        """Return a table that has these views too, as far as there is a place; others look views up in this one."""
        is_new = ~self.look_up(views)[1]
        if not is_new.any():
            return self
        views, numbers = views[is_new], numbers[is_new]
        bits, taken = self._bits, self.taken + len(views)
        while taken * _FULL > 2**bits and bits < MOST_BITS:
            bits += 2
        table = ViewTable(bits)
        if bits == self._bits:
            table._views[:], table._numbers[:], table.taken = self._views, self._numbers, self.taken
        else:
            is_taken = self._views[:, 0] != _EMPTY
            table._put(self._views[is_taken], self._numbers[is_taken])
        table._put(views, numbers)
        return table

    def _at(self, views: Views, choice: int) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """Return the number in the first or second place of each view, and whether it is that of the view."""
        places = hashed(views, self._bits, choice)
        # Pairs are taken as numbers of 128 bits, in a quarter of the time that their halves take.
        known = self._views.view(np.complex128)[:, 0].take(places).view(np.uint64).reshape(-1, 2)
        are_alike = known == views
        return self._numbers.take(places), are_alike[:, 0] & are_alike[:, 1]

    def _put(self, views: Views, numbers: Numbers) -> None:
        """Put views in the first or second of their places that is free."""
        for choice in (0, 1):
            places = hashed(views, self._bits, choice)
            is_free = self._views[places, 0] == _EMPTY
            free = places[is_free]
            self._views[free] = views[is_free]
            self._numbers[free] = numbers[is_free]
            is_there = (self._views[places] == views).all(axis=1)
            self.taken += int(is_there.sum())
            views, numbers = views[~is_there], numbers[~is_there]


def hashed(views: Views, bits: int, choice: int = 0) -> npt.NDArray[np.int64]:
    """Return the first or second place of each view in a table of 2 to the power of `bits` places."""
    mixed = views[:, 0] * _FACTORS[0] + views[:, 1] * _FACTORS[1]
    if choice:
        mixed = (mixed ^ mixed >> np.uint64(29)) * _FACTORS[1]
    return (mixed >> np.uint64(64 - bits)).astype(np.int64)
