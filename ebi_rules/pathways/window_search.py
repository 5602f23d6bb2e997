"""Windows over people's days, worked out on whole numbers: a person and a day in one.

Events are sorted by person, day and place, and each is `person * 2**16 + day`. What falls into a window of an index is
then a run of the outcomes, whose ends two binary searches find.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.rule_model.measure_logic import Window

DAY_BITS = 16
"""Days fit into 65,536, which is 179 years, with room for a window at both ends."""

Whole = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class InWindow:
    """Of each index, in order: how many outcomes are in its window, and days to the nearest (-1: there is none)."""

    outcomes: Whole
    gap: Whole


def keys_of(person: Whole, day: Whole, margin: int) -> Whole:
    """Give person and day in one number; `margin` is the longest window, so that none reaches another person."""
    first = int(day.min()) if day.size else 0
    if day.size and int(day.max()) - first + 2 * margin >= 2**DAY_BITS:
        raise InvalidInputError("the days are more than 170 years apart.")
    keys: Whole = person * 2**DAY_BITS + (day - first + margin)
    return keys


def look(keys: Whole, is_index: Marks, is_outcome: Marks, window: Window) -> InWindow:
    """Count the outcomes in the window of every index; an index that is an outcome itself does not count for itself."""
    at, found = keys[is_index], keys[is_outcome]
    low, high = (at + window.first, at + window.days) if window.after else (at - window.days, at - window.first)
    start, end = np.searchsorted(found, low, "left"), np.searchsorted(found, high, "right")
    own = is_outcome[is_index] if window.after and window.first == 0 else np.zeros(at.size, dtype=bool)
    outcomes = (end - start).astype(np.int64) - own
    # An index's own outcome is among the first of its run, as they share the day.
    nearest = start + own if window.after else end - 1
    held = outcomes > 0
    gap = np.full(at.size, -1, dtype=np.int64)
    gap[held] = np.abs(found[nearest[held]] - at[held])
    return InWindow(outcomes, gap)


def first_of_each(person: Whole) -> Marks:
    """Mark the first row of every person, in sorted order."""
    marks: Any = np.ones(person.size, dtype=bool)
    marks[1:] = person[1:] != person[:-1]
    first: Marks = marks
    return first
