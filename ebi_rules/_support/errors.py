"""The errors that users see, each with the exit code of the command line.

A message says what is wrong, where, and what to do. It never contains a value from an extract: it names the column and
counts the rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ebi_rules._support.addresses import without_secrets

DISK_FULL = ("No space left", "File too large", "quota exceeded")
"""Words of the operating system when a file cannot grow; libraries raise them in errors of their own."""


class EbiError(Exception):
    """The base of every error that the project raises on purpose.

    Attributes:
        exit_code: The exit code of the command line.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message))


class UsageError(EbiError):
    """The call is wrong, for example an unknown name, a wrong option, or an output that already exists."""

    exit_code = 2


class InvalidInputError(UsageError, ValueError):
    """A function cannot use a value that was passed to it, for example a negative count."""


class DialectError(UsageError):
    """A statement cannot be written in a dialect with the same meaning."""


class RuleError(EbiError):
    """A rule file is wrong.

    Attributes:
        problems: All problems in the file; the message is the first.
    """

    exit_code = 3

    def __init__(self, message: str, problems: Sequence["Problem"] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message)


@dataclass(frozen=True)
class Problem:
    """A problem in a rule file.

    Attributes:
        place: The path of keys to the entry; empty for the whole file.
        line: The line number, from 1.
        text: What is wrong and how to repair it.
    """

    place: tuple[str, ...]
    line: int
    text: str

    def __str__(self) -> str:
        return f"{'.'.join(self.place) or 'the file'}: {self.text}"


class DataFileError(EbiError):
    """A data file is wrong: a layout, a dialect or a recoding."""

    exit_code = 3


class LayoutError(DataFileError):
    """A layout file is wrong."""


class ExtractError(EbiError):
    """The extract is wrong, for example it cannot be read, or a column is missing or has the wrong type."""

    exit_code = 4


class EngineError(EbiError):
    """An engine failed while running, for example because memory, disk space or permission was missing."""

    exit_code = 5


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return the known names that are most similar to a name, ignoring case.

    Args:
        name: A name that may be misspelt.
        known: The names that exist.
        count: The most names to return.

    Returns:
        Similar names, the most similar first; empty if none is similar.

    Example:
        >>> nearest("outpatients", ["outpatient", "admitted"])
        ['outpatient']
    """
    names: dict[str, str] = {}
    for known_name in known:
        names.setdefault(known_name.lower(), known_name)
    return [names[match] for match in get_close_matches(name.lower(), names, n=count, cutoff=0.5)]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown name, with the nearest names or, if none is similar, all of them.

    Args:
        kind: What the name should be, for example "layout".
        name: The unknown name.
        known: The names that exist.

    Example:
        >>> unknown("layout", "hes-apd", ["hes-op", "hes-apc"])
        "there is no layout 'hes-apd'; the nearest is hes-apc or hes-op."
        >>> unknown("sex", "x", ["female", "male"])
        "there is no sex 'x'; choose from female, male."
    """
    known_names = list(known)
    nearest_names = nearest(name, known_names)
    if nearest_names:
        return f"there is no {kind} {name!r}; the nearest is {' or '.join(nearest_names)}."
    if known_names:
        return f"there is no {kind} {name!r}; choose from {', '.join(known_names)}."
    return f"there is no {kind} {name!r}; none exist."
