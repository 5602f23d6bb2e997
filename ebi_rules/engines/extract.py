"""Open an extract: a parquet file, a folder of them, a glob, or a frame; with the child tables beside it.

Files are checked before anything is read: each must be whole parquet, and all must agree on their columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import ExtractError, nearest
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.file_formats import KINDS, PARQUET, find_files, is_table_format, kind_of, scan_table_format
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.layouts.binding import Binding, bind, detect
from ebi_rules.layouts.layout import ChildTable, Layout, builtin_layouts, find_layout

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
    if is_table_format(str(source)):
        frame = scan_table_format(str(source))
        return Table(frame, dict(frame.collect_schema()))
    return _open_files(find_files(str(source), _is_child))


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


def _open_files(files: Sequence[Path]) -> Table:
    """Open files of one kind that agree on their columns. Raises `ExtractError`."""
    kinds = {kind_of(file).name for file in files}
    if len(kinds) > 1:
        raise ExtractError(f"the files are of different kinds ({', '.join(sorted(kinds))}): name those of one.")
    inputs, first = [], None
    for file in files:
        try:
            rows, schema = _look(file)
        except PermissionError:
            raise ExtractError(f"{file} cannot be read: permission denied.") from None
        except (pl.exceptions.PolarsError, OSError, ValueError):
            raise ExtractError(f"{file} is not {kind_of(file).article} file, or is cut short.") from None
        inputs.append(InputFile(str(file), file.stat().st_size, rows))
        if first is None:
            first = schema
        elif difference := _difference(first, schema):
            raise ExtractError(f"{file} does not agree with {files[0]}: {difference}.")
    frame = kind_of(files[0]).scan(files)
    return Table(frame, dict(frame.collect_schema()), tuple(inputs))


def _look(file: Path) -> tuple[int, dict[str, str]]:
    """Give a file's rows, and its columns with their types. What it raises says that it cannot be read."""
    if kind_of(file) is not PARQUET:
        frame = kind_of(file).scan([file])
        schema = frame.collect_schema()
        return collect(frame.select(pl.len())).item(), {name: str(kind) for name, kind in schema.items()}
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(file)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None
    return metadata.num_rows, {field.name: str(field.type) for field in metadata.schema.to_arrow_schema()}


def _difference(first: Mapping[str, str], other: Mapping[str, str]) -> str | None:
    """Say how the columns of two files differ, None when they do not."""
    lacking = [name for name in first if name not in other]
    if lacking:
        return f"it has no column {lacking[0]}"
    extra = [name for name in other if name not in first]
    if extra:
        return f"it has a column {extra[0]} that the other lacks"
    for name in first:
        if first[name] != other[name]:
            return f"its column {name} is {other[name]}, there it is {first[name]}"
    return None


def _bare_name(file: Path) -> str:
    """Give a file's name without the ending of its kind."""
    endings = [ending for kind in KINDS for ending in kind.endings if file.name.lower().endswith(ending)]
    return file.name[: -len(max(endings, key=len))] if endings else file.name


def _child_names(name: str, table: str | None = None) -> list[str]:
    return [name.lower(), *([table.lower()] if table else [])]


def _is_child(file: Path, folder: Path) -> bool:
    """Whether a file in an extract's folder holds child rows of codes, by its own or its folder's name."""
    names = set()
    for layout in builtin_layouts().values():
        for name, shape in layout.codes.items():
            if isinstance(shape, ChildTable):
                names.update(_child_names(name, shape.table))
    bare = file.relative_to(folder)
    bare = bare.with_name(_bare_name(file))
    parts = [part.lower() for part in bare.parts]
    return any(part in names or part.rsplit(".", 1)[-1] in CODE_FIELDS for part in parts)


def _find_child(source: Source, child: ChildTable, name: str) -> Table:
    """Find a child table beside the extract: TABLE.parquet, procedures.parquet or EXTRACT.procedures.parquet."""
    if not isinstance(source, str | Path):
        raise ExtractError(f"this layout keeps {name} in a second table: give it as {name}=.")
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    stems = [*_child_names(name, child.table), f"{_bare_name(path)}.{name}".lower()]
    for candidate in sorted(folder.iterdir()) if folder.is_dir() else []:
        known = candidate.is_dir() or candidate.name.lower().endswith(tuple(e for kind in KINDS for e in kind.endings))
        if known and _bare_name(candidate).lower() in stems:
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
