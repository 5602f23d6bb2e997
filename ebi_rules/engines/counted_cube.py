"""What an engine returns for an audit: the cube, the rows it read, and what it noticed."""

from dataclasses import dataclass

import polars as pl

from ebi_rules.engines.findings import Finding


@dataclass(frozen=True)
class CountedCube:
    """Counts of an extract.

    Attributes:
        cube: The cube (see `ebi_rules.cube`).
        rows: How many rows were read.
        notices: What the user must know about the extract, with exact counts.
        findings: What was found in its values.
    """

    cube: pl.DataFrame
    rows: int
    notices: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
