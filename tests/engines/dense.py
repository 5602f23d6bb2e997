"""Random extracts dense around the low back imaging rule's boundaries, in any layout.

Tokens are near misses as often as hits, and cells are as messy as real ones, so that every branch of every
translator is walked.
"""

import random
from collections.abc import Callable

import polars as pl

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.layouts.layout import ChildTable, Layout
from opcs_icd import ICD10, OPCS4

_TOKENS = {
    OPCS4: [
        "U054",
        "U055",
        "U05.4",
        "u055",
        "U0541",
        "U05",
        "U053",
        "U056",
        "XU054",
        "U05[45]",
        "U132",
        "U133",
        "U134",
        "U135",
        "U136",
        "U211",
        "U212",
        "U213",
        "U216",
        "U217",
        "u21.7",
        "Z665",
        "Z66.5",
        "Z664",
        "Z6651",
        "O162",
        "O161",
        "o162",
        "Z66",
        "",
        "NULL",
        "null",
        "-",
        "&",
        "W903",
        "Z665-",
        "U054.",
        "0162",
    ],
    ICD10: [
        "C00",
        "C509",
        "C99",
        "C7A",
        "C5",
        "C61X",
        "c34.1",
        "D0",
        "D00",
        "D05X",
        "D09",
        "D0A",
        "D36",
        "D360",
        "D37",
        "D480",
        "D48",
        "D49",
        "D490",
        "XC50",
        "M545",
        "M54.5",
        "M545-",
        "M545-D",
        "I10X",
        "",
        "NULL",
        "Null",
        "-",
        "&",
        "G632A",
        "AC509",
    ],
}
_SEPARATORS = ["||", ",", " ,", ", ", "|", ";", " ", ",,", "  ", " || "]
_AGES = [None, -1, 0, 1, 17, 18, 19, 20, 45, 119, 120, 121, 999, 7000, 7001, 7003, 7007, 7008]
_CODES = {
    "administrative_category": [
        None,
        "",
        " ",
        "NULL",
        "null",
        "01",
        "1",
        "02",
        "2",
        " 2",
        "02 ",
        "2 ",
        " 02",
        "0 2",
        "20",
        "002",
        "03",
        "98",
        "99",
    ],
    "attendance_status": [None, "", "NULL", "5", "6", "5 ", " 6", "3", "05", "56", "0", "7"],
}


def random_extract(layout: Layout, rows: int, seed: int) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Return an activity table and child tables of random rows, with whole-number keys."""
    rng = random.Random(seed)
    columns: dict[str, list[object]] = {layout.fields["id"][0]: list(range(rows))}
    schema: dict[str, type[pl.DataType]] = {layout.fields["id"][0]: pl.Int64}
    for name in ("age", *_CODES):
        for column in layout.fields.get(name, ()):
            values = _AGES if FIELDS[name].kind is Kind.NUMBER else _CODES[name]
            columns[column] = [rng.choice(values) for _ in range(rows)]
            schema[column] = pl.Int64 if FIELDS[name].kind is Kind.NUMBER else pl.String
    children = {}
    for name, shape in layout.codes.items():
        tokens = _TOKENS[CODE_FIELDS[name]]
        if isinstance(shape, ChildTable):
            children[name] = _child(rng, rows, tokens, shape)
        else:
            names = shape.names(shape.templates[0])[:5]
            cell = _few_tokens if len(names) == 1 else _one_token
            for column in names:
                columns[column] = [cell(rng, tokens) for _ in range(rows)]
                schema[column] = pl.String
    return pl.DataFrame(columns, schema=schema), children


def _few_tokens(rng: random.Random, tokens: list[str]) -> str | None:
    if rng.random() < 0.15:
        return rng.choice([None, "", "NULL", "||", " ", ","])
    text = rng.choice(["||", "", " "])
    for _ in range(rng.randint(1, 4)):
        text += rng.choice(tokens) + rng.choice(_SEPARATORS)
    return text if rng.random() < 0.3 else text.rstrip(",|; ")


def _one_token(rng: random.Random, tokens: list[str]) -> str | None:
    if rng.random() < 0.45:
        return None
    return rng.choice(tokens) if rng.random() < 0.95 else _few_tokens(rng, tokens)


def _child(rng: random.Random, rows: int, tokens: list[str], shape: ChildTable) -> pl.DataFrame:
    """Return child rows in no order, their positions unlike their order, a few of them without an activity."""
    table = []
    for key in range(rows + rows // 50):
        positions = rng.sample(range(1, 30), rng.randint(0, 4))
        cell: Callable[[random.Random, list[str]], str | None] = _one_token
        table += [(key, cell(rng, tokens), position) for position in positions]
    rng.shuffle(table)
    schema: dict[str, type[pl.DataType]] = {shape.key: pl.Int64, shape.code: pl.String, "position": pl.Int64}
    frame = pl.DataFrame(table, schema=schema, orient="row")
    return frame.rename({"position": shape.position}) if shape.position else frame.drop("position")
