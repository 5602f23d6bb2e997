"""Group an extract's rows by dimensions and by the answers to whatever any rule asks, in one pass.

Of codes the answer is a pattern (`codes`), of fields a bit; with the dimensions they are packed into whole numbers to
group by (`packing`). The criteria of all rules are then decided on the groups, of which there are few.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

import polars as pl

from ebi_rules._support.progress import RowsDone
from ebi_rules.criteria.nodes import CODE_FIELD, CODE_FIELDS, CodeAtom, Criterion, FieldAtom, IsNull, Recorded, atoms
from ebi_rules.cube import AGE_BANDS, missing_counted
from ebi_rules.engines.checked_extract import CheckedExtract
from ebi_rules.engines.code_matching import CodeField
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.packed_keys import PREFIX, Packed, Part
from ebi_rules.engines.polars_answers import Answering, all_hold, with_numbers
from ebi_rules.engines.polars_dates import age_band_number, day_of

ROWS = f"{PREFIX}rows"
"""The column of groups that counts their rows."""
_BELOW_ZERO = 2**31


class Grouping:
    """Group an extract's rows by dimensions and answers, and read the answers of a group."""

    def __init__(self, checked: CheckedExtract, criteria: Sequence[Criterion], dimensions: Sequence[str]) -> None:
        self.extract = checked.extract
        self.binding = checked.extract.binding
        self.fields = checked.fields
        self.values = checked.values
        self.dimensions = dimensions
        self.criteria = criteria
        asked = list(dict.fromkeys(atom for criterion in criteria for atom in atoms(criterion)))
        code_atoms = [atom for atom in asked if isinstance(atom, CodeAtom)]
        coded = {*CODE_FIELD.values(), *(atom.code_field for atom in code_atoms)}
        self.code_fields = [
            CodeField(name, self.extract, code_atoms)
            for name in CODE_FIELDS
            if name in coded and self.binding.codes.get(name)
        ]
        self.missing = {
            name: IsNull(name)
            for name in missing_counted(dimensions)
            if name in self.binding.fields and name not in dimensions
        }
        own = [atom for atom in asked if isinstance(atom, FieldAtom)]
        self.field_atoms: list[FieldAtom] = list(dict.fromkeys([*own, *self.missing.values()]))
        self.days = self._days()
        self.meanings: dict[str, pl.DataFrame] = {}
        self.columns = {criterion: f"{PREFIX}criterion_{place}" for place, criterion in enumerate(criteria)}

    def groups(self, passed: RowsDone) -> pl.DataFrame:
        """Give a row a group: dimensions, as the extract spells them, rows, numbers of codes, and every criterion."""
        joined = []
        for field in self.code_fields:
            answers, self.meanings[field.name] = field.answers()
            joined.append((field.row_key_column, answers))
        frame, numbers = with_numbers(self.extract.table.frame, self.fields, self.values)
        early = [*(self._dimension(name, numbers) for name in self.dimensions), *self._field_answers(numbers)]
        keys = Packed(early, list(self._code_answers()))
        frame = frame.select(*keys.early_keys(), *(field.row_key() for field in self.code_fields))
        frame = _telling(frame, passed)
        for row_key, answers in joined:
            frame = frame.join(answers.lazy(), on=row_key, how="left")
        grouped = collect(frame.group_by(keys.keys()).agg(pl.len().alias(ROWS), *self._sums()))
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
            yield pl.col(field.coded).count().alias(with_codes(field))

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
        return day_of(self.binding, self.extract.table.schema)

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
            return Part(name, age_band_number(age.cast(pl.Int32, strict=False)), len(AGE_BANDS))
        if name not in self.binding.fields:
            return Part(name, pl.lit(None), 0)
        if name in self.values.by_field:
            return self.values.part(name)
        return Part(name, numbers(name).cast(pl.Int32, strict=False).cast(pl.Int64) + _BELOW_ZERO, 2 * _BELOW_ZERO)

    def _spelt(self, name: str, value: pl.Expr) -> pl.Expr:
        """Give a dimension's number as text: 2024-04, 20-24, or a field's value as the extract spells it."""
        if name == "month":
            year, month = (part.cast(pl.String) for part in (value // 12, value % 12 + 1))
            return pl.format("{}-{}", year.str.zfill(4), month.str.zfill(2))
        if name == "age_band":
            return pl.lit(pl.Series(AGE_BANDS, dtype=pl.String)).gather(value)
        if name in self.values.by_field:
            return pl.lit(self.values.texts(name)).gather(value)
        return (value.cast(pl.Int64) - _BELOW_ZERO).cast(pl.String)


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


def with_codes(field: CodeField) -> str:
    """Give the column of groups that counts activities with codes in a field."""
    return f"{PREFIX}{field.name}_with_codes"
