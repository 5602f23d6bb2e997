"""Turn criteria into sqlglot trees, from the few nodes that mean the same in every dialect.

Every condition is true or false, never unknown: columns that may be null are inside COALESCE. Codes are found by plain
LIKE over text in one normal form or, where there are many and the dialect's file says how, by a regular expression of
classes and alternatives. Whole statements are built in `statements`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, product
from math import prod

from sqlglot import exp

from ebi_rules._support.errors import DialectError
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import (
    And,
    Between,
    CodeAtom,
    Compare,
    FollowedBy,
    HasCode,
    In,
    InList,
    IsNull,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
    lists_named,
)
from ebi_rules.criteria.normal_values import BABY_AGES, DECIMAL, raw_spellings
from ebi_rules.criteria.value_patterns import DIGIT, OTHER, ValuePattern
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.dialects.printing import from_template
from ebi_rules.translate.sql_parts import NOTHING, all_of, any_of, coalesce, like, negate, number, text
from ebi_rules.translate.sql_values import ORDERED_CLOSE, ORDERED_OPEN, replace_each, search, without_white_space
from ebi_rules.translate.visitor import Visitor
from opcs_icd import MISSING_TEXTS, CodeList

_MOST_PAIRS = 2_500
"""The most pairs of codes that one condition may compare to find one followed by the other."""
_FEW_LIKES = 4
"""So few codes are compared by LIKE, also where more are searched for at once."""
_LONGEST_GROUP = 72
_ANYTHING = "[^ ]"
"""Any character of a text in normal form, in which blanks have become commas: a dot would leave line ends out."""
_SEARCHED = {"": "^", ",": "^,", "%,": ",", "_%,": f"{_ANYTHING},"}
"""Regular expressions for what LIKE patterns say before a code."""


class SqlTranslator(Visitor[exp.Expr]):
    """Turn criteria into conditions that are never unknown.

    Args:
        dialect: The dialect.
        field: Return the raw column of a canonical field.
        codes: Return the condition of a code atom.
        listed: Return the condition that an imaging code is in a list; by default that of the code itself.
        is_normal: Return whether the column of a field is in normal form already.
    """

    def __init__(
        self,
        dialect: Dialect,
        field: Callable[[str], exp.Expr],
        codes: Callable[[CodeAtom], exp.Expr],
        listed: Callable[[InList], exp.Expr] | None = None,
        is_normal: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.dialect = dialect
        self.field = field
        self.codes = codes
        self.listed = listed
        self.is_normal = is_normal

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

    def visit_in_list(self, node: InList) -> exp.Expr:
        return self.listed(node) if self.listed else self._text_in(node.field, node.values)

    def visit_is_null(self, node: IsNull) -> exp.Expr:
        return self.is_missing(node.field)

    def visit_not(self, node: Not) -> exp.Expr:
        return negate(self.visit(node.operand))

    def visit_or(self, node: Or) -> exp.Expr:
        return any_of([self.visit(operand) for operand in node.operands])

    def visit_recorded(self, node: Recorded) -> exp.Expr:
        return self.codes(node)

    def visit_starts_with(self, node: StartsWith) -> exp.Expr:
        column = coalesce(self._cased(node.field, [node.prefix]), text(NOTHING))
        patterns = _raw_patterns(node.prefix, FIELDS[node.field].width)
        decimals = [f"{pattern}{DECIMAL}" for pattern in patterns if not pattern.endswith("%")]
        begins = any_of([like(column, pattern) for pattern in (*patterns, *decimals)])
        if node.prefix[0] not in "0N":
            return begins
        return all_of([begins, negate(self.visit_is_null(IsNull(node.field)))])

    def fits_any(self, field: str, patterns: Iterable[ValuePattern]) -> exp.Expr:
        """Return the condition that a coded field has one of some patterns, by its text with every digit as 9."""
        patterns = list(patterns)
        column = self._normal(field)
        digits = [character for character in "0123456789" if character != DIGIT]
        shape = coalesce(replace_each(column, digits, DIGIT, self.dialect), text(NOTHING))
        literals = [each.text for each in patterns if each.is_literal]
        shapes = [each for pattern in patterns if not pattern.is_literal for each in pattern.shapes()]
        plain = [each for each in shapes if OTHER not in each]
        conditions = [self._is_one_of(column.copy(), literals)] if literals else []
        conditions += [self._is_one_of(shape.copy(), plain)] if plain else []
        for each in shapes:
            if OTHER in each:
                others = [place for place, character in enumerate(each) if character == OTHER]
                is_digit = [like(shape, each[:place] + DIGIT + each[place + 1 :]) for place in others]
                conditions.append(all_of([like(shape, each), *(negate(condition) for condition in is_digit)]))
        return any_of(conditions)

    def is_missing(self, field: str) -> exp.Expr:
        """Return the condition that a field has no value."""
        if FIELDS[field].kind is Kind.NUMBER:
            return exp.Is(this=self.field(field), expression=exp.Null())
        return self._is_one_of(self._normal(field), self._missing_texts())

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
        never_null = coalesce(column, text(NOTHING))
        if len(texts) == 1:
            return exp.EQ(this=never_null, expression=text(texts[0]))
        return exp.In(this=never_null, expressions=[text(value) for value in texts])

    def _missing_texts(self) -> list[str]:
        return [NOTHING, *(value for value in MISSING_TEXTS if value or not self.dialect.empty_is_null)]

    def _cased(self, field: str, values: Iterable[str]) -> exp.Expr:
        """Return the column in capitals, or as it is where the values to compare have no letters."""
        if self.is_normal(field) or not all(value.isdigit() for value in values):
            return self._normal(field)
        return without_white_space(self.field(field), self.dialect)

    def _normal(self, field: str) -> exp.Expr:
        """Return the column in capitals and without white space."""
        column = self.field(field)
        return column if self.is_normal(field) else exp.Upper(this=without_white_space(column, self.dialect))


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
    only = exp.In(this=column.copy(), expressions=[text(f"{ORDERED_OPEN}{code}{ORDERED_CLOSE}") for code in lone])
    return all_of([condition, negate(only)])


def _text_condition(atom: CodeAtom, column: exp.Expr, dialect: Dialect) -> exp.Expr:
    start = ORDERED_OPEN
    match atom:
        case FollowedBy(first, second):
            if dialect.search:
                between = f"{_ANYTHING}*{start}"
                return search(column, f"{start}{_one_of(first.codes)}{between}{_one_of(second.codes)}", dialect)
            pairs = list(product(like_patterns(first.codes, dialect), like_patterns(second.codes, dialect)))
            if len(pairs) > _MOST_PAIRS:
                raise DialectError(
                    f"{first.name} followed by {second.name} requires {len(pairs):,} comparisons over one text: "
                    "use a layout with child tables, or the Polars engine."
                )
            return any_of([like(column, f"%{start}{before}%{start}{after}%") for before, after in pairs])
        case HasCode(codes, Position.ANY):
            return has_any(column, codes.codes, f"%{start}", dialect)
        case HasCode(codes, Position.PRIMARY | Position.SPELL):
            return has_any(column, codes.codes, start, dialect)
        case HasCode(codes, Position.SECONDARY):
            return has_any(column, codes.codes, f"_%{start}", dialect)
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


def has_any(column: exp.Expr, codes: CodeList, before: str, dialect: Dialect) -> exp.Expr:
    """Return the condition that a text has a code of a list after something.

    A few codes are compared by LIKE, which everybody reads; more are searched for at once where the dialect can.

    Args:
        column: The text, in normal form.
        codes: The list.
        before: A LIKE pattern of what stands before the code: nothing, a comma, `%,` or `_%,`.
        dialect: The dialect.
    """
    likes = like_patterns(codes, dialect)
    if len(likes) <= _FEW_LIKES or not (dialect.search or dialect.glob):
        return any_of([like(column, f"{before}{code}%") for code in likes])
    patterns = class_patterns(codes)
    if dialect.search:
        return any_of([search(column, _SEARCHED[before] + group, dialect) for group in _in_groups(patterns)])
    globs = [before.replace("%", "*").replace("_", "?") + pattern for pattern in patterns]
    return any_of([from_template(f"{{}} GLOB '{pattern}*'", column.copy(), dialect) for pattern in globs])


def count_comparisons(atom: CodeAtom, dialect: Dialect) -> int:
    """Return how many times a text is compared to decide a code atom."""
    lists = [named.codes for named in lists_named(atom)]
    if dialect.search:
        searches = [len(list(_in_groups(class_patterns(codes)))) for codes in lists]
        return 1 if isinstance(atom, FollowedBy) else sum(searches)
    return prod(len(like_patterns(codes, dialect)) for codes in lists)


def _one_of(codes: CodeList) -> str:
    """Return a list of codes as one group of a regular expression."""
    return "(" + "|".join(class_patterns(codes)) + ")"


def _in_groups(patterns: Sequence[str]) -> Iterator[str]:
    """Yield patterns as groups of alternatives that are not too long for a line."""
    group: list[str] = []
    for pattern in patterns:
        if group and len("|".join([*group, pattern])) > _LONGEST_GROUP:
            yield f"({'|'.join(group)})"
            group = []
        group.append(pattern)
    yield f"({'|'.join(group)})" if len(group) > 1 else group[0]


def like_patterns(codes: CodeList, dialect: Dialect) -> list[str]:
    """Return LIKE patterns, without wildcards, for the beginnings of the codes in a list.

    They have classes of characters, such as U05[45] and C[0-9][0-9], where the dialect's LIKE supports them.
    """
    return class_patterns(codes) if dialect.like_classes else list(codes.prefixes)


def class_patterns(codes: CodeList) -> list[str]:
    """Return patterns with classes of characters for the beginnings of the codes in a list: U05[45], C[0-9][0-9]."""
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
