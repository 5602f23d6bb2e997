"""Turn criteria into Polars expressions: boolean, without nulls, over an extract's own columns.

Atoms about codes test a text in one normal form (`code_text`). An engine may decide them beforehand and pass the
verdicts in as columns; the rest of the expression is the same. Nothing here runs an expression.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules.criteria.code_need import needs_codes
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import (
    And,
    Between,
    CodeAtom,
    Compare,
    Criterion,
    FollowedBy,
    HasCode,
    In,
    InList,
    IsNull,
    NamedCodes,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
    code_atoms,
    fields_needed,
    lists_named,
)
from ebi_rules.criteria.normal_values import BABY_AGES
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.distinct_answers import DistinctAnswers
from ebi_rules.translate.view_table import Numbers
from ebi_rules.translate.visitor import Visitor
from opcs_icd import MISSING_TEXTS, SEPARATORS, WHITE_SPACE


def _class(characters: str) -> str:
    """Return a class of characters for a regular expression, by their numbers."""
    return "[" + "".join(f"\\x{{{ord(character):x}}}" for character in characters) + "]"


_SEPARATOR_RUN = f"{_class(SEPARATORS)}+"
_ANY_WHITE_SPACE = _class(WHITE_SPACE)


def expression(criteria: Mapping[str, Criterion], binding: Binding) -> pl.Expr:
    """Return the expression that all criteria hold, over the extract's own columns.

    Args:
        criteria: The criteria of a rule by name.
        binding: The layout matched to the columns.

    Raises:
        UsageError: Codes are in a child table, or age is worked out from dates, which one expression cannot do.
    """
    if binding.layout.is_child:
        raise UsageError(
            f"the layout {binding.layout.name} has codes in a second table, which an expression cannot reach: use flag."
        )

    if binding.derives_age and any("age" in fields_needed(criterion) for criterion in criteria.values()):
        raise UsageError("age is worked out from the date of birth, which an expression cannot do: use flag.")

    translated = _translated(criteria.values(), binding, {})
    needing_codes = next(filter(needs_codes, criteria.values()), None)
    if needing_codes is None:
        return pl.all_horizontal(list(translated.values()))
    rare_first = [needing_codes, *(criterion for criterion in translated if criterion != needing_codes)]
    may_hold = _may_hold(needing_codes, binding)
    columns = list(dict.fromkeys(name for each in translated.values() for name in each.meta.root_names()))
    flags = _Flags(rare_first, may_hold, binding, columns)
    return pl.map_batches(columns, flags.of, return_dtype=pl.Boolean(), is_elementwise=True)


def _translated(
    criteria: Iterable[Criterion], binding: Binding, schema: Mapping[str, pl.DataType]
) -> dict[Criterion, pl.Expr]:
    """Return the expression of each criterion, over columns whose types need not be known."""

    def codes(atom: CodeAtom) -> pl.Expr:
        return verdict(atom, code_text(binding.code_columns(atom.code_field), binding, atom.code_field))

    translator = PolarsTranslator(lambda name: field_value(binding, name, schema), codes)
    return {criterion: translator.visit(criterion) for criterion in criteria}


def _may_hold(criterion: Criterion, binding: Binding) -> pl.Expr:
    """Return the expression that an activity may have a code of the lists of a criterion: a cheap test of raw texts."""
    lists: dict[str, list[NamedCodes]] = {}
    for atom in code_atoms(criterion):
        lists.setdefault(atom.code_field, []).extend(lists_named(atom))
    tests = [
        pl.col(column).cast(pl.String).str.contains_any(stems(named), ascii_case_insensitive=True)
        for name, named in lists.items()
        for column in binding.code_columns(name)
    ]
    return pl.any_horizontal(tests).fill_null(False)


class _Flags:
    """Work criteria out only for the few rows where they may hold, one after another.

    Args:
        criteria: The criteria; those that few rows meet come first.
        may_hold: The expression of a cheap test that all of them may hold.
        binding: The layout matched to the columns.
        columns: The columns that they need.
    """

    def __init__(
        self, criteria: Sequence[Criterion], may_hold: pl.Expr, binding: Binding, columns: Sequence[str]
    ) -> None:
        self._criteria, self._may_hold, self._binding, self._columns = criteria, may_hold, binding, columns
        self._truths: dict[tuple[pl.DataType, ...], list[_Truth]] = {}

    def of(self, series: Sequence[pl.Series]) -> pl.Series:
        """Return whether all criteria hold, by row, from the columns."""
        batch = pl.DataFrame([each.alias(name) for each, name in zip(series, self._columns, strict=True)])
        truths = self._truths_for(batch.schema)
        rows = batch.select(self._may_hold).to_series().arg_true()
        asked = batch[rows]
        for truth in truths:
            holds = truth.of(asked)
            rows, asked = rows.filter(holds), asked.filter(holds)
        return pl.repeat(False, batch.height, dtype=pl.Boolean, eager=True).scatter(rows, True)

    def _truths_for(self, schema: pl.Schema) -> list["_Truth"]:
        """Return the conditions for columns of some types, with what is known of their texts."""
        types = tuple(schema.values())
        if types not in self._truths:
            translated = _translated(self._criteria, self._binding, schema)
            self._truths[types] = [_Truth(condition, schema) for condition in translated.values()]
        return self._truths[types]


class _Truth:
    """Whether a condition holds for rows; one about a single column of text is worked out once for each text."""

    def __init__(self, condition: pl.Expr, schema: Mapping[str, pl.DataType]) -> None:
        self._condition = condition
        self._columns = list(dict.fromkeys(condition.meta.root_names()))
        is_one_text = len(self._columns) == 1 and schema[self._columns[0]] == pl.String
        self._known = DistinctAnswers(self._answer) if is_one_text else None

    def of(self, rows: pl.DataFrame) -> pl.Series:
        """Return whether the condition holds, by row."""
        if self._known is None:
            return rows.select(self._condition).to_series()
        return pl.Series(self._known.of(rows[self._columns[0]]) != 0)

    def _answer(self, texts: pl.Series) -> Numbers:
        truths = texts.alias(self._columns[0]).to_frame().select(self._condition).to_series()
        return truths.cast(pl.Int64).to_numpy()


class PolarsTranslator(Visitor[pl.Expr]):
    """Turn criteria into expressions.

    Args:
        fields: Return the expression of a field's value in normal form.
        codes: Return the expression of the verdict on a code atom.
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
        comparisons = {
            "=": value == node.value,
            "<": value < node.value,
            "<=": value <= node.value,
            ">": value > node.value,
            ">=": value >= node.value,
        }
        return comparisons[node.operator].fill_null(False)

    def visit_followed_by(self, node: FollowedBy) -> pl.Expr:
        return self.codes(node)

    def visit_has_code(self, node: HasCode) -> pl.Expr:
        return self.codes(node)

    def visit_in(self, node: In) -> pl.Expr:
        return self.fields(node.field).is_in(list(node.values)).fill_null(False)

    def visit_in_list(self, node: InList) -> pl.Expr:
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


