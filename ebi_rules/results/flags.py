"""Flag activity: the Python call over a frame, and the file that the command line writes."""

import warnings as python_warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import polars as pl

from ebi_rules._support.atomic_output import require_apart, require_free, whole_file
from ebi_rules._support.errors import UsageError
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.engines.extract import Extract, Source, open_extract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_flags import Prepared, flag_columns, prepare
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import Layout
from ebi_rules.rule_model.catalogue import choose
from ebi_rules.rule_model.rule import DEFAULT, Rule, criteria_of


class ExtractWarning(UserWarning):
    """Something in an extract that a user should know, such as repeated keys."""


@dataclass(frozen=True)
class Flagged:
    """What `write_flags` wrote: rows, rows flagged by rule key, the layout's name, and warnings."""

    rows: int
    flagged: Mapping[str, int]
    layout: str
    warnings: tuple[str, ...]


@overload
def flag(
    frame: pl.DataFrame,
    rules: Iterable[str | Rule] | None = None,
    layout: str | Path | Layout | None = None,
    variant: str = DEFAULT,
    overrides: Mapping[str, str] | None = None,
    procedures: Source | None = None,
    diagnoses: Source | None = None,
    explain: bool = False,
    any_dataset: bool = False,
) -> pl.DataFrame: ...


@overload
def flag(
    frame: str | Path | pl.LazyFrame,
    rules: Iterable[str | Rule] | None = None,
    layout: str | Path | Layout | None = None,
    variant: str = DEFAULT,
    overrides: Mapping[str, str] | None = None,
    procedures: Source | None = None,
    diagnoses: Source | None = None,
    explain: bool = False,
    any_dataset: bool = False,
) -> pl.LazyFrame: ...


def flag(
    frame: Source,
    rules: Iterable[str | Rule] | None = None,
    layout: str | Path | Layout | None = None,
    variant: str = DEFAULT,
    overrides: Mapping[str, str] | None = None,
    procedures: Source | None = None,
    diagnoses: Source | None = None,
    explain: bool = False,
    any_dataset: bool = False,
) -> pl.DataFrame | pl.LazyFrame:
    """Add one boolean column a rule, named by the rule's key, to an extract.

    A DataFrame gives a DataFrame; a LazyFrame, or the path of parquet files, gives a LazyFrame. Rows and their
    order stay. `layout` is detected when not given; `overrides` maps canonical fields to columns; `procedures`
    and `diagnoses` are the child tables of layouts that have them. With `explain` two columns more a rule:
    `<key>__stopped_by` (text, null when flagged) and `<key>__codes` (list of text). A rule that is named must be of
    the extract's dataset, unless `any_dataset`; when none is named these are all rules of that dataset.

    The columns that the rules need are read when this is called, to check them and to decide codes; a LazyFrame
    is read again when the result is collected. Raises `UsageError`, `LayoutError` or `ExtractError`; warns with
    `ExtractWarning`.
    """
    extract, binding = open_extract(frame, layout, overrides, {"procedures": procedures, "diagnoses": diagnoses})
    chosen, warnings = choose(rules, variant, binding, any_dataset=any_dataset)
    readings = [reading for _, reading in chosen]
    prepared = _prepared(extract, binding, readings, explain).with_warnings(warnings)
    for text in prepared.warnings:
        python_warnings.warn(text, ExtractWarning, stacklevel=2)
    flags = flag_columns(prepared, readings, explain)
    result = prepared.frame.select([*map(pl.col, prepared.schema), *flags])
    return collect(result) if isinstance(frame, pl.DataFrame) else result


def write_flags(
    source: str,
    output: Path,
    rules: Iterable[str | Rule] | None = None,
    layout: str | Path | Layout | None = None,
    variant: str = DEFAULT,
    overrides: Mapping[str, str] | None = None,
    procedures: Source | None = None,
    diagnoses: Source | None = None,
    explain: bool = False,
    skip_unavailable: bool = False,
    any_dataset: bool = False,
    force: bool = False,
    progress: Progress = quiet,
) -> Flagged:
    """Write the activity key and one boolean column a rule, in the extract's order, to a parquet file.

    The file appears whole or not at all. Arguments as for `flag`.
    """
    require_free(output, force)
    extract, binding = open_extract(source, layout, overrides, {"procedures": procedures, "diagnoses": diagnoses})
    require_apart(output, [Path(source), *(Path(file.path) for file in extract.files)])
    progress("checking values and deciding codes")
    chosen, warnings = choose(rules, variant, binding, skip_unavailable, any_dataset)
    readings = [reading for _, reading in chosen]
    prepared = _prepared(extract, binding, readings, explain).with_warnings(warnings)
    progress("writing flags")
    flags = flag_columns(prepared, readings, explain)
    with whole_file(output, force) as target:
        prepared.frame.select(pl.col(prepared.binding.key), *flags).sink_parquet(target)
        sums = [pl.col(rule.key).sum() for rule in readings]
        counts = collect(pl.scan_parquet(target).select(sums)).row(0)
    flagged = dict(zip((rule.key for rule in readings), counts, strict=True))
    return Flagged(prepared.rows, flagged, prepared.binding.layout.name, prepared.warnings)


def _prepared(extract: Extract, binding: Binding, readings: list[Rule], explain: bool) -> Prepared:
    for rule in readings:
        if rule.key in extract.table.columns:
            raise UsageError(f"the extract has a column {rule.key} already, where the rule's flag would go.")
    return prepare(extract, binding, criteria_of(readings), explain)
