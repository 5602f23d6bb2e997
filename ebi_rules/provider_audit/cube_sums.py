"""Sums of a cube by some of its columns.

A cube of many rules and providers has millions of rows. They are added up by one number, made of the numbers of their
categories, which takes half the time that several columns do.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import polars as pl

_GROUP = "group"


@dataclass(frozen=True, repr=False)
class CubeSums:
    """Sums of a cube.

    Attributes:
        cube: The cube; its texts are categories.
    """

    cube: pl.DataFrame

    def by(self, keys: Sequence[str], measures: Collection[str] | None = None) -> pl.DataFrame:
        """Return the counts of a cube added up.

        Args:
            keys: The columns to add up by.
            measures: The measures that are added up; None for all.

        Returns:
            One row per group, in no certain order: the keys, count.

        Example:
            >>> rows = {"sex": ["1", "2", "1"], "measure": ["activity", "activity", "eligible"], "count": [4, 5, 6]}
            >>> cube = pl.DataFrame(rows).with_columns(pl.col(pl.String).cast(pl.Categorical()))
            >>> CubeSums(cube).by(["sex"], ["activity"]).sort("sex").rows()
            [('1', 4), ('2', 5)]
        """
        cube = self.cube.lazy()
        if measures is not None:
            cube = cube.filter(pl.col("measure").is_in(list(measures)))
        total = pl.col("count").sum()
        group = self.group(keys)
        if len(group) > 1:
            return cube.group_by(group).agg(total).collect(engine="streaming")
        sums = cube.select(*group, "count").group_by(_GROUP).agg(total).collect(engine="streaming")
        columns, left = [], pl.col(_GROUP)
        for name in reversed(keys):
            size = self._sizes[name]
            number = (left % size).cast(pl.UInt32)
            columns.append(pl.when(number < size - 1).then(number).cat.to(pl.Categorical()).alias(name))
            left = left // size
        return sums.select(*reversed(columns), "count")

    def group(self, keys: Sequence[str]) -> list[pl.Expr]:
        """Return what rows of one group have in common: one number, made of those of the keys, or the keys themselves.

        Args:
            keys: The columns that the group is by.
        """
        sizes = [self._sizes[name] for name in keys]
        if prod(sizes) >= 2**64:
            return [pl.col(name) for name in keys]
        number = pl.lit(0, pl.UInt64)
        for name, size in zip(keys, sizes, strict=True):
            number = number * size + pl.col(name).to_physical().fill_null(size - 1).cast(pl.UInt64)
        return [number.alias(_GROUP)]

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """How many numbers each column of categories has; the last stands for a missing value."""
        highest = self.cube.select(pl.col(pl.Categorical()).to_physical().max().fill_null(0)).row(0, named=True)
        return {name: number + 2 for name, number in highest.items()}
