"""Whether columns of codes contain codes: of every activity, its first code is looked at.

Where most are malformed, the error describes what cells look like by their shape, never by what is in them.
"""

import re
from collections.abc import Iterator

import polars as pl

from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import CODE_ADVICE, MOST_SHARE, Finding
from ebi_rules.engines.lazy_frames import collect
from opcs_icd import NOT_CODABLE, OPCS4, SEPARATORS

_SEPARATORS = "".join(f"\\x{{{ord(character):x}}}" for character in SEPARATORS)
_LONGEST_SHAPE = 24
_ROWS = "rows"
_SHAPES = {
    r"^\s*\[": "a list, as JSON or Python writes it",
    r"\^": "codes joined by ^",
    r"/": "codes joined by /",
    r"\w-\w": "codes joined by -",
    r"[:=]": "codes with something written beside them",
}


def code_findings(name: str, extract: FrameExtract) -> Iterator[Finding]:
    """Return what was found in a field of codes: rows whose first code is malformed, has three characters, is X998."""
    binding, child = extract.binding, extract.binding.child(name)
    if child:
        frame, column = extract.children[name].frame, child.code
    else:
        frame, column = extract.table.frame, binding.code_columns(name)[0]
    # Cells are looked at once each: there are far fewer of them than rows.
    frame = collect(frame.group_by(pl.col(column).cast(pl.String).alias("cell")).agg(pl.len().alias(_ROWS))).lazy()
    rows_with = pl.col(_ROWS).cast(pl.Int64)
    cell = pl.col("cell").str.replace_all(".", "", literal=True)
    system = CODE_FIELDS[name]
    fillers = "|".join(sorted(map(re.escape, filter(None, binding.not_codes(name))), key=len, reverse=True))
    before = f"(?i)^[{_SEPARATORS}]*(?:(?:{fillers})[{_SEPARATORS}]+)*"
    edge = f"(?:[{_SEPARATORS}]|$)"
    nothing = f"{before}(?:{fillers})?$"
    lone = "|".join(map(re.escape, binding.lone_fillers(name)))
    is_filler = cell.str.contains(f"{before}(?:{lone})[{_SEPARATORS}]*$") if lone else pl.lit(False)
    has_code = ~cell.str.contains(nothing)
    well_formed = cell.str.contains(f"{before}(?:{system.grammar.pattern}){edge}")
    conditions = {
        "all": pl.lit(True),
        "recorded": has_code & ~is_filler,
        "malformed": has_code & ~is_filler & ~well_formed,
        "three": has_code & cell.str.contains(f"{before}[A-Za-z][0-9]{{2}}{edge}"),
        "filler": has_code & is_filler,
        "not_codable": cell.str.contains(f"(?i)(^|[{_SEPARATORS}]){NOT_CODABLE}{edge}"),
    }
    counts = [rows_with.filter(condition.fill_null(False)).sum().alias(name) for name, condition in conditions.items()]
    rows, recorded, malformed, three, filler, not_codable = collect(frame.select(counts)).row(0)
    where = f"the column {column}"
    yield Finding(name, where, "missing", rows - recorded, rows)
    advice = CODE_ADVICE
    if malformed > MOST_SHARE * recorded:
        sample = collect(frame.filter(has_code & ~well_formed).select("cell").head(1000))["cell"]
        advice = _described(sample)
    yield Finding(name, where, "malformed", malformed, recorded, advice)
    yield Finding(name, where, "filler", filler, rows)
    if system is OPCS4:
        yield Finding(name, where, "three_characters", three, recorded)
        yield Finding(name, where, "not_codable", not_codable, rows)


def _described(cells: pl.Series) -> str:
    """Return a sentence on what most cells look like, with letters and digits hidden, and how to mend them."""
    shapes = cells.str.replace_all(r"[\p{L}\p{N}]+", "..").str.replace_all(r"\s+", " ")
    commonest = str(shapes.value_counts(sort=True)["cell"][0])
    looks = next((words for pattern, words in _SHAPES.items() if cells.str.contains(pattern).mean() > 0.2), None)  # type: ignore[operator]
    shape = commonest[:_LONGEST_SHAPE] + ("..." if len(commonest) > _LONGEST_SHAPE else "")
    seems = f"looks like {looks}" if looks else "is no list of codes"
    return f"A cell such as {shape} {seems}. {CODE_ADVICE}"
