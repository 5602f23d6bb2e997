"""The tables of codes of layouts that have them: given by the user, or found by name beside the extract."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import ExtractError, nearest
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.extract import Source, Table
from ebi_rules.engines.file_formats import KINDS
from ebi_rules.engines.table_files import open_table
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import ChildTable, builtin_layouts


def open_children(source: Source, binding: Binding, given: Mapping[str, Source]) -> dict[str, Table]:
    """Return the child tables of a layout by field.

    Args:
        source: The extract, beside which tables are looked for.
        binding: The extract's layout.
        given: Tables that the user named, by field.

    Raises:
        ExtractError: A table is not found, or lacks a column.
    """
    children = {}
    for name in CODE_FIELDS:
        child = binding.child(name)
        if child is not None:
            table = open_table(given[name], is_child_file) if name in given else _find_child(source, child, name)
            children[name] = _with_layout_names(table, child, name)
    return children


def _bare_name(file: Path) -> str:
    """Give a file's name without the ending of its kind."""
    endings = [ending for kind in KINDS for ending in kind.endings if file.name.lower().endswith(ending)]
    return file.name[: -len(max(endings, key=len))] if endings else file.name


def _child_names(name: str, table: str | None = None) -> list[str]:
    return [name.lower(), *([table.lower()] if table else [])]


def is_child_file(file: Path, folder: Path) -> bool:
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
            return open_table(candidate, is_child_file)
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
