"""Age in completed years from the date of birth, for extracts that have no column of ages."""

from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.polars_dates import day_of
from ebi_rules.engines.value_checks import check_types
from ebi_rules.layouts.binding import BIRTH_AND_ACTIVITY, DERIVED_AGE


def with_fields(extract: FrameExtract, fields: Iterable[str]) -> tuple[FrameExtract, list[str]]:
    """Return an extract that has a column for age if that is among some fields, and the fields to check.

    Where age is worked out, the dates from which it is are fields to check too.

    Raises:
        ExtractError: A column of these dates has a type that is none.
    """
    names = set(fields)
    if "age" in names and extract.binding.derives_age:
        names |= set(BIRTH_AND_ACTIVITY)
        check_types(extract, BIRTH_AND_ACTIVITY)
        extract = with_age(extract)
    return extract, [name for name in extract.binding.fields if name in names]


def with_age(extract: FrameExtract) -> FrameExtract:
    """Return an extract with a column of ages, if age is worked out from the date of birth; otherwise the same extract.

    The age is that in completed years at the date of the activity: negative where that is before the birth, null
    where either date is missing.
    """
    if not extract.binding.derives_age:
        return extract
    birth, day = (day_of(extract, name) for name in BIRTH_AND_ACTIVITY)
    had_birthday = _day_of_year(day) >= _day_of_year(birth)
    years = day.dt.year() - birth.dt.year() - (~had_birthday).cast(pl.Int32)
    table = extract.table
    return replace(
        extract,
        table=replace(
            table,
            frame=table.frame.with_columns(years.cast(pl.Int64).alias(DERIVED_AGE)),
            schema={**table.schema, DERIVED_AGE: pl.Int64()},
        ),
        binding=replace(extract.binding, fields={**extract.binding.fields, "age": (DERIVED_AGE,)}),
    )


def _day_of_year(day: pl.Expr) -> pl.Expr:
    """Return month and day as one number, which orders days within a year."""
    return day.dt.month().cast(pl.Int32) * 100 + day.dt.day().cast(pl.Int32)
