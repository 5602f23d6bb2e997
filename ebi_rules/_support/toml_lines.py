"""Find the line of an entry in a TOML file, which the parser of the standard library does not report."""

import re
from functools import lru_cache

_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def find_line(content: str, place: tuple[str, ...]) -> int:
    """Return the line number of an entry, or of the nearest entry that contains it.

    Args:
        content: The text of the file.
        place: The path of keys to the entry. Tables in an array are numbered from 0, as text.

    Returns:
        The line number, from 1.

    Example:
        >>> find_line('title = "Scan"\\n[codes]\\nscan = ["U05"]', ("codes", "scan"))
        3
    """
    most_shared, line_number = 0, 1
    for path, number in _entries(content):
        shared = min(len(path), len(place))
        if shared > most_shared and path[:shared] == place[:shared]:
            most_shared, line_number = shared, number
    return line_number


@lru_cache(maxsize=4)
def _entries(content: str) -> tuple[tuple[tuple[str, ...], int], ...]:
    """Return the path of keys to every entry of a file, with its line number."""
    entries = []
    header: tuple[str, ...] = ()
    last_index: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if match := _HEADER.match(line):
            header = _parts(match[2])
            if match[1] == "[[":
                last_index[header] = last_index.get(header, -1) + 1
                header = (*header, str(last_index[header]))
            entries.append((header, number))
        elif match := _KEY.match(line):
            entries.append(((*header, *_parts(match[1])), number))
    return tuple(entries)


def _parts(text: str) -> tuple[str, ...]:
    """Return the keys of a dotted path, without quotation marks."""
    return tuple(part.strip("\"'") for part in _PART.findall(text))
