"""The errors a user meets, each with its exit code: what is wrong, where, and what to do.

A message never holds a value from an extract: it names the column and counts the rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class EbiError(Exception):
    """The base of every error that the project raises on purpose."""

    exit_code = 1


class UsageError(EbiError):
    """The call is wrong: an unknown name, an option that does not fit, an output that exists."""

    exit_code = 2


class InvalidInputError(UsageError, ValueError):
    """A value passed to a function is not one it can use, for example a negative count."""


class DialectError(UsageError):
    """A statement cannot be printed so that it means the same in the dialect asked for."""


class RuleError(EbiError):
    """A rule file is wrong. `problems` are all that reading it found, the first of which is the message."""

    exit_code = 3

    def __init__(self, message: str, problems: Sequence["Problem"] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message)


@dataclass(frozen=True)
class Problem:
    """What is wrong in a rule file: the path of keys to the entry, its line, and what is wrong with the repair."""

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
    """The extract is wrong: not readable, a column missing or of the wrong type."""

    exit_code = 4


class EngineError(EbiError):
    """An engine failed while it ran, for lack of memory, disk or permission."""

    exit_code = 5


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Give the names in `known` most like `name`, best first, without regard to case."""
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.lower(), candidate)
    return [folded[match] for match in get_close_matches(name.lower(), folded, n=count, cutoff=0.5)]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that there is no `kind` called `name`, and name the nearest or, failing that, all of them."""
    known = list(known)
    close = nearest(name, known)
    if close:
        return f"there is no {kind} {name!r}; the nearest is {' or '.join(close)}."
    if known:
        return f"there is no {kind} {name!r}; there are {', '.join(known)}."
    return f"there is no {kind} {name!r}; there are none."
