"""Find what lies in windows of days around people's index activities, with a person and a day in one whole number.

Events are sorted by person and day, and each has the key `person * 2**16 + day`. The outcomes in the window of an index
are then consecutive, and two binary searches find the ends. The module knows nothing of measures.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.rule_model.measure_logic import Window

DAY_BITS = 16
"""The bits of a day: room for 65,536 days, that is 179 years, with a window at both ends."""

Integers = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class InWindow:
    """What is in the window of each index, in order.

    Attributes:
        outcomes: How many outcomes.
        gap: The days to the nearest outcome; -1 if there is none.
    """

    outcomes: Integers
    gap: Integers


def person_day_keys(person: Integers, day: Integers, margin: int) -> Integers:
    """Return each event's person and day in one number.

    Args:
        person: The number of the person, from 0.
        day: The day, as a number.
        margin: The longest window in days, so that no window reaches another person.

    Raises:
        InvalidInputError: The days are too far apart.

    Example:
        >>> keys = person_day_keys(np.array([0, 1]), np.array([100, 107]), margin=30)
        >>> [divmod(int(key), 2**DAY_BITS) for key in keys]
        [(0, 30), (1, 37)]
    """
    first = int(day.min()) if day.size else 0
    if day.size and int(day.max()) - first + 2 * margin >= 2**DAY_BITS:
        raise InvalidInputError("the days are more than 170 years apart.")
    keys: Integers = person * 2**DAY_BITS + (day - first + margin)
    return keys


def search_windows(keys: Integers, is_index: Marks, is_outcome: Marks, window: Window) -> InWindow:
    """Count the outcomes in the window of every index; an index that is also an outcome does not count for itself.

    Args:
        keys: The keys of the events, sorted.
        is_index: Which events are an index.
        is_outcome: Which events are an outcome.
        window: The window.

    Example:
        >>> keys = person_day_keys(np.zeros(3, dtype=np.int64), np.array([100, 107, 160]), margin=30)
        >>> is_index = np.array([True, False, False])
        >>> result = search_windows(keys, is_index, ~is_index, Window(first=1, days=30, after=True))
        >>> int(result.outcomes[0]), int(result.gap[0])
        (1, 7)
    """
    index_keys, outcome_keys = keys[is_index], keys[is_outcome]
    if window.after:
        lowest, highest = index_keys + window.first, index_keys + window.days
    else:
        lowest, highest = index_keys - window.days, index_keys - window.first
    start = np.searchsorted(outcome_keys, lowest, "left")
    end = np.searchsorted(outcome_keys, highest, "right")
    includes_itself = window.after and window.first == 0
    itself = is_outcome[is_index] if includes_itself else np.zeros(index_keys.size, dtype=bool)
    outcomes = (end - start).astype(np.int64) - itself
    # An index that is also an outcome is among the first of its window's outcomes, as they share the day.
    nearest = start + itself if window.after else end - 1
    has_outcome = outcomes > 0
    gap = np.full(index_keys.size, -1, dtype=np.int64)
    gap[has_outcome] = np.abs(outcome_keys[nearest[has_outcome]] - index_keys[has_outcome])
    return InWindow(outcomes, gap)


def mark_first_events(person: Integers) -> Marks:
    """Mark the first event of every person, in sorted order.

    Example:
        >>> mark_first_events(np.array([0, 0, 1])).tolist()
        [True, False, True]
    """
    marks: Marks = np.ones(person.size, dtype=bool)
    marks[1:] = person[1:] != person[:-1]
    return marks
