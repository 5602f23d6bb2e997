"""Whole SQL statements for rules: flags, view, counts, and the bare predicate and CASE that people paste.

A statement has steps a reader can follow (`steps`), and a last SELECT that reads like the rule.
"""

from collections.abc import Mapping, Sequence
from math import prod

from sqlglot import exp

from ebi_rules._support.errors import DialectError, UsageError, unknown
from ebi_rules.criteria.nodes import CodeAtom, lists_named
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.rule import Rule, criteria_of
from ebi_rules.statements.code_steps import Steps, decides_distinct, name_verdicts, verdict_name
from ebi_rules.statements.step_names import union
from ebi_rules.translate.dialects.dialect import find_dialect
from ebi_rules.translate.sql import (
    SqlTranslator,
    all_of,
    as_number,
    code_text,
    like_patterns,
    needs_order,
    number,
    text,
    text_condition,
)

SHAPES = ("flags", "predicate", "case", "counts", "view", "cube")
VIEW_NAME = "ebi_flags"
_LONGEST_PREDICATE = 250_000
"""How many characters a bare predicate may have, about: ClickHouse reads 262,144 and nobody reads more."""


def statement(
    rules: Sequence[Rule],
    dialect: str,
    binding: Binding,
    table: str,
    shape: str = "flags",
    child_tables: Mapping[str, str] | None = None,
    by: Sequence[str] = (),
    strategy: str | None = None,
    scope: Scope = EVERYTHING,
) -> str:
    """Give the SQL text of rules over a table.

    `flags` selects the key and a 1/0 column a rule; `view` wraps that; `counts` groups by rule, provider and
    month (year * 100 + month); `predicate` is one rule's bare condition over the table's own columns, and
    `case` the same as the published CASE form. `cube` counts all that an audit needs, by provider, month, age band, sex
    and the fields in `by` (`ebi_rules.cube`). `child_tables` names the tables of codes where they are not the layout's
    own beside `table`. `strategy` is `distinct` or `inline` (`steps.STRATEGIES`), by default what the dialect runs
    faster. `scope` is what the cube counts: all, or some months and providers. Raises `UsageError` or `DialectError`.
    """
    if shape not in SHAPES:
        raise UsageError(unknown("shape", shape, SHAPES))
    if shape == "cube":
        from ebi_rules.cube import STANDARD_DIMENSIONS, Audited
        from ebi_rules.statements.cube_sql import cube_statement

        audited = [Audited.among(rule, rule, binding) for rule in rules]
        dimensions = list(dict.fromkeys([*STANDARD_DIMENSIONS, *by]))
        return cube_statement(audited, dimensions, dialect, binding, table, child_tables, strategy, scope)
    if by:
        raise UsageError("--by is for the shape cube.")
    if scope != EVERYTHING:
        raise UsageError("--months and --provider are for the shape cube.")
    if shape in ("predicate", "case") and strategy == "distinct":
        raise UsageError(f"the shape {shape} has no step for distinct texts: it is inline.")
    found = find_dialect(dialect)
    distinct = decides_distinct(strategy, found)
    writer = Writer(found, binding, table, child_tables or {}, name_verdicts(criteria_of(rules), binding), distinct)
    if shape in ("predicate", "case"):
        if len(rules) != 1:
            raise UsageError(f"the shape {shape} is for one rule at a time.")
        return writer.predicate(rules[0]) if shape == "predicate" else writer.case(rules[0])
    return {"flags": writer.flags, "view": writer.view, "counts": writer.counts}[shape](rules) + ";"


class Writer(Steps):
    """Write statements in the shapes that people use."""

    def flags(self, rules: Sequence[Rule]) -> str:
        return self._print(self._flags(rules))

    def view(self, rules: Sequence[Rule]) -> str:
        name = exp.Table(this=self._name(VIEW_NAME))
        return self._print(exp.Create(this=name, kind="VIEW", expression=self._flags(rules)))

    def counts(self, rules: Sequence[Rule]) -> str:
        if not self.binding.fields.get("activity_date"):
            raise UsageError("counts are by month, and the layout names no activity_date. Use --column.")
        selects = [self._counts_of(rule) for rule in rules]
        return self._print(self._with_steps(union(selects), criteria_of(rules), ["provider", "activity_date"]))

    def predicate(self, rule: Rule) -> str:
        return self._print(self._predicate(rule))

    def case(self, rule: Rule) -> str:
        return self._print(exp.Case(ifs=[exp.If(this=self._predicate(rule), true=text(rule.key))]))

    def _flags(self, rules: Sequence[Rule]) -> exp.Expr:
        columns = [as_number(self._rule(rule)).as_(self._name(rule.key)) for rule in rules]
        select = exp.Select(expressions=[self._column(self.binding.key), *columns])
        return self._with_steps(select.from_(self._step("codes")), criteria_of(rules), [])

    def _counts_of(self, rule: Rule) -> exp.Expr:
        translator = self._translator()
        eligible = [translator.visit(rule.criteria[name]) for name in rule.eligible]
        provider, date = self._column("provider"), self._column("activity_date")
        month = self._month(date)
        flagged = as_number(self._rule(rule))
        return (
            exp.Select(
                expressions=[
                    text(rule.key).as_(self._name("rule")),
                    provider,
                    month.as_(self._name("activity_month")),
                    exp.Count(this=exp.Star()).as_(self._name("activity")),
                    exp.Sum(this=as_number(all_of(eligible)) if eligible else number(1)).as_(self._name("eligible")),
                    exp.Sum(this=flagged).as_(self._name("flagged")),
                ]
            )
            .from_(self._step("codes"))
            .group_by(provider, month)
        )

    def _rule(self, rule: Rule) -> exp.Expr:
        translator = self._translator()
        return all_of([translator.visit(criterion) for criterion in rule.criteria.values()])

    def _predicate(self, rule: Rule) -> exp.Expr:
        translator = SqlTranslator(self.dialect, self._raw_field, self._inline_codes)
        return all_of([translator.visit(criterion) for criterion in rule.criteria.values()])

    def _inline_codes(self, atom: CodeAtom) -> exp.Expr:
        child = self.binding.child(atom.code_field)
        if child:
            raise DialectError(
                f"the layout {self.binding.layout.name} keeps codes in a second table: use --shape flags or view."
            )
        raw = [self._raw_column(column) for column in self.binding.code_columns(atom.code_field)]
        codes = code_text(raw, self.dialect, needs_order(atom))
        comparisons = prod(len(like_patterns(named.codes, self.dialect)) for named in lists_named(atom))
        size = len(self._print(codes)) * comparisons
        if size > _LONGEST_PREDICATE:
            raise DialectError(
                f"{verdict_name(atom)} would make a predicate of some {size:,} characters, as each code is asked of "
                "the columns anew: use --shape flags or view."
            )
        return text_condition(atom, codes, self.dialect)
