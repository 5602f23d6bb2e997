"""Check an extract's values before rules run: types, malformed numbers and dates, short codes, repeated keys.

A value that would make an answer wrong is an `ExtractError`; what the user must know is a warning. Both count rows and
name columns, and neither ever shows a value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from ebi_rules._support.errors import ExtractError
from ebi_rules._support.notices import Notice, braced, rows_have
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.coded_values import ROWS, VALUE
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.polars import as_date, whole_number
from opcs_icd import MISSING_TEXTS, WHITE_SPACE

_NUMBER = "a whole number"
_DATE = "a date such as 2024-03-28 or 28/03/2024"

_KEYS_AT_ONCE = 10_000_000
"""How many keys are in memory at once to find repeated ones; a larger extract is read in several parts."""


@dataclass(frozen=True)
class _Count:
    """Rows to count.

    Attributes:
        field: The canonical field.
        column: The column.
        error: What the values should be, if these rows are an error; None if they are a warning.
        expression: Is true in the rows to count.
    """

    field: str
    column: str
    error: str | None
    expression: pl.Expr


def check_types(binding: Binding, fields: Iterable[str], schema: Mapping[str, pl.DataType]) -> None:
    """Check that columns have a type that their field can have.

    Args:
        binding: The layout bound to the columns.
        fields: The canonical fields to check; columns of codes are always checked.
        schema: The types of the columns.

    Raises:
        ExtractError: A column has another type.
    """
    for name in fields:
        for column in binding.fields.get(name, ()):
            dtype = schema[column]
            if FIELDS[name].kind is not Kind.DATE and not (_is_text(dtype) or dtype.is_numeric()):
                raise ExtractError(f"the column {column} ({name}) is {dtype}: it must be text or whole numbers.")
    for name in CODE_FIELDS:
        for column in binding.code_columns(name):
            if not _is_text(schema[column]):
                raise ExtractError(f"the column {column} is {schema[column]}: codes must be text.")


def count_odd_values(
    frame: pl.LazyFrame,
    binding: Binding,
    fields: Iterable[str],
    schema: Mapping[str, pl.DataType],
    values: Mapping[str, pl.DataFrame],
) -> tuple[int, list[Notice]]:
    """Count an extract's rows, the malformed values of its fields, and missing and repeated keys.

    Args:
        frame: The rows.
        binding: The layout bound to the columns.
        fields: The canonical fields to check.
        schema: The types of the columns.
        values: The distinct values of coded fields (`CodedValues.by_field`), as far as they are known.

    Returns:
        The number of rows, and the warnings.

    Raises:
        ExtractError: A number or a date is malformed, or a code is a number with decimals.
    """
    rowwise: list[_Count] = []
    warnings: list[Notice] = []
    for name in fields:
        for column in () if name in binding.recodings else binding.fields.get(name, ()):
            counts = list(_counts(name, column, schema[column]))
            if FIELDS[name].kind is Kind.CODE and counts:
                # A coded column has few distinct values: they are checked, and their rows added up.
                distinct = _distinct(frame, binding, name, column, values)
                sums = [(pl.col(ROWS) * count.expression).sum().alias(str(place)) for place, count in enumerate(counts)]
                warnings += _warnings(counts, distinct.select(sums).row(0))
            else:
                rowwise += counts
    columns = [pl.len().alias("rows"), pl.col(binding.key).null_count().alias("missing")]
    columns += [count.expression.sum().alias(str(place)) for place, count in enumerate(rowwise)]
    rows, missing, *numbers = collect(frame.select(columns)).row(0)
    warnings = _warnings(rowwise, numbers) + warnings
    # Keys that always ascend are all different; other keys are counted.
    distinct_keys = rows if _ascend(frame, binding.key, rows) else _count_distinct(frame, binding.key, rows)
    return rows, warnings + key_notices(binding.key, rows, missing, distinct_keys)


def _distinct(
    frame: pl.LazyFrame, binding: Binding, name: str, column: str, values: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Return the distinct values of a column, with the number of rows of each."""
    if name in values and binding.fields[name] == (column,):
        return values[name].rename({VALUE: column})
    return collect(frame.group_by(column).agg(pl.len().alias(ROWS)))


