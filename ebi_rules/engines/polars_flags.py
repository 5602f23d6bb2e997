"""Flags: every criterion as a boolean column beside an extract's own rows, in streams."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from ebi_rules.criteria.nodes import CODE_FIELDS, CodeAtom, Criterion, FieldAtom, atoms, fields_needed, lists_named
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.matched_codes import join_matched_codes
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.engines.polars_answers import all_hold, decide
from ebi_rules.engines.row_reader import ReadRows, RowReader
from ebi_rules.engines.whole_files import WholeFiles
from ebi_rules.rule_model.rule_logic import RuleLogic


@dataclass(frozen=True)
class DecidedRows:
    """An extract's rows with the answer to every criterion.

    Attributes:
        reader: What reads the rows, and finds what is odd in them.
        frame: The rows in the extract's order, not yet read: its own columns and those named below.
        columns: The boolean column of each criterion.
        matched_codes: The column that lists the matched codes, by field of codes; empty unless `explain`.
    """

    reader: RowReader
    frame: pl.LazyFrame
    columns: Mapping[Criterion, str]
    matched_codes: Mapping[str, str]

    def all_hold(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Return the expression that all the criteria hold."""
        return all_hold(self.columns[criterion] for criterion in criteria)


def decide_rows(
    extract: FrameExtract, criteria: Sequence[Criterion], explain: bool = False, fields: Iterable[str] = ()
) -> DecidedRows:
    """Decide every criterion for every row of an extract.

    Child tables are read now; the rows are read, and checked, when the result is collected.

    Args:
        extract: The extract; it must have what the criteria need, in columns of types that can be read.
        criteria: The criteria.
        explain: List the codes that matched.
        fields: Further fields to check.
    """
    every = _atoms(criteria)
    reader, columns = _reader(extract, criteria, fields), _columns(criteria)
    frame = reader.attach(extract.table.frame)
    matched_codes = {}
    for name in CODE_FIELDS if explain else ():
        of_field = [atom for atom in every if isinstance(atom, CodeAtom) and atom.code_field == name]
        if of_field:
            lists = list(dict.fromkeys(named for atom in of_field for named in lists_named(atom)))
            frame, matched_codes[name] = join_matched_codes(frame, extract, name, lists)
    struct = f"{PREFIX}answers"
    frame = frame.with_columns(_answers(reader, columns).alias(struct))
    decided = frame.with_columns(pl.col(struct).struct.field(name) for name in columns.values()).drop(struct)
    return DecidedRows(reader, decided, columns, matched_codes)


def _atoms(criteria: Iterable[Criterion]) -> list[CodeAtom | FieldAtom]:
    return list(dict.fromkeys(atom for criterion in criteria for atom in atoms(criterion)))


def _reader(extract: FrameExtract, criteria: Sequence[Criterion], fields: Iterable[str]) -> RowReader:
    needed = {*fields, *(name for criterion in criteria for name in fields_needed(criterion))}
    return RowReader(extract, [name for name in extract.binding.fields if name in needed], _atoms(criteria))


def _columns(criteria: Iterable[Criterion]) -> dict[Criterion, str]:
    return {criterion: f"{PREFIX}criterion_{place}" for place, criterion in enumerate(criteria)}


def _answers(reader: RowReader, columns: Mapping[Criterion, str]) -> pl.Expr:
    """Return the expression of all criteria, as a structure of booleans named as in `columns`."""
    inputs = list(reader.inputs())
    names = [each.meta.output_name() for each in inputs]

    def decided_rows(rows: ReadRows) -> pl.DataFrame:
        return pl.DataFrame({columns[criterion]: truth for criterion, truth in decide(rows, columns).items()})

    decided = reader.noting(decided_rows)

    def answer(series: Sequence[pl.Series]) -> pl.Series:
        batch = pl.DataFrame([each.alias(name) for each, name in zip(series, names, strict=True)])
        return decided(batch).to_struct(f"{PREFIX}answers")

    dtype = pl.Struct(dict.fromkeys(columns.values(), pl.Boolean()))
    return pl.map_batches(inputs, answer, return_dtype=dtype, is_elementwise=True)


def flag_columns(decided: DecidedRows, rules: Sequence[RuleLogic], explain: bool = False) -> list[pl.Expr]:
    """Return the output columns of rules.

    Args:
        decided: The rows, with the answer to every criterion of the rules.
        rules: The rules.
        explain: Add what stopped each rule and which codes matched.

    Returns:
        One boolean column per rule, named by its key; with `explain` also `<key>__stopped_by` (text, null when
        flagged) and `<key>__codes` (list of text).
    """
    expressions = []
    for rule in rules:
        expressions.append(decided.all_hold(rule.criteria.values()).alias(rule.key))
        if explain:
            expressions.append(_stopped_by(decided, rule).alias(f"{rule.key}__stopped_by"))
            expressions.append(_codes_of_rule(decided, rule).alias(f"{rule.key}__codes"))
    return expressions


def flagged_keys(
    extract: FrameExtract, rules: Sequence[RuleLogic], criteria: Sequence[Criterion], fields: Iterable[str]
) -> tuple[RowReader, pl.LazyFrame]:
    """Return the keys of an extract's rows and the flag of every rule, in the extract's order, not yet read.

    Args:
        extract: As for `decide_rows`.
        rules: The rules.
        criteria: Their criteria.
        fields: Further fields to check.

    Returns:
        What reads the rows; and the columns of the key, with one boolean column per rule, named by its key.
    """
    keys, reader = extract.binding.keys, _reader(extract, criteria, fields)
    of_codes = {atom.code_field for atom in _atoms(criteria) if isinstance(atom, CodeAtom)}
    files = WholeFiles.of(reader, of_codes, keys)
    if files is None:
        decided = decide_rows(extract, criteria, fields=fields)
        return decided.reader, decided.frame.select(*keys, *flag_columns(decided, rules))

    def flagged(rows: ReadRows, of_file: pl.DataFrame) -> pl.DataFrame:
        decided, every = decide(rows, criteria), np.ones(rows.rows, np.bool_)
        flags = {
            rule.key: reduce(np.logical_and, (decided[each] for each in rule.criteria.values()), every)
            for rule in rules
        }
        return of_file.select(keys).hstack(pl.DataFrame(flags))

    def source(
        asked: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        assert predicate is None and rows is None, "every row is asked for"
        return (batch.select(asked or batch.columns) for batch in files.read(flagged))

    schema = {**{key: extract.table.schema[key] for key in keys}, **{rule.key: pl.Boolean() for rule in rules}}
    return reader, register_io_source(source, schema=schema)


def _stopped_by(decided: DecidedRows, rule: RuleLogic) -> pl.Expr:
    """Return the name of the first criterion that does not hold; null if all do."""
    names = [
        pl.when(~pl.col(decided.columns[criterion])).then(pl.lit(name)) for name, criterion in rule.criteria.items()
    ]
    return pl.coalesce(names)


def _codes_of_rule(decided: DecidedRows, rule: RuleLogic) -> pl.Expr:
    """Return the codes that are in any list of the rule, procedures first, each once."""
    code = pl.element()
    lists = []
    for name, column in decided.matched_codes.items():
        prefixes = [prefix for named in rule.code_lists(name) for prefix in named.codes.prefixes]
        if prefixes:
            of_rule = code.filter(code.str.contains(f"^(?:{'|'.join(prefixes)})"))
            lists.append(pl.col(column).fill_null([]).list.eval(of_rule))
    if not lists:
        return pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(lists).list.unique(maintain_order=True)
