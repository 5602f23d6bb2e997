"""Comparing people who treat or refer: pseudonyms for their codes, and only those of whom enough is expected."""

import random
from collections.abc import Iterable

import polars as pl

from ebi_rules.criteria.fields import PRACTITIONERS
from ebi_rules.cube import dimensions_of, in_order

CAUTION = (
    "Practitioners are compared so that they can look at their own practice with their colleagues. The data do not "
    "show what they saw, a code may be that of the person responsible and not of who asked, and few cases say little: "
    "not for appraisal, publication or payment."
)


def practitioner_fields(fields: Iterable[str]) -> list[str]:
    """Give those of some fields that name practitioners."""
    return [name for name in fields if name in PRACTITIONERS]


def with_pseudonyms(cube: pl.DataFrame, fields: Iterable[str]) -> pl.DataFrame:
    """Put pseudonyms in the place of practitioners' codes: numbers in an order drawn at every call, kept nowhere."""
    for name in practitioner_fields(fields):
        codes = cube[name].cast(pl.String).drop_nulls().unique().sort().to_list()
        random.SystemRandom().shuffle(codes)
        width = len(str(len(codes)))
        pseudonyms = {code: f"{name} {place:0{width}d}" for place, code in enumerate(codes, start=1)}
        cube = cube.with_columns(
            pl.col(name)
            .cast(pl.String)
            .replace_strict(pseudonyms, default=None, return_dtype=pl.String)
            .cast(pl.Categorical())
            .alias(name)
        )
    return in_order(cube, dimensions_of(cube)) if practitioner_fields(fields) else cube
