"""Patterns of whole values, such as `C\\\\d{1,7}`: a small part of regular expressions that SQL can ask for too.

A pattern is letters and digits, a class of letters such as `[ENSW]`, `\\\\d` for a digit and `\\\\D` for anything else,
each perhaps with a number of times: `{2}` or `{1,7}`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from ebi_rules._support.errors import DataFileError

DIGIT, OTHER = "9", "_"
"""What stands for any digit and for any other character in a shape."""

_ELEMENT = re.compile(r"(\\d|\\D|\[[A-Z]+\]|[A-Z0-9])(?:\{([0-9]{1,2})(?:,([0-9]{1,2}))?\})?")


@dataclass(frozen=True)
class ValuePattern:
    """A pattern that a whole value can have.

    Attributes:
        text: The pattern.

    Raises:
        DataFileError: The text is not such a pattern.
    """

    text: str

    def __post_init__(self) -> None:
        if not re.fullmatch(f"(?:{_ELEMENT.pattern})+", self.text):
            raise DataFileError(
                f"{self.text!r} is not a pattern of letters, digits, \\d, \\D and classes such as [ENSW]."
            )
        elements = [match[1] for match in _ELEMENT.finditer(self.text)]
        if not self.is_literal and any(element.isdigit() for element in elements):
            raise DataFileError(f"{self.text!r} mixes digits with \\d or \\D: write one or the other.")

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.text.replace("\\d", "[0-9]").replace("\\D", "[^0-9]"))

    def fits(self, value: str) -> bool:
        """Return whether a whole value has the pattern.

        Example:
            >>> ValuePattern("C\\\\d{1,7}").fits("C1234567"), ValuePattern("C\\\\d{1,7}").fits("CH12")
            (True, False)
        """
        return bool(self._compiled.fullmatch(value))

    @property
    def is_literal(self) -> bool:
        """Whether the pattern is one value, or several, and asks for no kind of character."""
        return "\\" not in self.text

    def shapes(self) -> Iterator[str]:
        """Yield every shape that a value of the pattern can have: 9 is any digit, _ anything else.

        Example:
            >>> list(ValuePattern("Z[EN]\\\\d{1,2}").shapes())
            ['ZE9', 'ZN9', 'ZE99', 'ZN99']
        """
        parts = [_parts(*match.groups()) for match in _ELEMENT.finditer(self.text)]
        lengths = product(*(sorted({len(part) for part in choices}) for choices in parts))
        for length in lengths:
            of_length = [[part for part in choices if len(part) == n] for choices, n in zip(parts, length, strict=True)]
            yield from ("".join(chosen) for chosen in product(*of_length))


def _parts(element: str, low: str | None, high: str | None) -> list[str]:
    """Return the texts that one element of a pattern can be."""
    least = int(low) if low else 1
    characters = {"\\d": DIGIT, "\\D": OTHER}.get(element, element.strip("[]"))
    lengths = range(least, int(high or least) + 1)
    return ["".join(chosen) for length in lengths for chosen in product(characters, repeat=length)]
