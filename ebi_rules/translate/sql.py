"""Turn criteria into sqlglot trees, from the few nodes that mean the same in every dialect.

Every condition is true or false, never unknown: columns that may be null are inside COALESCE. Codes are found by plain
LIKE over text in one normal form. Whole statements are built in `statements`.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import groupby, product

from sqlglot import exp

from ebi_rules._support.errors import DialectError
from ebi_rules.criteria.fields import BABY_AGES, DECIMAL, FIELDS, Kind, raw_spellings
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
    lists_named,
)
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.dialects.printing import from_template, function
from ebi_rules.translate.visitor import Visitor
from opcs_icd import MISSING_TEXTS, SEPARATORS, WHITE_SPACE, CodeList

_MOST_OPERANDS = 20
"""The most operands in one chain. More are grouped, to stay within the depth limit of every parser."""

_MOST_PAIRS = 2_500
"""The most pairs of codes that one condition may compare to find one followed by the other."""

_NOTHING = " "
"""The text used for a missing one: a blank, which no value contains once blanks are removed."""

_ORDERED_OPEN, _ORDERED_CLOSE = ",", "|"


class SqlTranslator(Visitor[exp.Expr]):
    """Turn criteria into conditions that are never unknown.

    Args:
        dialect: The dialect.
        field: Return the raw column of a canonical field.
        codes: Return the condition of a code atom.
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
        patterns = _raw_patterns(node.prefix, FIELDS[node.field].width)
        decimals = [f"{pattern}{DECIMAL}" for pattern in patterns if not pattern.endswith("%")]
        begins = any_of([like(column, pattern) for pattern in (*patterns, *decimals)])
        if node.prefix[0] not in "0N":
            return begins
        return all_of([begins, negate(self.visit_is_null(IsNull(node.field)))])

    def is_missing(self, field: str) -> exp.Expr:
        """Return the condition that a field has no value."""
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
        """Return a condition on a number, false for a missing one. HES's codes for babies count as age 0.

        Args:
            field: The canonical field.
            holds: Return whether the condition holds for a number.
            condition: Return the condition on a column that is never null.
            outside: A number for which the condition does not hold, to replace a missing one if -1 and 9999 cannot.
        """
        missing = next(value for value in (-1, 9999, outside) if not holds(value))
        column = coalesce(self.field(field), number(missing))
        tested = condition(column)
        if field != "age":
            return tested
        babies = exp.Between(this=column.copy(), low=number(BABY_AGES.start), high=number(BABY_AGES.stop - 1))
        if holds(0) and not all(map(holds, BABY_AGES)):
            return any_of([tested, babies])
        if not holds(0) and any(map(holds, BABY_AGES)):
            return all_of([tested, negate(babies)])
        return tested

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
        """Return the column in capitals, or as it is where the values to compare have no letters."""
        bare = self._bare(field)
        return bare if all(value.isdigit() for value in values) else exp.Upper(this=bare)

    def _bare(self, field: str) -> exp.Expr:
        return without_white_space(self.field(field), self.dialect)


def text_condition(atom: CodeAtom, column: exp.Expr, dialect: Dialect, binding: Binding) -> exp.Expr:
    """Return the condition of a code atom over a text from `code_text`, which must be ordered if `needs_order`.

    Args:
        atom: The atom.
        column: The text.
        dialect: The dialect.
        binding: The layout, which says what stands for no code.

    Raises:
        DialectError: Too many pairs of codes would have to be compared.
    """
    condition = _text_condition(atom, column, dialect)
    lone = [code for code in binding.lone_fillers(atom.code_field) if _can_be_met_by(atom, code)]
    if not lone:
        return condition
    only = exp.In(this=column.copy(), expressions=[text(f"{_ORDERED_OPEN}{code}{_ORDERED_CLOSE}") for code in lone])
    return all_of([condition, negate(only)])


def _text_condition(atom: CodeAtom, column: exp.Expr, dialect: Dialect) -> exp.Expr:
    start = _ORDERED_OPEN
    match atom:
        case FollowedBy(first, second):
            pairs = list(product(like_patterns(first.codes, dialect), like_patterns(second.codes, dialect)))
            if len(pairs) > _MOST_PAIRS:
                raise DialectError(
                    f"{first.name} followed by {second.name} requires {len(pairs):,} comparisons over one text: "
                    "use a layout with child tables, or the Polars engine."
                )
            return any_of([like(column, f"%{start}{before}%{start}{after}%") for before, after in pairs])
        case HasCode(codes, Position.ANY):
            return any_of([like(column, f"%{start}{code}%") for code in like_patterns(codes.codes, dialect)])
        case HasCode(codes, Position.PRIMARY | Position.SPELL):
            return any_of([like(column, f"{start}{code}%") for code in like_patterns(codes.codes, dialect)])
        case HasCode(codes, Position.SECONDARY):
            return any_of([like(column, f"_%{start}{code}%") for code in like_patterns(codes.codes, dialect)])
        case Recorded():
            return like(column, f"{start}%")
    assert False, f"Unhandled node: {atom}"


def needs_order(atom: CodeAtom, binding: Binding) -> bool:
    """Return whether an atom depends on positions, on any code at all, or may be met by what stands for no code."""
    if isinstance(atom, Recorded) or (isinstance(atom, HasCode) and atom.position is not Position.ANY):
        return True
    fillers = (*binding.not_codes(atom.code_field), *binding.lone_fillers(atom.code_field))
    return any(_can_be_met_by(atom, filler) for filler in fillers)


