"""The Polars engine: distinct codes first, in streams.

The code columns are read once and their distinct strings kept, but only those with some code of interest;
every rule's code atoms are decided on those; the verdicts are joined back. Memory grows with distinct
strings and the output, not with rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ebi_rules.criteria import (
    CODE_FIELD,
    CODE_FIELDS,
    And,
    CodeAtom,
    Criterion,
    FollowedBy,
    HasCode,
    NamedCodes,
    Not,
    Or,
    Recorded,
    code_atoms,
    fields_needed,
    lists_named,
)
from ebi_rules.engines.checks import check_types, count_odd_values, count_repeated_keys
from ebi_rules.engines.collecting import collect
from ebi_rules.engines.extract import Extract, Table
from ebi_rules.fields import FIELDS, Kind
from ebi_rules.layouts import Binding, ChildTable
from ebi_rules.rules import Rule
from ebi_rules.translate.polars import PolarsTranslator, code_text, field_value, matched, raw_code, stems, verdict
from opcs_icd import SEPARATORS

_PREFIX = "__ebi_"
_NO_CODES = r"^[NULnul,|; .&-]*$"
"""What every text without any code looks like, and a few others: the letters of NULL, fillers, separators."""


@dataclass(frozen=True)
class Prepared:
    """An extract with the verdict of every criterion as a column, and what was noticed on the way.

    `frame` is lazy and keeps the extract's rows and order, and its own columns, of which `schema` gives the types;
    `columns` gives each criterion's boolean column, `fields` each field's column in normal form, `matched` the column
    that lists the codes in any list, by the field that holds them, `coding` the columns with the number of codes and of
    malformed codes likewise.
    """

    frame: pl.LazyFrame
    binding: Binding
    schema: Mapping[str, pl.DataType]
    columns: Mapping[Criterion, str]
    fields: Mapping[str, str]
    matched: Mapping[str, str]
    coding: Mapping[str, tuple[str, str]]
    rows: int
    warnings: tuple[str, ...]

    def with_warnings(self, earlier: Iterable[str]) -> "Prepared":
        """Give the same with warnings from before it was prepared put first."""
        return replace(self, warnings=(*earlier, *self.warnings))

    def field(self, name: str) -> pl.Expr:
        """Give the expression of a field's value in normal form."""
        return pl.col(self.fields[name]) if name in self.fields else field_value(self.binding, name, self.schema)

    def raw(self, name: str) -> pl.Expr:
        """Give the expression of a coded field's text as the extract has it."""
        return raw_code(self.binding, name, self.schema)

    def may_hold(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Give a cheap expression that is true wherever one of the criteria holds, and in few rows besides.

        The criteria must need codes to hold (`needs_codes`); over child tables nothing is cheap, and all rows may.
        """
        asked: dict[str, list[NamedCodes]] = {}
        for criterion in criteria:
            for atom in code_atoms(criterion):
                asked.setdefault(atom.code_field, []).extend(lists_named(atom))
        if any(self.binding.child(name) for name in asked):
            return pl.lit(True)
        found = [_begins_somewhere(pl.col(column).cast(pl.String), lists)
                 for name, lists in asked.items() for column in self.binding.code_columns(name)]  # fmt: skip
        return pl.any_horizontal(found) if found else pl.lit(False)

    def holds(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Give the expression that all the criteria hold."""
        return pl.all_horizontal([pl.lit(True), *(pl.col(self.columns[criterion]) for criterion in criteria)])


def prepare(
    extract: Extract,
    binding: Binding,
    readings: Sequence[Rule],
    explain: bool = False,
    extra_fields: Iterable[str] = (),
    coding: bool = False,
) -> Prepared:
    """Check an extract and decide every criterion of the readings for every row.

    `explain` lists the codes that matched; `coding` counts the codes of each row, for which every distinct string of
    codes is kept and not only those with a code of interest. The binding must have what the readings need. Reads the
    columns that they need, to check them and to decide codes. Raises `ExtractError` when the extract breaks what a
    rule needs.
    """
    criteria = list(dict.fromkeys(criterion for rule in readings for criterion in rule.criteria.values()))
    atoms = list(dict.fromkeys(atom for criterion in criteria for atom in code_atoms(criterion)))
    needed = [name for name in binding.fields
              if any(name in fields_needed(criterion) for criterion in criteria) or name in extra_fields]  # fmt: skip
    table = extract.table
    check_types(binding, needed, table.schema)
    rows, warnings = count_odd_values(table.frame, binding, needed, table.schema)
    warnings += count_repeated_keys(table.frame, binding.key, rows)

    frame = table.frame
    verdicts: dict[CodeAtom, pl.Expr] = {}
    matched_columns: dict[str, str] = {}
    coding_columns: dict[str, tuple[str, str]] = {}
    for name in CODE_FIELDS:
        asked = [atom for atom in atoms if atom.code_field == name]
        counted = coding and name in CODE_FIELD.values() and bool(binding.codes.get(name))
        if asked or counted:
            step = _CodeStep(name, asked, explain, counted)
            frame = step.join(frame, extract, binding)
            verdicts |= step.verdicts()
            matched_columns[name] = step.matched_column
            if counted:
                coding_columns[name] = step.coding_columns
    # A field in normal form stands in a column of its own, so that it is made once however often it is asked for.
    fields = {name: f"{_PREFIX}field_{name}" for name in needed if FIELDS[name].kind is not Kind.DATE}
    normal = [field_value(binding, name, table.schema).alias(column) for name, column in fields.items()]
    frame = frame.with_columns(normal)
    translator = PolarsTranslator(lambda name: pl.col(fields[name]), verdicts.__getitem__)
    columns = {criterion: f"{_PREFIX}criterion_{place}" for place, criterion in enumerate(criteria)}
    frame = frame.with_columns([translator.visit(criterion).alias(name) for criterion, name in columns.items()])
    matched = matched_columns if explain else {}
    return Prepared(frame, binding, table.schema, columns, fields, matched, coding_columns, rows, tuple(warnings))


def flag_columns(prepared: Prepared, rules: Sequence[Rule], explain: bool = False) -> list[pl.Expr]:
    """Give the output columns of rules: the flag and, to explain it, what stopped it and which codes matched."""
    expressions = []
    for rule in rules:
        expressions.append(prepared.holds(rule.criteria.values()).alias(rule.key))
        if explain:
            expressions.append(_stopped_by(prepared, rule).alias(f"{rule.key}__stopped_by"))
            expressions.append(_matched_codes(prepared, rule).alias(f"{rule.key}__codes"))
    return expressions


def _stopped_by(prepared: Prepared, rule: Rule) -> pl.Expr:
    """Give the name of the first criterion that does not hold, null when all do."""
    return pl.coalesce(
        [pl.when(~pl.col(prepared.columns[criterion])).then(pl.lit(name)) for name, criterion in rule.criteria.items()]
    )


def _matched_codes(prepared: Prepared, rule: Rule) -> pl.Expr:
    """Give the codes that are in any list of the rule, procedures first, each once."""
    found = []
    for name, column in prepared.matched.items():
        prefixes = [prefix for named in rule.lists_asked(name) for prefix in named.codes.prefixes]
        if prefixes:
            code = pl.element()
            asked = code.filter(code.str.contains(f"^(?:{'|'.join(prefixes)})"))
            found.append(pl.col(column).fill_null([]).list.eval(asked))
    if not found:
        return pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(found).list.unique(maintain_order=True)


class _CodeStep:
    """Decide the code atoms of one field of codes on distinct strings and join the verdicts back."""

    def __init__(self, name: str, atoms: Sequence[CodeAtom], explain: bool, coding: bool) -> None:
        self.name = name
        self.atoms = atoms
        self.explain = explain
        self.coding = coding
        self.lists = list(dict.fromkeys(named for atom in atoms for named in lists_named(atom)))
        self.asks_recorded = coding or any(isinstance(atom, Recorded) for atom in atoms)
        self.columns = {atom: f"{_PREFIX}{self.name}_{place}" for place, atom in enumerate(atoms)}
        self.matched_column = f"{_PREFIX}{self.name}_matched"
        self.coding_columns = (f"{_PREFIX}{self.name}_codes_held", f"{_PREFIX}{self.name}_codes_invalid")
        self.has_text = f"{_PREFIX}{self.name}_text"

    def verdicts(self) -> dict[CodeAtom, pl.Expr]:
        """Give the expression of each atom's verdict once `join` was done.

        A string that was not kept has no code of interest; it has codes at all unless it is missing.
        """
        return {
            atom: pl.col(column).fill_null(pl.col(self.has_text) if isinstance(atom, Recorded) else pl.lit(False))
            for atom, column in self.columns.items()
        }

    def join(self, frame: pl.LazyFrame, extract: Extract, binding: Binding) -> pl.LazyFrame:
        child = binding.child(self.name)
        if child is None:
            return self._join_text(frame, extract.table, binding.code_columns(self.name))
        return self._join_child(frame, extract, binding, child)

    def _join_text(self, frame: pl.LazyFrame, table: Table, columns: Sequence[str]) -> pl.LazyFrame:
        only = columns[0]
        if len(columns) == 1 and table.schema[only] == pl.String:
            text, key = pl.col(only), only
        else:
            cells = [pl.col(column).cast(pl.String) for column in columns]
            key = f"{_PREFIX}{self.name}_key"
            text = pl.concat_str(cells, separator=",", ignore_nulls=True).alias(key)
            frame = frame.with_columns(text)
        of_interest = pl.col(key).is_not_null() if self.coding else self._of_interest(pl.col(key))
        kept = table.frame.select(text).filter(of_interest).unique()
        decided = self._decide(collect(kept), key)
        return frame.with_columns(pl.col(key).is_not_null().alias(self.has_text)).join(
            decided.lazy(), on=key, how="left", maintain_order="left"
        )

    def _join_child(self, frame: pl.LazyFrame, extract: Extract, binding: Binding, child: ChildTable) -> pl.LazyFrame:
        rows, key = extract.children[self.name], binding.key
        same_type = rows.schema[child.key] == extract.table.schema[key]
        row_key = pl.col(child.key) if same_type else pl.col(child.key).cast(pl.String)
        own_key = pl.col(key) if same_type else pl.col(key).cast(pl.String)
        join_key, text = f"{_PREFIX}{self.name}_key", f"{_PREFIX}{self.name}_codes"
        codes = rows.frame.select(
            row_key.alias(join_key),
            single_code(pl.col(child.code)).alias(text),
            (pl.col(child.position).cast(pl.Int64, strict=False) if child.position else pl.lit(0)).alias("position"),
        )
        interesting = codes.filter(self._of_interest(pl.col(text)))
        if self.asks_recorded:
            interesting = codes.filter(~pl.col(text).is_in(["", "NULL", "-", "&"]))
        texts = (
            codes.join(interesting.select(join_key).unique(), on=join_key, how="semi")
            .group_by(join_key)
            .agg(pl.col(text).sort_by("position").str.join(","))
        )
        decided = self._decide(collect(texts), text).drop(text)
        return frame.with_columns(own_key.alias(join_key), pl.lit(False).alias(self.has_text)).join(
            decided.lazy(), on=join_key, how="left", maintain_order="left"
        )

    def _of_interest(self, text: pl.Expr) -> pl.Expr:
        """Say cheaply which texts may hold a code of any list, or no code at all where that is asked."""
        wanted = _begins_somewhere(text, self.lists)
        if self.asks_recorded:
            wanted = wanted | text.str.contains(_NO_CODES)
        return wanted.fill_null(False)

    def _decide(self, texts: pl.DataFrame, column: str) -> pl.DataFrame:
        """Give each distinct text with a boolean column for every atom."""
        normal = pl.col(f"{_PREFIX}normal")
        decisions = [verdict(atom, normal).alias(name) for atom, name in self.columns.items()]
        if self.explain:
            decisions.append(matched(self.lists, normal).alias(self.matched_column))
        if self.coding:
            held, invalid = self.coding_columns
            grammar = CODE_FIELDS[self.name].grammar.pattern
            count = normal.str.count_matches(",", literal=True) // 2
            decisions.append(count.cast(pl.Int64).alias(held))
            decisions.append((count - normal.str.count_matches(f",(?:{grammar}),")).cast(pl.Int64).alias(invalid))
        normalised = texts.lazy().with_columns(code_text([column]).alias(f"{_PREFIX}normal"))
        return collect(normalised.select(pl.exclude(f"{_PREFIX}normal"), *decisions))


def _begins_somewhere(text: pl.Expr, lists: Iterable[NamedCodes]) -> pl.Expr:
    """Say cheaply which texts may hold a code of any list; not of those that are missing."""
    return text.str.contains_any(stems(lists), ascii_case_insensitive=True)


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
