"""Lists of imaging codes: NICIP or SNOMED CT codes, compared whole.

A list is of one kind, and never combined with a list of another kind or of a classification. There are no prefixes: a
SNOMED CT identifier says nothing by its first digits, and a NICIP code with a further letter is another examination.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import product

from opcs_icd.codelist import CodeSystemError
from opcs_icd.codes import CodeError, normal_form
from opcs_icd.imaging import ImagingSystem, read_nicip, why_not_snomed
from opcs_icd.patterns import PatternError

_ELEMENT = re.compile(r"\[[^\[\]]*\]|.")


class ImagingCodes:
    """An immutable set of imaging codes of one kind.

    `code in list` tests membership; `|`, `&` and `-` combine two lists of one kind and raise `CodeSystemError` for
    others. Iterating yields the codes.

    Args:
        system: NICIP or SNOMED CT.
        patterns: Codes. In a NICIP code, letters in square brackets are alternatives: `MKNE[BLR]` is MKNEB, MKNEL and
            MKNER, the knee on both sides, left and right.

    Attributes:
        system: NICIP or SNOMED CT.
        patterns: The patterns as they were written.
        codes: The codes in normal form, sorted, each once.

    Raises:
        PatternError: A pattern is malformed.

    Example:
        >>> knee = ImagingCodes.nicip(["MKNE[BLR]"])
        >>> "mkneL" in knee, "MKNELC" in knee, len(knee)
        (True, False, 3)
    """

    def __init__(self, system: ImagingSystem, patterns: Iterable[str]) -> None:
        self.system = system
        self.patterns = tuple(patterns)
        read = _READERS[system]
        self.codes = tuple(sorted({code for pattern in self.patterns for code in read(pattern)}))

    @classmethod
    def nicip(cls, patterns: Iterable[str]) -> "ImagingCodes":
        """Return a list of NICIP codes.

        Raises:
            PatternError: A pattern is malformed.

        Example:
            >>> str(ImagingCodes.nicip(["MLUSP", "MKNEL", "MKNER"]))
            'MKNE[LR], MLUSP'
        """
        return cls(ImagingSystem.NICIP, patterns)

    @classmethod
    def snomed(cls, codes: Iterable[str]) -> "ImagingCodes":
        """Return a list of SNOMED CT codes.

        Raises:
            PatternError: A code is not a SNOMED CT identifier.

        Example:
            >>> ImagingCodes.snomed(["241648005"])
            ImagingCodes.snomed(['241648005'])
        """
        return cls(ImagingSystem.SNOMED, codes)

    @cached_property
    def _lookup(self) -> frozenset[str]:
        return frozenset(self.codes)

    def __contains__(self, code: str) -> bool:
        return normal_form(code) in self._lookup

    def __iter__(self) -> Iterator[str]:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ImagingCodes):
            return NotImplemented
        return self.system is other.system and self.codes == other.codes

    def __hash__(self) -> int:
        return hash((self.system, self.codes))

    def __or__(self, other: "ImagingCodes") -> "ImagingCodes":
        """Return a list of the codes that are in either list."""
        return self._combined(other, self._lookup.union)

    def __and__(self, other: "ImagingCodes") -> "ImagingCodes":
        """Return a list of the codes that are in both lists."""
        return self._combined(other, self._lookup.intersection)

    def __sub__(self, other: "ImagingCodes") -> "ImagingCodes":
        """Return a list of the codes in this list that are not in `other`."""
        return self._combined(other, self._lookup.difference)

    def __le__(self, other: "ImagingCodes") -> bool:
        """Return whether every code in this list is also in `other`."""
        self._require_same_system(other)
        return self._lookup <= other._lookup

    def _combined(self, other: "ImagingCodes", combine: Callable[[Iterable[str]], frozenset[str]]) -> "ImagingCodes":
        self._require_same_system(other)
        return ImagingCodes(self.system, sorted(combine(other.codes)))

    def _require_same_system(self, other: "ImagingCodes") -> None:
        if self.system is not other.system:
            raise CodeSystemError(
                f"a list of {self.system.value} codes cannot be combined with a list of {other.system.value} codes"
            )

    @cached_property
    def compact(self) -> tuple[str, ...]:
        """The shortest patterns for the same codes: codes that differ only in their side are one pattern."""
        if self.system is ImagingSystem.SNOMED:
            return self.codes
        sides: dict[tuple[str, bool], list[str]] = {}
        for code in self.codes:
            parts = read_nicip(code)
            sides.setdefault((parts.stem, parts.contrast), []).append(parts.side or "")
        return tuple(
            f"{stem}{_choice(side)}{'C' if contrast else ''}"
            for (stem, contrast), stem_sides in sides.items()
            for side in _with_side(stem_sides)
        )

    def __str__(self) -> str:
        return ", ".join(self.compact)

    def __repr__(self) -> str:
        constructor = "nicip" if self.system is ImagingSystem.NICIP else "snomed"
        return f"ImagingCodes.{constructor}({list(self.compact)!r})"


def _with_side(sides: list[str]) -> list[str]:
    """Return the sides of one stem as parts of patterns: those that are stated together, and none by itself."""
    stated = "".join(side for side in sides if side)
    return [*([""] if "" in sides else []), *([stated] if stated else [])]


def _choice(side: str) -> str:
    return f"[{side}]" if len(side) > 1 else side


def _read_nicip_pattern(pattern: str) -> Iterator[str]:
    """Yield the NICIP codes of a pattern."""
    text = normal_form(pattern)
    choices = [_letters(pattern, element) for element in _ELEMENT.findall(text)]
    for characters in product(*choices):
        code = "".join(characters)
        try:
            yield read_nicip(code).code
        except CodeError:
            problem = "is not a NICIP code, which has three to six letters and digits, the first a letter"
            raise PatternError(pattern, problem) from None


def _letters(pattern: str, element: str) -> str:
    """Return the characters that one element of a pattern can be."""
    if not element.startswith("["):
        return element
    if not re.fullmatch(r"\[[A-Z0-9]+\]", element):
        raise PatternError(pattern, f"has alternatives {element} that are not letters or digits, such as [BLR]")
    return element[1:-1]


def _read_snomed_code(pattern: str) -> Iterator[str]:
    """Yield the SNOMED CT identifier that a text is."""
    text = normal_form(pattern)
    problem = why_not_snomed(text)
    if problem:
        raise PatternError(pattern, f"is not a SNOMED CT identifier: it is {problem}")
    yield text


_READERS: dict[ImagingSystem, Callable[[str], Iterator[str]]] = {
    ImagingSystem.NICIP: _read_nicip_pattern,
    ImagingSystem.SNOMED: _read_snomed_code,
}
