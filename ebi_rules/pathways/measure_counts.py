"""Work measures out over people's events: an answer an index activity, and from these the cube.

The cube is that of an audit: `eligible` are index activities whose window lies within the data, `flagged` those of them
with the outcome, `left` what remains step by step. Measures that count outcomes, or days, have them as further counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ebi_rules.cube import in_order, schema
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.people_events import People, Source, span
from ebi_rules.pathways.window_search import Marks, Whole, first_of_each, keys_of, look
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, FIRST, WITHIN_DAYS, WITHOUT

INDEX, FOLLOWED, OUTCOME = "index activity", "window within the data", "outcome"
STEPS = (INDEX, FOLLOWED, OUTCOME)
"""What is left of all activity: index activity; that whose window lies within the data; that with the outcome."""


@dataclass(frozen=True)
class Answers:
    """The answers to one measure, a row an index activity in the order of people and days.

    `row` is its place among the events; `followed` says whether the window lies within the data; `outcomes` how many
    there are, or the days of a wait; `gap` the days to the nearest outcome, -1 where there is none; `held` whether the
    measure counts it.
    """

    measure: Measure
    row: Whole
    followed: Marks
    outcomes: Whole
    gap: Whole
    held: Marks


@dataclass(frozen=True)
class MeasureEntry:
    """A measure as what an audit counts."""

    measure: Measure

    @property
    def key(self) -> str:
        return self.measure.key

    @property
    def steps(self) -> list[str]:
        return list(STEPS)

    @property
    def variants(self) -> list[str]:
        return []

    @property
    def counted_as(self) -> str:
        return ""


def answer(people: People, measure: Measure) -> Answers:
    """Answer a measure for every index activity."""
    frame = people.frame
    person, day = frame["person"].to_numpy(), frame["day"].to_numpy().astype(np.int64)
    is_index = people.is_a(measure.index)
    if measure.of == FIRST:
        places = np.flatnonzero(is_index)
        is_index = np.zeros_like(is_index)
        is_index[places[first_of_each(person[places])]] = True
    row = np.flatnonzero(is_index).astype(np.int64)
    if measure.gives == DAYS:
        start = frame[str(measure.start)].to_numpy()[row]
        days = day[row] - np.nan_to_num(np.asarray(start, dtype=np.float64), nan=2.0**40).astype(np.int64)
        followed = days >= 0
        waits = np.where(followed, days, -1)
        return Answers(measure, row, followed, waits, np.full(row.size, -1, dtype=np.int64), waits > WITHIN_DAYS)
    assert measure.outcome, "only days have no outcome"
    is_outcome = people.is_a(measure.outcome)
    if measure.window is None:
        outcomes = is_outcome[row].astype(np.int64)
        gap = np.where(outcomes > 0, 0, -1)
        return Answers(measure, row, np.ones(row.size, dtype=bool), outcomes, gap, _counts(measure, outcomes))
    keys = keys_of(person, day, measure.window.days)
    found = look(keys, is_index, is_outcome, measure.window)
    first, last = span(people.sources, [measure.outcome])
    end = day[row] + (measure.window.days if measure.window.after else -measure.window.days)
    followed = (end >= first) & (end <= last)
    return Answers(measure, row, followed, found.outcomes, found.gap, _counts(measure, found.outcomes))


def _counts(measure: Measure, outcomes: Whole) -> Marks:
    held: Marks = (outcomes == 0) if measure.gives == WITHOUT else (outcomes > 0)
    return held


def too_short(sources: Sequence[Source], measure: Measure) -> str | None:
    """Say that a measure's window is longer than the data; None where it is not."""
    if measure.window is None:
        return None
    first, last = span(sources, [measure.outcome])
    held = max(last - first, 0)
    if measure.window.days <= held:
        return None
    where = "ahead" if measure.window.after else "back"
    return f"{measure.key} looks {measure.window.days:,} days {where}, and the data hold {held:,}: it finds nothing."


def cube_of(people: People, counted: Sequence[pl.DataFrame], dimensions: Sequence[str]) -> pl.DataFrame:
    """Give the cube of measures, in an audit's form, from the rows that `counted` gives of each."""
    activity = _rows(people.activity, None, "activity", None, pl.col("count"), dimensions)
    return in_order(pl.concat([activity, *counted]).filter(pl.col("count") > 0), dimensions)


def counted(people: People, given: Answers, dimensions: Sequence[str]) -> pl.DataFrame:
    """Give the rows of the cube for one measure: what is left at each step, those followed, and the outcomes."""
    marks = {"followed": pl.Series(given.followed), "held": pl.Series(given.followed & given.held)}
    sums = (
        people.frame[given.row]
        .select(dimensions)
        .with_columns(**marks)
        .group_by(dimensions)
        .agg(
            pl.len().cast(pl.Int64).alias(INDEX),
            pl.col("followed").sum().cast(pl.Int64).alias(FOLLOWED),
            pl.col("held").sum().cast(pl.Int64).alias(OUTCOME),
        )
    )
    wanted = (
        ("left", INDEX, INDEX),
        ("left", FOLLOWED, FOLLOWED),
        ("left", OUTCOME, OUTCOME),
        ("eligible", None, FOLLOWED),
        ("flagged", None, OUTCOME),
    )
    key = given.measure.key
    return pl.concat(_rows(sums, key, measure, item, pl.col(column), dimensions) for measure, item, column in wanted)


def spread_of(people: People, given: Answers, dimension: str) -> pl.DataFrame:
    """Give how many index activities have each number of outcomes or days: measure, dimension, number, count.

    Empty for a measure that gives neither.
    """
    if given.measure.gives not in (COUNT, DAYS):
        return pl.DataFrame(schema={"measure": pl.String, dimension: pl.String, "number": pl.Int64, "count": pl.Int64})
    index = people.frame[given.row].select(pl.col(dimension).cast(pl.String))
    numbers = index.with_columns(number=pl.Series(given.outcomes)).filter(pl.Series(given.followed))
    found = numbers.group_by(dimension, "number").agg(pl.len().cast(pl.Int64).alias("count"))
    return found.select(pl.lit(given.measure.key).alias("measure"), dimension, "number", "count")


def _rows(
    counted: pl.DataFrame, rule: str | None, measure: str, item: str | None, count: pl.Expr, dimensions: Sequence[str]
) -> pl.DataFrame:
    return counted.select(
        pl.lit(rule, dtype=pl.String).alias("rule"),
        *dimensions,
        pl.lit(measure).alias("measure"),
        pl.lit(item, dtype=pl.String).alias("item"),
        count.alias("count"),
    ).cast(pl.Schema(schema(dimensions)))
