"""Write an audit's tables as a workbook that is safe to open in a spreadsheet."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from ebi_rules.provider_audit.table_files import mark, shown_columns

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""The first characters of a cell that a spreadsheet takes for a formula (OWASP, CSV injection)."""


def spreadsheet_text(value: str) -> str:
    """Return text that no spreadsheet takes for a formula, with an apostrophe before it if needed.

    Example:
        >>> spreadsheet_text("=1+1")
        "'=1+1"
    """
    return f"'{value}" if value.startswith(_FORMULA_SIGNS) else value


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
