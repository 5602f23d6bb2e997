"""Answer a question about each different text once, over batches of rows that are read in parallel.

Texts are numbered, and answers are looked up by number. Where almost every text is different, what is known would grow
with the rows: from then on every row is answered by itself.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from ebi_rules.translate.text_numbers import TextNumbers, with_room
from ebi_rules.translate.view_table import Numbers

_MOST_TEXTS = ((100_000, 0.5), (1_000_000, 0.25))
"""With more different texts than both, a number and a share of the rows with text, none are remembered any more."""


class DistinctAnswers:
    """Look up the answers to a question about texts.

    Args:
        answer: Return the answer to each of a series of texts, a whole number. Several threads may call it at once.
    """

    def __init__(self, answer: Callable[[pl.Series], Numbers]) -> None:
        self._answer = answer
        self._rows = 0
        self._known = np.zeros(1, np.int64)
        self._numbers: TextNumbers | None = TextNumbers(self._learn)

    @property
    def has_given_up(self) -> bool:
        """Whether every row is answered by itself."""
        return self._numbers is None

    def of(self, texts: pl.Series, rows: int | None = None) -> Numbers:
        """Return the answer for each text; where there is none, that of an empty text.

        Args:
            texts: The texts.
            rows: How many rows have one of them; by default each is that of one row.
        """
        known = self.known(texts, rows)
        return self._of_rows(texts) if known is None else known

    def known(self, texts: pl.Series, rows: int | None = None) -> Numbers | None:
        """Return what `of` returns, as long as answers are remembered; None if every text is answered by itself."""
        numbers = self._numbers
        if numbers is None:
            return None
        found: Numbers = numbers.of(texts)
        answers: Numbers = self._known[found]
        self._rows += len(texts) - texts.null_count() if rows is None else rows
        if any(numbers.highest > max(texts, share * self._rows) for texts, share in _MOST_TEXTS):
            self._numbers = None
        return answers

    def _learn(self, numbers: Numbers, texts: pl.Series) -> None:
        self._known = with_room(self._known, int(numbers.max()))
        self._known[numbers] = self._answer(texts)

    def _of_rows(self, texts: pl.Series) -> Numbers:
        has_text = texts.is_not_null()
        found = np.full(len(texts), self._known[0], np.int64)
        found[has_text.to_numpy()] = self._answer(texts.filter(has_text).cast(pl.String))
        return found
