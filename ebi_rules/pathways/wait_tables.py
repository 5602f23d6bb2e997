"""Tables of waits: medians, percentiles and shares within the standard by every field, and the share seen by week.

Those who still wait are censored, those who left the list unseen compete (`statistics.seen_by_day`). Measures of days
know only who was seen. What is shown is under disclosure control, see `_Shown`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, control
from ebi_rules.pathways.days_trend import FEWEST_WAITS
from ebi_rules.pathways.measure_counts import MeasureEntry
from ebi_rules.pathways.pathway_counts import no_waits
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.rule_model.measure_logic import DAYS, WAIT
from ebi_rules.statistics.seen_by_day import REMOVED, SEEN, WAITING, day_by_which, seen_by_day, share_by_day

ROUNDED_TO = {"hes": 5, "midpoint6": 6, "none": 0}
"""Shares are moved to what a multiple of so many people makes, by method of disclosure control."""

_COUNTS = ("waits", "seen", "left_unseen", "still_waiting")
_DAYS = tuple(f"{name}{limit}" for name in ("median", "percentile_90") for limit in ("", "_lower_95", "_upper_95"))
_WITHIN = ("percent_within", "percent_within_lower_95", "percent_within_upper_95")
_OF_SEEN = ("median_of_seen", "percent_within_of_seen")
_WEEK = ("percent_seen", "percent_seen_lower_95", "percent_seen_upper_95", "percent_waiting")
WAIT_COLUMNS = (*_COUNTS, *_DAYS, *_WITHIN, *_OF_SEEN)
"""The figures of `wait_table`."""
EVERYBODY = "all"
"""Stands for the field where everybody is counted together."""


def waits_of(waits: pl.DataFrame, spread: pl.DataFrame, entries: Sequence[MeasureEntry]) -> pl.DataFrame:
    """Return the waits of measures of waits, and those of measures of days, of which only the end is known.

    Args:
        waits: The waits (`PathwayCounts.waits`).
        spread: The days of measures of days (`PathwayCounts.spread`).
        entries: The measures.
    """
    of_days = [entry.key for entry in entries if entry.measure.gives == DAYS]
    days = spread.filter(pl.col("measure").is_in(of_days)).rename({"number": "until"})
    ended = days.with_columns(known_from=pl.lit(0, pl.Int64), ended=pl.lit(SEEN, pl.Int64))
    columns = no_waits([name for name in spread.columns if name not in ("measure", "number", "count")]).columns
    return pl.concat([waits.select(columns), ended.select(columns)])


def wait_table(counts: Counts, waits: pl.DataFrame, entries: Sequence[MeasureEntry]) -> pl.DataFrame:
    """Return how long people waited, for everybody and by each field.

    Args:
        counts: The counts that may be shown.
        waits: The waits (`waits_of`).
        entries: The measures.

    Returns:
        One row per measure, field and value, everybody first (field `all`): rule (the measure), field, value, waits (of
        which the beginning and the end so far are known), seen, left_unseen, still_waiting (counts; the last two null
        for measures of days), median and percentile_90 (days by which that share is seen; null if it is not reached),
        percent_within (the share seen within the standard), each with its 95 % interval, median_of_seen and
        percent_within_of_seen (of those who were seen alone). Null where too few were seen.
    """
    rows = [
        (entry.key, field, value, *shown.counts, *shown.days, *shown.within, *shown.of_seen)
        for entry in entries
        if entry.measure.gives in (DAYS, WAIT)
        for field, value, shown in _units(counts, waits.filter(measure=entry.key), entry, ["provider", *counts.fields])
    ]
    schema = {
        **dict.fromkeys(("rule", "field", "value"), pl.String),
        **dict.fromkeys(_COUNTS, pl.Int64),
        **dict.fromkeys((*_DAYS, *_WITHIN, *_OF_SEEN), pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def seen_by_week(counts: Counts, waits: pl.DataFrame, entries: Sequence[MeasureEntry]) -> pl.DataFrame:
    """Return the share of people seen by each week of waiting, for all providers and for each.

    Args:
        counts: The counts that may be shown.
        waits: The waits (`waits_of`).
        entries: The measures; those of waits alone have rows.

    Returns:
        One row per measure, provider and week: rule (the measure), provider, week (0 is the day on which the clock
        starts, 1 the seventh day after), at_risk (how many are known to wait still on that day), percent_seen with its
        95 % interval, percent_waiting (neither seen nor removed). A week is left out where fewer than 8 more were seen
        than in the last one shown.
    """
    rows = [
        (entry.key, ALL_PROVIDERS if field == EVERYBODY else value, *week)
        for entry in entries
        if entry.measure.gives == WAIT
        for field, value, shown in _units(counts, waits.filter(measure=entry.key), entry, ["provider"])
        for week in shown.weeks()
    ]
    schema = {
        **dict.fromkeys(("rule", "provider"), pl.String),
        **dict.fromkeys(("week", "at_risk"), pl.Int64),
        **dict.fromkeys(_WEEK, pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def contact_table(contacts: pl.DataFrame, method: str) -> pl.DataFrame:
    """Return how many contacts the referrals of each measure of waits have, by attendance status.

    Args:
        contacts: The exact counts (`PathwayCounts.contacts`).
        method: The method of disclosure control.

    Returns:
        One row per measure and status: rule (the measure), status, contacts. Null where suppressed.
    """
    shown = [control(count, method) for count in contacts["count"].to_list()]
    return contacts.select(
        pl.col("measure").alias("rule"), "status", pl.Series("contacts", shown, dtype=pl.Int64).alias("contacts")
    )


@dataclass(frozen=True)
class _Shown:
    """The waits of one unit, as they may be shown.

    A unit is shown if its count of those followed is, and at least `FEWEST_WAITS` were seen. Shares are moved to what a
    multiple of 5 people makes. The numbers removed and still waiting are shown together, if neither is small.

    Attributes:
        known_from: The day from which each wait is known of.
        until: The day on which each ended, or until which it is known of.
        ended: How each ended.
        standard: The standard, in days.
        method: The method of disclosure control.
        waits: The count of waits, as it may be shown; None if it is not.
        is_wait: Whether those who still wait are known.
    """

    known_from: np.ndarray
    until: np.ndarray
    ended: np.ndarray
    standard: int
    method: str
    waits: int | None
    is_wait: bool

    @cached_property
    def curve(self) -> pl.DataFrame | None:
        """The share seen by day; None if too few were seen."""
        fewest = 1 if self.method == "none" else FEWEST_WAITS
        if self.waits is None or self._number(SEEN) < fewest:
            return None
        curve = seen_by_day(self.until, self.ended, self.known_from)
        return curve if curve.height else None

    @property
    def counts(self) -> tuple[int | None, ...]:
        """The counts of waits, and of how they ended."""
        if self.waits is None or self.curve is None:
            return (None,) * 4
        seen, *others = (self._number(ended) for ended in (SEEN, REMOVED, WAITING))
        is_small = self.method == "hes" and any(0 < count < SMALLEST_SHOWN for count in others)
        hidden = is_small or not self.is_wait
        shown = [None if hidden else control(count, self.method) for count in others]
        return (self.waits, control(seen, self.method), *shown)

    @property
    def days(self) -> tuple[float | None, ...]:
        """The median and the 90th percentile, each with its limits."""
        curve = self.curve
        if curve is None:
            return (None,) * 6
        days = [
            day_by_which(curve, share, column)
            for share in (0.5, 0.9)
            for column in ("share_seen", "upper_95", "lower_95")
        ]
        return tuple(None if day is None else float(day) for day in days)

    @property
    def within(self) -> tuple[float | None, ...]:
        """The percentage seen within the standard, with its limits."""
        found = None if self.curve is None else share_by_day(self.curve, self.standard)
        return tuple(map(self._percent, found)) if found else (None,) * 3

    @property
    def of_seen(self) -> tuple[float | None, float | None]:
        """The median, and the percentage within the standard, of those alone who were seen."""
        if self.curve is None:
            return None, None
        days = np.sort(self.until[self.ended == SEEN])
        median = float(days[(days.size - 1) // 2])
        return median, self._percent(float((days <= self.standard).mean()))

    def weeks(self) -> Iterator[tuple[int | float | None, ...]]:
        """Yield each week that may be shown: week, at_risk, the percentages."""
        curve = self.curve
        if curve is None:
            return
        exact = self.method == "none"
        seen_so_far = removed_so_far = 0
        # Beyond the last day on which anybody was seen the share stays as it is.
        last_seen = int(self.until[self.ended == SEEN].max())
        for week in range(min(int(self.until.max()), max(last_seen + 7, 2 * self.standard)) // 7 + 1):
            day = 7 * week
            at_risk = int(((self.known_from <= day) & (self.until >= day)).sum())
            if at_risk < (1 if exact else FEWEST_WAITS):
                break
            seen, removed = (int(((self.ended == how) & (self.until <= day)).sum()) for how in (SEEN, REMOVED))
            found = share_by_day(curve, day)
            if found is None or (not exact and 0 < seen - seen_so_far < SMALLEST_SHOWN):
                continue
            waiting: float | None = None
            if exact or not 0 < removed - removed_so_far < SMALLEST_SHOWN:
                rows = curve.filter(pl.col("day") <= day)
                waiting, removed_so_far = self._percent(float(rows["share_waiting"][-1])), removed
            seen_so_far = seen
            yield week, control(at_risk, self.method), *map(self._percent, found), waiting

    def _number(self, ended: int) -> int:
        return int((self.ended == ended).sum())

    def _percent(self, share: float) -> float:
        """Return a share as a percentage, moved to what a multiple of some people makes."""
        step, people = ROUNDED_TO[self.method], self.until.size
        moved = min(round(share * people / step) * step / people, 1.0) if step else share
        return round(100 * moved, 1)


def _units(
    counts: Counts, waits: pl.DataFrame, entry: MeasureEntry, fields: Sequence[str]
) -> Iterator[tuple[str, str | None, _Shown]]:
    """Yield the field, the value and the waits of everybody, and of each value of some fields."""
    yield EVERYBODY, None, _shown(waits, entry, counts.method, is_shown=True)
    for field in fields:
        column = "provider" if field == "provider" else "value"
        cells = counts.table(field).filter(pl.col("rule") == entry.key).with_columns(pl.col(column).cast(pl.String))
        by_value = waits.partition_by(field, as_dict=True)
        for value, followed in cells.select(column, "eligible").sort(column, nulls_last=True).iter_rows():
            of_value = by_value.get((value,), waits.clear())
            if of_value.height:
                yield field, value, _shown(of_value, entry, counts.method, followed is not None)


def _shown(waits: pl.DataFrame, entry: MeasureEntry, method: str, is_shown: bool) -> _Shown:
    grouped = (
        waits.group_by("known_from", "until", "ended").agg(pl.col("count").sum()).sort("until", "ended", "known_from")
    )
    times = grouped["count"].to_numpy()
    known_from, until, ended = (np.repeat(grouped[name].to_numpy(), times) for name in ("known_from", "until", "ended"))
    shown = control(int(times.sum()), method) if is_shown else None
    return _Shown(
        known_from, until, ended, entry.measure.standard_days or 0, method, shown, entry.measure.gives == WAIT
    )
