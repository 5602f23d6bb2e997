"""Write an audit's tables: CSV and a workbook, safe to open in a spreadsheet; `*` and `**` for what is not shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules.disclosure.rounding import SUPPRESSED, WITHHELD
from ebi_rules.provider_audit.table_columns import SUPPRESSIBLE

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with when a spreadsheet takes it for a formula (OWASP, CSV injection)."""


def mark(table: pl.DataFrame, column: str) -> pl.Expr:
    """Give what stands for a figure that is not shown, null where it is shown or merely missing.

    `*` for a suppressed count, `**` for one that is withheld to protect another, and the same for what comes from them.
    A variant that the extract cannot answer has no count to suppress: `about` says so.
    """
    bases = [name for name in SUPPRESSIBLE.get(column, ()) if name in table.columns] or [column]
    if column not in SUPPRESSIBLE:
        return pl.lit(None, pl.String)
    gone = pl.any_horizontal([pl.col(name).is_null() for name in bases])
    if column == "removed":
        gone = pl.col("step") > 0
    if "about" in table.columns:
        gone = gone & ~pl.col("about").str.starts_with("not available")
    withheld = [pl.col(f"{name}{WITHHELD}") for name in bases if f"{name}{WITHHELD}" in table.columns]
    sign = pl.when(pl.any_horizontal(withheld)).then(pl.lit("**")) if withheld else pl.when(False).then(pl.lit("**"))
    return pl.when(pl.col(column).is_null() & gone).then(sign.otherwise(pl.lit(SUPPRESSED)))


def shown_columns(table: pl.DataFrame) -> list[str]:
    """Give the columns that files have."""
    return [name for name in table.columns if not name.endswith(WITHHELD)]


def spreadsheet_text(value: str) -> str:
    """Give a text that no spreadsheet takes for a formula: an apostrophe goes before one that would be."""
    return f"'{value}" if value.startswith(_FORMULA_SIGNS) else value


def told(table: pl.DataFrame) -> pl.DataFrame:
    """Give a table as text: `*` and `**` for what is not shown, text that no spreadsheet takes for a formula."""
    columns = []
    for name in shown_columns(table):
        text = pl.col(name).cast(pl.String)
        if table.schema[name] == pl.String:
            text = pl.when(text.str.contains(r"^[=+\-@\t\r]")).then("'" + text).otherwise(text)
        columns.append(pl.coalesce(mark(table, name), text).alias(name))
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
    names = shown_columns(table)
    signs = table.with_columns(mark(table, name).alias(name) for name in names)
    for place, name in enumerate(names):
        sheet.write_string(0, place, name, bold)
        for row, (value, sign) in enumerate(zip(table[name], signs[name], strict=True), start=1):
            if sign is not None:
                sheet.write_string(row, place, sign)
            elif isinstance(value, bool):
                sheet.write_boolean(row, place, value)
            elif isinstance(value, int | float):
                sheet.write_number(row, place, value)
            elif value is not None:
                sheet.write_string(row, place, spreadsheet_text(str(value)))
    sheet.freeze_panes(1, 0)
    if names:
        sheet.autofilter(0, 0, max(table.height, 1), len(names) - 1)
        sheet.autofit()
