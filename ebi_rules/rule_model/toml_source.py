"""A rule file while it is read: its table, what is wrong in it and at which line.

An entry that is wrong does not hide its neighbours: whoever reads it goes on behind `noting`, and the problems are told
together.
"""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from ebi_rules._support.errors import Problem, RuleError, unknown
from ebi_rules._support.toml_lines import find_line

_TEXTS = {"key", "title", "dataset", "status", "source", "edition", "port", "about", "stopped_by", "variant"}
_LISTS_OF_TEXTS = {"aliases", "interventions", "revised", "limits", "eligible"}
_TABLES = {"codes", "criteria", "words", "titles", "variants", "editions", "activity", "ports"}


class WrongEntryError(Exception):
    """An entry is wrong; whoever reads its neighbours goes on."""


class RuleSource:
    """A rule file's table, with its problems as they are found."""

    def __init__(self, content: str, file: str) -> None:
        self.content = content
        self.file = file
        self.problems: list[Problem] = []
        try:
            self.table = tomllib.loads(content)
        except tomllib.TOMLDecodeError as error:
            raise RuleError(f"{file}: {error}.") from None

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Go on behind an entry that is wrong; `raise_problems` tells of it."""
        with suppress(WrongEntryError):
            yield

    def raise_problems(self) -> None:
        """Raise what was noted, if anything was."""
        if not self.problems:
            return
        first, *others = dict.fromkeys(self.problems)
        more = f" ({len(others)} more: ebi-rules lint tells them all)" if others else ""
        raise RuleError(f"{self.file}, line {first.line}: {first}{more}", [first, *others])

    def one_of(self, place: tuple[str, ...], name: str, value: str, allowed: tuple[str, ...]) -> None:
        """Refuse a value that is none of those allowed."""
        if value not in allowed:
            self.fail((*place, name), unknown(name, value, allowed))

    def only(self, place: tuple[str, ...], table: Mapping[str, Any], known: set[str], required: set[str]) -> None:
        """Refuse an entry that is not known, one that is missing, or one of the wrong kind."""
        if not isinstance(table, dict):
            self.fail(place, "this is a table of entries.")
        for key in table:
            if key not in known:
                self.fail((*place, key), unknown("entry", key, sorted(known)))
        for key in sorted(required - set(table)):
            self.fail(place, f"the entry {key} is missing.")
        for key, value in table.items():
            self._check_type((*place, key), key, value)

    def _check_type(self, place: tuple[str, ...], key: str, value: object) -> None:
        """Refuse an entry that holds another kind of value than its name asks for."""
        if key in _TEXTS and not isinstance(value, str):
            self.fail(place, "this is a text in quotation marks.")
        if key in _LISTS_OF_TEXTS and not are_texts(value):
            self.fail(place, "this is a list of texts in quotation marks.")
        if key in _TABLES and not isinstance(value, dict):
            self.fail(place, "this is a table of entries.")
        if key == "flagged" and not isinstance(value, bool):
            self.fail(place, "this is true or false.")
        if key == "examples" and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
            self.fail(place, "examples are tables, each under [[examples]].")

    def fail(self, place: tuple[str, ...], text: str) -> NoReturn:
        """Note a problem and leave the entry."""
        self.problem(place, text)
        raise WrongEntryError from None

    def problem(self, place: tuple[str, ...], text: str) -> None:
        """Note a problem, at its line."""
        self.problems.append(Problem(place, find_line(self.content, place), text))


def dated(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Give `table` as another edition changes it: one that states criteria states all of them, and its variants."""
    kept = {key: value for key, value in table.items() if key not in ("editions", "about", "port")}
    if "criteria" in changes:
        kept = {key: value for key, value in kept.items() if key not in ("criteria", "variants", "eligible")}
    return replaced(kept, changes)


def replaced(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Give `table` with the entries of `changes` in place of its own, tables merged entry by entry; false drops one."""
    merged = dict(table)
    for key, value in changes.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = replaced(merged[key], value) if both_tables else value
    return {key: value for key, value in merged.items() if value is not False}


def are_texts(value: object) -> bool:
    """Say whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
