"""Read the rows of an extract once, batch by batch: check their values, and answer atoms about them.

`RowReader.inputs` says which columns to select; each batch of these goes through `RowReader.read`, which notes what it
finds and returns what callers ask about its rows. Batches may be read by several threads, in any order. What was found
is complete when all rows were read.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from threading import Lock
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from ebi_rules._support.clock import today
from ebi_rules._support.errors import EbiError
from ebi_rules.criteria.fields import FIELDS, TEXTS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS, IMAGING_FIELD, CodeAtom, Compare, FieldAtom, IsNull, Recorded
from ebi_rules.engines.child_codes import ChildAnswers
from ebi_rules.engines.code_answers import CodeAnswers
from ebi_rules.engines.code_tokens import Truths
from ebi_rules.engines.code_words import codes_of, packed, pattern_of
from ebi_rules.engines.coded_fields import CodedField
from ebi_rules.engines.coded_values import CodedValues
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.findings import Finding
from ebi_rules.engines.imaging_findings import examination_findings
from ebi_rules.engines.key_checks import KeyChecks
from ebi_rules.engines.key_ranges import EVERY_KEY, KeyRange
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.engines.placed_numbers import KnownAnswers, PlacedNumbers
from ebi_rules.engines.polars_dates import day_of
from ebi_rules.engines.tally import Tally
from ebi_rules.engines.value_checks import are_dates, coded_findings, row_checks, text_date_findings
from ebi_rules.statements.check_sql import BOOKED, STATUS
from ebi_rules.translate.placed import Placed
from ebi_rules.translate.polars import Answering, field_value
from ebi_rules.translate.repeated_texts import RepeatedTexts

DAY = f"{PREFIX}day"
"""The column with the day of the activity."""

_KEY = f"{PREFIX}key"
_ACTIVITY_DATE = "activity_date"
_IS_BOOKED = Compare(STATUS.name, "=", BOOKED)
_PAIR_BITS = 31


@dataclass(frozen=True)
class ReadRows:
    """Some rows that were read.

    Attributes:
        reader: What read them.
        rows: How many they are.
        values: The whole numbers of fields by `number_column`, and the day of the activity.
        numbers: For each coded field, the number of each row's value.
        answers: For each field of codes, the number of each row's answers.
    """

    reader: "RowReader"
    rows: int
    values: pl.DataFrame
    numbers: Mapping[str, Placed[np.int64]]
    answers: Mapping[str, Placed[np.int64]]
    _placed: dict[str, PlacedNumbers] = field(default_factory=dict)

    def truths(self, name: str, atoms: Sequence[FieldAtom]) -> Placed[np.int64]:
        """Return whether atoms about one field hold, by row, as bits, the first the lowest."""
        if name in self.numbers:
            return self.reader.coded[name].truths(atoms, self.numbers[name])
        if number_column(name) in self.values.columns:
            of_atoms = [self._truth_by_value(atom) for atom in atoms]
            values = [each.values for each in of_atoms]
            return Placed(packed(values, len(values[0])), of_atoms[0].places)
        return Placed(packed([self.truth(atom) for atom in atoms], self.rows))

    def numbers_of(self, column: str) -> PlacedNumbers:
        """Return the numbers, or the days, in a column of `values`."""
        if column not in self._placed:
            self._placed[column] = PlacedNumbers.of(self.values[column])
        return self._placed[column]

    def by_value(self, column: str, asked: Hashable, expression: Callable[[], pl.Expr]) -> Placed[Any]:
        """Return what an expression over a column of `values` gives, worked out once for each number or day.

        Args:
            column: The column.
            asked: What is asked: the same for the same expression.
            expression: Returns the expression.
        """
        return self.reader.known.of((column, asked), self.numbers_of(column), expression)

    def _truth_by_value(self, atom: FieldAtom) -> Placed[np.bool_]:
        return self.by_value(number_column(atom.field), atom, lambda: self._of_values.visit(atom))

    @property
    def _of_values(self) -> Answering:
        """What turns atoms about whole numbers and dates into expressions."""
        return Answering(lambda _: None, lambda name: pl.col(number_column(name)))

    def truth(self, atom: CodeAtom | FieldAtom) -> Truths:
        """Return whether an atom holds, by row."""
        if isinstance(atom, CodeAtom):
            codes, numbers = self.reader.codes[atom.code_field], self.answers[atom.code_field]
            words = codes.numbers.words
            if isinstance(atom, Recorded):
                return numbers.looked_up(codes_of(words) > 0).of_rows()
            place = self.reader.code_atoms[atom.code_field].index(atom)
            verdicts: Truths = codes.patterns.meanings()[pattern_of(words), place]
            return numbers.looked_up(verdicts).of_rows()
        if atom.field in self.numbers:
            return self.reader.coded[atom.field].truth(atom, self.numbers[atom.field])
        if not self.reader.extract.binding.fields[atom.field]:
            # An imaging code of the kind that the extract does not have.
            return np.full(self.rows, isinstance(atom, IsNull))
        if number_column(atom.field) in self.values.columns:
            return self._truth_by_value(atom).of_rows()
        return self.values.select(self._of_values.visit(atom)).to_series().to_numpy()


class RowReader:
    """Read the rows of an extract.

    Args:
        extract: The extract; its columns have types that their fields can have.
        fields: The canonical fields to check, among them those that atoms are about.
        atoms: The atoms to answer.
        code_fields: Further fields of codes to read.

    Attributes:
        extract: The extract.
        fields: The fields that are read.
        code_atoms: The atoms about each field of codes, without `Recorded`.
        codes: The answers about codes, by field.
        coded: The coded fields.
        rows: How many rows were read.
        failure: What went wrong with rows, if anything.
        known: What was worked out for whole numbers and days.
    """

    def __init__(
        self,
        extract: FrameExtract,
        fields: Iterable[str],
        atoms: Iterable[CodeAtom | FieldAtom] = (),
        code_fields: Iterable[str] = tuple(CODE_FIELDS),
    ) -> None:
        self.extract = extract
        self.rows = 0
        self.failure: EbiError | None = None
        binding = extract.binding
        self.fields = [name for name in fields if name in binding.fields and name != "id"]
        self._checked = [name for name in self.fields if name not in binding.recodings]
        asked = list(dict.fromkeys(atoms))
        self.code_atoms = {
            name: [a for a in asked if isinstance(a, CodeAtom) and a.code_field == name and not isinstance(a, Recorded)]
            for name in code_fields
            if binding.codes.get(name)
        }
        self.codes: dict[str, CodeAnswers | ChildAnswers] = {}
        for name, of_field in self.code_atoms.items():
            child = binding.child(name)
            self.codes[name] = (
                ChildAnswers(name, extract, of_field, child) if child else CodeAnswers(name, extract, of_field)
            )
        self.coded = {name: self._coded_field(name, asked) for name in self._coded_names()}
        self._checks = [check for name in self._checked for check in row_checks(name, extract)]
        self._keys = KeyChecks(binding.keys)
        self.known = KnownAnswers()
        self._is_attached = False
        self._lock = Lock()
        self._sums = np.zeros((len(self._checks), 2), np.int64)
        self._days = Tally({"day": pl.Date()})
        self._pairs = Tally({"pair": pl.Int64()})
        self._booked = 0

    def attach(self, frame: pl.LazyFrame, part: KeyRange = EVERY_KEY) -> pl.LazyFrame:
        """Return rows with what child tables say of their codes; without it, such codes are only checked.

        Args:
            frame: The rows.
            part: The range that their keys are in.
        """
        self._is_attached = True
        for codes in self.codes.values():
            frame = codes.attach(frame, part)
        return frame

    def attach_by_key(self, parts: Sequence[KeyRange]) -> list[str]:
        """Decide what child tables say, for rows whose keys are whole numbers; `with_children` then adds it to batches.

        Args:
            parts: Ranges of keys, in order, that hold all of them.

        Returns:
            The columns of `inputs` that it adds.
        """
        self._is_attached = True
        children = [codes for codes in self.codes.values() if isinstance(codes, ChildAnswers)]
        with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
            of_parts = list(threads.map(lambda of_part: of_part[0].decided(of_part[1]), product(children, parts)))
        for place, codes in enumerate(children):
            codes.keep(of_parts[place * len(parts) : (place + 1) * len(parts)])
        return [codes.column for codes in children]

    def with_children(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Return rows with what child tables say of their codes."""
        children = [codes for codes in self.codes.values() if isinstance(codes, ChildAnswers)]
        return batch.hstack([codes.of_keys(batch[_KEY]) for codes in children])

    def text_columns(self) -> dict[str, str]:
        """Return the columns of the extract that have texts as they are, by the columns of `inputs`."""
        sources = {of_texts.column: of_texts.text_column for of_texts in (*self.coded.values(), *self._attached())}
        return {name: column for name, column in sources.items() if column is not None}

    def inputs(self, others: Collection[str] = ()) -> Iterator[pl.Expr]:
        """Yield the columns to read, over rows from `attach`.

        Args:
            others: Columns that come as texts, and not by these.
        """
        binding, schema = self.extract.binding, self.extract.table.schema
        yield pl.col(binding.key).alias(_KEY)
        for coded in self.coded.values():
            if coded.column not in others:
                yield coded.input()
        for codes in self._attached():
            if codes.column not in others:
                yield from codes.inputs()
        for name in self.fields:
            if FIELDS[name].kind is Kind.NUMBER and name not in binding.recodings:
                yield field_value(binding, name, schema).alias(number_column(name))
        if _ACTIVITY_DATE in self.fields:
            yield day_of(self.extract).alias(DAY)
        for place, check in enumerate(self._checks):
            for part, expression in enumerate((check.holds, check.otherwise)):
                if expression is not None:
                    yield expression.alias(_check_column(place, part))

    def noting(self, use: Callable[[ReadRows], pl.DataFrame]) -> Callable[[pl.DataFrame], pl.DataFrame]:
        """Return a function that reads a batch and passes its rows on.

        Polars hides what a function raises: an error of ours is kept in `failure`.
        """

        def read(batch: pl.DataFrame) -> pl.DataFrame:
            try:
                return use(self.read(batch))
            except EbiError as error:
                self.failure = error
                raise

        return read

    def read(self, batch: pl.DataFrame, texts: Mapping[str, RepeatedTexts] = MappingProxyType({})) -> ReadRows:
        """Note what is found in rows, and return what they contain.

        Args:
            batch: The columns of `inputs`.
            texts: Columns that come as texts.
        """
        numbers = {
            name: coded.read(texts[coded.column] if coded.column in texts else batch[coded.column])
            for name, coded in self.coded.items()
        }
        answers = {
            name: codes.read(batch, texts.get(codes.column))
            for name, codes in self.codes.items()
            if codes in self._attached()
        }
        self._keys.read(batch[_KEY])
        found = ReadRows(self, batch.height, batch, numbers, answers)
        if DAY in batch.columns:
            self._days.add(found.numbers_of(DAY).counted().rename({DAY: "day"}))
        booked = self._count_booked(found)
        self._count_pairs(numbers)
        sums = [
            [int(batch[name].sum()) if (name := _check_column(place, part)) in batch.columns else 0 for part in (0, 1)]
            for place in range(len(self._checks))
        ]
        with self._lock:
            self.rows += batch.height
            self._booked += booked
            if sums:
                self._sums += sums
        return found

    def days(self) -> pl.DataFrame:
        """Return the days of the extract in order, each with its number of rows: `day`, `rows`."""
        return self._days.total().sort("day")

    def values(self) -> CodedValues:
        """Return the distinct values of coded fields."""
        binding = self.extract.binding
        by_field = {name: coded.distinct() for name, coded in self.coded.items()}
        by_field |= {
            name: by_field[recoding.field] for name, recoding in binding.recodings.items() if recoding.field in by_field
        }
        return CodedValues(binding, self.extract.table.schema, by_field)

    def findings(self) -> list[Finding]:
        """Return what was found in the values of all rows that were read."""
        binding, rows = self.extract.binding, self.rows
        findings: list[Finding] = []
        recorded = dict.fromkeys(self._checked, rows)
        for check, (found, other) in zip(self._checks, self._sums.tolist(), strict=True):
            name, count = check.name, 0 if other else found
            if check.check == "missing":
                recorded[name] = rows - count
            # Dates and times are malformed beyond the calendar alone, which is not asked of a warehouse.
            if count or check.check != "malformed" or not are_dates(name, self.extract):
                of = rows if check.check == "missing" else recorded[name]
                findings.append(Finding(name, binding.named_columns(name), check.check, count, of, check.advice))
        for name in self._checked:
            if FIELDS[name].kind is Kind.CODE and name in self.coded:
                findings += coded_findings(name, self.coded[name].distinct(), binding, rows)
            if FIELDS[name].kind is Kind.DATE:
                findings += text_date_findings(name, self.extract, rows)
        if set(IMAGING_FIELD.values()) & set(self._checked):
            findings += examination_findings(binding, self._checked, self._pairs_found())
        if {_ACTIVITY_DATE, STATUS.name} <= set(self._checked):
            column = " and ".join(binding.fields[_ACTIVITY_DATE])
            findings.append(Finding(_ACTIVITY_DATE, column, "booked", self._booked, recorded[_ACTIVITY_DATE]))
        for codes in self.codes.values():
            findings += codes.findings()
        if not self.extract.checks_keys:
            return findings
        return findings + self._keys.findings(self.extract.table.frame, rows)

    def _attached(self) -> list[CodeAnswers | ChildAnswers]:
        """Return the fields of codes whose answers the rows have."""
        return [codes for codes in self.codes.values() if self._is_attached or isinstance(codes, CodeAnswers)]

    def _coded_names(self) -> list[str]:
        """Return the coded fields to read: those asked for, and those on which fields of labels depend."""
        recodings = self.extract.binding.recodings
        names = [
            source for name in self.fields for source in (recodings[name].fields if name in recodings else (name,))
        ]
        fields = self.extract.binding.fields
        return [name for name in dict.fromkeys(names) if FIELDS[name].kind in TEXTS and fields.get(name)]

    def _coded_field(self, name: str, atoms: Sequence[CodeAtom | FieldAtom]) -> CodedField:
        of_field = [atom for atom in atoms if not isinstance(atom, CodeAtom) and atom.field == name]
        if name == STATUS.name:
            of_field.append(_IS_BOOKED)
        return CodedField(name, self.extract.binding, self.extract.table.schema, list(dict.fromkeys(of_field)))

    def _count_booked(self, rows: ReadRows) -> int:
        """Return how many appointments are booked for a later day than today."""
        if STATUS.name not in rows.numbers or DAY not in rows.values.columns:
            return 0
        is_later = rows.by_value(DAY, "later", lambda: (pl.col(DAY) > today()).fill_null(False))
        return int((is_later.of_rows() & rows.truth(_IS_BOOKED)).sum()) if is_later.values.any() else 0

    def _count_pairs(self, numbers: Mapping[str, Placed[np.int64]]) -> None:
        """Count the pairs of imaging codes in some rows, by the numbers of both codes."""
        asked = [name for name in IMAGING_FIELD.values() if name in numbers]
        if asked:
            first, *others = (numbers[name].of_rows() for name in asked)
            pairs = first << _PAIR_BITS | others[0] if others else first
            self._pairs.add(pl.Series("pair", pairs).value_counts(name="rows"))

    def _pairs_found(self) -> pl.DataFrame:
        """Return the pairs of imaging codes, each with the number of rows that have it."""
        counted = self._pairs.total()
        pairs = counted["pair"].to_numpy()
        asked = [name for name in IMAGING_FIELD.values() if name in self.coded]
        places = [pairs >> _PAIR_BITS, pairs & 2**_PAIR_BITS - 1] if asked[1:] else [pairs for _ in asked]
        columns: dict[str, pl.Series] = dict.fromkeys(
            IMAGING_FIELD.values(), pl.Series([None] * len(pairs), dtype=pl.String)
        )
        for name, place in zip(asked, places, strict=True):
            texts = pl.Series([None, *self.coded[name].texts[1:]], dtype=pl.String)
            columns[name] = texts.gather(place)
        return pl.DataFrame({**columns, "rows": counted["rows"]})


def number_column(name: str) -> str:
    """Return the column with the whole numbers of a field."""
    return f"{PREFIX}field_{name}"


def _check_column(place: int, part: int) -> str:
    return f"{PREFIX}check_{place}_{part}"
