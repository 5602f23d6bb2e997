"""Write an audit's tables as CSV files or a workbook that are safe to open in a spreadsheet.

Counts that are not shown are `*` (suppressed) or `**` (withheld to protect another count). `shown_counts` decides which
counts these are.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from ebi_rules.disclosure.rounding import SUPPRESSED, WITHHELD
from ebi_rules.provider_audit.table_columns import SUPPRESSIBLE

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""The first characters of a cell that a spreadsheet takes for a formula (OWASP, CSV injection)."""


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


def spreadsheet_text(value: str) -> str:
    """Return text that no spreadsheet takes for a formula, with an apostrophe before it if needed.

    Example:
        >>> spreadsheet_text("=1+1")
        "'=1+1"
    """
    return f"'{value}" if value.startswith(_FORMULA_SIGNS) else value


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


def write_workbook(
    tables: Mapping[str, pl.DataFrame], about: list[tuple[str, str]], path: Path, created: datetime
) -> None:
    """Write tables as a workbook in which text is never a formula or a link.

    Args:
        tables: The tables by name; each becomes a sheet.
        about: Names and texts for the first sheet, which describes the workbook.
        path: The file to write.
        created: The time that the workbook states, the only one in it.
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, options) as workbook:
        workbook.set_properties({"created": created})
        bold, wrapped = workbook.add_format({"bold": True}), workbook.add_format({"text_wrap": True, "valign": "top"})
        front = workbook.add_worksheet("about")
        front.set_column(0, 0, 24, bold)
        front.set_column(1, 1, 100, wrapped)
        for row, (name, text) in enumerate(about):
            front.write_string(row, 0, name)
            front.write_string(row, 1, text)
        for name, table in tables.items():
            _write_sheet(workbook.add_worksheet(name[:31]), table, bold)


def _write_sheet(sheet: Any, table: pl.DataFrame, bold: Any) -> None:
    names = shown_columns(table)
    signs = table.with_columns(mark(table, name).alias(name) for name in names)
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, bold)
        for row, (value, sign) in enumerate(zip(table[name], signs[name], strict=True), start=1):
            if sign is not None:
                sheet.write_string(row, column, sign)
            elif isinstance(value, bool):
                sheet.write_boolean(row, column, value)
            elif isinstance(value, int | float):
                sheet.write_number(row, column, value)
            elif value is not None:
                sheet.write_string(row, column, spreadsheet_text(str(value)))
    sheet.freeze_panes(1, 0)
    if names:
        sheet.autofilter(0, 0, max(table.height, 1), len(names) - 1)
        sheet.autofit()
