"""Text files with a table: CSV and its relatives. Their separator and encoding are recognised, and their shape is
checked.

Every line must have as many cells as the heading: a line that has not would move values into the wrong column, or make
up a row. Such a file is refused with the number of such lines and the first of them; no cell is shown.
"""

import codecs
import csv
import io
import re
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from ebi_rules._support.errors import EbiError, UsageError
from ebi_rules._support.text_bytes import UTF8, CheckedBytes, marked_encoding

SEPARATORS = {"comma": ",", "semicolon": ";", "bar": "|", "tab": "\t"}
"""The separators that are recognised, with the names that users can give them."""

_BLOCK = 8 * 1024 * 1024
_START = 65_536
_VALUE = re.compile(r"[0-9.,:/ -]*[0-9][0-9.,:/ -]*(T[0-9:.]+Z?)?")
"""A heading that is a number, a date or a time: a value, so the file has no headings."""


@dataclass(frozen=True)
class TextTable:
    """A text file that was checked.

    Attributes:
        path: The file.
        encoding: The name of its encoding.
        separator: The character between its cells.
        headings: Its headings as they are in the file.
        rows: How many rows it has.
        is_plain: Whether Polars reads it as it is. If not - another encoding, blank lines, old line ends - it is read
            into memory.
    """

    path: Path
    encoding: str
    separator: str
    headings: tuple[str, ...]
    rows: int
    is_plain: bool

    def scan(self) -> pl.LazyFrame:
        """Return the rows as text, not yet read where that is possible; empty cells are null."""
        if not self.is_plain:
            return self.read().lazy()
        return pl.scan_csv(self.path, separator=self.separator, infer_schema=False, encoding="utf8", glob=False)

    def read(self) -> pl.DataFrame:
        """Return the rows as text; empty cells are null."""
        names = [f"column_{place}" for place in range(len(self.headings))]
        with closing(CheckedBytes(self.path, self.encoding, self.separator)) as checked:
            table = self._read(checked, names)
        return cast(pl.DataFrame, pl.from_arrow(table.rename_columns(list(self.headings))))

    def _read(self, checked: CheckedBytes, names: list[str]) -> pa.Table:
        return arrow_csv.read_csv(
            pa.PythonFile(cast(IO[Any], checked), mode="r"),
            read_options=arrow_csv.ReadOptions(block_size=_BLOCK, column_names=names, skip_rows_after_names=1),
            parse_options=arrow_csv.ParseOptions(delimiter=self.separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )


def open_text_table(
    path: Path,
    error: type[EbiError],
    name: str = "",
    separator: str | None = None,
    encoding: str | None = None,
) -> TextTable:
    """Check a text file from its first to its last line.

    Args:
        path: The file; one that ends in .gz is unpacked.
        error: The class of error to raise.
        name: How messages call the file; by default its path.
        separator: The name of a separator, or one character; None to recognise it by the heading.
        encoding: The name of an encoding; None for that of the mark at the file's start, or UTF-8.

    Raises:
        EbiError: Of the class `error`: the file cannot be read as a table of text.
        UsageError: There is no such encoding, or the separator is more than one character.
    """
    return _TextCheck(path, error, name or str(path)).check(_character(separator), _known_encoding(encoding))


class _TextCheck:
    """Check one text file."""

    def __init__(self, path: Path, error: type[EbiError], name: str) -> None:
        self.path = path
        self.error = error
        self.name = name

    def check(self, separator: str | None, encoding: str | None) -> TextTable:
        try:
            encoding = encoding or marked_encoding(self.path)
            start = self._start(encoding)
            separator = separator or _recognised(start)
            headings = self._headings(start, separator)
            rows = self._parse(encoding, separator, headings)
        except UnicodeDecodeError:
            self._fail_encoding(str(encoding))
        except PermissionError:
            self.fail("cannot be read: permission denied.")
        except (OSError, EOFError) as problem:
            self.fail(f"cannot be read: {getattr(problem, 'strerror', None) or 'it is incomplete'}.")
        is_utf8 = codecs.lookup(encoding).name == UTF8
        table = TextTable(self.path, encoding, separator, headings, rows, is_utf8)
        return table if is_utf8 and self._is_read_alike(table) else replace(table, is_plain=False)

    def fail(self, problem: str) -> NoReturn:
        raise self.error(f"{self.name} {problem}") from None

    def _fail_encoding(self, encoding: str) -> NoReturn:
        if codecs.lookup(encoding).name == UTF8:
            self.fail(
                "is not in the encoding UTF-8. Save it as UTF-8 (in Excel: 'CSV UTF-8')"
                + (", or say its encoding: --encoding windows-1252." if self.name == str(self.path) else ".")
            )
        self.fail(f"is not in the encoding {encoding}: save it as UTF-8.")

    def _start(self, encoding: str) -> str:
        """Return the beginning of the text, at least its first line if that is not very long."""
        checked = CheckedBytes(self.path, encoding, ",")
        try:
            start = checked.read(_START)
        finally:
            checked.close()
        if checked.has_nul:
            self.fail("has NUL characters: if it is in the encoding UTF-16, use --encoding utf-16-le.")
        if not start.strip():
            self.fail("is empty.")
        return start.decode(UTF8, errors="ignore")

    def _headings(self, start: str, separator: str) -> tuple[str, ...]:
        rows = csv.reader(io.StringIO(start, newline=""), delimiter=separator)
        try:
            headings = tuple(next(rows))
            second = next(rows, [])
        except csv.Error:
            self.fail("is not a table of text.")
        if any(_VALUE.fullmatch(heading.strip()) for heading in headings):
            self.fail("has no line of headings: its first line has values. Save it with headings.")
        if second and all(re.fullmatch("-+", cell.strip()) for cell in second):
            self.fail("has a line of dashes under its headings (line 2): remove it.")
        names = [heading.strip() for heading in headings]
        repeated = next((name for name in names if name and names.count(name) > 1), None)
        if repeated:
            self.fail(f"has two columns {repeated}: remove or rename one of them.")
        return headings

    def _parse(self, encoding: str, separator: str, headings: tuple[str, ...]) -> int:
        """Return the number of rows; refuse lines with more or fewer cells than the heading."""
        with closing(CheckedBytes(self.path, encoding, separator)) as checked:
            return self._parse_checked(checked, encoding, separator, headings)

    def _parse_checked(self, checked: CheckedBytes, encoding: str, separator: str, headings: tuple[str, ...]) -> int:
        longer = shorter = 0

        def note(row: arrow_csv.InvalidRow) -> str:
            nonlocal longer, shorter
            if row.actual_columns > row.expected_columns:
                longer += 1
            else:
                shorter += 1
            return "skip"

        names = [f"column_{place}" for place in range(len(headings))]
        rows, is_broken = 0, False
        try:
            with arrow_csv.open_csv(
                pa.PythonFile(cast(IO[Any], checked), mode="r"),
                read_options=arrow_csv.ReadOptions(block_size=_BLOCK, column_names=names),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=separator,
                    newlines_in_values=True,
                    invalid_row_handler=note,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=names[:1], column_types={names[0]: pa.string()}, check_utf8=False
                ),
            ) as reader:
                rows = sum(batch.num_rows for batch in reader) - 1
        except pa.ArrowInvalid:
            is_broken = True
        while checked.read(_BLOCK):
            pass
        if checked.has_nul:
            self.fail("has NUL characters, which text does not have.")
        if checked.misplaced:
            self.fail(
                f"has quotation marks in the wrong place ({checked.misplaced:,}, the first in line "
                f"{checked.first_misplaced:,}): put quotation marks round a whole cell, and double those inside it."
            )
        if longer or shorter:
            self._fail_shape(encoding, separator, len(headings), longer, shorter)
        if is_broken:
            self.fail("is not a table of text.")
        return rows

    def _fail_shape(self, encoding: str, separator: str, cells: int, longer: int, shorter: int) -> NoReturn:
        names = {character: name for name, character in SEPARATORS.items()}
        name = names.get(separator, separator)
        first = self._first_line(encoding, separator, cells)
        count = longer + shorter
        lines = f"has {count:,} line{'s' if count > 1 else ''}"
        if longer and shorter:
            problem = f"{lines} with another number of cells than its headings ({longer:,} more, {shorter:,} fewer)"
        else:
            problem = f"{lines} with {'more' if longer else 'fewer'} cells than its headings"
        advice = f"quote texts that contain a {name}" if longer else "remove lines that are not data, such as a footer"
        self.fail(f"{problem}, first in line {first:,}. The separator is the {name}: {advice}.")

    def _first_line(self, encoding: str, separator: str, cells: int) -> int:
        """Return the number of the first line with another number of cells than the heading."""
        checked = CheckedBytes(self.path, encoding, separator)
        with (
            closing(checked),
            io.TextIOWrapper(io.BufferedReader(cast(Any, _RawBytes(checked))), UTF8, newline="") as text,
        ):
            reader = csv.reader(text, delimiter=separator)
            line = 1
            for row in reader:
                if row and len(row) != cells:
                    break
                line = reader.line_num + 1
        return line

    def _is_read_alike(self, table: TextTable) -> bool:
        """Return whether Polars finds as many rows in the file."""
        try:
            return bool(table.scan().select(pl.len()).collect().item() == table.rows)
        except pl.exceptions.PolarsError:
            return False


