"""The bytes of a text file as UTF-8, checked while they are read: the encoding, and where quotation marks stand.

Libraries differ in what they do with a file that breaks the rules of CSV, so it is found here, before any of them reads
the file. Nothing here knows what the columns mean.
"""

import codecs
import gzip
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

UTF8 = "utf-8"
_MARKS = {codecs.BOM_UTF8: UTF8, codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""The marks at the start of a file that name its encoding."""

_QUOTE, _NEW_LINE, _RETURN = b'"\n\r'


def marked_encoding(path: Path) -> str:
    """Return the encoding that the mark at the start of a file names, or UTF-8 if it has none.

    Raises:
        OSError: The file cannot be read.
    """
    with _open(path) as file:
        start = file.read(4)
    return next((encoding for mark, encoding in _MARKS.items() if start.startswith(mark)), UTF8)


def decode(data: bytes) -> str:
    """Return the text of a whole small file, by the mark at its start or as UTF-8; the mark is left out, and lines end
    in a line feed.

    Raises:
        UnicodeDecodeError: The bytes are not text in that encoding.
    """
    encoding = next((encoding for mark, encoding in _MARKS.items() if data.startswith(mark)), UTF8)
    return data.decode(encoding).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


class CheckedBytes:
    """A text file that returns its bytes as UTF-8, without a mark at the start, and notes what is wrong on the way.

    Args:
        path: The file; one that ends in .gz is unpacked.
        encoding: The name of its encoding.
        separator: The character between its cells.

    Attributes:
        misplaced: How many quotation marks are neither at the edge of a cell nor doubled inside a quoted one.
        first_misplaced: The line of the first of them, from 1.
        has_nul: Whether there are NUL characters, which text in UTF-16 has when it is read as UTF-8.

    Raises:
        OSError: The file cannot be read.
        UnicodeDecodeError: While reading: the bytes are not text in that encoding.
    """

    def __init__(self, path: Path, encoding: str, separator: str) -> None:
        self.misplaced = 0
        self.first_misplaced = 0
        self.has_nul = False
        self.closed = False
        self._file = _open(path)
        self._is_utf8 = codecs.lookup(encoding).name == UTF8
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._at_edge = np.zeros(256, dtype=bool)
        self._at_edge[[ord(separator), _QUOTE, _NEW_LINE, _RETURN]] = True
        self._marks = 0
        self._lines = 1
        self._last = _NEW_LINE
        self._is_start = True

    def read(self, size: int = -1) -> bytes:
        """Return about `size` bytes, none at the end of the file."""
        while block := self._file.read(size):
            text = self._decoder.decode(block)
            data = block if self._is_utf8 else text.encode(UTF8)
            if self._is_start and data:
                data, self._is_start = data.removeprefix(codecs.BOM_UTF8), False
            if data:
                self._check(np.frombuffer(data, dtype=np.uint8))
                return data
        self._decoder.decode(b"", final=True)
        self._end()
        return b""

    def readable(self) -> bool:
        """Return that this can be read."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self.closed = True

    def _check(self, data: npt.NDArray[np.uint8]) -> None:
        self.has_nul = self.has_nul or bool((data == 0).any())
        # The mark at the end of the block before closes a cell if what follows it is the edge of a cell.
        if self._last == _QUOTE and self._marks % 2 == 0 and not self._at_edge[data[0]]:
            self._note(1, self._lines)
        marks = np.flatnonzero(data == _QUOTE)
        if marks.size:
            self._check_marks(data, marks)
        self._lines += int(np.count_nonzero(data == _NEW_LINE))
        self._last = int(data[-1])

    def _check_marks(self, data: npt.NDArray[np.uint8], marks: npt.NDArray[np.intp]) -> None:
        """Check that every opening mark follows the edge of a cell, and every closing mark is followed by one."""
        opens = (np.arange(marks.size) + self._marks) % 2 == 0
        before = np.where(marks > 0, data[marks - 1], self._last)
        after = data[np.minimum(marks + 1, data.size - 1)]
        is_wrong = np.where(opens, ~self._at_edge[before], ~self._at_edge[after] & (marks + 1 < data.size))
        if is_wrong.any():
            first = int(marks[np.argmax(is_wrong)])
            line = self._lines + int(np.count_nonzero(data[:first] == _NEW_LINE))
            self._note(int(np.count_nonzero(is_wrong)), line)
        self._marks += marks.size

    def _end(self) -> None:
        if self._marks % 2:
            self._note(1, self._lines)
            self._marks += 1

    def _note(self, count: int, line: int) -> None:
        self.first_misplaced = self.first_misplaced or line
        self.misplaced += count


def _open(path: Path) -> IO[bytes]:
    return cast(Any, gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")
