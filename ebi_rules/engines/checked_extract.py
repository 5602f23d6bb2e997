"""Check an extract's values once, before rules run; flags, the cube and pathways all start from the result."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from ebi_rules.criteria.nodes import CODE_FIELDS, Criterion, fields_needed
from ebi_rules.engines.coded_values import CodedValues
from ebi_rules.engines.derived_age import with_fields
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import Finding, notices_of
from ebi_rules.engines.lazy_frames import DamagedExtractError, collect, damaged_columns
from ebi_rules.engines.row_reader import ReadRows, RowReader
from ebi_rules.engines.value_checks import absence_remarks, check_types, zone_remarks


@dataclass(frozen=True)
class CheckedExtract:
    """An extract whose values can be used.

    Attributes:
        extract: The extract.
        fields: The canonical fields that were checked: those that criteria or the caller need, as far as it has them.
        values: The distinct values of its coded fields.
        rows: How many rows it has.
        notices: What the user must know about it, with exact counts.
        findings: What was found in its values.
    """

    extract: FrameExtract
    fields: tuple[str, ...]
    values: CodedValues
    rows: int
    notices: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def check_extract(
    extract: FrameExtract, criteria: Iterable[Criterion], further_fields: Iterable[str] = ()
) -> CheckedExtract:
    """Read the fields that criteria need, and check their types and values.

    Args:
        extract: The extract.
        criteria: The criteria that will be evaluated.
        further_fields: Canonical fields that are needed for another reason.

    Raises:
        ExtractError: A column has a type or a value that its field cannot have.
    """
    criteria = list(criteria)
    reader = RowReader(*fields_to_read(extract, criteria, further_fields))
    read_all(reader)
    return checked_rows(reader, criteria)


def fields_to_read(
    extract: FrameExtract, criteria: Iterable[Criterion], further_fields: Iterable[str] = ()
) -> tuple[FrameExtract, list[str]]:
    """Return an extract with the fields that criteria need, as far as it has them, and their names.

    Raises:
        ExtractError: A column has a type that its field cannot have.
    """
    needed = {*further_fields, *(name for criterion in criteria for name in fields_needed(criterion))}
    extract, fields = with_fields(extract, needed)
    check_types(extract, fields)
    return extract, fields


def read_all(reader: RowReader) -> None:
    """Read the rows of an extract for nothing but their checks.

    Raises:
        DamagedExtractError: A file is damaged.
    """

    def nothing(rows: ReadRows) -> pl.DataFrame:
        return pl.DataFrame({"rows": [rows.rows]})

    frame = reader.extract.table.frame.select(*reader.inputs())
    with reading(reader):
        collect(frame.map_batches(reader.noting(nothing), schema={"rows": pl.Int64}, streamable=True))


@contextmanager
def reading(reader: RowReader) -> Iterator[None]:
    """Raise our own error where rows cannot be read.

    Raises:
        DamagedExtractError: A file is damaged; the error names the columns that cannot be read.
        ExtractError: The reader refused a row.
    """
    try:
        yield
    except DamagedExtractError:
        columns = _columns(reader.extract, reader.fields)
        raise DamagedExtractError(damaged_columns(reader.extract.table.frame, columns)) from None
    except pl.exceptions.ComputeError:
        if reader.failure:
            raise reader.failure from None
        raise


def checked_rows(reader: RowReader, criteria: Iterable[Criterion]) -> CheckedExtract:
    """Return an extract whose rows were all read, if its values can be used.

    Raises:
        ExtractError: A column has a value that its field cannot have.
    """
    extract, findings = reader.extract, reader.findings()
    needed = {name for criterion in criteria for name in fields_needed(criterion)}
    notices = (
        *notices_of(findings, needed),
        *absence_remarks(extract.binding, needed),
        *zone_remarks(extract),
    )
    return CheckedExtract(extract, tuple(reader.fields), reader.values(), reader.rows, notices, tuple(findings))


def _columns(extract: FrameExtract, fields: Iterable[str]) -> list[str]:
    """Return the columns of some fields, of the key and of all codes that are in the activity table."""
    binding = extract.binding
    of_fields = [column for name in ("id", *fields) for column in binding.fields.get(name, ())]
    of_codes = [column for name in CODE_FIELDS for column in binding.code_columns(name)]
    return [column for column in dict.fromkeys([*of_fields, *of_codes]) if column in extract.table.schema]
