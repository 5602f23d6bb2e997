"""Flags: every criterion as a boolean column beside an extract's own rows, in streams.

Codes are decided on distinct texts (`code_matching`) and coded fields on distinct values (`coded_values`); the answers
are joined back, so the cost of a row does not grow with the number of codes, and hardly with the number of rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ebi_rules.criteria.nodes import CodeAtom, Criterion, code_atoms
from ebi_rules.engines.checked_extract import CheckedExtract
from ebi_rules.engines.code_matching import code_fields
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.engines.polars_answers import all_hold, with_numbers
from ebi_rules.rule_model.rule_logic import RuleLogic
from ebi_rules.translate.polars import Answering


@dataclass(frozen=True)
class DecidedRows:
    """An extract's rows with the answer to every criterion.

    Attributes:
        frame: The rows in the extract's order, not yet read: its own columns and those named below.
        columns: The boolean column of each criterion.
        matched_codes: The column that lists the matched codes, by field of codes; empty unless `explain`.
    """

    frame: pl.LazyFrame
    columns: Mapping[Criterion, str]
    matched_codes: Mapping[str, str]

    def all_hold(self, criteria: Iterable[Criterion]) -> pl.Expr:
        """Return the expression that all the criteria hold."""
        return all_hold(self.columns[criterion] for criterion in criteria)


def decide_rows(checked: CheckedExtract, criteria: Sequence[Criterion], explain: bool = False) -> DecidedRows:
    """Decide every criterion for every row of an extract.

    The columns of codes are read now; the rows are read when the result is collected.

    Args:
        checked: The extract; it must have what the criteria need.
        criteria: The criteria.
        explain: List the codes that matched.
    """
    atoms = list(dict.fromkeys(atom for criterion in criteria for atom in code_atoms(criterion)))
    frame = checked.extract.table.frame
    answers: dict[CodeAtom, pl.Expr] = {}
    matched_codes: dict[str, str] = {}
    for field in code_fields(checked.extract, atoms):
        frame = field.join_verdicts(frame, explain)
        answers |= field.verdicts()
        if explain:
            matched_codes[field.name] = field.matched
    frame, numbers = with_numbers(frame, checked.fields, checked.values)

    def answer(node: Criterion) -> pl.Expr | None:
        return answers[node] if node in answers else checked.values.decide(node)

    translator = Answering(answer, numbers)
    columns = {criterion: f"{PREFIX}criterion_{place}" for place, criterion in enumerate(criteria)}
    decided = [translator.visit(criterion).alias(name) for criterion, name in columns.items()]
    return DecidedRows(frame.with_columns(decided), columns, matched_codes)


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
