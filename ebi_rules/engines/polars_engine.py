"""The Polars engine: files and frames that this process reads."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.cube import EARLIEST
from ebi_rules.engines.child_tables import is_child_file, join_second, open_children, open_second
from ebi_rules.engines.coded_values import distinct_values
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.extract import Extract, ExtractSource, FrameExtract
from ebi_rules.engines.extract_tables import open_table
from ebi_rules.engines.polars_cube import count_frame
from ebi_rules.engines.polars_dates import day_of
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.audited_rule import AuditedRule


def open_source(source: ExtractSource) -> FrameExtract:
    """Open files or a frame, with the tables of codes beside them.

    Raises:
        UsageError: There is no such layout, or a column that the user named does not exist.
        LayoutError: The layout file is wrong.
        ExtractError: A file cannot be read, no layout fits, or a table of codes is missing.
    """
    table = open_table(source.data, is_child_file, source.text)
    second = open_second(source, source.layout_of(table.columns), table.columns)
    binding = source.bind_to(table.columns, second.columns if second else None)
    children = open_children(source, binding)
    if second and binding.joined:
        table = join_second(table, second, binding.joined)
        children[binding.joined.called] = second
    return FrameExtract(binding, "polars", table, children, _kind_of(source))


def count_cube(
    extract: Extract,
    audited: Sequence[AuditedRule],
    dimensions: Sequence[str],
    scope: Scope = EVERYTHING,
    progress: Progress = quiet,
) -> CountedCube:
    """Check an extract's values and count it.

    Raises:
        ExtractError: The extract has no column for the scope, or a value that its field cannot have.
    """
    return count_frame(within_scope(require_frame(extract), scope), audited, dimensions, progress)


def require_frame(extract: Extract) -> FrameExtract:
    """Return an extract that this process reads; raise `UsageError` for a table in a warehouse."""
    if not isinstance(extract, FrameExtract):
        raise UsageError(f"this needs files or a frame, and the extract is a table for the engine {extract.engine}.")
    return extract


def within_scope(extract: FrameExtract, scope: Scope) -> FrameExtract:
    """Return the part of an extract that is in a scope, as filters that the scan of files can use.

    Raises:
        ExtractError: The extract has no column for months or providers.
    """
    scope.check(extract.binding)
    table, frame = extract.table, extract.table.frame
    if scope.months:
        first, last = (date(number // 100, number % 100, 1) for number in scope.months)
        frame = frame.filter(day_of(extract).is_between(first, _end_of_month(last)))
    if scope.since:
        day = day_of(extract)
        first = date(scope.since // 100, scope.since % 100, 1)
        frame = frame.filter(day.is_null() | ~day.is_between(EARLIEST, first, closed="left"))
    provider = scope.provider_criterion()
    if provider:
        values = distinct_values(table.frame, extract.binding, ["provider"], table.schema)
        is_chosen = values.decide(provider)
        assert is_chosen is not None, "the provider is a coded field"
        frame = frame.filter(is_chosen)
    return replace(extract, table=replace(table, frame=frame, is_filtered=frame is not table.frame))


def _kind_of(source: ExtractSource) -> str:
    """Return the kind of result that fits the data: lazy for paths and lazy frames, frame, pandas, or arrow."""
    if type(source.data).__module__.startswith("pandas"):
        return "pandas"
    if isinstance(source.data, pl.DataFrame):
        return "frame"
    return "arrow" if hasattr(source.data, "__arrow_c_stream__") else "lazy"


def _end_of_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
