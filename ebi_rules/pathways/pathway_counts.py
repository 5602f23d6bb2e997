"""What is counted of measures and flows, wherever it is counted: in this process, or in a warehouse."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ebi_rules._support.progress import Progress
from ebi_rules.pathways.flow import Flow
from ebi_rules.pathways.flow_moves import moves
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.measure_counts import (
    answer_measure,
    answer_spread,
    backward_waits,
    count_answers,
    cube_of_answers,
    measure_cube,
    why_too_short,
)
from ebi_rules.pathways.people_events import People, Source, different_periods
from ebi_rules.pathways.wait_counts import ANSWER, WaitCounts


def no_spread(dimensions: Sequence[str]) -> pl.DataFrame:
    """Return a spread without rows."""
    texts = dict.fromkeys(("measure", *dimensions), pl.String)
    return pl.DataFrame(schema={**texts, "number": pl.Int64, "count": pl.Int64})


def no_waits(dimensions: Sequence[str]) -> pl.DataFrame:
    """Return waits without rows."""
    texts = dict.fromkeys(("measure", *dimensions), pl.String)
    return pl.DataFrame(schema={**texts, **ANSWER, "count": pl.Int64})


NO_CONTACTS = pl.DataFrame(schema={"measure": pl.String, "status": pl.String, "count": pl.Int64})


@dataclass(frozen=True)
class PathwayCounts:
    """The counts of measures and flows, exact.

    Attributes:
        cube: The counts of measures in the form of the audit's cube.
        spread: How many index activities have each number of outcomes or days: measure, the dimensions, number, count.
        waits: How many waits of measures of waits are alike, as far as they are known: measure, the dimensions,
            known_from, until, ended (see `wait_meaning.KnownWait`), count.
        contacts: How many contacts the referrals of a measure of waits have by attendance status: measure, status,
            count.
        moves: The moves of each flow (see `flow_moves.moves`).
        sources: What the extracts contain.
        notices: What a reader must know.
    """

    cube: pl.DataFrame
    spread: pl.DataFrame
    waits: pl.DataFrame
    contacts: pl.DataFrame
    moves: tuple[pl.DataFrame, ...]
    sources: Sequence[Source]
    notices: tuple[str, ...]


def count_people(
    people: People,
    measures: Sequence[Measure],
    flows: Sequence[Flow],
    waits: Sequence[WaitCounts],
    dimensions: Sequence[str],
    progress: Progress,
) -> PathwayCounts:
    """Count measures and flows over the events of people.

    Args:
        people: The events.
        measures: The measures, without those of waits.
        flows: The flows.
        waits: The measures of waits, counted.
        dimensions: The fields to count measures by.
        progress: Is called with each step.
    """
    notices = different_periods(people.sources)
    notices += [text for measure in measures if (text := why_too_short(people.sources, measure))]
    counted_moves = []
    for flow in flows:
        progress(f"following {flow.key}")
        counted_moves.append(moves(people, flow))
    counts, spreads = [], []
    for measure in measures:
        progress(f"counting {measure.key}")
        answers = answer_measure(people, measure)
        notices += backward_waits(people, measure)
        counts.append(count_answers(people, answers, dimensions))
        spreads.append(answer_spread(people, answers, dimensions))
    counts += [cube_of_answers(each.totals, dimensions, each.measure) for each in waits]
    return PathwayCounts(
        cube=measure_cube(with_waits(people.activity, waits, dimensions), counts, dimensions),
        spread=in_order_of_keys([no_spread(dimensions), *spreads]),
        waits=known_waits(waits, dimensions),
        contacts=contacts_of(waits),
        moves=tuple(counted_moves),
        sources=people.sources,
        notices=(*notices, *people.notices, *(notice for each in waits for notice in each.notices)),
    )


def with_waits(activity: pl.DataFrame, waits: Sequence[WaitCounts], dimensions: Sequence[str]) -> pl.DataFrame:
    """Return how much activity there is by the dimensions, waits included: a referral may have led to none yet.

    Args:
        activity: How much activity people have: the dimensions, count.
        waits: The measures of waits.
        dimensions: The dimensions.
    """
    of_waits = [each.totals.group_by(dimensions).agg(pl.col("count").sum()) for each in waits]
    texts = [part.with_columns(pl.col(dimensions).cast(pl.String)) for part in (activity, *of_waits)]
    return pl.concat(part.select(*dimensions, "count") for part in texts)


def in_order_of_keys(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the counts of measures as one table, in order: the count is the last column."""
    return pl.concat(tables).sort(tables[0].columns[:-1], nulls_last=True)


def known_waits(waits: Sequence[WaitCounts], dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the waits that are known, of all measures of waits."""
    empty = no_waits(dimensions)
    known = [
        each.totals.filter(pl.col("until").is_not_null())
        .with_columns(pl.lit(each.measure.key).alias("measure"))
        .group_by(empty.columns[:-1])
        .agg(pl.col("count").sum())
        .cast(empty.schema)
        for each in waits
    ]
    return in_order_of_keys([empty, *known])


def contacts_of(waits: Sequence[WaitCounts]) -> pl.DataFrame:
    """Return the contacts by attendance status, of all measures of waits."""
    of_measures = [each.contacts.select(pl.lit(each.measure.key).alias("measure"), "status", "count") for each in waits]
    return pl.concat([NO_CONTACTS, *of_measures])
