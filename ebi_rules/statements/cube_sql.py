"""The cube as one SQL statement, which a warehouse runs so that only counts leave it.

After the steps that decide codes, `answers_by_row` answers for each activity what can be asked of its fields, `packed`
puts several answers into one number, `grouped` counts the rows that are alike in all of these, `answers` takes the
numbers apart again, and `criteria` and `variants` decide the rules. The steps after `grouped` work on groups, not on
rows, or on their patterns (`cube_totals`). The result has one row per count above 0, as in `ebi_rules.cube`.
Values of fields are returned as the table has them: `cube.read_cube` puts them into normal form and adds up again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from sqlglot import exp

from ebi_rules._support.errors import ExtractError
from ebi_rules.criteria.nodes import (
    CODE_FIELD,
    CODE_FIELDS,
    CodeAtom,
    Criterion,
    InList,
    Recorded,
    code_atoms,
)
from ebi_rules.cube import EARLY_DAYS, LATE_DAYS, STANDARD_DIMENSIONS, TREATMENT, missing_counted, treatment_fields
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.statements.answered_criteria import OverAnswers, answerable_parts
from ebi_rules.statements.code_steps import decides_distinct, name_verdicts
from ebi_rules.statements.cube_counts import DAYS, EARLY, FIRST, LAST, LATE, PLACE, ROWS, Measure, criteria_counted
from ebi_rules.statements.cube_totals import GROUPED, PATTERN_COUNTS, TOTALS, CubeTotals, Step
from ebi_rules.statements.examination_steps import lists_of
from ebi_rules.statements.packed_answers import Numbers, in_numbers
from ebi_rules.statements.step_names import union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.dialects.printing import table_name
from ebi_rules.translate.sql_parts import all_of, as_number, number, text

_DAY = "day_number"
_DAY_OF_MONTH = "month_day"


def cube_statement(
    audited: Sequence[AuditedRule],
    dimensions: Sequence[str],
    dialect: str | Path | Dialect,
    source: TableSource,
    strategy: str | None = None,
    scope: Scope = EVERYTHING,
) -> str:
    """Return the SQL text that counts the cube of rules over a table.

    Codes themselves, and malformed ones, are not counted: SQL that means the same everywhere has no patterns.

    Args:
        audited: The rules to count.
        dimensions: provider, month, age_band, sex and further fields.
        dialect: A dialect, its name, or a dialect file.
        source: The table.
        strategy: `distinct` or `inline`; by default what the dialect runs faster. `distinct` also decides rules on the
            distinct patterns of answers, and reads some steps twice.
        scope: The months and providers to count.

    Raises:
        UsageError: A name is unknown.
        DialectError: The dialect cannot express the statement.
        ExtractError: The layout lacks a field.
    """
    return _writer(audited, dimensions, dialect, source, strategy, scope).cube() + ";"


class CubeTotalsStatements:
    """The SQL text by which an engine counts a cube, with a number in the place of rule, measure and item.

    Many counts of a cube are one total: this result is a third as long, and each row is shorter. It selects the
    dimensions, place, item and count. A row whose place is 0 is activity by treatment function, which is its item.

    Args:
        audited: The rules to count.
        dimensions: provider, month, age_band, sex and further fields.
        dialect: A dialect, its name, or a dialect file.
        source: The table.
        scope: The months and providers to count.

    Attributes:
        measures: Each count of the cube with the place of its total.
    """

    def __init__(
        self,
        audited: Sequence[AuditedRule],
        dimensions: Sequence[str],
        dialect: str | Path | Dialect,
        source: TableSource,
        scope: Scope = EVERYTHING,
    ) -> None:
        self._writer = _writer(audited, dimensions, dialect, source, None, scope)
        self.measures: list[Measure] = self._writer.measures

    @property
    def steps(self) -> list[str]:
        """The names of the steps, in order, for an engine that keeps the result of each meanwhile."""
        return [*self._writer.texts, GROUPED, *([PATTERN_COUNTS] if self._writer.distinct else [])]

    def step(self, name: str, kept: Mapping[str, str]) -> str:
        """Return the statement of a step; `kept` has the tables of the steps before it, by name."""
        return replace(self._writer, kept=kept).step(name)

    def totals(self, kept: Mapping[str, str] | None = None) -> str:
        """Return the statement that adds up, from the table, or from the tables of all steps."""
        return replace(self._writer, kept=kept or {}).totals()


def _writer(
    audited: Sequence[AuditedRule],
    dimensions: Sequence[str],
    dialect: str | Path | Dialect,
    source: TableSource,
    strategy: str | None,
    scope: Scope,
) -> "_CubeWriter":
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
    return _CubeWriter(
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


class _CubeWriter(CubeTotals):
    """Write the cube's statement for one dialect, layout and table."""

    def cube(self) -> str:
        """Return the statement that selects the rows of a cube, without its semicolon."""
        named = [self._column(name, "measures").as_(self._name(name)) for name in ("rule", "measure", "item")]
        keys = [self._column(name, TOTALS).as_(self._name(name)) for name in self.dimensions]
        count = self._column("count", TOTALS)
        select = exp.Select(expressions=[named[0], *keys, *named[1:], count.as_(self._name("count"))])
        is_place = exp.EQ(this=self._column(PLACE, "measures"), expression=self._column(PLACE, TOTALS))
        select = select.from_(self._step(TOTALS)).join(self._step("measures"), on=is_place)
        counted = select.where(exp.GT(this=count.copy(), expression=number(0)))
        treatments = {"rule": text(""), "measure": text(TREATMENT)}
        return self._statement(counted, [("measures", self._measures_step())], treatments)

    @cached_property
    def texts(self) -> dict[str, str]:
        """The statements that decide distinct texts, by step."""
        return self.decided_texts(self._criteria, self.recorded)

    def step(self, name: str) -> str:
        """Return the statement that selects a step's result: `grouped`, `pattern_counts`, or one of `texts`."""
        if name in self.texts:
            return self.texts[name]
        steps = self._steps_to_groups()
        if name == PATTERN_COUNTS:
            steps += [*self._variants_by_pattern(), *self._counts_of_patterns(list(self._numbers))]
        query = steps.pop()[1]
        return self._printed(query, steps)

    def totals(self) -> str:
        """Return the statement that selects totals by their places."""
        columns: list[exp.Expr] = [*self._dimension_columns(), self._column(PLACE), text("").as_(self._name("item"))]
        select = exp.Select(expressions=[*columns, self._column("count")]).from_(self._step(TOTALS))
        counted = select.where(exp.GT(this=self._column("count"), expression=number(0)))
        return self._statement(counted, [], {PLACE: number(0)})

    def _statement(
        self,
        select: exp.Select,
        further: Sequence[Step],
        of_treatments: Mapping[str, exp.Expr],
    ) -> str:
        """Return a statement that selects from the totals, and activity by treatment function.

        Args:
            select: The select from the totals.
            further: Further steps that it needs.
            of_treatments: Columns of the select that are the same for all activity by treatment function.
        """
        decided = self._decided_by_pattern() if self.distinct else self._decided_by_group()
        steps = [*self._steps_to_groups(), *decided, *further]
        selects: list[exp.Expr] = [select]
        if treatment_fields(self.binding):
            steps.append(("treatments", self._treatments_step(of_treatments)))
            columns = [self._column(name) for name in select.named_selects]
            selects.append(exp.Select(expressions=columns).from_(self._step("treatments")))
        return self._printed(union(selects), steps)

    def _printed(self, whole: exp.Expr, steps: Sequence[Step]) -> str:
        """Return a select with its steps as text, after those up to `codes` unless what comes of them is kept."""
        if GROUPED in self.kept:
            whole.set("with_", exp.With(expressions=[]))
        else:
            self._with_steps(whole, self._criteria, self._fields_carried(), self.recorded)
        for name, query in steps:
            whole.args["with_"].append("expressions", self._cte(name, query))
        return self._print(whole)

    def _steps_to_groups(self) -> list[Step]:
        """Return the steps from `codes` to `grouped`, or the one that reads the groups that are kept."""
        grouped = self._grouped_step()
        if GROUPED in self.kept:
            columns = [*map(self._column, grouped.named_selects)]
            return [(GROUPED, exp.Select(expressions=columns).from_(table_name(self.kept[GROUPED], self.dialect)))]
        return [("answers_by_row", self._row_step()), ("packed", self._packed_step()), (GROUPED, grouped)]

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
        if self._has_days:
            date = self._column("activity_date")
            columns.append(self._day(date).as_(self._name(_DAY)))
            columns.append(self._date_part(date.copy(), "DAY").as_(self._name(_DAY_OF_MONTH)))
        return exp.Select(expressions=columns).from_(self._step("codes"))

    def _packed_step(self) -> exp.Select:
        """Put several answers of a row into one number each."""
        days = (_DAY, _DAY_OF_MONTH) if self._has_days else ()
        as_they_are = [self._column(name) for name in (*self.dimensions, *self._joined_numbers, *days)]
        columns = [*as_they_are, *self._packed(self._row_numbers)]
        return exp.Select(expressions=columns).from_(self._step("answers_by_row"))

    def _grouped_step(self) -> exp.Select:
        """Count the rows that are alike, and select the first and the latest of their days."""
        keys = [self._column(name) for name in (*self.dimensions, *self._numbers)]
        counts: list[exp.Expr] = [exp.Count(this=exp.Star()).as_(self._name(ROWS))]
        if self._has_days:
            day, day_of_month = self._column(_DAY), self._column(_DAY_OF_MONTH)
            early = as_number(exp.LTE(this=day_of_month, expression=number(EARLY_DAYS)))
            late = as_number(exp.GT(this=day_of_month.copy(), expression=number(LATE_DAYS)))
            counts += [
                exp.Min(this=day).as_(self._name(FIRST)),
                exp.Max(this=day.copy()).as_(self._name(LAST)),
                exp.Sum(this=early).as_(self._name(EARLY)),
                exp.Sum(this=late).as_(self._name(LATE)),
            ]
        select = exp.Select(expressions=[*keys, *counts]).from_(self._step("packed"))
        return select.group_by(*(key.copy() for key in keys))

    def _decided_by_group(self) -> Iterator[Step]:
        """Return the steps after `grouped` that decide the rules for every group."""
        kept = [*self.dimensions, ROWS, *(DAYS if self._has_days else ())]
        yield from self._decided(GROUPED, kept)
        yield from self._totals_by_column()

    def _decided_by_pattern(self) -> Iterator[Step]:
        """Return the steps after `grouped` that decide the rules for every different pattern of answers."""
        names = list(self._numbers)
        if PATTERN_COUNTS not in self.kept:
            yield from self._variants_by_pattern()
            yield from self._counts_of_patterns(names)
        yield from self._totals_by_pattern(names)

    def _variants_by_pattern(self) -> Iterator[Step]:
        """Return the steps from `grouped` to `variants`, with a row for every different pattern of answers."""
        names = list(self._numbers)
        columns = [self._column(name) for name in names]
        patterns = exp.Select(expressions=columns).from_(self._step(GROUPED))
        yield "patterns", patterns.group_by(*(column.copy() for column in columns))
        yield from self._decided("patterns", names)

    def _decided(self, step: str, kept: Sequence[str]) -> Iterator[Step]:
        """Return the steps that take the numbers of a step apart, and decide criteria and variants on them.

        Args:
            step: The step with the numbers.
            kept: The further columns that are needed afterwards.
        """
        columns: list[exp.Expr] = [self._column(name) for name in kept]
        above = self._above_digits(self._numbers)
        if above:
            numbers = [self._column(name) for name in dict.fromkeys([*kept, *self._numbers])]
            yield "digits", exp.Select(expressions=[*numbers, *above]).from_(self._step(step))
            step = "digits"
        yield "answers", exp.Select(expressions=[*columns, *self._taken_apart(self._numbers)]).from_(self._step(step))

        translator = OverAnswers(self.dialect, self._column, self._is_true, self._conditions)
        needed = [*kept, *(f"no_{name}" for name in self._missing), *map(self._verdict_column, self.recorded)]
        columns = [self._column(name) for name in needed]
        for criterion in self._criteria:
            columns.append(as_number(translator.visit(criterion)).as_(self._name(self._criterion_column(criterion))))
        yield "criteria", exp.Select(expressions=columns).from_(self._step("answers"))

        columns = [self._column(name) for name in (*needed, *map(self._criterion_column, self._criteria))]
        for variant in self._variants:
            holds = all_of([self._is_one(self._criterion_column(criterion)) for criterion in variant.criteria.values()])
            columns.append(as_number(holds).as_(self._name(self._variant_column(variant))))
        yield "variants", exp.Select(expressions=columns).from_(self._step("criteria"))

    def _treatments_step(self, constants: Mapping[str, exp.Expr]) -> exp.Expr:
        """Count activity by provider, month and treatment function; any value stands for the other dimensions.

        It reads the table by itself: a step that two others read is kept in memory as a whole.

        Args:
            constants: Further columns, by name.
        """
        month = self._month(self._raw_field("activity_date")) if self._has_days else text("")
        keys = {"provider": self._raw_field("provider"), **({"month": month} if self._has_days else {})}
        function = self._read_field("treatment_function")
        columns = [value.as_(self._name(name)) for name, value in constants.items()]
        for name in self.dimensions:
            is_plain = name in self.binding.fields and name not in self.binding.recodings
            value = exp.Min(this=self._raw_field(name)) if is_plain else text("")
            columns.append(keys.get(name, value).as_(self._name(name)))
        columns += [function.as_(self._name("item")), exp.Count(this=exp.Star()).as_(self._name("count"))]
        select = self._within_scope(exp.Select(expressions=columns).from_(self._activity_table()))
        return select.group_by(*(key.copy() for key in (*keys.values(), function)))
