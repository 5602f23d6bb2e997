"""Count the moves of all people from stage to stage, step by step.

The visits of people to stages, in order of days, are divided into pathways. A new pathway begins after a stage that
ends one, and after a gap that is too long. `flow.paths` defines the meaning.
"""

import numpy as np
import polars as pl

from ebi_rules.pathways.flow import BEGINS, IN_VIEW, LOST, Flow
from ebi_rules.pathways.people_events import People, days_covered
from ebi_rules.provider_audit.quarters import quarter_of_day

STEPS = 5
"""The number of stages through which a pathway is followed."""

FURTHER = "further stages"
"""Where a pathway goes after the last stage that is followed."""

MOVE = {"step": pl.Int64, "from": pl.String, "to": pl.String}
"""The columns of a move: the step (0 is the beginning), the stage it is from, and the stage it is to."""


def moves(people: People, flow: Flow) -> pl.DataFrame:
    """Return how many pathways make each move.

    A pathway is left out if there are fewer than `lost_after` days of data before its first activity: it may have begun
    earlier.

    Args:
        people: The events of all people.
        flow: The flow.

    Returns:
        One row per move: provider, quarter, step, from, to, pathways. Provider and quarter (`2024-04 to 2024-06`)
        are those of the activity with which a pathway begins.
    """
    first, last = days_covered(people.sources, (definition for stage in flow.stages for definition in stage.events))
    runs = _runs(_visits(people, flow, first, last), flow, last)
    in_full = runs.filter(pl.col("begin") - first >= flow.lost_after)
    names = dict(enumerate(stage.name for stage in flow.stages))
    stage, after = (
        pl.col(name).replace_strict(names, default=None, return_dtype=pl.String) for name in ("stage", "after")
    )
    continues = pl.col("after").is_not_null() & ~pl.col("after").is_in(_ending_places(flow))
    is_cut_off = continues & (pl.col("step") == STEPS)
    next_stage = pl.when(is_cut_off).then(pl.lit(FURTHER)).otherwise(pl.coalesce(after, "end"))
    onward = in_full.filter(pl.col("step") <= STEPS).with_columns(next_stage.alias("to"), stage.alias("from"))
    first_moves = in_full.filter(pl.col("step") == 1).with_columns(
        pl.lit(0, pl.Int64).alias("step"), pl.lit(BEGINS).alias("from"), stage.alias("to")
    )
    keys = ["provider", "quarter", *MOVE]
    day = pl.col("begin").cast(pl.Date)
    quarter = quarter_of_day(day).alias("quarter")
    counts = (
        part.filter(pl.col("to").is_not_null())
        .group_by("provider", quarter, *MOVE)
        .agg(pl.len().cast(pl.Int64).alias("pathways"))
        for part in (first_moves, onward)
    )
    return pl.concat(counts).with_columns(pl.col("provider").cast(pl.String)).sort(keys, nulls_last=True)


def _ending_places(flow: Flow) -> list[int]:
    return [place for place, stage in enumerate(flow.stages) if stage.ends]


def _visits(people: People, flow: Flow, first: int, last: int) -> pl.DataFrame:
    """Return person, day, provider and stage of every visit, in order; on one day, stages have the flow's order."""
    parts = []
    for place, stage in enumerate(flow.stages):
        known = [definition for definition in stage.events if definition in people.definitions]
        if not known:
            continue
        is_visit = pl.Series(np.any([people.is_a(definition) for definition in known], axis=0))
        visits = people.frame.filter(is_visit, pl.col("day").is_between(first, last))
        person = pl.col("person").cast(pl.UInt32)
        parts.append(visits.select(person, "day", "provider", stage=pl.lit(place, pl.Int8)))
    return pl.concat(parts).sort("person", "day", "stage", maintain_order=True)


def _runs(visits: pl.DataFrame, flow: Flow, last: int) -> pl.DataFrame:
    """Combine consecutive visits of a pathway to one stage.

    Returns:
        One row per run of visits: provider and begin of the pathway, step, stage, after (the next stage of the pathway,
        null at its end), end (no further activity, or still being followed; null before the end, and where a stage
        ends it).
    """
    person, day, stage = (pl.col(name) for name in ("person", "day", "stage"))
    is_same_person = person.eq(person.shift(1)).fill_null(False)
    is_after_end = stage.shift(1).is_in(_ending_places(flow))
    is_after_gap = day - day.shift(1) > flow.lost_after
    is_new = ~is_same_person | is_after_end | is_after_gap
    marked = visits.with_columns(is_new.fill_null(True).alias("new"))
    is_last = pl.col("new").shift(-1).fill_null(True)
    # A person who comes later, in another pathway, had no further activity in between.
    comes_later = person.eq(person.shift(-1)).fill_null(False)
    is_lost = comes_later | (pl.lit(last) - day >= flow.lost_after)
    end = pl.when(is_lost).then(pl.lit(LOST)).otherwise(pl.lit(IN_VIEW))
    in_pathways = marked.with_columns(
        pl.when("new").then(day).forward_fill().alias("begin"),
        pl.col("new").cum_sum().alias("pathway"),
        pl.when(~is_last).then(stage.shift(-1)).alias("after"),
        pl.when(is_last & ~stage.is_in(_ending_places(flow))).then(end).alias("end"),
        (is_last | (stage != stage.shift(-1))).alias("ends_run"),
    )
    providers = in_pathways.filter("new").select("pathway", "provider")
    runs = in_pathways.filter("ends_run").drop("provider")
    runs = runs.join(providers, on="pathway", how="left", maintain_order="left")
    place = pl.int_range(pl.len())
    is_first = pl.col("pathway").ne_missing(pl.col("pathway").shift(1))
    return runs.with_columns((place - pl.when(is_first).then(place).forward_fill() + 1).alias("step"))
