"""Criteria as sqlglot trees, built from the few nodes that mean the same in every dialect.

Every atom is made so that it is true or false, never unknown: columns that may be null stand in COALESCE.
Codes are asked for by plain LIKE over text in one normal form. Whole statements are made in `statements`.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import groupby, product

from sqlglot import exp

from ebi_rules._support.errors import DialectError
from ebi_rules.criteria.fields import BABY_AGES, FIELDS, MISSING_TEXTS, Kind, raw_spellings
from ebi_rules.criteria.nodes import (
    And,
    Between,
    CodeAtom,
    Compare,
    FollowedBy,
    HasCode,
    In,
    IsNull,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
)
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.visitor import Visitor
from opcs_icd import CodeList

_MOST_OPERANDS = 20
"""How many operands stand side by side; more are grouped, so that no parser's depth limit is met."""

_MOST_PAIRS = 2_500
"""How many pairs of codes a statement may compare to find one followed by the other."""

_NOTHING = " "
"""What stands for a missing text: one blank, which no value holds once blanks are removed."""

_ORDERED_OPEN, _ORDERED_CLOSE = ",", "|"


class SqlTranslator(Visitor[exp.Expr]):
    """Turn criteria into conditions that are never unknown.

    `field` gives the raw column of a canonical field, `codes` the condition of a code atom.
    """

    def __init__(
        self,
        dialect: Dialect,
        field: Callable[[str], exp.Expr],
        codes: Callable[[CodeAtom], exp.Expr],
    ) -> None:
        self.dialect = dialect
        self.field = field
        self.codes = codes

    def visit_and(self, node: And) -> exp.Expr:
        return all_of([self.visit(operand) for operand in node.operands])

    def visit_between(self, node: Between) -> exp.Expr:
        return self._number(
            node.field,
            lambda value: node.low <= value <= node.high,
            lambda column: exp.Between(this=column, low=number(node.low), high=number(node.high)),
            outside=node.low - 1,
        )

    def visit_compare(self, node: Compare) -> exp.Expr:
        if isinstance(node.value, str):
            return self._text_in(node.field, [node.value])
        bound = node.value
        holds, comparison, outside = {
            "=": (lambda value: value == bound, exp.EQ, bound - 1),
            "<": (lambda value: value < bound, exp.LT, bound),
            "<=": (lambda value: value <= bound, exp.LTE, bound + 1),
            ">": (lambda value: value > bound, exp.GT, bound),
            ">=": (lambda value: value >= bound, exp.GTE, bound - 1),
        }[node.operator]
        return self._number(
            node.field, holds, lambda column: comparison(this=column, expression=number(bound)), outside
        )

    def visit_followed_by(self, node: FollowedBy) -> exp.Expr:
        return self.codes(node)

    def visit_has_code(self, node: HasCode) -> exp.Expr:
        return self.codes(node)

    def visit_in(self, node: In) -> exp.Expr:
        numbers = [value for value in node.values if isinstance(value, int)]
        if not numbers:
            return self._text_in(node.field, [str(value) for value in node.values])
        return self._number(
            node.field,
            lambda value: value in numbers,
            lambda column: exp.In(this=column, expressions=[number(value) for value in numbers]),
            outside=min(numbers) - 1,
        )

    def visit_is_null(self, node: IsNull) -> exp.Expr:
        return self.is_missing(node.field)

    def visit_not(self, node: Not) -> exp.Expr:
        return negate(self.visit(node.operand))

    def visit_or(self, node: Or) -> exp.Expr:
        return any_of([self.visit(operand) for operand in node.operands])

    def visit_recorded(self, node: Recorded) -> exp.Expr:
        return self.codes(node)

    def visit_starts_with(self, node: StartsWith) -> exp.Expr:
        column = coalesce(self._cased(node.field, [node.prefix]), text(_NOTHING))
        found = any_of([like(column, pattern) for pattern in _raw_patterns(node.prefix, FIELDS[node.field].width)])
        if node.prefix[0] not in "0N":
            return found
        return all_of([found, negate(self.visit_is_null(IsNull(node.field)))])

    def is_missing(self, field: str) -> exp.Expr:
        """Ask whether a field, tested or not, has no value."""
        if FIELDS[field].kind is Kind.NUMBER:
            return exp.Is(this=self.field(field), expression=exp.Null())
        return self._is_one_of(exp.Upper(this=self._bare(field)), self._missing_texts())

    def _number(
        self,
        field: str,
        holds: Callable[[int], bool],
        condition: Callable[[exp.Expr], exp.Expr],
        outside: int,
    ) -> exp.Expr:
        """Ask a condition of a number that is never null; for an age, count HES's babies as 0.

        `outside` is a number for which the condition does not hold: -1, 9999 or, if need be, this stands
        for a missing one.
        """
        missing = next(value for value in (-1, 9999, outside) if not holds(value))
        column = coalesce(self.field(field), number(missing))
        asked = condition(column)
        if field != "age":
            return asked
        babies = exp.Between(this=column.copy(), low=number(BABY_AGES.start), high=number(BABY_AGES.stop - 1))
        if holds(0) and not all(map(holds, BABY_AGES)):
            return any_of([asked, babies])
        if not holds(0) and any(map(holds, BABY_AGES)):
            return all_of([asked, negate(babies)])
        return asked

    def _text_in(self, field: str, values: Iterable[str]) -> exp.Expr:
        spellings = [raw for value in values for raw in raw_spellings(FIELDS[field], value)]
        return self._is_one_of(self._cased(field, spellings), spellings)

    def _is_one_of(self, column: exp.Expr, texts: Sequence[str]) -> exp.Expr:
        never_null = coalesce(column, text(_NOTHING))
        if len(texts) == 1:
            return exp.EQ(this=never_null, expression=text(texts[0]))
        return exp.In(this=never_null, expressions=[text(value) for value in texts])

    def _missing_texts(self) -> list[str]:
        return [_NOTHING, *(value for value in MISSING_TEXTS if value or not self.dialect.empty_is_null)]

    def _cased(self, field: str, values: Iterable[str]) -> exp.Expr:
        """Give the column in capitals, unless the values it is compared with have no letters."""
        bare = self._bare(field)
        return bare if all(value.isdigit() for value in values) else exp.Upper(this=bare)

    def _bare(self, field: str) -> exp.Expr:
        return replace(self.field(field), " ", "")


