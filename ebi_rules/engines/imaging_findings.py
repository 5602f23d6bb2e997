"""What is odd in the imaging codes of an extract, on its distinct pairs of codes: of these there are a few thousand.

Every engine groups the codes where they are; what the pairs mean is decided here, once for all.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

import polars as pl

from ebi_rules._support.errors import ExtractError
from ebi_rules.criteria.crosswalk import crosswalk
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import IMAGING_FIELD
from ebi_rules.criteria.normal_values import normal_code
from ebi_rules.engines.findings import Finding
from ebi_rules.layouts.binding import Binding
from opcs_icd import WHITE_SPACE, ImagingSystem
from opcs_icd.imaging import is_nicip, why_not_snomed

IMAGING_SYSTEM: Mapping[str, ImagingSystem] = {name: system for system, name in IMAGING_FIELD.items()}
"""The kind of imaging code that a field has."""

NICIP, SNOMED = IMAGING_SYSTEM
_DECIMAL = re.compile(r"[0-9]+\.[0-9]*|[0-9.]+E\+?[0-9]+", re.IGNORECASE)
"""A SNOMED CT code that a tool turned into a decimal number: its last digits may be lost."""


def require_exact(name: str, column: str, dtype: pl.DataType) -> None:
    """Raise `ExtractError` for SNOMED CT codes in a column of decimal numbers."""
    if name == SNOMED and (dtype.is_float() or dtype.is_decimal()):
        raise ExtractError(
            f"the column {column} ({name}) is {dtype}: SNOMED CT codes have up to 18 digits, of which such a number "
            "loses the last. Read the column as text from the source."
        )


def examination_findings(binding: Binding, fields: Collection[str], pairs: pl.DataFrame) -> Iterator[Finding]:
    """Yield what was found in imaging codes.

    Args:
        binding: The extract's layout, bound to its columns.
        fields: The fields that were read.
        pairs: One row per pair of codes as the extract has them: nicip, snomed, rows. A code that the extract does not
            have is null.
    """
    rows = list(pairs.select(NICIP, SNOMED, "rows").iter_rows())
    read = [name for name in IMAGING_SYSTEM if name in fields and binding.fields.get(name)]
    for place, name in enumerate(IMAGING_SYSTEM):
        if name in read:
            yield from _of_field(name, binding.named_columns(name), Counter(_by_code(rows, place)))
    if read == [NICIP, SNOMED]:
        yield _disagreement(binding, rows)


def _by_code(rows: Iterable[tuple[object, object, int]], place: int) -> dict[str, int]:
    """Return the number of rows by a code as the extract has it; missing codes are left out."""
    counts: dict[str, int] = {}
    for row in rows:
        if row[place] is not None:
            counts[str(row[place])] = counts.get(str(row[place]), 0) + row[2]
    return counts


def _of_field(name: str, column: str, by_code: Mapping[str, int]) -> Iterator[Finding]:
    counts = Counter({("malformed", ""): 0, ("decimal", ""): 0, ("unlisted", ""): 0})
    total = 0
    for raw, rows in by_code.items():
        code = normal_code(FIELDS[name], raw)
        if code is None:
            continue
        total += rows
        check = _check_of(IMAGING_SYSTEM[name], raw.strip(WHITE_SPACE), code)
        counts[check, f"{len(code)} characters" if check == "unlisted" else ""] += rows
    for (check, detail), rows in sorted(counts.items()):
        if check != "listed":
            yield Finding(name, column, check, rows, total, detail=detail)


def _check_of(system: ImagingSystem, raw: str, code: str) -> str:
    """Return what is found in one code: malformed, decimal, unlisted, or listed where the crosswalk has it."""
    if system is ImagingSystem.SNOMED and _DECIMAL.fullmatch(raw):
        return "decimal"
    if code in crosswalk().codes_of(system):
        return "listed"
    if system is ImagingSystem.NICIP:
        return "unlisted" if is_nicip(code) else "malformed"
    return "malformed" if why_not_snomed(code) else "unlisted"


def _disagreement(binding: Binding, rows: Iterable[tuple[object, object, int]]) -> Finding:
    """Return how many rows have two codes in the crosswalk that stand for different examinations."""
    known, total, different = crosswalk(), 0, 0
    nicip_codes, snomed_codes = (known.codes_of(system) for system in ImagingSystem)
    for nicip, snomed, count in rows:
        codes = normal_code(FIELDS[NICIP], nicip), normal_code(FIELDS[SNOMED], snomed)
        if codes[0] in nicip_codes and codes[1] in snomed_codes:
            total += count
            different += count if known.disagree(str(codes[0]), str(codes[1])) else 0
    columns = f"{binding.named_columns(NICIP)} and {binding.named_columns(SNOMED)}"
    return Finding(NICIP, columns, "disagree", different, total)
