"""Gather the events of people from one or several extracts: who, on what day, and which definitions each event meets.

Only activities that meet a definition are kept. A person is the hash of a normalised pseudonym with a secret of the
run: among five million people, the odds that two have the same hash are below one in a million. The module counts
nothing for measures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from secrets import randbits

import numpy as np
import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules._support.notices import Notice, braced
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.fields import FIELDS, TEXTS
from ebi_rules.cube import EARLIEST
from ebi_rules.engines.checked_extract import check_extract
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_dates import day_of
from ebi_rules.engines.polars_flags import decide_rows
from ebi_rules.engines.value_checks import check_types
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import WAITING_LIST
from ebi_rules.pathways.event_dimensions import labelled_places, labels_of, months_of, place_of
from ebi_rules.rule_model.measure_availability import can_contain
from ebi_rules.rule_model.measure_logic import MOST_DAYS_AHEAD, EventDefinition
from ebi_rules.translate.polars import field_value

_MOST_DEFINITIONS = 64
"""The number of bits that say which definitions an event meets."""

_MONTH = 31
_SMALLEST_SHARE = 0.05
"""If less than this share of people is in both of two extracts, their pseudonyms may not match."""

_FIRST_DAY = date(1970, 1, 1).toordinal()
"""Day 0."""


_EARLIEST_NUMBER = (EARLIEST - date(1970, 1, 1)).days


@dataclass(frozen=True)
class Source:
    """One extract.

    Attributes:
        dataset: Its dataset.
        rows: How many rows it has.
        people: How many people it has.
        first: Its first day; None if it has no days.
        last: Its last day, today at the latest.
        definitions: The definitions whose events it can contain.
    """

    dataset: str
    rows: int
    people: int
    first: date | None
    last: date | None
    definitions: frozenset[EventDefinition]


@dataclass(frozen=True)
class People:
    """The events of all people.

    Attributes:
        frame: One row per event, sorted by person and day, and on one day by source and, if there are keys, by key. An
            activity that is an event on another of its days (`EventDefinition.on`) has a row for that too.
            Columns: person (whole numbers from 0), day (days since 1970), bits (bit n is set if the event meets
            `definitions[n]`), source (the place of its extract), the fields of days on which clocks start (days since
            1970), the dimensions, and perhaps key (that of the activity).
        definitions: The definitions.
        sources: The extracts.
        activity: How much activity people have, by dimensions: the dimensions, count. The rows of a waiting list are
            none.
        notices: What the user must know, with exact counts.
    """

    frame: pl.DataFrame
    definitions: Sequence[EventDefinition]
    sources: Sequence[Source]
    activity: pl.DataFrame
    notices: tuple[str, ...]

    def is_a(self, definition: EventDefinition) -> np.ndarray:
        """Return which events meet a definition."""
        bit = np.uint64(1 << list(self.definitions).index(definition))
        marks: np.ndarray = (self.frame["bits"].to_numpy() & bit) != 0
        return marks


@dataclass(frozen=True)
class _Contents:
    """What to read from every extract.

    Attributes:
        definitions: The definitions, in the order of their bits.
        starts: The fields of days on which clocks start.
        dimensions: The fields to count by.
        with_keys: Whether to keep the keys of activities.
        last_start: The last day on which a clock can start.
        secret: The seed of the hash of a pseudonym, drawn for each run and kept nowhere: an extract may have NHS
            numbers, and a hash without a secret can be worked out backwards by trying all of them.
    """

    definitions: Sequence[EventDefinition]
    starts: Sequence[str]
    dimensions: Sequence[str]
    with_keys: bool
    last_start: date
    secret: int


def gather_people(
    extracts: Sequence[FrameExtract],
    definitions: Iterable[EventDefinition],
    dimensions: Sequence[str],
    today: date,
    starts: Iterable[str] = (),
    with_keys: bool = False,
    progress: Progress = quiet,
) -> People:
    """Read the events of people that meet any of several definitions.

    What no extract can contain must have been refused before (see `measure_availability.why_unanswerable`).

    Args:
        extracts: The extracts.
        definitions: The definitions.
        dimensions: The fields to count by: provider, month, age_band, sex and further fields.
        today: The last day of the data. Activities on later days are events, but the data end on this day.
        starts: The fields of days on which clocks start.
        with_keys: Whether to keep the keys of activities, which order the events of one day but need memory.
        progress: Is called with each step.

    Raises:
        UsageError: There are more than 64 definitions.
        ExtractError: A column has a type or a value that its field cannot have.
    """
    in_order = list(dict.fromkeys(definitions))
    contents = _Contents(in_order, sorted(set(starts)), dimensions, with_keys, today, secret=randbits(64))
    if len(contents.definitions) > _MOST_DEFINITIONS:
        raise UsageError(
            f"the measures and flows need {len(contents.definitions)} kinds of event, and one run can have "
            f"{_MOST_DEFINITIONS}: choose fewer."
        )
    frames, sources, activity, persons = [], [], [], []
    notices: list[str] = []
    for place, extract in enumerate(extracts):
        progress(f"reading {extract.binding.layout.dataset} activity")
        frame, source, warnings = _read_extract(extract, contents, today)
        notices += warnings
        sources.append(source)
        own = frame.filter(~pl.col("elsewhen"))
        persons.append(own.select("person").unique())
        if source.dataset != WAITING_LIST:
            activity.append(own.group_by(dimensions).agg(pl.len().cast(pl.Int64).alias("count")))
        events = _in_order_of_keys(frame.drop("elsewhen")).filter(pl.col("bits") > 0)
        frames.append(events.with_columns(source=pl.lit(place, pl.UInt8)))
    notices += unmatched_pseudonyms(_people_in_common(persons), sources)
    progress("putting people together")
    events = pl.concat(frames).sort("person", "day", "source", maintain_order=True)
    is_new = (events["person"] != events["person"].shift(1)).fill_null(True)
    events = events.with_columns((is_new.cum_sum().cast(pl.Int64) - 1).alias("person"))
    none = pl.DataFrame(schema={**dict.fromkeys(dimensions, pl.Categorical()), "count": pl.Int64})
    all_activity = pl.concat([none, *activity]).group_by(dimensions).agg(pl.col("count").sum())
    return People(events, contents.definitions, sources, all_activity, tuple(notices))


def days_covered(sources: Sequence[Source], definitions: Iterable[EventDefinition | None]) -> tuple[int, int]:
    """Return the first and the last day that all extracts cover in which events of some definitions are looked for.

    Returns:
        Days since 1970; (1, 0) if there are no such extracts.
    """
    needed = set(definitions)
    days = [
        (source.first, source.last)
        for source in sources
        if source.first and source.last and needed & source.definitions
    ]
    if not days:
        return 1, 0
    return max(_day_number(first) for first, _ in days), min(_day_number(last) for _, last in days)


def _read_extract(extract: FrameExtract, contents: _Contents, today: date) -> tuple[pl.DataFrame, Source, list[str]]:
    """Read the activities of one extract that have a person and a day, with what must be known about them.

    The columns are those of `People.frame`, but person is a hash, and source is missing.
    """
    binding = extract.binding
    definitions = [definition for definition in contents.definitions if can_contain(definition, binding)]
    frame, rows, notices = _events(extract, definitions, contents)
    days = frame.filter(~pl.col("elsewhen"))["day"]
    past = days.filter(days <= _day_number(today))
    first, last = (_as_day(past.min()), _as_day(past.max())) if past.len() else (None, None)
    people = frame["person"].n_unique()
    source = Source(binding.layout.dataset, rows, people, first, last, frozenset(definitions))
    return frame, source, notices


def _events(
    extract: FrameExtract, definitions: Sequence[EventDefinition], contents: _Contents
) -> tuple[pl.DataFrame, int, list[str]]:
    """Return the activities of an extract that have a person and a day, its number of rows, and warnings."""
    criteria = list(dict.fromkeys(criterion for definition in definitions for criterion in definition.criteria))
    binding, schema = extract.binding, extract.table.schema
    fields = [name for name in contents.dimensions if name != "month"]
    coded_fields = [name for name in fields if name in binding.fields and FIELDS[name].kind in TEXTS]
    on = [definition.on for definition in definitions if definition.on]
    days = [name for name in dict.fromkeys(["activity_date", *contents.starts, *on]) if binding.fields.get(name)]
    check_types(extract, [*(["patient"] if "patient" in binding.fields else []), *days])
    ages = ["age"] if "age_band" in fields and binding.derives_age else []
    checked = check_extract(extract, criteria, [*coded_fields, *days, *ages])
    extract, binding, schema = checked.extract, checked.extract.binding, checked.extract.table.schema
    decided = decide_rows(extract, criteria)
    bits: dict[str | None, list[pl.Expr]] = {None: [pl.lit(0, pl.UInt64)]}
    for definition in definitions:
        bit = 1 << contents.definitions.index(definition)
        marked = pl.when(decided.all_hold(definition.criteria)).then(bit).otherwise(0).cast(pl.UInt64)
        bits.setdefault(definition.on, []).append(marked)
    elsewhen = [name for name in bits if name]
    person = field_value(binding, "patient", schema) if "patient" in binding.fields else pl.lit(None, pl.String)
    frame = collect(
        decided.frame.select(
            pl.when(person.is_not_null()).then(person.hash(contents.secret)).alias("person"),
            day_of(extract).to_physical().alias("day"),
            *(pl.sum_horizontal(marks).alias(f"bits {name or ''}".strip()) for name, marks in bits.items()),
            *(
                _start_day(name, extract, contents.last_start).alias(name)
                for name in dict.fromkeys([*contents.starts, *elsewhen])
            ),
            *(_is_stray(name, extract, contents.last_start).alias(f"stray {name}") for name in days[1:]),
            (_is_contact(binding) & day_of(extract).is_null()).alias("no day"),
            *([pl.col(binding.key).alias("key")] if contents.with_keys else []),
            *(place_of(name, binding, schema, checked.values).alias(name) for name in fields),
        )
    )
    last = _day_number(contents.last_start)
    impossible = ~pl.col("day").is_between(_EARLIEST_NUMBER, last + MOST_DAYS_AHEAD)
    impossible_days = int(frame.select(impossible.sum()).item())
    missing = {"patient": frame["person"].null_count(), "activity_date": int(frame["no day"].sum())}
    strays = {name: int(frame[f"stray {name}"].sum()) for name in days[1:]}
    frame = frame.drop("no day", *(f"stray {name}" for name in days[1:]))
    known = frame.drop_nulls("person")
    own = known.drop_nulls("day").filter(~impossible)
    in_future = int(own.select((pl.col("day") > last).sum()).item())
    kept = _with_other_days(known, own, elsewhen, contents.starts)
    notices = [*checked.notices, *notices_of_days(binding, missing, strays, impossible_days, in_future)]
    frame = kept
    labelled = [labelled_places(frame[name], labels_of(name, binding, checked.values)) for name in fields]
    months = [months_of(frame["day"])] if "month" in contents.dimensions else []
    return frame.with_columns(*labelled, *months), checked.rows, notices


def _with_other_days(
    known: pl.DataFrame, own: pl.DataFrame, elsewhen: Sequence[str], starts: Sequence[str]
) -> pl.DataFrame:
    """Return the activities that have a day, and for each other day that makes one an event another row.

    Args:
        known: The activities of known people.
        own: Those of them that have a day of their own.
        elsewhen: The fields of the other days.
        starts: The fields of days that events keep.
    """
    others = [
        known.drop_nulls(name)
        .filter(pl.col(f"bits {name}") > 0)
        .with_columns(day=pl.col(name), bits=pl.col(f"bits {name}"))
        for name in elsewhen
    ]
    parts = [own.with_columns(elsewhen=pl.lit(False)), *(part.with_columns(elsewhen=pl.lit(True)) for part in others)]
    dropped = [f"bits {name}" for name in elsewhen] + [name for name in elsewhen if name not in starts]
    return pl.concat(parts).drop(dropped)


def _is_contact(binding: Binding) -> pl.Expr:
    """Return whether a row is an activity, and not a referral that led to none yet."""
    contact = binding.fields.get("contact")
    return pl.col(contact[0]).is_not_null() if contact else pl.lit(True)


def notices_of_days(
    binding: Binding, missing: Mapping[str, int], strays: Mapping[str, int], impossible: int, in_future: int
) -> list[Notice]:
    """Return warnings about rows without a person, or with days that cannot be.

    Args:
        binding: The layout of the extract.
        missing: How many rows have no value, by field.
        strays: How many rows have a day on which no clock can start or stop, by field.
        impossible: How many rows have a day too early or too late for care.
        in_future: How many events are after the last day of the data.
    """
    notices = []
    for field, rows in missing.items():
        if rows and field in binding.fields:
            column = braced(binding.fields[field][0])
            text = f"{{rows_have}} no value in the column {column}, which every measure needs."
            notices.append(Notice(text, rows))
    for name, rows in strays.items():
        if rows:
            text = f"a day before {EARLIEST.year} or after today; it was read as missing."
            notices.append(Notice(f"{name}: {{rows_have}} {text}", rows))
    if impossible:
        span = f"before {EARLIEST.year} or more than 50 years ahead"
        text = f"{{rows_have}} a day {span}, which is no day of care; they are left out."
        notices.append(Notice(text, impossible))
    if in_future:
        notices.append(Notice("{rows_have} a day in the future; the data are taken to end today.", in_future))
    return notices


def _start_day(name: str, extract: FrameExtract, last: date) -> pl.Expr:
    """Return the day in a field of days, null if the extract has no such field, or for a day that cannot be."""
    if name not in extract.binding.fields:
        return pl.lit(None, pl.Int32)
    day = day_of(extract, name)
    return pl.when(day.is_between(EARLIEST, last)).then(day).to_physical()


def _is_stray(name: str, extract: FrameExtract, last: date) -> pl.Expr:
    """Return whether a day is recorded on which no clock can start."""
    return (~day_of(extract, name).is_between(EARLIEST, last)).fill_null(False)


def _in_order_of_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort events by their keys, if they have any, and make these text, as the types of extracts may differ."""
    return frame.sort("key").with_columns(pl.col("key").cast(pl.String)) if "key" in frame.columns else frame


