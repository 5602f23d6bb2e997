"""Decide atoms about codes that are rows of a second table; the answers are joined to activities by their key."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from ebi_rules.criteria.nodes import CODE_FIELDS, CodeAtom, NamedCodes, lists_named
from ebi_rules.engines.code_shapes import code_findings
from ebi_rules.engines.code_tokens import CodeTokens
from ebi_rules.engines.code_words import Patterns, WordNumbers, code_words, count_flags, flags_of_codes
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import Finding
from ebi_rules.engines.key_ranges import EVERY_KEY, KeyRange
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.layouts.layout import ChildTable
from ebi_rules.translate.placed import Placed
from ebi_rules.translate.polars import stems
from ebi_rules.translate.repeated_texts import RepeatedTexts
from opcs_icd import WHITE_SPACE

_NOTHING = "[" + "".join(f"\\x{{{ord(character):x}}}" for character in WHITE_SPACE + "\"'.") + "]"
"""What a code loses in normal form, as a regular expression."""

_KEY, _RAW, _TEXT, _PLACE = "key", "raw", "text", "place"


class ChildCodes:
    """The codes of a child table.

    Args:
        name: The field of codes.
        extract: The extract.
        child: The table of its codes.
    """

    def __init__(self, name: str, extract: FrameExtract, child: ChildTable) -> None:
        self.child = child
        self._not_codes = extract.binding.not_codes(name)
        table = extract.children[name]
        is_same_type = table.schema[child.key] == extract.table.schema[extract.binding.key]
        self.activity_key = pl.col(extract.binding.key)
        key = pl.col(child.key)
        if not is_same_type:
            self.activity_key, key = self.activity_key.cast(pl.String), key.cast(pl.String)
        position = pl.col(child.position).cast(pl.Int64, strict=False) if child.position else pl.lit(0)
        self.rows = table.frame.select(
            key.alias(_KEY), pl.col(child.code).cast(pl.String).alias(_RAW), position.alias("position")
        )
        counted = collect(self.rows.group_by(_RAW).agg(pl.len().alias("rows")))
        texts = counted.with_columns(single_code(pl.col(_RAW)).alias(_TEXT))
        self.distinct = texts.sort(_TEXT, _RAW).with_row_index(_PLACE)

    def texts(self, lists: Sequence[NamedCodes]) -> pl.LazyFrame:
        """Return the codes of each activity that may have a code of a list, as one text: in order, or else sorted.

        Args:
            lists: The lists.

        Returns:
            `key` and `text`.
        """
        order = "position" if self.child.position else _TEXT
        text = pl.col(_TEXT).sort_by(order).str.join(",")
        of_interest = self._of_interest(lists, EVERY_KEY).join(self.distinct.lazy(), on=_RAW, nulls_equal=True)
        return of_interest.group_by(_KEY).agg(text.alias(_TEXT))

    def places(self, lists: Sequence[NamedCodes], part: KeyRange) -> pl.DataFrame:
        """Return the codes of each activity that may have a code of a list, in order, or else sorted.

        Args:
            lists: The lists.
            part: The range that keys are in.

        Returns:
            `key`, and `place`: that of the code in `distinct`. All rows of an activity stand together.
        """
        numbered = self.distinct.lazy().select(_RAW, _PLACE)
        rows = self._of_interest(lists, part).join(numbered, on=_RAW, nulls_equal=True)
        order = [_KEY, "position", _PLACE] if self.child.position else [_KEY, _PLACE]
        return collect(rows.select(order).sort(order).select(_KEY, _PLACE))

    def _of_interest(self, lists: Sequence[NamedCodes], part: KeyRange) -> pl.LazyFrame:
        """Return all rows of the activities, with keys in a range, that may have a code of a list."""
        rows = self.rows.filter(part.holds(pl.col(_KEY)))
        may_be_listed = pl.col(_TEXT).str.contains_any(stems(lists), ascii_case_insensitive=True).fill_null(False)
        listed = rows.join(self.distinct.filter(may_be_listed).lazy(), on=_RAW, how="semi", nulls_equal=True)
        return rows.join(listed.select(_KEY).unique(), on=_KEY, how="semi")

    def counts(self, grammar: str, part: KeyRange) -> pl.DataFrame:
        """Return the numbers of codes of each activity with any, and of malformed ones: `key`, `codes`, `malformed`."""
        rows = self.rows.filter(part.holds(pl.col(_KEY)))
        text = pl.col(_TEXT)
        is_malformed = ~text.str.contains(f"^(?:{grammar})$")
        counted = self.distinct.filter(~text.is_in(self._not_codes)).select(_RAW, is_malformed.alias("malformed"))
        sums = [pl.len().cast(pl.Int64).alias("codes"), pl.col("malformed").sum().cast(pl.Int64)]
        return collect(rows.join(counted.lazy(), on=_RAW, nulls_equal=True).group_by(_KEY).agg(sums))


class ChildAnswers:
    """Decide atoms on the codes of a child table; the same to its callers as `code_answers.CodeAnswers`.

    Args:
        name: The field of codes.
        extract: The extract.
        atoms: The atoms to decide, all about this field, none of them `Recorded`.
        child: The table of its codes.

    Attributes:
        patterns: The combinations of answers that occur.
        numbers: The answers to all atoms, as `code_words` puts them together, with their numbers.
        column: The column of `inputs` that has the answers.
        text_column: None: there is no column of texts.
    """

    def __init__(self, name: str, extract: FrameExtract, atoms: Sequence[CodeAtom], child: ChildTable) -> None:
        self.patterns = Patterns(len(atoms))
        self.numbers = WordNumbers()
        self._name = name
        self._tokens = CodeTokens(name, extract.binding, atoms)
        self._lists = list(dict.fromkeys(named for atom in atoms for named in lists_named(atom)))
        self._codes = ChildCodes(name, extract, child)
        self.column, self.text_column = f"{PREFIX}{name}_answer", None
        self._keys = self._answers = np.zeros(0, np.int64)

    def attach(self, frame: pl.LazyFrame, part: KeyRange) -> pl.LazyFrame:
        """Return the rows, whose keys are in a range, with the answers of their activity."""
        joined = self._decided(part).rename({_KEY: f"{self.column}_key"}).lazy()
        keyed = frame.with_columns(self._codes.activity_key.alias(f"{self.column}_key"))
        return keyed.join(joined, on=f"{self.column}_key", how="left", maintain_order="left")

    def keep(self, parts: Sequence[KeyRange]) -> None:
        """Decide the atoms for all activities, so that `of_keys` can tell; their keys must be whole numbers.

        Args:
            parts: Ranges of keys, in order, that hold all of them.
        """
        decided = pl.concat([self._decided(part).drop_nulls(_KEY).sort(_KEY) for part in parts])
        self._keys, self._answers = decided[_KEY].cast(pl.Int64).to_numpy(), decided[self.column].to_numpy()

    def of_keys(self, keys: pl.Series) -> pl.Series:
        """Return the column of `inputs` for the activities with some keys."""
        asked = keys.cast(pl.Int64).fill_null(0).to_numpy()
        if not len(self._keys):
            return pl.Series(self.column, np.zeros(len(asked), np.int64))
        places = np.minimum(np.searchsorted(self._keys, asked), len(self._keys) - 1)
        is_there = (self._keys[places] == asked) & keys.is_not_null().to_numpy()
        return pl.Series(self.column, np.where(is_there, self._answers[places], 0))

    def _decided(self, part: KeyRange) -> pl.DataFrame:
        """Return the number of the answers of each activity with codes whose key is in a range."""
        counts = self._codes.counts(CODE_FIELDS[self._name].grammar.pattern, part)
        answers = counts.lazy()
        if self._lists:
            places = self._codes.places(self._lists, part)
            lengths = places[_KEY].rle().struct.unnest()
            codes = self._tokens.of_numbered(
                self._codes.distinct[_TEXT], places[_PLACE].to_numpy().astype(np.int64), lengths["len"].to_numpy()
            )
            patterns = pl.Series("pattern", self.patterns.numbers(codes.verdicts, lengths.height))
            decided_keys = lengths.select(pl.col("value").alias(_KEY), patterns)
            answers = answers.join(decided_keys.lazy(), on=_KEY, how="left")
        else:
            answers = answers.with_columns(pl.lit(0, pl.Int64).alias("pattern"))
        decided = collect(answers)
        no_flags = np.zeros(decided.height, np.int64)
        numbers = decided["pattern"].fill_null(0).to_numpy()
        words = code_words(numbers, decided["codes"].to_numpy(), decided["malformed"].to_numpy(), no_flags)
        return decided.select(_KEY, pl.Series(self.column, self.numbers.of(words)))

    def inputs(self) -> Iterator[pl.Expr]:
        """Yield the column with the answers."""
        yield pl.col(self.column)

    def read(self, batch: pl.DataFrame, texts: RepeatedTexts | None) -> Placed[np.int64]:
        """Return the numbers of the answers for rows with the columns of `inputs`."""
        assert texts is None, "codes of child tables are no texts of the activity table"
        return Placed(batch[self.column].fill_null(0).to_numpy())

    def findings(self) -> Iterator[Finding]:
        """Yield what was found in the codes of the child table, row by row."""
        distinct = self._codes.distinct
        cells = distinct[_RAW].fill_null("")
        codes = self._tokens.read(cells)
        none = np.zeros_like(codes.codes)
        words = code_words(np.zeros(len(cells), np.int64), none, none, flags_of_codes(codes))
        flags = count_flags(words, distinct["rows"].cast(pl.Int64).to_numpy())
        malformed = cells.filter(pl.Series(codes.is_malformed)).to_list()
        yield from code_findings(self._name, self._codes.child.code, flags, malformed)


def single_code(code: pl.Expr) -> pl.Expr:
    """Return the expression of a column with one code per row, in normal form, as `opcs_icd.single_code` does.

    Example:
        >>> pl.select(single_code(pl.lit(" u05.4 "))).item()
        'U054'
    """
    bare = code.cast(pl.String).fill_null("").str.replace_all(_NOTHING, "").str.to_uppercase()
    return bare.str.replace_all("[,|;]", "/")
