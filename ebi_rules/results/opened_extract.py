"""Open an extract: the one way in, for files, frames and tables in a warehouse."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ebi_rules.engines.engine_names import DEFAULT_ENGINE
from ebi_rules.engines.extract import Extract, ExtractSource, Source, TextOptions
from ebi_rules.engines.registry import find_engine
from ebi_rules.layouts.layout import Layout
from ebi_rules.results.extract_profile import profile_of


def open_extract(
    source: Source,
    layout: str | Path | Layout | None = None,
    columns: Mapping[str, str] | None = None,
    procedures: Source | None = None,
    diagnoses: Source | None = None,
    engine: str = DEFAULT_ENGINE,
    separator: str | None = None,
    encoding: str | None = None,
    contacts: Source | None = None,
) -> Extract:
    """Open an extract, and bind its layout to its columns.

    No values are read yet. The result can be passed to `flag`, `audit`, `explain` and `run_measures` any number of
    times.

    Args:
        source: A file, folder or glob (parquet, text such as CSV, Arrow IPC, Delta, Iceberg), a table (Polars,
            pandas, Arrow, a DuckDB relation, or what has the Arrow stream protocol), or a Spark frame, which the engine
            spark counts; with another engine than polars the name of a table.
        layout: The name of a layout, a layout file, or a layout; None to detect it.
        columns: Columns by canonical field, where they differ from the layout's: {"provider": "ProvCode"}.
        procedures: The table of procedure codes, for layouts that have one; None to look for it beside the extract.
        diagnoses: The table of diagnosis codes, in the same way.
        engine: Where the extract is counted, one of `ebi_rules.engines.registry.engine_names()`.
        separator: What separates the cells of text files: comma, semicolon, bar, tab or one character; None to
            recognise it by the headings.
        encoding: The encoding of text files, such as windows-1252; None for that of the mark at the start of each, or
            UTF-8.
        contacts: The table of care contacts, for the layout of community services; None to look for it beside the
            extract.

    Returns:
        The opened extract.

    Raises:
        UsageError: A name is unknown, or a column does not exist.
        LayoutError: The layout file is wrong.
        ExtractError: The extract cannot be read, or no layout fits its columns.
        EngineError: The engine is not installed, or cannot be reached.

    Example:
        >>> import polars as pl, ebi_rules as ebi
        >>> frame = pl.DataFrame({"OPA_Ident": [1], "Der_Procedure_All": ["||U055"], "Der_Diagnosis_All": [""],
        ...                       "ProvCode": ["ZZ1"]})
        >>> ebi.open(frame, columns={"provider": "ProvCode"}).binding.layout.name
        'ncdr-opa'
    """
    children = {"procedures": procedures, "diagnoses": diagnoses, "contacts": contacts}
    child_tables = {name: child for name, child in children.items() if child is not None}
    text = TextOptions(separator, encoding)
    if engine == DEFAULT_ENGINE and _is_spark_frame(source):
        engine = "spark"
    opened = find_engine(engine).open_source(ExtractSource(source, layout, columns or {}, child_tables, text))
    return replace(opened, profiler=profile_of)


def _is_spark_frame(source: Source) -> bool:
    return type(source).__module__.startswith("pyspark.sql") and hasattr(source, "createOrReplaceTempView")


def as_extract(source: Source | Extract) -> Extract:
    """Return an extract that is already open, or open a path or a frame."""
    return source if isinstance(source, Extract) else open_extract(source)
