"""What an engine returns for an audit: the cube, the rows it read, and what it noticed."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class CountedCube:
    """Counts of an extract.

    Attributes:
        cube: The cube (see `ebi_rules.cube`).
        rows: How many rows were read.
        notices: What the user must know about the extract, with exact counts.
    """

    cube: pl.DataFrame
    rows: int
    notices: tuple[str, ...]
