"""Open an extract: a parquet file, a folder of them, a glob, or a frame; with the child tables beside it.

Files are checked before anything is read: each must be whole parquet, and all must agree on their columns.
"""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules.criteria import CODE_FIELDS
from ebi_rules.errors import ExtractError, nearest
from ebi_rules.layouts import Binding, ChildTable, Layout, bind, builtin_layouts, detect, find_layout

Source = str | Path | pl.LazyFrame | pl.DataFrame


@dataclass(frozen=True)
class InputFile:
    """A file that was read: its path as given, size in bytes and number of rows."""

    path: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Table:
    """A table to read: a lazy frame, its column types, and the files behind it (none for a frame)."""

    frame: pl.LazyFrame
    schema: Mapping[str, pl.DataType]
    files: tuple[InputFile, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.schema)


@dataclass(frozen=True)
class Extract:
    """An activity table with the child tables of its codes, if its layout keeps them so."""

    table: Table
    children: Mapping[str, Table] = field(default_factory=dict)

    @property
    def files(self) -> list[InputFile]:
        """Every file behind the extract, the child tables' too."""
        return [file for table in (self.table, *self.children.values()) for file in table.files]


def open_table(source: Source) -> Table:
    """Open one table. Raises `ExtractError` for a path without parquet files, or with broken ones."""
    if isinstance(source, pl.DataFrame):
        source = source.lazy()
    if isinstance(source, pl.LazyFrame):
        try:
            return Table(source, dict(source.collect_schema()))
        except pl.exceptions.PolarsError:
            raise ExtractError("the lazy frame cannot be planned: does it collect by itself?") from None
    if not isinstance(source, str | Path):
        raise ExtractError(f"an extract is a path, a LazyFrame or a DataFrame, not {type(source).__name__}.")
    return _open_files(str(source), _find_files(str(source)))


def open_children(source: Source, binding: Binding, given: Mapping[str, Source]) -> dict[str, Table]:
    """Open the child tables of a layout: those given, else those found by name beside the extract.

    Raises `ExtractError` when a table is not found or lacks a column.
    """
    children = {}
    for name in CODE_FIELDS:
        child = binding.child(name)
        if child is None:
            continue
        table = open_table(given[name]) if name in given else _find_child(source, child, name)
        children[name] = _with_layout_names(table, child, name)
    return children


def open_extract(
    source: Source,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    children: Mapping[str, Source | None] | None = None,
) -> tuple[Extract, Binding]:
    """Open an extract and hold its layout, named or detected, against its columns.

    `overrides` maps canonical fields to columns; `children` gives tables of codes. Raises `ExtractError`,
    `UsageError` or `LayoutError`.
    """
    table = open_table(source)
    chosen = detect(table.columns, overrides) if layout is None else find_layout(layout)
    binding = bind(chosen, table.columns, overrides)
    given = {name: child for name, child in (children or {}).items() if child is not None}
    return Extract(table, open_children(source, binding, given)), binding


def _find_files(text: str) -> list[Path]:
    """Give the parquet files that a path, folder or glob names, in order; child tables left out of a folder."""
    path = Path(text)
    try:
        if path.is_dir():
            files = [file for file in sorted(path.rglob("*.parquet")) if file.is_file() and not _is_child(file, path)]
            if not files:
                raise ExtractError(f"the folder {text} holds no .parquet file.")
            return files
        if path.exists():
            return [path]
    except OSError as error:
        raise ExtractError(f"{text} cannot be read: {error.strerror}.") from None
    files = [Path(name) for name in sorted(glob.glob(text, recursive=True)) if Path(name).is_file()]
    if files:
        return files
    if glob.has_magic(text):
        raise ExtractError(f"no file matches {text}.")
    siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, siblings, count=1)
    hint = f" The nearest name in that folder is {close[0]}." if close else ""
    raise ExtractError(f"there is no file {text}.{hint}")


def _open_files(text: str, files: Sequence[Path]) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    inputs: list[InputFile] = []
    first: Any = None
    for file in files:
        try:
            metadata = pq.read_metadata(file)
            schema = metadata.schema.to_arrow_schema()
            inputs.append(InputFile(str(file), file.stat().st_size, metadata.num_rows))
        except PermissionError:
            raise ExtractError(f"{file} cannot be read: permission denied.") from None
        except (pa.ArrowException, OSError):
            raise ExtractError(f"{file} is not a parquet file, or is cut short.") from None
        if first is None:
            first = schema
        elif difference := _difference(first, schema):
            raise ExtractError(f"{file} does not agree with {files[0]}: {difference}.")
    frame = pl.scan_parquet(list(files), hive_partitioning=False)
    return Table(frame, dict(frame.collect_schema()), tuple(inputs))


def _difference(first: Any, other: Any) -> str | None:
    """Say how the columns of two files differ, None when they do not."""
    lacking = [name for name in first.names if name not in other.names]
    if lacking:
        return f"it has no column {lacking[0]}"
    extra = [name for name in other.names if name not in first.names]
    if extra:
        return f"it has a column {extra[0]} that the other lacks"
    for name in first.names:
        if first.field(name).type != other.field(name).type:
            return f"its column {name} is {other.field(name).type}, there it is {first.field(name).type}"
    return None


def _child_names(name: str, table: str | None = None) -> list[str]:
    return [name.lower(), *([table.lower()] if table else [])]


def _is_child(file: Path, folder: Path) -> bool:
    """Whether a file in an extract's folder holds child rows of codes, by its own or its folder's name."""
    names = set()
    for layout in builtin_layouts().values():
        for name, shape in layout.codes.items():
            if isinstance(shape, ChildTable):
                names.update(_child_names(name, shape.table))
    parts = [part.lower() for part in file.relative_to(folder).with_suffix("").parts]
    return any(part in names or part.rsplit(".", 1)[-1] in CODE_FIELDS for part in parts)


def _find_child(source: Source, child: ChildTable, name: str) -> Table:
    """Find a child table beside the extract: TABLE.parquet, procedures.parquet or EXTRACT.procedures.parquet."""
    if not isinstance(source, str | Path):
        raise ExtractError(f"this layout keeps {name} in a second table: give it as {name}=.")
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    stems = [*_child_names(name, child.table), f"{path.stem}.{name}".lower()]
    for candidate in sorted(folder.iterdir()) if folder.is_dir() else []:
        stem = candidate.name.removesuffix(".parquet").lower()
        if stem in stems and (candidate.is_dir() or candidate.suffix == ".parquet"):
            return open_table(candidate)
    raise ExtractError(
        f"this layout keeps {name} in a second table, and {folder} holds no {child.table}.parquet or "
        f"{name}.parquet. Say where it is with --{name} FILE."
    )


def _with_layout_names(table: Table, child: ChildTable, name: str) -> Table:
    """Give a child table with the layout's spelling of its columns, and no others."""
    folded = {column.lower(): column for column in table.columns}
    renamed = {}
    for wanted in filter(None, (child.key, child.code, child.position)):
        found = wanted if wanted in table.columns else folded.get(wanted.lower())
        if found is None:
            close = nearest(wanted, table.columns, count=1)
            hint = f"; the nearest is {close[0]}" if close else ""
            raise ExtractError(f"the table of {name} has no column {wanted}{hint}.")
        renamed[wanted] = found
    frame = table.frame.select([pl.col(found).alias(wanted) for wanted, found in renamed.items()])
    return Table(frame, {wanted: table.schema[found] for wanted, found in renamed.items()}, table.files)
