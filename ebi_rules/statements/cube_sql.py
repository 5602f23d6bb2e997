"""The cube as one SQL statement: what a warehouse counts, so that nothing but counts leaves it.

After the steps that decide codes, `criteria` decides every criterion once, `grouped` counts rows that are alike in all
of this, `readings` decides every reading of every rule, `counted` sums up, and the last step turns one column a count
into one row a count above 0, as `ebi_rules.cube` has them. What follows `grouped` is asked of groups and not of rows.
Values of fields come as they stand in the table: whoever reads the cube puts them into normal form and sums up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from ebi_rules._support.errors import ExtractError
from ebi_rules.criteria.fields import BABY_AGES
from ebi_rules.criteria.labels import Recoding
from ebi_rules.criteria.nodes import CODE_FIELD, CODE_FIELDS, CodeAtom, Criterion, In, Recorded
from ebi_rules.cube import (
    AGE_BAND_STARTS,
    AGE_BANDS,
    LAST_DATE,
    OLDEST,
    STANDARD_DIMENSIONS,
    AuditedRule,
    missing_counted,
)
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.rule_logic import RuleLogic, criteria_of
from ebi_rules.statements.code_steps import Steps, decides_distinct, name_verdicts, no_codes
from ebi_rules.statements.step_names import union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import find_dialect
from ebi_rules.translate.sql import SqlTranslator, all_of, any_of, as_number, negate, number, text

_ACTIVITY = "n_activity"
_LAST = "n_last_date"
_ROWS = "n_rows"
_DAY = "day_number"


@dataclass(frozen=True)
class _Count:
    """One count: where it stands in the cube, the column that holds it, and 1 or 0 in each group."""

    rule: str
    measure: str
    item: str
    column: str
    summed: exp.Expr


def cube_statement(
    audited: Sequence[AuditedRule],
    dimensions: Sequence[str],
    dialect: str | Path,
    source: TableSource,
    strategy: str | None = None,
    scope: Scope = EVERYTHING,
) -> str:
    """Return the SQL text that counts the cube of rules over a table.

    The number of codes, and of malformed ones, is not counted: SQL that means the same everywhere has no patterns.

    Args:
        audited: The rules to count.
        dimensions: provider, month, age_band, sex and further fields.
        dialect: The name of a dialect, or a dialect file.
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
    found = find_dialect(dialect)
    names = name_verdicts(criteria_of(variants), source.binding, recorded)
    writer = _CubeWriter(found, source, names, decides_distinct(strategy, found), scope)
    return writer.cube(audited, variants, recorded, dimensions) + ";"


