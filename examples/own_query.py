"""A rule as an expression in a Polars query of one's own.

python own_query.py opa.parquet
"""

import sys

import polars as pl

import ebi_rules as ebi

in_scope = ebi.rule("2S").expr(layout="ncdr-opa")
by_month = (
    pl.scan_parquet(sys.argv[1])
    .group_by(pl.col("Appointment_Date").dt.strftime("%Y-%m").alias("month"))
    .agg(pl.len().alias("appointments"), in_scope.sum().alias("in scope"))
    .sort("month")
)
print(by_month.collect())
