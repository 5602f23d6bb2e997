"""The answers about the codes of an activity as one whole number.

It has the number of the pattern of truths of all atoms, how many codes there are, how many of them are malformed, and
what the checks of values ask about the first code.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt

from ebi_rules._support.errors import ExtractError
from ebi_rules.engines.code_tokens import Codes, Truths
from ebi_rules.engines.distinct_numbers import distinct, number_rows
from ebi_rules.translate.view_table import Numbers

PATTERN_BITS, COUNT_BITS, _FLAG_BITS = 24, 17, 5
_MOST_CODES = 2**COUNT_BITS - 1
_MALFORMED_AT = PATTERN_BITS + COUNT_BITS
_FLAGS_AT = _MALFORMED_AT + COUNT_BITS
TRUTHS_IN_WORD = 62


class Patterns:
    """Number the combinations of truths of several atoms; 0 is the one where all are false.

    Args:
        atoms: The number of atoms.
    """

    def __init__(self, atoms: int) -> None:
        self._atoms = atoms
        self._lock = Lock()
        self._numbers: dict[tuple[int, ...], int] = {(0,) * len(range(0, atoms, TRUTHS_IN_WORD)): 0}

    def numbers(self, truths: Sequence[Truths], rows: int) -> Numbers:
        """Return the number of each row's combination."""
        found = np.zeros(rows, np.int64)
        if not truths:
            return found
        starts = range(0, self._atoms, TRUTHS_IN_WORD)
        words = [packed(truths[start : start + TRUTHS_IN_WORD], rows) for start in starts]
        is_any = np.logical_or.reduce([word != 0 for word in words])
        place, number = number_rows([word[is_any] for word in words], int(np.count_nonzero(is_any)))
        different = zip(*(word[is_any][place].tolist() for word in words), strict=True)
        with self._lock:
            numbers = [self._numbers.setdefault(combination, len(self._numbers)) for combination in different]
        if len(self._numbers) >= 2**PATTERN_BITS:
            raise ExtractError("the codes meet the rules in over 16 million different ways: run fewer rules at once.")
        found[is_any] = np.array(numbers, np.int64)[number]
        return found

    def meanings(self) -> npt.NDArray[np.bool_]:
        """Return the truth of every atom (columns) in every combination (rows, by number)."""
        if not self._atoms:
            return np.zeros((1, 0), np.bool_)
        words = np.array(list(self._numbers), dtype=np.int64)
        word, bit = np.divmod(np.arange(self._atoms), TRUTHS_IN_WORD)
        found: npt.NDArray[np.bool_] = (words[:, word] >> bit & 1) != 0
        return found


class WordNumbers:
    """Number different answers as they are met; 0 is the number of the answer 0.

    Attributes:
        words: The answers, by number.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers = {0: 0}
        self.words = np.zeros(1, np.int64)

    def of(self, words: Numbers) -> Numbers:
        """Return the number of each answer."""
        values, places = distinct(words)
        with self._lock:
            numbers = [self._numbers.setdefault(value, len(self._numbers)) for value in values.tolist()]
            if len(self._numbers) > len(self.words):
                self.words = np.array(list(self._numbers), np.int64)
        found: Numbers = np.array(numbers, np.int64)[places]
        return found


def code_words(patterns: Numbers, codes: Numbers, malformed: Numbers, flags: Numbers) -> Numbers:
    """Put the parts of the answers of some rows together.

    Raises:
        ExtractError: An activity has more codes than a text of codes can reasonably have.
    """
    if len(codes) and codes.max() > _MOST_CODES:
        raise ExtractError(f"an activity has more than {_MOST_CODES:,} codes in one field.")
    numbers = ((codes, PATTERN_BITS), (malformed, _MALFORMED_AT), (flags, _FLAGS_AT))
    for number, place in numbers:
        patterns = patterns | number << place
    return patterns


def flags_of_codes(codes: Codes) -> Numbers:
    """Return what the checks of values ask about the codes of some texts, as bits: see `count_flags`."""
    flags = [codes.codes > 0, codes.is_malformed, codes.is_short, codes.is_filler, codes.is_not_codable]
    return packed(flags, len(codes.codes))


def count_flags(words: Numbers, rows: Numbers | None = None) -> Numbers:
    """Return the number of rows with each combination of flags; such counts add up.

    Args:
        words: The answers.
        rows: How many rows have each of them; by default one.
    """
    flags = words >> _FLAGS_AT
    return np.bincount(flags, rows, minlength=2**_FLAG_BITS).astype(np.int64)


def rows_with_flags(counts: Numbers) -> list[int]:
    """Return the number of all rows, of those with codes, with a malformed or a short first code, and so on."""
    combinations = np.arange(2**_FLAG_BITS)
    by_flag = [int(counts[combinations >> bit & 1 == 1].sum()) for bit in range(_FLAG_BITS)]
    return [int(counts.sum()), *by_flag]


def pattern_of(words: Numbers) -> Numbers:
    """Return the numbers of the patterns of answers."""
    found: Numbers = words & (2**PATTERN_BITS - 1)
    return found


def codes_of(words: Numbers) -> Numbers:
    """Return the numbers of codes."""
    found: Numbers = words >> PATTERN_BITS & _MOST_CODES
    return found


def malformed_of(words: Numbers) -> Numbers:
    """Return the numbers of malformed codes."""
    found: Numbers = words >> _MALFORMED_AT & _MOST_CODES
    return found


def packed(truths: Sequence[Truths], rows: int) -> Numbers:
    """Return truths as the bits of one number per row, the first the lowest."""
    word = np.zeros(rows, np.int64)
    # By way of bytes, of which there are fewer to go through.
    for start in range(0, len(truths), 8):
        byte = np.zeros(rows, np.uint8)
        for bit, truth in enumerate(truths[start : start + 8]):
            byte |= truth.view(np.uint8) << np.uint8(bit)
        word |= byte.astype(np.int64) << start
    return word
