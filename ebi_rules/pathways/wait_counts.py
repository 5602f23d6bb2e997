"""Count measures of waits: one wait for each key, provider and day on which a clock starts.

`wait_meaning` defines the meaning. Of a waiting list, the rows of one pathway are put together: it is known of from the
first week on which it is listed, and left when its provider's next list has it no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from secrets import randbits

import polars as pl

from ebi_rules._support.notices import Notice
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.pathways.event_dimensions import months_of
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.wait_rows import FIRST_DAY, WaitRows, read_waits
from ebi_rules.rule_model.measure_logic import LISTED_WITHIN, MeasureLogic
from ebi_rules.statistics.seen_by_day import REMOVED, SEEN, WAITING

_GROUP = ["key", "provider", "start"]
_WEEK = 7
_LONGEST_WEEK = 10
"""Lists of one provider that are more days apart have a missing one between them."""

ANSWER = {"known_from": pl.Int64, "until": pl.Int64, "ended": pl.Int64}
"""What is known of a wait: see `wait_meaning.KnownWait`."""

FLAGS = ("followed", "outcome")


@dataclass(frozen=True)
class WaitCounts:
    """The waits of a measure, counted.

    Attributes:
        measure: The measure.
        totals: How many waits are alike: the dimensions, the columns of `ANSWER` (null if a wait is not known),
            followed, outcome (1 or 0), count.
        contacts: How many contacts have each attendance status: status, count. Empty if the dataset has none.
        notices: What the user must know, with exact counts.
    """

    measure: Measure
    totals: pl.DataFrame
    contacts: pl.DataFrame
    notices: tuple[str, ...]


def count_waits(
    extracts: Sequence[FrameExtract], measure: Measure, dimensions: Sequence[str], today: date
) -> WaitCounts:
    """Count a measure of waits.

    Args:
        extracts: The extracts, which can answer the measure.
        measure: The measure.
        dimensions: The fields to count by.
        today: The last day that any extract is taken to cover.

    Raises:
        ExtractError: A column has a type or a value that its field cannot have.
    """
    data = read_waits(extracts, measure, dimensions, today, randbits(64))
    span = span_of(data, measure, today)
    waits = find_waits(data, measure, dimensions, span)
    keys = [*dimensions, *ANSWER, *FLAGS]
    totals = waits.group_by(keys).agg(pl.len().cast(pl.Int64).alias("count"))
    contacts = data.rows.filter("is_index", pl.col("status").is_not_null(), pl.col("day").is_not_null())
    by_status = contacts.group_by("status").agg(pl.len().cast(pl.Int64).alias("count")).sort("status")
    return WaitCounts(measure, totals, by_status, (*data.notices, *_notices(data, waits, measure, span)))


def span_of(data: WaitRows, measure: MeasureLogic, today: date) -> tuple[int, int]:
    """Return the first day of the dataset in which people wait, and the last that all datasets cover."""
    assert measure.wait, "only measures of waits have a span"
    days = data.rows["day"].drop_nulls()
    so_far = days.filter(days <= (today - FIRST_DAY).days)
    last = min([*([int(str(so_far.max()))] if so_far.len() else []), *data.last_elsewhere], default=0)
    first = data.rows["day"].min()
    return (0 if first is None else int(str(first))), last


def find_waits(data: WaitRows, measure: MeasureLogic, dimensions: Sequence[str], span: tuple[int, int]) -> pl.DataFrame:
    """Return every wait: the dimensions, the columns of `ANSWER`, followed and outcome, and what is odd about it.

    Args:
        data: The rows.
        measure: The measure.
        dimensions: The fields to count by.
        span: The first and the last day of the data (`span_of`).
    """
    wait = measure.wait
    assert wait, "only measures of waits have waits"
    first, last = span
    rows = data.rows.filter(pl.col("day") <= last) if wait.snapshots else data.rows
    start, day = pl.col("start"), pl.col("day")
    rows = rows.with_columns(pl.when(start <= last).then(start).alias("start"))
    own = [pl.col(name) for name in rows.columns if name.startswith("seen_")]
    # A list may have a day that is yet to come when it is read.
    so_far = pl.min_horizontal(day, pl.lit(last)) if wait.snapshots else pl.lit(last)
    in_time = [pl.when(each.is_between(start, so_far)).then(each) for each in own]
    closed = pl.col("removed")
    fields = [name for name in dimensions if name not in ("month", "provider")]
    index = rows.filter("is_index").with_columns(
        pl.min_horizontal(in_time).alias("seen") if own else pl.lit(None, pl.Int32).alias("seen"),
        pl.any_horizontal([(each < start).fill_null(False) for each in own] or [pl.lit(False)]).alias("early"),
        pl.when(closed.is_between(start, last)).then(closed).alias("removed"),
    )
    grouped = index.group_by(_GROUP, maintain_order=True).agg(
        day.min().alias("listed"),
        day.max().alias("last_listed"),
        pl.col("seen", "removed").min(),
        pl.col("early").any(),
        pl.col("person").drop_nulls().unique().alias("people"),
        *(pl.col(name).sort_by("day", name, nulls_last=False).first() for name in fields),
    )
    waits = _with_elsewhere(grouped, data.elsewhere, last)
    if wait.snapshots:
        waits = _with_lists(waits, rows)
    else:
        waits = waits.with_columns(
            pl.lit(0).alias("entered"), pl.lit(last).alias("known_until"), pl.lit(last).alias("end_of_data")
        )
    return _answered(waits, measure, first if not wait.snapshots else None, dimensions)


def _with_elsewhere(waits: pl.DataFrame, elsewhere: pl.DataFrame, last: int) -> pl.DataFrame:
    """Add the days on which people were seen in another dataset, by the same provider."""
    if not elsewhere.height:
        return waits.drop("people")
    numbered = waits.with_row_index("wait")
    pairs = numbered.select("wait", "provider", "start", "people").explode("people").rename({"people": "person"})
    found = pairs.drop_nulls("person").join(elsewhere, on=["person", "provider"], nulls_equal=True)
    found = found.filter(pl.col("seen").is_between("start", last)).group_by("wait").agg(pl.col("seen").min())
    joined = numbered.join(found, on="wait", how="left", suffix="_elsewhere", maintain_order="left")
    return joined.with_columns(pl.min_horizontal("seen", "seen_elsewhere").alias("seen")).drop(
        "wait", "seen_elsewhere", "people"
    )


def _with_lists(waits: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Add when each pathway was first listed, and the first list of its provider that has it no more."""
    lists = rows.select("provider", "day").drop_nulls("day").unique().sort("provider", "day")
    lists = lists.with_columns(
        pl.col("day").shift(-1).over("provider").alias("next_list"),
        pl.col("day").max().over("provider").alias("end_of_data"),
    )
    joined = waits.drop("removed").join(
        lists.rename({"day": "last_listed", "next_list": "removed"}),
        on=["provider", "last_listed"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    entered = (pl.col("listed") - pl.col("start")).clip(lower_bound=0)
    return joined.with_columns(entered.alias("entered"), pl.col("last_listed").alias("known_until"))


def _answered(waits: pl.DataFrame, measure: MeasureLogic, first: int | None, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return the waits with their answers."""
    seen, removed, start = pl.col("seen"), pl.col("removed"), pl.col("start")
    is_seen = seen.is_not_null() & (removed.is_null() | (seen <= removed))
    is_removed = ~is_seen & removed.is_not_null()
    end = pl.when(is_seen).then(seen).when(is_removed).then(removed).otherwise("known_until")
    ended = pl.when(is_seen).then(SEEN).when(is_removed).then(REMOVED).otherwise(WAITING)
    begins_before = (start < first).fill_null(False) if first is not None else pl.lit(False)
    waits = waits.with_columns((end - start).alias("until"), ended.alias("ended"), begins_before.alias("begins_before"))
    is_known = (start.is_not_null() & ~pl.col("begins_before") & (pl.col("until") >= pl.col("entered"))).fill_null(
        False
    )
    standard = measure.standard_days or 0
    is_short_removal = (pl.col("ended") == REMOVED) & (pl.col("until") <= standard)
    followed = (
        is_known & (pl.col("entered") <= LISTED_WITHIN) & (pl.col("end_of_data") - start > standard) & ~is_short_removal
    ).fill_null(False)
    outcome = followed & (pl.col("until") > standard)
    waits = waits.with_columns(
        is_known.alias("is_known"),
        *(
            pl.when(is_known).then(pl.col(name)).cast(dtype).alias(new)
            for (new, dtype), name in zip(ANSWER.items(), ("entered", "until", "ended"), strict=True)
        ),
        followed.cast(pl.Int64).alias("followed"),
        outcome.cast(pl.Int64).alias("outcome"),
    )
    months = [months_of(waits["start"]).cast(pl.String)] if "month" in dimensions else []
    return waits.with_columns(months)


def _notices(data: WaitRows, waits: pl.DataFrame, measure: Measure, span: tuple[int, int]) -> list[str]:
    """Return warnings about what is odd in the rows and their waits."""
    wait = measure.wait
    assert wait, "only measures of waits have waits"
    index = data.rows.filter("is_index")
    no_start = waits["start"].is_null()
    several = waits.drop_nulls("start").group_by("key", "provider").agg(pl.len()).filter(pl.col("len") > 1)
    odd = OddWaits(
        no_start=int(no_start.sum()),
        before_data=int(waits["begins_before"].sum()),
        early=int(waits["early"].sum()),
        before_list=int((~waits["is_known"] & ~no_start & ~waits["begins_before"]).sum()),
        several=int(several["len"].sum()),
        no_person=index["person"].null_count() if data.last_elsewhere else 0,
        no_list_day=index["day"].null_count() if wait.snapshots else 0,
    )
    notices: list[str] = [*odd.notices(measure.key)]
    if wait.snapshots:
        notices += list_notices(measure.key, data.rows.select("provider", "day"), span[1])
        if not data.last_elsewhere:
            notices += no_other_dataset(measure)
    return notices


@dataclass(frozen=True)
class OddWaits:
    """How many waits, or rows of waits, are odd in a way that a reader must know.

    Attributes:
        no_start: Waits without a day on which the clock starts.
        before_data: Waits that began before the first contact in the data.
        early: Waits with an attendance before the clock starts.
        before_list: Waits that ended before they were first listed.
        several: Waits whose key and provider have another wait.
        no_person: Rows without a pseudonym, where people are looked for in another dataset.
        no_list_day: Rows of a list without its day.
    """

    no_start: int
    before_data: int
    early: int
    before_list: int
    several: int
    no_person: int
    no_list_day: int

    def notices(self, key: str) -> list[Notice]:
        """Return the warnings about a measure of this key; none about what does not occur."""
        waits = {
            "no day, or one before 1990 or after the data, on which the clock starts": self.no_start,
            "a clock that starts before the first contact in the data: who was seen before that is not known": (
                self.before_data
            ),
            "an attendance before the clock starts; it does not end the wait": self.early,
            "an end before they were first listed; they are left out": self.before_list,
            "the identifier of another wait of the same provider; each start of a clock is a wait of its own": (
                self.several
            ),
        }
        rows = {
            "no pseudonym, so that it is not known whether the person was seen elsewhere": self.no_person,
            "no day of the list; they are left out": self.no_list_day,
        }
        return [
            Notice(f"{key}: {{rows_have}} {text}.", count, noun)
            for noun, counts in (("wait", waits), ("row", rows))
            for text, count in counts.items()
            if count
        ]


def no_other_dataset(measure: MeasureLogic) -> list[str]:
    """Return a warning that a list alone does not show who was seen and left it within a week.

    There is none if nothing else could show it.
    """
    assert measure.wait, "only of measures of waits"
    others = [end.event.dataset for end in measure.wait.seen if end.event.dataset != measure.index.dataset]
    return [
        f"{measure.key}: without {other} activity, people who were seen and were on no later list count as removed: "
        "add that extract."
        for other in others[:1]
    ]


def list_notices(key: str, lists: pl.DataFrame, last: int) -> list[str]:
    """Return warnings about weeks without a list.

    Args:
        key: The measure's key.
        lists: The providers and the days of their lists: provider, day; repeated or not.
        last: The last day of the data.
    """
    days = lists.drop_nulls("day").filter(pl.col("day") <= last).unique().sort("provider", "day")
    apart = days.with_columns((pl.col("day") - pl.col("day").shift(1).over("provider")).alias("apart"))
    gaps = apart.filter(pl.col("apart") > _LONGEST_WEEK)
    missing = int(((gaps["apart"] / _WEEK).round() - 1).sum())
    ends = days.group_by("provider").agg(pl.col("day").max()).filter(pl.col("day") < last - _LONGEST_WEEK)
    notices = []
    if missing:
        notices.append(
            f"{key}: {missing:,} weekly lists of {gaps['provider'].n_unique():,} providers are missing between others: "
            "who left in such a gap is taken to have left with the next list."
        )
    if ends.height:
        notices.append(
            f"{key}: {ends.height:,} providers sent no list in the last weeks of the data: who was on their last one "
            "is followed until then."
        )
    return notices
