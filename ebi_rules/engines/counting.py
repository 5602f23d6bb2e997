"""Count an extract into the cube, by Polars, in one pass over its rows.

Every question that any rule asks is answered once: of codes as a pattern (`codes`), of fields as a bit. Rows are then
grouped by the dimensions and by these answers, whatever the number of rules; the criteria of all rules are decided on
the groups, of which there are few.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from ebi_rules.criteria import CODE_FIELD, CODE_FIELDS, CodeAtom, Criterion, FieldAtom, IsNull, Or, Recorded, atoms
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
from ebi_rules.engines.checks import check_types, count_odd_values
from ebi_rules.engines.codes import PREFIX, UPPER_HALF, CodeField, needs_codes
from ebi_rules.engines.collecting import collect
from ebi_rules.engines.extract import Extract, InputFile, Source, open_extract
from ebi_rules.engines.packing import Packed, Part
from ebi_rules.engines.polars import Answering, all_hold, fields_of, with_numbers
from ebi_rules.engines.values import distinct_values
from ebi_rules.fields import FIELDS, Kind
from ebi_rules.layouts import Binding, Layout
from ebi_rules.progress import Progress, RowsDone, quiet
from ebi_rules.scope import EVERYTHING, Scope
from ebi_rules.translate.polars import as_date

_ROWS = f"{PREFIX}rows"
_BELOW_ZERO = 2**31
_FIELDS_BEHIND = ("activity_date", "age", "sex", "administrative_category")
"""Fields that every audit reads, beside those it groups by."""


@dataclass(frozen=True)
class _Count:
    """One count: where it stands in the cube, and what is summed over groups: a column, or rows where one is true."""

    rule: str | None
    measure: str
    item: str | None
    expression: pl.Expr


@dataclass(frozen=True)
class _Opened:
    """An extract that this process reads."""

    extract: Extract
    binding: Binding

    @property
    def files(self) -> Sequence[InputFile]:
        return self.extract.files

    def count(
        self,
        audited: Sequence[Audited],
        dimensions: Sequence[str],
        scope: Scope = EVERYTHING,
        progress: Progress = quiet,
    ) -> Counted:
        """Check the extract's values and count."""
        return count_cube(_narrowed(self.extract, self.binding, scope), self.binding, audited, dimensions, progress)


def open_source(
    source: Source,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    children: Mapping[str, Source | None] | None = None,
) -> _Opened:
    """Open an extract as `open_extract` does."""
    return _Opened(*open_extract(source, layout, overrides, children))


