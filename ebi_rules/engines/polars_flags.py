"""The Polars engine: every criterion of every rule as a boolean column beside the extract's own rows, in streams.

Codes are decided on distinct texts (`codes`) and coded fields on distinct values (`values`); the answers are joined
back, so that the cost of a row does not grow with the number of codes, nor much with that of rules.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CodeAtom, Criterion, code_atoms, fields_needed
from ebi_rules.engines.code_matching import code_fields
from ebi_rules.engines.coded_values import Values, distinct_values
from ebi_rules.engines.extract import Extract
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.engines.value_checks import check_types, count_odd_values
from ebi_rules.layouts.binding import Binding
from ebi_rules.rule_model.rule import Rule
from ebi_rules.translate.polars import PolarsTranslator, field_value


@dataclass(frozen=True)
class Prepared:
    """An extract with the verdict of every criterion as a column, and what was noticed on the way.

    `frame` is lazy and keeps the extract's rows and order, and its own columns, of which `schema` gives the types;
    `columns` gives each criterion's boolean column, `matched` the column that lists the codes in any list, by the
    field that holds them.
    """

    frame: pl.LazyFrame
    binding: Binding
    schema: Mapping[str, pl.DataType]
    columns: Mapping[Criterion, str]
    matched: Mapping[str, str]
    rows: int
    warnings: tuple[str, ...]

    def with_warnings(self, earlier: Iterable[str]) -> "Prepared":
        """Give the same with warnings from before it was prepared put first."""
        return replace(self, warnings=(*earlier, *self.warnings))

    def holds(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Give the expression that all the criteria hold."""
        return all_hold(self.columns[criterion] for criterion in criteria)


class Answering(PolarsTranslator):
    """Turn criteria into expressions, of which some nodes have their answer already: `answer` gives it, or None."""

    def __init__(
        self,
        answer: Callable[[Criterion], pl.Expr | None],
        fields: Callable[[str], pl.Expr] = lambda name: pl.col(name),
    ) -> None:
        super().__init__(fields, _unanswered)
        self.answer = answer

    def visit(self, node: Criterion) -> pl.Expr:
        found = self.answer(node)
        return super().visit(node) if found is None else found


def prepare(extract: Extract, binding: Binding, criteria: Sequence[Criterion], explain: bool = False) -> Prepared:
    """Check an extract and decide every criterion for every row.

    `explain` lists the codes that matched. The binding must have what the criteria need. Reads the columns that they
    need, to check them and to decide codes. Raises `ExtractError` when the extract breaks what a rule needs.
    """
    atoms = list(dict.fromkeys(atom for criterion in criteria for atom in code_atoms(criterion)))
    needed = fields_of(criteria, binding)
    table = extract.table
    check_types(binding, needed, table.schema)
    values = distinct_values(table.frame, binding, needed, table.schema)
    rows, warnings = count_odd_values(table.frame, binding, needed, table.schema, values.held)
    frame = table.frame
    verdicts: dict[CodeAtom, pl.Expr] = {}
    matched: dict[str, str] = {}
    for field in code_fields(extract, binding, atoms):
        frame = field.join_verdicts(frame, explain)
        verdicts |= field.verdicts()
        if explain:
            matched[field.name] = field.matched
    frame, numbers = with_numbers(frame, needed, values)
    translator = Answering(lambda node: verdicts[node] if node in verdicts else values.decide(node), numbers)
    columns = {criterion: f"{PREFIX}criterion_{place}" for place, criterion in enumerate(criteria)}
    frame = frame.with_columns([translator.visit(criterion).alias(name) for criterion, name in columns.items()])
    return Prepared(frame, binding, table.schema, columns, matched, rows, tuple(warnings))


def fields_of(criteria: Iterable[Criterion], binding: Binding, further: Iterable[str] = ()) -> list[str]:
    """Give the fields of an extract that criteria ask about, and further ones, each once."""
    asked = {*further, *(name for criterion in criteria for name in fields_needed(criterion))}
    return [name for name in binding.fields if name in asked]


def with_numbers(
    frame: pl.LazyFrame, fields: Iterable[str], values: Values
) -> tuple[pl.LazyFrame, Callable[[str], pl.Expr]]:
    """Give the rows with every whole number in a column of its own, made once, and how to ask for a field's."""
    columns = {
        name: f"{PREFIX}field_{name}"
        for name in fields
        if FIELDS[name].kind is Kind.NUMBER and name not in values.binding.recodings
    }
    normal = [field_value(values.binding, name, values.schema).alias(column) for name, column in columns.items()]
    return frame.with_columns(normal), lambda name: pl.col(columns[name])


def all_hold(columns: Iterable[str]) -> pl.Expr:
    """Give the expression that all of some boolean columns hold."""
    return pl.all_horizontal([pl.lit(True), *map(pl.col, columns)])


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


def _unanswered(atom: CodeAtom) -> pl.Expr:
    assert False, f"Undecided: {atom}"
