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
    measure_cube,
    why_too_short,
)
from ebi_rules.pathways.people_events import People, Source

SPREAD_KEYS = ["measure", "provider", "month", "number"]
NO_SPREAD = pl.DataFrame(schema={**dict.fromkeys(SPREAD_KEYS[:3], pl.String), "number": pl.Int64, "count": pl.Int64})


@dataclass(frozen=True)
class PathwayCounts:
    """The counts of measures and flows, exact.

    Attributes:
        cube: The counts of measures in the form of the audit's cube.
        spread: How many index activities have each number of outcomes or days: measure, provider, month, number, count.
        moves: The moves of each flow (see `flow_moves.moves`).
        sources: What the extracts contain.
        notices: What a reader must know.
    """

    cube: pl.DataFrame
    spread: pl.DataFrame
    moves: tuple[pl.DataFrame, ...]
    sources: Sequence[Source]
    notices: tuple[str, ...]


def count_people(
    people: People,
    measures: Sequence[Measure],
    flows: Sequence[Flow],
    dimensions: Sequence[str],
    progress: Progress,
) -> PathwayCounts:
    """Count measures and flows over the events of people.

    Args:
        people: The events.
        measures: The measures.
        flows: The flows.
        dimensions: The fields to count measures by.
        progress: Is called with each step.
    """
    notices = [text for measure in measures if (text := why_too_short(people.sources, measure))]
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
        spreads.append(answer_spread(people, answers, ["provider", "month"]))
    return PathwayCounts(
        cube=measure_cube(people.activity, counts, dimensions),
        spread=in_order_of_keys(spreads),
        moves=tuple(counted_moves),
        sources=people.sources,
        notices=(*notices, *people.notices),
    )


def in_order_of_keys(spreads: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the spreads of measures as one, in order."""
    return pl.concat(spreads).sort(SPREAD_KEYS, nulls_last=True) if spreads else NO_SPREAD
