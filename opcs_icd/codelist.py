"""Code lists: sets of OPCS-4 or ICD-10 codes, written as published patterns and stored as prefixes.

A code is in a list if its normal form begins with one of the prefixes. Two lists are equal if they match the same
codes, however they are written. A list does not know which codes exist; see `reference` for that.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import groupby

from opcs_icd.codes import ICD10, OPCS4, CodeError, CodeSystem, normal_form
from opcs_icd.patterns import expand

_CATEGORY = 3
"""The length of a category, the shortest prefix."""

_SHORTEST_RUN = 3
"""The fewest neighbours that are written as a range."""


class CodeSystemError(CodeError, TypeError):
    """A list of OPCS-4 codes was combined with a list of ICD-10 codes."""


class CodeList:
    """An immutable set of codes of one classification.

    `code in list` tests membership; `|`, `&` and `-` combine two lists of the same classification and raise
    `CodeSystemError` for different ones. Iterating yields the prefixes; `str` writes the shortest patterns.

    Args:
        system: The classification.
        patterns: Patterns as coding scripts write them (see `patterns.expand`).

    Attributes:
        system: The classification.
        patterns: The patterns as they were written.
        prefixes: The smallest set of prefixes that matches the same codes, sorted.

    Raises:
        PatternError: A pattern is malformed.

    Example:
        >>> imaging = CodeList.opcs(["U05[45]", "U13[2356]"])
        >>> "U05.4" in imaging, str(imaging)
        (True, 'U05[45], U13[2356]')
    """

    def __init__(self, system: CodeSystem, patterns: Iterable[str]) -> None:
        self.system = system
        self.patterns = tuple(patterns)
        self.prefixes = _without_covered(prefix for pattern in self.patterns for prefix in expand(system, pattern))

    @classmethod
    def _of_prefixes(cls, system: CodeSystem, prefixes: Iterable[str]) -> "CodeList":
        """Return the list of some prefixes, which are not checked again."""
        codes = cls.__new__(cls)
        codes.system = system
        codes.prefixes = _without_covered(prefixes)
        codes.patterns = codes.prefixes
        return codes

    @classmethod
    def opcs(cls, patterns: Iterable[str]) -> "CodeList":
        """Return a list of OPCS-4 codes.

        Args:
            patterns: Patterns as coding scripts write them.

        Raises:
            PatternError: A pattern is malformed.

        Example:
            >>> CodeList.opcs(["U054", "U055"])
            CodeList.opcs(['U05[45]'])
        """
        return cls(OPCS4, patterns)

    @classmethod
    def icd(cls, patterns: Iterable[str]) -> "CodeList":
        """Return a list of ICD-10 codes.

        Args:
            patterns: Patterns as coding scripts write them.

        Raises:
            PatternError: A pattern is malformed.

        Example:
            >>> CodeList.icd(["C00-C99", "D0"])
            CodeList.icd(['C00-C99', 'D00-D09'])
        """
        return cls(ICD10, patterns)

    @cached_property
    def _lookup(self) -> frozenset[str]:
        return frozenset(self.prefixes)

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return tuple(sorted({len(prefix) for prefix in self.prefixes}))

    @cached_property
    def _covered(self) -> "PrefixSet":
        return PrefixSet(self.prefixes)

    def match(self, code: str) -> str | None:
        """Return the prefix that a code begins with.

        Args:
            code: A code in any spelling.

        Returns:
            The prefix, or None if the code is not in the list.

        Example:
            >>> imaging = CodeList.opcs(["U05[45]"])
            >>> imaging.match("u05.41"), imaging.match("U056")
            ('U054', None)
        """
        normal = normal_form(code)
        candidates = (normal[:length] for length in self._lengths)
        return next((candidate for candidate in candidates if candidate in self._lookup), None)

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
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.system, self.prefixes))

    def __or__(self, other: "CodeList") -> "CodeList":
        """Return a list of the codes that are in either list."""
        self._require_same_system(other)
        return CodeList._of_prefixes(self.system, self.prefixes + other.prefixes)

    def __and__(self, other: "CodeList") -> "CodeList":
        """Return a list of the codes that are in both lists."""
        self._require_same_system(other)
        prefixes_in_other = [prefix for prefix in self.prefixes if prefix in other]
        prefixes_of_other = [prefix for prefix in other.prefixes if prefix in self]
        return CodeList._of_prefixes(self.system, prefixes_in_other + prefixes_of_other)

    def __sub__(self, other: "CodeList") -> "CodeList":
        """Return a list of the codes in this list that are not in `other`.

        Where `other` has only some subdivisions of a category, the remaining subdivisions stay and the category code
        itself does not: V38 without V381 is V38[02-9].
        """
        self._require_same_system(other)
        kept = (rest for prefix in self.prefixes for rest in other._covered.uncovered(prefix))
        return CodeList._of_prefixes(self.system, kept)

    def __le__(self, other: "CodeList") -> bool:
        """Return whether every code in this list is also in `other`."""
        self._require_same_system(other)
        return all(other._covered.covers(prefix) for prefix in self.prefixes)

    def _require_same_system(self, other: "CodeList") -> None:
        if self.system is not other.system:
            raise CodeSystemError(
                f"a list of {self.system.value} codes cannot be combined with a list of {other.system.value} codes"
            )

    @cached_property
    def compact(self) -> tuple[str, ...]:
        """The shortest patterns that match the same codes, in order.

        Example:
            >>> CodeList.opcs(["U055", "U054", "Z66"]).compact
            ('U05[45]', 'Z66')
        """
        return tuple(_shortest_patterns(self.prefixes))

    def __str__(self) -> str:
        return ", ".join(self.compact)

    def __repr__(self) -> str:
        constructor = "opcs" if self.system is OPCS4 else "icd"
        return f"CodeList.{constructor}({list(self.compact)!r})"


class PrefixSet:
    """A growing set of prefixes, which knows what part of a category they cover.

    Args:
        prefixes: The first prefixes.

    Example:
        >>> digits = PrefixSet(f"V38{digit}" for digit in range(9))
        >>> digits.covers("V38"), list(digits.uncovered("V38"))
        (False, ['V389'])
    """

    def __init__(self, prefixes: Iterable[str] = ()) -> None:
        self._prefixes: set[str] = set()
        self._divided: set[str] = set()
        for prefix in prefixes:
            self.add(prefix)

    def add(self, prefix: str) -> None:
        """Add a prefix."""
        self._prefixes.add(prefix)
        self._divided.update(prefix[:length] for length in range(_CATEGORY, len(prefix)))

    def covers(self, prefix: str) -> bool:
        """Return whether the set covers every code that begins with a prefix."""
        return next(self.uncovered(prefix), None) is None

    def uncovered(self, prefix: str) -> Iterator[str]:
        """Yield the longest parts of a prefix that the set does not cover: itself, or its subdivisions."""
        if any(prefix[:length] in self._prefixes for length in range(_CATEGORY, len(prefix) + 1)):
            return
        if prefix not in self._divided:
            yield prefix
            return
        for digit in range(10):
            yield from self.uncovered(f"{prefix}{digit}")


def _without_covered(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes, sorted, without any that a shorter one covers."""
    kept_prefixes: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not (kept_prefixes and prefix.startswith(kept_prefixes[-1])):
            kept_prefixes.append(prefix)
    return tuple(kept_prefixes)