class _RawBytes(io.RawIOBase):
    """`CheckedBytes` for the standard library, which reads into a buffer."""

    def __init__(self, checked: CheckedBytes) -> None:
        self.checked = checked
        self.rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.rest = self.rest or self.checked.read(len(buffer))
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size


def _recognised(start: str) -> str:
    """Return the separator that the heading has most of; a comma if it has none."""
    heading = re.sub('"[^"]*"', "", start.splitlines()[0] if start.splitlines() else "")
    return max(SEPARATORS.values(), key=lambda character: heading.count(character))


def _character(separator: str | None) -> str | None:
    """Return the character of a separator. Raises `UsageError`."""
    if separator is None:
        return None
    character = SEPARATORS.get(separator.lower(), separator).replace("\\t", "\t")
    if len(character) != 1 or not character.isascii() or character in '"\r\n':
        raise UsageError(f"--separator: name one character, or one of {', '.join(SEPARATORS)}.")
    return character


def _known_encoding(encoding: str | None) -> str | None:
    """Return the name of an encoding. Raises `UsageError`."""
    if encoding is None:
        return None
    try:
        codecs.lookup(encoding)
        "".encode(encoding)
    except (LookupError, ValueError):
        raise UsageError(
            f"--encoding: there is no encoding {encoding!r}; choose utf-8, utf-16 or windows-1252, for example."
        ) from None
    return encoding
