"""The numbers of an extract as columns that are worked out once, and conditions over columns of answers."""

from collections.abc import Callable, Iterable

import polars as pl

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.engines.coded_values import CodedValues
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.translate.polars import field_value


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
