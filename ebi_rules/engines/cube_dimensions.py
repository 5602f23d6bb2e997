"""The dimensions of a cube as keys to group rows by: months, age bands, codes and the labels of codes."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import polars as pl

from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.labels import Recoding
from ebi_rules.criteria.nodes import CodeAtom, FieldAtom, atoms
from ebi_rules.cube import AGE_BANDS
from ebi_rules.engines.coded_fields import CodedField
from ebi_rules.engines.packed_keys import Part
from ebi_rules.engines.polars_answers import decide
from ebi_rules.engines.polars_dates import age_band_number
from ebi_rules.engines.row_reader import DAY, ReadRows, RowReader, number_column
from ebi_rules.translate.placed import Placed

_WIDE = 2**32 - 1
_FEW, _SOME, _MANY = 2**6 - 1, 2**12 - 1, 2**18 - 1
"""How many values a key has room for at first: of a closed field, of an organisation that provides care, of others."""

_FIRST_YEAR, _LAST_YEAR = 1900, 2069
_OFFSET = 2**31
"""Added to whole numbers so that none is below 1: keys to group by start at 0, which stands for a missing value."""


class Dimension(ABC):
    """One dimension of a cube: a key to group by, of which 0 stands for a missing value.

    Attributes:
        name: Its name.
        highest: The highest value that there is room for.
    """

    def __init__(self, name: str, highest: int) -> None:
        self.name, self.highest = name, highest

    @property
    def part(self) -> Part:
        """The key."""
        return Part(self.name, self.highest)

    @abstractmethod
    def read(self, rows: ReadRows) -> Placed[np.int64]:
        """Return the key of rows."""

    @abstractmethod
    def spelt(self, key: pl.Expr) -> pl.Expr:
        """Return keys as text, once all rows were read."""


def dimension(name: str, reader: RowReader, is_wide: bool) -> Dimension:
    """Return a dimension of a cube.

    Args:
        name: provider, month, age_band, sex or a field.
        reader: The reader of the rows.
        is_wide: Whether the key has room for as many values as there can be.
    """
    binding = reader.extract.binding
    if name == "month" and "activity_date" in binding.fields:
        return _Months(is_wide)
    if name == "age_band" and "age" in binding.fields:
        return _AgeBands()
    if name not in binding.fields:
        return _Absent(name)
    recoding = binding.recodings.get(name)
    if recoding is not None:
        return _SplitLabels(recoding) if recoding.is_split else _Labels(recoding, reader.coded[recoding.field])
    return _Codes(name, reader.coded[name], is_wide) if name in reader.coded else _WholeNumbers(name)


def atoms_of_dimensions(names: Iterable[str], recodings: Iterable[Recoding]) -> list[CodeAtom | FieldAtom]:
    """Return the atoms that dimensions need an answer to: those of labels that depend on two fields."""
    split = [recoding for recoding in recodings if recoding.is_split and recoding.name in set(names)]
    return [atom for each in split for label in _decided_labels(each) for atom in atoms(each.among([label]))]


class _Absent(Dimension):
    """A dimension that the extract has no column for."""

    def __init__(self, name: str) -> None:
        super().__init__(name, 0)

    def read(self, rows: ReadRows) -> Placed[np.int64]:
        return Placed(np.zeros(1, np.int64), np.zeros(rows.rows, np.int64))

    def spelt(self, key: pl.Expr) -> pl.Expr:
        return pl.lit(None, pl.String)


class _Months(Dimension):
    """The month of the activity, counted from the first month of a year."""

    def __init__(self, is_wide: bool) -> None:
        self._first = 0 if is_wide else _FIRST_YEAR
        super().__init__("month", 12 * (10_000 if is_wide else _LAST_YEAR + 1 - _FIRST_YEAR))

    def read(self, rows: ReadRows) -> Placed[np.int64]:
        return rows.by_value(DAY, self.name, self._number)

    def _number(self) -> pl.Expr:
        year = pl.col(DAY).dt.year().cast(pl.Int64) - self._first
        month = year * 12 + pl.col(DAY).dt.month()
        # Before the first month there is no room or, if the first year is 0, one month for all: 0 means missing.
        month = month.clip(lower_bound=1) if self._first == 0 else pl.when(month < 1).then(-1).otherwise(month)
        return month.fill_null(0)

    def spelt(self, key: pl.Expr) -> pl.Expr:
        number = key.cast(pl.Int64) - 1
        year, month = ((number // 12 + self._first).cast(pl.String), (number % 12 + 1).cast(pl.String))
        return pl.when(key > 0).then(pl.format("{}-{}", year.str.zfill(4), month.str.zfill(2)))


class _AgeBands(Dimension):
    """The age band of the patient."""

    def __init__(self) -> None:
        super().__init__("age_band", len(AGE_BANDS))

    def read(self, rows: ReadRows) -> Placed[np.int64]:
        age = pl.col(number_column("age")).cast(pl.Int32, strict=False)
        band = age_band_number(age) + 1
        return rows.by_value(number_column("age"), self.name, lambda: band.fill_null(0).cast(pl.Int64))

    def spelt(self, key: pl.Expr) -> pl.Expr:
        return _looked_up(AGE_BANDS, key)


class _Codes(Dimension):
    """The codes of a field."""

    def __init__(self, name: str, coded: CodedField, is_wide: bool) -> None:
        provides = name in ("provider", "site", "treatment_function")
        room = _FEW if FIELDS[name].is_closed else _SOME if provides else _MANY
        super().__init__(name, _WIDE if is_wide else room)
        self._coded = coded

    def read(self, rows: ReadRows) -> Placed[np.int64]:
        return rows.numbers[self.name]

    def spelt(self, key: pl.Expr) -> pl.Expr:
        return _looked_up(self._coded.texts[1:], key)


class _Labels(Dimension):
    """The labels of the codes of a field."""

    def __init__(self, recoding: Recoding, coded: CodedField) -> None:
        self._labels = dict(zip(recoding.known, range(1, len(recoding.known) + 1), strict=True))
        super().__init__(recoding.name, len(self._labels))
        self._field, self._coded = recoding.field, coded
        coded.place_by(self.name, lambda text: self._labels.get(recoding.label(text) or "", 0))

    def read(self, rows: ReadRows) -> Placed[np.int64]:
        return self._coded.places(self.name, rows.numbers[self._field])

    def spelt(self, key: pl.Expr) -> pl.Expr:
        return _looked_up(list(self._labels), key)


class _SplitLabels(Dimension):
    """Labels that depend on the codes of two fields."""

    def __init__(self, recoding: Recoding) -> None:
        super().__init__(recoding.name, len(recoding.known))
        self._known = recoding.known
        self._otherwise = recoding.known.index(recoding.otherwise) + 1 if recoding.otherwise else 0
        self._criteria = {recoding.among([label]): label for label in _decided_labels(recoding)}

    def read(self, rows: ReadRows) -> Placed[np.int64]:
        found = np.full(rows.rows, self._otherwise, np.int64)
        for criterion, has_label in decide(rows, self._criteria).items():
            found[has_label] = self._known.index(self._criteria[criterion]) + 1
        return Placed(found)

    def spelt(self, key: pl.Expr) -> pl.Expr:
        return _looked_up(self._known, key)


class _WholeNumbers(Dimension):
    """The whole numbers of a field."""

    def __init__(self, name: str) -> None:
        super().__init__(name, 2 * _OFFSET)

    def read(self, rows: ReadRows) -> Placed[np.int64]:
        column = number_column(self.name)
        number = pl.col(column).cast(pl.Int32, strict=False).cast(pl.Int64) + (_OFFSET + 1)
        return rows.by_value(column, self.name, lambda: number.fill_null(0))

    def spelt(self, key: pl.Expr) -> pl.Expr:
        return pl.when(key > 0).then((key.cast(pl.Int64) - _OFFSET - 1).cast(pl.String))


def _decided_labels(recoding: Recoding) -> list[str]:
    """Return the labels of a recoding that a criterion decides: all but that of what is left."""
    return [label for label in recoding.known if label != recoding.otherwise]


def _looked_up(texts: Iterable[str], key: pl.Expr) -> pl.Expr:
    """Return the texts that keys from 1 stand for."""
    return pl.lit(pl.Series([None, *texts], dtype=pl.String)).gather(key)
