"""Ranges of keys: a large extract with child tables is counted in parts, each with the codes of its own activities."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.file_formats import PARQUET, kind_of
from ebi_rules.engines.lazy_frames import collect

_SAMPLED = 10_000
"""One key in so many tells where ranges begin."""

_ROWS_IN_PART = 25_000_000
"""Polars joins so many activities to their codes at once."""

_ACTIVITIES_AT_ONCE = 5_000_000
"""The codes of so many activities are decided at once where answers are looked up by key."""


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


def parts_of_rows(extract: FrameExtract, code_fields: Collection[str]) -> Iterator[tuple[pl.LazyFrame, KeyRange]]:
    """Yield the rows of an extract: in parts if their codes are in child tables, of which Polars joins all at once.

    Only whole files of parquet can be read in parts.

    Args:
        extract: The extract.
        code_fields: The fields of codes that are asked for.
    """
    table, key = extract.table, extract.binding.key
    rows = sum(file.rows for file in table.files)
    children = {name: child for name in code_fields if (child := extract.binding.child(name))}
    is_other = table.is_filtered or any(kind_of(Path(file.path)) is not PARQUET for file in table.files)
    types = {extract.children[name].schema[child.key] for name, child in children.items()}
    if not children or is_other or rows <= _ROWS_IN_PART or types - {table.schema[key]}:
        yield table.frame, EVERY_KEY
    else:
        for part in ranges_of_keys(table.frame, key, rows, _ROWS_IN_PART):
            yield table.frame.filter(part.holds(pl.col(key))), part


def parts_by_key(extract: FrameExtract) -> list[KeyRange]:
    """Return ranges that hold all keys, in which the codes of child tables are decided, several at the same time."""
    rows = sum(file.rows for file in extract.table.files)
    if rows <= _ACTIVITIES_AT_ONCE:
        return [EVERY_KEY]
    return ranges_of_keys(extract.table.frame, extract.binding.key, rows, _ACTIVITIES_AT_ONCE)


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
