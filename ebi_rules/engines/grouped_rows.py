"""Groups of rows as a table of counts: one row per cell of the cube, one column per combination of answers.

An extract of millions of rows has some hundred thousand groups, but only some thousand combinations of answers.
Whatever depends on answers is therefore worked out once for each combination, and added up over the cells by a product
of two sparse tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ebi_rules.engines.distinct_numbers import number_rows
from ebi_rules.translate.view_table import Numbers

Places = npt.NDArray[np.integer]
"""Places in a list: numbers as small as there is room for."""


@dataclass(frozen=True, eq=False)
class GroupedRows:
    """The rows of an extract by cell and by combination of answers.

    Attributes:
        cells: The dimensions, one row per cell, in the order of a cube.
        combinations: One row per combination of answers: answers, verdicts and criteria.
        rows: How many rows each cell (by row) has of each combination (by column).
    """

    cells: pl.DataFrame
    combinations: pl.DataFrame
    rows: sparse.csr_array

    def activity(self) -> Numbers:
        """Return the number of rows of each cell."""
        found: Numbers = self.rows.sum(axis=1)
        return found

    def where(self, truth: pl.Expr) -> Numbers:
        """Return the number of rows of each cell for which an expression over `combinations` is true."""
        found: Numbers = self.rows @ self._truths([truth])[:, 0].astype(np.int64)
        return found

    def counts(self, truths: Sequence[Sequence[pl.Expr]]) -> Iterator[tuple[Places, Places, Numbers]]:
        """Count the rows of each cell for which expressions over `combinations` are true.

        Args:
            truths: Expressions, in several lists. Those that are true for the same combinations are counted once.

        Yields:
            For each list, for each count above 0, its cell, the place of its expression, and the count; cells in order
            and, in each, expressions in order.
        """
        every = self._truths([truth for of_list in truths for truth in of_list])
        place_of: dict[bytes, int] = {}
        places = np.array([place_of.setdefault(truth.tobytes(), len(place_of)) for truth in every.T], np.int64)
        _, first = np.unique(places, return_index=True)
        counted = (self.rows @ sparse.csr_array(every[:, first].astype(np.int64))).tocsc()
        ends = list(accumulate(map(len, truths)))
        for start, end in pairwise([0, *ends]):
            table = counted[:, places[start:end]].tocsr()
            cells = np.repeat(np.arange(table.shape[0], dtype=table.indices.dtype), np.diff(table.indptr))
            yield cells, table.indices, table.data

    def _truths(self, truths: Sequence[pl.Expr]) -> npt.NDArray[np.bool_]:
        """Return whether expressions (columns) are true for each combination (rows)."""
        columns = [truth.alias(str(place)) for place, truth in enumerate(truths)]
        if not columns:
            return np.zeros((self.combinations.height, 0), np.bool_)
        return (
            self.combinations.with_columns(columns).select(column.meta.output_name() for column in columns).to_numpy()
        )


def cells_in_order(dimensions: Mapping[str, tuple[pl.Series, Numbers]], rows: int) -> tuple[pl.DataFrame, Numbers]:
    """Return the cells of some rows, in the order of a cube, and the cell of each row.

    Args:
        dimensions: For each dimension its texts, some of which may be alike or missing, and the place of each row's.
        rows: How many rows there are.
    """
    places: dict[str, Numbers] = {}
    texts: dict[str, pl.Series] = {}
    for name, (values, place) in dimensions.items():
        texts[name] = values.drop_nulls().unique().sort()
        in_order = values.cast(pl.Enum(texts[name])).to_physical().fill_null(len(texts[name]))
        places[name] = in_order.to_numpy().astype(np.int64)[place]
    first, cell = number_rows(list(places.values()), rows)
    cells = {
        name: pl.Series(name, [*texts[name], None], dtype=pl.Categorical()).gather(places[name][first])
        for name in places
    }
    return pl.DataFrame(cells), cell


def table_of_rows(cells: Numbers, combinations: Numbers, rows: Numbers, height: int) -> sparse.csr_array:
    """Return how many rows each cell has of each combination.

    Args:
        cells: The cell of each group.
        combinations: The combination of answers of each group.
        rows: How many rows each group has.
        height: How many combinations there are.
    """
    shape = (int(cells.max(initial=-1)) + 1, height)
    return sparse.csr_array(sparse.coo_array((rows, (cells, combinations)), shape=shape))
