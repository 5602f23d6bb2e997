"""Days as people write them, as Polars expressions: dates, times with and without a zone, whole numbers and text.

The month comes after the day where both are numbers: 03/08/2024 is 3 August. Whether a column can be read otherwise is
for `engines.date_checks` to count.
"""

import polars as pl

from opcs_icd import MISSING_TEXTS, WHITE_SPACE

LONDON = "Europe/London"
FORMATS = {
    "%Y-%m-%d": r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$",
    "%Y/%m/%d": r"^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}$",
    "%Y%m%d": r"^[0-9]{8}$",
    "%d/%m/%Y": r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}$",
    "%d/%m/%y": r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}$",
    "%d-%m-%Y": r"^[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}$",
    "%d-%m-%y": r"^[0-9]{1,2}-[0-9]{1,2}-[0-9]{2}$",
    "%d.%m.%Y": r"^[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4}$",
    "%d.%m.%y": r"^[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{2}$",
    "%d-%b-%Y": r"^[0-9]{1,2}-[A-Za-z]{3}-[0-9]{4}$",
    "%d-%b-%y": r"^[0-9]{1,2}-[A-Za-z]{3}-[0-9]{2}$",
    "%d %b %Y": r"^[0-9]{1,2} [A-Za-z]{3} [0-9]{4}$",
    "%d %B %Y": r"^[0-9]{1,2} [A-Za-z]{4,9} [0-9]{4}$",
}
"""How dates are written as text, without their time of day: what each format looks like."""

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""1 January of the year 1, and 31 December 9999, in days from 1970."""
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
"""The first and last time that there is a number for."""

_ZONE = r"[0-9:.](Z|z|[+-][0-9]{2}:?[0-9]{2})$"
_TIME = r"([T ]+[0-9]{1,2}:[0-9]{2}.*)$"
_NUMBERS = r"^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})$"


def is_date_type(dtype: pl.DataType) -> bool:
    """Return whether a column of a type can be read as dates."""
    is_text = dtype in (pl.String, pl.Categorical, pl.Null) or isinstance(dtype, pl.Enum)
    return is_text or isinstance(dtype, pl.Date | pl.Datetime) or dtype.is_integer() or dtype.is_float()


def as_date(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the expression of a day, null where the value is missing or malformed.

    Args:
        value: A date; a time, whose day in London counts if it has a zone; a whole number such as 20240328; or text in
            one of `FORMATS`, perhaps with a time.
        dtype: The type of `value`. Text is slow: it is for distinct values.

    Example:
        >>> text = pl.Series(["2024-03-28", "28/03/24", "2024-06-30T23:00:00Z", "NULL"])
        >>> [str(day) for day in pl.select(as_date(pl.lit(text), pl.String())).to_series()]
        ['2024-03-28', '2024-03-28', '2024-07-01', 'None']
    """
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return in_calendar(value, dtype).dt.convert_time_zone(LONDON).dt.date()
    if isinstance(dtype, pl.Date | pl.Datetime):
        return in_calendar(value, dtype).cast(pl.Date)
    if dtype == pl.Null:
        return value.cast(pl.Date)
    if dtype.is_numeric():
        number = value.cast(pl.Int64, strict=False)
        is_whole = number == value if dtype.is_float() else pl.lit(True)
        return pl.when(is_whole).then(number).cast(pl.String).str.to_date("%Y%m%d", strict=False)
    text = date_text(value)
    day = text.str.replace(_TIME, "").str.replace(r"^([0-9]{8})[.]0$", "$1")
    zone_text = text.str.replace(" ", "T", literal=True).str.replace(r"[Zz]$", "+00:00")
    times = zone_text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_zone="UTC", strict=False)
    in_london = times.dt.convert_time_zone(LONDON).dt.date()
    days = [pl.when(day.str.contains(look)).then(day).str.to_date(form, strict=False) for form, look in FORMATS.items()]
    return pl.when(text.str.contains(_ZONE) & text.str.contains(_TIME)).then(in_london).otherwise(pl.coalesce(days))


def in_calendar(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a date or a time, null outside the years 1 to 9999: Polars cannot say which day that is, and stops.

    Example:
        >>> days = pl.Series([0, 2**31 - 1], dtype=pl.Int32).cast(pl.Date)
        >>> pl.select(in_calendar(pl.lit(days), pl.Date())).to_series().to_list()
        [datetime.date(1970, 1, 1), None]
    """
    per_day = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
    ticks = per_day[dtype.time_unit] if isinstance(dtype, pl.Datetime) else 1
    # Nanoseconds since 1970 do not reach the ends of the calendar in 64 bits.
    first, last = max(_FIRST_DAY * ticks, _LOWEST), min(_LAST_DAY * ticks, _HIGHEST)
    return pl.when(value.to_physical().is_between(first, last)).then(value)


def date_text(value: pl.Expr) -> pl.Expr:
    """Return dates as bare text, null where they are missing."""
    text = value.cast(pl.String).str.strip_chars(WHITE_SPACE)
    return pl.when(~text.str.to_uppercase().is_in(list(MISSING_TEXTS))).then(text)


def day_and_month(value: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return the first and the second number of dates such as 03/08/2024; null for text in another form."""
    day = date_text(value).str.replace(_TIME, "")
    return (day.str.extract(_NUMBERS, 1).cast(pl.Int8), day.str.extract(_NUMBERS, 2).cast(pl.Int8))
