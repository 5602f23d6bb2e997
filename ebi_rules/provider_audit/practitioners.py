"""Comparison of the people who treat or refer: it replaces their codes with pseudonyms.

Which practitioners are shown is decided in `rate_tables`: those with enough expected.
"""

import random
from collections.abc import Iterable

import polars as pl

from ebi_rules.criteria.fields import PRACTITIONERS
from ebi_rules.cube import dimensions_of, in_order

CAUTION = (
    "Practitioners are compared so that they can look at their own practice beside that of their colleagues. The data "
    "do not show what they saw, a code may belong to the person responsible and not to the person who asked, and small "
    "numbers say little. Do not use this for appraisal, publication or payment."
)


def practitioner_fields(fields: Iterable[str]) -> list[str]:
    """Return those of some fields that identify practitioners.

    Example:
        >>> practitioner_fields(["provider", "consultant"])
        ['consultant']
    """
    return [name for name in fields if name in PRACTITIONERS]


def with_pseudonyms(cube: pl.DataFrame, fields: Iterable[str]) -> pl.DataFrame:
    """Return a cube with pseudonyms instead of practitioners' codes.

    Pseudonyms are numbers in a random order, new in every call and stored nowhere.

    Args:
        cube: The cube.
        fields: Its fields; only those that identify practitioners are changed.
    """
    names = practitioner_fields(fields)
    for name in names:
        codes = cube[name].cast(pl.String).drop_nulls().unique().sort().to_list()
        random.SystemRandom().shuffle(codes)
        width = len(str(len(codes)))
        pseudonyms = {code: f"{name} {number:0{width}d}" for number, code in enumerate(codes, start=1)}
        code = pl.col(name).cast(pl.String)
        pseudonym = code.replace_strict(pseudonyms, default=None, return_dtype=pl.String)
        cube = cube.with_columns(pseudonym.cast(pl.Categorical()).alias(name))
    return in_order(cube, dimensions_of(cube)) if names else cube
