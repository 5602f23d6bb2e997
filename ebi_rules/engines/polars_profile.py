"""What Polars finds in an extract's values: for its profile."""

from collections.abc import Sequence

import polars as pl

from ebi_rules.engines.checked_extract import read_all
from ebi_rules.engines.derived_age import with_fields
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import Finding
from ebi_rules.engines.row_reader import RowReader
from ebi_rules.engines.value_checks import check_types


def profile(extract: FrameExtract, fields: Sequence[str]) -> tuple[int, list[Finding], pl.DataFrame]:
    """Return the number of rows, what was found in some fields, and the rows by month.

    Raises:
        ExtractError: A column has a type that its field cannot have.
    """
    extract, fields = with_fields(extract, fields)
    check_types(extract, fields)
    reader = RowReader(extract, fields)
    read_all(reader)
    return reader.rows, reader.findings(), _months(reader)


def _months(reader: RowReader) -> pl.DataFrame:
    """Return the rows by month: month, rows."""
    if "activity_date" not in reader.fields:
        return pl.DataFrame(schema={"month": pl.String, "rows": pl.Int64})
    days = reader.days()
    by_month = days.group_by(pl.col("day").dt.strftime("%Y-%m").alias("month")).agg(pl.col("rows").cast(pl.Int64).sum())
    without = reader.rows - int(by_month["rows"].sum())
    undated = pl.DataFrame({"month": [None], "rows": [without]}, schema=by_month.schema)
    return pl.concat([by_month.sort("month"), undated.filter(pl.col("rows") > 0)])
