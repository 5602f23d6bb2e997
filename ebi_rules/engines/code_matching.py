"""Decide the atoms about an extract's codes on the distinct texts of codes, and not row by row.

A text is what an activity has in one field of codes: a delimited string, numbered columns put together, or the rows of
a child table. Rows and verdicts are joined by one column, `join_key`: the text itself, or the activity's key. Memory
grows with the number of distinct texts (for child tables: of activities with a code of interest), not of rows.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from ebi_rules.criteria.nodes import (
    CODE_FIELDS,
    And,
    CodeAtom,
    Criterion,
    FollowedBy,
    HasCode,
    Not,
    Or,
    Recorded,
    lists_named,
)
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.layouts.layout import ChildTable
from ebi_rules.translate.polars import code_text, matched, stems, verdict
from opcs_icd import SEPARATORS, WHITE_SPACE

_NOTHING = "[" + "".join(f"\\x{{{ord(character):x}}}" for character in WHITE_SPACE + "\"'.") + "]"
"""What a code loses in normal form, as a regular expression."""

_NORMAL, _CODES, _INVALID = f"{PREFIX}normal", "codes", "invalid"
UPPER_HALF = 2**32
"""The factor that puts a number of malformed codes into one word with a number of codes; such words add up."""


class CodeField:
    """One field of codes of an extract, and the atoms to decide on it.

    Args:
        name: The field.
        extract: The extract.
        atoms: Code atoms; those about other fields are ignored.

    Attributes:
        columns: The column of each atom's verdict.
        pattern: The column that numbers the different answers to all atoms together (see `answers`).
        coded: The column with the number of codes (see `answers`).
        matched: The column that lists the codes in any list of the atoms.
        row_key_column: The column by which rows and `answers` are joined.
        join_key: The column by which rows and verdicts are joined.
    """

    def __init__(self, name: str, extract: FrameExtract, atoms: Iterable[CodeAtom]) -> None:
        self.name = name
        self.extract = extract
        self.binding = extract.binding
        self.child = extract.binding.child(name)
        self.not_codes = extract.binding.not_codes(name)
        self.atoms = [atom for atom in atoms if atom.code_field == name]
        self.lists = list(dict.fromkeys(named for atom in self.atoms for named in lists_named(atom)))
        self.asks_recorded = any(isinstance(atom, Recorded) for atom in self.atoms)
        self.columns = {atom: f"{PREFIX}{name}_{place}" for place, atom in enumerate(self.atoms)}
        self.pattern = f"{PREFIX}{name}_pattern"
        self.coded = f"{PREFIX}{name}_coded"
        self.matched = f"{PREFIX}{name}_matched"
        self.has_text = f"{PREFIX}{name}_text"
        code_columns = extract.binding.code_columns(name)
        self.is_one_text = len(code_columns) == 1 and extract.table.schema[code_columns[0]] == pl.String
        self.row_key_column = f"{PREFIX}{name}_key"
        self.join_key = code_columns[0] if self.is_one_text else self.row_key_column

    def join_verdicts(self, frame: pl.LazyFrame, explain: bool) -> pl.LazyFrame:
        """Return rows, in their order, with a column for every atom, for the expressions of `verdicts`.

        Args:
            frame: The rows.
            explain: Add the column `matched`.
        """
        decided = self._decide(collect(self._texts(self.asks_recorded)), explain).lazy()
        keyed = self.with_key(frame)
        has_text = pl.lit(False) if self.child else pl.col(self.join_key).is_not_null()
        return keyed.with_columns(has_text.alias(self.has_text)).join(
            decided, on=self.join_key, how="left", maintain_order="left"
        )

    def verdicts(self) -> dict[CodeAtom, pl.Expr]:
        """Return the expression of each atom's verdict, over rows from `join_verdicts`.

        A text that was not decided has no code of interest; it has codes at all unless it is missing.
        """
        return {
            atom: pl.col(column).fill_null(pl.col(self.has_text) if isinstance(atom, Recorded) else pl.lit(False))
            for atom, column in self.columns.items()
        }

    def answers(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the answers by `row_key_column`, and what their patterns mean.

        Returns:
            A frame with the columns `row_key_column`, `coded` and `pattern`, one row per text or key with codes, and a
            frame with one row per pattern, in order. `coded` is the number of codes and, in its upper half, of
            malformed codes. `pattern` is a number from 0 for one combination of verdicts, null for texts that meet no
            list. The second frame has the verdicts: a boolean column for every atom except `Recorded`, which `coded`
            answers.
        """
        counted, decided = self._child_answers(self.child) if self.child else self._text_answers()
        columns = [column for atom, column in self.columns.items() if not isinstance(atom, Recorded)]
        coded = (pl.col(_CODES) + pl.col(_INVALID) * UPPER_HALF).cast(pl.UInt64).alias(self.coded)
        with_codes = counted.filter(pl.col(_CODES) > 0).select(self.join_key, coded)
        meanings = decided.select(columns).unique(maintain_order=True) if columns else pl.DataFrame()
        patterns = decided.with_columns(pl.lit(None, pl.UInt32).alias(self.pattern))
        if columns:
            patterns = decided.join(meanings.with_row_index(self.pattern), on=columns)
        answers = with_codes.join(patterns.select(self.join_key, self.pattern), on=self.join_key, how="left")
        return answers.rename({self.join_key: self.row_key_column}), meanings

    def row_key(self) -> pl.Expr:
        """Return the expression of `row_key_column` over the rows: the text, or the activity's key."""
        if self.is_one_text:
            key = pl.col(self.join_key)
        else:
            key = self._activity_key(self.child) if self.child else self._joined_text()
        return key.alias(self.row_key_column)

    def with_key(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Return rows with the column `join_key`."""
        return frame if self.is_one_text else frame.with_columns(self.row_key())

    def _joined_text(self) -> pl.Expr:
        """Return the text of numbered columns put together."""
        cells = [pl.col(column).cast(pl.String) for column in self.binding.code_columns(self.name)]
        return pl.concat_str(cells, separator=",", ignore_nulls=True)

    def _activity_key(self, child: ChildTable) -> pl.Expr:
        key = pl.col(self.binding.key)
        return key if self._is_same_type(child) else key.cast(pl.String)

    def _is_same_type(self, child: ChildTable) -> bool:
        """Return whether the keys of the activity table and of a child table have the same type."""
        return self.extract.children[self.name].schema[child.key] == self.extract.table.schema[self.binding.key]

    def _texts(self, keep_recorded: bool) -> pl.LazyFrame:
        """Return the distinct texts that may contain a code of a list: `join_key`, and for child tables `text`.

        Args:
            keep_recorded: Also keep what decides `Recorded`: texts that may have no codes, and child rows with a code.
        """
        if self.child:
            return self._child_texts(*self._child_rows(self.child), keep_recorded)
        text = pl.col(self.join_key)
        is_kept = self._may_match(text)
        if keep_recorded:
            is_kept = is_kept | text.str.contains(self._may_have_no_codes())
        return self.with_key(self.extract.table.frame).select(text).filter(is_kept.fill_null(False)).unique()

    def _may_have_no_codes(self) -> str:
        """Return a regular expression for every text without codes, and a few others: by the characters of fillers."""
        fillers = "".join((*self.not_codes, *self.binding.lone_fillers(self.name)))
        characters = sorted({*SEPARATORS, ".", *fillers.upper(), *fillers.lower()})
        return "^[" + "".join(f"\\x{{{ord(character):x}}}" for character in characters) + "]*$"

    def _may_match(self, text: pl.Expr) -> pl.Expr:
        """Return the expression that a text may contain a code of any list: a cheap test, null for missing texts."""
        return text.str.contains_any(stems(self.lists), ascii_case_insensitive=True)

    def _text_answers(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the numbers of codes of every distinct text, and the verdicts on texts that may match a list."""
        text = pl.col(self.join_key)
        texts = collect(self.with_key(self.extract.table.frame).select(text).filter(text.is_not_null()).unique())
        return self._count_codes(texts), self._decide(texts.filter(self._may_match(text)), explain=False)

    def _child_answers(self, child: ChildTable) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the numbers of codes of every activity, and the verdicts on those that may match a list."""
        rows, codes = self._child_rows(child)
        decided = self._decide(collect(self._child_texts(rows, codes, keep_recorded=False)), explain=False)
        return collect(self._count_child_codes(rows, codes)), decided

    def _child_rows(self, child: ChildTable) -> tuple[pl.LazyFrame, pl.DataFrame]:
        """Return the child table (`join_key`, `raw`, `position`) and its distinct codes (`raw` and, normal, `text`)."""
        key = pl.col(child.key) if self._is_same_type(child) else pl.col(child.key).cast(pl.String)
        order = pl.col(child.position).cast(pl.Int64, strict=False) if child.position else pl.lit(0)
        rows = self.extract.children[self.name].frame.select(
            key.alias(self.join_key), pl.col(child.code).cast(pl.String).alias("raw"), order.alias("position")
        )
        codes = collect(rows.select("raw").unique()).with_columns(single_code(pl.col("raw")).alias("text"))
        return rows, codes

    def _child_texts(self, rows: pl.LazyFrame, codes: pl.DataFrame, keep_recorded: bool) -> pl.LazyFrame:
        """Return the codes of each activity that has a code of interest, as one text: in order, or else sorted."""
        text = pl.col("text")
        order = "position" if self.child and self.child.position else "text"
        is_of_interest = ~text.is_in(self.not_codes) if keep_recorded else self._may_match(text).fill_null(False)
        of_interest = rows.join(codes.filter(is_of_interest).lazy(), on="raw", how="semi", nulls_equal=True)
        return (
            rows.join(of_interest.select(self.join_key).unique(), on=self.join_key, how="semi")
            .join(codes.lazy(), on="raw", nulls_equal=True)
            .group_by(self.join_key)
            .agg(text.sort_by(order).str.join(",").alias("text"))
        )

    def _count_child_codes(self, rows: pl.LazyFrame, codes: pl.DataFrame) -> pl.LazyFrame:
        """Return the numbers of codes of each activity, and of malformed ones."""
        text = pl.col("text")
        grammar = f"^(?:{CODE_FIELDS[self.name].grammar.pattern})$"
        counted = codes.filter(~text.is_in(self.not_codes)).select("raw", (~text.str.contains(grammar)).alias(_INVALID))
        sums = [pl.len().cast(pl.Int64).alias(_CODES), pl.col(_INVALID).sum().cast(pl.Int64)]
        return rows.join(counted.lazy(), on="raw", nulls_equal=True).group_by(self.join_key).agg(sums)

    def _count_codes(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Return texts with the number of their codes, and of malformed ones."""
        grammar = CODE_FIELDS[self.name].grammar.pattern
        normal = pl.col(_NORMAL)
        codes = (normal.str.count_matches(",", literal=True) // 2).cast(pl.Int64)
        well_formed = normal.str.count_matches(f",(?:{grammar}),").cast(pl.Int64)
        normalised = texts.lazy().with_columns(self._normal(self.join_key).alias(_NORMAL))
        return collect(normalised.select(self.join_key, codes.alias(_CODES), (codes - well_formed).alias(_INVALID)))

    def _normal(self, column: str) -> pl.Expr:
        return code_text([column], self.binding, self.name)

    def _decide(self, texts: pl.DataFrame, explain: bool) -> pl.DataFrame:
        """Return `join_key` with a boolean column for every atom and, with `explain`, the column `matched`."""
        normal = pl.col(_NORMAL)
        decisions = [verdict(atom, normal).alias(column) for atom, column in self.columns.items()]
        if explain:
            decisions.append(matched(self.lists, normal).alias(self.matched))
        text = "text" if self.child else self.join_key
        distinct = texts.lazy().select(text).unique().with_columns(self._normal(text).alias(_NORMAL))
        decided = collect(distinct.select(text, *decisions))
        return texts.join(decided, on=text).drop("text") if self.child else decided


def needs_codes(criterion: Criterion) -> bool:
    """Return whether a criterion can hold only for an activity with a code in one of its lists.

    Example:
        >>> from ebi_rules.criteria.nodes import Between, HasCode, NamedCodes, Not
        >>> from opcs_icd import CodeList
        >>> has_scan = HasCode(NamedCodes("scan", CodeList.opcs(["U05"])))
        >>> needs_codes(has_scan), needs_codes(Not(has_scan)), needs_codes(Between("age", 19, 120))
        (True, False, False)
    """
    return _without_codes(criterion) is False


def _without_codes(criterion: Criterion) -> bool | None:
    """Return the truth of a criterion for an activity without listed codes; None if it depends on something else."""
    match criterion:
        case HasCode() | FollowedBy():
            return False
        case Not(operand):
            answer = _without_codes(operand)
            return None if answer is None else not answer
        case And(operands) | Or(operands):
            decisive = isinstance(criterion, Or)
            answers = [_without_codes(operand) for operand in operands]
            if decisive in answers:
                return decisive
            return None if None in answers else not decisive
    return None


def single_code(code: pl.Expr) -> pl.Expr:
    """Return the expression of a column with one code per row, in normal form, as `opcs_icd.single_code` does.

    Example:
        >>> pl.select(single_code(pl.lit(" u05.4 "))).item()
        'U054'
    """
    bare = code.cast(pl.String).fill_null("").str.replace_all(_NOTHING, "").str.to_uppercase()
    return bare.str.replace_all("[,|;]", "/")


def code_fields(extract: FrameExtract, atoms: Sequence[CodeAtom]) -> list[CodeField]:
    """Return the fields of codes that atoms are about, each with its atoms."""
    fields = [CodeField(name, extract, atoms) for name in CODE_FIELDS]
    return [field for field in fields if field.atoms]
