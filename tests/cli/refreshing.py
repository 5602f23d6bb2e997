"""What the tests of refreshes share: settings, parts of an extract, the cube that counting everything gives."""

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

import ebi_rules as ebi

Refresh = Callable[..., Any]

DAY = pl.col("Appointment_Date")
SETTINGS = """
extract = "opa.parquet"
[audit]
rule = ["2S", "2T"]
"""


def until(everything: pl.DataFrame, month: date) -> pl.DataFrame:
    return everything.filter(month > DAY)


def exact_cube(data: pl.DataFrame, engine: str = "polars") -> pl.DataFrame:
    source = ebi.open(data, engine=engine) if engine == "polars" else ebi.open("opa.parquet", engine=engine)
    return ebi.audit(source, ["2S", "2T"], settings=ebi.Settings(disclosure="none")).exact_cube
