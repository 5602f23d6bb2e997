"""Count measures over people's events: an answer for every index activity, and from the answers the cube.

The cube has the form of an audit's: `eligible` are index activities whose window lies within the data, `flagged` those
of them with the outcome, `left` what remains after each step. The numbers of outcomes and of days are counted apart.
`measure_meaning` defines the meaning.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ebi_rules._support.notices import Notice
from ebi_rules.cube import in_order, schema
from ebi_rules.pathways.event_pairs import pair_events
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.people_events import People, Source, days_covered
from ebi_rules.pathways.window_search import Integers, Marks, mark_first_events, person_day_keys, search_windows
from ebi_rules.pathways.working_days import count_working_days
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, FIRST, OWN_DAY, WITHOUT, Pairing

INDEX, FOLLOWED, OUTCOME = "index activity", "window within the data", "outcome"
STEPS = (INDEX, FOLLOWED, OUTCOME)
"""What is left of all activity: index activities, those whose window lies within the data, those with the outcome."""


_NO_DAY = 2.0**40
"""Replaces the day on which a clock started or stopped if it is missing: later than any day."""


@dataclass(frozen=True)
class Answers:
    """The answers to one measure: one per index activity, in the order of people and days.

    Attributes:
        measure: The measure.
        row: The row of the index activity among the events.
        followed: Whether its window lies within the data; for a measure of days, whether the wait is known.
        outcomes: How many outcomes it has; for a measure of days, the days of the wait, -1 if unknown.
        gap: The days to the nearest outcome; -1 if there is none.
        has_outcome: Whether it has the outcome of the measure.
    """

    measure: Measure
    row: Integers
    followed: Marks
    outcomes: Integers
    gap: Integers
    has_outcome: Marks


@dataclass(frozen=True)
class MeasureEntry:
    """A measure as an entry of the cube; it has no variants.

    Attributes:
        measure: The measure.
    """

    measure: Measure

    @property
    def key(self) -> str:
        """The measure's key."""
        return self.measure.key

    @property
    def steps(self) -> list[str]:
        """The names of the steps after each of which the activity left is counted, in order."""
        return list(STEPS)

    @property
    def variants(self) -> list[str]:
        """No variants."""
        return []

    @property
    def counted_as(self) -> str:
        """The name of the variant that is counted: empty."""
        return ""

    @property
    def start(self) -> None:
        """A measure has no start."""
        return None

    @property
    def allows_comparison(self) -> bool:
        """Every measure may be compared."""
        return True


def answer_measure(people: People, measure: Measure) -> Answers:
    """Return the answers of a measure for every index activity."""
    if measure.pairing:
        return _missed(people, measure, measure.pairing)
    person = people.frame["person"].to_numpy()
    is_index = people.is_a(measure.index)
    if measure.of == FIRST:
        places = np.flatnonzero(is_index)
        is_index = np.zeros_like(is_index)
        is_index[places[mark_first_events(person[places])]] = True
    row = np.flatnonzero(is_index).astype(np.int64)
    if measure.gives == DAYS:
        return _waits(people, measure, row)
    assert measure.outcome, "only a measure of days has no outcome"
    is_outcome = people.is_a(measure.outcome)
    if measure.window is None:
        outcomes = is_outcome[row].astype(np.int64)
        followed = np.ones(row.size, dtype=bool)
        gap = np.where(outcomes > 0, 0, -1)
    else:
        day = people.frame["day"].to_numpy().astype(np.int64)
        keys = person_day_keys(person, day, measure.window.days)
        in_window = search_windows(keys, is_index, is_outcome, measure.window)
        outcomes, gap = in_window.outcomes, in_window.gap
        first, last = days_covered(people.sources, [measure.outcome])
        end = day[row] + (measure.window.days if measure.window.after else -measure.window.days)
        followed = (end >= first) & (end <= last)
    has_outcome = (outcomes == 0) if measure.gives == WITHOUT else (outcomes > 0)
    return Answers(measure, row, followed, outcomes, gap, has_outcome)


