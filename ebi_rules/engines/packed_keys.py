"""Group keys packed into whole numbers: rows with many small keys group much faster by one or two numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

PREFIX = "__ebi_"
"""How our own columns begin, beside an extract's."""

_WORD_BITS = 63


@dataclass(frozen=True)
class Part:
    """One key: a whole number from 0, of which there are `size` values, or true and false; null is one value more."""

    name: str
    value: pl.Expr
    size: int

    @classmethod
    def of_truth(cls, name: str, truth: pl.Expr) -> "Part":
        """Give the key that is 1 where something is true, else 0; it is never null."""
        return cls(name, truth, 1)

    @property
    def bits(self) -> int:
        return self.size.bit_length()


class Packed:
    """Parts side by side in as few words as hold them.

    `early` parts are put together first, over the rows as they are; `late` ones are added to the same words once the
    rows have what these need.
    """

    def __init__(self, early: Sequence[Part], late: Sequence[Part]) -> None:
        self._early, self._late = early, late
        self._places: dict[str, tuple[Part, int, int]] = {}
        word, used = 0, 0
        for part in (*early, *late):
            if used + part.bits > _WORD_BITS:
                word, used = word + 1, 0
            self._places[part.name] = (part, word, used)
            used += part.bits
        self.words = [f"{PREFIX}key_{number}" for number in range(word + 1)]

    def early_keys(self) -> list[pl.Expr]:
        """Give the words of the early parts, over the rows."""
        return self._summed(self._early, [pl.lit(0, pl.UInt64) for _ in self.words])

    def keys(self) -> list[pl.Expr]:
        """Give the whole words, over rows that have the early ones."""
        return self._summed(self._late, [pl.col(name) for name in self.words])

    def value(self, name: str) -> pl.Expr:
        """Give a part again, over the words; null where it was."""
        part, word, shift = self._places[name]
        value = pl.col(self.words[word]) // _number(2**shift) & _number(2**part.bits - 1)
        return pl.when(value != part.size).then(value)

    def truth(self, name: str) -> pl.Expr:
        """Give a part of `Part.of_truth` again, over the words."""
        _, word, shift = self._places[name]
        return pl.col(self.words[word]) & _number(2**shift) != 0

    def _summed(self, parts: Sequence[Part], begun: Sequence[pl.Expr]) -> list[pl.Expr]:
        words = [[each] for each in begun]
        for part in parts:
            _, word, shift = self._places[part.name]
            words[word].append(part.value.cast(pl.UInt64).fill_null(part.size) * _number(2**shift))
        return [pl.sum_horizontal(each).alias(name) for each, name in zip(words, self.words, strict=True)]


def _number(value: int) -> pl.Expr:
    return pl.lit(value, pl.UInt64)
