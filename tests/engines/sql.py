"""What the SQL evaluators share: the tables of a case, the predicate as a query, and rows as flags."""

from collections.abc import Iterable, Sequence

import polars as pl

from ebi_rules.rules import Rule
from ebi_rules.translate.dialects import find_dialect, identifier
from ebi_rules.translate.statements import statement
from opcs_icd import ICD10, OPCS4, CodeSystem
from tests.engines.case import Case, Flags

_CHILD_NAMES = {OPCS4: "procedure_table", ICD10: "diagnosis_table"}


def tables(case: Case) -> dict[str, pl.DataFrame]:
    return {"activity_table": case.activity, **{_CHILD_NAMES[system]: frame for system, frame in case.children.items()}}


def child_names(case: Case) -> dict[CodeSystem, str]:
    return {system: _CHILD_NAMES[system] for system in case.children}


def predicate_query(case: Case, rule: Rule, dialect: str) -> str:
    """Give a query that asks the bare predicate and its denial: both never unknown, so never both untrue."""
    text = statement([rule], dialect, case.binding, "activity_table", "predicate")
    key = identifier(case.binding.key, find_dialect(dialect)).sql(dialect)
    return f"SELECT {key}, CASE WHEN {text} THEN 1 WHEN NOT ({text}) THEN 0 END FROM activity_table"


def merge(results: Iterable[Sequence[tuple[int, int]]]) -> Flags:
    """Put the flags of several statements side by side, by key. A flag that is neither 1 nor 0 is a defect."""
    flags: Flags = {}
    for rows in results:
        for key, flag in rows:
            assert flag in (0, 1), f"a flag is {flag!r}"
            flags[key] = (*flags.get(key, ()), bool(flag))
    return flags
