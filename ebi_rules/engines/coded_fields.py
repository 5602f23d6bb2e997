"""Read a coded field row by row: each distinct value has a number, and atoms are decided once for each."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

import numpy as np
import polars as pl

from ebi_rules.criteria.nodes import FieldAtom
from ebi_rules.engines.code_tokens import Truths
from ebi_rules.engines.code_words import packed
from ebi_rules.engines.coded_values import ROWS, VALUE, truth_of_values
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.engines.tally import NumberTally
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.placed import Placed
from ebi_rules.translate.polars import raw_code
from ebi_rules.translate.repeated_texts import RepeatedTexts
from ebi_rules.translate.text_numbers import TextNumbers
from ebi_rules.translate.view_table import Numbers


class CodedField:
    """The values of one coded field, numbered as they are met; 0 stands for a missing value and for an empty text.

    Args:
        name: The field.
        binding: The extract's layout, bound to its columns.
        schema: The types of its columns.
        atoms: The atoms to decide, all about this field.

    Attributes:
        texts: The values by number.
    """

    def __init__(
        self,
        name: str,
        binding: Binding,
        schema: Mapping[str, pl.DataType],
        atoms: Sequence[FieldAtom] = (),
    ) -> None:
        self.column = f"{PREFIX}coded_{name}"
        self.texts: list[str] = []
        self._name = name
        self._binding, self._schema = binding, schema
        self._atoms = list(atoms)
        self._truths = np.zeros((0, len(self._atoms)), np.bool_)
        self._places: dict[str, tuple[Callable[[str], int], Numbers]] = {}
        self._lock = Lock()
        self._rows = NumberTally()
        self._nulls = 0
        self._numbers = TextNumbers(self._learn)

    def input(self) -> pl.Expr:
        """Return the column to read."""
        return raw_code(self._binding, self._name, self._schema).alias(self.column)

    @property
    def text_column(self) -> str | None:
        """The column of the extract that has the values as they are; None if they are made of it, or of several."""
        columns = self._binding.fields[self._name]
        return columns[0] if len(columns) == 1 and self._schema[columns[0]] == pl.String else None

    def read(self, values: pl.Series | RepeatedTexts) -> Placed[np.int64]:
        """Return the number of each row's value."""
        if isinstance(values, RepeatedTexts):
            numbers, nulls = Placed(self._numbers.of(values.texts), values.places), values.nulls
            self._rows.add(numbers.values, values.rows)
        else:
            numbers, nulls = Placed(self._numbers.of(values)), values.null_count()
            self._rows.add(numbers.values)
        with self._lock:
            self._nulls += nulls
        return numbers

    def truth(self, atom: FieldAtom, numbers: Placed[np.int64]) -> Truths:
        """Return whether an atom holds for rows with these values."""
        return numbers.looked_up(self._truths[:, self._atoms.index(atom)]).of_rows()

    def truths(self, atoms: Sequence[FieldAtom], numbers: Placed[np.int64]) -> Placed[np.int64]:
        """Return whether atoms hold for rows with these values, as bits, the first the lowest."""
        truths = self._truths
        return numbers.looked_up(packed([truths[:, self._atoms.index(atom)] for atom in atoms], len(truths)))

    def place_by(self, name: str, place: Callable[[str], int]) -> None:
        """Work out a further number for each value as it is met, for `places`; to be called before rows are read."""
        self._places[name] = (place, np.array([place(text) for text in self.texts], np.int64))

    def places(self, name: str, numbers: Placed[np.int64]) -> Placed[np.int64]:
        """Return the further number of rows with these values."""
        return numbers.looked_up(self._places[name][1])

    def distinct(self) -> pl.DataFrame:
        """Return one row per distinct value, `VALUE`, with the number of rows that have it (`ROWS`)."""
        first, *others = self._rows.rows.tolist()
        rows = [first - self._nulls, *others]
        frame = pl.DataFrame(
            {VALUE: [None, *self.texts], ROWS: [self._nulls, *rows[: len(self.texts)]]},
            schema={VALUE: pl.String, ROWS: pl.Int64},
        )
        return frame.filter(pl.col(ROWS) > 0)

    def _learn(self, numbers: Numbers, texts: pl.Series) -> None:
        room = int(numbers.max()) + 1 - len(self.texts)
        if room > 0:
            self._truths = np.concatenate([self._truths, np.zeros((room, len(self._atoms)), np.bool_)])
            self.texts += [""] * room
            for name, (place, places) in self._places.items():
                self._places[name] = (place, np.concatenate([places, np.zeros(room, np.int64)]))
        for column, atom in enumerate(self._atoms):
            self._truths[numbers, column] = truth_of_values(self._binding, self._name, texts, atom)
        for number, text in zip(numbers, texts, strict=True):
            self.texts[number] = text
            for place_of, places in self._places.values():
                places[number] = place_of(text)
