"""Read what measures of waits need of extracts: the rows of referrals or of a waiting list, and who was seen elsewhere.

A row is an activity, before those of one key are put together. Days are numbers since 1970.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from ebi_rules._support.notices import Notice, braced
from ebi_rules.criteria.fields import FIELDS, TEXTS
from ebi_rules.criteria.nodes import Criterion, In
from ebi_rules.cube import EARLIEST
from ebi_rules.engines.checked_extract import CheckedExtract, check_extract
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_dates import day_of
from ebi_rules.engines.polars_flags import DecidedRows, decide_rows
from ebi_rules.engines.value_checks import check_types
from ebi_rules.pathways.event_dimensions import labelled_places, labels_of, place_of
from ebi_rules.rule_model.measure_availability import can_contain, can_end
from ebi_rules.rule_model.measure_logic import OWN_DAY, MeasureLogic, WaitEnd
from ebi_rules.translate.polars import field_value

FIRST_DAY = date(1970, 1, 1)
"""Day 0."""

STATUSES: Mapping[str, tuple[str, ...]] = {
    "attended": ("5", "6"),
    "did not attend": ("3", "7"),
    "cancelled": ("2", "4"),
}
"""The attendance statuses by which contacts are counted; others, and none, are `NO_STATUS`."""

NO_STATUS = "no status"


@dataclass(frozen=True)
class WaitRows:
    """The rows of extracts that a measure of waits is about.

    Attributes:
        rows: One row per activity of the index dataset: key, provider, person (a hash, null if not known), day, start,
            removed, is_index, status (the attendance's, null if the extract has none), the dimensions, and seen_0,
            seen_1, ...: the day by each end of a wait that the dataset itself records.
        elsewhere: The days on which people were seen in other datasets: person, provider, seen.
        last_elsewhere: The last day of the other datasets, for each that was read.
        notices: What the user must know, with exact counts.
    """

    rows: pl.DataFrame
    elsewhere: pl.DataFrame
    last_elsewhere: tuple[int, ...]
    notices: tuple[str, ...]


def read_waits(
    extracts: Sequence[FrameExtract], measure: MeasureLogic, dimensions: Sequence[str], today: date, secret: int
) -> WaitRows:
    """Read the rows of a measure of waits.

    Args:
        extracts: The extracts; those that the measure does not ask about are left out.
        measure: The measure.
        dimensions: The fields to count by; the month is that of the start of the clock, and is no column here.
        today: The last day that any extract is taken to cover.
        secret: The seed of the hash of a pseudonym.

    Raises:
        ExtractError: A column has a type or a value that its field cannot have.
    """
    assert measure.wait, "only measures of waits have rows"
    rows, elsewhere, last_days, notices = [], [], list[int](), list[str]()
    for extract in extracts:
        if can_contain(measure.index, extract.binding):
            frame, of_rows = _of_index(extract, measure, [name for name in dimensions if name != "month"], secret)
            rows.append(frame)
            notices += of_rows
            continue
        ends = [end for end in measure.wait.seen if can_end(end, extract.binding)]
        if ends and "patient" in extract.binding.fields:
            frame, last, found = _seen_elsewhere(extract, ends, today, secret)
            elsewhere.append(frame)
            last_days.append(last)
            notices += list(found)
    columns = {"person": pl.UInt64, "provider": pl.String, "seen": pl.Int32}
    return WaitRows(
        pl.concat(rows, how="diagonal"),
        pl.concat([pl.DataFrame(schema=columns), *elsewhere]),
        tuple(last_days),
        tuple(dict.fromkeys(notices)),
    )


def _of_index(
    extract: FrameExtract, measure: MeasureLogic, fields: Sequence[str], secret: int
) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows of an extract of the dataset in which people wait."""
    wait = measure.wait
    assert wait, "only measures of waits have rows"
    own = {f"seen_{place}": end for place, end in enumerate(wait.seen) if can_end(end, extract.binding)}
    statuses = {name: In("attendance_status", codes) for name, codes in STATUSES.items()}
    if not extract.binding.fields.get("attendance_status") or wait.snapshots:
        statuses = {}
    criteria = [*measure.index.criteria, *statuses.values()]
    criteria += [criterion for end in own.values() for criterion in end.event.criteria]
    days = [OWN_DAY, str(measure.start), *filter(None, [wait.removed_on]), *(end.on for end in own.values())]
    checked, decided = _decided(extract, criteria, fields, days)
    extract, values = checked.extract, checked.values
    binding, schema = extract.binding, extract.table.schema
    status = pl.coalesce(
        [pl.when(decided.all_hold([each])).then(pl.lit(name)) for name, each in statuses.items()]
        + [pl.lit(NO_STATUS if statuses else None, pl.String)]
    )
    frame = collect(
        decided.frame.select(
            pl.col(binding.key).cast(pl.String).alias("key"),
            _person(extract, secret).alias("person"),
            *(_day(extract, name).alias(column) for name, column in ((OWN_DAY, "day"), (measure.start, "start"))),
            (_day(extract, wait.removed_on) if wait.removed_on else pl.lit(None, pl.Int32)).alias("removed"),
            decided.all_hold(measure.index.criteria).alias("is_index"),
            status.alias("status"),
            *(_day_if(extract, decided, end).alias(column) for column, end in own.items()),
            *(place_of(name, binding, schema, values).alias(name) for name in fields),
        )
    )
    labels = [labelled_places(frame[name], labels_of(name, binding, values)).cast(pl.String) for name in fields]
    frame = frame.with_columns(labels)
    return frame, [*checked.notices, *_of_second_table(extract, frame)]


def _decided(
    extract: FrameExtract, criteria: Sequence[Criterion], fields: Sequence[str], days: Sequence[str]
) -> tuple[CheckedExtract, DecidedRows]:
    """Return an extract, checked, and its rows with the answers to criteria; days that it lacks are left out."""
    present = [name for name in dict.fromkeys(days) if extract.binding.fields.get(name)]
    check_types(extract, [*(["patient"] if "patient" in extract.binding.fields else []), *present])
    coded = [name for name in fields if name in extract.binding.fields and FIELDS[name].kind in TEXTS]
    ages = ["age"] if "age_band" in fields and extract.binding.derives_age else []
    unique = list(dict.fromkeys(criteria))
    checked = check_extract(extract, unique, [*coded, *present, *ages])
    return checked, decide_rows(checked.extract, unique)


def _seen_elsewhere(
    extract: FrameExtract, ends: Sequence[WaitEnd], today: date, secret: int
) -> tuple[pl.DataFrame, int, tuple[str, ...]]:
    """Return who was seen in another dataset and when, and the last day of that dataset."""
    criteria = [criterion for end in ends for criterion in end.event.criteria]
    checked, decided = _decided(extract, criteria, ["provider"], [OWN_DAY, *(end.on for end in ends)])
    extract, values = checked.extract, checked.values
    days = [_day_if(extract, decided, end).alias(f"seen_{place}") for place, end in enumerate(ends)]
    provider = place_of("provider", extract.binding, extract.table.schema, values).alias("provider")
    frame = collect(
        decided.frame.select(
            _person(extract, secret).alias("person"), _day(extract, OWN_DAY).alias("day"), provider, *days
        )
    )
    so_far = frame["day"].filter(frame["day"] <= (today - FIRST_DAY).days)
    labels = labelled_places(frame["provider"], labels_of("provider", extract.binding, values)).cast(pl.String)
    seen = frame.with_columns(labels).unpivot(
        [day.meta.output_name() for day in days], index=["person", "provider"], value_name="seen"
    )
    last = so_far.max()
    found = seen.drop("variable").drop_nulls(["person", "seen"])
    return found, int(str(last)) if last is not None else 0, checked.notices


def _day(extract: FrameExtract, name: str | None) -> pl.Expr:
    """Return a field's day as a number; null if the extract has no such field, or the day is before any care."""
    if not name or not extract.binding.fields.get(name):
        return pl.lit(None, pl.Int32)
    day = day_of(extract, name)
    return pl.when(day >= EARLIEST).then(day).to_physical()


def _day_if(extract: FrameExtract, decided: DecidedRows, end: WaitEnd) -> pl.Expr:
    """Return the day of what ends a wait, in the rows in which it does."""
    day = _day(extract, end.on)
    return pl.when(decided.all_hold(end.event.criteria)).then(day) if end.event.criteria else day


def _person(extract: FrameExtract, secret: int) -> pl.Expr:
    if "patient" not in extract.binding.fields:
        return pl.lit(None, pl.UInt64)
    person = field_value(extract.binding, "patient", extract.table.schema)
    return pl.when(person.is_not_null()).then(person.hash(secret))


def _of_second_table(extract: FrameExtract, frame: pl.DataFrame) -> list[Notice]:
    """Return warnings about rows of a second table that belong to no row of the first, or are there twice."""
    joined = extract.binding.joined
    if joined is None:
        return []
    key = pl.col(joined.other_key).cast(pl.String).alias("key")
    second = collect(extract.children[joined.called].frame.select(key, *joined.columns))
    orphans = second.join(frame.select("key").unique(), on="key", how="anti").height
    column = extract.binding.fields["contact"][0]
    own = next(name for name, after in joined.columns.items() if after == column)
    repeated = second.height - second.unique(["key", own]).height
    table = braced(joined.table)
    notices = []
    if orphans:
        text = f"a referral in the table of {joined.called} ({table}) that the other table lacks; they are left out."
        notices.append(Notice(f"{{rows_have}} {text}", orphans))
    if repeated:
        text = f"{{rows_have}} the same referral and key as another in the table of {joined.called} ({table})."
        notices.append(Notice(text, repeated))
    return notices
