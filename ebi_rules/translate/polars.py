"""Criteria as Polars expressions: boolean, without nulls, over an extract's own columns.

Atoms about codes are asked of text in one normal form (`code_text`). An engine may decide them beforehand
and hand the verdicts in as columns; the rest of the expression is the same.
"""

import re
from collections.abc import Callable, Iterable, Mapping

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules.criteria.fields import BABY_AGES, FIELDS, MISSING_TEXTS, Kind
from ebi_rules.criteria.nodes import (
    And,
    Between,
    CodeAtom,
    Compare,
    Criterion,
    FollowedBy,
    HasCode,
    In,
    IsNull,
    NamedCodes,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
)
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.visitor import Visitor
from opcs_icd import SEPARATORS

_SEPARATOR_RUN = f"[{re.escape(SEPARATORS)}]+"
_NO_CODE = "^,,$|,(?:NULL|-|&),"


def expression(criteria: Mapping[str, Criterion], binding: Binding) -> pl.Expr:
    """Give the conjunction of criteria over the extract's own columns.

    Raises `UsageError` where codes come in a child table, which one expression cannot reach.
    """
    if binding.layout.is_child:
        raise UsageError(
            f"the layout {binding.layout.name} keeps codes in a second table, which an expression cannot reach: "
            "use flag."
        )

    def codes(atom: CodeAtom) -> pl.Expr:
        return verdict(atom, code_text(binding.code_columns(atom.code_field)))

    translator = PolarsTranslator(lambda name: field_value(binding, name), codes)
    return pl.all_horizontal([translator.visit(criterion) for criterion in criteria.values()])


class PolarsTranslator(Visitor[pl.Expr]):
    """Turn criteria into expressions.

    `fields` gives the expression of a field's value in normal form, `codes` that of a code atom's verdict.
    """

    def __init__(self, fields: Callable[[str], pl.Expr], codes: Callable[[CodeAtom], pl.Expr]) -> None:
        self.fields = fields
        self.codes = codes

    def visit_and(self, node: And) -> pl.Expr:
        return pl.all_horizontal([self.visit(operand) for operand in node.operands])

    def visit_between(self, node: Between) -> pl.Expr:
        return self.fields(node.field).is_between(node.low, node.high).fill_null(False)

    def visit_compare(self, node: Compare) -> pl.Expr:
        value = self.fields(node.field)
        compared = {
            "=": value == node.value,
            "<": value < node.value,
            "<=": value <= node.value,
            ">": value > node.value,
            ">=": value >= node.value,
        }
        return compared[node.operator].fill_null(False)

    def visit_followed_by(self, node: FollowedBy) -> pl.Expr:
        return self.codes(node)

    def visit_has_code(self, node: HasCode) -> pl.Expr:
        return self.codes(node)

    def visit_in(self, node: In) -> pl.Expr:
        return self.fields(node.field).is_in(list(node.values)).fill_null(False)

    def visit_is_null(self, node: IsNull) -> pl.Expr:
        return self.fields(node.field).is_null()

    def visit_not(self, node: Not) -> pl.Expr:
        return ~self.visit(node.operand)

    def visit_or(self, node: Or) -> pl.Expr:
        return pl.any_horizontal([self.visit(operand) for operand in node.operands])

    def visit_recorded(self, node: Recorded) -> pl.Expr:
        return self.codes(node)

    def visit_starts_with(self, node: StartsWith) -> pl.Expr:
        return self.fields(node.field).str.starts_with(node.prefix).fill_null(False)


def field_value(binding: Binding, name: str, schema: Mapping[str, pl.DataType] | None = None) -> pl.Expr:
    """Give a field's value in normal form: text, whole number or date; null where there is none.

    `schema` gives the columns' types where they are known, which saves reading numbers as text. What cannot
    be read is null, so an engine counts such rows beforehand.
    """
    definition = FIELDS[name]
    types = schema or {}
    columns = binding.fields[name]
    if definition.kind is Kind.NUMBER:
        number = pl.coalesce([whole_number(column, types.get(column)) for column in columns])
        if name != "age":
            return number
        return pl.when(number.is_between(BABY_AGES.start, BABY_AGES.stop - 1)).then(0).otherwise(number)
    if definition.kind is Kind.DATE:
        return pl.coalesce([pl.col(column) for column in columns])
    text = raw_code(binding, name, types).str.replace_all(" ", "", literal=True).str.to_uppercase()
    filled = text.str.pad_start(definition.width, "0") if definition.width else text
    return pl.when(text.is_in(list(MISSING_TEXTS))).then(None).otherwise(filled)


