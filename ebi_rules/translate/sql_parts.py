"""The small parts of SQL, as trees: literals, conditions that are never unknown, and days."""

from collections.abc import Sequence
from functools import reduce

from sqlglot import exp

from ebi_rules.translate.dialects.dialect import Dialect

NOTHING = " "
"""The text used for a missing one: a blank, which no value contains once blanks are removed."""

_MOST_OPERANDS = 20
"""The most operands in one chain. More are grouped, to stay within the depth limit of every parser."""


def all_of(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Join conditions by AND, with parentheses around those joined by OR."""
    return _join(exp.And, [_in_parentheses(condition, exp.Or) for condition in conditions])


def any_of(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Join conditions by OR, with parentheses around those joined by AND."""
    return _join(exp.Or, [_in_parentheses(condition, exp.And) for condition in conditions])


def _join(connective: type[exp.Connector], conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Join conditions in one chain or, where they are many, in groups of groups."""
    operands = list(conditions)
    while len(operands) > _MOST_OPERANDS:
        groups = [operands[start : start + _MOST_OPERANDS] for start in range(0, len(operands), _MOST_OPERANDS)]
        operands = [exp.Paren(this=_chain(connective, group)) if len(group) > 1 else group[0] for group in groups]
    return _chain(connective, operands)


def _chain(connective: type[exp.Connector], operands: Sequence[exp.Expr]) -> exp.Expr:
    return reduce(lambda left, right: connective(this=left, expression=right), operands)


def _in_parentheses(condition: exp.Expr, kind: type[exp.Expr]) -> exp.Expr:
    return exp.Paren(this=condition) if isinstance(condition, kind) else condition


def negate(condition: exp.Expr) -> exp.Expr:
    """Return the opposite of a condition, which must never be unknown."""
    if isinstance(condition, exp.Connector | exp.Not):
        condition = exp.Paren(this=condition)
    return exp.Not(this=condition)


def as_number(condition: exp.Expr) -> exp.Expr:
    """Return 1 where a condition holds and 0 elsewhere, for dialects without truth values."""
    return exp.Case(ifs=[exp.If(this=condition, true=number(1))], default=number(0))


def coalesce(value: exp.Expr, otherwise: exp.Expr) -> exp.Expr:
    """Return `value`, or `otherwise` where it is null, without nesting one COALESCE in another."""
    if isinstance(value, exp.Coalesce):
        return exp.Coalesce(this=value.this, expressions=[*value.expressions, otherwise])
    return exp.Coalesce(this=value, expressions=[otherwise])


def concat(parts: Sequence[exp.Expr], dialect: Dialect) -> exp.Expr:
    """Join texts that are never null."""
    if dialect.concat_with_pipes:
        return reduce(lambda left, right: exp.DPipe(this=left, expression=right, safe=False), parts)
    return exp.Concat(expressions=list(parts), safe=False, coalesce=False)


def like(column: exp.Expr, pattern: str) -> exp.Expr:
    """Return the condition that a text matches a LIKE pattern."""
    return exp.Like(this=column.copy(), expression=text(pattern))


def number(value: int) -> exp.Expr:
    """Return a number as a literal."""
    return exp.Literal.number(value)


def replace(value: exp.Expr, old: str, new: str) -> exp.Expr:
    """Return a text with every `old` replaced by `new`."""
    return exp.Replace(this=value, expression=text(old), replacement=text(new))


def text(value: str) -> exp.Expr:
    """Return a text as a literal."""
    return exp.Literal.string(value)


def as_day(value: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return the day of a date, or of a date with a time."""
    if dialect.dates_have_time:
        return exp.Trunc(this=value)
    return exp.cast(value, "date") if dialect.extract else exp.TsOrDsToDate(this=value)


def days_later(day: exp.Expr, days: int, dialect: Dialect) -> exp.Expr:
    """Return the day that is `days` after another, or before it where `days` is negative."""
    if days == 0:
        return day
    if dialect.day_numbers:
        return (exp.Add if days > 0 else exp.Sub)(this=day, expression=number(abs(days)))
    interval = number(days) if days > 0 else exp.Neg(this=number(-days))
    return exp.DateAdd(this=day, expression=interval, unit=exp.var("DAY"))


def days_between(first: exp.Expr, second: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return how many days the second day is after the first."""
    if dialect.day_numbers:
        return exp.Sub(this=second, expression=first)
    return exp.DateDiff(this=second, expression=first, unit=exp.var("DAY"))
