"""A value for each row, kept as a few values and the place of each row's among them: work is done on the few."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ebi_rules.translate.view_table import Numbers

_Item = TypeVar("_Item", bound=np.generic)
_Other = TypeVar("_Other", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Placed(Generic[_Item]):
    """A value for each row.

    Attributes:
        values: The values; some may be those of no row.
        places: The place of each row's value; None if the values are those of the rows, one by one.
    """

    values: npt.NDArray[_Item]
    places: Numbers | None = None

    def of_rows(self) -> npt.NDArray[_Item]:
        """Return the value of each row."""
        found: npt.NDArray[_Item] = self.values if self.places is None else self.values[self.places]
        return found

    def changed(self, change: Callable[[npt.NDArray[_Item]], npt.NDArray[_Other]]) -> "Placed[_Other]":
        """Return other values for the same rows, each worked out from the value it replaces."""
        return Placed(change(self.values), self.places)

    def looked_up(self, table: npt.NDArray[_Other]) -> "Placed[_Other]":
        """Return what a table has at each value, which is a whole number."""
        found: npt.NDArray[Any] = table[self.values]
        return Placed(found, self.places)

    def taken(self, rows: Numbers) -> "Placed[_Item]":
        """Return the values of some rows."""
        return Placed(self.values[rows]) if self.places is None else Placed(self.values, self.places[rows])
