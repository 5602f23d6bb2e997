"""The cube as one SQL statement, which a warehouse runs so that only counts leave it.

After the steps that decide codes, `criteria` decides every criterion once, `packed` puts several answers into one
number, `grouped` counts the rows that are alike in all of these, `answers` takes the numbers apart again, `variants`
decides every variant of every rule, `counted` adds up, and the last steps turn one column per count into one row per
count above 0, as in `ebi_rules.cube`. The steps after `grouped` work on groups, not on rows.
Values of fields are returned as the table has them: `cube.read_cube` puts them into normal form and adds up again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from ebi_rules._support.errors import ExtractError
from ebi_rules.criteria.nodes import CODE_FIELD, CODE_FIELDS, CodeAtom, Criterion, Recorded
from ebi_rules.cube import (
    DAY_MEASURES,
    EARLY_DAYS,
    LATE_DAYS,
    STANDARD_DIMENSIONS,
    TREATMENT,
    missing_counted,
    treatment_fields,
)
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.rule_logic import RuleLogic, criteria_of
from ebi_rules.statements.code_steps import decides_distinct, name_verdicts
from ebi_rules.statements.cube_columns import CubeColumns
from ebi_rules.statements.step_names import union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.sql_parts import all_of, as_number, negate, number, text

_ACTIVITY = "n_activity"
_DAYS = _FIRST, _LAST, _EARLY, _LATE = ("n_first_date", "n_last_date", "n_early", "n_late")
_ROWS = "n_rows"
_DAY = "day_number"
_DAY_OF_MONTH = "month_day"
_NOT_GROUPED = (_DAY, _DAY_OF_MONTH)
"""Columns of the step `criteria` that rows are not grouped by."""


_IN_WORD = 6
"""So many answers are in one number: it is taken apart by a list of the numbers in which an answer is 1."""


@dataclass(frozen=True)
class _Count:
    """One count of the cube.

    Attributes:
        rule: The rule's key; empty for a count of the activity itself.
        measure: What is counted, a key of `cube.MEASURES`.
        item: What the measure is about, such as the name of a criterion.
        column: The column of the step `counted` that contains it.
        summed: 1 or 0 in each group of the step `variants`.
    """

    rule: str
    measure: str
    item: str
    column: str
    summed: exp.Expr


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
        strategy: `distinct` or `inline`; by default what the dialect runs faster.
        scope: The months and providers to count.

    Raises:
        UsageError: A name is unknown.
        DialectError: The dialect cannot express the statement.
        ExtractError: The layout lacks a field.
    """
    recorded = [
        Recorded(system)
        for name, system in CODE_FIELDS.items()
        if name in CODE_FIELD.values() and source.binding.codes.get(name)
    ]
    variants = list(dict.fromkeys(variant for entry in audited for variant in (entry.counted.logic, *entry.compared)))
    target = find_dialect(dialect)
    criteria = criteria_counted(audited)
    names = name_verdicts(criteria, source.binding, recorded)
    writer = _CubeWriter(target, source, names, decides_distinct(strategy, target), scope=scope)
    return writer.cube(audited, variants, recorded, dimensions) + ";"


def criteria_counted(audited: Sequence[AuditedRule]) -> list[Criterion]:
    """Return the criteria that a cube of rules decides, each once."""
    variants = [logic for entry in audited for logic in (entry.counted.logic, *entry.compared)]
    further = [criterion for entry in audited for criterion in entry.further_criteria]
    return list(dict.fromkeys([*criteria_of(variants), *further]))


