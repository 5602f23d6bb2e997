"""Whole numbers or days of rows as a range, and the place of each row's number: work is done once for each number."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import polars as pl

from ebi_rules.engines.distinct_numbers import rows_of_each
from ebi_rules.translate.filled_numbers import filled
from ebi_rules.translate.placed import Placed
from ebi_rules.translate.view_table import Numbers

_ANSWER = "answer"
_FAR = 2**62


@dataclass(frozen=True, eq=False)
class PlacedNumbers:
    """The whole numbers, or the days, of some rows.

    Attributes:
        values: Null and all numbers from the lowest to the highest; or the rows' own values, if those lie far apart.
        places: The place of each row's number; None if the values are those of the rows, one by one.
        lowest: The lowest number, days as their number since 1970; 0 without places.
    """

    values: pl.Series
    places: Numbers | None
    lowest: int = 0

    @classmethod
    def of(cls, values: pl.Series) -> "PlacedNumbers":
        """Return the numbers of a column."""
        numbers = values.cast(pl.Int32) if values.dtype == pl.Date else values
        lowest, highest = numbers.min(), numbers.max()
        if not isinstance(lowest, int) or not isinstance(highest, int) or not -_FAR < lowest <= highest < _FAR:
            return cls(values, None)
        if highest - lowest > len(values):
            return cls(values, None)
        every = pl.Series(values.name, [None, *range(lowest, highest + 1)], numbers.dtype).cast(values.dtype)
        return cls(every, filled(numbers, lowest - 1) - (lowest - 1), lowest)

    def counted(self) -> pl.DataFrame:
        """Return the numbers of the rows, each with how many rows have it: the column of values, and `rows`."""
        known = self.values.drop_nulls()
        if self.places is None:
            return known.value_counts(name="rows")
        rows = rows_of_each(self.places, len(self.values))[1:]
        is_there = rows > 0
        return pl.DataFrame([known.filter(pl.Series(is_there)), pl.Series("rows", rows[is_there])])


class KnownAnswers:
    """What expressions give for a range of numbers, the last range of each: batches of rows often have the same."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[int, int, npt.NDArray[Any]]] = {}

    def of(self, asked: Hashable, numbers: PlacedNumbers, expression: Callable[[], pl.Expr]) -> Placed[Any]:
        """Return what an expression gives for the number of each row.

        Args:
            asked: What is asked: the same for the same expression.
            numbers: The numbers.
            expression: Returns the expression, over a column that is named as the numbers are.
        """
        values = numbers.values
        if numbers.places is None:
            return Placed(_answers(values, expression()))
        known = self._known.get(asked)
        if known is None or known[:2] != (numbers.lowest, len(values)):
            known = self._known[asked] = (numbers.lowest, len(values), _answers(values, expression()))
        return Placed(known[2], numbers.places)


def _answers(values: pl.Series, expression: pl.Expr) -> npt.NDArray[Any]:
    return values.to_frame().select(expression.alias(_ANSWER)).to_series().to_numpy()
