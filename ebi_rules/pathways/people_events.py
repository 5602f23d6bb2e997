"""Gather the events of people from one or several extracts: who, on what day, and what each is to the measures.

Only activities that are an index or an outcome of some measure are kept. A person is the hash of a pseudonym in normal
form: among five million people the odds that two are taken for one are below one in a million.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules._support.notices import Notice, braced
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.fields import FIELDS, TEXTS
from ebi_rules.cube import AGE_BANDS, normal_values
from ebi_rules.engines.checked_extract import check_extract
from ebi_rules.engines.coded_values import CodedValues
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_dates import age_band_number, day_of
from ebi_rules.engines.polars_flags import decide_rows
from ebi_rules.layouts.binding import Binding
from ebi_rules.rule_model.measure_availability import can_contain
from ebi_rules.rule_model.measure_logic import EventDefinition
from ebi_rules.translate.polars import as_date, field_value

_MOST_ASKED = 64
"""As many bits as say what an event is."""

_FEWEST_SHARED = 0.05
"""With fewer people than this part found in both of two extracts, their pseudonyms are doubtful."""


@dataclass(frozen=True)
class Source:
    """One extract: its dataset, rows, people, first and last day, and which of what is asked it can hold."""

    dataset: str
    rows: int
    people: int
    first: date | None
    last: date | None
    holds: frozenset[EventDefinition]


@dataclass(frozen=True)
class People:
    """The events of all people, sorted by person and day.

    `frame` has person (whole numbers from 0), day (days since 1970), source, the days on which clocks started under
    their fields' names, a column a dimension, and perhaps `key`, that of the activity; `bits` says what each event is:
    bit n is set when it is `asked[n]`. On one day events stand in the order of sources and, with keys, of these.
    `activity` counts all activity of people by dimensions.
    """

    frame: pl.DataFrame
    asked: Sequence[EventDefinition]
    sources: Sequence[Source]
    activity: pl.DataFrame
    notices: tuple[str, ...]

    def is_a(self, asked: EventDefinition) -> np.ndarray:
        """Mark the events that are what is asked."""
        bit = np.uint64(1 << list(self.asked).index(asked))
        marks: np.ndarray = (self.frame["bits"].to_numpy() & bit) != 0
        return marks


def gather(
    extracts: Sequence[FrameExtract],
    asked: Iterable[EventDefinition],
    dimensions: Sequence[str],
    today: date,
    starts: Iterable[str] = (),
    keyed: bool = False,
    progress: Progress = quiet,
) -> People:
    """Read the events of people that are anything asked.

    `dimensions` are provider, month, age_band, sex and further fields, `starts` fields of days on which clocks start.
    Keys are kept, at the cost of their size, where they are to give events of one day their order.
    Days after `today` are events, but the data end on it. Raises `ExtractError` for an extract that breaks what a
    criterion needs. What no extract has (`why_unanswerable`) must have been refused before.
    """
    asked, starts = list(dict.fromkeys(asked)), sorted(set(starts))
    if len(asked) > _MOST_ASKED:
        raise UsageError(f"{len(asked)} different things are asked, and {_MOST_ASKED} fit in one run: name fewer.")
    frames, sources, notices, activity = [], [], [], []
    for place, extract in enumerate(extracts):
        binding = extract.binding
        progress(f"reading {binding.layout.dataset} activity")
        held = [each for each in asked if can_contain(each, binding)]
        frame, rows, noticed = _events(extract, asked, held, starts, dimensions, keyed)
        notices += noticed
        activity.append(_activity(frame, dimensions))
        frames.append(_in_order_of_keys(frame).filter(pl.col("bits") > 0).with_columns(source=pl.lit(place, pl.UInt8)))
        days = frame["day"]
        past = days.filter(days <= _number(today))
        first, last = (_as_day(past.min()), _as_day(past.max())) if past.len() else (None, None)
        people = frame["person"].n_unique()
        sources.append(Source(binding.layout.dataset, rows, people, first, last, frozenset(held)))
        notices += _future(days, today)
    notices += _strangers(frames, sources)
    progress("putting people together")
    every = pl.concat(frames).sort("person", "day", "source", maintain_order=True)
    persons = (every["person"] != every["person"].shift(1)).fill_null(True).cum_sum().cast(pl.Int64) - 1
    every = every.with_columns(persons.alias("person"))
    return People(every, asked, sources, _added(activity, dimensions), tuple(notices))


def _events(
    extract: FrameExtract,
    asked: Sequence[EventDefinition],
    held: Sequence[EventDefinition],
    starts: Sequence[str],
    dimensions: Sequence[str],
    keyed: bool,
) -> tuple[pl.DataFrame, int, list[str]]:
    """Read one extract: person (hash), day, bits, starts, dimensions and key of activity of a known person and day."""
    criteria = list(dict.fromkeys(criterion for each in held for criterion in each.criteria))
    binding, schema = extract.binding, extract.table.schema
    coded = [name for name in dimensions if name in binding.fields and FIELDS[name].kind in TEXTS]
    checked = check_extract(extract, criteria, coded)
    decided = decide_rows(checked, criteria)
    values = checked.values
    bits = [pl.when(decided.all_hold(each.criteria)).then(1 << asked.index(each)).otherwise(0) for each in held]
    person, day = field_value(binding, "patient", schema), day_of(binding, schema)
    columns = [_dimension(name, binding, schema, values).alias(name) for name in dimensions if name != "month"]
    days = {name: _started(name, binding, schema) for name in starts}
    read = decided.frame.select(
        person=pl.when(person.is_not_null()).then(person.hash()),
        day=day.to_physical(),
        bits=pl.sum_horizontal([pl.lit(0, pl.UInt64), *(each.cast(pl.UInt64) for each in bits)]),
        **days,
        **({"key": pl.col(binding.key)} if keyed else {}),
        **{column.meta.output_name(): column for column in columns},
    )
    frame = collect(read)
    notices: list[str] = list(checked.notices)
    for name, what in (("person", binding.fields["patient"][0]), ("day", binding.fields["activity_date"][0])):
        if missing := frame[name].null_count():
            text = f"no value in the column {braced(what)}, which no measure can do without."
            notices.append(Notice(f"{{rows_have}} {text}", missing))
    frame = frame.drop_nulls(["person", "day"])
    labels = {name: _labels(name, binding, values) for name in dimensions if name != "month"}
    named = [
        pl.Series(name, texts, dtype=pl.String).gather(frame[name]).cast(pl.Categorical()).alias(name)
        for name, texts in labels.items()
    ]
    months = _months(frame["day"])
    return frame.with_columns(*named, *([months] if "month" in dimensions else [])), checked.rows, notices


def _started(name: str, binding: Binding, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Give the day in a field of days, null where the extract has none."""
    if name not in binding.fields:
        return pl.lit(None, pl.Int32)
    columns = binding.fields[name]
    return pl.coalesce(as_date(pl.col(column), schema[column]) for column in columns).to_physical()