class Answering(PolarsTranslator):
    """Turn criteria into expressions, and use the answers that some nodes already have.

    Args:
        answer: Returns the expression of a node's answer; None if it has none yet.
        fields: Returns the expression of a field's value in normal form.
    """

    def __init__(
        self,
        answer: Callable[[Criterion], pl.Expr | None],
        fields: Callable[[str], pl.Expr] = lambda name: pl.col(name),
    ) -> None:
        super().__init__(fields, _unanswered)
        self.answer = answer

    def visit(self, node: Criterion) -> pl.Expr:
        answer = self.answer(node)
        return super().visit(node) if answer is None else answer


def field_value(binding: Binding, name: str, schema: Mapping[str, pl.DataType] | None = None) -> pl.Expr:
    """Return the expression of a field's value in normal form: text, whole number or date, null where it is missing.

    A value that cannot be read is null, so engines count such rows beforehand.

    Args:
        binding: The layout matched to the columns.
        name: The canonical field.
        schema: The types of the columns, if known: integers then need not be read as text.
    """
    definition = FIELDS[name]
    types = schema or {}
    columns = binding.fields[name]
    if not columns:
        assert definition.kind is Kind.CODE, f"{name} has no column to read"
        return pl.lit(None, pl.String)  # An imaging code of the kind that the extract does not have.
    if definition.kind is Kind.NUMBER:
        number = pl.coalesce([whole_number(column, types.get(column)) for column in columns])
        if name != "age":
            return number
        return pl.when(number.is_between(BABY_AGES.start, BABY_AGES.stop - 1)).then(0).otherwise(number)
    if definition.kind is Kind.DATE:
        return pl.coalesce([pl.col(column) for column in columns])
    text = bare_code(binding, name, types)
    filled = text.str.pad_start(definition.width, "0") if definition.width else text
    return pl.when(text.is_in(list(MISSING_TEXTS))).then(None).otherwise(filled)


