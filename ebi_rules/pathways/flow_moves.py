"""Work out the pathways of all people: how many go from each stage to the next, step by step.

The visits of people to stages, in order of days, fall apart into pathways where one is ended or a gap is too long.
"""

import polars as pl

from ebi_rules.pathways.flow import BEGINS, IN_VIEW, LOST, Flow
from ebi_rules.pathways.people_events import People, span

STEPS = 5
"""Through how many stages a pathway is followed."""

FURTHER = "further stages"
"""Where a pathway goes that is followed no longer."""

MOVE = {"step": pl.Int64, "from": pl.String, "to": pl.String}
"""One move: at which step (0 is the beginning), from which stage, to which."""


def moves(people: People, flow: Flow) -> pl.DataFrame:
    """Give how many pathways make each move: provider, quarter, step, from, to, pathways.

    Provider and quarter (`2024 Q2`, of the calendar year) are those of the activity with which a pathway begins. Those
    with less than `lost_after` days of data before it may have begun earlier, and are left out.
    """
    first, last = span(people.sources, (stage.asked for stage in flow.stages))
    runs = _runs(_visits(people, flow, first, last), flow, last)
    begun = runs.filter(pl.col("begin") - first >= flow.lost_after)
    names = dict(enumerate(stage.name for stage in flow.stages))
    stage, after = (
        pl.col(name).replace_strict(names, default=None, return_dtype=pl.String) for name in ("stage", "after")
    )
    goes_on = pl.col("after").is_not_null() & ~pl.col("after").is_in(_ending(flow)) & (pl.col("step") == STEPS)
    onward = begun.filter(pl.col("step") <= STEPS).with_columns(
        pl.when(goes_on).then(pl.lit(FURTHER)).otherwise(pl.coalesce(after, "end")).alias("to"), stage.alias("from")
    )
    into = begun.filter(pl.col("step") == 1).with_columns(
        pl.lit(0, pl.Int64).alias("step"), pl.lit(BEGINS).alias("from"), stage.alias("to")
    )
    keys = ["provider", "quarter", *MOVE]
    day = pl.col("begin").cast(pl.Date)
    quarter = pl.format("{} Q{}", day.dt.year(), day.dt.quarter())
    counted = (
        part.filter(pl.col("to").is_not_null())
        .group_by("provider", quarter.alias("quarter"), *MOVE)
        .agg(pl.len().cast(pl.Int64).alias("pathways"))
        for part in (into, onward)
    )
    return pl.concat(counted).with_columns(pl.col("provider").cast(pl.String)).sort(keys, nulls_last=True)


def _ending(flow: Flow) -> list[int]:
    return [place for place, stage in enumerate(flow.stages) if stage.ends]


def _visits(people: People, flow: Flow, first: int, last: int) -> pl.DataFrame:
    """Give person, day, provider and stage of every visit, in order; a day's stages have the order of the flow."""
    parts = []
    for place, stage in enumerate(flow.stages):
        if stage.asked not in people.asked:
            continue
        own = people.frame.filter(pl.Series(people.is_a(stage.asked)), pl.col("day").is_between(first, last))
        parts.append(own.select(pl.col("person").cast(pl.UInt32), "day", "provider", stage=pl.lit(place, pl.Int8)))
    return pl.concat(parts).sort("person", "day", "stage", maintain_order=True)


def _runs(visits: pl.DataFrame, flow: Flow, last: int) -> pl.DataFrame:
    """Put visits in a row to one stage together: provider and begin of the pathway, step, stage, after, end.

    `after` is the next stage of the pathway, null at its end; `end` is what became of it there, null where a stage
    ends it.
    """
    person, day, stage = (pl.col(name) for name in ("person", "day", "stage"))
    same = person.eq(person.shift(1)).fill_null(False)
    new = ~same | stage.shift(1).is_in(_ending(flow)) | (day - day.shift(1) > flow.lost_after)
    marked = visits.with_columns(new.fill_null(True).alias("new"))
    is_last = pl.col("new").shift(-1).fill_null(True)
    # Somebody who comes later, in another pathway, was lost to view in between.
    comes_later = person.eq(person.shift(-1)).fill_null(False)
    seen_long = comes_later | (pl.lit(last) - day >= flow.lost_after)
    lost = pl.when(seen_long).then(pl.lit(LOST)).otherwise(pl.lit(IN_VIEW))
    starts = marked.with_columns(
        pl.when("new").then(day).forward_fill().alias("begin"),
        pl.col("new").cum_sum().alias("pathway"),
        pl.when(~is_last).then(stage.shift(-1)).alias("after"),
        pl.when(is_last & ~stage.is_in(_ending(flow))).then(lost).alias("end"),
        (is_last | (stage != stage.shift(-1))).alias("kept"),
    )
    providers = starts.filter("new").select("pathway", "provider")
    kept = starts.filter("kept").drop("provider").join(providers, on="pathway", how="left", maintain_order="left")
    place = pl.int_range(pl.len())
    begins = pl.col("pathway").ne_missing(pl.col("pathway").shift(1))
    return kept.with_columns((place - pl.when(begins).then(place).forward_fill() + 1).alias("step"))
