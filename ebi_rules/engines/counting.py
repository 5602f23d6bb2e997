"""Count a prepared extract into the cube, by Polars.

What every activity has (activity, coding, denominators) is counted over all rows; what a rule's criteria leave is
counted over the few rows for which some first criterion or some reading holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path

import polars as pl

from ebi_rules.cube import AGE_BAND_STARTS, AGE_BANDS, LAST_DATE, OLDEST, Audited, in_order, missing_counted, schema
from ebi_rules.engines import Counted
from ebi_rules.engines.collecting import collect_all
from ebi_rules.engines.extract import Extract, InputFile, Source, open_extract
from ebi_rules.engines.polars import Prepared, prepare
from ebi_rules.layouts import Binding, Layout

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
    over_few = [count for entry in audited for count in _of_rule(prepared, entry)]
    interesting = reduce(or_, (count.expression for count in over_few), pl.lit(False))
    wanted = [
        _grouped(prepared.frame, keys, over_all),
        _grouped(prepared.frame.filter(interesting), keys, over_few),
    ]
    if _has_dates(prepared):
        last = _date(prepared).max().dt.strftime("%Y%m%d").cast(pl.Int64)
        wanted.append(prepared.frame.select(last.alias("count")))
    found = collect_all(wanted)
    parts: list[pl.DataFrame] = []
    for frame, counts in zip(found, (over_all, over_few), strict=False):
        parts += _long(_named(frame, dimensions), counts, dimensions)
    if _has_dates(prepared):
        last_date = {**dict.fromkeys(schema(dimensions)), "measure": LAST_DATE, "count": found[2].item() or 0}
        parts.append(pl.DataFrame([last_date], schema=schema(dimensions)))
    return in_order(pl.concat([pl.DataFrame(schema=schema(dimensions)), *parts]), dimensions)


def _grouped(frame: pl.LazyFrame, keys: Sequence[pl.Expr], counts: Sequence[_Count]) -> pl.LazyFrame:
    """Sum each different expression once, under a number."""
    distinct = {str(count.expression): count for count in counts}
    return frame.group_by(keys).agg([count.total().alias(str(place)) for place, count in enumerate(distinct.values())])


def _long(wide: pl.DataFrame, counts: Sequence[_Count], dimensions: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Give one row a count above 0."""
    places = {text: str(place) for place, text in enumerate(dict.fromkeys(str(count.expression) for count in counts))}
    for count in counts:
        column = pl.col(places[str(count.expression)])
        found = wide.filter(column > 0)
        if found.height:
            yield found.select(
                pl.lit(count.rule, dtype=pl.String).alias("rule"),
                *dimensions,
                pl.lit(count.measure).alias("measure"),
                pl.lit(count.item, dtype=pl.String).alias("item"),
                column.alias("count"),
            ).cast(schema(dimensions))  # type: ignore[arg-type]


def _of_activity(prepared: Prepared, dimensions: Sequence[str]) -> Iterator[_Count]:
    yield _Count(None, "activity", None, _EVERY_ROW)
    for name, (codes, invalid) in prepared.coding.items():
        yield _Count(None, "recorded", name, pl.col(codes) > 0)
        yield _Count(None, "codes", name, pl.col(codes))
        yield _Count(None, "invalid", name, pl.col(invalid))
    for name in missing_counted(dimensions):
        held = name in prepared.binding.fields
        yield _Count(None, "missing", name, prepared.field(name).is_null() if held else _EVERY_ROW)


def _eligible(prepared: Prepared, audited: Sequence[Audited]) -> Iterator[_Count]:
    for entry in audited:
        denominator = [entry.reading.criteria[name] for name in entry.reading.eligible]
        yield _Count(entry.key, "eligible", None, prepared.holds(denominator))


def _of_rule(prepared: Prepared, entry: Audited) -> Iterator[_Count]:
    criteria = list(entry.reading.criteria.items())
    for place, (name, _) in enumerate(criteria, start=1):
        yield _Count(entry.key, "left", name, prepared.holds(criterion for _, criterion in criteria[:place]))
    flagged = prepared.holds(entry.reading.criteria.values())
    yield _Count(entry.key, "flagged", None, flagged)
    for reading in entry.compared:
        there = prepared.holds(reading.criteria.values())
        yield _Count(entry.key, "variant", reading.variant_name, there)
        if reading.variant_name != entry.reading.variant_name:
            yield _Count(entry.key, "differs", reading.variant_name, there != flagged)


def _has_dates(prepared: Prepared) -> bool:
    columns = prepared.binding.fields.get("activity_date", ())
    return bool(columns) and all(prepared.schema[column] in (pl.Date, pl.Datetime) for column in columns)


def _date(prepared: Prepared) -> pl.Expr:
    return prepared.field("activity_date").cast(pl.Date)


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
        age = prepared.field("age")
        older = [(age >= start).cast(pl.Int32) for start in AGE_BAND_STARTS[1:]]
        return pl.when(age.is_between(0, OLDEST)).then(pl.sum_horizontal(older))
    if name not in prepared.binding.fields:
        return pl.lit(None, pl.String)
    return prepared.field(name).cast(pl.String)


def _named(wide: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    month = pl.col("month").cast(pl.String).str.replace(r"^(\d{4})(\d{2})$", "$1-$2")
    bands = pl.Series(AGE_BANDS, dtype=pl.String)
    band = pl.lit(bands).gather(pl.col("age_band"))
    return wide.with_columns(month.alias("month"), band.alias("age_band")).cast(
        {name: pl.Categorical() for name in dimensions}
    )
