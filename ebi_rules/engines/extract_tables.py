"""Open tables: files of one kind, a table format, or a frame. No values are read.

Every file is checked first: each must be complete, and all must have the same columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ebi_rules._support.errors import ExtractError
from ebi_rules.engines.extract import InputFile, Source, Table
from ebi_rules.engines.file_formats import PARQUET, find_files, is_table_format, kind_of, scan_table_format
from ebi_rules.engines.lazy_frames import collect


def open_table(source: Source, is_child: Callable[[Path, Path], bool]) -> Table:
    """Return a table to read.

    Args:
        source: A path or a frame.
        is_child: Whether a file (first argument) in a folder (second) is a table of codes and not of activity.

    Raises:
        ExtractError: The path has no files, or a file cannot be read.
    """
    if isinstance(source, str | Path):
        if is_table_format(str(source)):
            frame = scan_table_format(str(source))
            return Table(frame, dict(frame.collect_schema()), path=Path(source))
        return replace(_open_files(find_files(str(source), is_child)), path=Path(source))
    frame = _as_lazy_frame(source)
    try:
        return Table(frame, dict(frame.collect_schema()))
    except pl.exceptions.PolarsError:
        raise ExtractError("the lazy frame cannot be read: check that it collects.") from None


def _as_lazy_frame(source: Source) -> pl.LazyFrame:
    if isinstance(source, pl.LazyFrame):
        return source
    if isinstance(source, pl.DataFrame):
        return source.lazy()
    if hasattr(source, "__arrow_c_stream__"):
        return pl.DataFrame(source).lazy()
    raise ExtractError(f"an extract must be a path, a Polars frame or an Arrow table, not {type(source).__name__}.")


def _open_files(files: Sequence[Path]) -> Table:
    """Open files of one kind that agree on their columns. Raises `ExtractError`."""
    kinds = {kind_of(file).name for file in files}
    if len(kinds) > 1:
        raise ExtractError(f"the files are of different kinds ({', '.join(sorted(kinds))}): choose one kind.")
    inputs: list[InputFile] = []
    first: dict[str, str] | None = None
    for file in files:
        try:
            rows, schema = _rows_and_types(file)
        except PermissionError:
            raise ExtractError(f"{file} cannot be read: permission denied.") from None
        except (pl.exceptions.PolarsError, pa.ArrowException, OSError):
            raise ExtractError(f"{file} is not {kind_of(file).article} file, or is incomplete.") from None
        inputs.append(InputFile(str(file), file.stat().st_size, rows))
        if first is None:
            first = schema
        elif difference := _difference(first, schema):
            raise ExtractError(f"{file} differs from {files[0]}: {difference}.")
    frame = kind_of(files[0]).scan(files)
    return Table(frame, dict(frame.collect_schema()), tuple(inputs))


def _rows_and_types(file: Path) -> tuple[int, dict[str, str]]:
    """Return a file's number of rows, and its types by column; raise an error of the library if it is broken."""
    if kind_of(file) is not PARQUET:
        frame = kind_of(file).scan([file])
        schema = frame.collect_schema()
        return collect(frame.select(pl.len())).item(), {name: str(kind) for name, kind in schema.items()}
    metadata = pq.read_metadata(file)
    return metadata.num_rows, {field.name: str(field.type) for field in metadata.schema.to_arrow_schema()}


def _difference(first: Mapping[str, str], other: Mapping[str, str]) -> str | None:
    """Return how the columns of a file differ from those of the first file; None if they do not."""
    missing = [name for name in first if name not in other]
    if missing:
        return f"it has no column {missing[0]}"
    extra = [name for name in other if name not in first]
    if extra:
        return f"it also has a column {extra[0]}"
    for name in first:
        if first[name] != other[name]:
            return f"its column {name} is {other[name]}, not {first[name]}"
    return None
