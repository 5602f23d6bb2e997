"""Whole SQL statements for rules: flags, view, counts, and the bare predicate and CASE that people paste.

A statement has named steps that a reader can follow (`code_steps`), and a last SELECT that reads like the rule.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlglot import exp

from ebi_rules._support.errors import DialectError, UsageError, unknown
from ebi_rules.criteria.nodes import CodeAtom
from ebi_rules.rule_model.rule_logic import RuleLogic, criteria_of
from ebi_rules.statements.code_steps import Steps, decides_distinct, name_verdicts, verdict_name
from ebi_rules.statements.step_names import union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.sql import SqlTranslator, count_comparisons, needs_order, text_condition
from ebi_rules.translate.sql_parts import all_of, as_number, number, text

SHAPES = ("flags", "predicate", "case", "counts", "view")
_BARE_SHAPES = ("predicate", "case")
VIEW_NAME = "ebi_flags"
_LONGEST_PREDICATE = 250_000
"""The longest bare predicate, in characters: ClickHouse parses 262,144, and nobody reads more."""


def rule_statement(
    rules: Sequence[RuleLogic],
    dialect: str | Path | Dialect,
    source: TableSource,
    shape: str = "flags",
    strategy: str | None = None,
) -> str:
    """Return the SQL text of rules over a table.

    Args:
        rules: The rules; exactly one for the shapes `predicate` and `case`.
        dialect: A dialect, its name, or a dialect file.
        source: The table.
        shape: `flags` selects the key and a 1/0 column per rule; `view` wraps that; `counts` groups by rule, provider
            and month (year * 100 + month); `predicate` is the bare condition over the table's own columns, and `case`
            the same in the published CASE form.
        strategy: `distinct` or `inline` (`code_steps.STRATEGIES`); by default what the dialect runs faster.

    Raises:
        UsageError: A name is unknown, or options do not fit together.
        DialectError: The dialect cannot express the statement.
    """
    if shape not in SHAPES:
        raise UsageError(unknown("shape", shape, SHAPES))
    if shape in _BARE_SHAPES and strategy == "distinct":
        raise UsageError(f"the shape {shape} has no step for distinct texts: use the strategy inline.")
    if shape in _BARE_SHAPES and len(rules) != 1:
        raise UsageError(f"the shape {shape} is for one rule at a time.")
    target = find_dialect(dialect)
    names = name_verdicts(criteria_of(rules), source.binding)
    writer = _RuleWriter(target, source, names, decides_distinct(strategy, target))
    if shape == "predicate":
        return writer.predicate(rules[0])
    if shape == "case":
        return writer.case(rules[0])
    return {"flags": writer.flags, "view": writer.view, "counts": writer.counts}[shape](rules) + ";"


class _RuleWriter(Steps):
    """Write the statements of `SHAPES`, without their semicolon."""

    def flags(self, rules: Sequence[RuleLogic]) -> str:
        """Return the select of the key and a 1/0 column per rule."""
        return self._print(self._flags(rules))

    def view(self, rules: Sequence[RuleLogic]) -> str:
        """Return the statement that creates a view of the flags."""
        name = exp.Table(this=self._name(VIEW_NAME))
        return self._print(exp.Create(this=name, kind="VIEW", expression=self._flags(rules)))

    def counts(self, rules: Sequence[RuleLogic]) -> str:
        """Return the select of counts by rule, provider and month."""
        if not self.binding.fields.get("activity_date"):
            raise UsageError("counts are by month, and the layout has no column for activity_date. Use --column.")
        selects = [self._counts_of(rule) for rule in rules]
        return self._print(self._with_steps(union(selects), criteria_of(rules), ["provider", "activity_date"]))

    def predicate(self, rule: RuleLogic) -> str:
        """Return the bare condition."""
        return self._print(self._predicate(rule))

    def case(self, rule: RuleLogic) -> str:
        """Return the condition in the published CASE form."""
        return self._print(exp.Case(ifs=[exp.If(this=self._predicate(rule), true=text(rule.key))]))

    def _flags(self, rules: Sequence[RuleLogic]) -> exp.Expr:
        columns = [as_number(self._rule(rule)).as_(self._name(rule.key)) for rule in rules]
        self.has_further_keys = True
        keys: list[exp.Expr] = [self._column(self.binding.key)]
        keys += [self._column(name).as_(self._name(column)) for name, column in self._further_keys().items()]
        select = exp.Select(expressions=[*keys, *columns])
        return self._with_steps(select.from_(self._step("codes")), criteria_of(rules), [])

    def _counts_of(self, rule: RuleLogic) -> exp.Expr:
        translator = self._translator()
        eligible = [translator.visit(rule.criteria[name]) for name in rule.eligible]
        provider = self._column("provider")
        month = self._month(self._column("activity_date"))
        flagged = as_number(self._rule(rule))
        columns = [
            text(rule.key).as_(self._name("rule")),
            provider,
            month.as_(self._name("activity_month")),
            exp.Count(this=exp.Star()).as_(self._name("activity")),
            exp.Sum(this=as_number(all_of(eligible)) if eligible else number(1)).as_(self._name("eligible")),
            exp.Sum(this=flagged).as_(self._name("flagged")),
        ]
        return exp.Select(expressions=columns).from_(self._step("codes")).group_by(provider, month)

    def _rule(self, rule: RuleLogic) -> exp.Expr:
        """Return the condition that all criteria hold, over the columns of the step `codes`."""
        translator = self._translator()
        return all_of([translator.visit(criterion) for criterion in rule.criteria.values()])

    def _predicate(self, rule: RuleLogic) -> exp.Expr:
        """Return the condition that all criteria hold, over the table's own columns."""
        translator = SqlTranslator(self.dialect, self._raw_field, self._inline_codes)
        return all_of([translator.visit(criterion) for criterion in rule.criteria.values()])

    def _inline_codes(self, atom: CodeAtom) -> exp.Expr:
        """Return the verdict on a code atom over the table's own columns. Raises `DialectError` if it is too long."""
        if self.binding.child(atom.code_field):
            raise DialectError(
                f"the layout {self.binding.layout.name} has codes in a second table: use --shape flags or view."
            )
        if self.dialect.shallow and needs_order(atom, self.binding):
            raise DialectError(
                f"{self.dialect.title} does not read a predicate as deep as {verdict_name(atom)} needs: use "
                "--shape flags or view."
            )
        raw = [self._raw_column(column) for column in self.binding.code_columns(atom.code_field)]
        codes = self._normal_text(raw, atom.code_field, [atom])
        size = len(self._print(codes)) * count_comparisons(atom, self.dialect)
        if size > _LONGEST_PREDICATE:
            raise DialectError(
                f"{verdict_name(atom)} would make a predicate of about {size:,} characters, because it compares every "
                "column with every code: use --shape flags or view."
            )
        return text_condition(atom, codes, self.dialect, self.binding)