def _shortest_patterns(prefixes: tuple[str, ...]) -> Iterator[str]:
    """Yield patterns that join categories into ranges and subdivisions into classes."""
    for is_category, group in groupby(prefixes, key=lambda prefix: len(prefix) == 3):
        if is_category:
            yield from _category_ranges(list(group))
        else:
            for parent, children in groupby(group, key=lambda prefix: prefix[:-1]):
                yield parent + _digit_class("".join(child[-1] for child in children))


def _category_ranges(categories: list[str]) -> Iterator[str]:
    """Yield runs of three or more categories as ranges, and other categories as they are."""
    for run in _runs(categories):
        if len(run) < _SHORTEST_RUN:
            yield from run
        else:
            yield f"{run[0]}-{run[-1]}"


def _runs(categories: list[str]) -> Iterator[list[str]]:
    """Yield runs of neighbouring categories: a run ends where the letter changes or a number is missing."""
    run: list[str] = []
    for category in categories:
        is_next = run and category[0] == run[-1][0] and int(category[1:]) == int(run[-1][1:]) + 1
        if run and not is_next:
            yield run
            run = []
        run.append(category)
    if run:
        yield run


def _digit_class(digits: str) -> str:
    """Return digits as a class, or a single digit as it is."""
    if len(digits) == 1:
        return digits
    return f"[{''.join(_spans(digits))}]"


def _spans(digits: str) -> Iterator[str]:
    """Yield runs of digits; a run of three or more is a span: 0-3 for 0123."""
    start = 0
    for end in range(1, len(digits) + 1):
        if end == len(digits) or int(digits[end]) != int(digits[end - 1]) + 1:
            run = digits[start:end]
            yield run if len(run) < _SHORTEST_RUN else f"{run[0]}-{run[-1]}"
            start = end