def _as_day(number: object) -> date:
    return date.fromordinal(_FIRST_DAY + int(str(number)))


def _day_number(day: date) -> int:
    return day.toordinal() - _FIRST_DAY


def _people_in_common(persons: Sequence[pl.DataFrame]) -> dict[tuple[int, int], int]:
    """Return how many people each two extracts have in common, by their places from 1; and how many each one has."""
    return {
        (one + 1, other + 1): persons[other].join(persons[one], on="person", how="semi").height
        for other in range(len(persons))
        for one in range(other + 1)
    }


def different_periods(sources: Sequence[Source]) -> list[str]:
    """Return a warning about extracts that cover different days by more than a month; none if they do not."""
    known = [(source.dataset, source.first, source.last) for source in sources if source.first and source.last]
    if not known:
        return []
    firsts, lasts = [first for _, first, _ in known], [last for _, _, last in known]
    if max((max(days) - min(days)).days for days in (firsts, lasts)) <= _MONTH:
        return []
    spans = "; ".join(f"{dataset} {first} to {last}" for dataset, first, last in known)
    return [
        f"the extracts cover different days ({spans}): what needs several is known only of the days that all cover."
    ]


def unmatched_pseudonyms(people: Mapping[tuple[int, int], int], sources: Sequence[Source]) -> list[str]:
    """Return a warning about extracts of which two have hardly any people in common.

    Args:
        people: How many people each two extracts have in common, by their places from 1; and how many each one has.
        sources: The extracts.
    """
    apart = []
    for (one, other), shared in people.items():
        fewer = min(people[one, one], people[other, other])
        if one != other and fewer and shared / fewer < _SMALLEST_SHARE:
            names = f"{sources[one - 1].dataset} and the {sources[other - 1].dataset}"
            apart.append(f"only {shared / fewer:.1%} of the people in the smaller of the {names} extract are in both")
    if not apart:
        return []
    return [
        f"{'; '.join(apart)}: check that their pseudonyms are made in the same way. If not, measures that need both "
        "extracts find nothing."
    ]
