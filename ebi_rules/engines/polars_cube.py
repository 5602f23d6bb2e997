"""Count an extract into the cube with Polars: `polars_groups` groups the rows in one pass, and this adds groups up."""

from collections.abc import Sequence

import polars as pl

from ebi_rules._support.progress import Progress, RowsDone, quiet
from ebi_rules.cube import (
    ALWAYS_CHECKED,
    EARLY,
    EARLY_DAYS,
    FIRST_DATE,
    LAST_DATE,
    LATE,
    LATE_DAYS,
    missing_counted,
    normal_values,
    treatment_fields,
)
from ebi_rules.engines.checked_extract import checked_rows, fields_to_read
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.cube_of_groups import cube_of_groups
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.polars_groups import ROWS, Grouping
from ebi_rules.rule_model.audited_rule import AuditedRule, criteria_counted


def count_frame(
    extract: FrameExtract,
    audited: Sequence[AuditedRule],
    dimensions: Sequence[str],
    progress: Progress = quiet,
) -> CountedCube:
    """Check an extract and count it.

    Args:
        extract: The extract.
        audited: The rules to count.
        dimensions: provider, month, age_band, sex and further fields.
        progress: Receives a line of text about each step.

    Raises:
        ExtractError: A column has a type or a value that its field cannot have.
    """
    criteria = criteria_counted(audited)
    fields = [*dimensions, *missing_counted(dimensions), *ALWAYS_CHECKED, *treatment_fields(extract.binding)]
    grouping = Grouping(*fields_to_read(extract, criteria, fields), criteria, dimensions)
    groups = grouping.groups(RowsDone(progress, "checking and counting", _rows_to_come(extract)))
    checked = checked_rows(grouping.reader, criteria)
    progress("adding up")
    cube = cube_of_groups(groups, audited, dimensions, _days_of_months(grouping.reader.days()), _treatments(grouping))
    return CountedCube(cube, checked.rows, checked.notices, checked.findings)


def _rows_to_come(extract: FrameExtract) -> int:
    """Return about how many rows there are to read: a scope leaves rows of files out."""
    files = extract.table.files
    return sum(file.rows for file in files) if files else collect(extract.table.frame.select(pl.len())).item()


def _days_of_months(days: pl.DataFrame) -> pl.DataFrame:
    """Return the measures in `DAY_MEASURES`, by month."""
    day, rows = pl.col("day"), pl.col("rows").cast(pl.Int64)
    number = day.dt.strftime("%Y%m%d").cast(pl.Int64)
    figures = {
        FIRST_DATE: number.min(),
        LAST_DATE: number.max(),
        EARLY: rows.filter(day.dt.day() <= EARLY_DAYS).sum(),
        LATE: rows.filter(day.dt.day() > LATE_DAYS).sum(),
    }
    return days.group_by(day.dt.strftime("%Y-%m").alias("month")).agg(**figures)


def _treatments(grouping: Grouping) -> pl.DataFrame:
    """Return how much activity each provider has by treatment function and month."""
    fields, counts = treatment_fields(grouping.binding), grouping.treatments
    if not counts.height:
        return pl.DataFrame(schema={"count": pl.Int64})
    provider, function = (normal_values(counts[name]) for name in fields)
    rows = pl.DataFrame([provider, counts["month"], function.alias("item"), counts[ROWS].cast(pl.Int64).alias("count")])
    return rows.group_by(pl.exclude("count")).agg(pl.col("count").sum())
