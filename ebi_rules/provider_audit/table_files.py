"""Write an audit's tables as CSV files that are safe to open in a spreadsheet, and say which counts are not shown.

Counts that are not shown are `*` (suppressed) or `**` (withheld to protect another count). `shown_counts` decides which
counts these are.
"""

from pathlib import Path

import polars as pl

from ebi_rules.disclosure.rounding import SUPPRESSED, WITHHELD
from ebi_rules.provider_audit.table_columns import SUPPRESSIBLE


def mark(table: pl.DataFrame, column: str) -> pl.Expr:
    """Return the sign for each figure of a column that is not shown, null where a figure is shown or just missing.

    The sign is `*` for a suppressed count and `**` for one that is withheld to protect another; a figure has the sign
    of the counts from which it is calculated. A variant that the extract cannot answer has no count to suppress.

    Args:
        table: The table, with its columns that mark withheld counts.
        column: One of its columns.
    """
    if column not in SUPPRESSIBLE:
        return pl.lit(None, pl.String)
    counts = [name for name in SUPPRESSIBLE[column] if name in table.columns] or [column]
    is_suppressed = pl.any_horizontal([pl.col(name).is_null() for name in counts])
    if column == "removed":
        is_suppressed = pl.col("step") > 0
    if "about" in table.columns:
        is_suppressed = is_suppressed & ~pl.col("about").str.starts_with("not available")
    marks = [pl.col(f"{name}{WITHHELD}") for name in counts if f"{name}{WITHHELD}" in table.columns]
    is_withheld = pl.any_horizontal(marks) if marks else pl.lit(False)
    sign = pl.when(is_withheld).then(pl.lit("**")).otherwise(pl.lit(SUPPRESSED))
    return pl.when(pl.col(column).is_null() & is_suppressed).then(sign)


def shown_columns(table: pl.DataFrame) -> list[str]:
    """Return the columns that files contain.

    Example:
        >>> shown_columns(pl.DataFrame(schema=["rule", "flagged", "flagged_withheld"]))
        ['rule', 'flagged']
    """
    return [name for name in table.columns if not name.endswith(WITHHELD)]


def text_table(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table as text: `*` and `**` for counts that are not shown, and no text that looks like a formula."""
    columns = []
    for name in shown_columns(table):
        text = pl.col(name).cast(pl.String)
        if table.schema[name] == pl.String:
            text = pl.when(text.str.contains(r"^[=+\-@\t\r]")).then("'" + text).otherwise(text)
        columns.append(pl.coalesce(mark(table, name), text).alias(name))
    return table.select(columns)


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV."""
    text_table(table).write_csv(path)
