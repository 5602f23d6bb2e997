"""Ranges of keys: a large extract with child tables is counted in parts, each with the codes of its own activities."""

from dataclasses import dataclass

import polars as pl

from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import collect

_SAMPLED = 10_000
"""One key in so many tells where ranges begin."""


@dataclass(frozen=True)
class KeyRange:
    """Keys from one up to another.

    Attributes:
        first: The first key; None for all from the lowest on, and rows without a key.
        end: The first key beyond; None for all up to the highest.
    """

    first: object = None
    end: object = None

    def holds(self, key: pl.Expr) -> pl.Expr:
        """Return the expression that a key is in the range."""
        from_first = pl.lit(True) if self.first is None else (key >= pl.lit(self.first)).fill_null(False)
        return from_first if self.end is None else from_first & (key < pl.lit(self.end)).fill_null(self.first is None)


EVERY_KEY = KeyRange()


def have_whole_keys(extract: FrameExtract) -> bool:
    """Return whether keys are whole numbers of one type, in the activity table and in those of its codes."""
    binding = extract.binding
    of_codes = {extract.children[name].schema[child.key] for name in CODE_FIELDS if (child := binding.child(name))}
    types = {extract.table.schema[binding.key], *of_codes}
    return len(types) == 1 and types <= {pl.Int64(), pl.Int32(), pl.UInt32()}


def ranges_of_keys(frame: pl.LazyFrame, key: str, rows: int, rows_in_range: int) -> list[KeyRange]:
    """Return ranges that together hold every row once, each with about as many rows.

    Args:
        frame: The rows.
        key: The column of their keys.
        rows: How many rows there are.
        rows_in_range: About how many there may be in one range.
    """
    parts = -(-rows // rows_in_range)
    every = max(1, min(_SAMPLED, rows_in_range // 4))
    sample = collect(frame.select(pl.col(key).gather_every(every))).to_series().drop_nulls().sort()
    ends = [sample[place * sample.len() // parts] for place in range(1, parts)] if sample.len() else []
    ends = list(dict.fromkeys(ends))
    return [KeyRange(first, end) for first, end in zip([None, *ends], [*ends, None], strict=True)]
