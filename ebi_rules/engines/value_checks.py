"""Count what is odd in an extract's values before rules run: `findings` says what it means.

Coded fields are checked on their distinct values, dates that are text on their distinct texts.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import time

import polars as pl

from ebi_rules._support.clock import today
from ebi_rules._support.errors import ExtractError
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.criteria.normal_values import BABY_AGES
from ebi_rules.engines.code_shapes import code_findings
from ebi_rules.engines.coded_values import ROWS, VALUE, CodedValues
from ebi_rules.engines.extract import FrameExtract, Table
from ebi_rules.engines.findings import NUMBER, Finding
from ebi_rules.engines.imaging_findings import IMAGING_SYSTEM, examination_findings, require_exact
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_dates import DAY, TEXT, day_of, distinct_dates, is_text_date
from ebi_rules.engines.polars_dates import ROWS as DATES
from ebi_rules.engines.united_files import ALIKE
from ebi_rules.layouts.binding import Binding
from ebi_rules.statements.check_sql import BOOKED, LIMITS, STATUS
from ebi_rules.translate.date_formats import as_date, date_text, day_and_month, in_calendar, is_date_type
from ebi_rules.translate.polars import bare_code, field_value, raw_code, whole_number
from opcs_icd import MISSING_TEXTS, WHITE_SPACE

DATE = "a date such as 2024-03-28 or 28/03/2024"

_KEYS_AT_ONCE = 10_000_000
"""How many keys are in memory at once to find repeated ones; a larger extract is read in several parts."""

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


def find_odd_values(extract: FrameExtract, fields: Iterable[str], values: CodedValues) -> tuple[int, list[Finding]]:
    """Count an extract's rows, and what is odd in its fields, codes and keys.

    Args:
        extract: The extract.
        fields: The canonical fields to check.
        values: The distinct values of coded fields.

    Returns:
        The number of rows, and what was found.
    """
    binding, frame = extract.binding, extract.table.frame
    checked = [name for name in fields if name in binding.fields and name not in binding.recodings and name != "id"]
    columns = [pl.len().alias("rows"), pl.col(binding.key).null_count().alias("missing")]
    rowwise: list[tuple[str, str, str, str]] = []
    for name in checked:
        for check, advice, expression in _rowwise(name, extract):
            columns.append(expression.sum().alias(str(len(rowwise))))
            rowwise.append((name, binding.named_columns(name), check, advice))
    rows, missing, *counts = collect(frame.select(columns)).row(0)
    findings = []
    recorded = dict.fromkeys(checked, rows)
    for (name, column, check, advice), count in zip(rowwise, counts, strict=True):
        if check == "missing":
            recorded[name] = rows - count
        # Dates and times are malformed beyond the calendar alone, which is not asked of a warehouse.
        if count or check != "malformed" or not _are_dates(name, extract):
            findings.append(Finding(name, column, check, count, rows if check == "missing" else recorded[name], advice))
    for name in checked:
        if FIELDS[name].kind is Kind.CODE and name in values.by_field:
            findings += _coded(name, values, rows)
        if FIELDS[name].kind is Kind.DATE:
            findings += _text_dates(name, extract, rows)
    if IMAGING_SYSTEM.keys() & set(checked):
        findings += examination_findings(binding, _pairs_of_codes(extract))
    if {"activity_date", STATUS.name} <= set(checked):
        findings.append(_booked(extract, recorded["activity_date"]))
    for name in CODE_FIELDS:
        if binding.codes.get(name):
            findings += code_findings(name, extract)
    return rows, findings + _keys(extract, rows, missing)


def _are_dates(name: str, extract: FrameExtract) -> bool:
    types = [extract.table.schema[column] for column in extract.binding.fields[name]]
    return all(isinstance(dtype, pl.Date | pl.Datetime) for dtype in types)


def _rowwise(name: str, extract: FrameExtract) -> Iterator[tuple[str, str, pl.Expr]]:
    """Return what to count row by row in a field: the check, the advice, and the expression that is true."""
    binding, schema = extract.binding, extract.table.schema
    columns = binding.fields[name]
    kind = FIELDS[name].kind
    if kind is Kind.NUMBER:
        yield "missing", "", field_value(binding, name, schema).is_null()
        is_recorded = [_is_recorded(column, schema[column]) for column in columns]
        unread = [
            is_there & whole_number(column, schema[column]).is_null()
            for column, is_there in zip(columns, is_recorded, strict=True)
        ]
        yield "malformed", NUMBER, pl.any_horizontal(unread)
        number = field_value(binding, name, schema)
        yield "implausible", "", (~number.is_between(*LIMITS[name]) & ~number.is_in(list(BABY_AGES))).fill_null(False)
    if kind is Kind.DATE:
        for column in columns:
            dtype = schema[column]
            if is_text_date(dtype):
                continue
            value = pl.col(column)
            yield "missing", "", value.is_null()
            advice = DATE + ("; a whole number must be 20240328" if dtype.is_numeric() else "")
            yield "malformed", advice, value.is_not_null() & as_date(value, dtype).is_null()
            if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
                text = f"the time 23:00 in the column {column}, where all other times are midnight: it may be that of"
                yield (
                    "late_evening",
                    f"{text} the next day, in UTC. Give times a zone, or give dates.",
                    _late_evening(in_calendar(value, dtype)),
                )


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


def _late_evening(value: pl.Expr) -> pl.Expr:
    """Return whether a time is 23:00 in summer, in a column whose other times are all midnight."""
    is_late = value.dt.month().is_between(4, 10) & (value.dt.time() == time(23))
    return is_late & (is_late | (value.dt.time() == time(0))).all()


def _text_dates(name: str, extract: FrameExtract, rows: int) -> Iterator[Finding]:
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


def _booked(extract: FrameExtract, recorded: int) -> Finding:
    """Return the appointments that are booked for a later day than today."""
    binding, schema = extract.binding, extract.table.schema
    later = extract.table.frame.filter(day_of(extract) > today())
    booked = collect(later.select((field_value(binding, STATUS.name, schema) == BOOKED).sum())).item()
    return Finding("activity_date", " and ".join(binding.fields["activity_date"]), "booked", booked, recorded)


def _coded(name: str, values: CodedValues, rows: int) -> Iterator[Finding]:
    """Return what was found in a coded field, on its distinct values."""
    definition, distinct = FIELDS[name], values.by_field[name]
    column = " and ".join(values.binding.fields[name])
    of_values = Binding(values.binding.layout, {name: (VALUE,)}, {}, None)
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


def _pairs_of_codes(extract: FrameExtract) -> pl.DataFrame:
    """Return the distinct pairs of imaging codes, with the number of rows that have each."""
    binding, schema = extract.binding, extract.table.schema
    columns = [
        (raw_code(binding, name, schema) if binding.fields.get(name) else pl.lit(None, pl.String)).alias(name)
        for name in IMAGING_SYSTEM
    ]
    return collect(extract.table.frame.select(columns).group_by(list(IMAGING_SYSTEM)).agg(pl.len().alias("rows")))


def _keys(extract: FrameExtract, rows: int, missing: int) -> list[Finding]:
    # Keys that always ascend are all different; other keys are counted.
    keys, frame = extract.binding.keys, extract.table.frame
    key = keys[0]
    distinct = rows if _ascend(frame, key, rows) else _count_distinct(frame, keys, rows)
    return key_findings(" and ".join(keys), rows, missing, distinct)


def key_findings(key: str, rows: int, missing: int, distinct: int) -> list[Finding]:
    """Return what was found in keys.

    Args:
        key: The key's column, or its columns.
        rows: The number of rows.
        missing: The number of rows without a key.
        distinct: The number of different keys.
    """
    return [
        Finding("id", key, "missing", missing, rows),
        Finding("id", key, "repeated", rows - missing - distinct, rows),
    ]


def _ascend(frame: pl.LazyFrame, key: str, rows: int) -> bool:
    """Return whether every key is greater than the one before; read the rows in parts."""
    greater = (pl.col("key") > pl.col("key").shift(1)).sum()
    keys = frame.select(pl.col(key).alias("key"))
    for start in range(0, rows - 1, _KEYS_AT_ONCE):
        pairs = min(_KEYS_AT_ONCE, rows - 1 - start)
        if collect(keys.slice(start, pairs + 1).select(greater)).item() < pairs:
            return False
    return True


def _count_distinct(frame: pl.LazyFrame, columns: Sequence[str], rows: int) -> int:
    """Count different keys, in memory that does not grow with the rows."""
    parts = max(1, -(-rows // _KEYS_AT_ONCE))
    key = pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)
    keys = frame.filter(pl.col(columns[0]).is_not_null()).select(key.alias("key"))
    distinct = 0
    for part in range(parts):
        keys_of_part = keys.filter(pl.col("key").hash() % parts == part) if parts > 1 else keys
        distinct += collect(keys_of_part.select(pl.col("key").n_unique())).item()
    return distinct


def _is_recorded(column: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    if not _is_text(dtype):
        return value.is_not_null()
    text = value.cast(pl.String).str.strip_chars(WHITE_SPACE).str.to_uppercase()
    return (text.is_not_null() & ~text.is_in(list(MISSING_TEXTS))).fill_null(False)


def _is_text(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Null) or isinstance(dtype, pl.Enum)
