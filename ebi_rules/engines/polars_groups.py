"""Group an extract's rows by dimensions and by the answers to all atoms of all rules, while they are read and checked.

The answer for a field of codes is a pattern (`code_words`), for an atom about another field a bit. Combinations of
answers are numbered, and with the dimensions packed into whole numbers to count by (`packed_keys`, `key_counts`). The
criteria of all rules are then decided once for each combination, of which there are some thousand.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules._support.progress import RowsDone
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import CODE_FIELD, CODE_FIELDS, CodeAtom, Criterion, FieldAtom, IsNull, Recorded, atoms
from ebi_rules.cube import missing_counted, normal_values, treatment_fields
from ebi_rules.engines.checked_extract import reading
from ebi_rules.engines.code_words import COUNT_BITS, PATTERN_BITS, codes_of, malformed_of, pattern_of
from ebi_rules.engines.cube_dimensions import Dimension, atoms_of_dimensions, dimension
from ebi_rules.engines.cube_of_groups import AnsweredGroups
from ebi_rules.engines.distinct_numbers import distinct
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.grouped_rows import GroupedRows, cells_in_order, table_of_rows
from ebi_rules.engines.key_counts import KeyCounts
from ebi_rules.engines.key_ranges import parts_of_rows
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.packed_keys import PREFIX, Packed, Part
from ebi_rules.engines.polars_answers import atoms_by_key
from ebi_rules.engines.row_reader import ReadRows, RowReader
from ebi_rules.engines.tuple_numbers import TupleNumbers
from ebi_rules.engines.whole_files import WholeFiles
from ebi_rules.translate.placed import Placed
from ebi_rules.translate.view_table import Numbers

ROWS = f"{PREFIX}rows"
"""The column that counts rows."""

_NOTHING = {ROWS: pl.Int64()}
"""The schema of what is left of rows that were counted."""

_COMBINATION, _ANSWERS = f"{PREFIX}combination", f"{PREFIX}answers"
_ANSWER_BITS, _WIDE_ANSWER_BITS = 18, 31
_CODE_BITS, _MALFORMED_BITS = 7, 5
"""How many bits a number of codes and of malformed codes has room for at first."""

_MONTH = "month"
_TREATMENT_BITS = {"provider": 26, "treatment_function": 20, _MONTH: 17}
_WIDE_TREATMENT_BITS = {"provider": 32, "treatment_function": 32, _MONTH: 17}
"""How many bits providers, treatment functions and months have room for."""


class Grouping:
    """Group an extract's rows by dimensions and answers, and read the answers of a group.

    Args:
        extract: The extract; it must have what the criteria need, in columns of types that can be read.
        fields: The canonical fields to check.
        criteria: The criteria to decide.
        dimensions: provider, month, age_band, sex and further fields.

    Attributes:
        reader: What reads the rows, and finds what is odd in them.
        code_fields: The fields of codes that criteria are about or that an audit counts.
        missing: The atom that a field is missing, for the fields whose missing values are counted and not grouped by.
        treatments: The number of rows by provider, treatment function and month, if the extract has the first two.
    """

    def __init__(
        self, extract: FrameExtract, fields: Sequence[str], criteria: Sequence[Criterion], dimensions: Sequence[str]
    ) -> None:
        self.extract, self.binding = extract, extract.binding
        self.fields = fields
        self.dimensions = dimensions
        self.criteria = criteria
        all_atoms = list(dict.fromkeys(atom for criterion in criteria for atom in atoms(criterion)))
        self.code_atoms = [atom for atom in all_atoms if isinstance(atom, CodeAtom)]
        coded = {*CODE_FIELD.values(), *(atom.code_field for atom in self.code_atoms)}
        self.code_fields = [name for name in CODE_FIELDS if name in coded and self.binding.codes.get(name)]
        self.missing = {
            name: IsNull(name)
            for name in missing_counted(dimensions)
            if name in self.binding.fields and name not in dimensions
        }
        field_atoms = [atom for atom in all_atoms if isinstance(atom, FieldAtom)]
        self.field_atoms: list[FieldAtom] = list(dict.fromkeys([*field_atoms, *self.missing.values()]))
        self.treatments = pl.DataFrame()

    def groups(self, passed: RowsDone) -> AnsweredGroups:
        """Read the rows and return the groups, with a boolean column for every criterion.

        Args:
            passed: Counts the rows as they are read.

        Raises:
            ExtractError: The extract cannot be read.
        """
        counting = _Counting(self, passed, is_wide=False)
        counting.count()
        if counting.lacks_room:
            # There are more different values than usual: once more, with room for all that there can be.
            counting = _Counting(self, passed, is_wide=True)
            counting.count()
        self.reader = counting.reader
        self.treatments = counting.treatments()
        return counting.groups()

    def answer(self, node: Criterion) -> pl.Expr | None:
        """Return the expression of a group's answer to an atom; None for AND, OR and NOT."""
        if isinstance(node, FieldAtom):
            return pl.col(_answer(self.field_atoms.index(node)))
        if not isinstance(node, CodeAtom):
            return None
        name = node.code_field
        if isinstance(node, Recorded):
            return pl.col(_recorded(name))
        return pl.col(_verdict(name, self.reader.code_atoms[name].index(node)))


