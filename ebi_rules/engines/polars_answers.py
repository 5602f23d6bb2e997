"""Criteria over an extract of which some answers are already columns, and the numbers that others need."""

from collections.abc import Callable, Iterable

import polars as pl

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CodeAtom, Criterion
from ebi_rules.engines.coded_values import CodedValues
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.translate.polars import PolarsTranslator, field_value


class Answering(PolarsTranslator):
    """Turn criteria into expressions, of which some nodes have their answer already: `answer` gives it, or None."""

    def __init__(
        self,
        answer: Callable[[Criterion], pl.Expr | None],
        fields: Callable[[str], pl.Expr] = lambda name: pl.col(name),
    ) -> None:
        super().__init__(fields, _unanswered)
        self.answer = answer

    def visit(self, node: Criterion) -> pl.Expr:
        found = self.answer(node)
        return super().visit(node) if found is None else found


def with_numbers(
    frame: pl.LazyFrame, fields: Iterable[str], values: CodedValues
) -> tuple[pl.LazyFrame, Callable[[str], pl.Expr]]:
    """Give the rows with every whole number in a column of its own, made once, and how to ask for a field's."""
    columns = {
        name: f"{PREFIX}field_{name}"
        for name in fields
        if FIELDS[name].kind is Kind.NUMBER and name not in values.binding.recodings
    }
    normal = [field_value(values.binding, name, values.schema).alias(column) for name, column in columns.items()]
    return frame.with_columns(normal), lambda name: pl.col(columns[name])


def all_hold(columns: Iterable[str]) -> pl.Expr:
    """Give the expression that all of some boolean columns hold."""
    return pl.all_horizontal([pl.lit(True), *map(pl.col, columns)])


def _unanswered(atom: CodeAtom) -> pl.Expr:
    assert False, f"Undecided: {atom}"
