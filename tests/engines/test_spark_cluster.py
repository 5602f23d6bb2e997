"""Spark with two workers, each a process of its own, counts the cube that Polars counts, from several files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.synth.made_up_extract import write_extract
from tests.engines.in_spark import QUICK

_SETTINGS = {
    **QUICK,
    "spark.executor.extraJavaOptions": QUICK["spark.driver.extraJavaOptions"],
    "spark.executor.memory": "1g",
    "spark.log.level": "WARN",
    "spark.sql.shuffle.partitions": "4",
}
_PROGRAM = """
import json
import sys
from pyspark.sql import SparkSession

settings = json.loads(sys.argv[3])
builder = SparkSession.builder.master("local-cluster[2,1,2048]").config(map=settings)
session = builder.getOrCreate()
session.range(100).repartition(4).count()
workers = session.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1
assert workers == 2, workers

import ebi_rules as ebi

audit = ebi.audit(ebi.open(sys.argv[1], engine="spark"), "2S")
audit.exact_cube.write_parquet(sys.argv[2])
session.stop()
"""


@pytest.mark.needs("Apache Spark")
def test_two_workers_count_what_polars_counts(tmp_path: Path) -> None:
    import pyspark

    write_extract(tmp_path / "opa.parquet", 4_000, 4)
    rows = pl.read_parquet(tmp_path / "opa.parquet")
    folder, counted = tmp_path / "files", tmp_path / "cube.parquet"
    folder.mkdir()
    for place in range(4):
        rows.slice(place * 1_000, 1_000).write_parquet(folder / f"part-{place}.parquet")
    home = str(Path(pyspark.__file__).parent)
    command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(folder), str(counted), json.dumps(_SETTINGS)]
    done = subprocess.run(command, env={**os.environ, "SPARK_HOME": home}, capture_output=True, text=True, timeout=420)
    assert done.returncode == 0, done.stderr[-3000:]
    cube = ebi.audit(folder, "2S").exact_cube
    expected = cube.filter(~pl.col("measure").is_in(["codes", "invalid"]))
    found = pl.read_parquet(counted)
    assert found.cast(pl.Schema(expected.schema)).equals(expected)
