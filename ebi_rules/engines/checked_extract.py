"""Check an extract's values once, before rules run; flags, the cube and pathways all start from the result."""

from collections.abc import Iterable
from dataclasses import dataclass

from ebi_rules.criteria.nodes import CODE_FIELDS, Criterion, fields_needed
from ebi_rules.engines.coded_values import CodedValues, distinct_values
from ebi_rules.engines.derived_age import with_fields
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import Finding, notices_of
from ebi_rules.engines.lazy_frames import DamagedExtractError, damaged_columns
from ebi_rules.engines.value_checks import absence_remarks, check_types, find_odd_values, zone_remarks


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
    needed = {*further_fields, *(name for criterion in criteria for name in fields_needed(criterion))}
    extract, fields = with_fields(extract, needed)
    check_types(extract, fields)
    try:
        values = distinct_values(extract.table.frame, extract.binding, fields, extract.table.schema)
        rows, findings = find_odd_values(extract, fields, values)
    except DamagedExtractError:
        raise DamagedExtractError(damaged_columns(extract.table.frame, _columns(extract, fields))) from None
    needed_by_criteria = {name for criterion in criteria for name in fields_needed(criterion)}
    return CheckedExtract(
        extract,
        tuple(fields),
        values,
        rows,
        (
            *notices_of(findings, needed_by_criteria),
            *absence_remarks(extract.binding, needed_by_criteria),
            *zone_remarks(extract),
        ),
        tuple(findings),
    )


def _columns(extract: FrameExtract, fields: Iterable[str]) -> list[str]:
    """Return the columns of some fields, of the key and of all codes that are in the activity table."""
    binding = extract.binding
    of_fields = [column for name in ("id", *fields) for column in binding.fields.get(name, ())]
    of_codes = [column for name in CODE_FIELDS for column in binding.code_columns(name)]
    return [column for column in dict.fromkeys([*of_fields, *of_codes]) if column in extract.table.schema]
