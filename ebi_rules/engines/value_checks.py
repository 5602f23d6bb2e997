"""Check the types of columns, and say what to count in values before rules run: `findings` says what it means.

Coded fields are checked on their distinct values, dates that are text on their distinct texts, others row by row.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import time

import polars as pl

from ebi_rules._support.errors import ExtractError
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.coded_values import ROWS, VALUE
from ebi_rules.engines.extract import FrameExtract, Table
from ebi_rules.engines.findings import NUMBER, Finding
from ebi_rules.engines.imaging_findings import IMAGING_SYSTEM, require_exact
from ebi_rules.engines.polars_dates import DAY, TEXT, distinct_dates, is_text_date
from ebi_rules.engines.polars_dates import ROWS as DATES
from ebi_rules.engines.united_files import ALIKE
from ebi_rules.layouts.binding import Binding
from ebi_rules.statements.check_sql import LIMITS
from ebi_rules.translate.date_formats import as_date, date_text, day_and_month, in_calendar, is_date_type
from ebi_rules.translate.polars import bare_code, field_value, whole_number
from opcs_icd import MISSING_TEXTS, WHITE_SPACE

DATE = "a date such as 2024-03-28 or 28/03/2024"

_MONTHS = 12
"""A number above it is no month."""


def check_types(extract: FrameExtract, fields: Iterable[str]) -> None:
    """Check that columns are the same in all files, and have a type that their field can have.

    Args:
        extract: The extract.
        fields: The canonical fields to check; columns of codes are always checked.

    Raises:
        ExtractError: A column has another type, or differs from file to file.
    """
    binding, table = extract.binding, extract.table
    for name in dict.fromkeys(["id", *fields]):
        for column in binding.fields.get(name, ()):
            _require_alike(table, column)
            _check_type(name, column, table.schema[column])
    for name in CODE_FIELDS:
        for place, column in enumerate(binding.code_columns(name)):
            # A file may have fewer positions than another: it has no codes there.
            if place == 0 or table.schema[column] == pl.Null:
                _require_alike(table, column)
            if not _is_text(table.schema[column]):
                raise ExtractError(f"the column {column} is {table.schema[column]}: codes must be text.")


def _check_type(name: str, column: str, dtype: pl.DataType) -> None:
    require_exact(name, column, dtype)
    if name == "id":
        if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
            raise ExtractError(f"the column {column} is {dtype}: the activity's key must be text or a number.")
        return
    if FIELDS[name].kind is Kind.DATE:
        if not is_date_type(dtype):
            raise ExtractError(f"the column {column} ({name}) is {dtype}: it must be dates, such as 2024-03-28.")
    elif not (_is_text(dtype) or dtype.is_numeric()):
        raise ExtractError(f"the column {column} ({name}) is {dtype}: it must be text or whole numbers.")


def _require_alike(table: Table, column: str) -> None:
    if column in table.differences:
        raise ExtractError(f"{table.differences[column]}. {ALIKE}")


@dataclass(frozen=True)
class RowCheck:
    """What to count row by row.

    Attributes:
        name: The field.
        check: What is found, a key of `findings.CHECKS`.
        holds: The expression that is true in the rows to count; None where the column's type excludes them.
        advice: What to do about it.
        otherwise: If it is true in any row, nothing is found.
    """

    name: str
    check: str
    holds: pl.Expr | None
    advice: str = ""
    otherwise: pl.Expr | None = None


def row_checks(name: str, extract: FrameExtract) -> Iterator[RowCheck]:
    """Yield what to count row by row in a field of whole numbers or dates; of other fields nothing."""
    binding, schema = extract.binding, extract.table.schema
    columns = binding.fields[name]
    kind = FIELDS[name].kind
    if kind is Kind.NUMBER:
        number = field_value(binding, name, schema)
        yield RowCheck(name, "missing", number.is_null())
        unread = [
            _is_recorded(column, schema[column]) & whole_number(column, schema[column]).is_null()
            for column in columns
            if not schema[column].is_integer()
        ]
        yield RowCheck(name, "malformed", pl.any_horizontal(unread) if unread else None, NUMBER)
        yield RowCheck(name, "implausible", (~number.is_between(*LIMITS[name])).fill_null(False))
    if kind is Kind.DATE:
        for column in columns:
            dtype = schema[column]
            if is_text_date(dtype):
                continue
            value = pl.col(column)
            yield RowCheck(name, "missing", value.is_null())
            advice = DATE + ("; a whole number must be 20240328" if dtype.is_numeric() else "")
            yield RowCheck(name, "malformed", value.is_not_null() & as_date(value, dtype).is_null(), advice)
            if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
                text = f"the time 23:00 in the column {column}, where all other times are midnight: it may be that of"
                is_late, is_other = _late_evening(in_calendar(value, dtype))
                advice = f"{text} the next day, in UTC. Give times a zone, or give dates."
                yield RowCheck(name, "late_evening", is_late, advice, is_other)


def are_dates(name: str, extract: FrameExtract) -> bool:
    """Return whether all columns of a field have a type of dates or times."""
    types = [extract.table.schema[column] for column in extract.binding.fields[name]]
    return all(isinstance(dtype, pl.Date | pl.Datetime) for dtype in types)


def absence_remarks(binding: Binding, needed: Iterable[str]) -> list[str]:
    """Return what must be said of coded fields that criteria need and the extract does not have."""
    remarks = []
    for name in binding.absent(needed):
        if name in IMAGING_SYSTEM:
            other = next(each for each in IMAGING_SYSTEM if each != name)
            text = f"this extract has no column for it: examinations are found by their {FIELDS[other].label} alone."
        else:
            text = "this extract has no column for it, so criteria about it leave nothing out."
        remarks.append(f"{name}: {text}")
    return remarks


def zone_remarks(extract: FrameExtract) -> list[str]:
    """Return what must be said of times in UTC: the day that counts is that in London."""
    return [
        f"{name}: the column {column} has times in UTC; the day that counts is that in London."
        for name, columns in extract.binding.fields.items()
        if FIELDS[name].kind is Kind.DATE
        for column in columns
        if getattr(extract.table.schema[column], "time_zone", None) == "UTC"
    ]


def _late_evening(value: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return whether a time is 23:00 in summer, and whether it is neither that nor midnight."""
    is_late = (value.dt.month().is_between(4, 10) & (value.dt.time() == time(23))).fill_null(False)
    return is_late, (~is_late & (value.dt.time() != time(0))).fill_null(False)


