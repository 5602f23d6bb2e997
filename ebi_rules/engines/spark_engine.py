"""The Spark engine: in the active session (a notebook, Databricks Connect, spark-submit), or in a local one.

A source is the name of a table or view, or the path of parquet files that Spark can reach.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.errors import EngineError, UsageError
from ebi_rules.engines.connections import driver
from ebi_rules.engines.extract import ExtractSource, Table
from ebi_rules.engines.value_checks import zone_remarks
from ebi_rules.engines.warehouse import Query, WarehouseExtract, count_cube, guarded, open_files, open_named_table
from ebi_rules.translate.date_formats import LONDON

__all__ = ["count_cube", "open_source"]

_NUMBERS = count(1)
"""Views have numbers, so that those of several extracts can be joined."""

_SENT_TO_WORKERS = 500_000
"""A step with so many rows at most is sent to every worker."""

_LIMITS = {
    "spark.driver.maxResultSize": "the counts are larger than Spark's driver accepts: raise spark.driver.maxResultSize",
    "OutOfMemoryError": "Spark has too little memory: raise spark.driver.memory or spark.executor.memory",
}
"""What to do about a limit of Spark, by a word of its message."""


def open_source(source: ExtractSource) -> WarehouseExtract:
    """Open a table, a view or parquet files. Raises `UsageError` for a frame, `EngineError` without Spark."""
    session, number = _session(), next(_NUMBERS)
    activity = f"ebi_activity_{number}"
    if hasattr(source.data, "createOrReplaceTempView"):
        source.data.createOrReplaceTempView(activity)
        source = replace(source, data=activity)
    if not isinstance(source.data, str | Path):
        raise UsageError("the engine spark counts a table, a Spark frame or parquet files: pass one, or a path.")
    remarks: list[str] = []
    session.conf.set("spark.sql.session.timeZone", LONDON)
    if _is_path(str(source.data)) and Path(str(source.data)).exists():
        files = open_files("spark", source)
        remarks = zone_remarks(files)
        table = _view_of(session, files.table, activity)
        children = {name: _view_of(session, child, f"ebi_{name}_{number}") for name, child in files.children.items()}
    else:
        children = {
            name: _table_of(session, str(child), f"ebi_{name}_{number}") for name, child in source.children.items()
        }
        table = _table_of(session, str(source.data), activity)
    opened = open_named_table("spark", "spark", _query(session), replace(source, data=table, children=children))
    return replace(opened, remarks=remarks, keeping=partial(_keeping, session))


@contextmanager
def _keeping(session: Any, statement: str) -> Iterator[str]:
    """Keep what a statement selects on the workers: Spark works a step out again for each step that reads it.

    If it is small, it is marked to be sent to every worker: Spark takes a step for as large as the table that it reads,
    and would send and sort every row of the table to join it.
    """
    name = f"ebi_step_{next(_NUMBERS)}"

    def make_view(text: str) -> pl.DataFrame:
        kept = session.sql(text)
        # Some services of Spark refuse to keep anything: that is slower, and right.
        with suppress(Exception):
            kept = kept.localCheckpoint()
            if kept.count() <= _SENT_TO_WORKERS:
                kept = kept.hint("broadcast")
        kept.createOrReplaceTempView(name)
        return pl.DataFrame()

    _guarded(make_view)(statement)
    try:
        yield name
    finally:
        session.catalog.dropTempView(name)


def _session() -> Any:
    sql = driver("pyspark.sql", "spark")
    return sql.SparkSession.getActiveSession() or (
        sql.SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()
    )


def _table_of(session: Any, source: str, name: str) -> str:
    """Return the name of a table; parquet files become a view called `name`."""
    if not _is_path(source):
        return source

    def make_view(path: str) -> pl.DataFrame:
        session.read.parquet(path).createOrReplaceTempView(name)
        return pl.DataFrame()

    _guarded(make_view)(source)
    return name


def _is_path(source: str) -> bool:
    return source.endswith(".parquet") or "/" in source or "\\" in source


def _view_of(session: Any, table: Table, name: str) -> str:
    """Return the name of a view of parquet files that this process found, which have one set of columns."""
    paths = [re.sub(r"[*?\[\]{}\\]", r"\\\g<0>", file.path) for file in table.files]

    def make_view(path: str) -> pl.DataFrame:
        reader = session.read.option("mergeSchema", "true").option("basePath", path)
        reader.parquet(*paths).createOrReplaceTempView(name)
        return pl.DataFrame()

    folder = table.path if table.path and table.path.is_dir() else Path(table.files[0].path).parent
    _guarded(make_view)(str(folder))
    return name


def _query(session: Any) -> Query:
    def run(statement: str) -> pl.DataFrame:
        rows = pl.from_arrow(session.sql(statement).toArrow())
        assert isinstance(rows, pl.DataFrame)
        return rows

    return _guarded(run)


def _guarded(query: Query) -> Query:
    """Return a query whose errors are reported by kind, and what to do where a limit of Spark is met."""

    def run(statement: str) -> pl.DataFrame:
        try:
            return query(statement)
        except Exception as error:
            advice = next((advice for word, advice in _LIMITS.items() if word in str(error)), None)
            if advice is None:
                raise
            raise EngineError(f"{advice}.") from error

    return guarded("Spark", run)
