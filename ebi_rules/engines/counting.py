"""Count a prepared extract into the cube, by Polars.

What every activity has (activity, coding, denominators) is counted over all rows; what a rule's criteria leave is
counted over the few rows for which some first criterion or some reading holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from ebi_rules.criteria import Criterion, Or
from ebi_rules.cube import (
    AGE_BAND_STARTS,
    AGE_BANDS,
    AGE_BANDS_PARTED,
    LAST_DATE,
    OLDEST,
    Audited,
    in_order,
    missing_counted,
    normal_values,
    schema,
)
from ebi_rules.engines import Counted
from ebi_rules.engines.collecting import collect
from ebi_rules.engines.extract import Extract, InputFile, Source, open_extract
from ebi_rules.engines.polars import Prepared, needs_codes, prepare
from ebi_rules.fields import FIELDS, Kind
from ebi_rules.layouts import Binding, Layout
from ebi_rules.translate.polars import as_date

_EVERY_ROW = pl.lit(True)


@dataclass(frozen=True)
class _Count:
    """One count: where it stands in the cube, and the expression that is summed, true or a number in each row."""

    rule: str | None
    measure: str
    item: str | None
    expression: pl.Expr

    def total(self) -> pl.Expr:
        return (pl.len() if self.expression is _EVERY_ROW else self.expression.sum()).cast(pl.Int64)


_FIELDS_BEHIND = ("activity_date", "age", "sex", "administrative_category")
"""Fields that every audit reads, beside those it groups by."""


@dataclass(frozen=True)
class _Opened:
    """An extract that this process reads."""

    extract: Extract
    binding: Binding

    @property
    def files(self) -> Sequence[InputFile]:
        return self.extract.files

    def count(self, audited: Sequence[Audited], dimensions: Sequence[str]) -> Counted:
        """Check the extract's values and count."""
        readings = [reading for entry in audited for reading in (entry.reading, *entry.compared)]
        needed = [*dimensions, *_FIELDS_BEHIND]
        prepared = prepare(self.extract, self.binding, readings, extra_fields=needed, coding=True)
        return Counted(compute_cube(prepared, audited, dimensions), prepared.rows, prepared.warnings)


def open_source(
    source: Source,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    children: Mapping[str, Source | None] | None = None,
) -> _Opened:
    """Open an extract as `open_extract` does."""
    return _Opened(*open_extract(source, layout, overrides, children))


def compute_cube(prepared: Prepared, audited: Sequence[Audited], dimensions: Sequence[str]) -> pl.DataFrame:
    """Count a prepared extract; `dimensions` are `provider`, `month`, `age_band`, `sex` and further fields."""
    keys = [_dimension(prepared, name).alias(name) for name in dimensions]
    over_all = [*_of_activity(prepared, dimensions), *_eligible(prepared, audited)]
    over_few: list[_Count] = []
    needed: list[Criterion] = []
    for count, criteria in (pair for entry in audited for pair in _of_rule(prepared, entry)):
        needing = _needing(criteria)
        if needing is None:
            over_all.append(count)
        else:
            over_few.append(count)
            needed.append(needing)
    everything = collect(_grouped(prepared, prepared.frame, keys, over_all))
    few = prepared.frame.filter(prepared.may_hold(dict.fromkeys(needed)))
    parts = [pl.DataFrame([_last_date(everything, dimensions)], schema=schema(dimensions))]
    for frame, counts in ((everything, over_all), (collect(_grouped(prepared, few, keys, over_few)), over_few)):
        wide = _named(frame.drop(LAST_DATE), dimensions)
        parts += _long(wide, counts, dimensions)
        if counts is over_all:
            parts += _missing_dimensions(wide, dimensions)
    cube = pl.concat(parts).filter(pl.col("count") > 0)
    return in_order(cube, dimensions)


def _grouped(
    prepared: Prepared, frame: pl.LazyFrame, keys: Sequence[pl.Expr], counts: Sequence[_Count]
) -> pl.LazyFrame:
    """Sum each different expression once, under a number, and find the latest day."""
    distinct = {str(count.expression): count for count in counts}
    sums = [count.total().alias(str(place)) for place, count in enumerate(distinct.values())]
    day = _date(prepared).max() if _has_dates(prepared) else pl.lit(None, pl.Date)
    return frame.group_by(keys).agg(*sums, day.alias(LAST_DATE))


def _last_date(grouped: pl.DataFrame, dimensions: Sequence[str]) -> dict[str, object]:
    """Give the latest day of all as a row of the cube."""
    last = grouped[LAST_DATE].cast(pl.Date).max()
    number = int(f"{last:%Y%m%d}") if isinstance(last, date) else 0
    return {**dict.fromkeys(schema(dimensions)), "measure": LAST_DATE, "count": number}


