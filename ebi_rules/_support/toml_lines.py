"""Find the line of an entry in a TOML file, which the parser does not tell."""

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def find_line(content: str, place: tuple[str, ...]) -> int:
    """Give the line of a TOML text on which an entry stands, or the nearest entry around it.

    `place` is the path of keys; the tables of an array count from 0, as text.
    """
    best, line_of_best = 0, 1
    header: tuple[str, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if found := _HEADER.match(line):
            header = _parts(found[2])
            if found[1] == "[[":
                counts[header] = counts.get(header, -1) + 1
                header = (*header, str(counts[header]))
            path = header
        elif found := _KEY.match(line):
            path = (*header, *_parts(found[1]))
        else:
            continue
        shared = min(len(path), len(place))
        if shared > best and path[:shared] == place[:shared]:
            best, line_of_best = shared, number
    return line_of_best


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(text))
