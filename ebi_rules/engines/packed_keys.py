"""Keys to group by, packed into whole numbers: grouping by one or two numbers is much faster than by many keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ebi_rules.translate.placed import Placed
from ebi_rules.translate.view_table import Numbers

PREFIX = "__ebi_"
"""What the names of our own columns begin with, to distinguish them from an extract's."""

_WORD_BITS = 63


@dataclass(frozen=True)
class Part:
    """One key to group by.

    Attributes:
        name: The key's name.
        highest: Its highest value; the lowest is 0.
    """

    name: str
    highest: int

    @property
    def bits(self) -> int:
        """How many bits the key takes."""
        return self.highest.bit_length()


class Packed:
    """Keys side by side in as few whole numbers (words) as can contain them.

    Args:
        parts: The keys.
        apart: The names of keys that have a word each of their own.

    Attributes:
        words: How many words there are.
        bits: How many bits of them are in use, with those that are left over between words.
    """

    def __init__(self, parts: Sequence[Part], apart: Collection[str] = ()) -> None:
        self._places: dict[str, tuple[Part, int, int]] = {}
        word, used = 0, 0  # A word and how many of its bits are in use.
        for part in parts:
            if used + part.bits > _WORD_BITS or (part.name in apart and used):
                word, used = word + 1, 0
            self._places[part.name] = (part, word, used)
            used = _WORD_BITS if part.name in apart else used + part.bits
        self.words = word + 1
        self.bits = _WORD_BITS * word + used

    def pack(self, values: Mapping[str, Placed[np.int64]], rows: int) -> list[Numbers]:
        """Return the words of rows, from the value of each key."""
        words = [np.zeros(rows, np.int64) for _ in range(self.words)]
        for name, (_, word, shift) in self._places.items():
            words[word] |= Placed(values[name].values << shift, values[name].places).of_rows()
        return words

    def has_room(self, values: Mapping[str, Placed[np.int64]]) -> bool:
        """Return whether every value is from 0 to the highest of its key."""
        return all(
            not len(values[name].values)
            or (values[name].values.min() >= 0 and values[name].values.max() <= part.highest)
            for name, (part, _, _) in self._places.items()
        )

    def value(self, name: str, words: Sequence[Numbers]) -> Numbers:
        """Return the value of a key in each row, from the words."""
        part, word, shift = self._places[name]
        found: Numbers = words[word] >> shift & (2**part.bits - 1)
        return found
