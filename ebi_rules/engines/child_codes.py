"""Decide atoms about codes that are rows of a second table; the answers are joined to activities by their key."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from ebi_rules.criteria.nodes import CODE_FIELDS, CodeAtom, NamedCodes, lists_named
from ebi_rules.engines.code_shapes import code_findings
from ebi_rules.engines.code_tokens import CodeTokens, Truths
from ebi_rules.engines.code_words import Patterns, WordNumbers, code_words, count_flags, flags_of_codes
from ebi_rules.engines.distinct_numbers import starts_of_runs
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import Finding
from ebi_rules.engines.key_ranges import KeyRange
from ebi_rules.engines.lazy_frames import DamagedExtractError, collect
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.layouts.layout import ChildTable
from ebi_rules.translate.placed import Placed
from ebi_rules.translate.polars import stems
from ebi_rules.translate.repeated_texts import RepeatedTexts
from ebi_rules.translate.view_table import Numbers
from opcs_icd import WHITE_SPACE

_NOTHING = "[" + "".join(f"\\x{{{ord(character):x}}}" for character in WHITE_SPACE + "\"'.") + "]"
"""What a code loses in normal form, as a regular expression."""

_KEY, _RAW, _TEXT, _PLACE, _ACTIVITY = "key", "raw", "text", "place", "activity"
_AT_ONCE = 250_000
"""So many answers are numbered at once: sorting all would take longer than sorting pieces."""


class ChildCodes:
    """The codes of a child table.

    Args:
        name: The field of codes.
        extract: The extract.
        child: The table of its codes.

    Attributes:
        child: The table of its codes.
        activity_key: The expression of an activity's key, as the table of codes has it.
        rows: `key`, `raw`, the code as it is, and `position`, not yet read.
        distinct: The different codes, sorted by `text`, their normal form: `place`, `raw`, `rows` and `text`.
        not_codes: Texts that stand for no code.
    """

    def __init__(self, name: str, extract: FrameExtract, child: ChildTable) -> None:
        self.child = child
        self.not_codes = extract.binding.not_codes(name)
        table = extract.children[name]
        is_same_type = table.schema[child.key] == extract.table.schema[extract.binding.key]
        self.activity_key = pl.col(extract.binding.key)
        key = pl.col(child.key)
        if not is_same_type:
            self.activity_key, key = self.activity_key.cast(pl.String), key.cast(pl.String)
        position = pl.col(child.position).cast(pl.Int64, strict=False) if child.position else pl.lit(0)
        self._position = ["position"] if child.position else []
        self.rows = table.frame.select(
            key.alias(_KEY), pl.col(child.code).cast(pl.String).alias(_RAW), position.alias("position")
        )
        counted = collect(self.rows.group_by(_RAW).agg(pl.len().alias("rows")))
        texts = counted.with_columns(single_code(pl.col(_RAW)).alias(_TEXT))
        self.distinct = texts.sort(_TEXT, _RAW).with_row_index(_PLACE)
        recorded = self.distinct.drop_nulls(_RAW)
        of_recorded = pl.col(_RAW).cast(pl.Enum(recorded[_RAW]), strict=False).to_physical()
        of_null = self.distinct.filter(pl.col(_RAW).is_null())[_PLACE].sum()
        place = pl.lit(recorded[_PLACE]).gather(of_recorded)
        self._place = pl.when(pl.col(_RAW).is_null()).then(of_null).otherwise(place).alias(_PLACE)

    def texts(self, lists: Sequence[NamedCodes]) -> pl.LazyFrame:
        """Return the codes of each activity that may have a code of a list, as one text in the order of verdicts.

        Args:
            lists: The lists.

        Returns:
            `key` and `text`.
        """
        text = pl.col(_TEXT).sort_by(*self._position, _PLACE).str.join(",")
        of_interest = self._of_interest(lists).join(self.distinct.lazy(), on=_RAW, nulls_equal=True)
        return of_interest.group_by(_KEY).agg(text.alias(_TEXT))

    def of_activities(self, part: KeyRange) -> "CodesOfActivities":
        """Return the rows of activities with keys in a range, those of an activity together.

        Raises:
            DamagedExtractError: The file has changed since its different codes were read.
        """
        asked = self.rows.filter(part.holds(pl.col(_KEY)), pl.col(_KEY).is_not_null())
        rows = collect(asked.select(_KEY, self._place, *self._position))
        if rows[_PLACE].null_count():
            raise DamagedExtractError()
        return CodesOfActivities(rows if rows[_KEY].is_sorted() else rows.sort(_KEY), [*self._position, _PLACE])

    def _of_interest(self, lists: Sequence[NamedCodes]) -> pl.LazyFrame:
        """Return all rows of the activities that may have a code of a list."""
        may_be_listed = pl.col(_TEXT).str.contains_any(stems(lists), ascii_case_insensitive=True).fill_null(False)
        listed = self.rows.join(self.distinct.filter(may_be_listed).lazy(), on=_RAW, how="semi", nulls_equal=True)
        return self.rows.join(listed.select(_KEY).unique(), on=_KEY, how="semi")


class CodesOfActivities:
    """The rows of a child table, activity by activity.

    Args:
        rows: The rows: `key`, the same for all rows of an activity, which stand together; `place`, that of the code in
            `ChildCodes.distinct`; and columns to sort by.
        order: What an activity's rows are sorted by.

    Attributes:
        keys: The key of each activity.
        lengths: How many rows each activity has.
    """

    def __init__(self, rows: pl.DataFrame, order: Sequence[str]) -> None:
        self._rows, self._order = rows, order
        self._places = rows[_PLACE].to_numpy()
        self._starts = starts_of_runs([rows[_KEY].rle_id().to_numpy()], rows.height)
        self.keys = rows[_KEY].gather(self._starts)
        self.lengths = np.diff(self._starts, append=rows.height)

    def counts(self, is_counted: Truths) -> Numbers:
        """Return how many of each activity's codes are of some kind, from whether each code in `distinct` is."""
        if not len(self._starts):
            return self._starts
        return np.add.reduceat(is_counted[self._places], self._starts, dtype=np.int64)

    def places(self, activities: Truths) -> Numbers:
        """Return the places of the codes of some activities, those of each activity in order."""
        activity = np.repeat(np.arange(int(activities.sum())), self.lengths[activities])
        rows = self._rows.filter(pl.Series(np.repeat(activities, self.lengths)))
        in_order = rows.with_columns(pl.Series(_ACTIVITY, activity)).sort(_ACTIVITY, *self._order)
        return in_order[_PLACE].to_numpy().astype(np.int64)


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
        joined = self.decided(part).rename({_KEY: f"{self.column}_key"}).lazy()
        keyed = frame.with_columns(self._codes.activity_key.alias(f"{self.column}_key"))
        return keyed.join(joined, on=f"{self.column}_key", how="left", maintain_order="left")

    def keep(self, decided: Sequence[pl.DataFrame]) -> None:
        """Keep what was decided, so that `of_keys` can tell: all ranges of keys, which are whole numbers, in order."""
        every = pl.concat(decided)
        self._keys, self._answers = every[_KEY].cast(pl.Int64).to_numpy(), every[self.column].to_numpy()

    def of_keys(self, keys: pl.Series) -> pl.Series:
        """Return the column of `inputs` for the activities with some keys."""
        asked = keys.cast(pl.Int64).fill_null(0).to_numpy()
        if not len(self._keys):
            return pl.Series(self.column, np.zeros(len(asked), np.int64))
        places = np.minimum(np.searchsorted(self._keys, asked), len(self._keys) - 1)
        is_there = (self._keys[places] == asked) & keys.is_not_null().to_numpy()
        return pl.Series(self.column, np.where(is_there, self._answers[places], 0))

    def decided(self, part: KeyRange) -> pl.DataFrame:
        """Return the number of the answers of each activity with codes whose key is in a range."""
        distinct, rows = self._codes.distinct, self._codes.of_activities(part)
        text = pl.col(_TEXT)
        is_code = ~text.is_in(list(self._codes.not_codes))
        is_malformed = is_code & ~text.str.contains(f"^(?:{CODE_FIELDS[self._name].grammar.pattern})$")
        kinds = distinct.select(codes=is_code, malformed=is_malformed)
        codes, malformed = (rows.counts(kind.to_numpy()) for kind in kinds)
        patterns = np.zeros(len(codes), np.int64)
        if self._lists:
            may_be_listed = text.str.contains_any(stems(self._lists), ascii_case_insensitive=True)
            has_listed = rows.counts(distinct.select(may_be_listed).to_series().to_numpy()) > 0
            found = self._tokens.of_numbered(distinct[_TEXT], rows.places(has_listed), rows.lengths[has_listed])
            patterns[has_listed] = self.patterns.numbers(found.verdicts, int(has_listed.sum()))
        words = code_words(patterns, codes, malformed, np.zeros(len(codes), np.int64))
        numbers = [self.numbers.of(piece) for piece in np.split(words, range(_AT_ONCE, len(words), _AT_ONCE))]
        return pl.DataFrame([rows.keys, pl.Series(self.column, np.concatenate(numbers))])

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
