"""Group an extract's rows by dimensions and by the answers to all atoms of all rules, in one pass.

The answer for a field of codes is a pattern (`code_matching`), for an atom about another field a bit. With the
dimensions they are packed into whole numbers to group by (`packed_keys`). The criteria of all rules are then decided on
the groups, of which there are few.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import polars as pl

from ebi_rules._support.progress import RowsDone
from ebi_rules.criteria.nodes import CODE_FIELD, CODE_FIELDS, CodeAtom, Criterion, FieldAtom, IsNull, Recorded, atoms
from ebi_rules.cube import AGE_BANDS, missing_counted
from ebi_rules.engines.checked_extract import CheckedExtract
from ebi_rules.engines.code_matching import CodeField
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.packed_keys import PREFIX, Packed, Part
from ebi_rules.engines.polars_answers import all_hold, with_numbers
from ebi_rules.engines.polars_dates import age_band_number, day_of
from ebi_rules.translate.polars import Answering

ROWS = f"{PREFIX}rows"
"""The column of groups that counts their rows."""

_OFFSET = 2**31
"""Added to whole numbers so that none is below 0: keys to group by start at 0."""


class Grouping:
    """Group an extract's rows by dimensions and answers, and read the answers of a group.

    Args:
        checked: The extract; it must have what the criteria need.
        criteria: The criteria to decide.
        dimensions: provider, month, age_band, sex and further fields.

    Attributes:
        code_fields: The fields of codes that criteria are about or that an audit counts.
        missing: The atom that a field is missing, for the fields whose missing values are counted and not grouped by.
        days: The days of the extract in order, each with its number of rows: `day`, `rows`.
    """

    def __init__(self, checked: CheckedExtract, criteria: Sequence[Criterion], dimensions: Sequence[str]) -> None:
        self.extract = checked.extract
        self.binding = checked.extract.binding
        self.fields = checked.fields
        self.values = checked.values
        self.dimensions = dimensions
        self.criteria = criteria
        all_atoms = list(dict.fromkeys(atom for criterion in criteria for atom in atoms(criterion)))
        code_atoms = [atom for atom in all_atoms if isinstance(atom, CodeAtom)]
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
        field_atoms = [atom for atom in all_atoms if isinstance(atom, FieldAtom)]
        self.field_atoms: list[FieldAtom] = list(dict.fromkeys([*field_atoms, *self.missing.values()]))
        self.days = self._days()
        self.meanings: dict[str, pl.DataFrame] = {}
        self.columns = {criterion: f"{PREFIX}criterion_{place}" for place, criterion in enumerate(criteria)}

    def groups(self, passed: RowsDone) -> pl.DataFrame:
        """Read the rows and return the groups.

        Args:
            passed: Counts the rows as they are read.

        Returns:
            One row per group: the dimensions as the extract spells them, the number of rows (`ROWS`), the numbers of
            codes, the answers, and a boolean column for every criterion.
        """
        code_answers = []
        for field in self.code_fields:
            answers, self.meanings[field.name] = field.answers()
            code_answers.append((field.row_key_column, answers))
        frame, numbers = with_numbers(self.extract.table.frame, self.fields, self.values)
        early = [*(self._dimension(name, numbers) for name in self.dimensions), *self._field_answers(numbers)]
        keys = Packed(early, list(self._code_answers()))
        frame = frame.select(*keys.early_keys(), *(field.row_key() for field in self.code_fields))
        frame = _counting(frame, passed)
        for row_key, answers in code_answers:
            frame = frame.join(answers.lazy(), on=row_key, how="left")
        grouped = collect(frame.group_by(keys.keys()).agg(pl.len().alias(ROWS), *self._sums()))
        return self._with_criteria(self._unpacked(grouped, keys))

    def counted_by(self, fields: Sequence[str]) -> pl.DataFrame:
        """Return the number of rows (`ROWS`) by the values of some fields, as the extract spells them."""
        frame, numbers = with_numbers(self.extract.table.frame, self.fields, self.values)
        keys = Packed([self._dimension(name, numbers) for name in fields], [])
        grouped = collect(frame.select(*keys.early_keys()).group_by(keys.keys()).agg(pl.len().alias(ROWS)))
        return grouped.select(*(self._spelt(name, keys.value(name)).alias(name) for name in fields), ROWS)

    def _unpacked(self, grouped: pl.DataFrame, keys: Packed) -> pl.DataFrame:
        """Return groups with dimensions, answers and patterns instead of packed keys."""
        dimensions = [self._spelt(name, keys.value(name)).alias(name) for name in self.dimensions]
        truths = [keys.truth(name).alias(name) for name in self.truths()]
        patterns = [keys.value(field.pattern).alias(field.pattern) for field in self.code_fields]
        return grouped.select(*dimensions, *truths, *patterns, pl.exclude(keys.words))

    def _with_criteria(self, groups: pl.DataFrame) -> pl.DataFrame:
        """Add the verdicts of code atoms, and every criterion."""
        for field in self.code_fields:
            if (meanings := self.meanings[field.name]).width:
                numbered = meanings.with_row_index(field.pattern).cast({field.pattern: pl.UInt64})
                groups = groups.join(numbered, on=field.pattern, how="left")
        translator = Answering(self.answer)
        return groups.with_columns(
            [translator.visit(criterion).alias(name) for criterion, name in self.columns.items()]
        )

    def holds(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Return the expression that all the criteria hold in a group."""
        return all_hold(self.columns[criterion] for criterion in criteria)

    def any_holds(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Return the expression that at least one criterion, or AND, OR or NOT of criteria, holds in a group."""
        translator = Answering(lambda node: pl.col(self.columns[node]) if node in self.columns else None)
        return pl.any_horizontal([pl.lit(False), *map(translator.visit, criteria)])

    def answer(self, node: Criterion) -> pl.Expr | None:
        """Return the expression of a group's answer to an atom; None for AND, OR and NOT."""
        if isinstance(node, FieldAtom):
            return pl.col(_answer(self.field_atoms.index(node)))
        if not isinstance(node, CodeAtom):
            return None
        (field,) = (field for field in self.code_fields if field.name == node.code_field)
        return pl.col(_recorded(field)) if isinstance(node, Recorded) else pl.col(field.columns[node]).fill_null(False)

    def truths(self) -> list[str]:
        """Return the columns of the answers that are true or false."""
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

    def _days(self) -> pl.DataFrame:
        """Return the days of the extract in order, each with its number of rows."""
        if "activity_date" not in self.binding.fields:
            return pl.DataFrame(schema={"day": pl.Date, "rows": pl.UInt32})
        days = self.extract.table.frame.select(self._date().alias("day"))
        return collect(days.group_by("day").agg(pl.len().alias("rows"))).drop_nulls("day").sort("day")

    def _date(self) -> pl.Expr:
        return day_of(self.extract)

    def _month(self) -> Part:
        """Return the months as a key, looked up in a list of all days from the first to the latest."""
        if self.days.height == 0:
            return Part("month", pl.lit(None), 0)
        first, last = self.days["day"][0], self.days["day"][-1]
        calendar = pl.date_range(first, last, eager=True)
        months = calendar.dt.year().cast(pl.UInt32) * 12 + calendar.dt.month().cast(pl.UInt32) - 1
        place = (self._date().to_physical() - calendar.to_physical()[0]).cast(pl.UInt32)
        return Part("month", pl.lit(months).gather(place), months[-1] + 1)

    def _dimension(self, name: str, numbers: Callable[[str], pl.Expr]) -> Part:
        """Return a dimension as a key to group by; `_spelt` turns its numbers into text."""
        if name == "month":
            return self._month()
        if name == "age_band":
            age = numbers("age") if "age" in self.binding.fields else pl.lit(None, pl.Int64)
            return Part(name, age_band_number(age.cast(pl.Int32, strict=False)), len(AGE_BANDS))
        if name not in self.binding.fields:
            return Part(name, pl.lit(None), 0)
        if name in self.values.by_field:
            return self.values.part(name)
        return Part(name, numbers(name).cast(pl.Int32, strict=False).cast(pl.Int64) + _OFFSET, 2 * _OFFSET)

    def _spelt(self, name: str, value: pl.Expr) -> pl.Expr:
        """Return a dimension's number as text: 2024-04, 20-24, or a field's value as the extract spells it."""
        if name == "month":
            year, month = (part.cast(pl.String) for part in (value // 12, value % 12 + 1))
            return pl.format("{}-{}", year.str.zfill(4), month.str.zfill(2))
        if name == "age_band":
            return pl.lit(pl.Series(AGE_BANDS, dtype=pl.String)).gather(value)
        if name in self.values.by_field:
            return pl.lit(self.values.texts(name)).gather(value)
        return (value.cast(pl.Int64) - _OFFSET).cast(pl.String)


def _counting(frame: pl.LazyFrame, passed: RowsDone) -> pl.LazyFrame:
    """Return the same rows, which are counted as they are read."""

    def count(batch: pl.DataFrame) -> pl.DataFrame:
        passed.add(batch.height)
        return batch

    return frame.map_batches(count, streamable=True)


def _answer(place: int) -> str:
    return f"{PREFIX}answer_{place}"


def _recorded(field: CodeField) -> str:
    return f"{PREFIX}{field.name}_recorded"


def with_codes(field: CodeField) -> str:
    """Return the column of groups that counts activities with codes in a field."""
    return f"{PREFIX}{field.name}_with_codes"
