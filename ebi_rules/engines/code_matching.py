"""The codes of an extract, decided on their distinct texts and not row by row.

A text is what an activity holds in one field of codes: a delimited string, numbered columns put together, or the rows
of a child table. Rows and answers meet in one column, `join_key`: the text itself, or the activity's key. Memory grows
with distinct texts (for child tables: with activities that have a code of interest), and not with rows.
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
from opcs_icd import SEPARATORS

_NO_CODES = r"^[NULnul,|; .&-]*$"
"""What every text without any code looks like, and a few others: the letters of NULL, fillers, separators."""
_NO_CODE = ("", "NULL", "-", "&")
"""What a child row without a code holds, in normal form."""

_NORMAL, _HELD, _INVALID = f"{PREFIX}normal", "held", "invalid"
UPPER_HALF = 2**32
"""By what a number of malformed codes is multiplied to stand in one word with the number of codes; it sums up."""


class CodeField:
    """One field of codes of an extract, and the atoms that are asked of it."""

    def __init__(self, name: str, extract: FrameExtract, atoms: Iterable[CodeAtom]) -> None:
        self.name = name
        self.extract = extract
        self.binding = extract.binding
        self.child = extract.binding.child(name)
        self.atoms = [atom for atom in atoms if atom.code_field == name]
        self.lists = list(dict.fromkeys(named for atom in self.atoms for named in lists_named(atom)))
        self.asks_recorded = any(isinstance(atom, Recorded) for atom in self.atoms)
        self.columns = {atom: f"{PREFIX}{name}_{place}" for place, atom in enumerate(self.atoms)}
        self.pattern = f"{PREFIX}{name}_pattern"
        self.coded = f"{PREFIX}{name}_coded"
        self.matched = f"{PREFIX}{name}_matched"
        self.has_text = f"{PREFIX}{name}_text"
        own = extract.binding.code_columns(name)
        self.is_one_text = len(own) == 1 and extract.table.schema[own[0]] == pl.String
        self.row_key_column = f"{PREFIX}{name}_key"
        self.join_key = own[0] if self.is_one_text else self.row_key_column

    def join_verdicts(self, frame: pl.LazyFrame, explain: bool) -> pl.LazyFrame:
        """Give the rows, in order, with a column for every atom; `verdicts` says how to read them.

        With `explain`, the column `matched` lists the codes that are in any list.
        """
        decided = self._decide(collect(self._texts(self.asks_recorded)), explain).lazy()
        keyed = self.with_key(frame)
        has_text = pl.lit(False) if self.child else pl.col(self.join_key).is_not_null()
        return keyed.with_columns(has_text.alias(self.has_text)).join(
            decided, on=self.join_key, how="left", maintain_order="left"
        )

    def verdicts(self) -> dict[CodeAtom, pl.Expr]:
        """Give the expression of each atom's verdict once `join_verdicts` was done.

        A text that was not kept has no code of interest; it has codes at all unless it is missing.
        """
        return {
            atom: pl.col(column).fill_null(pl.col(self.has_text) if isinstance(atom, Recorded) else pl.lit(False))
            for atom, column in self.columns.items()
        }

    def answers(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give `pattern` and `coded` by `row_key_column`, and what each pattern means.

        A pattern is one answer to all atoms together, a number from 0; texts that meet no list have none (null).
        The meanings have a row a pattern, in order, and a column for every atom but `Recorded`, which `coded` says: it
        is the number of codes, and in its upper half that of malformed ones; null where there are none.
        """
        counted, decided = self._child_answers(self.child) if self.child else self._own_answers()
        asked = [column for atom, column in self.columns.items() if not isinstance(atom, Recorded)]
        coded = (pl.col(_HELD) + pl.col(_INVALID) * UPPER_HALF).cast(pl.UInt64).alias(self.coded)
        answers = counted.filter(pl.col(_HELD) > 0).select(self.join_key, coded)
        meanings = decided.select(asked).unique(maintain_order=True) if asked else pl.DataFrame()
        patterns = decided.with_columns(pl.lit(None, pl.UInt32).alias(self.pattern))
        if asked:
            patterns = decided.join(meanings.with_row_index(self.pattern), on=asked)
        found = answers.join(patterns.select(self.join_key, self.pattern), on=self.join_key, how="left")
        return found.rename({self.join_key: self.row_key_column}), meanings

    def row_key(self) -> pl.Expr:
        """Give what rows and answers meet in, over the rows, as `row_key_column`."""
        key = pl.col(self.join_key) if self.is_one_text else self._own_key() if self.child else self._own_text()
        return key.alias(self.row_key_column)

    def with_key(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Give the rows with the column `join_key`."""
        return frame if self.is_one_text else frame.with_columns(self.row_key())

    def _own_text(self) -> pl.Expr:
        cells = [pl.col(column).cast(pl.String) for column in self.binding.code_columns(self.name)]
        return pl.concat_str(cells, separator=",", ignore_nulls=True)

    def _own_key(self) -> pl.Expr:
        assert self.child
        return pl.col(self.binding.key) if self._same_type(self.child) else pl.col(self.binding.key).cast(pl.String)

    def _same_type(self, child: ChildTable) -> bool:
        return self.extract.children[self.name].schema[child.key] == self.extract.table.schema[self.binding.key]

    def _texts(self, keep_recorded: bool) -> pl.LazyFrame:
        """Give the distinct texts that may hold a code of a list: `join_key`, and for child tables `text`.

        `keep_recorded` keeps besides whatever it takes to say which activities have codes at all: texts that may hold
        none, or child rows that hold one.
        """
        if self.child:
            return self._child_texts(*self._child_rows(self.child), keep_recorded)
        text = pl.col(self.join_key)
        wanted = self._may_meet(text)
        if keep_recorded:
            wanted = wanted | text.str.contains(_NO_CODES)
        return self.with_key(self.extract.table.frame).select(text).filter(wanted.fill_null(False)).unique()

    def _may_meet(self, text: pl.Expr) -> pl.Expr:
        """Say cheaply which texts may hold a code of any list; not of those that are missing."""
        return text.str.contains_any(stems(self.lists), ascii_case_insensitive=True)

    def _own_answers(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give the numbers of codes of every distinct text, and the verdicts on those that may meet a list."""
        text = pl.col(self.join_key)
        texts = collect(self.with_key(self.extract.table.frame).select(text).filter(text.is_not_null()).unique())
        return self._count_codes(texts), self._decide(texts.filter(self._may_meet(text)), explain=False)

    def _child_answers(self, child: ChildTable) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give the numbers of codes of every activity, and the verdicts on those that may meet a list."""
        rows, codes = self._child_rows(child)
        decided = self._decide(collect(self._child_texts(rows, codes, keep_recorded=False)), explain=False)
        return collect(self._count_child_codes(rows, codes)), decided

    def _child_rows(self, child: ChildTable) -> tuple[pl.LazyFrame, pl.DataFrame]:
        """Give the child table with `join_key` and `raw`, and its distinct codes: `raw` and `text`, in normal form."""
        key = pl.col(child.key) if self._same_type(child) else pl.col(child.key).cast(pl.String)
        order = pl.col(child.position).cast(pl.Int64, strict=False) if child.position else pl.lit(0)
        rows = self.extract.children[self.name].frame.select(
            key.alias(self.join_key), pl.col(child.code).cast(pl.String).alias("raw"), order.alias("position")
        )
        codes = collect(rows.select("raw").unique()).with_columns(single_code(pl.col("raw")).alias("text"))
        return rows, codes

    def _child_texts(self, rows: pl.LazyFrame, codes: pl.DataFrame, keep_recorded: bool) -> pl.LazyFrame:
        text = pl.col("text")
        wanted = ~text.is_in(_NO_CODE) if keep_recorded else self._may_meet(text).fill_null(False)
        of_interest = rows.join(codes.filter(wanted).lazy(), on="raw", how="semi", nulls_equal=True)
        return (
            rows.join(of_interest.select(self.join_key).unique(), on=self.join_key, how="semi")
            .join(codes.lazy(), on="raw", nulls_equal=True)
            .group_by(self.join_key)
            .agg(text.sort_by("position").str.join(",").alias("text"))
        )

    def _count_child_codes(self, rows: pl.LazyFrame, codes: pl.DataFrame) -> pl.LazyFrame:
        text = pl.col("text")
        grammar = f"^(?:{CODE_FIELDS[self.name].grammar.pattern})$"
        counted = codes.filter(~text.is_in(_NO_CODE)).select("raw", (~text.str.contains(grammar)).alias(_INVALID))
        sums = [pl.len().cast(pl.Int64).alias(_HELD), pl.col(_INVALID).sum().cast(pl.Int64)]
        return rows.join(counted.lazy(), on="raw", nulls_equal=True).group_by(self.join_key).agg(sums)

    def _count_codes(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Give texts with the number of their codes, and of those malformed."""
        grammar = CODE_FIELDS[self.name].grammar.pattern
        normal = pl.col(_NORMAL)
        held = (normal.str.count_matches(",", literal=True) // 2).cast(pl.Int64)
        well_formed = normal.str.count_matches(f",(?:{grammar}),").cast(pl.Int64)
        normalised = texts.lazy().with_columns(code_text([self.join_key]).alias(_NORMAL))
        return collect(normalised.select(self.join_key, held.alias(_HELD), (held - well_formed).alias(_INVALID)))

    def _decide(self, texts: pl.DataFrame, explain: bool) -> pl.DataFrame:
        """Give `join_key` with a boolean column for every atom."""
        normal = pl.col(_NORMAL)
        decisions = [verdict(atom, normal).alias(column) for atom, column in self.columns.items()]
        if explain:
            decisions.append(matched(self.lists, normal).alias(self.matched))
        text = "text" if self.child else self.join_key
        distinct = texts.lazy().select(text).unique().with_columns(code_text([text]).alias(_NORMAL))
        decided = collect(distinct.select(text, *decisions))
        return texts.join(decided, on=text).drop("text") if self.child else decided


def needs_codes(criterion: Criterion) -> bool:
    """Say whether a criterion can hold only where some code is in one of its lists."""
    return _without_codes(criterion) is False


def _without_codes(criterion: Criterion) -> bool | None:
    """Give what a criterion is where no code is in its lists, None where that hangs on something else."""
    match criterion:
        case HasCode() | FollowedBy():
            return False
        case Not(operand):
            held = _without_codes(operand)
            return None if held is None else not held
        case And(operands) | Or(operands):
            decides = isinstance(criterion, Or)
            held_by = [_without_codes(operand) for operand in operands]
            return decides if decides in held_by else None if None in held_by else not decides
    return None


def single_code(code: pl.Expr) -> pl.Expr:
    """Give a column that holds one code a row in normal form, as `opcs_icd.single_code` does."""
    bare = code.cast(pl.String).fill_null("").str.replace_all("[ .]", "").str.to_uppercase()
    return bare.str.replace_all(f"[{SEPARATORS}]", "/")


def code_fields(extract: FrameExtract, atoms: Sequence[CodeAtom]) -> list[CodeField]:
    """Give the fields of codes that atoms ask about."""
    fields = [CodeField(name, extract, atoms) for name in CODE_FIELDS]
    return [field for field in fields if field.atoms]
