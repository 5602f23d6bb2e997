"""Keys to group by, packed into whole numbers: grouping by one or two numbers is much faster than by many keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

PREFIX = "__ebi_"
"""What the names of our own columns begin with, to distinguish them from an extract's."""

_WORD_BITS = 63


@dataclass(frozen=True)
class Part:
    """One key to group by.

    Attributes:
        name: The key's name.
        value: Its value in a row: a whole number from 0 to `size` - 1, or null.
        size: The number of values; null is one more.
    """

    name: str
    value: pl.Expr
    size: int

    @classmethod
    def of_truth(cls, name: str, truth: pl.Expr) -> "Part":
        """Return a key that is 1 where an expression is true, else 0; it is never null."""
        return cls(name, truth, 1)

    @property
    def bits(self) -> int:
        """How many bits the key takes."""
        return self.size.bit_length()


class Packed:
    """Keys side by side in as few whole numbers (words) as can contain them.

    Args:
        early: Keys that the rows have from the start; they are packed first.
        late: Keys that need columns joined later; they are added to the same words.

    Attributes:
        words: The names of the columns of words.
    """

    def __init__(self, early: Sequence[Part], late: Sequence[Part]) -> None:
        self._early, self._late = early, late
        self._places: dict[str, tuple[Part, int, int]] = {}
        word, used = 0, 0  # A word and how many of its bits are in use.
        for part in (*early, *late):
            if used + part.bits > _WORD_BITS:
                word, used = word + 1, 0
            self._places[part.name] = (part, word, used)
            used += part.bits
        self.words = [f"{PREFIX}key_{number}" for number in range(word + 1)]

    def early_keys(self) -> list[pl.Expr]:
        """Return the words with the early keys, over the rows."""
        return self._summed(self._early, [pl.lit(0, pl.UInt64) for _ in self.words])

    def keys(self) -> list[pl.Expr]:
        """Return the complete words, over rows that have the words of `early_keys`."""
        return self._summed(self._late, [pl.col(name) for name in self.words])

    def value(self, name: str) -> pl.Expr:
        """Return the value of a key, over the words; null where it was null."""
        part, word, shift = self._places[name]
        value = pl.col(self.words[word]) // _number(2**shift) & _number(2**part.bits - 1)
        return pl.when(value != part.size).then(value)

    def truth(self, name: str) -> pl.Expr:
        """Return the value of a key from `Part.of_truth`, over the words."""
        _, word, shift = self._places[name]
        return pl.col(self.words[word]) & _number(2**shift) != 0

    def _summed(self, parts: Sequence[Part], start: Sequence[pl.Expr]) -> list[pl.Expr]:
        """Add keys, each shifted to its place, to the words `start`."""
        terms = [[word] for word in start]
        for part in parts:
            _, word, shift = self._places[part.name]
            terms[word].append(part.value.cast(pl.UInt64).fill_null(part.size) * _number(2**shift))
        return [pl.sum_horizontal(of_word).alias(name) for of_word, name in zip(terms, self.words, strict=True)]


def _number(value: int) -> pl.Expr:
    return pl.lit(value, pl.UInt64)
