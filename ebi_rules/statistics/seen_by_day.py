"""What share of people is seen within so many days, those still waiting included.

People who left the list unseen compete with those who were seen. Those still waiting are censored. Somebody known of
only from a later day on, because the data begin there, is at risk from that day and not before: delayed entry.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules._support.errors import InvalidInputError
from ebi_rules.statistics.intervals import normal_quantile

Column = npt.ArrayLike
Numbers = npt.NDArray[np.float64]

WAITING, SEEN, REMOVED = 0, 1, 2
"""How a wait ended, as far as is known: not yet; the person was seen; or left the list without being seen."""

FEWEST_AT_RISK = 10
"""Estimates begin on the first day on which so many are at risk: before it, one person would decide them."""


def seen_by_day(until: Column, ended: Column, known_from: Column = 0.0, confidence: float = 0.95) -> pl.DataFrame:
    """Return the share of people who are seen by each day of waiting.

    Args:
        until: For each person, the day on which the wait ended or was last known of, counted from its start.
        ended: For each person, `SEEN`, `REMOVED` or `WAITING`.
        known_from: For each person, the day of the wait from which the data would have shown its end; 0 for all of it.
        confidence: The two-sided confidence of the limits, between 0 and 1.

    Returns:
        One row per day on which somebody was seen or removed, and for the first day with `FEWEST_AT_RISK` at risk and
        the last day that is known of anybody: day, at_risk, seen, removed (how many on the day), share_seen, lower_95,
        upper_95 (the names of the limits do not change with the confidence), share_waiting (neither seen nor removed).
        Shares are of those who wait at the beginning of the first row's day.

    Raises:
        InvalidInputError: Columns differ in length, a day is below 0, a wait ends before it is known of, or an end is
            none of the three.

    Source:
        Aalen and Johansen, Scandinavian Journal of Statistics 1978; 5:141; the variance by the delta method as in
        Marubini and Valsecchi (1995), section 10.3; limits on the scale of log(-log). Where nobody or everybody is
        seen, which has no variance: Wilson's limits of those at risk (Journal of the American Statistical Association
        1927; 22:209). Delayed entry as in Andersen, Borgan, Gill and Keiding (1993), section IV.4.

    Example:
        >>> days, ends = list(range(1, 21)), [1, 1, 0, 2] * 5
        >>> seen_by_day(days, ends).select("day", "at_risk", "seen", "removed").row(3)
        (4, 17, 0, 1)
    """
    waits = _Waits.of(until, ended, known_from)
    days, at_risk, seen, removed = waits.counts()
    started = np.flatnonzero(at_risk >= FEWEST_AT_RISK)
    first = int(started[0]) if started.size else days.size
    is_told = (seen + removed > 0) | (np.arange(days.size) == first) | (np.arange(days.size) == days.size - 1)
    is_told[:first] = False
    days, at_risk, seen, removed = (column[is_told] for column in (days, at_risk, seen, removed))
    left: Numbers = np.divide(at_risk - seen - removed, at_risk, out=np.ones_like(at_risk), where=at_risk > 0)
    waiting = np.cumprod(left, dtype=np.float64)
    before = np.concatenate([np.ones(min(1, waiting.size)), waiting[:-1]])
    share: Numbers = np.cumsum(before * np.divide(seen, at_risk, out=np.zeros_like(seen), where=at_risk > 0))
    variance = _variance(share, before, at_risk, seen, removed)
    lower, upper = _limits(share, variance, at_risk, normal_quantile(confidence))
    return pl.DataFrame(
        {
            "day": days.astype(np.int64),
            "at_risk": at_risk.astype(np.int64),
            "seen": seen.astype(np.int64),
            "removed": removed.astype(np.int64),
            "share_seen": share,
            "lower_95": lower,
            "upper_95": upper,
            "share_waiting": waiting,
        }
    )


def day_by_which(curve: pl.DataFrame, share: float, column: str = "share_seen") -> int | None:
    """Return the first day by which a share of people is seen; None if it is never reached.

    Args:
        curve: The rows of `seen_by_day`.
        share: The share, from 0 to 1: 0.5 for the median wait, those still waiting and those removed included.
        column: share_seen, or a limit: the upper limit of the share gives the lower limit of the day.

    Example:
        >>> day_by_which(seen_by_day(list(range(1, 21)), [1] * 20), 0.5)
        10
    """
    reached = curve.filter(pl.col(column) >= share - 1e-12)
    return int(reached["day"][0]) if reached.height else None


def share_by_day(curve: pl.DataFrame, day: int) -> tuple[float, float, float] | None:
    """Return the share seen by a day with its limits; None before the first row, and after the last if some still wait.

    Args:
        curve: The rows of `seen_by_day`.
        day: A day of waiting, such as the last one within a standard.

    Example:
        Nobody is known of beyond day 20, on which some still wait.

        >>> curve = seen_by_day([10] * 15 + [20] * 15, [1] * 15 + [0] * 15)
        >>> [share_by_day(curve, day) and round(share_by_day(curve, day)[0], 2) for day in (9, 15, 20, 21)]
        [0.0, 0.5, 0.5, None]
    """
    rows = curve.filter(pl.col("day") <= day)
    if not rows.height or (day > curve["day"][-1] and curve["share_waiting"][-1] > 0):
        return None
    share, lower, upper = rows.select("share_seen", "lower_95", "upper_95").row(-1)
    return float(share), float(lower), float(upper)


@dataclass(frozen=True)
class _Waits:
    """The waits of people, checked."""

    known_from: Numbers
    until: Numbers
    ended: npt.NDArray[np.int64]

    @classmethod
    def of(cls, until: Column, ended: Column, known_from: Column) -> "_Waits":
        """Check the columns."""
        last, how = np.asarray(until, dtype=np.float64), np.asarray(ended, dtype=np.int64)
        from_day = np.asarray(known_from, dtype=np.float64)
        if last.shape != how.shape or from_day.shape not in ((), last.shape):
            raise InvalidInputError("the columns differ in length.")
        from_day = np.broadcast_to(from_day, last.shape)
        if np.any(from_day < 0) or np.any(last < from_day) or np.isnan(last).any():
            raise InvalidInputError("a wait ends on or after the day from which it is known, and neither is below 0.")
        if not np.isin(how, (WAITING, SEEN, REMOVED)).all():
            raise InvalidInputError("a wait ended by being seen (1), by removal (2), or not yet (0).")
        return cls(from_day, last, how)

    def counts(self) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """Return the days on which waits began to be known of or ended, and how many were at risk, seen and removed.

        Whoever is known from a day on can end on it: days are whole, and a list is read before the clinic.
        """
        days = np.unique(np.concatenate([self.known_from, self.until]))
        entered = np.searchsorted(np.sort(self.known_from), days, side="right")
        gone = np.searchsorted(np.sort(self.until), days, side="left")
        places = np.searchsorted(days, self.until)
        seen, removed = (
            np.bincount(places[self.ended == how], minlength=days.size).astype(np.float64) for how in (SEEN, REMOVED)
        )
        return days, (entered - gone).astype(np.float64), seen, removed


def _variance(share: Numbers, before: Numbers, at_risk: Numbers, seen: Numbers, removed: Numbers) -> Numbers:
    """Return the variance of the share seen by each day.

    The formula adds up, over the days until then, three terms in share(t) - share(day); they are worked out from
    running sums of the powers of share(day), so that the cost is that of one pass.
    """
    ended = seen + removed
    left = at_risk - ended
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.where(left > 0, ended / (at_risk * left), 0.0)
        own = np.where(at_risk > 0, before**2 * seen * (at_risk - seen) / at_risk**3, 0.0)
        mixed = np.where(at_risk > 0, before * seen / at_risk**2, 0.0)
    first = share**2 * np.cumsum(greenwood) - 2 * share * np.cumsum(greenwood * share) + np.cumsum(greenwood * share**2)
    third = share * np.cumsum(mixed) - np.cumsum(mixed * share)
    variance: Numbers = np.maximum(first + np.cumsum(own) - 2 * third, 0.0)
    return variance


def _limits(share: Numbers, variance: Numbers, at_risk: Numbers, z: float) -> tuple[Numbers, Numbers]:
    """Return limits on the scale of log(-log), which stay within 0 and 1; Wilson's where the share is 0 or 1.

    As shares never fall, what is the lower limit on a day is so on every later one.
    """
    inside = (share > 0) & (share < 1 - 1e-12)
    safe = np.where(inside, share, 0.5)
    scale = z * np.sqrt(variance) / np.abs(safe * np.log(safe))
    lower, upper = safe ** np.exp(scale), safe ** np.exp(-scale)
    of_none = z**2 / (at_risk + z**2)
    lower = np.where(inside, lower, np.where(share > 0, 1 - of_none, 0.0))
    upper = np.where(inside, upper, np.where(share > 0, 1.0, of_none))
    return np.where(inside, lower, np.maximum.accumulate(lower)), upper
