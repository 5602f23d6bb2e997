"""Read a code list of a rule file from a CSV file beside it, as OpenCodelists and `ebi-rules codes` write them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import RuleError
from ebi_rules._support.small_csv import read_small_csv
from opcs_icd import CodeList, CodeSystem, ImagingCodes, ImagingSystem, PatternError

_CODE, _CATEGORY = "code", "category"
_MOST_NAMED = 5


def read_codes(system: CodeSystem | ImagingSystem, patterns: Iterable[str]) -> CodeList | ImagingCodes:
    """Return the list of some patterns of one kind of code.

    Raises:
        PatternError: A pattern is malformed.
    """
    return ImagingCodes(system, patterns) if isinstance(system, ImagingSystem) else CodeList(system, patterns)


def read_code_file(
    folder: Path | None, name: str, category: str | None, system: CodeSystem | ImagingSystem
) -> list[str]:
    """Return the codes in a CSV file.

    Args:
        folder: The folder of the rule file; None if it has none.
        name: The name of the CSV file, in that folder or below it. It has a column code.
        category: Only rows with this value in the column category; None for all rows.
        system: The kind of the codes.

    Raises:
        RuleError: The file is outside the folder, cannot be read, has no column of codes, or has a malformed code.
    """
    path = Path(name)
    if folder is None or path.is_absolute() or ".." in path.parts:
        raise RuleError(f"{name} must be in the folder of the rule file, or below it.")
    table = read_small_csv(folder / path, "the code list", RuleError)
    for column in (_CODE, *([_CATEGORY] if category is not None else [])):
        if column not in table.columns:
            raise RuleError(f"{name} has no column {column}: its columns are {', '.join(table.columns)}.")
    if category is not None:
        table = table.filter(pl.col(_CATEGORY).str.strip_chars() == category)
        if not table.height:
            raise RuleError(f"{name} has no row with the category {category}.")
    written = table[_CODE].str.strip_chars().drop_nulls().unique(maintain_order=True)
    codes = [code for code in written if code]
    problems = list(_malformed(codes, system))
    if problems:
        more = f" ({len(problems) - _MOST_NAMED} more)" if len(problems) > _MOST_NAMED else ""
        raise RuleError(f"{name}: {'; '.join(problems[:_MOST_NAMED])}{more}.")
    if not codes:
        raise RuleError(f"{name} has no codes.")
    return codes


def _malformed(codes: list[str], system: CodeSystem | ImagingSystem) -> Iterator[str]:
    for code in codes:
        try:
            read_codes(system, [code])
        except PatternError as error:
            yield str(error).rstrip(".")