def text_date_findings(name: str, extract: FrameExtract, rows: int) -> Iterator[Finding]:
    """Return what was found in dates that are text, on their distinct texts."""
    for column in extract.binding.fields[name]:
        if not is_text_date(extract.table.schema[column]):
            continue
        dates = distinct_dates(extract, column)
        is_recorded = date_text(pl.col(TEXT)).is_not_null()
        unread = dates.filter(is_recorded & pl.col(DAY).is_null())
        recorded = int(dates.filter(is_recorded)[DATES].sum())
        yield Finding(name, column, "missing", rows - recorded, rows)
        first, second = day_and_month(pl.col(TEXT))
        pairs = dates.select(first.alias("first"), second.alias("second"), DATES).drop_nulls()
        is_american = unread.select(day_and_month(pl.col(TEXT))[1].fill_null(0) > _MONTHS).to_series().any()
        advice = DATE + ("; where the month comes first, write dates as 2024-03-28" if is_american else "")
        yield Finding(name, column, "malformed", int(unread[DATES].sum()), recorded, advice)
        if pairs.height and pairs.select(pl.max_horizontal("first", "second").max()).item() <= _MONTHS:
            different = pairs.filter(pl.col("first") != pl.col("second"))
            yield Finding(name, column, "ambiguous", int(different[DATES].sum()), recorded)


def coded_findings(name: str, distinct: pl.DataFrame, binding: Binding, rows: int) -> Iterator[Finding]:
    """Return what was found in a coded field, on its distinct values (`CodedField.distinct`)."""
    definition = FIELDS[name]
    column = " and ".join(binding.fields[name])
    of_values = Binding(binding.layout, {name: (VALUE,)}, {}, None)
    code = field_value(of_values, name, distinct.schema)
    length = bare_code(of_values, name, distinct.schema).str.len_bytes()
    coded = distinct.select(code.alias("code"), length.alias("length"), pl.col(ROWS).cast(pl.Int64).alias("rows"))
    recorded = coded.drop_nulls("code")
    count = int(recorded["rows"].sum())
    yield Finding(name, column, "missing", rows - count, rows)
    if definition.is_closed:
        known = pl.Series([definition.is_known(value) for value in recorded["code"]], dtype=pl.Boolean)
        yield Finding(name, column, "unknown", int(recorded.filter(~known)["rows"].sum()), count)
        recorded = recorded.filter(known)
    if definition.width and definition.width > 1:
        short = recorded.filter(pl.col("length") < definition.width)
        yield Finding(name, column, "short", int(short["rows"].sum()), count)


def _is_recorded(column: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    if not _is_text(dtype):
        return value.is_not_null()
    text = value.cast(pl.String).str.strip_chars(WHITE_SPACE).str.to_uppercase()
    return (text.is_not_null() & ~text.is_in(list(MISSING_TEXTS))).fill_null(False)


def _is_text(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Null) or isinstance(dtype, pl.Enum)
