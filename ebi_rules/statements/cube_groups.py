"""The first half of a cube in SQL: rows are counted by the dimensions and by their answers.

After the steps that decide codes, `answers_by_row` answers for each activity what can be asked of its fields, `packed`
puts several answers into one number, and `grouped` counts the rows that are alike in all of these. Whatever comes
after works on groups, and not on rows. Days of months and treatment functions are counted apart, by month.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

from sqlglot import exp

from ebi_rules._support.errors import ExtractError
from ebi_rules.criteria.nodes import CODE_FIELD, CODE_FIELDS, CodeAtom, Criterion, InList, Recorded, code_atoms
from ebi_rules.cube import EARLY_DAYS, LATE_DAYS, STANDARD_DIMENSIONS, missing_counted
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.audited_rule import AuditedRule, criteria_counted
from ebi_rules.statements.answered_criteria import answerable_parts
from ebi_rules.statements.code_steps import decides_distinct, name_verdicts
from ebi_rules.statements.cube_counts import EARLY, FIRST, LAST, LATE, ROWS, CubeCounts
from ebi_rules.statements.examination_steps import lists_of
from ebi_rules.statements.packed_answers import Numbers, in_numbers
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.sql_parts import as_number, number, text

Step = tuple[str, exp.Expr]
GROUPED = "grouped"
"""The step that counts rows that are alike."""


class CubeGroups(CubeCounts):
    """Write the steps from `codes` to `grouped`."""

    @classmethod
    def of(
        cls,
        audited: Sequence[AuditedRule],
        dimensions: Sequence[str],
        dialect: str | Path | Dialect,
        source: TableSource,
        strategy: str | None = None,
        scope: Scope = EVERYTHING,
    ) -> Self:
        """Return what writes statements about the cube of rules over a table.

        Args:
            audited: The rules to count.
            dimensions: provider, month, age_band, sex and further fields.
            dialect: A dialect, its name, or a dialect file.
            source: The table.
            strategy: `distinct` or `inline`; by default what the dialect runs faster.
            scope: The months and providers to count.

        Raises:
            UsageError: A name is unknown.
            ExtractError: The layout lacks a field.
        """
        recorded = [
            Recorded(system)
            for name, system in CODE_FIELDS.items()
            if name in CODE_FIELD.values() and source.binding.codes.get(name)
        ]
        for name in dimensions:
            if name not in STANDARD_DIMENSIONS and name not in source.binding.fields:
                raise ExtractError(f"this extract has no column for {name}. {source.binding.why_lacking(name)}")
        target = find_dialect(dialect)
        names = name_verdicts(criteria_counted(audited), source.binding, recorded)
        return cls(
            target,
            source,
            names,
            decides_distinct(strategy, target),
            scope=scope,
            packs=True,
            audited=audited,
            dimensions=dimensions,
            recorded=recorded,
        )

    def _steps_to_groups(self) -> list[Step]:
        """Return the steps from `codes` to `grouped`."""
        return [("answers_by_row", self._row_step()), ("packed", self._packed_step()), (GROUPED, self._grouped_step())]

    def _printed(self, whole: exp.Expr, steps: Sequence[Step]) -> str:
        """Return a select with its steps as text, after those up to `codes`."""
        self._with_steps(whole, self._criteria, self._fields_carried(), self.recorded)
        for name, query in steps:
            whole.args["with_"].append("expressions", self._cte(name, query))
        return self._print(whole)

    def _fields_carried(self) -> list[str]:
        further = ("activity_date", "age", *missing_counted(self.dimensions))
        split = [self.binding.recodings[name] for name in self.dimensions if name in self.binding.recodings]
        sources = {name for recoding in split if recoding.is_split for name in recoding.fields}
        return [name for name in self.binding.fields if name in {*self.dimensions, *further, *sources}]

    @cached_property
    def _conditions(self) -> dict[Criterion, str]:
        """The parts of criteria that are about fields alone, and the columns of their answers."""
        parts = dict.fromkeys(part for criterion in self._criteria for part in answerable_parts(criterion))
        of_fields = [part for part in parts if not isinstance(part, CodeAtom | InList)]
        return {part: f"condition_{place}" for place, part in enumerate(of_fields, start=1)}

    @cached_property
    def _missing(self) -> list[str]:
        return [name for name in missing_counted(self.dimensions) if name in self.binding.fields]

    @cached_property
    def _joined_numbers(self) -> Numbers:
        """The numbers in which the step `codes` has verdicts already."""
        lists = lists_of(self._criteria)
        numbers: dict[str, Sequence[str]] = {}
        for name in CODE_FIELDS:
            if self._is_joined(name):
                numbers |= self._numbers_of(name, self._atoms)
        return {**numbers, **self._examination_numbers(lists)}

    @cached_property
    def _atoms(self) -> list[CodeAtom]:
        of_criteria = (atom for criterion in self._criteria for atom in code_atoms(criterion))
        return list(dict.fromkeys([*of_criteria, *self.recorded]))

    @cached_property
    def _row_verdicts(self) -> list[str]:
        """The columns of verdicts that the step `codes` has as they are."""
        absent = [each for each in lists_of(self._criteria) if not self._has_codes(each)]
        inside = [atom for atom in self._atoms if not self._is_joined(atom.code_field)]
        return [self._verdict_column(each) for each in (*inside, *absent)]

    @cached_property
    def _row_numbers(self) -> Numbers:
        """The numbers into which the answers of rows are put."""
        return in_numbers([*self._conditions.values(), *(f"no_{name}" for name in self._missing), *self._row_verdicts])

    @cached_property
    def _numbers(self) -> Mapping[str, Sequence[str]]:
        """All numbers that rows are grouped by."""
        return {**self._joined_numbers, **self._row_numbers}

    def _row_step(self) -> exp.Select:
        """Select every dimension, the verdicts on codes, and 1 or 0 for every condition on fields."""
        translator = self._translator()
        columns = [self._dimension(name).as_(self._name(name)) for name in self.dimensions]
        columns += [as_number(translator.visit(part)).as_(self._name(name)) for part, name in self._conditions.items()]
        columns += [self._is_missing(name).as_(self._name(f"no_{name}")) for name in self._missing]
        columns += [self._column(name) for name in (*self._row_verdicts, *self._joined_numbers)]
        return exp.Select(expressions=columns).from_(self._step("codes"))

    def _packed_step(self) -> exp.Select:
        """Put several answers of a row into one number each."""
        as_they_are = [self._column(name) for name in (*self.dimensions, *self._joined_numbers)]
        columns = [*as_they_are, *self._packed(self._row_numbers)]
        return exp.Select(expressions=columns).from_(self._step("answers_by_row"))

    def _grouped_step(self) -> exp.Select:
        """Count the rows that are alike."""
        return self._counted([*self.dimensions, *self._numbers], "packed")

    def _counted(self, names: Sequence[str], step: str) -> exp.Select:
        """Count the rows of a step that are alike in some columns."""
        keys = [self._column(name) for name in names]
        rows = exp.Count(this=exp.Star()).as_(self._name(ROWS))
        select = exp.Select(expressions=[*keys, rows]).from_(self._step(step))
        return select.group_by(*(key.copy() for key in keys))

    def _days_step(self) -> exp.Select:
        """Select the first and the last day of each month, and how many rows are early and late in it.

        Like `_treatments_step` it reads the table by itself: a step that two others read is kept in memory as a whole.
        """
        month = self._month(self._raw_field("activity_date"))
        columns = self._dimensions_with({"month": month})
        select = exp.Select(expressions=[*columns, *self._figures_of_days()]).from_(self._activity_table())
        return self._within_scope(select).group_by(month.copy())

    def _figures_of_days(self) -> list[exp.Expr]:
        """Return the first and the last of the days of some rows, and how many are early and late in their months."""
        date = self._raw_field("activity_date")
        day, day_of_month = self._day(date), self._date_part(date, "DAY")
        early = as_number(exp.LTE(this=day_of_month, expression=number(EARLY_DAYS)))
        late = as_number(exp.GT(this=day_of_month.copy(), expression=number(LATE_DAYS)))
        return [
            exp.Min(this=day).as_(self._name(FIRST)),
            exp.Max(this=day.copy()).as_(self._name(LAST)),
            exp.Sum(this=early).as_(self._name(EARLY)),
            exp.Sum(this=late).as_(self._name(LATE)),
        ]

    def _treatments_step(self, constants: Mapping[str, exp.Expr]) -> exp.Select:
        """Count activity by provider, month and treatment function.

        Args:
            constants: Further columns, by name.
        """
        month = self._month(self._raw_field("activity_date")) if self._has_days else text("")
        keys = {"provider": self._raw_field("provider"), **({"month": month} if self._has_days else {})}
        function = self._read_field("treatment_function")
        columns = [value.as_(self._name(name)) for name, value in constants.items()]
        columns += self._dimensions_with(keys)
        columns += [function.as_(self._name("item")), exp.Count(this=exp.Star()).as_(self._name("count"))]
        select = self._within_scope(exp.Select(expressions=columns).from_(self._activity_table()))
        return select.group_by(*(key.copy() for key in (*keys.values(), function)))

    def _dimensions_with(self, keys: Mapping[str, exp.Expr]) -> list[exp.Expr]:
        """Return all dimensions as columns where rows are grouped by some: any value stands for the others."""
        columns = []
        for name in self.dimensions:
            is_plain = name in self.binding.fields and name not in self.binding.recodings
            value = exp.Min(this=self._raw_field(name)) if is_plain else text("")
            columns.append(keys.get(name, value).as_(self._name(name)))
        return columns
