"""Group an extract's rows by dimensions and by the answers to all atoms of all rules, while they are read and checked.

The answer for a field of codes is a pattern (`code_words`), for an atom about another field a bit. With the
dimensions they are packed into whole numbers to group by (`packed_keys`). The criteria of all rules are then decided on
the groups, of which there are few.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules._support.progress import RowsDone
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import CODE_FIELD, CODE_FIELDS, CodeAtom, Criterion, FieldAtom, IsNull, Recorded, atoms
from ebi_rules.cube import missing_counted, normal_values, treatment_fields
from ebi_rules.engines import tally
from ebi_rules.engines.checked_extract import reading
from ebi_rules.engines.code_words import PATTERN_BITS, codes_of, malformed_of, pattern_of
from ebi_rules.engines.cube_dimensions import Dimension, atoms_of_dimensions, dimension
from ebi_rules.engines.distinct_numbers import distinct, number_rows
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.file_formats import PARQUET, kind_of
from ebi_rules.engines.grouped_rows import GroupedRows, table_of_rows
from ebi_rules.engines.key_ranges import EVERY_KEY, KeyRange, ranges_of_keys
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.packed_keys import PREFIX, Packed, Part
from ebi_rules.engines.polars_answers import all_hold
from ebi_rules.engines.row_reader import ReadRows, RowReader
from ebi_rules.engines.tally import Tally
from ebi_rules.translate.polars import Answering
from ebi_rules.translate.text_numbers import Numbers

ROWS = f"{PREFIX}rows"
"""The column of groups that counts their rows."""

UPPER_HALF = 2**32
"""The factor that puts a number of malformed codes into one word with a number of codes; such words add up."""

_COMBINATION = f"{PREFIX}combination"
_NARROW_PATTERN_BITS = 14
_MONTH = "month"
_ROWS_IN_PART = 25_000_000
_MOST_BINS = 5_000_000
"""Numbers up to this are counted in a bin each, and larger ones by sorting."""


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
        self.asks_recorded = [atom.code_field for atom in self.code_atoms if isinstance(atom, Recorded)]
        self.missing = {
            name: IsNull(name)
            for name in missing_counted(dimensions)
            if name in self.binding.fields and name not in dimensions
        }
        field_atoms = [atom for atom in all_atoms if isinstance(atom, FieldAtom)]
        self.field_atoms: list[FieldAtom] = list(dict.fromkeys([*field_atoms, *self.missing.values()]))
        self.columns = {criterion: f"{PREFIX}criterion_{place}" for place, criterion in enumerate(criteria)}
        self.treatments = pl.DataFrame()

    def groups(self, passed: RowsDone) -> GroupedRows:
        """Read the rows and return the groups, with a boolean column for every criterion.

        Args:
            passed: Counts the rows as they are read.

        Raises:
            ExtractError: The extract cannot be read.
        """
        counting = _Counting(self, passed, is_wide=False)
        grouped = counting.grouped()
        if counting.lacks_room:
            # There are more different values than usual: once more, with room for all that there can be.
            counting = _Counting(self, passed, is_wide=True)
            grouped = counting.grouped()
        self.reader = counting.reader
        self.treatments = counting.treatments()
        return counting.unpacked(grouped)

    def with_criteria(self, answers: pl.DataFrame) -> pl.DataFrame:
        """Add every criterion to combinations of answers."""
        translator = Answering(self.answer)
        return answers.with_columns(
            [translator.visit(criterion).alias(name) for criterion, name in self.columns.items()]
        )

    def holds(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Return the expression that all the criteria hold in a group."""
        return all_hold(self.columns[criterion] for criterion in criteria)

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

    def truths(self) -> list[str]:
        """Return the columns of the answers that are true or false."""
        recorded = [_recorded(name) for name in self.code_fields if name in self.asks_recorded]
        return [*map(_answer, range(len(self.field_atoms))), *recorded]


