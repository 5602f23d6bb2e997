"""Read files together that differ in what makes no difference: the case of names, and types of one kind.

Columns that cannot be united are left out, with the reason: it matters only if somebody uses the column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ebi_rules.engines.extract import InputFile, Table
from ebi_rules.layouts.column_names import bare_name

ALIKE = "Give the column the same name and type in every file."
"""How to mend files that differ in a column that is needed."""


@dataclass(frozen=True)
class AlikeFiles:
    """Files with the same columns.

    Attributes:
        first: The first of them.
        frame: Their rows, not yet read.
        schema: Types by column.
    """

    first: Path
    frame: pl.LazyFrame
    schema: Mapping[str, pl.DataType]

    def column(self, name: str) -> str | None:
        """Return a column by its name, in any case and without surrounding blanks; None if it is absent."""
        if name in self.schema:
            return name
        matches = [column for column in self.schema if bare_name(column) == bare_name(name)]
        return matches[0] if len(matches) == 1 else None


def unite(parts: Sequence[AlikeFiles], files: Sequence[InputFile]) -> Table:
    """Return files as one table, in their order, with the names of the first file.

    Args:
        parts: The files, in groups with the same columns; at least one.
        files: Every file.
    """
    first, *others = parts
    if not others:
        return Table(first.frame, first.schema, tuple(files), as_in_files=first.frame)
    names = list(first.schema)
    for other in others:
        names += [name for name in other.schema if not any(bare_name(name) == bare_name(known) for known in names)]
    schema: dict[str, pl.DataType] = {}
    differences: dict[str, str] = {}
    for name in names:
        types = [(part, part.schema[column]) for part in parts if (column := part.column(name))]
        lacking = [part for part in parts if part.column(name) is None]
        united = _united([dtype for _, dtype in types])
        schema[name] = united or pl.Null()
        if lacking:
            differences[name] = f"{lacking[0].first} has no column {name}, which {types[0][0].first} has"
        if united is None:
            (one, its_type), (other, other_type) = _unlike(types)
            differences[name] = f"the column {name} is {other_type} in {other.first} and {its_type} in {one.first}"
    frames = [part.frame.select([_as(part, name, schema[name]) for name in names]) for part in parts]
    return Table(pl.concat(frames), schema, tuple(files), differences=differences)


def _as(part: AlikeFiles, name: str, dtype: pl.DataType) -> pl.Expr:
    column = part.column(name)
    if column is None or dtype == pl.Null:
        return pl.lit(None, dtype).alias(name)
    value = pl.col(column)
    return (value if part.schema[column] == dtype else value.cast(dtype)).alias(name)


def _united(types: Sequence[pl.DataType]) -> pl.DataType | None:
    """Return the type as which columns of these types can be read without loss; None if there is none."""
    kinds = [dtype for dtype in dict.fromkeys(types) if dtype != pl.Null]
    if len(kinds) < 2:
        return kinds[0] if kinds else pl.Null()
    if all(dtype in (pl.String, pl.Categorical) or isinstance(dtype, pl.Enum) for dtype in kinds):
        return pl.String()
    if all(dtype.is_integer() for dtype in kinds):
        return pl.Int64() if pl.UInt64 not in kinds else None
    if all(dtype.is_numeric() for dtype in kinds):
        return pl.Float64()
    times = [dtype for dtype in kinds if isinstance(dtype, pl.Datetime)]
    zones = {dtype.time_zone for dtype in times}
    if len(times) == len(kinds):
        if len(zones) == 1:
            return pl.Datetime("us", zones.pop())
        return None if None in zones else pl.Datetime("us", "UTC")
    if all(isinstance(dtype, pl.Datetime | pl.Date) for dtype in kinds) and zones == {None}:
        return pl.Datetime("us")
    return None


def _unlike(types: Sequence[tuple[AlikeFiles, pl.DataType]]) -> list[tuple[AlikeFiles, pl.DataType]]:
    """Return the first file, and the first whose type cannot be united with its type."""
    first = next(((part, dtype) for part, dtype in types if dtype != pl.Null), types[0])
    return [first, next(entry for entry in types if _united([first[1], entry[1]]) is None or entry is types[-1])]
