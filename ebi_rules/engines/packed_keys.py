"""Keys to group by, packed into whole numbers: grouping by one or two numbers is much faster than by many keys."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ebi_rules.engines.distinct_numbers import starts_of_runs
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
    """Keys side by side in as few whole numbers (words) as can contain them: words sort as their keys do.

    Args:
        parts: The keys.
        apart: The names of keys that have a word each of their own.

    Attributes:
        words: How many words there are.
        bits: How many bits of them are in use, with those that are left over between words.
    """

    def __init__(self, parts: Sequence[Part], apart: Collection[str] = ()) -> None:
        words: list[list[Part]] = [[]]
        for part in parts:
            is_apart = any(each.name in apart for each in (*words[-1][-1:], part))
            if words[-1] and (is_apart or _bits([*words[-1], part]) > _WORD_BITS):
                words.append([])
            words[-1].append(part)
        self._places: dict[str, tuple[Part, int, int]] = {
            part.name: (part, word, _bits(of_word[place + 1 :]))
            for word, of_word in enumerate(words)
            for place, part in enumerate(of_word)
        }
        self.words = len(words)
        self.bits = _WORD_BITS * (len(words) - 1) + _bits(words[-1])

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

    def runs(self, names: Iterable[str], words: Sequence[Numbers]) -> Numbers:
        """Return where each run of rows starts that are alike in some keys."""
        masks = [0] * self.words
        for name in names:
            part, word, shift = self._places[name]
            masks[word] |= 2**part.bits - 1 << shift
        return starts_of_runs([words[word] & mask for word, mask in enumerate(masks) if mask], len(words[0]))


def _bits(parts: Iterable[Part]) -> int:
    return sum(part.bits for part in parts)
