"""Quarters of a year as text, "2024-04 to 2024-06": the months say which quarter it is, whenever a year begins."""

from collections.abc import Iterable

import polars as pl


def quarter_of(month: str) -> str:
    """Return the quarter that contains a month.

    Example:
        >>> quarter_of("2024-05")
        '2024-04 to 2024-06'
    """
    year, first = month[:4], (int(month[5:7]) - 1) // 3 * 3 + 1
    return f"{year}-{first:02d} to {year}-{first + 2:02d}"


def quarter_of_day(day: pl.Expr) -> pl.Expr:
    """Return the quarter that contains a date, for each row.

    Example:
        >>> frame = pl.DataFrame({"day": ["2024-05-17", "2024-12-31"]}, schema={"day": pl.String})
        >>> frame.select(quarter_of_day(pl.col("day").str.to_date()))["day"].to_list()
        ['2024-04 to 2024-06', '2024-10 to 2024-12']
    """
    first = day.dt.truncate("1q")
    return pl.format("{} to {}", first.dt.strftime("%Y-%m"), first.dt.offset_by("2mo").dt.strftime("%Y-%m"))


def months_of(quarter: str) -> list[str]:
    """Return the three months of a quarter.

    Example:
        >>> months_of("2024-04 to 2024-06")
        ['2024-04', '2024-05', '2024-06']
    """
    year, first = quarter[:4], int(quarter[5:7])
    return [f"{year}-{month:02d}" for month in range(first, first + 3)]


def quarters_of(months: Iterable[str]) -> list[str]:
    """Return the quarters that contain some months, each once, in the order of the months.

    Example:
        >>> quarters_of(["2024-02", "2024-03", "2024-04"])
        ['2024-01 to 2024-03', '2024-04 to 2024-06']
    """
    return list(dict.fromkeys(quarter_of(month) for month in months))
