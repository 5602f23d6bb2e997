"""Read the rows of whole parquet files by their row groups, with what child tables say of their codes."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from ebi_rules.engines.key_ranges import have_whole_keys, parts_by_key
from ebi_rules.engines.row_groups import RowGroups
from ebi_rules.engines.row_reader import ReadRows, RowReader
from ebi_rules.translate.repeated_texts import RepeatedTexts

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class WholeFiles:
    """An extract whose rows can be read by row groups.

    Attributes:
        reader: What reads the rows.
    """

    reader: RowReader
    _inputs: Sequence[pl.Expr]
    _texts: Mapping[str, str]
    _row_groups: RowGroups

    @classmethod
    def of(cls, reader: RowReader, code_fields: Collection[str], further: Collection[str] = ()) -> "WholeFiles | None":
        """Return the files of an extract; None if its rows must be read in another way.

        Child tables are read now.

        Args:
            reader: What reads the rows.
            code_fields: The fields of codes that are asked for.
            further: Columns of the extract that are read as they are.
        """
        extract = reader.extract
        texts = reader.text_columns()
        inputs = list(reader.inputs(texts))
        columns = list(dict.fromkeys([*(name for each in inputs for name in each.meta.root_names()), *further]))
        row_groups = RowGroups(extract.table, columns, list(dict.fromkeys(texts.values())))
        has_children = any(map(extract.binding.child, code_fields))
        if (has_children and not have_whole_keys(extract)) or not row_groups.can_be_read():
            return None
        if has_children:
            reader.attach_by_key(parts_by_key(extract))
        return cls(reader, inputs, texts, row_groups)

    def read(self, use: Callable[[ReadRows, pl.DataFrame], _Result]) -> Iterator[_Result]:
        """Read all rows, several row groups at a time, and yield what is made of each batch, in order.

        Args:
            use: Called with the rows, and with the columns that they came from.

        Raises:
            DamagedExtractError: A file is damaged.
        """

        def read(rows: pl.DataFrame, by_column: Mapping[str, RepeatedTexts]) -> _Result:
            # Lazily, so that what several columns are made of is worked out once.
            batch = self.reader.with_children(rows.lazy().select(self._inputs).collect())
            return use(self.reader.read(batch, {name: by_column[column] for name, column in self._texts.items()}), rows)

        return self._row_groups.read(read)