class _CubeWriter(CubeColumns):
    """Write the cube's statement for one dialect, layout and table."""

    def cube(
        self,
        audited: Sequence[AuditedRule],
        variants: Sequence[RuleLogic],
        recorded: Sequence[CodeAtom],
        dimensions: Sequence[str],
    ) -> str:
        """Return the statement without its semicolon.

        Args:
            audited: The rules to count.
            variants: The variants that the rules count, each once.
            recorded: The atoms that an activity has any code, one per field of codes.
            dimensions: The fields to count by.
        """
        for name in dimensions:
            if name not in STANDARD_DIMENSIONS and name not in self.binding.fields:
                raise ExtractError(f"this extract has no column for {name}. {self.binding.why_lacking(name)}")
        self._criteria = criteria_counted(audited)
        self._variants = list(variants)
        counts = list(self._counts(audited, recorded, dimensions))
        criteria = self._criteria_step(recorded, dimensions)
        steps = [
            ("criteria", criteria),
            ("packed", self._packed_step(criteria.named_selects, dimensions)),
            ("grouped", self._grouped_step(criteria.named_selects, dimensions)),
            ("answers", self._answers_step(criteria.named_selects, dimensions)),
            ("variants", self._variants_step(criteria.named_selects)),
            ("counted", self._counted_step(counts, dimensions)),
            ("measures", self._measures_step(counts)),
            ("cube_rows", self._long_step(counts, dimensions)),
        ]
        counted = exp.Select(expressions=self._long_columns(dimensions)).from_(self._step("cube_rows"))
        selects: list[exp.Expr] = [counted.where(exp.GT(this=self._column("count"), expression=number(0)))]
        if treatment_fields(self.binding):
            steps.append(("treatments", self._treatments_step(dimensions)))
            selects.append(exp.Select(expressions=self._long_columns(dimensions)).from_(self._step("treatments")))
        further = ("activity_date", "age", *missing_counted(dimensions))
        split = [self.binding.recodings[name] for name in dimensions if name in self.binding.recodings]
        sources = {name for recoding in split if recoding.is_split for name in recoding.fields}
        carried = [name for name in self.binding.fields if name in {*dimensions, *further, *sources}]
        whole = self._with_steps(union(selects), self._criteria, carried, recorded)
        for name, query in steps:
            whole.args["with_"].append("expressions", self._cte(name, query))
        return self._print(whole)

    def _criteria_step(self, recorded: Sequence[CodeAtom], dimensions: Sequence[str]) -> exp.Select:
        """Select every dimension, and 1 or 0 for every criterion and for every field that may be missing."""
        translator = self._translator()
        columns = [self._dimension(name).as_(self._name(name)) for name in dimensions]
        columns += [
            as_number(translator.visit(criterion)).as_(self._name(self._criterion_column(criterion)))
            for criterion in self._criteria
        ]
        for name in missing_counted(dimensions):
            if name in self.binding.fields:
                columns.append(self._is_missing(name).as_(self._name(f"no_{name}")))
        for atom in recorded:
            columns.append(self._column(self._verdict_column(atom)))
        if self.binding.fields.get("activity_date"):
            columns.append(self._day(self._column("activity_date")).as_(self._name(_DAY)))
            columns.append(self._date_part(self._column("activity_date"), "DAY").as_(self._name(_DAY_OF_MONTH)))
        return exp.Select(expressions=columns).from_(self._step("codes"))

    def _packed_step(self, carried: Sequence[str], dimensions: Sequence[str]) -> exp.Expr:
        """Put several answers into one number each: rows group by few numbers much faster than by many."""
        columns: list[exp.Expr] = [self._column(name) for name in dimensions]
        for word, names in _words(carried, dimensions).items():
            number_of_all: exp.Expr = self._column(names[0])
            for place, name in enumerate(names[1:], start=1):
                part = exp.Mul(this=self._column(name), expression=number(2**place))
                number_of_all = exp.Add(this=number_of_all, expression=part)
            columns.append(number_of_all.as_(self._name(word)))
        columns += [self._column(name) for name in (_DAY, _DAY_OF_MONTH) if name in carried]
        return exp.Select(expressions=columns).from_(self._step("criteria"))

    def _answers_step(self, carried: Sequence[str], dimensions: Sequence[str]) -> exp.Expr:
        """Take the numbers of groups apart into answers again."""
        columns: list[exp.Expr] = [self._column(name) for name in dimensions]
        for word, names in _words(carried, dimensions).items():
            for place, name in enumerate(names):
                values = [number(value) for value in range(2 ** len(names)) if value >> place & 1]
                holds = exp.In(this=self._column(word), expressions=values)
                columns.append(as_number(holds).as_(self._name(name)))
        columns += [self._column(name) for name in (_ROWS, *(_DAYS if _DAY in carried else ()))]
        return exp.Select(expressions=columns).from_(self._step("grouped"))

    def _grouped_step(self, carried: Sequence[str], dimensions: Sequence[str]) -> exp.Expr:
        """Count the rows that are alike, and select the first and the latest of their days."""
        keys = [self._column(name) for name in (*dimensions, *_words(carried, dimensions))]
        counts: list[exp.Expr] = [exp.Count(this=exp.Star()).as_(self._name(_ROWS))]
        if _DAY in carried:
            counts += [
                exp.Min(this=self._column(_DAY)).as_(self._name(_FIRST)),
                exp.Max(this=self._column(_DAY)).as_(self._name(_LAST)),
                exp.Sum(this=as_number(exp.LTE(this=self._column(_DAY_OF_MONTH), expression=number(EARLY_DAYS)))).as_(
                    self._name(_EARLY)
                ),
                exp.Sum(this=as_number(exp.GT(this=self._column(_DAY_OF_MONTH), expression=number(LATE_DAYS)))).as_(
                    self._name(_LATE)
                ),
            ]
        select = exp.Select(expressions=[*keys, *counts]).from_(self._step("packed"))
        return select.group_by(*(key.copy() for key in keys))

    def _treatments_step(self, dimensions: Sequence[str]) -> exp.Expr:
        """Count activity by provider, month and treatment function; any value stands for the other dimensions.

        It reads the table by itself: a step that two others read is kept in memory as a whole.
        """
        has_date = self.binding.fields.get("activity_date")
        month = self._month(self._raw_field("activity_date")) if has_date else text("")
        keys = {"provider": self._raw_field("provider"), **({"month": month} if has_date else {})}
        function = self._read_field("treatment_function")
        columns: list[exp.Expr] = [text("").as_(self._name("rule"))]
        for name in dimensions:
            is_plain = name in self.binding.fields and name not in self.binding.recodings
            value = exp.Min(this=self._raw_field(name)) if is_plain else text("")
            columns.append(keys.get(name, value).as_(self._name(name)))
        columns += [
            text(TREATMENT).as_(self._name("measure")),
            function.as_(self._name("item")),
            exp.Count(this=exp.Star()).as_(self._name("count")),
        ]
        select = self._within_scope(exp.Select(expressions=columns).from_(self._activity_table()))
        return select.group_by(*(key.copy() for key in (*keys.values(), function)))

    def _variants_step(self, carried: Sequence[str]) -> exp.Expr:
        """Add 1 or 0 for every variant to the columns of the step `answers`."""
        of_days = _DAYS if _DAY in carried else ()
        kept = [name for name in carried if name not in _NOT_GROUPED]
        columns: list[exp.Expr] = [self._column(name) for name in (*kept, _ROWS, *of_days)]
        for variant in self._variants:
            holds = all_of([self._is_one(self._criterion_column(criterion)) for criterion in variant.criteria.values()])
            columns.append(as_number(holds).as_(self._name(self._variant_column(variant))))
        return exp.Select(expressions=columns).from_(self._step("answers"))

    def _counted_step(self, counts: Sequence[_Count], dimensions: Sequence[str]) -> exp.Expr:
        """Add up every count, one column each, by the dimensions."""
        keys = [self._column(name) for name in dimensions]
        rows = self._column(_ROWS)
        sums: list[exp.Expr] = [exp.Sum(this=rows.copy()).as_(self._name(_ACTIVITY))]
        summed_columns = {count.column: count.summed for count in counts if count.column not in (_ACTIVITY, *_DAYS)}
        sums += [
            exp.Sum(this=exp.Mul(this=summed, expression=rows.copy())).as_(self._name(column))
            for column, summed in summed_columns.items()
        ]
        if self.binding.fields.get("activity_date"):
            functions = {_FIRST: exp.Min, _LAST: exp.Max, _EARLY: exp.Sum, _LATE: exp.Sum}
            sums += [of(this=self._column(name)).as_(self._name(name)) for name, of in functions.items()]
        select = exp.Select(expressions=[*keys, *sums]).from_(self._step("variants"))
        return select.group_by(*(key.copy() for key in keys))

    def _counts(
        self, audited: Sequence[AuditedRule], recorded: Sequence[CodeAtom], dimensions: Sequence[str]
    ) -> Iterator[_Count]:
        yield _Count("", "activity", "", _ACTIVITY, number(1))
        for atom in recorded:
            column = self._verdict_column(atom)
            yield _Count("", "recorded", atom.code_field, f"n_{column}", self._column(column))
        for name in missing_counted(dimensions):
            if name in self.binding.fields:
                yield _Count("", "missing", name, f"n_no_{name}", self._column(f"no_{name}"))
            else:
                yield _Count("", "missing", name, _ACTIVITY, number(1))
        if self.binding.fields.get("activity_date"):
            for measure, column in zip(DAY_MEASURES, _DAYS, strict=True):
                yield _Count("", measure, "", column, number(1))
        for place, entry in enumerate(audited):
            yield from self._counts_of_rule(f"n{place}", entry)

    def _counts_of_rule(self, prefix: str, entry: AuditedRule) -> Iterator[_Count]:
        criteria = list(entry.counted.logic.criteria.items())
        flagged = self._column(self._variant_column(entry.counted.logic))
        eligible = [entry.counted.logic.criteria[name] for name in entry.counted.logic.eligible]
        yield _Count(entry.key, "eligible", "", f"{prefix}_eligible", self._all(eligible))
        every = [criterion for _, criterion in criteria]
        further = {
            "comparable": (eligible, entry.compare_within),
            "compared": (every, entry.compare_within),
            "undiagnosed": (every, entry.without_diagnosis),
        }
        for measure, (others, criterion) in further.items():
            if criterion is not None:
                yield _Count(entry.key, measure, "", f"{prefix}_{measure}", self._all([*others, criterion]))
        for place, (name, _) in enumerate(criteria, start=1):
            left = self._all([criterion for _, criterion in criteria[:place]])
            yield _Count(entry.key, "left", name, f"{prefix}_left_{place}", left)
        yield _Count(entry.key, "flagged", "", f"{prefix}_flagged", flagged)
        for place, variant in enumerate(entry.compared):
            by_variant = self._column(self._variant_column(variant))
            yield _Count(entry.key, "variant", variant.variant_name, f"{prefix}_variant_{place}", by_variant)
            if variant.variant_name != entry.counted.logic.variant_name:
                differs = as_number(negate(exp.EQ(this=by_variant.copy(), expression=flagged.copy())))
                yield _Count(entry.key, "differs", variant.variant_name, f"{prefix}_differs_{place}", differs)

    def _measures_step(self, counts: Sequence[_Count]) -> exp.Expr:
        """List the counts as rows: rule, measure, item, and the number of the count."""
        return self._rows_of_constants(
            [
                {
                    "rule": text(count.rule),
                    "measure": text(count.measure),
                    "item": text(count.item),
                    "place": number(place),
                }
                for place, count in enumerate(counts, start=1)
            ]
        )

    def _long_step(self, counts: Sequence[_Count], dimensions: Sequence[str]) -> exp.Expr:
        """Combine every group with every measure, and choose the count of each."""
        columns = [self._column(name, "measures") for name in ("rule", "measure", "item")]
        columns += [self._column(name, "counted") for name in dimensions]
        columns_of_counts = [(place, self._column(count.column, "counted")) for place, count in enumerate(counts, 1)]
        value = self._chosen(columns_of_counts, "measures")
        select = exp.Select(expressions=[*columns, value.as_(self._name("count"))]).from_(self._step("counted"))
        return select.join(self._step("measures"), join_type="cross")

    def _long_columns(self, dimensions: Sequence[str]) -> list[exp.Expr]:
        columns = [self._column("rule"), *(self._column(name) for name in dimensions)]
        return [*columns, self._column("measure"), self._column("item"), self._column("count")]

    def _all(self, criteria: Sequence[Criterion]) -> exp.Expr:
        """Return 1 where all criteria hold, else 0."""
        if not criteria:
            return number(1)
        return as_number(all_of([self._is_one(self._criterion_column(criterion)) for criterion in criteria]))

    def _is_one(self, column: str) -> exp.Expr:
        return exp.EQ(this=self._column(column), expression=number(1))

    def _criterion_column(self, criterion: Criterion) -> str:
        return f"criterion_{self._criteria.index(criterion) + 1}"

    def _variant_column(self, variant: RuleLogic) -> str:
        return f"variant_{self._variants.index(variant) + 1}"


def _words(carried: Sequence[str], dimensions: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of answers in each number that rows are grouped by."""
    answers = [name for name in carried if name not in (*_NOT_GROUPED, *dimensions)]
    starts = range(0, len(answers), _IN_WORD)
    return {f"answers_{place}": answers[start : start + _IN_WORD] for place, start in enumerate(starts, start=1)}
