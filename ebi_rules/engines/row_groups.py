"""Read whole parquet files row group by row group, with texts as the file has them: each once, and a place per row.

Writers of parquet keep a column of few different texts as a dictionary. Read so, a text is looked up once for each row
group and not for each row; where almost every text differs, it costs no more than to read each. Only files whose
columns Polars and Arrow read alike are read in this way.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ebi_rules.engines.distinct_numbers import rows_of_each
from ebi_rules.engines.extract import Table
from ebi_rules.engines.file_formats import PARQUET, are_partitioned, kind_of
from ebi_rules.engines.lazy_frames import DamagedExtractError, naming_damage
from ebi_rules.translate.filled_numbers import filled
from ebi_rules.translate.repeated_texts import RepeatedTexts

_ROWS_AT_ONCE = 250_000

_AHEAD = 3
"""So many row groups are read at once or wait, for each that can be read at the same time."""

_Result = TypeVar("_Result")


class RowGroups:
    """The row groups of the files behind a table.

    Args:
        table: The table; `can_be_read` says whether it is as its files are.
        columns: The columns to read as they are.
        texts: The columns of texts to read as dictionaries.
    """

    def __init__(self, table: Table, columns: list[str], texts: list[str]) -> None:
        self._table, self._columns, self._texts = table, columns, texts
        self._every = list(dict.fromkeys([*columns, *texts]))
        self._files = [Path(file.path) for file in table.files]
        # Arrow reads texts much faster as dictionaries than one by one.
        self._dictionaries = [name for name in self._every if table.schema.get(name) == pl.String]

    def can_be_read(self) -> bool:
        """Return whether the files are parquet, have these columns in the types of the table, and Arrow reads them."""
        if not self._texts or not self._table.is_whole:
            return False
        # Where folders have values of columns in their names, a column of a file may not be that of the table.
        if any(kind_of(file) is not PARQUET or are_partitioned([file]) for file in self._files):
            return False
        schema = self._table.schema
        if any(schema.get(name) != pl.String for name in self._texts):
            return False
        try:
            if any(not self._is_like_table(pq.read_schema(file)) for file in self._files):
                return False
            for place in self._groups()[:1]:
                next(self._batches(*place))
        except (pa.ArrowException, OSError, DamagedExtractError, pl.exceptions.PanicException):
            return False  # Polars reads it, or says what is wrong with it.
        return True

    def _is_like_table(self, arrow: pa.Schema) -> bool:
        """Return whether a file has the columns, in the types of the table."""
        # A name that two columns have is found nowhere.
        places = [arrow.get_field_index(name) for name in self._every]
        # Polars reads the widest decimals from files, but does not take them from Arrow.
        if any(place < 0 or pa.types.is_decimal256(arrow.field(place).type) for place in places):
            return False
        types = pl.Schema(pa.schema([arrow.field(place) for place in places]))
        return all(dtype == self._table.schema[name] for name, dtype in types.items())

    def read(self, use: Callable[[pl.DataFrame, Mapping[str, RepeatedTexts]], _Result]) -> Iterator[_Result]:
        """Read all rows, several row groups at a time, and yield what is made of each batch, in order.

        Args:
            use: Called with the rows' columns, and with texts by column; by several threads at once.

        Raises:
            DamagedExtractError: A file is damaged.
        """
        is_over = Event()

        def read_group(place: tuple[Path, pq.FileMetaData, int]) -> list[_Result]:
            results = []
            try:
                with naming_damage():
                    for rows, texts in self._batches(*place):
                        if is_over.is_set():
                            break
                        results.append(use(rows, texts))
            except BaseException:
                is_over.set()
                raise
            return results

        workers = pl.thread_pool_size()
        threads = ThreadPoolExecutor(workers)
        groups = iter(self._groups())
        # Results wait for those before them, so that only some row groups are read ahead.
        waiting = deque(threads.submit(read_group, group) for group in islice(groups, _AHEAD * workers))
        try:
            while waiting:
                results = waiting.popleft().result()
                waiting.extend(threads.submit(read_group, group) for group in islice(groups, 1))
                yield from results
        finally:
            # After an error, or where the user stops the program, nobody needs what is still to come.
            is_over.set()
            threads.shutdown(cancel_futures=True)

    def _groups(self) -> list[tuple[Path, pq.FileMetaData, int]]:
        """Return the row groups that have rows: the file, what it says of itself, and the number of the group."""
        with _arrow_damage():
            files = [(file, pq.read_metadata(file)) for file in self._files]
            return [
                (file, metadata, group)
                for file, metadata in files
                for group in range(metadata.num_row_groups)
                if metadata.row_group(group).num_rows
            ]

    def _batches(
        self, file: Path, metadata: pq.FileMetaData, group: int
    ) -> Iterator[tuple[pl.DataFrame, dict[str, RepeatedTexts]]]:
        dictionaries = self._dictionaries
        with _arrow_damage(), pq.ParquetFile(file, metadata=metadata, read_dictionary=dictionaries) as opened:
            for batch in opened.iter_batches(_ROWS_AT_ONCE, [group], columns=self._every, use_threads=False):
                for name in dictionaries:
                    # Polars takes it for granted that texts are UTF-8.
                    batch.column(name).dictionary.validate(full=True)
                texts = {name: repeated_texts(batch.column(name)) for name in self._texts}
                yield pl.DataFrame({name: self._values(name, batch.column(name)) for name in self._columns}), texts

    def _values(self, name: str, column: pa.Array) -> pl.Series:
        if name not in self._dictionaries:
            return pl.Series(column)
        return pl.Series("", column.dictionary, pl.String).gather(pl.Series(column.indices))


@contextmanager
def _arrow_damage() -> Iterator[None]:
    """Raise our own error where Arrow cannot read a file, or the file has changed since it was opened."""
    try:
        yield
    except (pa.ArrowException, OSError, KeyError):
        raise DamagedExtractError() from None


def repeated_texts(column: pa.DictionaryArray) -> RepeatedTexts:
    """Return a column of texts that Arrow keeps as a dictionary; rows without text have the last place, of null."""
    texts = pl.Series("", column.dictionary, pl.String)
    places, nulls = filled(column.indices, len(texts)), column.indices.null_count
    if nulls:
        texts = texts.extend(pl.Series("", [None], pl.String))
    rows = rows_of_each(places, len(texts))
    is_used = rows > 0
    if not is_used.all():
        # A dictionary is that of the whole row group, or of rows that were left out before the file was written.
        places = (np.cumsum(is_used) - 1)[places]
        texts, rows = texts.filter(pl.Series(is_used)), rows[is_used]
    return RepeatedTexts(texts, places, rows, nulls)