def why_too_short(sources: Sequence[Source], measure: Measure) -> str | None:
    """Return a warning that a measure's window is longer than the data; None if it is not."""
    if measure.pairing:
        return _why_apart(sources, measure)
    if measure.window is None:
        return None
    first, last = days_covered(sources, [measure.outcome])
    days_of_data = max(last - first, 0)
    if measure.window.days <= days_of_data:
        return None
    direction = "ahead" if measure.window.after else "back"
    return (
        f"{measure.key} looks {measure.window.days:,} days {direction}, but the data cover only {days_of_data:,} days: "
        "it has no results."
    )


def _why_apart(sources: Sequence[Source], measure: Measure) -> str | None:
    """Return a warning that two extracts have no days in common; None if they have."""
    pairing = measure.pairing
    assert pairing, "only of a measure that pairs events"
    covered = [days_covered(sources, [kind[side] for kind in pairing.kinds]) for side in (0, 1)]
    first, last = max(first for first, _ in covered), min(last for _, last in covered)
    if last - first >= 2 * pairing.days:
        return None
    return (
        f"{measure.key}: the two extracts have no days in common, so no records can be paired and no total of both is "
        "given. Use extracts of the same period."
    )


def measure_cube(activity: pl.DataFrame, counts: Sequence[pl.DataFrame], dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the cube of measures, in the form of an audit's cube.

    Args:
        activity: How much activity people have: the dimensions, count.
        counts: The rows of each measure, as `cube_of_answers` returns them.
        dimensions: The fields that the cube counts by.
    """
    rows = _cube_rows(activity, "count", dimensions, rule=None, measure="activity", item=None)
    keys = [name for name in schema(dimensions) if name != "count"]
    every = pl.concat([rows, *counts]).group_by(keys).agg(pl.col("count").sum())
    return in_order(every.filter(pl.col("count") > 0), dimensions)


def count_answers(people: People, answers: Answers, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the rows of the cube for one measure.

    Args:
        people: The events of all people.
        answers: The answers to the measure.
        dimensions: The fields that the cube counts by.
    """
    followed = pl.Series(answers.followed)
    outcome = pl.Series(answers.followed & answers.has_outcome)
    index = people.frame[answers.row].select(dimensions).with_columns(followed=followed, outcome=outcome)
    totals = index.group_by(*dimensions, "followed", "outcome").agg(pl.len().cast(pl.Int64).alias("count"))
    return cube_of_answers(totals, dimensions, answers.measure)


def cube_of_answers(totals: pl.DataFrame, dimensions: Sequence[str], measure: Measure) -> pl.DataFrame:
    """Return the rows of the cube for one measure: what is left after each step, and the eligible and flagged counts.

    Args:
        totals: How many index activities are alike: the dimensions, followed, outcome (true or 1), count.
        dimensions: The fields that the cube counts by.
        measure: The measure.
    """
    count = pl.col("count")
    sums = totals.group_by(dimensions).agg(
        count.sum().alias(INDEX),
        (count * pl.col("followed").cast(pl.Int64)).sum().alias(FOLLOWED),
        (count * pl.col("outcome").cast(pl.Int64)).sum().alias(OUTCOME),
    )
    series = (
        ("left", INDEX, INDEX),
        ("left", FOLLOWED, FOLLOWED),
        ("left", OUTCOME, OUTCOME),
        ("eligible", None, FOLLOWED),
        ("flagged", None, OUTCOME),
    )
    return pl.concat(
        _cube_rows(sums, column, dimensions, rule=measure.key, measure=name, item=item) for name, item, column in series
    )


def answer_spread(people: People, answers: Answers, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return how many index activities have each number of outcomes or days.

    Args:
        people: The events of all people.
        answers: The answers to a measure.
        dimensions: The fields to count by.

    Returns:
        One row per group and number: measure, the fields, number, count. Empty unless the measure is of counts or days.
    """
    if answers.measure.gives not in (COUNT, DAYS):
        texts = dict.fromkeys(("measure", *dimensions), pl.String)
        return pl.DataFrame(schema={**texts, "number": pl.Int64, "count": pl.Int64})
    index = people.frame[answers.row].select(pl.col(dimensions).cast(pl.String))
    followed = index.with_columns(number=pl.Series(answers.outcomes)).filter(pl.Series(answers.followed))
    counts = followed.group_by(*dimensions, "number").agg(pl.len().cast(pl.Int64).alias("count"))
    return counts.select(pl.lit(answers.measure.key).alias("measure"), *dimensions, "number", "count")


def backward_waits(people: People, measure: Measure) -> list[Notice]:
    """Return a warning about index activity of a measure of days whose clock starts after it stops."""
    if measure.gives != DAYS:
        return []
    row = np.flatnonzero(people.is_a(measure.index))
    start, end = _clock(people, measure, row)
    return backward_notice(measure, int(((start > end) & (start != _NO_DAY)).sum()))


def backward_notice(measure: Measure, backward: int) -> list[Notice]:
    """Return a warning that a number of index activities have a clock that starts after it stops; nothing for 0."""
    text = f"{measure.key}: {{rows_have}} a clock that starts after it stops; they are index activity without a wait."
    return [Notice(text, backward)] if backward else []


def _clock(people: People, measure: Measure, row: Integers) -> tuple[Integers, Integers]:
    """Return the days on which the clock of a measure of days starts and stops, `_NO_DAY` where there is none."""
    start = _clock_days(people, "day" if measure.start == OWN_DAY else str(measure.start), row)
    return start, _clock_days(people, measure.end or "day", row)


def _waits(people: People, measure: Measure, row: Integers) -> Answers:
    """Return the answers of a measure of days."""
    start, end = _clock(people, measure, row)
    days = count_working_days(start, end) if measure.working_days else end - start
    days = np.where((start == _NO_DAY) | (end == _NO_DAY), -1, days)
    is_known = days >= 0
    waits = np.where(is_known, days, -1)
    no_gap = np.full(row.size, -1, dtype=np.int64)
    return Answers(measure, row, is_known, waits, no_gap, waits > (measure.standard_days or 0))


def _missed(people: People, measure: Measure, pairing: Pairing) -> Answers:
    """Return the answers of a measure of what one dataset misses: one per event of either, each counted once."""
    person = people.frame["person"].to_numpy()
    day = people.frame["day"].to_numpy().astype(np.int64)
    keys = person_day_keys(person, day, pairing.days)
    rows, missed, gaps = [], [], []
    for in_first, in_second in pairing.kinds:
        first, second = (np.flatnonzero(people.is_a(definition)) for definition in (in_first, in_second))
        partner = pair_events(keys[first], keys[second], pairing.days)
        is_paired = partner >= 0
        gap = np.full(first.size, -1, dtype=np.int64)
        gap[is_paired] = np.abs(day[second[partner[is_paired]]] - day[first[is_paired]])
        alone = np.setdiff1d(second, second[partner[is_paired]], assume_unique=True)
        rows += [first, alone]
        missed += [~is_paired, np.zeros(alone.size, dtype=bool)]
        gaps += [gap, np.full(alone.size, -1, dtype=np.int64)]
    row, is_missed, gap = (np.concatenate(parts) for parts in (rows, missed, gaps))
    order = np.argsort(row, kind="stable")
    row, is_missed, gap = row[order].astype(np.int64), is_missed[order], gap[order]
    earliest, latest = _days_of_both(people, pairing)
    followed = (day[row] - pairing.days >= earliest) & (day[row] + pairing.days <= latest)
    return Answers(measure, row, followed, is_missed.astype(np.int64), gap, is_missed)


def _days_of_both(people: People, pairing: Pairing) -> tuple[int, int]:
    """Return the first and the last day that both datasets cover."""
    covered = [days_covered(people.sources, [kind[side] for kind in pairing.kinds]) for side in (0, 1)]
    return max(first for first, _ in covered), min(last for _, last in covered)


def _clock_days(people: People, name: str, row: Integers) -> Integers:
    """Return the days of a field at some events, `_NO_DAY` where there is none."""
    days = np.asarray(people.frame[name].to_numpy()[row], dtype=np.float64)
    return np.nan_to_num(days, nan=_NO_DAY).astype(np.int64)


def _cube_rows(
    counts: pl.DataFrame, column: str, dimensions: Sequence[str], rule: str | None, measure: str, item: str | None
) -> pl.DataFrame:
    """Return the rows of a cube for the counts in one column."""
    return counts.select(
        pl.lit(rule, dtype=pl.String).alias("rule"),
        *dimensions,
        pl.lit(measure).alias("measure"),
        pl.lit(item, dtype=pl.String).alias("item"),
        pl.col(column).alias("count"),
    ).cast(pl.Schema(schema(dimensions)))