def _can_be_met_by(atom: CodeAtom, code: str) -> bool:
    """Return whether a code alone can meet an atom."""
    if isinstance(atom, Recorded):
        return True
    return any(code.startswith(tuple(named.codes.prefixes)) for named in lists_named(atom))


def code_text(
    columns: Sequence[exp.Expr], dialect: Dialect, ordered: bool, binding: Binding, code_field: str
) -> exp.Expr:
    """Return all codes in some columns as one text in normal form, with a comma before every code.

    With `ordered` there is also a bar after every code, and only codes remain, so that the first code comes first:
    `||U05.4 ,NULL,z665` becomes `,U054|,Z665|`.

    Args:
        columns: The columns.
        dialect: The dialect.
        ordered: Whether only codes remain, each between a comma and a bar.
        binding: The layout, which says what stands for no code.
        code_field: The field of the codes.
    """
    if ordered:
        return without_fillers(separated_text(columns, dialect), dialect, binding, code_field)
    separators = [separator for separator in SEPARATORS if separator != ","]
    return concat([text(","), replace_each(_bare_codes(columns, dialect), separators, ",", dialect)], dialect)


def separated_text(columns: Sequence[exp.Expr], dialect: Dialect) -> exp.Expr:
    """Return all codes in some columns as one text, each between a comma and a bar: `,U054|,|,NULL|,Z665|`."""
    separators = [separator for separator in SEPARATORS if separator != " "]
    bare = replace_each(_bare_codes(columns, dialect), separators, " ", dialect)
    between = replace(bare, " ", _ORDERED_CLOSE + _ORDERED_OPEN)
    return concat([text(_ORDERED_OPEN), between, text(_ORDERED_CLOSE)], dialect)


def without_fillers(separated: exp.Expr, dialect: Dialect, binding: Binding, code_field: str) -> exp.Expr:
    """Return a text from `separated_text` with codes only: `,U054|,Z665|`."""
    for filler in binding.not_codes(code_field):
        separated = replace(separated, _ORDERED_OPEN + filler + _ORDERED_CLOSE, "")
    return coalesce(separated, text(_NOTHING)) if dialect.empty_is_null else separated


def _bare_codes(columns: Sequence[exp.Expr], dialect: Dialect) -> exp.Expr:
    cells = [as_text(column, dialect) for column in columns]
    joined = coalesce(cells[0], text("")) if len(cells) == 1 else raw_text(cells, dialect)
    return replace(exp.Upper(this=joined), ".", "")


def raw_text(columns: Sequence[exp.Expr], dialect: Dialect) -> exp.Expr:
    """Return the raw codes in some columns as one text: a single column as it is, several joined by commas."""
    if len(columns) == 1:
        return columns[0]
    cells = [coalesce(column, text("")) for column in columns]
    return concat([part for cell in cells for part in (text(","), cell)][1:], dialect)


def single_code(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return a column with one code per row in normal form, never null."""
    bare = replace(exp.Upper(this=as_text(column, dialect)), ".", "")
    quotes = [character for character in SEPARATORS if character in "\"'"]
    without = replace(replace_each(bare, [*quotes, *WHITE_SPACE[1:]], " ", dialect), " ", "")
    return coalesce(without, text(_NOTHING))


def is_code(column: exp.Expr, dialect: Dialect, not_codes: Sequence[str]) -> exp.Expr:
    """Return the condition that a text from `single_code` is a code.

    Args:
        column: The text.
        dialect: The dialect.
        not_codes: What stands for no code (`Binding.not_codes`).
    """
    nothing = [_NOTHING, *(value for value in not_codes if value or not dialect.empty_is_null)]
    return negate(exp.In(this=column, expressions=[text(value) for value in nothing]))


def as_text(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return a column of codes as text, whatever its type."""
    return exp.cast(column, dialect.text_type, dialect=dialect.sqlglot) if dialect.text_type else column


def as_whole_number(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return a column as a number, whatever its type; NULL where it is none."""
    return from_template(dialect.number, without_white_space(as_text(column, dialect), dialect), dialect)


def without_white_space(value: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return a text without blanks and other white space."""
    return replace(replace_each(value, list(WHITE_SPACE[1:]), " ", dialect), " ", "")


def replace_each(value: exp.Expr, characters: Sequence[str], new: str, dialect: Dialect) -> exp.Expr:
    """Return a text with each of several characters replaced by one other."""
    if dialect.translate:
        old = concat([_character(character, dialect) for character in characters], dialect)
        return function("TRANSLATE", [value, old, text(new * len(characters))])
    for character in characters:
        value = exp.Replace(this=value, expression=_character(character, dialect), replacement=text(new))
    return value


def _character(character: str, dialect: Dialect) -> exp.Expr:
    """Return a character as a literal or, where nobody could see it, by its number."""
    if (character.isprintable() and character.isascii()) or not dialect.character:
        return text(character)
    return function(dialect.character, [number(ord(character))])


def like_patterns(codes: CodeList, dialect: Dialect) -> list[str]:
    """Return LIKE patterns, without wildcards, for the beginnings of the codes in a list.

    They have classes of characters, such as U05[45] and C[0-9][0-9], where the dialect's LIKE supports them.
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
    """Return digits as one element of a pattern: 4, [45] or [0-9]."""
    digits = "".join(characters)
    if len(digits) == 1:
        return digits
    all_between = "".join(map(str, range(int(digits[0]), int(digits[-1]) + 1)))
    return f"[{digits[0]}-{digits[-1]}]" if len(digits) > 2 and digits == all_between else f"[{digits}]"


def _raw_patterns(prefix: str, width: int | None) -> list[str]:
    """Return LIKE patterns for the raw texts whose code, filled with zeros to `width`, begins with `prefix`."""
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