def _warnings(counts: Iterable[_Count], numbers: Iterable[int]) -> list[Notice]:
    """Return the warnings for counts above 0; raise `ExtractError` for a count that is an error."""
    warnings = []
    for count, rows in zip(counts, numbers, strict=True):
        if rows and count.error:
            raise ExtractError(
                f"{count.field}: {rows_have(rows)} a value that is not {count.error} in the column {count.column}."
            )
        if rows:
            column = braced(count.column)
            text = f"a short code in the column {column}, such as '2' for '02'; it was read with its leading zeros."
            warnings.append(Notice(f"{count.field}: {{rows_have}} {text}", rows))
    return warnings


def _ascend(frame: pl.LazyFrame, key: str, rows: int) -> bool:
    """Return whether every key is greater than the one before; read the rows in parts."""
    greater = (pl.col("key") > pl.col("key").shift(1)).sum()
    keys = frame.select(pl.col(key).alias("key"))
    for start in range(0, rows - 1, _KEYS_AT_ONCE):
        pairs = min(_KEYS_AT_ONCE, rows - 1 - start)
        if collect(keys.slice(start, pairs + 1).select(greater)).item() < pairs:
            return False
    return True


def _count_distinct(frame: pl.LazyFrame, key: str, rows: int) -> int:
    """Count different keys, in memory that does not grow with the rows."""
    parts = max(1, -(-rows // _KEYS_AT_ONCE))
    keys = frame.select(pl.col(key).alias("key")).drop_nulls()
    distinct = 0
    for part in range(parts):
        keys_of_part = keys.filter(pl.col("key").hash() % parts == part) if parts > 1 else keys
        distinct += collect(keys_of_part.select(pl.col("key").n_unique())).item()
    return distinct


def key_notices(key: str, rows: int, missing: int, distinct: int) -> list[Notice]:
    """Return the warnings for missing and repeated keys.

    Args:
        key: The key's column.
        rows: The number of rows.
        missing: The number of rows without a key.
        distinct: The number of different keys.
    """
    warnings: list[Notice] = []
    if missing:
        warnings.append(Notice(f"{{rows_have}} no key ({braced(key)}).", missing))
    repeated = rows - missing - distinct
    if repeated > 0:
        text = f"the same key ({braced(key)}) as another row; every row is counted. Check for a join that repeats rows."
        warnings.append(Notice(f"{{rows_have}} {text}", repeated))
    return warnings


def _counts(name: str, column: str, dtype: pl.DataType) -> Iterable[_Count]:
    """Return what to count in a column of a field."""
    definition = FIELDS[name]
    value = pl.col(column)
    if (dtype.is_float() or dtype.is_decimal()) and definition.kind is not Kind.DATE:
        yield _Count(name, column, _NUMBER, value.is_not_null() & (value != value.cast(pl.Int64, strict=False)))
    if definition.kind is Kind.DATE and dtype == pl.String:
        is_recorded = ~value.str.strip_chars(" ").str.to_uppercase().is_in(list(MISSING_TEXTS))
        yield _Count(name, column, _DATE, is_recorded & as_date(value, dtype).is_null())
    if definition.kind is Kind.NUMBER and _is_text(dtype):
        text = value.cast(pl.String).str.strip_chars(" ").str.to_uppercase()
        is_recorded = text.is_not_null() & ~text.is_in(list(MISSING_TEXTS))
        yield _Count(name, column, _NUMBER, is_recorded & whole_number(column).is_null())
    if definition.kind is Kind.CODE and definition.width and definition.width > 1:
        text = value.cast(pl.Int64, strict=False).cast(pl.String) if dtype.is_numeric() else value.cast(pl.String)
        length = text.str.replace_all(" ", "", literal=True).str.len_bytes()
        yield _Count(name, column, None, length.is_between(1, definition.width - 1))


def _is_text(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Null) or isinstance(dtype, pl.Enum)
