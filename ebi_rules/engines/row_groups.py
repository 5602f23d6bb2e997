"""Read whole parquet files row group by row group, with texts as the file has them: each once, and a place per row.

Writers of parquet keep a column of few different texts as a dictionary. Read so, a text is looked up once for each row
group and not for each row. Only files whose columns Polars and Arrow read alike are read in this way.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ebi_rules.engines.extract import Table
from ebi_rules.engines.file_formats import PARQUET, are_partitioned, kind_of
from ebi_rules.engines.lazy_frames import DamagedExtractError
from ebi_rules.translate.repeated_texts import RepeatedTexts

_ROWS_AT_ONCE = 250_000
Use = Callable[[pl.DataFrame, Mapping[str, RepeatedTexts]], object]
"""Is called with the rows' columns, and with texts by column."""


class RowGroups:
    """The row groups of the files behind a table.

    Args:
        table: The table; `can_be_read` says whether it is as its files are.
        columns: The columns to read as they are.
        texts: The columns of texts to read as dictionaries.
    """

    def __init__(self, table: Table, columns: list[str], texts: list[str]) -> None:
        self._table, self._columns, self._texts = table, columns, texts
        self._files = [Path(file.path) for file in table.files]
        # Arrow reads texts much faster as dictionaries than one by one.
        self._dictionaries = [*texts, *(name for name in columns if table.schema.get(name) == pl.String)]

    def can_be_read(self) -> bool:
        """Return whether the files are parquet, have these columns in the types of the table, and few texts."""
        if not self._texts or not self._table.is_whole:
            return False
        # Where folders have values of columns in their names, a column of a file may not be that of the table.
        if any(kind_of(file) is not PARQUET or are_partitioned([file]) for file in self._files):
            return False
        schema = self._table.schema
        if any(schema.get(name) != pl.String for name in self._texts):
            return False
        for file in self._files:
            arrow = pq.read_schema(file)
            if any(arrow.get_field_index(name) < 0 for name in (*self._columns, *self._texts)):
                return False
            frame = pl.DataFrame(arrow.empty_table().select([*self._columns, *self._texts]))
            if any(dtype != schema[name] for name, dtype in frame.schema.items()):
                return False
        return all(texts.are_few for _, by_column in self._first_rows() for texts in by_column.values())

    def read(self, use: Use) -> None:
        """Read all rows, several row groups at a time.

        Raises:
            DamagedExtractError: A file is damaged.
        """

        def read_group(place: tuple[Path, pq.FileMetaData, int]) -> None:
            file, metadata, group = place
            for rows, texts in self._batches(file, metadata, group):
                use(rows, texts)

        groups = [
            (file, metadata, group)
            for file, metadata in ((file, pq.read_metadata(file)) for file in self._files)
            for group in range(metadata.num_row_groups)
        ]
        with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
            for done in [threads.submit(read_group, group) for group in groups]:
                done.result()

    def _first_rows(self) -> Iterator[tuple[pl.DataFrame, dict[str, RepeatedTexts]]]:
        """Return the first rows of the first row group."""
        for file in self._files:
            metadata = pq.read_metadata(file)
            if metadata.num_row_groups:
                yield next(self._batches(file, metadata, 0))
                return

    def _batches(
        self, file: Path, metadata: pq.FileMetaData, group: int
    ) -> Iterator[tuple[pl.DataFrame, dict[str, RepeatedTexts]]]:
        try:
            with pq.ParquetFile(file, metadata=metadata, read_dictionary=self._dictionaries) as opened:
                batches = opened.iter_batches(
                    _ROWS_AT_ONCE, [group], columns=[*self._columns, *self._texts], use_threads=False
                )
                for batch in batches:
                    texts = {name: repeated_texts(batch.column(name)) for name in self._texts}
                    yield pl.DataFrame({name: self._values(name, batch.column(name)) for name in self._columns}), texts
        except (pa.ArrowException, OSError):
            raise DamagedExtractError() from None

    def _values(self, name: str, column: pa.Array) -> pl.Series:
        if name not in self._dictionaries:
            return pl.Series(column)
        return pl.Series("", column.dictionary, pl.String).gather(pl.Series(column.indices))


def repeated_texts(column: pa.DictionaryArray) -> RepeatedTexts:
    """Return a column of texts that Arrow keeps as a dictionary; rows without text have the last place, of null."""
    texts = pl.Series("", column.dictionary, pl.String)
    places = pl.Series("", column.indices)
    if not places.null_count():
        return RepeatedTexts(texts, places.to_numpy().astype(np.int64), 0)
    numbers = places.fill_null(len(texts)).to_numpy().astype(np.int64)
    return RepeatedTexts(pl.concat([texts, pl.Series("", [None], pl.String)]), numbers, places.null_count())
