"""Write made-up activities in the shape of a layout, with codes in the forms seen in real extracts.

This module decides how values are written, not what they are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ebi_rules.criteria.nodes import SPELL_FIELD
from ebi_rules.layouts.layout import ChildTable, Layout, Numbered, is_numbered
from ebi_rules.synth.random_values import draw

if TYPE_CHECKING:
    from numpy.random import Generator

Codes = tuple[str, ...]


def lay_out(
    activities: pl.DataFrame, codes: Mapping[str, Sequence[Codes]], layout: Layout, rng: "Generator"
) -> dict[str, pl.DataFrame]:
    """Return made-up activities in the shape of a layout and under its column names.

    Args:
        activities: Columns by canonical field. A field of codes has the number of the row's codes in `codes`; null for
            no codes.
        codes: Lists of codes by field.
        layout: The layout.
        rng: The random numbers.

    Returns:
        The tables by name: activity, truth, and procedures and diagnoses if the layout keeps them in tables of codes.
    """
    key = layout.fields["id"][0]
    columns: dict[str, pl.Series] = {}
    for name, (first, *others) in layout.fields.items():
        if name in activities.columns:
            values = activities[name]
            columns[first] = values if not others else _with_gaps(rng, values)
            columns |= dict.fromkeys(others, values)
    if layout.baby_ages:
        columns[layout.fields["age"][0]] = _baby_ages(rng, activities["age"])
    tables = {}
    for field, shape in layout.codes.items():
        if field in SPELL_FIELD.values():
            assert isinstance(shape, Numbered), "a layout has the codes of the spell in columns"
            if field in activities.columns:
                columns[shape.templates[0]] = activities[field]
            continue
        number = activities[field]
        if isinstance(shape, ChildTable):
            tables[field] = _child_rows(activities["id"], number, codes[field], shape)
        elif is_numbered(shape.templates[0]):
            columns |= _numbered_columns(rng, number, codes[field], shape)
        else:
            columns[shape.templates[0]] = _delimited_text(rng, number, codes[field])
    truth = activities.select(pl.col("id").alias(key), "rule", "in_scope", "why")
    return {"activity": pl.DataFrame(columns), "truth": truth, **tables}


def _with_gaps(rng: "Generator", values: pl.Series) -> pl.Series:
    """Remove one value in ten: the layout reads them from the next column."""
    is_kept = pl.Series(rng.random(len(values)) >= 0.1)
    return values.to_frame().select(pl.when(is_kept).then(pl.first())).to_series()


def _baby_ages(rng: "Generator", ages: pl.Series) -> pl.Series:
    """Write ages under one year as HES does: 7001 to 7007."""
    baby_ages = pl.Series(rng.integers(7001, 7008, len(ages)))
    written = pl.when(pl.col("age") == 0).then(baby_ages).otherwise("age").alias("age")
    return ages.to_frame("age").select(written).to_series()


_FORMS: Sequence[tuple[float, Callable[[Codes], str]]] = (
    (0.70, lambda codes: "||" + ",".join(codes)),
    (0.06, lambda codes: ",".join(codes)),
    (0.06, lambda codes: "||" + ",".join(f"{code:<5}" for code in codes)),
    (0.03, lambda codes: "||" + ", ".join(codes)),
    (0.03, lambda codes: "||" + "||".join(codes)),
    (0.02, lambda codes: "|".join(codes)),
    (0.02, lambda codes: "||" + ",".join(codes) + "||"),
    (0.02, lambda codes: "  ||" + " , ".join(codes) + " "),
    (0.02, lambda codes: "||" + ",".join(codes).lower()),
    (0.02, lambda codes: "||" + ",".join(f"{code[:3]}.{code[3:]}" for code in codes)),
    (0.02, lambda codes: "||," + ",,".join(codes) + ",NULL"),
)
"""How a list of codes is written, each with its share of rows."""
_NO_CODES: Mapping[str | None, float] = {None: 0.97, "": 0.01, "NULL": 0.01, "||": 0.01}
"""What a row without codes has, with shares."""


def _delimited_text(rng: "Generator", number: pl.Series, codes: Sequence[Codes]) -> pl.Series:
    """Write each row's codes as one text, in one of the forms seen in real extracts."""
    texts = pl.Series([write(row_codes) for row_codes in codes for _, write in _FORMS])
    shares = np.array([share for share, _ in _FORMS])
    form_number = pl.Series(rng.choice(len(_FORMS), len(number), p=shares / shares.sum()))
    text = texts.gather(number * len(_FORMS) + form_number)
    frame = pl.DataFrame({"text": text, "no_codes": draw(rng, _NO_CODES, len(number))})
    return frame.select(pl.coalesce("text", "no_codes")).to_series()


def _numbered_columns(
    rng: "Generator", number: pl.Series, codes: Sequence[Codes], shape: Numbered
) -> dict[str, pl.Series]:
    """Write each row's codes into numbered columns; without codes, HES has a dash in the first column or nothing."""
    columns = {}
    for place, name in enumerate(shape.names(shape.templates[0])):
        at_place = [row_codes[place] if place < len(row_codes) else None for row_codes in codes]
        columns[name] = pl.Series(at_place, dtype=pl.String).gather(number)
    first = next(iter(columns))
    has_dash = pl.Series(rng.random(len(number)) < 0.3) & number.is_null()
    columns[first] = columns[first].set(has_dash, "-")
    return columns


def _child_rows(key: pl.Series, number: pl.Series, codes: Sequence[Codes], shape: ChildTable) -> pl.DataFrame:
    """Write each row's codes as rows of a table of codes."""
    rows = pl.DataFrame({shape.key: key, "number": number}).drop_nulls("number")
    schema = {shape.code: pl.List(pl.String)}
    lists = pl.DataFrame({"number": range(len(codes)), shape.code: codes}, schema_overrides=schema)
    lists = lists.with_columns(pl.int_ranges(1, pl.col(shape.code).list.len() + 1).alias("position"))
    joined = rows.join(lists, on="number", how="left", maintain_order="left")
    child = joined.explode(shape.code, "position").drop("number")
    return child.rename({"position": shape.position}) if shape.position else child.drop("position")
