"""Look activities up in an extract by their key, in the form that the reference reads."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.checked_extract import read_all
from ebi_rules.engines.derived_age import with_fields
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import notices_of
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.row_reader import RowReader
from ebi_rules.engines.value_checks import check_types
from ebi_rules.layouts.binding import Binding


def find_activities(extract: FrameExtract, key: str, fields: Iterable[str]) -> list[Activity]:
    """Return the activities of an extract with a key: one, or more if the key is repeated.

    Args:
        extract: The extract.
        key: The key as text.
        fields: The canonical fields to read, as far as the extract has them; codes are always read.

    Raises:
        UsageError: No activity has the key.
        ExtractError: A value is not one that its field can have.
    """
    binding = extract.binding
    needed = [name for name in binding.fields if name in set(fields)]
    check_types(extract, needed)
    rows = collect(extract.table.frame.filter(pl.col(binding.key).cast(pl.String) == key))
    if rows.is_empty():
        raise UsageError(f"no activity has the key {key} ({binding.key}).")
    found = replace(extract, table=replace(extract.table, frame=rows.lazy()), distinct_dates={})
    found, needed = with_fields(found, needed)
    _refuse_unread_values(found, needed)
    cells = {name: _child_cells(table.frame, binding, name, key) for name, table in extract.children.items()}
    narrowed = found.binding.only(["id", *needed])
    return [narrowed.activity(row, cells) for row in collect(found.table.frame).iter_rows(named=True)]


def _refuse_unread_values(extract: FrameExtract, fields: Sequence[str]) -> None:
    """Raise `ExtractError` if a number or a date cannot be read; shares of other values mean nothing in one row."""
    reader = RowReader(extract, fields)
    read_all(reader)
    is_unread = (each for each in reader.findings() if each.check == "malformed" and each.field not in CODE_FIELDS)
    notices_of(is_unread)


def _child_cells(frame: pl.LazyFrame, binding: Binding, name: str, key: str) -> list[str | None]:
    child = binding.child(name)
    assert child, f"no child table of {name}"
    rows = frame.filter(pl.col(child.key).cast(pl.String) == key)
    if child.position:
        rows = rows.sort(pl.col(child.position).cast(pl.Int64, strict=False), maintain_order=True)
    return collect(rows.select(pl.col(child.code).cast(pl.String))).to_series().to_list()
