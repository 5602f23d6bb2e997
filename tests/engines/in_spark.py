"""Apache Spark in local mode: Spark's own text, and Databricks', whose engine it is."""

from collections.abc import Sequence
from types import MappingProxyType

import polars as pl

from tests.engines.engine import AbsentError, SqlEngine

QUICK = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.log.level": "OFF",
}
"""Small data: what Spark does to be fast with large ones takes most of the time."""


class Spark(SqlEngine):
    name = "Apache Spark"
    dialects = ("spark", "databricks")
    stands_for = MappingProxyType(
        {"databricks": "run on Apache Spark, whose SQL Databricks extends; Databricks itself was not to be had"}
    )
    examples = 0.05
    keeps_views = False  # A view that is kept cannot ask a temporary table.

    def __init__(self) -> None:
        super().__init__()
        self._session = None

    def version(self) -> str:
        if not self._session:
            self._session = self._start()
        return str(self._session.version)

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self._session.createDataFrame(frame.to_arrow(compat_level=pl.CompatLevel.oldest())).createOrReplaceTempView(
            name
        )

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        return [tuple(row) for row in self._session.sql(query).collect()]

    def stop(self) -> None:
        if self._session:
            self._session.stop()

    def _start(self):
        import shutil

        if not shutil.which("java"):
            raise AbsentError("apt-get install openjdk-17-jre-headless")
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise AbsentError("pip install pyspark") from None
        builder = SparkSession.builder.master("local[1]")
        for name, value in QUICK.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()


ENGINES = (Spark(),)
