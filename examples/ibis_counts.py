"""The SQL that `ebi-rules sql` prints, as an Ibis table to go on with.

ebi-rules sql 2S --dialect duckdb --layout ncdr-opa --table opa > flags.sql
python ibis_counts.py opa.parquet flags.sql

Run this in an environment of its own: Ibis 12 cannot work with DuckDB 2, which ebi-rules takes.
"""

import sys
from pathlib import Path

import ibis

extract, statement = sys.argv[1:3]
connection = ibis.duckdb.connect()
connection.read_parquet(extract, table_name="opa")
flags = connection.sql(Path(statement).read_text(encoding="utf-8").rstrip().rstrip(";"))
print(flags.aggregate(rows=flags.count(), in_scope=flags["2S_lower_back_imaging"].sum()).execute())