def _long(wide: pl.DataFrame, counts: Sequence[_Count], dimensions: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Give one row a count above 0."""
    places = {text: str(place) for place, text in enumerate(dict.fromkeys(str(count.expression) for count in counts))}
    for count in counts:
        column = pl.col(places[str(count.expression)])
        yield _rows(wide, column, count.rule, count.measure, count.item, dimensions)


def _missing_dimensions(wide: pl.DataFrame, dimensions: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Count the activity that lacks a field by which it is grouped: the group without it."""
    activity = pl.col("0")
    for name in missing_counted(dimensions):
        if name in dimensions:
            yield _rows(wide.filter(pl.col(name).is_null()), activity, None, "missing", name, dimensions)


def _rows(
    wide: pl.DataFrame, count: pl.Expr, rule: str | None, measure: str, item: str | None, dimensions: Sequence[str]
) -> pl.DataFrame:
    return wide.filter(count > 0).select(
        pl.lit(rule, dtype=pl.String).alias("rule"),
        *dimensions,
        pl.lit(measure).alias("measure"),
        pl.lit(item, dtype=pl.String).alias("item"),
        count.alias("count"),
    ).cast(schema(dimensions))  # type: ignore[arg-type]  # fmt: skip


def _of_activity(prepared: Prepared, dimensions: Sequence[str]) -> Iterator[_Count]:
    yield _Count(None, "activity", None, _EVERY_ROW)
    for name, (codes, invalid) in prepared.coding.items():
        yield _Count(None, "recorded", name, pl.col(codes) > 0)
        yield _Count(None, "codes", name, pl.col(codes))
        yield _Count(None, "invalid", name, pl.col(invalid))
    for name in missing_counted(dimensions):
        if name in dimensions:
            continue
        held = name in prepared.binding.fields
        yield _Count(None, "missing", name, prepared.field(name).is_null() if held else _EVERY_ROW)


def _eligible(prepared: Prepared, audited: Sequence[Audited]) -> Iterator[_Count]:
    for entry in audited:
        denominator = [entry.reading.criteria[name] for name in entry.reading.eligible]
        yield _Count(entry.key, "eligible", None, prepared.holds(denominator))


def _of_rule(prepared: Prepared, entry: Audited) -> Iterator[tuple[_Count, Sequence[Criterion]]]:
    """Give a rule's counts, each with criteria that all hold wherever it counts anything."""
    criteria = list(entry.reading.criteria.items())
    for place, (name, _) in enumerate(criteria, start=1):
        left = [criterion for _, criterion in criteria[:place]]
        yield _Count(entry.key, "left", name, prepared.holds(left)), left
    every = list(entry.reading.criteria.values())
    flagged = prepared.holds(every)
    yield _Count(entry.key, "flagged", None, flagged), every
    for reading in entry.compared:
        own = list(reading.criteria.values())
        there = prepared.holds(own)
        yield _Count(entry.key, "variant", reading.variant_name, there), own
        if reading.variant_name != entry.reading.variant_name:
            # It counts where one of the two holds, so it needs codes when both do.
            needing = [found for found in (_needing(own), _needing(every)) if found]
            either: list[Criterion] = [Or(tuple(needing))] if len(needing) > 1 else []
            yield _Count(entry.key, "differs", reading.variant_name, there != flagged), either


def _needing(criteria: Sequence[Criterion]) -> Criterion | None:
    return next(filter(needs_codes, criteria), None)


def _has_dates(prepared: Prepared) -> bool:
    columns = prepared.binding.fields.get("activity_date", ())
    return bool(columns) and all(prepared.schema[column] in (pl.Date, pl.Datetime, pl.String) for column in columns)


def _date(prepared: Prepared) -> pl.Expr:
    return as_date(prepared.field("activity_date"), prepared.schema[prepared.binding.fields["activity_date"][0]])


def _dimension(prepared: Prepared, name: str) -> pl.Expr:
    """Give a dimension to group by: months and age bands as numbers, which `_named` turns into text."""
    if name == "month":
        if not _has_dates(prepared):
            return pl.lit(None, pl.Int32)
        date = _date(prepared)
        return date.dt.year().cast(pl.Int32) * 100 + date.dt.month()
    if name == "age_band":
        if "age" not in prepared.binding.fields:
            return pl.lit(None, pl.Int32)
        return _band(prepared.field("age").cast(pl.Int32))
    if name not in prepared.binding.fields:
        return pl.lit(None, pl.String)
    return prepared.raw(name) if FIELDS[name].kind is Kind.CODE else prepared.field(name).cast(pl.String)


def _band(age: pl.Expr) -> pl.Expr:
    """Give the place of an age in `AGE_BANDS`: five years each, but 15 to 18, 19, and 90 or more."""
    fives = age.clip(upper_bound=AGE_BAND_STARTS[-1]) // 5
    return pl.when(age.is_between(0, OLDEST)).then(fives + (age >= AGE_BANDS_PARTED).cast(pl.Int32))


def _named(wide: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    """Give dimensions as the cube has them, and sum up what was the same but for its spelling.

    There are few groups and many rows: values are put into normal form here, not before.
    """
    month = pl.col("month").cast(pl.String).str.replace(r"^(\d{4})(\d{2})$", "$1-$2")
    bands = pl.Series(AGE_BANDS, dtype=pl.String)
    band = pl.lit(bands).gather(pl.col("age_band"))
    coded = [normal_values(wide[name]) for name in dimensions if name in FIELDS]
    named = wide.with_columns(month.alias("month"), band.alias("age_band"), *coded)
    return named.group_by(dimensions).agg(pl.all().sum()).cast({name: pl.Categorical() for name in dimensions})
