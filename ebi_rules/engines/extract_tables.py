"""Open tables: files of one kind, a table format, or a frame. No values are read, but text files are checked.

Every file is checked first: each must be complete. Files may differ in what makes no difference (`united_files`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from urllib.request import url2pathname

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ebi_rules._support.errors import ExtractError
from ebi_rules._support.text_table import TextTable, open_text_table
from ebi_rules.engines.extract import InputFile, Source, Table, TextOptions
from ebi_rules.engines.file_formats import (
    PARQUET,
    find_files,
    is_table_format,
    kind_of,
    origin_of,
    scan_files,
    scan_table_format,
)
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.united_files import AlikeFiles, unite

_NO_OPTIONS = TextOptions()

_CONVERSIONS = {
    "pandas.Series": "pass a frame, series.to_frame()",
    "pandas.": "pass pyarrow.Table.from_pandas(df)",
    "dask.": "pass df.compute()",
    "modin.": "pass df._to_pandas()",
    "builtins.": "pass polars.DataFrame(data)",
    "numpy.": "pass polars.DataFrame(data)",
    "sqlalchemy.": "pass polars.read_database(query, connection)",
}
"""What to type for objects that are no table, by the beginning of their kind."""

_FILE_ADDRESS = "file://"

_OTHERWISE = "pass a Polars, pandas or Arrow table"


def open_table(source: Source, is_child: Callable[[Path, Path], bool], text: TextOptions = _NO_OPTIONS) -> Table:
    """Return a table to read.

    Args:
        source: A path or a frame.
        is_child: Whether a file (first argument) in a folder (second) is a table of codes and not of activity.
        text: How text files are written.

    Raises:
        ExtractError: The path has no files, or a file cannot be read.
    """
    if isinstance(source, str | Path):
        if str(source).startswith(_FILE_ADDRESS):
            source = url2pathname(str(source).removeprefix(_FILE_ADDRESS))
        if is_table_format(str(source)):
            return _open_table_format(str(source))
        return replace(_open_files(find_files(str(source), is_child), text), path=Path(source))
    frame = _as_lazy_frame(source)
    try:
        return Table(frame, dict(frame.collect_schema()))
    except pl.exceptions.PolarsError:
        raise ExtractError("the lazy frame cannot be read: check that it collects.") from None


def _open_table_format(address: str) -> Table:
    frame = scan_table_format(address)
    try:
        schema = dict(frame.collect_schema())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ExtractError(f"{address} cannot be read ({type(error).__name__}).") from None
    return Table(frame, schema, path=Path(address), origin=origin_of(address))


def _as_lazy_frame(source: Source) -> pl.LazyFrame:
    if isinstance(source, pl.LazyFrame):
        return source
    if isinstance(source, pl.DataFrame):
        return source.lazy()
    kind = f"{type(source).__module__.partition('.')[0]}.{type(source).__name__}"
    if hasattr(source, "__arrow_c_stream__"):
        try:
            return pl.DataFrame(source).lazy()
        except (pa.ArrowException, pl.exceptions.PolarsError, TypeError, ValueError):
            raise ExtractError(
                f"the {kind} has a column with values of several types, or of a type that is unknown: make such "
                f"a column "
                "text first, in pandas with df['COLUMN'].astype('string')."
            ) from None
    conversion = next((words for name, words in _CONVERSIONS.items() if kind.startswith(name)), _OTHERWISE)
    raise ExtractError(f"an extract must be a path or a table, not a {kind}: {conversion}.")


def _open_files(files: Sequence[Path], text: TextOptions) -> Table:
    """Open files of one kind. Raises `ExtractError`."""
    kinds = {kind_of(file).name for file in files}
    if len(kinds) > 1:
        raise ExtractError(f"the files are of different kinds ({', '.join(sorted(kinds))}): choose one kind.")
    if kind_of(files[0]).is_text:
        return _open_text(files, text)
    rows_and_schemas = [_rows_and_schema(file) for file in files]
    inputs = [
        InputFile(str(file), file.stat().st_size, rows) for file, (rows, _) in zip(files, rows_and_schemas, strict=True)
    ]
    # Files that follow one another and have the same columns are read together.
    schemas = {file: schema for file, (_, schema) in zip(files, rows_and_schemas, strict=True)}
    alike = [_alike(list(group)) for _, group in groupby(files, key=schemas.__getitem__)]
    return unite(alike, inputs)


def _open_text(files: Sequence[Path], options: TextOptions) -> Table:
    tables = [open_text_table(file, ExtractError, "", options.separator, options.encoding) for file in files]
    inputs = [InputFile(str(table.path), table.path.stat().st_size, table.rows) for table in tables]
    return unite([_alike_text(table) for table in tables], inputs)


def _alike_text(table: TextTable) -> AlikeFiles:
    frame = table.scan()
    return AlikeFiles(table.path, frame, dict(frame.collect_schema()))


def _alike(files: Sequence[Path]) -> AlikeFiles:
    frame = scan_files(files)
    return AlikeFiles(files[0], frame, dict(frame.collect_schema()))


def _rows_and_schema(file: Path) -> tuple[int, str]:
    """Return a file's number of rows, and its columns and types as text. Raises `ExtractError`."""
    try:
        if kind_of(file) is PARQUET:
            metadata = pq.read_metadata(file)
            return metadata.num_rows, str(metadata.schema.to_arrow_schema().remove_metadata())
        frame = scan_files([file])
        return collect(frame.select(pl.len())).item(), str(frame.collect_schema())
    except PermissionError:
        raise ExtractError(f"{file} cannot be read: permission denied.") from None
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError):
        raise ExtractError(f"{file} is not {kind_of(file).article} file, or is incomplete.") from None
