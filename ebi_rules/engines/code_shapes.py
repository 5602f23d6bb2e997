"""Whether columns of codes contain codes: of every activity, its first code is looked at.

Where most are malformed, the error describes what cells look like by their shape, never by what is in them.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.code_words import rows_with_flags
from ebi_rules.engines.findings import CODE_ADVICE, MOST_SHARE, Finding
from opcs_icd import OPCS4

_LONGEST_SHAPE = 24
_SHAPES = {
    r"^\s*\[": "a list, as JSON or Python writes it",
    r"\^": "codes joined by ^",
    r"/": "codes joined by /",
    r"\w-\w": "codes joined by -",
    r"[:=]": "codes with something written beside them",
}


def code_findings(
    name: str, column: str, flags: npt.NDArray[np.int64], malformed_cells: Sequence[str]
) -> Iterator[Finding]:
    """Yield what was found in a field of codes: rows whose first code is malformed, has three characters, is X998.

    Args:
        name: The field of codes.
        column: The column that was looked at.
        flags: The number of rows by what was found, from `code_words.count_flags`.
        malformed_cells: Some cells whose first code is malformed.
    """
    rows, recorded, malformed, three, filler, not_codable = rows_with_flags(flags)
    where = f"the column {column}"
    is_most = malformed > MOST_SHARE * recorded
    advice = _described(pl.Series(malformed_cells, dtype=pl.String)) if is_most else CODE_ADVICE
    yield Finding(name, where, "missing", rows - recorded, rows)
    yield Finding(name, where, "malformed", malformed, recorded, advice)
    yield Finding(name, where, "filler", filler, rows)
    if CODE_FIELDS[name] is OPCS4:
        yield Finding(name, where, "three_characters", three, recorded)
        yield Finding(name, where, "not_codable", not_codable, rows)


def _described(cells: pl.Series) -> str:
    """Return a sentence on what most cells look like, with letters and digits hidden, and how to mend them."""
    cells = cells.str.replace_all(".", "", literal=True)
    shapes = cells.str.replace_all(r"[\p{L}\p{N}]+", "..").str.replace_all(r"\s+", " ")
    counted = shapes.alias("shape").value_counts().sort("count", "shape", descending=[True, False])
    commonest = str(counted["shape"][0])
    looks = next((words for pattern, words in _SHAPES.items() if cells.str.contains(pattern).mean() > 0.2), None)  # type: ignore[operator]
    shape = commonest[:_LONGEST_SHAPE] + ("..." if len(commonest) > _LONGEST_SHAPE else "")
    seems = f"looks like {looks}" if looks else "is no list of codes"
    return f"A cell such as {shape} {seems}. {CODE_ADVICE}"
