"""What Polars finds in an extract's values: for its profile."""

from collections.abc import Sequence

import polars as pl

from ebi_rules.criteria.fields import FIELDS, TEXTS
from ebi_rules.engines.coded_values import distinct_values
from ebi_rules.engines.derived_age import with_fields
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import Finding
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_dates import day_of
from ebi_rules.engines.value_checks import check_types, find_odd_values


def profile(extract: FrameExtract, fields: Sequence[str]) -> tuple[int, list[Finding], pl.DataFrame]:
    """Return the number of rows, what was found in some fields, and the rows by month.

    Raises:
        ExtractError: A column has a type that its field cannot have.
    """
    extract, fields = with_fields(extract, fields)
    check_types(extract, fields)
    coded = [name for name in fields if FIELDS[name].kind in TEXTS and name != "id"]
    values = distinct_values(extract.table.frame, extract.binding, coded, extract.table.schema)
    rows, findings = find_odd_values(extract, fields, values)
    return rows, findings, _months(extract)


def _months(extract: FrameExtract) -> pl.DataFrame:
    """Return the rows by month: month, rows."""
    if "activity_date" not in extract.binding.fields:
        return pl.DataFrame(schema={"month": pl.String, "rows": pl.Int64})
    month = day_of(extract).dt.strftime("%Y-%m").alias("month")
    counted = collect(extract.table.frame.group_by(month).agg(pl.len().cast(pl.Int64).alias("rows")))
    return counted.sort("month", nulls_last=True)