def _in_order_of_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """Put events in the order of their keys, where they have some, and these into text, as extracts may differ."""
    return frame.sort("key").with_columns(pl.col("key").cast(pl.String)) if "key" in frame.columns else frame


def _dimension(name: str, binding: Binding, schema: Mapping[str, pl.DataType], values: CodedValues) -> pl.Expr:
    """Give a dimension as the place of its label among `_labels`."""
    if name in values.by_field:
        return values.part(name).value.cast(pl.UInt32)
    if name == "age_band" and "age" in binding.fields:
        return age_band_number(field_value(binding, "age", schema).cast(pl.Int32, strict=False)).cast(pl.UInt32)
    return pl.lit(None, pl.UInt32)


def _labels(name: str, binding: Binding, values: CodedValues) -> Sequence[str | None]:
    if name in values.by_field:
        return normal_values(values.texts(name).alias(name)).to_list()
    return AGE_BANDS if name == "age_band" else [None]


def _months(day: pl.Series) -> pl.Series:
    """Give the months of days, as text in a column of few values."""
    return day.cast(pl.Date).dt.strftime("%Y-%m").cast(pl.Categorical()).alias("month")


def _activity(frame: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    return frame.group_by(dimensions).agg(pl.len().cast(pl.Int64).alias("count"))


def _added(parts: Sequence[pl.DataFrame], dimensions: Sequence[str]) -> pl.DataFrame:
    return pl.concat(parts).group_by(dimensions).agg(pl.col("count").sum())


def _as_day(number: object) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + int(str(number)))


def _future(days: pl.Series, today: date) -> list[str]:
    """Warn of days that are yet to come."""
    rows = int((days > _number(today)).sum())
    return [Notice("{rows_have} a day in the future; the data are taken to end today.", rows)] if rows else []


def _number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def span(sources: Sequence[Source], asked: Iterable[EventDefinition | None]) -> tuple[int, int]:
    """Give the first and the last day of the data in which anything asked is looked for: what all of it covers."""
    sought = set(asked)
    looked = [
        (source.first, source.last) for source in sources if source.first and source.last and sought & source.holds
    ]
    if not looked:
        return 1, 0
    return max(_number(first) for first, _ in looked), min(_number(last) for _, last in looked)


def _strangers(frames: Sequence[pl.DataFrame], sources: Sequence[Source]) -> list[str]:
    """Say how many people are in two extracts, and warn when that are hardly any: pseudonyms may differ."""
    told = []
    persons = [frame["person"].unique() for frame in frames]
    for one in range(len(persons)):
        for other in range(one):
            fewer = min(persons[one].len(), persons[other].len())
            if not fewer:
                continue
            both = persons[one].to_frame().join(persons[other].to_frame(), on="person", how="semi").height
            share = both / fewer
            where = f"the {sources[other].dataset} and the {sources[one].dataset} extract"
            if share < _FEWEST_SHARED:
                told.append(
                    f"only {share:.1%} of the people in the smaller of {where} are in both: are their "
                    "pseudonyms made in the same way? Measures across them would find nothing."
                )
    return told