def bare_code(binding: Binding, name: str, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return the expression of a coded field in capitals, without white space and without `.0` behind a number."""
    text = raw_code(binding, name, schema).str.replace_all(_ANY_WHITE_SPACE, "").str.to_uppercase()
    return text.str.replace(r"^([0-9]+)\.0$", "$1")


def raw_code(binding: Binding, name: str, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return the expression of a coded field as raw text, null where all its cells are null."""
    return pl.coalesce([_code_cell(column, schema.get(column)) for column in binding.fields[name]])


def whole_number(column: str, dtype: pl.DataType | None = None) -> pl.Expr:
    """Return the expression of a column of whole numbers of any type, null where a value is not a whole number."""
    if dtype is not None and dtype.is_integer():
        return pl.col(column).cast(pl.Int64, strict=False)
    text = pl.col(column).cast(pl.String).str.strip_chars(WHITE_SPACE).str.replace(r"\.0+$", "")
    return text.cast(pl.Int64, strict=False)


def _code_cell(column: str, dtype: pl.DataType | None) -> pl.Expr:
    """Return a column of codes as text. Codes that a tool has turned into numbers lose their decimal point."""
    if dtype is not None and (dtype.is_float() or dtype.is_decimal()):
        return pl.col(column).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.col(column).cast(pl.String)


def code_text(columns: Iterable[str | pl.Expr], binding: Binding, code_field: str) -> pl.Expr:
    """Return the expression of all codes in some columns as one text in normal form, never null.

    Each code is between commas, and codes are in order: `||U05.4 ,z665` becomes `,U054,,Z665,`. Without codes the text
    is empty.

    Args:
        columns: The columns.
        binding: The layout, which says what stands for no code.
        code_field: The field of the codes.

    Example:
        >>> from ebi_rules.layouts.binding import bind
        >>> from ebi_rules.layouts.layout import find_layout
        >>> text = code_text(["codes"], bind(find_layout("ncdr-opa")), "procedures")
        >>> pl.DataFrame({"codes": ["||U05.4 ,z665", None]}).select(text).to_series().to_list()
        [',U054,,Z665,', '']
    """
    cells = [pl.col(column) if isinstance(column, str) else column for column in columns]
    joined = pl.concat_str([cell.cast(pl.String) for cell in cells], separator=",", ignore_nulls=True)
    bare = joined.fill_null("").str.replace_all(".", "", literal=True).str.to_uppercase()
    inside = bare.str.strip_chars(SEPARATORS).str.replace_all(_SEPARATOR_RUN, ",,")
    no_codes = "|".join(map(re.escape, filter(None, binding.not_codes(code_field))))
    text = pl.concat_str([pl.lit(","), inside, pl.lit(",")]).str.replace_all(f"^,,$|,(?:{no_codes}),", "")
    lone = "|".join(map(re.escape, binding.lone_fillers(code_field)))
    return text.str.replace(f"^,(?:{lone}),$", "") if lone else text


def verdict(atom: CodeAtom, text: pl.Expr) -> pl.Expr:
    """Return the expression of a code atom's truth, over a text from `code_text`."""
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
    """Return the expression of the codes in any of the lists, in order, over a text from `code_text`."""
    named = list(lists)
    if not named:
        return pl.lit([], dtype=pl.List(pl.String))
    prefixes = "|".join(_any_prefix(codes) for codes in named)
    matches = text.str.extract_all(f",(?:{prefixes})[^,]*")
    return matches.list.eval(pl.element().str.strip_chars_start(","))


def stems(lists: Iterable[NamedCodes]) -> list[str]:
    """Return short texts, at least one of which is in every raw text with a code in the lists, in upper or lower case.

    A raw code may have a dot anywhere, so the dot is one of them.
    """
    return sorted({prefix[:3] for named in lists for prefix in named.codes.prefixes} | {"."})


def _any_prefix(named: NamedCodes) -> str:
    return f"(?:{'|'.join(named.codes.prefixes)})"


def _unanswered(atom: CodeAtom) -> pl.Expr:
    assert False, f"Undecided: {atom}"
