"""Look one activity up in an extract by its key, in the form that the reference reads."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules.criteria.activity import Activity
from ebi_rules.engines.extract import Source, open_extract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.value_checks import check_types, count_odd_values
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import Layout
from ebi_rules.rule_model.rule import Rule, available


def find_activities(
    source: Source,
    key: str,
    rule: Rule,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    procedures: Source | None = None,
    diagnoses: Source | None = None,
    any_dataset: bool = False,
) -> list[Activity]:
    """Give the activities of an extract with a key: one, or more where the key is repeated.

    Raises `UsageError` when there is none; otherwise as `open_extract`.
    """
    extract, binding = open_extract(source, layout, overrides, {"procedures": procedures, "diagnoses": diagnoses})
    available([rule], binding, skip_unavailable=False, any_dataset=any_dataset)
    needed = [name for name in binding.fields if name in rule.fields_needed]
    check_types(binding, needed, extract.table.schema)
    rows = collect(extract.table.frame.filter(pl.col(binding.key).cast(pl.String) == key))
    if rows.is_empty():
        raise UsageError(f"no activity has the key {key} ({binding.key}).")
    count_odd_values(rows.lazy(), binding, needed, extract.table.schema, {})
    cells = {name: _child_cells(table.frame, binding, name, key) for name, table in extract.children.items()}
    narrowed = binding.only(["id", *needed])
    return [narrowed.activity(row, cells) for row in rows.iter_rows(named=True)]


def _child_cells(frame: pl.LazyFrame, binding: Binding, name: str, key: str) -> list[str | None]:
    child = binding.child(name)
    assert child, f"no child table of {name}"
    rows = frame.filter(pl.col(child.key).cast(pl.String) == key)
    if child.position:
        rows = rows.sort(pl.col(child.position).cast(pl.Int64, strict=False), maintain_order=True)
    return collect(rows.select(pl.col(child.code).cast(pl.String))).to_series().to_list()