def raw_code(binding: Binding, name: str, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Give a coded field as the extract has it, as text; null where its cells are."""
    return pl.coalesce([_code_cell(column, schema.get(column)) for column in binding.fields[name]])


def as_date(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Read a date: as it is, or from text that begins 2024-03-28 or is 28/03/2024; null where it is none."""
    if dtype != pl.String:
        return value.cast(pl.Date)
    text = value.str.strip_chars(" ").str.slice(0, 10)
    return pl.coalesce(text.str.to_date("%Y-%m-%d", strict=False), text.str.to_date("%d/%m/%Y", strict=False))


def whole_number(column: str, dtype: pl.DataType | None = None) -> pl.Expr:
    """Read a column of whole numbers, whatever its type; null where a value is none."""
    if dtype is not None and dtype.is_integer():
        return pl.col(column).cast(pl.Int64)
    text = pl.col(column).cast(pl.String).str.strip_chars(" ").str.replace(r"\.0+$", "")
    return text.cast(pl.Int64, strict=False)


def _code_cell(column: str, dtype: pl.DataType | None) -> pl.Expr:
    """Read a column of codes as text; codes that a tool took for numbers lose their decimal point."""
    if dtype is not None and (dtype.is_float() or dtype.is_decimal()):
        return pl.col(column).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.col(column).cast(pl.String)


def code_text(columns: Iterable[str | pl.Expr]) -> pl.Expr:
    """Give the codes of some columns as one text in normal form: every code between commas, in order.

    `||U05.4 ,z665` becomes `,U054,,Z665,`. Cells without codes leave nothing; the result is never null.
    """
    cells = [pl.col(column) if isinstance(column, str) else column for column in columns]
    joined = pl.concat_str([cell.cast(pl.String) for cell in cells], separator=",", ignore_nulls=True)
    bare = joined.fill_null("").str.replace_all(".", "", literal=True).str.to_uppercase()
    inside = bare.str.strip_chars(SEPARATORS).str.replace_all(_SEPARATOR_RUN, ",,")
    return pl.concat_str([pl.lit(","), inside, pl.lit(",")]).str.replace_all(_NO_CODE, "")


def verdict(atom: CodeAtom, text: pl.Expr) -> pl.Expr:
    """Give the truth of a code atom, asked of text that `code_text` made."""
    match atom:
        case FollowedBy(first, second):
            return text.str.contains(f"(?s),{_any_prefix(first)}[^,]*,.*,{_any_prefix(second)}")
        case HasCode(codes, Position.ANY):
            return text.str.contains(f",{_any_prefix(codes)}")
        case HasCode(codes, Position.PRIMARY | Position.SPELL):
            return text.str.contains(f"^,{_any_prefix(codes)}")
        case HasCode(codes, Position.SECONDARY):
            return text.str.contains(f"(?s)^,[^,]+,.*,{_any_prefix(codes)}")
        case Recorded():
            return text != ""
    assert False, f"Unhandled node: {atom}"


def matched(lists: Iterable[NamedCodes], text: pl.Expr) -> pl.Expr:
    """Give the codes in a text of `code_text` that are in any of the lists: a list of text, in order."""
    named = list(lists)
    if not named:
        return pl.lit([], dtype=pl.List(pl.String))
    prefixes = "|".join(_any_prefix(codes) for codes in named)
    found = text.str.extract_all(f",(?:{prefixes})[^,]*")
    return found.list.eval(pl.element().str.strip_chars_start(","))


def stems(lists: Iterable[NamedCodes]) -> list[str]:
    """Give short texts of which one stands, in some case, in every text with a code of the lists.

    A dot may stand inside a code, so the dot itself is one of them.
    """
    return sorted({prefix[:3] for named in lists for prefix in named.codes.prefixes} | {"."})


def _any_prefix(named: NamedCodes) -> str:
    return f"(?:{'|'.join(named.codes.prefixes)})"
