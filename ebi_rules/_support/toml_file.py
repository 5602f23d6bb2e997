"""Read and check a small TOML file: a layout, a dialect or a recoding.

Every error names the file, the line, the entry and, for a wrong name, the nearest right one.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ebi_rules._support.errors import DataFileError, unknown
from ebi_rules._support.text_bytes import decode
from ebi_rules._support.toml_lines import find_line
from ebi_rules._support.toml_text import TomlError, parse_toml

Place = tuple[str, ...]


class TomlFile:
    """A TOML file with its content as a table.

    Args:
        content: The text of the file.
        name: The file's name, for error messages.
        error: The class of error to raise.

    Raises:
        DataFileError: The text is not TOML.
    """

    def __init__(self, content: str, name: str, error: type[DataFileError] = DataFileError) -> None:
        self.content = content
        self.name = name
        self.error = error
        try:
            self.table: dict[str, Any] = parse_toml(content)
        except TomlError as problem:
            raise error(f"{name}: {problem}.") from None

    def fail(self, place: Place, problem: str) -> NoReturn:
        """Raise the file's error for the entry at `place`, a path of keys."""
        entry = f"{'.'.join(place)}: " if place else ""
        raise self.error(f"{self.name}, line {find_line(self.content, place)}: {entry}{problem}") from None

    def require_keys(
        self, place: Place, table: Mapping[str, Any], required: Iterable[str], optional: Iterable[str]
    ) -> None:
        """Check that a table has all required keys and no unknown ones."""
        required = set(required)
        known = sorted(required | set(optional))
        for key in table:
            if key not in known:
                self.fail((*place, key), unknown("entry", key, known))
        for key in sorted(required - set(table)):
            self.fail(place, f"the entry {key} is missing.")

    def text(self, place: Place, value: object) -> str:
        """Return a value that must be text, at least one character."""
        if not isinstance(value, str) or not value:
            self.fail(place, "this must be text in quotation marks.")
        return value

    def texts(self, place: Place, value: object) -> tuple[str, ...]:
        """Return a value that must be one text or a list of texts, at least one."""
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not values or not all(isinstance(each, str) and each for each in values):
            self.fail(place, "this must be a name in quotation marks, or a list of names.")
        return tuple(values)

    def flag(self, place: Place, value: object) -> bool:
        """Return a value that must be true or false."""
        if not isinstance(value, bool):
            self.fail(place, "this must be true or false.")
        return value

    def whole_number(self, place: Place, value: object, low: int, high: int) -> int:
        """Return a value that must be a whole number from `low` to `high`."""
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fail(place, f"this must be a whole number from {low} to {high}.")
        return value


def read_text_file(path: str | Path, what: str, error: type[DataFileError] = DataFileError) -> str:
    """Return the text of a user's file.

    Args:
        path: The file.
        what: What the file is, for error messages: "the layout file".
        error: The class of error to raise.

    Raises:
        DataFileError: The file cannot be read, or is not UTF-8 text.
    """
    try:
        return decode(Path(path).read_bytes())
    except UnicodeDecodeError:
        raise error(f"{what} {path} is not in the encoding UTF-8: save it as UTF-8.") from None
    except OSError as problem:
        raise error(f"{what} {path} cannot be read: {problem.strerror or problem}.") from None
