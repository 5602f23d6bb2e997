"""The counts of one table as they may be shown: every series of counts has the same groups, in the same order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from ebi_rules.translate.view_table import Numbers

SeriesKey = tuple[str | None, str, str | None]
"""What identifies a series of counts: rule, measure, item."""

_ORDER = ("rule", "measure", "item", "provider", "unit", "month", "value")
"""The columns by which cells are in order."""


@dataclass(frozen=True, repr=False)
class TableCells:
    """The cells of one table.

    Attributes:
        rows: The cells, series by series (see `Counts.cells`).
    """

    rows: pl.DataFrame

    @cached_property
    def groups(self) -> pl.DataFrame:
        """The cells of activity: one row per group, in the order of the groups in every series."""
        return self.rows.filter(pl.col("measure") == "activity")

    @cached_property
    def first(self) -> dict[SeriesKey, int]:
        """The place of the first cell of each series."""
        if not self.groups.height:
            return {}
        firsts = self.rows.select("rule", "measure", "item").gather_every(self.groups.height)
        return {series: place * self.groups.height for place, series in enumerate(firsts.iter_rows())}

    def places(self, series: Iterable[SeriesKey], groups: Numbers) -> pl.Series:
        """Return the places of the cells of some series, one series after the other; null if there is no such series.

        Args:
            series: The series.
            groups: The numbers of the groups, in the order in which each series has them.
        """
        first = pl.Series([self.first.get(each) for each in series], dtype=pl.Int64)
        starts = first.gather(np.repeat(np.arange(first.len()), groups.size))
        return starts + pl.Series(np.tile(groups, first.len()), dtype=pl.Int64)


def in_order(rows: pl.DataFrame, columns: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Return rows in the order of columns worked out from them, as text: providers, units, months, values.

    Args:
        rows: The rows.
        columns: What the columns of cells are, in these rows.
    """
    names = [name for name in _ORDER if name in columns]
    order = rows.with_columns(columns[name].cast(pl.String).alias(name) for name in names)
    return rows[order.select(pl.arg_sort_by(names, nulls_last=True)).to_series()]