class _Counting:
    """One reading of all rows into groups.

    Args:
        grouping: What to group by.
        passed: Counts the rows.
        is_wide: Whether keys have room for as many values as there can be.

    Attributes:
        reader: What reads the rows, and finds what is odd in them.
        lacks_room: Whether there were too many different values, so that the groups are wrong.
    """

    def __init__(self, grouping: Grouping, passed: RowsDone, is_wide: bool) -> None:
        self._grouping, self._passed = grouping, passed
        binding = grouping.binding
        atoms_of_labels = atoms_of_dimensions(grouping.dimensions, binding.recodings.values())
        every = [*grouping.code_atoms, *grouping.field_atoms, *atoms_of_labels]
        self.reader = RowReader(grouping.extract, grouping.fields, every)
        self._dimensions: list[Dimension] = [dimension(name, self.reader, is_wide) for name in grouping.dimensions]
        self._truths = atoms_by_key(grouping.field_atoms)
        patterns = [
            Part(_pattern(name), 2 ** (min(len(self.reader.code_atoms[name]), PATTERN_BITS) + 1) - 1)
            for name in grouping.code_fields
        ]
        truths = [Part(name, 2 ** len(of_field) - 1) for name, of_field in self._truths.items()]
        self._answers = Packed([*truths, *patterns])
        cell = [each.part for each in self._dimensions]
        bits = _WIDE_ANSWER_BITS if is_wide else _ANSWER_BITS
        self._numbers: TupleNumbers | None = None
        if self._answers.bits > bits:
            # Answers that take few bits are their own number; patterns, alone, are low numbers.
            self._answers = Packed([*truths, *patterns], apart=[each.name for each in patterns])
            self._numbers = TupleNumbers(self._answers.words)
        self._keys = Packed([*cell, Part(_ANSWERS, 2**bits - 1)])
        self._counts = KeyCounts(self._keys.words)
        codes, malformed = (COUNT_BITS, COUNT_BITS) if is_wide else (_CODE_BITS, _MALFORMED_BITS)
        coded = [
            part
            for name in grouping.code_fields
            for part in (Part(_codes(name), 2**codes - 1), Part(_malformed(name), 2**malformed - 1))
        ]
        self._code_keys = Packed([*cell, *coded])
        self._code_counts = KeyCounts(self._code_keys.words)
        self._treatment_fields = treatment_fields(binding)
        room = _WIDE_TREATMENT_BITS if is_wide else _TREATMENT_BITS
        names = [*self._treatment_fields, _MONTH] if self._treatment_fields else []
        self._treatments = Packed([Part(name, 2 ** room[name] - 1) for name in names])
        self._treatment_counts = KeyCounts(self._treatments.words)
        self._lock = Lock()
        self.lacks_room = False

    def count(self) -> None:
        """Read the rows, and count them by their keys."""
        with reading(self.reader):
            files = WholeFiles.of(self.reader, self._grouping.code_fields)
            if files is not None:
                for _ in files.read(lambda rows, _: self._read(rows)):
                    pass
                return
            for frame, part in parts_of_rows(self._grouping.extract, self._grouping.code_fields):
                rows = self.reader.attach(frame, part).select(*self.reader.inputs())
                collect(rows.map_batches(self.reader.noting(self._read), schema=_NOTHING, streamable=True))

    def groups(self) -> AnsweredGroups:
        """Return how many rows each cell has of each combination of answers, and how many codes."""
        grouping = self._grouping
        keys, rows = self._counts.total()
        code_keys, rows_with_codes = self._code_counts.total()
        names = [each.name for each in self._dimensions]
        # Keys in order are in runs of one cell each.
        starts, code_starts = self._keys.runs(names, keys), self._code_keys.runs(names, code_keys)
        of_runs = [word[starts] for word in keys], [word[code_starts] for word in code_keys]
        dimensions = {}
        for each in self._dimensions:
            of_both = self._keys.value(each.name, of_runs[0]), self._code_keys.value(each.name, of_runs[1])
            dimensions[each.name] = self._texts(each, np.concatenate(of_both))
        cells, places = cells_in_order(dimensions, len(starts) + len(code_starts))
        sums = self._code_sums(code_keys, rows_with_codes, code_starts, places[len(starts) :], cells.height)
        numbers, answers = distinct(self._keys.value(_ANSWERS, keys))
        combinations = self._combinations(numbers)
        of_groups = np.repeat(places[: len(starts)], np.diff(starts, append=len(rows)))
        table = table_of_rows(of_groups, answers, rows, combinations.height)
        missing = {name: pl.col(_answer(grouping.field_atoms.index(atom))) for name, atom in grouping.missing.items()}
        groups = GroupedRows(cells, combinations, table)
        return AnsweredGroups.decided(groups, grouping.criteria, grouping.answer, missing, sums)

    def _texts(self, dimension: Dimension, keys: Numbers) -> tuple[pl.Series, Numbers]:
        """Return the different values of a dimension, in normal form, and the place of each key's."""
        values, place = distinct(keys)
        name = dimension.name
        spelt = pl.Series(name, values).to_frame().select(dimension.spelt(pl.col(name)).alias(name)).to_series()
        return normal_values(spelt) if name in FIELDS else spelt, place

    def _combinations(self, numbers: Numbers) -> pl.DataFrame:
        """Return the combinations of answers that have some numbers, with the verdicts of atoms about codes."""
        grouping = self._grouping
        words = [word[numbers] for word in self._numbers.combinations()] if self._numbers else [numbers]
        truths: dict[str, npt.NDArray[np.generic]] = {_COMBINATION: numbers}
        for name, of_field in self._truths.items():
            bits = self._answers.value(name, words)
            truths |= {
                _answer(grouping.field_atoms.index(atom)): bits >> bit & 1 != 0 for bit, atom in enumerate(of_field)
            }
        for name in grouping.code_fields:
            pattern, is_recorded = np.divmod(self._answers.value(_pattern(name), words), 2)
            meanings = self.reader.codes[name].patterns.meanings()[pattern]
            truths[_recorded(name)] = is_recorded != 0
            truths |= {_verdict(name, place): meanings[:, place] for place in range(meanings.shape[1])}
        return pl.DataFrame(truths)

    def _code_sums(
        self, keys: Sequence[Numbers], rows: Numbers, starts: Numbers, cell: Numbers, cells: int
    ) -> dict[tuple[str, str], Numbers]:
        """Return the numbers of codes, of malformed codes and of activities with codes of each cell, by measure.

        Args:
            keys: The keys of groups.
            rows: How many rows each group has.
            starts: Where each run of groups of one cell starts.
            cell: The cell of each run.
            cells: How many cells there are.
        """
        sums = {}
        for name in filter(self._grouping.code_fields.__contains__, CODE_FIELD.values()):
            codes = self._code_keys.value(_codes(name), keys)
            malformed = self._code_keys.value(_malformed(name), keys)
            for measure, counted in (("recorded", codes > 0), ("codes", codes), ("invalid", malformed)):
                sums[measure, name] = total = np.zeros(cells, np.int64)
                np.add.at(total, cell, np.add.reduceat(counted * rows, starts) if len(starts) else starts)
        return sums

    def treatments(self) -> pl.DataFrame:
        """Return the number of rows (`ROWS`) by provider, treatment function and month, as the extract spells them."""
        if not self._treatment_fields:
            return pl.DataFrame()
        keys, rows = self._treatment_counts.total()
        names = (*self._treatment_fields, _MONTH)
        counted = pl.DataFrame({**{name: self._treatments.value(name, keys) for name in names}, ROWS: rows})
        spelt = [
            pl.lit(pl.Series([None, *self.reader.coded[name].texts[1:]], dtype=pl.String)).gather(name).alias(name)
            for name in self._treatment_fields
        ]
        month = next((each.spelt(pl.col(_MONTH)) for each in self._dimensions if each.name == _MONTH), pl.lit(None))
        return counted.select(*spelt, month.cast(pl.String).alias(_MONTH), ROWS)

    def _read(self, rows: ReadRows) -> pl.DataFrame:
        """Count rows by their keys."""
        cell = {each.name: each.read(rows) for each in self._dimensions}
        values = cell | {_ANSWERS: self._answers_of(rows)}
        has_codes, counts = self._codes_of(rows)
        of_codes = {name: column.taken(has_codes) for name, column in cell.items()} | counts
        treatments = {name: rows.numbers[name] for name in self._treatment_fields}
        treatments[_MONTH] = cell.get(_MONTH, Placed(np.zeros(rows.rows, np.int64)))
        keys = ((self._keys, values), (self._code_keys, of_codes), (self._treatments, treatments))
        has_room = all(packed.has_room(of_rows) for packed, of_rows in keys)
        if has_room:  # A key without room may even be below 0.
            if self._treatment_fields:
                self._treatment_counts.add(self._treatments.pack(treatments, rows.rows))
            self._counts.add(self._keys.pack(values, rows.rows))
            self._code_counts.add(self._code_keys.pack(of_codes, len(has_codes)))
        with self._lock:
            self.lacks_room = self.lacks_room or not has_room
        self._passed.add(rows.rows)
        return pl.DataFrame(schema=_NOTHING)

    def _answers_of(self, rows: ReadRows) -> Placed[np.int64]:
        """Return the number of each row's combination of answers."""
        answers = {name: rows.truths(part[0].field, part) for name, part in self._truths.items()}
        for name in self._grouping.code_fields:
            words = self.reader.codes[name].numbers.words
            answers[_pattern(name)] = rows.answers[name].looked_up(pattern_of(words) << 1 | (codes_of(words) > 0))
        packed = self._answers.pack(answers, rows.rows)
        return Placed(self._numbers.of(packed) if self._numbers else packed[0])

    def _codes_of(self, rows: ReadRows) -> tuple[Numbers, dict[str, Placed[np.int64]]]:
        """Return the rows with codes, and for these how many codes and malformed codes they have in each field."""
        words = {name: self.reader.codes[name].numbers.words for name in self._grouping.code_fields}
        with_any = [rows.answers[name].looked_up(codes_of(words[name]) > 0).of_rows() for name in words]
        has_codes = np.flatnonzero(np.logical_or.reduce(with_any)) if words else np.zeros(0, np.int64)
        counts = {}
        for name, of_field in words.items():
            numbers = rows.answers[name].taken(has_codes)
            counts[_codes(name)] = numbers.looked_up(codes_of(of_field))
            counts[_malformed(name)] = numbers.looked_up(malformed_of(of_field))
        return has_codes, counts


def _answer(place: int) -> str:
    return f"{PREFIX}answer_{place}"


def _pattern(code_field: str) -> str:
    return f"{PREFIX}{code_field}_pattern"


def _verdict(code_field: str, place: int) -> str:
    return f"{PREFIX}{code_field}_{place}"


def _recorded(code_field: str) -> str:
    return f"{PREFIX}{code_field}_recorded"


def _codes(code_field: str) -> str:
    return f"{PREFIX}{code_field}_codes"


def _malformed(code_field: str) -> str:
    return f"{PREFIX}{code_field}_malformed"
