"""Pair the records of two datasets that are one event: the same person, at most a few days apart, one to one."""

import numpy as np

from ebi_rules.pathways.window_search import Integers


def pair_events(first: Integers, second: Integers, days: int) -> Integers:
    """Return for each event of a first dataset the place of the event in a second one with which it is paired.

    Each event of the first, in order, is paired with the earliest of the second that is near enough and not paired yet.
    No other way pairs more.

    Args:
        first: The keys of the events (`window_search.person_day_keys`), sorted.
        second: Those of the second dataset, sorted.
        days: How many days apart the two may be.

    Returns:
        Places in `second`; -1 where there is no partner.

    Example:
        >>> pair_events(np.array([100, 101, 200]), np.array([99, 103, 300]), days=3).tolist()
        [0, 1, -1]
    """
    partner = np.full(first.size, -1, dtype=np.int64)
    start = np.searchsorted(second, first - days, "left")
    end = np.searchsorted(second, first + days, "right")
    free = 0
    for place in np.flatnonzero(start < end).tolist():
        candidate = max(int(start[place]), free)
        if candidate < end[place]:
            partner[place] = candidate
            free = candidate + 1
    return partner
