"""Texts of rows as the different texts and the place of each row's among them."""

from dataclasses import dataclass

import polars as pl

from ebi_rules.translate.view_table import Numbers


@dataclass(frozen=True, eq=False)
class RepeatedTexts:
    """The texts of some rows.

    Attributes:
        texts: Texts, of which some may be in no row.
        places: The place of each row's text.
        rows: How many rows have each text.
        nulls: How many rows have no text.
    """

    texts: pl.Series
    places: Numbers
    rows: Numbers
    nulls: int
