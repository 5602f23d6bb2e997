"""The tables of codes of layouts that have them: named by the user, or found by name beside the extract."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import ExtractError, nearest
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.extract import ExtractSource, Source, Table
from ebi_rules.engines.extract_tables import open_table
from ebi_rules.engines.file_formats import KINDS
from ebi_rules.engines.united_files import ALIKE
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.column_names import bare_name
from ebi_rules.layouts.layout import ChildTable, builtin_layouts


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
            place = source.children.get(name)
            place = _find_child(source.data, child, name) if place is None else place
            table = open_table(place, is_child_file, source.text)
            children[name] = _with_layout_names(table, child, name)
    return children


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
    bare = file.relative_to(folder).with_name(_bare_name(file))
    parts = [part.lower() for part in bare.parts]
    return any(part in names or part.rsplit(".", 1)[-1] in CODE_FIELDS for part in parts)


def _find_child(source: Source, child: ChildTable, name: str) -> Path:
    """Find a child table beside the extract: TABLE.parquet, procedures.parquet or EXTRACT.procedures.parquet."""
    if not isinstance(source, str | Path):
        raise ExtractError(f"this layout has {name} in a second table: pass it as {name}=.")
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    stems = [*_child_names(name, child.table), f"{_bare_name(path)}.{name}".lower()]
    endings = tuple(ending for kind in KINDS for ending in kind.endings)
    for candidate in sorted(folder.iterdir()) if folder.is_dir() else []:
        is_readable = candidate.is_dir() or candidate.name.lower().endswith(endings)
        if is_readable and _bare_name(candidate).lower() in stems:
            return candidate
    raise ExtractError(
        f"this layout has {name} in a second table, and there is no {child.table}.parquet or {name}.parquet in "
        f"{folder}. Name the file with --{name} FILE."
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