class _Counting:
    """One reading of all rows into groups.

    Args:
        grouping: What to group by.
        passed: Counts the rows.
        is_wide: Whether keys have room for as many values as there can be.

    Attributes:
        reader: What reads the rows.
        lacks_room: Whether there were too many different values, so that the groups are wrong.
    """

    def __init__(self, grouping: Grouping, passed: RowsDone, is_wide: bool) -> None:
        self._grouping, self._passed = grouping, passed
        binding = grouping.binding
        atoms_of_labels = atoms_of_dimensions(grouping.dimensions, binding.recodings.values())
        every = [*grouping.code_atoms, *grouping.field_atoms, *atoms_of_labels]
        self.reader = RowReader(grouping.extract, grouping.fields, every)
        self._dimensions: list[Dimension] = [dimension(name, self.reader, is_wide) for name in grouping.dimensions]
        bits = PATTERN_BITS if is_wide else _NARROW_PATTERN_BITS
        patterns = [
            Part(_pattern(name), 2 ** min(len(self.reader.code_atoms[name]), bits) - 1) for name in grouping.code_fields
        ]
        truths = [Part(name, 1) for name in grouping.truths()]
        self._keys = Packed([*(each.part for each in self._dimensions), *patterns, *truths])
        self._treatment_fields = treatment_fields(binding)
        self._treatments = Tally(dict.fromkeys((*self._treatment_fields, _MONTH), pl.Int64()))
        self._lock = Lock()
        self.lacks_room = False

    def grouped(self) -> pl.DataFrame:
        """Read the rows, and return groups by the words of their keys."""
        sums = [column for name in self._grouping.code_fields for column in (coded_counts(name), with_codes(name))]
        schema = dict.fromkeys([*self._keys.words, *sums], pl.Int64())
        groups: pl.DataFrame | None = None
        with reading(self.reader):
            for frame, part in self._parts():
                rows = self.reader.attach(frame, part).select(*self.reader.inputs())
                rows = rows.map_batches(self.reader.noting(self._read), schema=schema, streamable=True)
                counted = rows.group_by(self._keys.words).agg(pl.col(sums).sum(), pl.len().cast(pl.Int64).alias(ROWS))
                if groups is not None:
                    both = pl.concat([groups.lazy(), counted])
                    counted = both.group_by(self._keys.words).agg(pl.col(*sums, ROWS).sum())
                groups = collect(counted)
        assert groups is not None, "there is at least one part"
        return groups

    def _parts(self) -> Iterator[tuple[pl.LazyFrame, KeyRange]]:
        """Yield the rows in parts, if they are in files of which parts can be read alone, else all at once.

        While Polars groups in streams it keeps what it counted of each batch, and while it joins the codes of child
        tables it keeps them all: its memory grows with the rows.
        """
        extract, binding = self._grouping.extract, self._grouping.binding
        table, key = extract.table, binding.key
        rows = sum(file.rows for file in table.files)
        children = {name: child for name in self._grouping.code_fields if (child := binding.child(name))}
        is_whole = table.is_filtered or any(kind_of(Path(file.path)) is not PARQUET for file in table.files)
        types = {extract.children[name].schema[child.key] for name, child in children.items()}
        if is_whole or rows <= _ROWS_IN_PART or types - {table.schema[key]}:
            yield table.frame, EVERY_KEY
        elif children:
            for part in ranges_of_keys(table.frame, key, rows, _ROWS_IN_PART):
                yield table.frame.filter(part.holds(pl.col(key))), part
        else:
            for start in range(0, rows, _ROWS_IN_PART):
                yield table.frame.slice(start, _ROWS_IN_PART), EVERY_KEY

    def unpacked(self, grouped: pl.DataFrame) -> GroupedRows:
        """Return groups by cell and by combination of answers, instead of packed keys."""
        words = [grouped[name].to_numpy() for name in self._keys.words]
        cells, cell = self._cells(words, grouped.height)
        answers, combination = self._combinations(words, grouped.height)
        sums = {}
        for name in grouped.columns:
            if name not in (*self._keys.words, ROWS):
                sums[name] = np.zeros(cells.height, np.int64)
                np.add.at(sums[name], cell, grouped[name].to_numpy())
        rows = table_of_rows(cell, combination, grouped[ROWS].to_numpy())
        return GroupedRows(cells, self._grouping.with_criteria(answers), rows, sums)

    def _cells(self, words: Sequence[Numbers], groups: int) -> tuple[pl.DataFrame, Numbers]:
        """Return the cells in order, with values of fields in normal form, and the cell of each group."""
        places: dict[str, Numbers] = {}
        texts: dict[str, pl.Series] = {}
        for each in self._dimensions:
            values, place = distinct(self._keys.value(each.name, words))
            spelt = pl.Series(each.name, values).to_frame().select(each.spelt(pl.col(each.name)).alias(each.name))
            normal = normal_values(spelt.to_series()) if each.name in FIELDS else spelt.to_series()
            texts[each.name] = normal.drop_nulls().unique().sort()
            in_order = normal.cast(pl.Enum(texts[each.name])).to_physical().fill_null(len(texts[each.name]))
            places[each.name] = in_order.to_numpy().astype(np.int64)[place]
        first, cell = number_rows(list(places.values()), groups)
        cells = {
            name: pl.Series(name, [*texts[name], None], dtype=pl.Categorical()).gather(places[name][first])
            for name in places
        }
        return pl.DataFrame(cells), cell

    def _combinations(self, words: Sequence[Numbers], groups: int) -> tuple[pl.DataFrame, Numbers]:
        """Return the combinations of answers, with the verdicts of atoms about codes, and that of each group."""
        keys, grouping = self._keys, self._grouping
        patterns = {name: _pattern(name) for name in grouping.code_fields}
        masked = keys.only([*grouping.truths(), *patterns.values()], words)
        first, combination = number_rows(masked, groups)
        of_first = [word[first] for word in masked]
        columns: dict[str, npt.NDArray[np.generic]] = {_COMBINATION: np.arange(len(first))}
        columns |= {name: keys.value(name, of_first) != 0 for name in grouping.truths()}
        for name, pattern in patterns.items():
            meanings = self.reader.codes[name].patterns.meanings()[keys.value(pattern, of_first)]
            columns |= {_verdict(name, place): meanings[:, place] for place in range(meanings.shape[1])}
        return pl.DataFrame(columns), combination

    def treatments(self) -> pl.DataFrame:
        """Return the number of rows (`ROWS`) by provider, treatment function and month, as the extract spells them."""
        counted = self._treatments.total().rename({tally.ROWS: ROWS})
        spelt = [
            pl.lit(pl.Series([None, *self.reader.coded[name].texts[1:]], dtype=pl.String)).gather(name).alias(name)
            for name in self._treatment_fields
        ]
        month = next((each.spelt(pl.col(_MONTH)) for each in self._dimensions if each.name == _MONTH), pl.lit(None))
        return counted.select(*spelt, month.cast(pl.String).alias(_MONTH), ROWS)

    def _read(self, rows: ReadRows) -> pl.DataFrame:
        """Return the words of the keys of rows, and what to add up."""
        grouping = self._grouping
        values: dict[str, Numbers] = {each.name: each.read(rows) for each in self._dimensions}
        sums: dict[str, Numbers] = {}
        for name in grouping.code_fields:
            words = rows.words[name]
            values[_pattern(name)] = pattern_of(words)
            codes = codes_of(words)
            sums[coded_counts(name)] = codes | malformed_of(words) << 32
            sums[with_codes(name)] = (codes > 0).astype(np.int64)
            if name in grouping.asks_recorded:
                values[_recorded(name)] = sums[with_codes(name)]
        for place, atom in enumerate(grouping.field_atoms):
            values[_answer(place)] = rows.truth(atom).astype(np.int64)
        # A key without room may even be below 0.
        has_room = self._keys.has_room(values)
        if has_room and self._treatment_fields and rows.rows:
            self._treatments.add(self._treatments_of(rows, values))
        with self._lock:
            self.lacks_room = self.lacks_room or not has_room
        self._passed.add(rows.rows)
        if self.lacks_room:
            values = {name: np.zeros(rows.rows, np.int64) for name in values}
        keys = zip(self._keys.words, self._keys.pack(values, rows.rows), strict=True)
        return pl.DataFrame({**dict(keys), **sums})

    def _treatments_of(self, rows: ReadRows, values: Mapping[str, Numbers]) -> pl.DataFrame:
        """Return the numbers of rows by the numbers of provider, treatment function and month."""
        months = values.get(_MONTH, np.zeros(rows.rows, np.int64))
        known = np.flatnonzero(np.bincount(months))
        month = np.zeros(known[-1] + 1, np.int64)
        month[known] = np.arange(len(known))
        providers, functions = (rows.numbers[name] for name in self._treatment_fields)
        several = int(functions.max()) + 1
        keys = (providers * several + functions) * len(known) + month[months]
        if keys.max() < _MOST_BINS:
            counts = np.bincount(keys)
            found = np.flatnonzero(counts)
            counts = counts[found]
        else:
            found, counts = np.unique(keys, return_counts=True)
        units, place = np.divmod(found, len(known))
        columns = dict(zip(self._treatment_fields, np.divmod(units, several), strict=True))
        return pl.DataFrame({**columns, _MONTH: known[place], tally.ROWS: counts})


def _answer(place: int) -> str:
    return f"{PREFIX}answer_{place}"


def _pattern(code_field: str) -> str:
    return f"{PREFIX}{code_field}_pattern"


def _verdict(code_field: str, place: int) -> str:
    return f"{PREFIX}{code_field}_{place}"


def _recorded(code_field: str) -> str:
    return f"{PREFIX}{code_field}_recorded"


def coded_counts(code_field: str) -> str:
    """Return the column of groups with the numbers of codes, and of malformed codes in its `UPPER_HALF`."""
    return f"{PREFIX}{code_field}_coded"


def with_codes(code_field: str) -> str:
    """Return the column of groups that counts activities with codes in a field."""
    return f"{PREFIX}{code_field}_with_codes"