def text_condition(atom: CodeAtom, column: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Give a code atom's condition over a text that `code_text` made, in order if the atom needs it."""
    open_ = _ORDERED_OPEN
    match atom:
        case FollowedBy(first, second):
            pairs = list(product(like_patterns(first.codes, dialect), like_patterns(second.codes, dialect)))
            if len(pairs) > _MOST_PAIRS:
                raise DialectError(
                    f"{first.name} followed by {second.name} would take {len(pairs):,} comparisons over one text: "
                    "use a layout with child tables, or the Polars engine."
                )
            return any_of([like(column, f"%{open_}{before}%{open_}{after}%") for before, after in pairs])
        case HasCode(codes, Position.ANY):
            return any_of([like(column, f"%{open_}{code}%") for code in like_patterns(codes.codes, dialect)])
        case HasCode(codes, Position.PRIMARY | Position.SPELL):
            return any_of([like(column, f"{open_}{code}%") for code in like_patterns(codes.codes, dialect)])
        case HasCode(codes, Position.SECONDARY):
            return any_of([like(column, f"_%{open_}{code}%") for code in like_patterns(codes.codes, dialect)])
        case Recorded():
            return like(column, f"{open_}%")
    assert False, f"Unhandled node: {atom}"


def needs_order(atom: CodeAtom) -> bool:
    """Whether an atom asks which codes are there at all, or first: then cells without code must go."""
    return isinstance(atom, Recorded) or (isinstance(atom, HasCode) and atom.position is not Position.ANY)


def code_text(columns: Sequence[exp.Expr], dialect: Dialect, ordered: bool) -> exp.Expr:
    """Give the codes of some columns as one text in normal form, with a comma before every code.

    With `ordered` a bar stands behind every code, and what is no code is taken out, so that the first code
    stands first: `||U05.4 ,NULL,z665` becomes `,U054|,Z665|`.
    """
    joined = coalesce(columns[0], text("")) if len(columns) == 1 else raw_text(columns, dialect)
    bare: exp.Expr = replace(exp.Upper(this=joined), ".", "")
    if not ordered:
        for separator in ("|", ";", " "):
            bare = replace(bare, separator, ",")
        return concat([text(","), bare], dialect)
    for separator in (",", "|", ";"):
        bare = replace(bare, separator, " ")
    wrapped = concat(
        [text(_ORDERED_OPEN), replace(bare, " ", _ORDERED_CLOSE + _ORDERED_OPEN), text(_ORDERED_CLOSE)], dialect
    )
    for filler in ("", "NULL", "-", "&"):
        wrapped = replace(wrapped, _ORDERED_OPEN + filler + _ORDERED_CLOSE, "")
    return coalesce(wrapped, text(_NOTHING)) if dialect.empty_is_null else wrapped


def raw_text(columns: Sequence[exp.Expr], dialect: Dialect) -> exp.Expr:
    """Give the codes of some columns as one text, as they stand: a column itself, several with commas between."""
    if len(columns) == 1:
        return columns[0]
    cells = [coalesce(column, text("")) for column in columns]
    return concat([part for cell in cells for part in (text(","), cell)][1:], dialect)


def single_code(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Give a column that holds one code a row in normal form; never null."""
    bare = replace(replace(exp.Upper(this=column), ".", ""), " ", "")
    return coalesce(bare, text(_NOTHING))


def is_code(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Ask whether a text that `single_code` made is a code at all."""
    nothing = [_NOTHING, *(value for value in ("", "NULL", "-", "&") if value or not dialect.empty_is_null)]
    return negate(exp.In(this=column, expressions=[text(value) for value in nothing]))


def like_patterns(codes: CodeList, dialect: Dialect) -> list[str]:
    """Give LIKE patterns, without a wildcard, that match the beginnings of the codes in a list.

    Where LIKE knows classes of characters they are used: U05[45], C[0-9][0-9].
    """
    if not dialect.like_classes:
        return list(codes.prefixes)
    categories = [prefix for prefix in codes.prefixes if len(prefix) == 3]
    tens = [
        (stem, _class(prefix[2] for prefix in group))
        for stem, group in groupby(categories, key=lambda prefix: prefix[:2])
    ]
    patterns = []
    for (letter, units), stems in groupby(tens, key=lambda ten: (ten[0][0], ten[1])):
        patterns.append(letter + _class(stem[1] for stem, _ in stems) + units)
    longer = [prefix for prefix in codes.prefixes if len(prefix) > 3]
    for parent, children in groupby(longer, key=lambda prefix: prefix[:-1]):
        patterns.append(parent + _class(child[-1] for child in children))
    return patterns


def _class(characters: Iterable[str]) -> str:
    """Write digits as one element of a pattern: 4, [45] or [0-9]."""
    digits = "".join(characters)
    if len(digits) == 1:
        return digits
    in_a_row = "".join(map(str, range(int(digits[0]), int(digits[-1]) + 1)))
    return f"[{digits[0]}-{digits[-1]}]" if len(digits) > 2 and digits == in_a_row else f"[{digits}]"


def _raw_patterns(prefix: str, width: int | None) -> list[str]:
    """Give LIKE patterns of the raw texts whose code, filled with zeros to `width`, begins with `prefix`."""
    if not width:
        return [f"{prefix}%"]
    patterns = [prefix + "_" * (width - len(prefix)) + "%"]
    for length in range(1, width):
        zeros = "0" * (width - length)
        if zeros.startswith(prefix):
            patterns.append("_" * length)
        elif prefix.startswith(zeros):
            rest = prefix[len(zeros) :]
            patterns.append(rest + "_" * (length - len(rest)))
    return patterns


def all_of(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Join conditions by AND, alternatives inside in parentheses."""
    return _join(exp.And, [_in_parentheses(condition, exp.Or) for condition in conditions])


def any_of(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Join conditions by OR, conjunctions inside in parentheses."""
    return _join(exp.Or, [_in_parentheses(condition, exp.And) for condition in conditions])


def _join(connective: type[exp.Connector], conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Join conditions side by side, or in groups of groups where they are many."""
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
    """Give the opposite; the condition must never be unknown."""
    if isinstance(condition, exp.Connector | exp.Not):
        condition = exp.Paren(this=condition)
    return exp.Not(this=condition)


def as_number(condition: exp.Expr) -> exp.Expr:
    """Give 1 where a condition holds and 0 elsewhere, for dialects without truth values."""
    return exp.Case(ifs=[exp.If(this=condition, true=number(1))], default=number(0))


def coalesce(value: exp.Expr, otherwise: exp.Expr) -> exp.Expr:
    """Give `value`, or `otherwise` where it is null; a COALESCE inside is widened, not nested."""
    if isinstance(value, exp.Coalesce):
        return exp.Coalesce(this=value.this, expressions=[*value.expressions, otherwise])
    return exp.Coalesce(this=value, expressions=[otherwise])


def concat(parts: Sequence[exp.Expr], dialect: Dialect) -> exp.Expr:
    """Join texts, none of them null."""
    if dialect.concat_with_pipes:
        return reduce(lambda left, right: exp.DPipe(this=left, expression=right, safe=False), parts)
    return exp.Concat(expressions=list(parts), safe=False, coalesce=False)


def like(column: exp.Expr, pattern: str) -> exp.Expr:
    """Ask whether a text looks like a pattern."""
    return exp.Like(this=column.copy(), expression=text(pattern))


def number(value: int) -> exp.Expr:
    """Give a number as a literal."""
    return exp.Literal.number(value)


def replace(value: exp.Expr, old: str, new: str) -> exp.Expr:
    """Put one text in place of another."""
    return exp.Replace(this=value, expression=text(old), replacement=text(new))


def text(value: str) -> exp.Expr:
    """Give a text as a literal."""
    return exp.Literal.string(value)


def as_day(value: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Give the day of a date or of a moment."""
    if dialect.dates_have_time:
        return exp.Trunc(this=value)
    return exp.cast(value, "date") if dialect.extract else exp.TsOrDsToDate(this=value)


def days_later(day: exp.Expr, days: int, dialect: Dialect) -> exp.Expr:
    """Give the day that is some days after another, or before it where `days` is below 0."""
    if days == 0:
        return day
    if dialect.day_numbers:
        return (exp.Add if days > 0 else exp.Sub)(this=day, expression=number(abs(days)))
    away = number(days) if days > 0 else exp.Neg(this=number(-days))
    return exp.DateAdd(this=day, expression=away, unit=exp.var("DAY"))


def days_between(first: exp.Expr, second: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Give how many days the second day is after the first."""
    if dialect.day_numbers:
        return exp.Sub(this=second, expression=first)
    return exp.DateDiff(this=second, expression=first, unit=exp.var("DAY"))
