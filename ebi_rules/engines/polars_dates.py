"""The day of an activity and the age band of a patient, as Polars expressions over an extract's own columns."""

import polars as pl

from ebi_rules.cube import AGE_BAND_STARTS, AGE_BANDS_PARTED, OLDEST
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.translate.date_formats import as_date

TEXT, DAY, ROWS = "text", "day", "rows"


def day_of(extract: FrameExtract, name: str = "activity_date") -> pl.Expr:
    """Return the expression of a field's day: a date, null if the extract has none or it cannot be read.

    Dates that are text are read now, each distinct text once.
    """
    return pl.coalesce([_day(extract, column) for column in extract.binding.fields[name]])


def distinct_dates(extract: FrameExtract, column: str) -> pl.DataFrame:
    """Return the distinct texts of a column of dates, sorted: `text`, its `day`, and the number of `rows` with it."""
    known = extract.distinct_dates
    if column not in known:
        text = pl.col(column).cast(pl.String).alias(TEXT)
        counted = collect(extract.table.frame.group_by(text).agg(pl.len().alias(ROWS)))
        known[column] = counted.with_columns(as_date(pl.col(TEXT), pl.String()).alias(DAY)).sort(TEXT)
    return known[column]


def is_text_date(dtype: pl.DataType) -> bool:
    """Return whether dates in a column of this type are text."""
    return dtype in (pl.String, pl.Categorical) or isinstance(dtype, pl.Enum)


def _day(extract: FrameExtract, column: str) -> pl.Expr:
    dtype = extract.table.schema[column]
    if not is_text_date(dtype):
        return as_date(pl.col(column), dtype)
    dates = distinct_dates(extract, column).drop_nulls(TEXT)
    place = pl.col(column).cast(pl.String).cast(pl.Enum(dates[TEXT])).to_physical()
    return pl.lit(dates[DAY]).gather(place)


def age_band_number(age: pl.Expr) -> pl.Expr:
    """Return the place of an age (whole years) in `cube.AGE_BANDS`; null if it is no plausible age."""
    fives = age.clip(upper_bound=AGE_BAND_STARTS[-1]) // 5
    return pl.when(age.is_between(0, OLDEST)).then(fives + (age >= AGE_BANDS_PARTED).cast(pl.Int32))
