"""Criteria as Polars expressions when the answers to some of their atoms are already columns."""

from collections.abc import Callable, Iterable

import polars as pl

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CodeAtom, Criterion
from ebi_rules.engines.coded_values import CodedValues
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.translate.polars import PolarsTranslator, field_value


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


def with_numbers(
    frame: pl.LazyFrame, fields: Iterable[str], values: CodedValues
) -> tuple[pl.LazyFrame, Callable[[str], pl.Expr]]:
    """Put the whole numbers of some fields into columns, so that each is converted once.

    Args:
        frame: The rows.
        fields: Canonical fields.
        values: The distinct values of the extract's coded fields.

    Returns:
        The rows with the columns, and a function that returns the expression of a field's number.
    """
    columns = {
        name: f"{PREFIX}field_{name}"
        for name in fields
        if FIELDS[name].kind is Kind.NUMBER and name not in values.binding.recodings
    }
    normal = [field_value(values.binding, name, values.schema).alias(column) for name, column in columns.items()]
    return frame.with_columns(normal), lambda name: pl.col(columns[name])


def all_hold(columns: Iterable[str]) -> pl.Expr:
    """Return the expression that all of some boolean columns are true."""
    return pl.all_horizontal([pl.lit(True), *map(pl.col, columns)])


def _unanswered(atom: CodeAtom) -> pl.Expr:
    assert False, f"Undecided: {atom}"
