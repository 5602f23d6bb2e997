"""Write an audit's tables: CSV and a workbook, safe to open in a spreadsheet, with `*` for what is suppressed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules.audit.disclosure import SUPPRESSED
from ebi_rules.audit.tables import SUPPRESSIBLE

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with when a spreadsheet takes it for a formula (OWASP, CSV injection)."""


def hidden(table: pl.DataFrame, column: str) -> pl.Expr:
    """Say where a figure is suppressed, and not merely missing: its own count, or one that it comes from, is null.

    A variant that the extract cannot answer has no count to suppress: `about` says so.
    """
    if column not in SUPPRESSIBLE:
        return pl.lit(False)
    bases = [name for name in SUPPRESSIBLE[column] if name in table.columns] or [column]
    gone = pl.any_horizontal([pl.col(name).is_null() for name in bases])
    if column == "removed":
        first = pl.col("step") == 0
        return pl.col("removed").is_null() & ~first
    if column in ("mean", "lower", "upper"):
        return pl.lit(False)
    if "about" in table.columns:
        gone = gone & ~pl.col("about").str.starts_with("not available")
    return pl.col(column).is_null() & gone


def spreadsheet_text(value: str) -> str:
    """Give a text that no spreadsheet takes for a formula: an apostrophe goes before one that would be."""
    return f"'{value}" if value.startswith(_FORMULA_SIGNS) else value


def told(table: pl.DataFrame) -> pl.DataFrame:
    """Give a table as text: `*` for what is suppressed, text that no spreadsheet takes for a formula."""
    columns = []
    for name, dtype in table.schema.items():
        text = pl.col(name).cast(pl.String)
        if dtype == pl.String:
            text = pl.when(text.str.contains(r"^[=+\-@\t\r]")).then("'" + text).otherwise(text)
        columns.append(pl.when(hidden(table, name)).then(pl.lit(SUPPRESSED)).otherwise(text).alias(name))
    return table.select(columns)


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV."""
    told(table).write_csv(path)


def write_workbook(tables: Mapping[str, pl.DataFrame], about: list[tuple[str, str]], path: Path) -> None:
    """Write tables as a workbook, a sheet each after one that says what it is; text is never a formula or a link."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, options) as workbook:
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
    suppressed = table.select(hidden(table, name).alias(name) for name in table.columns)
    for place, name in enumerate(table.columns):
        sheet.write_string(0, place, name, bold)
        gone = suppressed[name] if suppressed.height == table.height else [False] * table.height
        for row, (value, is_gone) in enumerate(zip(table[name], gone, strict=True), start=1):
            if is_gone:
                sheet.write_string(row, place, SUPPRESSED)
            elif isinstance(value, bool):
                sheet.write_boolean(row, place, value)
            elif isinstance(value, int | float):
                sheet.write_number(row, place, value)
            elif value is not None:
                sheet.write_string(row, place, spreadsheet_text(str(value)))
    sheet.freeze_panes(1, 0)
    if table.width:
        sheet.autofilter(0, 0, max(table.height, 1), table.width - 1)
        sheet.autofit()
