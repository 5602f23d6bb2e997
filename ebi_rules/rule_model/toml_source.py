"""A rule file while it is parsed: its table, and every problem with its line.

A wrong entry does not hide the next one: the parser continues after it, and all problems are reported together.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar

from ebi_rules._support.errors import Problem, RuleError, unknown
from ebi_rules._support.toml_lines import find_line
from ebi_rules._support.toml_text import TomlError, parse_toml

NAME_RULE = "this must be letters, digits, - and _, at most 80 of them."

Entry = TypeVar("Entry")

Place = tuple[str, ...]
"""The path of keys to an entry; the tables of an array count from 0, as text."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")

_TEXTS = {
    "key",
    "title",
    "dataset",
    "status",
    "source",
    "edition",
    "port",
    "about",
    "stopped_by",
    "variant",
    "use",
    "reason",
    "start",
}
_LISTS_OF_TEXTS = {"aliases", "interventions", "revised", "limits", "eligible"}
_TABLES = {"codes", "criteria", "words", "titles", "variants", "editions", "activity", "ports", "fitness"}


class WrongEntryError(Exception):
    """An entry is wrong and its problem is noted; the parser continues with the next entry."""


class RuleSource:
    """A rule file's table, with the problems found so far.

    Args:
        content: The text of the file.
        file: The file's name, for error messages.

    Raises:
        RuleError: The text is not TOML.
    """

    def __init__(self, content: str, file: str) -> None:
        self.content = content
        self.file = file
        self.problems: list[Problem] = []
        try:
            self.table: dict[str, Any] = parse_toml(content)
        except TomlError as error:
            raise RuleError(f"{file}: {error}.") from None

    @contextmanager
    def continuing(self) -> Iterator[None]:
        """Continue after a wrong entry; `raise_problems` reports it."""
        with suppress(WrongEntryError):
            yield

    def read_or(self, default: Entry, read: Callable[[], Entry]) -> Entry:
        """Return an entry, or a default if it is wrong; its problem is noted."""
        try:
            return read()
        except WrongEntryError:
            return default

    def raise_problems(self) -> None:
        """Raise a `RuleError` if there are any problems."""
        if not self.problems:
            return
        first, *others = dict.fromkeys(self.problems)
        more = f" ({len(others)} more: ebi-rules lint lists them all)" if others else ""
        raise RuleError(f"{self.file}, line {first.line}: {first}{more}", [first, *others])

    def fail(self, place: Place, text: str) -> NoReturn:
        """Note a problem and leave the entry."""
        self.note(place, text)
        raise WrongEntryError from None

    def note(self, place: Place, text: str) -> None:
        """Note a problem with its line."""
        self.problems.append(Problem(place, find_line(self.content, place), text))

    def require_one_of(self, place: Place, value: str, allowed: tuple[str, ...]) -> None:
        """Check that a value is one of those allowed."""
        if value not in allowed:
            self.fail(place, unknown(place[-1], value, allowed))

    def require_keys(self, place: Place, table: Mapping[str, Any], known: Set[str], required: Set[str]) -> None:
        """Check that a table has all required keys, no unknown ones, and the right kinds of value."""
        if not isinstance(table, dict):
            self.fail(place, "this must be a table of entries.")
        before = len(self.problems)
        for key in table:
            if key not in known:
                self.note((*place, key), unknown("entry", key, sorted(known)))
        for key in sorted(required - set(table)):
            self.note(place, f"the entry {key} is missing.")
        for key, value in table.items():
            with self.continuing():
                self._require_kind((*place, key), value)
        if not place:
            with self.continuing():
                self._require_names(table, ())
        if len(self.problems) > before:
            raise WrongEntryError

    def _require_names(self, table: Mapping[str, Any], place: Place) -> None:
        """Check the names in a table: they become names of files and columns, and are printed in many formats."""
        for name in ("key", "edition", "title"):
            value = table.get(name, "")
            if not isinstance(value, str):
                continue  # Its kind is wrong, which is noted.
            if name == "title" and len(value.splitlines()) > 1:
                self.fail((*place, name), "a title must be one line.")
            if name != "title" and value and not is_name(value):
                self.fail((*place, name), NAME_RULE)
        aliases = table.get("aliases", ())
        for alias in aliases if is_list_of_texts(aliases) else ():
            if not is_name(alias):
                self.fail((*place, "aliases"), NAME_RULE)
        for kind in ("criteria", "variants", "editions", "ports", "codes"):
            entries = table.get(kind, {})
            for name, entry in entries.items() if isinstance(entries, dict) else ():
                names = entry if kind == "codes" and isinstance(entry, dict) else (name,)
                for each in names:
                    if not is_name(each):
                        self.fail((*place, kind), NAME_RULE)
                if kind in ("variants", "editions") and isinstance(entry, dict):
                    self._require_names(entry, (*place, kind, name))

    def _require_kind(self, place: Place, value: object) -> None:
        """Check that a value is of the kind that its key requires."""
        key = place[-1]
        if key in _TEXTS and not isinstance(value, str):
            self.fail(place, "this must be text in quotation marks.")
        if key in _LISTS_OF_TEXTS and not is_list_of_texts(value):
            self.fail(place, "this must be a list of texts in quotation marks.")
        if key in _TABLES and not isinstance(value, dict):
            self.fail(place, "this must be a table of entries.")
        if key in ("flagged", "excerpt") and not isinstance(value, bool):
            self.fail(place, "this must be true or false.")
        if key == "examples" and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
            self.fail(place, "examples must be tables, each under [[examples]].")


def is_name(text: str) -> bool:
    """Return whether a text may be the key of a rule, or the name of something in its file.

    Example:
        >>> is_name("2S_lower_back_imaging"), is_name("../x")
        (True, False)
    """
    return bool(_NAME.fullmatch(text))


def edition_table(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule's table as another edition changes it.

    An edition that states criteria states all of them, and has variants and a denominator of its own.
    """
    kept = {key: value for key, value in table.items() if key not in ("editions", "about", "port", "excerpt")}
    if "criteria" in changes:
        kept = {key: value for key, value in kept.items() if key not in ("criteria", "variants", "eligible")}
    return merged(kept, changes)


def merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with its entries replaced by those of `changes`; tables merge, and false removes an entry."""
    result = dict(table)
    for key, value in changes.items():
        both_tables = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both_tables else value
    return {key: value for key, value in result.items() if value is not False}


def is_list_of_texts(value: object) -> bool:
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