class _CubeWriter(Steps):
    """Write the cube's statement for one dialect, layout and table."""

    def cube(
        self,
        audited: Sequence[AuditedRule],
        variants: Sequence[RuleLogic],
        recorded: Sequence[CodeAtom],
        dimensions: Sequence[str],
    ) -> str:
        for name in dimensions:
            if name not in STANDARD_DIMENSIONS and name not in self.binding.fields:
                raise ExtractError(f"this extract has no column for {name}. {self.binding.why_lacking(name)}")
        self._criteria = criteria_of(variants)
        self._variants = list(variants)
        counts = list(self._counts(audited, recorded, dimensions))
        criteria = self._criteria_step(recorded, dimensions)
        steps = [
            ("criteria", criteria),
            ("grouped", self._grouped_step(criteria.named_selects)),
            ("variants", self._variants_step(criteria.named_selects)),
            ("counted", self._counted_step(counts, dimensions)),
            ("measures", self._measures_step(counts)),
            ("cube_rows", self._long_step(counts, dimensions)),
        ]
        select = exp.Select(expressions=self._long_columns(dimensions)).from_(self._step("cube_rows"))
        select = select.where(exp.GT(this=self._column("count"), expression=number(0)))
        carried = [
            name
            for name in self.binding.fields
            if name in {"activity_date", "age", *dimensions, *missing_counted(dimensions)}
        ]
        whole = self._with_steps(select, self._criteria, carried, recorded)
        for name, query in steps:
            whole.args["with_"].append("expressions", self._cte(name, query))
        return self._print(whole)

    def _criteria_step(self, recorded: Sequence[CodeAtom], dimensions: Sequence[str]) -> exp.Select:
        """Give every dimension, and 1 or 0 for every criterion and every field that may be missing."""
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
        return exp.Select(expressions=columns).from_(self._step("codes"))

    def _grouped_step(self, carried: Sequence[str]) -> exp.Expr:
        """Count the rows that are alike, and give the latest of their days."""
        keys = [self._column(name) for name in carried if name != _DAY]
        found: list[exp.Expr] = [exp.Count(this=exp.Star()).as_(self._name(_ROWS))]
        if _DAY in carried:
            found.append(exp.Max(this=self._column(_DAY)).as_(self._name(_DAY)))
        return (
            exp.Select(expressions=[*keys, *found])
            .from_(self._step("criteria"))
            .group_by(*(key.copy() for key in keys))
        )

    def _variants_step(self, carried: Sequence[str]) -> exp.Expr:
        """Add 1 or 0 for every reading to what the step `grouped` has."""
        columns: list[exp.Expr] = [self._column(name) for name in (*carried, _ROWS)]
        for variant in self._variants:
            holds = all_of([self._is_one(self._criterion_column(each)) for each in variant.criteria.values()])
            columns.append(as_number(holds).as_(self._name(self._variant_column(variant))))
        return exp.Select(expressions=columns).from_(self._step("grouped"))

    def _counted_step(self, counts: Sequence[_Count], dimensions: Sequence[str]) -> exp.Expr:
        keys = [self._column(name) for name in dimensions]
        rows = self._column(_ROWS)
        sums: list[exp.Expr] = [exp.Sum(this=rows.copy()).as_(self._name(_ACTIVITY))]
        different = {count.column: count.summed for count in counts if count.column not in (_ACTIVITY, _LAST)}
        sums += [
            exp.Sum(this=exp.Mul(this=summed, expression=rows.copy())).as_(self._name(column))
            for column, summed in different.items()
        ]
        if self.binding.fields.get("activity_date"):
            sums.append(exp.Max(this=self._column(_DAY)).as_(self._name(_LAST)))
        return (
            exp.Select(expressions=[*keys, *sums]).from_(self._step("variants")).group_by(*(key.copy() for key in keys))
        )

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
            yield _Count("", LAST_DATE, "", _LAST, number(1))
        for place, entry in enumerate(audited):
            yield from self._counts_of_rule(f"n{place}", entry)

    def _counts_of_rule(self, prefix: str, entry: AuditedRule) -> Iterator[_Count]:
        criteria = list(entry.counted.logic.criteria.items())
        own = self._column(self._variant_column(entry.counted.logic))
        eligible = [entry.counted.logic.criteria[name] for name in entry.counted.logic.eligible]
        yield _Count(entry.key, "eligible", "", f"{prefix}_eligible", self._all(eligible))
        for place, (name, _) in enumerate(criteria, start=1):
            left = self._all([criterion for _, criterion in criteria[:place]])
            yield _Count(entry.key, "left", name, f"{prefix}_left_{place}", left)
        yield _Count(entry.key, "flagged", "", f"{prefix}_flagged", own)
        for place, variant in enumerate(entry.compared):
            there = self._column(self._variant_column(variant))
            yield _Count(entry.key, "variant", variant.variant_name, f"{prefix}_variant_{place}", there)
            if variant.variant_name != entry.counted.logic.variant_name:
                differs = as_number(negate(exp.EQ(this=there.copy(), expression=own.copy())))
                yield _Count(entry.key, "differs", variant.variant_name, f"{prefix}_differs_{place}", differs)

    def _measures_step(self, counts: Sequence[_Count]) -> exp.Expr:
        """List the counts as rows."""
        selects = [
            exp.Select(
                expressions=[
                    text(count.rule).as_(self._name("rule")),
                    text(count.measure).as_(self._name("measure")),
                    text(count.item).as_(self._name("item")),
                    number(place).as_(self._name("place")),
                ]
            )
            for place, count in enumerate(counts, start=1)
        ]
        if self.dialect.from_nothing:
            selects = [
                select.from_(exp.Table(this=exp.Identifier(this=self.dialect.from_nothing))) for select in selects
            ]
        return union(selects)

    def _long_step(self, counts: Sequence[_Count], dimensions: Sequence[str]) -> exp.Expr:
        """Give every group with every count beside what it counts."""
        columns = [self._column(name, "measures") for name in ("rule", "measure", "item")]
        columns += [self._column(name, "counted") for name in dimensions]
        value = self._chosen([(place, self._column(count.column, "counted")) for place, count in enumerate(counts, 1)])
        return (
            exp.Select(expressions=[*columns, value.as_(self._name("count"))])
            .from_(self._step("counted"))
            .join(self._step("measures"), join_type="cross")
        )

    def _chosen(self, columns: Sequence[tuple[int, exp.Expr]]) -> exp.Expr:
        """Choose a column by the number in `place`, halving the columns at every step."""
        if len(columns) == 1:
            return columns[0][1]
        middle = len(columns) // 2
        first = exp.LT(this=self._column("place", "measures"), expression=number(columns[middle][0]))
        chosen = exp.If(this=first, true=self._chosen(columns[:middle]))
        return exp.Case(ifs=[chosen], default=self._chosen(columns[middle:]))

    def _long_columns(self, dimensions: Sequence[str]) -> list[exp.Expr]:
        columns = [self._column("rule"), *(self._column(name) for name in dimensions)]
        return [*columns, self._column("measure"), self._column("item"), self._column("count")]

    def _dimension(self, name: str) -> exp.Expr:
        if name == "month":
            dated = self.binding.fields.get("activity_date")
            return self._month(self._column("activity_date")) if dated else text("")
        if name == "age_band":
            return self._age_band() if self.binding.fields.get("age") else text("")
        if name in self.binding.recodings:
            return self._label(self.binding.recodings[name])
        return self._column(name) if name in self.binding.fields else text("")

    def _label(self, recoding: Recoding) -> exp.Expr:
        """Give the label of an activity's code."""
        labels = [
            exp.If(this=self._among(recoding, label), true=text(label))
            for label in dict.fromkeys(recoding.labels.values())
        ]
        return exp.Case(ifs=labels, default=text(recoding.otherwise) if recoding.otherwise else None)

    def _among(self, recoding: Recoding, *labels: str) -> exp.Expr:
        """Ask whether an activity's code is one of those of some labels, or of any."""
        codes = [code for code, label in recoding.labels.items() if not labels or label in labels]
        translator = SqlTranslator(self.dialect, lambda _: self._column(self._carried(recoding.name)), no_codes)
        return translator.visit(In(recoding.field, tuple(codes)))

    def _is_missing(self, name: str) -> exp.Expr:
        """Give 1 where a field has no value, and where a recoding gives no label, else 0."""
        recoding = self.binding.recodings.get(name)
        if recoding is None:
            return as_number(self._translator().is_missing(name))
        return number(0) if recoding.otherwise else as_number(negate(self._among(recoding)))

    def _age_band(self) -> exp.Expr:
        age = self._column("age")
        ends = [*(start - 1 for start in AGE_BAND_STARTS[1:]), OLDEST]
        bands = []
        for band, low, high in zip(AGE_BANDS, AGE_BAND_STARTS, ends, strict=True):
            within: exp.Expr = exp.Between(this=age.copy(), low=number(low), high=number(high))
            if low == 0:
                babies = exp.Between(this=age.copy(), low=number(BABY_AGES.start), high=number(BABY_AGES.stop - 1))
                within = any_of([within, babies])
            bands.append(exp.If(this=within, true=text(band)))
        return exp.Case(ifs=bands)

    def _day(self, date: exp.Expr) -> exp.Expr:
        """Give a day as a number: 20240328."""
        if not self.dialect.extract:
            return exp.cast(exp.TimeToStr(this=date.copy(), format=text("%Y%m%d")), "int")
        day = exp.Extract(this=exp.var("DAY"), expression=date.copy())
        return exp.Add(this=exp.Mul(this=exp.Paren(this=self._month(date)), expression=number(100)), expression=day)

    def _all(self, criteria: Sequence[Criterion]) -> exp.Expr:
        if not criteria:
            return number(1)
        return as_number(all_of([self._is_one(self._criterion_column(criterion)) for criterion in criteria]))

    def _is_one(self, column: str) -> exp.Expr:
        return exp.EQ(this=self._column(column), expression=number(1))

    def _criterion_column(self, criterion: Criterion) -> str:
        return f"criterion_{self._criteria.index(criterion) + 1}"

    def _variant_column(self, variant: RuleLogic) -> str:
        return f"variant_{self._variants.index(variant) + 1}"
