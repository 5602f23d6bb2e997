"""Decide atoms about the codes that an activity table has in columns: a delimited text, or numbered columns."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from ebi_rules.criteria.nodes import CodeAtom
from ebi_rules.engines.code_shapes import code_findings
from ebi_rules.engines.code_tokens import CodeTokens
from ebi_rules.engines.code_words import Patterns, WordNumbers, code_words, count_flags, flags_of_codes
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import Finding
from ebi_rules.engines.key_ranges import KeyRange
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.engines.tally import NumberTally
from ebi_rules.translate.distinct_answers import DistinctAnswers
from ebi_rules.translate.placed import Placed
from ebi_rules.translate.repeated_texts import RepeatedTexts
from ebi_rules.translate.view_table import Numbers

_SAMPLE = 1000


class CodeAnswers:
    """Decide atoms on the different texts of a field of codes.

    Args:
        name: The field of codes.
        extract: The extract.
        atoms: The atoms to decide, all about this field, none of them `Recorded`.

    Attributes:
        patterns: The combinations of answers that occur.
        numbers: The answers to all atoms, as `code_words` puts them together, with their numbers.
        column: The column of `inputs` that has the texts.
        text_column: The column of the extract that has the texts as they are; None if they are made of several.
    """

    def __init__(self, name: str, extract: FrameExtract, atoms: Sequence[CodeAtom]) -> None:
        self.patterns = Patterns(len(atoms))
        self.numbers = WordNumbers()
        self._name = name
        self._tokens = CodeTokens(name, extract.binding, atoms)
        self._columns = extract.binding.code_columns(name)
        self.column, self._first = f"{PREFIX}{name}_text", f"{PREFIX}{name}_first"
        is_text = len(self._columns) == 1 and extract.table.schema[self._columns[0]] == pl.String
        self.text_column = self._columns[0] if is_text else None
        self._sample: list[str] = []
        self._answers = DistinctAnswers(self._answer)
        # The checks are about the first column.
        self._checks = self._answers if len(self._columns) == 1 else DistinctAnswers(self._answer)
        self._rows = NumberTally()

    def attach(self, frame: pl.LazyFrame, part: KeyRange) -> pl.LazyFrame:
        """Return the rows with all columns that `inputs` needs."""
        return frame

    def inputs(self) -> Iterator[pl.Expr]:
        """Yield the columns to read: all codes as one text, and the first column if there are several."""
        cells = [pl.col(column).cast(pl.String) for column in self._columns]
        yield (cells[0] if len(cells) == 1 else pl.concat_str(cells, separator=",", ignore_nulls=True)).alias(
            self.column
        )
        if len(cells) > 1:
            yield cells[0].alias(self._first)

    def read(self, batch: pl.DataFrame, texts: RepeatedTexts | None) -> Placed[np.int64]:
        """Return the numbers of the answers for rows with the columns of `inputs`, or with texts for `column`."""
        if texts is not None:
            # It is one column, and the checks are about it.
            numbers = self._answers.of(texts.texts, len(texts.places) - texts.nulls)
            self._rows.add(numbers, texts.rows)
            return Placed(numbers, texts.places)
        numbers = self._answers.of(batch[self.column])
        self._rows.add(numbers if self._checks is self._answers else self._checks.of(batch[self._first]))
        return Placed(numbers)

    def findings(self) -> Iterator[Finding]:
        """Yield what was found in the rows that were read."""
        rows = self._rows.rows
        flags = count_flags(self.numbers.words[: len(rows)], rows)
        yield from code_findings(self._name, self._columns[0], flags, self._sample)

    def _answer(self, texts: pl.Series) -> Numbers:
        codes = self._tokens.read(texts)
        if len(self._sample) < _SAMPLE and codes.is_malformed.any():
            self._sample += texts.filter(pl.Series(codes.is_malformed)).head(_SAMPLE).to_list()
        patterns = self.patterns.numbers(codes.verdicts, len(texts))
        return self.numbers.of(code_words(patterns, codes.codes, codes.malformed, flags_of_codes(codes)))
