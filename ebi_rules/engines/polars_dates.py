"""The day of an activity and the age band of a patient, as Polars expressions over an extract's own columns."""

from collections.abc import Mapping

import polars as pl

from ebi_rules.cube import AGE_BAND_STARTS, AGE_BANDS_PARTED, OLDEST
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.polars import as_date


def day_of(binding: Binding, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return the day of an activity: a date, null if the extract has none or it cannot be read."""
    columns = binding.fields["activity_date"]
    return as_date(pl.coalesce([pl.col(column) for column in columns]), schema[columns[0]])


def age_band_number(age: pl.Expr) -> pl.Expr:
    """Return the place of an age (whole years) in `cube.AGE_BANDS`; null if it is no plausible age."""
    fives = age.clip(upper_bound=AGE_BAND_STARTS[-1]) // 5
    return pl.when(age.is_between(0, OLDEST)).then(fives + (age >= AGE_BANDS_PARTED).cast(pl.Int32))
