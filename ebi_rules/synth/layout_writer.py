"""Write made-up activities in a layout's shape and under its names, with codes in the forms seen in real extracts."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from ebi_rules.criteria.nodes import SPELL_FIELD
from ebi_rules.layouts.layout import ChildTable, Layout, Numbered
from ebi_rules.synth.random_values import draw

if TYPE_CHECKING:
    from numpy.random import Generator

import numpy as np

Codes = tuple[str, ...]


def lay_out(
    activities: pl.DataFrame, codes: Mapping[str, Sequence[Codes]], layout: Layout, rng: "Generator"
) -> dict[str, pl.DataFrame]:
    """Give an activity table, child tables and truth in a layout's shape and under its names.

    `activities` has canonical columns; a field of codes holds the number of a row's codes in `codes`, null for none.
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
            assert isinstance(shape, Numbered), "a layout keeps the spell's own codes in a column"
            if field in activities.columns:
                columns[shape.templates[0]] = activities[field]
            continue
        number = activities[field]
        if isinstance(shape, ChildTable):
            tables[field] = _child_rows(activities["id"], number, codes[field], shape)
        elif "NN" in shape.templates[0]:
            columns |= _numbered_columns(rng, number, codes[field], shape)
        else:
            columns[shape.templates[0]] = _delimited_text(rng, number, codes[field])
    truth = activities.select(pl.col("id").alias(key), "rule", "in_scope", "why")
    return {"activity": pl.DataFrame(columns), "truth": truth, **tables}


def _with_gaps(rng: "Generator", values: pl.Series) -> pl.Series:
    """Leave out one value in ten, for the column that a second one stands in for."""
    return values.to_frame().select(pl.when(pl.Series(rng.random(len(values)) >= 0.1)).then(pl.first())).to_series()


def _baby_ages(rng: "Generator", ages: pl.Series) -> pl.Series:
    """Write ages under one year as HES does: 7001 to 7007."""
    babies = pl.Series(rng.integers(7001, 7008, len(ages)))
    return (
        ages.to_frame("age").select(pl.when(pl.col("age") == 0).then(babies).otherwise("age").alias("age")).to_series()
    )


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
_NOTHING: Mapping[str | None, float] = {None: 0.97, "": 0.01, "NULL": 0.01, "||": 0.01}


def _delimited_text(rng: "Generator", number: pl.Series, codes: Sequence[Codes]) -> pl.Series:
    """Write code tuples as one string, each row in one of the forms seen in real extracts."""
    written = pl.Series([form(each) for each in codes for _, form in _FORMS])
    shares = np.array([share for share, _ in _FORMS])
    form = pl.Series(rng.choice(len(_FORMS), len(number), p=shares / shares.sum()))
    frame = pl.DataFrame(
        {"text": written.gather(number * len(_FORMS) + form), "nothing": draw(rng, _NOTHING, len(number))}
    )
    return frame.select(pl.coalesce("text", "nothing")).to_series()


def _numbered_columns(
    rng: "Generator", number: pl.Series, codes: Sequence[Codes], shape: Numbered
) -> dict[str, pl.Series]:
    """Write code tuples into numbered columns; HES puts a dash in the first of a row without codes, or nothing."""
    columns = {}
    for place, name in enumerate(shape.names(shape.templates[0])):
        values = pl.Series([each[place] if place < len(each) else None for each in codes], dtype=pl.String)
        columns[name] = values.gather(number)
    first = next(iter(columns))
    dash = pl.Series(rng.random(len(number)) < 0.3) & number.is_null()
    columns[first] = columns[first].set(dash, "-")
    return columns


def _child_rows(key: pl.Series, number: pl.Series, codes: Sequence[Codes], shape: ChildTable) -> pl.DataFrame:
    """Write code tuples as rows of a child table."""
    rows = pl.DataFrame({shape.key: key, "number": number}).drop_nulls("number")
    listed = pl.DataFrame(
        {"number": range(len(codes)), shape.code: codes}, schema_overrides={shape.code: pl.List(pl.String)}
    )
    listed = listed.with_columns(pl.int_ranges(1, pl.col(shape.code).list.len() + 1).alias("position"))
    child = (
        rows.join(listed, on="number", how="left", maintain_order="left").explode(shape.code, "position").drop("number")
    )
    return child.rename({"position": shape.position}) if shape.position else child.drop("position")
