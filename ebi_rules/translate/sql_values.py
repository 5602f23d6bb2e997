"""Values of a table in normal form: text and numbers of any type, and codes as one text with marks between them."""

import re
from collections.abc import Sequence

from sqlglot import exp

from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.dialects.printing import from_template, function
from ebi_rules.translate.sql_parts import NOTHING, coalesce, concat, negate, number, replace, text
from opcs_icd import SEPARATORS, WHITE_SPACE

_SAFE_PATTERN = re.compile(r"[A-Z0-9,^ *()|\[\]-]+")
ORDERED_OPEN, ORDERED_CLOSE = ",", "|"
"""What stands before and after each code of a text in order."""


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
    between = replace(bare, " ", ORDERED_CLOSE + ORDERED_OPEN)
    return concat([text(ORDERED_OPEN), between, text(ORDERED_CLOSE)], dialect)


def without_fillers(separated: exp.Expr, dialect: Dialect, binding: Binding, code_field: str) -> exp.Expr:
    """Return a text from `separated_text` with codes only: `,U054|,Z665|`."""
    for filler in binding.not_codes(code_field):
        separated = replace(separated, ORDERED_OPEN + filler + ORDERED_CLOSE, "")
    return coalesce(separated, text(NOTHING)) if dialect.empty_is_null else separated


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
    return coalesce(without, text(NOTHING))


def is_code(column: exp.Expr, dialect: Dialect, not_codes: Sequence[str]) -> exp.Expr:
    """Return the condition that a text from `single_code` is a code.

    Args:
        column: The text.
        dialect: The dialect.
        not_codes: What stands for no code (`Binding.not_codes`).
    """
    nothing = [NOTHING, *(value for value in not_codes if value or not dialect.empty_is_null)]
    return negate(exp.In(this=column, expressions=[text(value) for value in nothing]))


def as_text(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return a column of codes as text, whatever its type."""
    return exp.cast(column, dialect.text_type, dialect=dialect.sqlglot) if dialect.text_type else column


def as_whole_number(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return a column as a number, whatever its type; NULL where it is none."""
    cell = as_text(column, dialect)
    bare = from_template(dialect.number, without_white_space(cell, dialect), dialect)
    # What is a number as it is needs no characters replaced, which is slow.
    return coalesce(from_template(dialect.number, cell.copy(), dialect), bare) if dialect.search else bare


def normal_text(value: exp.Expr, dialect: Dialect, usual: Sequence[str] = ()) -> exp.Expr:
    """Return a text in capitals and without white space; most are so already, and are found to be by one search.

    Args:
        value: The text, or a number unless there are usual ones.
        dialect: The dialect.
        usual: Texts in normal form of which most are one: it is faster to compare these than to search.
    """
    normal = exp.Upper(this=without_white_space(value, dialect))
    if dialect.encoded or not dialect.search:
        return normal
    is_normal = negate(search(value, "[^A-Z0-9]", dialect))
    if usual:
        is_usual = exp.In(this=value.copy(), expressions=[text(each) for each in usual])
        is_normal = exp.Or(this=is_usual, expression=is_normal)
    # UPPER makes a text of a number, as the other branch does.
    return exp.Case(ifs=[exp.If(this=is_normal, true=exp.Upper(this=value.copy()))], default=normal)


def search(column: exp.Expr, pattern: str, dialect: Dialect) -> exp.Expr:
    """Return the condition that a text has something that a regular expression describes.

    The expression has letters, digits, commas, classes and alternatives alone, which mean the same everywhere.
    """
    assert _SAFE_PATTERN.fullmatch(pattern), pattern
    is_operator = dialect.search.startswith("{}") and not isinstance(column, exp.Column | exp.Func)
    value = exp.Paren(this=column.copy()) if is_operator else column.copy()
    return from_template(dialect.search.replace("{pattern}", f"'{pattern}'"), value, dialect)


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
    """Return a character as a literal or, where nobody could see it, or quote it alike, by its number."""
    is_plain = character.isprintable() and character.isascii() and character not in "\"'"
    if is_plain or not dialect.character:
        return text(character)
    return function(dialect.character, [number(ord(character))])
