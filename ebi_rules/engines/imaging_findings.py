"""What is odd in the imaging codes of an extract, on their distinct values: malformed, damaged or unknown codes."""

from collections.abc import Iterator, Mapping

import polars as pl

from ebi_rules.criteria.crosswalk import crosswalk
from ebi_rules.criteria.nodes import IMAGING_FIELD
from ebi_rules.engines.findings import Finding
from opcs_icd import ImagingSystem
from opcs_icd.imaging import is_nicip, why_not_snomed

IMAGING_SYSTEM: Mapping[str, ImagingSystem] = {name: system for system, name in IMAGING_FIELD.items()}
"""The kind of imaging code that a field has."""

DECIMAL_MARKS = (".", "E")
"""What is in a SNOMED CT code that a tool turned into a decimal number: its last digits may be lost."""


def imaging_findings(name: str, column: str, codes: pl.DataFrame) -> Iterator[Finding]:
    """Yield what was found in a field of imaging codes.

    Args:
        name: The field.
        column: Its column.
        codes: One row per distinct value that is recorded, in normal form: code, rows.
    """
    system = IMAGING_SYSTEM[name]
    total = int(codes["rows"].sum())
    known = crosswalk().codes_of(system)
    rows: dict[tuple[str, str], int] = {("malformed", ""): 0, ("decimal", ""): 0}
    for code, count in codes.select("code", "rows").iter_rows():
        key = (_check_of(system, code, known), "")
        if key[0] == "unlisted":
            key = ("unlisted", f"{len(code)} characters")
        rows[key] = rows.get(key, 0) + count
    for (check, detail), count in sorted(rows.items()):
        if check != "listed":
            yield Finding(name, column, check, count, total, detail=detail)


def _check_of(system: ImagingSystem, code: str, known: frozenset[str]) -> str:
    """Return what is found in one code: malformed, decimal, unlisted, or listed where the crosswalk has it."""
    if code in known:
        return "listed"
    if system is ImagingSystem.NICIP:
        return "unlisted" if is_nicip(code) else "malformed"
    if any(mark in code for mark in DECIMAL_MARKS) and code[:1].isdigit():
        return "decimal"
    return "malformed" if why_not_snomed(code) else "unlisted"