def _narrowed(extract: Extract, binding: Binding, scope: Scope) -> Extract:
    """Give the part of an extract that is asked for, as filters that the scan takes over."""
    scope.check(binding)
    table = extract.table
    frame = table.frame
    if scope.months:
        day = _day(binding, table.schema)
        first, last = (date(number // 100, number % 100, 1) for number in scope.months)
        frame = frame.filter(day.is_between(first, _end_of_month(last)))
    provider = scope.provider_criterion()
    if provider:
        values = distinct_values(table.frame, binding, ["provider"], table.schema)
        among = values.decide(provider)
        assert among is not None, "providers are a coded field"
        frame = frame.filter(among)
    return replace(extract, table=replace(table, frame=frame))


def _end_of_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def count_cube(
    extract: Extract,
    binding: Binding,
    audited: Sequence[Audited],
    dimensions: Sequence[str],
    progress: Progress = quiet,
) -> Counted:
    """Check an extract and count it; `dimensions` are `provider`, `month`, `age_band`, `sex` and further fields.

    Raises `ExtractError` when the extract breaks what a rule needs.
    """
    readings = [reading for entry in audited for reading in (entry.reading, *entry.compared)]
    criteria = list(dict.fromkeys(criterion for rule in readings for criterion in rule.criteria.values()))
    needed = fields_of(criteria, binding, [*dimensions, *_FIELDS_BEHIND])
    table = extract.table
    check_types(binding, needed, table.schema)
    counting = _Counting(extract, binding, criteria, dimensions)
    rows, notices = count_odd_values(table.frame, binding, needed, table.schema, counting.values.held)
    groups = counting.groups(RowsDone(progress, "counting", rows))
    progress("adding up")
    return Counted(_cube(groups, counting, audited, dimensions), rows, tuple(notices))


class _Counting:
    """Group an extract's rows by dimensions and answers, and read the answers of a group."""

    def __init__(
        self, extract: Extract, binding: Binding, criteria: Sequence[Criterion], dimensions: Sequence[str]
    ) -> None:
        self.extract = extract
        self.binding = binding
        self.dimensions = dimensions
        self.criteria = criteria
        asked = list(dict.fromkeys(atom for criterion in criteria for atom in atoms(criterion)))
        code_atoms = [atom for atom in asked if isinstance(atom, CodeAtom)]
        coded = {*CODE_FIELD.values(), *(atom.code_field for atom in code_atoms)}
        self.code_fields = [CodeField(name, extract, binding, code_atoms)
                            for name in CODE_FIELDS if name in coded and binding.codes.get(name)]  # fmt: skip
        self.missing = {name: IsNull(name) for name in missing_counted(dimensions) if name in binding.fields}
        own = [atom for atom in asked if isinstance(atom, FieldAtom)]
        self.field_atoms: list[FieldAtom] = list(dict.fromkeys([*own, *self.missing.values()]))
        self.fields = fields_of([*criteria, *self.missing.values()], binding, [*dimensions, "age"])
        self.values = distinct_values(extract.table.frame, binding, self.fields, extract.table.schema)
        self.days = self._days()
        self.meanings: dict[str, pl.DataFrame] = {}
        self.columns = {criterion: f"{PREFIX}criterion_{place}" for place, criterion in enumerate(criteria)}

    def groups(self, passed: RowsDone) -> pl.DataFrame:
        """Give a row a group: dimensions, as the extract spells them, rows, numbers of codes, and every criterion."""
        joined = []
        for field in self.code_fields:
            answers, self.meanings[field.name] = field.answers()
            joined.append((field.join_key, answers))
        frame, numbers = with_numbers(self.extract.table.frame, self.fields, self.values)
        early = [*(self._dimension(name, numbers) for name in self.dimensions), *self._field_answers(numbers)]
        keys = Packed(early, list(self._code_answers()))
        frame = frame.select(*keys.early_keys(), *(field.row_key().alias(field.join_key) for field in self.code_fields))
        frame = _telling(frame, passed)
        for join_key, answers in joined:
            frame = frame.join(answers.lazy(), on=join_key, how="left")
        grouped = collect(frame.group_by(keys.keys()).agg(pl.len().alias(_ROWS), *self._sums()))
        dimensions = [self._spelt(name, keys.value(name)).alias(name) for name in self.dimensions]
        truths = [keys.truth(name).alias(name) for name in self.truths()]
        patterns = [keys.value(field.pattern).alias(field.pattern) for field in self.code_fields]
        groups = grouped.select(*dimensions, *truths, *patterns, pl.exclude(keys.words))
        for field in self.code_fields:
            if (meanings := self.meanings[field.name]).width:
                numbered = meanings.with_row_index(field.pattern).cast({field.pattern: pl.UInt64})
                groups = groups.join(numbered, on=field.pattern, how="left")
        translator = Answering(self.answer)
        return groups.with_columns([translator.visit(each).alias(name) for each, name in self.columns.items()])

    def holds(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Give whether all the criteria hold in a group."""
        return all_hold(self.columns[criterion] for criterion in criteria)

    def any_holds(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Give whether in a group one holds of some criteria, or of what is put together of criteria."""
        translator = Answering(lambda node: pl.col(self.columns[node]) if node in self.columns else None)
        return pl.any_horizontal([pl.lit(False), *map(translator.visit, criteria)])

    def answer(self, node: Criterion) -> pl.Expr | None:
        """Give a group's answer to an atom, None for what is put together of atoms."""
        if isinstance(node, FieldAtom):
            return pl.col(_answer(self.field_atoms.index(node)))
        if not isinstance(node, CodeAtom):
            return None
        (field,) = (field for field in self.code_fields if field.name == node.code_field)
        return pl.col(_recorded(field)) if isinstance(node, Recorded) else pl.col(field.columns[node]).fill_null(False)

    def truths(self) -> list[str]:
        """Give the names of the answers that are true or false."""
        recorded = [_recorded(field) for field in self.code_fields if field.asks_recorded]
        return [*map(_answer, range(len(self.field_atoms))), *recorded]

    def _field_answers(self, numbers: Callable[[str], pl.Expr]) -> Iterator[Part]:
        translator = Answering(self.values.decide, numbers)
        for place, atom in enumerate(self.field_atoms):
            yield Part.of_truth(_answer(place), translator.visit(atom))

    def _code_answers(self) -> Iterator[Part]:
        for field in self.code_fields:
            if field.asks_recorded:
                yield Part.of_truth(_recorded(field), pl.col(field.coded).is_not_null())
            yield Part(field.pattern, pl.col(field.pattern), self.meanings[field.name].height)

    def _sums(self) -> Iterator[pl.Expr]:
        for field in self.code_fields:
            yield pl.col(field.coded).sum()
            yield pl.col(field.coded).count().alias(_with_codes(field))

    def _days(self) -> tuple[date, date] | None:
        """Give the first and the latest day of all."""
        if not self._has_dates():
            return None
        days = self.extract.table.frame.select(self._date().alias("day"))
        first, last = collect(days.select(pl.min("day").alias("first"), pl.max("day").alias("last"))).row(0)
        return (first, last) if isinstance(first, date) else None

    def _has_dates(self) -> bool:
        columns, schema = self.binding.fields.get("activity_date", ()), self.extract.table.schema
        return bool(columns) and all(schema[column] in (pl.Date, pl.Datetime, pl.String) for column in columns)

    def _date(self) -> pl.Expr:
        return _day(self.binding, self.extract.table.schema)

    def _month(self) -> Part:
        """Give the month of a day, from a list of all days between the first and the latest."""
        if self.days is None:
            return Part("month", pl.lit(None), 0)
        calendar = pl.date_range(*self.days, eager=True)
        months = calendar.dt.year().cast(pl.UInt32) * 12 + calendar.dt.month().cast(pl.UInt32) - 1
        place = (self._date().to_physical() - calendar.to_physical()[0]).cast(pl.UInt32)
        return Part("month", pl.lit(months).gather(place), months[-1] + 1)

    def _dimension(self, name: str, numbers: Callable[[str], pl.Expr]) -> Part:
        """Give a dimension to group by; `_spelt` says what its numbers mean."""
        if name == "month":
            return self._month()
        if name == "age_band":
            age = numbers("age") if "age" in self.binding.fields else pl.lit(None, pl.Int64)
            return Part(name, _band(age.cast(pl.Int32, strict=False)), len(AGE_BANDS))
        if name not in self.binding.fields:
            return Part(name, pl.lit(None), 0)
        if FIELDS[name].kind is Kind.CODE:
            return self.values.part(name)
        return Part(name, numbers(name).cast(pl.Int32, strict=False).cast(pl.Int64) + _BELOW_ZERO, 2 * _BELOW_ZERO)

    def _spelt(self, name: str, value: pl.Expr) -> pl.Expr:
        """Give a dimension's number as text: 2024-04, 20-24, or a field's value as the extract spells it."""
        if name == "month":
            year, month = (part.cast(pl.String) for part in (value // 12, value % 12 + 1))
            return pl.format("{}-{}", year.str.zfill(4), month.str.zfill(2))
        if name == "age_band":
            return pl.lit(pl.Series(AGE_BANDS, dtype=pl.String)).gather(value)
        if name in self.binding.fields and FIELDS[name].kind is Kind.CODE:
            return pl.lit(self.values.texts(name)).gather(value)
        return (value.cast(pl.Int64) - _BELOW_ZERO).cast(pl.String)


def _day(binding: Binding, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    columns = binding.fields["activity_date"]
    return as_date(pl.coalesce([pl.col(column) for column in columns]), schema[columns[0]])


def _telling(frame: pl.LazyFrame, passed: RowsDone) -> pl.LazyFrame:
    """Give the same rows, which are counted as they pass."""

    def tell(batch: pl.DataFrame) -> pl.DataFrame:
        passed.add(batch.height)
        return batch

    return frame.map_batches(tell, streamable=True)


def _answer(place: int) -> str:
    return f"{PREFIX}answer_{place}"


def _recorded(field: CodeField) -> str:
    return f"{PREFIX}{field.name}_recorded"


def _with_codes(field: CodeField) -> str:
    return f"{PREFIX}{field.name}_with_codes"


def _band(age: pl.Expr) -> pl.Expr:
    """Give the place of an age in `AGE_BANDS`: five years each, but 15 to 18, 19, and 90 or more."""
    fives = age.clip(upper_bound=AGE_BAND_STARTS[-1]) // 5
    return pl.when(age.is_between(0, OLDEST)).then(fives + (age >= AGE_BANDS_PARTED).cast(pl.Int32))


def _named(wide: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    """Put values of fields into normal form, and sum up what was the same but for its spelling."""
    coded = [normal_values(wide[name]) for name in dimensions if name in FIELDS]
    named = wide.with_columns(coded).group_by(dimensions).agg(pl.all().sum())
    return named.cast({name: pl.Categorical() for name in dimensions})


def _cube(
    groups: pl.DataFrame, counting: _Counting, audited: Sequence[Audited], dimensions: Sequence[str]
) -> pl.DataFrame:
    """Sum the groups up: what every activity has over all, what a rule leaves over those that some criterion may."""
    over_all = [*_of_activity(counting, dimensions), *_eligible(counting, audited)]
    over_few: list[_Count] = []
    needed: list[Criterion] = []
    for count, criteria in (pair for entry in audited for pair in _of_rule(counting, entry)):
        needing = _needing(criteria)
        if needing is None:
            over_all.append(count)
        else:
            over_few.append(count)
            needed.append(needing)
    few = groups.filter(counting.any_holds(dict.fromkeys(needed)))
    number = int(f"{counting.days[1]:%Y%m%d}") if counting.days else 0
    last = {**dict.fromkeys(schema(dimensions)), "measure": LAST_DATE, "count": number}
    parts = [pl.DataFrame([last], schema=schema(dimensions))]
    for frame, counts in ((groups, over_all), (few, over_few)):
        wide = _named(_summed(frame, counts, dimensions), dimensions)
        parts += _long(wide, counts, dimensions)
        if counts is over_all:
            parts += _missing_dimensions(wide, dimensions)
    return in_order(pl.concat(parts).filter(pl.col("count") > 0), dimensions)


def _summed(groups: pl.DataFrame, counts: Sequence[_Count], dimensions: Sequence[str]) -> pl.DataFrame:
    """Sum each different expression once, under a number."""
    distinct = {str(count.expression): count.expression for count in counts}
    sums = [expression.sum().cast(pl.Int64).alias(str(place)) for place, expression in enumerate(distinct.values())]
    return collect(groups.lazy().group_by(dimensions).agg(sums))


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


def _of_activity(counting: _Counting, dimensions: Sequence[str]) -> Iterator[_Count]:
    yield _Count(None, "activity", None, pl.col(_ROWS))
    for field in counting.code_fields:
        if field.name in CODE_FIELD.values():
            yield _Count(None, "recorded", field.name, pl.col(_with_codes(field)))
            yield _Count(None, "codes", field.name, pl.col(field.coded) % UPPER_HALF)
            yield _Count(None, "invalid", field.name, pl.col(field.coded) // UPPER_HALF)
    for name in missing_counted(dimensions):
        if name in dimensions:
            continue
        missing = counting.missing.get(name)
        answer = counting.answer(missing) if missing else None
        yield _Count(None, "missing", name, pl.col(_ROWS) if answer is None else _rows_where(answer))


def _eligible(counting: _Counting, audited: Sequence[Audited]) -> Iterator[_Count]:
    for entry in audited:
        denominator = [entry.reading.criteria[name] for name in entry.reading.eligible]
        yield _Count(entry.key, "eligible", None, _rows_where(counting.holds(denominator)))


def _of_rule(counting: _Counting, entry: Audited) -> Iterator[tuple[_Count, Sequence[Criterion]]]:
    """Give a rule's counts, each with criteria that all hold wherever it counts anything."""
    criteria = list(entry.reading.criteria.items())
    for place, (name, _) in enumerate(criteria, start=1):
        left = [criterion for _, criterion in criteria[:place]]
        yield _Count(entry.key, "left", name, _rows_where(counting.holds(left))), left
    every = list(entry.reading.criteria.values())
    flagged = counting.holds(every)
    yield _Count(entry.key, "flagged", None, _rows_where(flagged)), every
    for reading in entry.compared:
        own = list(reading.criteria.values())
        there = counting.holds(own)
        yield _Count(entry.key, "variant", reading.variant_name, _rows_where(there)), own
        if reading.variant_name != entry.reading.variant_name:
            # It counts where one of the two holds, so it needs codes when both do.
            needing = [found for found in (_needing(own), _needing(every)) if found]
            either: list[Criterion] = [Or(tuple(needing))] if len(needing) > 1 else []
            yield _Count(entry.key, "differs", reading.variant_name, _rows_where(there != flagged)), either


def _rows_where(held: pl.Expr) -> pl.Expr:
    """Give a group's rows where something holds in it, else none."""
    return pl.when(held).then(pl.col(_ROWS)).otherwise(0)


def _needing(criteria: Sequence[Criterion]) -> Criterion | None:
    return next(filter(needs_codes, criteria), None)
