"""A code list: a set of OPCS-4 or ICD-10 codes, given as published patterns and kept as prefixes.

A code is in the list when its normal form begins with one of the prefixes. Two lists are equal when they
match the same codes, however they were written.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import groupby

from opcs_icd.codes import ICD10, OPCS4, CodeSystem, normal_form
from opcs_icd.patterns import expand

_SHORTEST_RUN = 3


class CodeSystemError(TypeError):
    """Lists of OPCS-4 and of ICD-10 codes were mixed."""


class CodeList:
    """An immutable set of codes of one classification.

    `patterns` are kept as given; `prefixes` is the least set of prefixes that says the same, sorted.
    Raises `PatternError` for a pattern that cannot be read.

    >>> imaging = CodeList.opcs(["U05[45]", "U13[2356]"])
    >>> "U05.4" in imaging, str(imaging)
    (True, 'U05[45], U13[2356]')
    """

    def __init__(self, system: CodeSystem, patterns: Iterable[str]) -> None:
        self.system = system
        self.patterns = tuple(patterns)
        self.prefixes = _least(prefix for pattern in self.patterns for prefix in expand(system, pattern))

    @classmethod
    def opcs(cls, patterns: Iterable[str]) -> "CodeList":
        """Make a list of OPCS-4 codes from patterns."""
        return cls(OPCS4, patterns)

    @classmethod
    def icd(cls, patterns: Iterable[str]) -> "CodeList":
        """Make a list of ICD-10 codes from patterns."""
        return cls(ICD10, patterns)

    @cached_property
    def _lookup(self) -> frozenset[str]:
        return frozenset(self.prefixes)

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return tuple(sorted({len(prefix) for prefix in self.prefixes}))

    def match(self, code: str) -> str | None:
        """Give the prefix that `code` (any spelling) begins with, or None when it is not in the list."""
        normal = normal_form(code)
        starts = (normal[:length] for length in self._lengths)
        return next((start for start in starts if start in self._lookup), None)

    def __contains__(self, code: str) -> bool:
        return self.match(code) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.prefixes)

    def __len__(self) -> int:
        return len(self.prefixes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CodeList):
            return NotImplemented
        return self.system is other.system and self.prefixes == other.prefixes

    def __hash__(self) -> int:
        return hash((self.system, self.prefixes))

    def __or__(self, other: "CodeList") -> "CodeList":
        """Give the codes of either list."""
        self._require_same_system(other)
        return CodeList(self.system, self.prefixes + other.prefixes)

    def __and__(self, other: "CodeList") -> "CodeList":
        """Give the codes that are in both lists."""
        self._require_same_system(other)
        inside = [prefix for prefix in self.prefixes if prefix in other]
        return CodeList(self.system, inside + [prefix for prefix in other.prefixes if prefix in self])

    def __sub__(self, other: "CodeList") -> "CodeList":
        """Give the codes of this list that `other` does not match.

        Where `other` takes some subdivisions of a category out, the other subdivisions stay and the
        category code itself goes: V38 without V381 is V38[02-9].
        """
        self._require_same_system(other)
        kept: list[str] = []
        waiting = list(self.prefixes)
        while waiting:
            prefix = waiting.pop()
            if prefix in other:
                continue
            if any(taken.startswith(prefix) for taken in other.prefixes):
                waiting.extend(f"{prefix}{digit}" for digit in range(10))
            else:
                kept.append(prefix)
        return CodeList(self.system, kept)

    def _require_same_system(self, other: "CodeList") -> None:
        if self.system is not other.system:
            raise CodeSystemError(
                f"a list of {self.system.value} codes and one of {other.system.value} codes do not mix"
            )

    @cached_property
    def compact(self) -> tuple[str, ...]:
        """Give the shortest patterns that say the same as `prefixes`, in order: U05[45], C00-C99."""
        return tuple(_compact(self.prefixes))

    def __str__(self) -> str:
        return ", ".join(self.compact)

    def __repr__(self) -> str:
        maker = "opcs" if self.system is OPCS4 else "icd"
        return f"CodeList.{maker}({list(self.compact)!r})"


def _least(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Drop every prefix that a shorter one covers, and sort."""
    least: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not (least and prefix.startswith(least[-1])):
            least.append(prefix)
    return tuple(least)


def _compact(prefixes: tuple[str, ...]) -> Iterator[str]:
    """Join categories into ranges and subdivisions into classes."""
    for is_category, group in groupby(prefixes, key=lambda prefix: len(prefix) == 3):
        if is_category:
            yield from _category_ranges(list(group))
        else:
            for parent, children in groupby(group, key=lambda prefix: prefix[:-1]):
                yield parent + _digit_class("".join(child[-1] for child in children))


def _category_ranges(categories: list[str]) -> Iterator[str]:
    for run in _runs(categories):
        if len(run) < _SHORTEST_RUN:
            yield from run
        else:
            yield f"{run[0]}-{run[-1]}"


def _runs(categories: list[str]) -> Iterator[list[str]]:
    """Split sorted categories where the letter changes or a number is left out."""
    run: list[str] = []
    for category in categories:
        follows = run and category[0] == run[-1][0] and int(category[1:]) == int(run[-1][1:]) + 1
        if run and not follows:
            yield run
            run = []
        run.append(category)
    if run:
        yield run


def _digit_class(digits: str) -> str:
    if len(digits) == 1:
        return digits
    return f"[{''.join(_spans(digits))}]"


def _spans(digits: str) -> Iterator[str]:
    """Write runs of three or more digits as a span: 0123 is 0-3."""
    start = 0
    for end in range(1, len(digits) + 1):
        if end == len(digits) or int(digits[end]) != int(digits[end - 1]) + 1:
            run = digits[start:end]
            yield run if len(run) < _SHORTEST_RUN else f"{run[0]}-{run[-1]}"
            start = end
