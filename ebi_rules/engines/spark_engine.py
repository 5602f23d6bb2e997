"""The Spark engine: in the session there is (a notebook, Databricks Connect, spark-submit), or a local one.

A source is the name of a table or view, or the path of parquet files that Spark can reach.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ebi_rules._support.errors import EngineError, UsageError
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.engines.extract import Source
from ebi_rules.engines.warehouse import Query, Warehouse, guarded, open_table
from ebi_rules.layouts.layout import Layout

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ACTIVITY = "ebi_activity"


def open_source(
    source: Source,
    layout: str | Path | Layout | None = None,
    overrides: Mapping[str, str] | None = None,
    children: Mapping[str, Source | None] | None = None,
) -> Warehouse:
    """Open a table, view or parquet files. Raises `EngineError` when Spark is absent."""
    if not isinstance(source, str | Path):
        raise UsageError("the engine spark counts a table or parquet files: give a name or a path.")
    session = _session()
    named: dict[str, Source | None] = {}
    for name in CODE_FIELDS:
        child = (children or {}).get(name)
        if child is not None:
            named[name] = _named(session, str(child), f"ebi_{name}")
    table = _named(session, str(source), _ACTIVITY)
    return open_table(_query(session), "spark", table, layout, overrides, named)


def _session() -> "SparkSession":
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise EngineError("the engine spark is not installed: pip install 'ebi-rules[spark]'.") from None
    # An extract with a backslash in a name or a value must mean what it means elsewhere.
    return SparkSession.getActiveSession() or SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()


def _named(session: "SparkSession", source: str, name: str) -> str:
    """Give the name of a table; files are given one."""
    if not (source.endswith(".parquet") or "/" in source or "\\" in source):
        return source

    def read(path: str) -> pl.DataFrame:
        session.read.parquet(path).createOrReplaceTempView(name)
        return pl.DataFrame()

    guarded("Spark", read)(source)
    return name


def _query(session: "SparkSession") -> Query:
    def run(text: str) -> pl.DataFrame:
        found = pl.from_arrow(session.sql(text).toArrow())
        assert isinstance(found, pl.DataFrame)
        return found

    return guarded("Spark", run)
