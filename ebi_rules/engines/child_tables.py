"""The further tables of layouts that have them, of codes or contacts: named by the user, or found beside it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import ExtractError, nearest
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.extract import ExtractSource, Source, Table
from ebi_rules.engines.extract_tables import open_table
from ebi_rules.engines.file_formats import KINDS
from ebi_rules.engines.united_files import ALIKE
from ebi_rules.layouts.binding import Binding, JoinedTable, needs_second
from ebi_rules.layouts.column_names import bare_name
from ebi_rules.layouts.layout import ChildTable, Layout, builtin_layouts


def open_children(source: ExtractSource, binding: Binding) -> dict[str, Table]:
    """Return the child tables of a layout by field: those that the user named, or those beside the extract.

    Args:
        source: What the user says about the extract.
        binding: The extract's layout.

    Raises:
        ExtractError: A table is not found, or has no column that the layout names.
    """
    children = {}
    for name in CODE_FIELDS:
        child = binding.child(name)
        if child is not None:
            table = open_table(_place_of(source, child.table, name), is_child_file, source.text)
            children[name] = _with_layout_names(table, child, name)
    return children


def open_second(source: ExtractSource, layout: Layout, available: Sequence[str]) -> Table | None:
    """Return the second table of a layout, if it has one and the extract does not contain it already.

    Args:
        source: What the user says about the extract.
        layout: The layout.
        available: The columns of the extract.

    Raises:
        ExtractError: The table is not found.
    """
    if layout.second is None or not needs_second(layout, available):
        return None
    place = _place_of(source, layout.second.table, layout.second.called)
    return open_table(place, is_child_file, source.text)


def join_second(table: Table, second: Table, joined: JoinedTable) -> Table:
    """Return a table with the rows of its second table: one row for each, and one for each row that has none there.

    Raises:
        ExtractError: A column that is needed differs between the files of the second table.
    """
    for column in (joined.other_key, *joined.columns):
        if column in second.differences:
            raise ExtractError(f"the table of {joined.called}: {second.differences[column]}. {ALIKE}")
    key = pl.col(joined.other_key).cast(table.schema[joined.key]).alias(joined.key)
    named = [pl.col(column).alias(name) for column, name in joined.columns.items()]
    frame = table.frame.join(
        second.frame.select(key, *named), on=joined.key, how="left", maintain_order="left", coalesce=True
    )
    types = {name: second.schema[column] for column, name in joined.columns.items()}
    return replace(table, frame=frame, schema={**table.schema, **types}, is_filtered=True)


def _place_of(source: ExtractSource, table: str, name: str) -> Source:
    """Return where a further table is: as the user says, or beside the extract."""
    place = source.children.get(name)
    return _find_child(source.data, table, name) if place is None else place


def _bare_name(file: Path) -> str:
    """Return a file's name without the ending of its kind."""
    endings = [ending for kind in KINDS for ending in kind.endings if file.name.lower().endswith(ending)]
    return file.name[: -len(max(endings, key=len))] if endings else file.name


def _child_names(name: str, table: str | None = None) -> list[str]:
    return [name.lower(), *([table.lower()] if table else [])]


def is_child_file(file: Path, folder: Path) -> bool:
    """Return whether a file in an extract's folder is a table of codes, by its own name or that of its folder."""
    names = set()
    for layout in builtin_layouts().values():
        for name, shape in layout.codes.items():
            if isinstance(shape, ChildTable):
                names.update(_child_names(name, shape.table))
        if layout.second:
            names.update(_child_names(layout.second.called, layout.second.table))
    bare = file.relative_to(folder).with_name(_bare_name(file))
    parts = [part.lower() for part in bare.parts]
    endings = {*CODE_FIELDS, *(layout.second.called for layout in builtin_layouts().values() if layout.second)}
    return any(part in names or part.rsplit(".", 1)[-1] in endings for part in parts)


def _find_child(source: Source, table: str, name: str) -> Path:
    """Find a further table beside the extract: TABLE.parquet, procedures.parquet or EXTRACT.procedures.parquet."""
    if not isinstance(source, str | Path):
        raise ExtractError(f"this layout has {name} in a second table: pass it as {name}=.")
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    stems = [*_child_names(name, table), f"{_bare_name(path)}.{name}".lower()]
    endings = tuple(ending for kind in KINDS for ending in kind.endings)
    for candidate in sorted(folder.iterdir()) if folder.is_dir() else []:
        is_readable = candidate.is_dir() or candidate.name.lower().endswith(endings)
        if is_readable and _bare_name(candidate).lower() in stems:
            return candidate
    raise ExtractError(
        f"this layout has {name} in a second table, and there is no {table}.parquet or {name}.parquet in "
        f"{folder}. Name the file with --{name} FILE, or put it there."
    )


def _with_layout_names(table: Table, child: ChildTable, name: str) -> Table:
    """Return a child table with the columns of the layout only, spelt as the layout spells them."""
    by_bare_name = {bare_name(column): column for column in table.columns}
    columns: dict[str, str] = {}
    for layout_name in filter(None, (child.key, child.code, child.position)):
        column = layout_name if layout_name in table.columns else by_bare_name.get(bare_name(layout_name))
        if column is None:
            close = nearest(layout_name, table.columns, count=1)
            hint = f"; the nearest is {close[0]}" if close else ""
            raise ExtractError(f"the table of {name} has no column {layout_name}{hint}.")
        if column in table.differences:
            raise ExtractError(f"the table of {name}: {table.differences[column]}. {ALIKE}")
        columns[layout_name] = column
    frame = table.frame.select([pl.col(column).alias(layout_name) for layout_name, column in columns.items()])
    schema = {layout_name: table.schema[column] for layout_name, column in columns.items()}
    return replace(table, frame=frame, schema=schema)
