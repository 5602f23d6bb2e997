"""Polars: streaming, in-memory, and the bare expression where one expression can reach the codes."""

import polars as pl

from ebi_rules.engines import lazy_frames
from ebi_rules.engines.checked_extract import checked_rows, fields_to_read, reading
from ebi_rules.engines.polars_flags import decide_rows, flag_columns
from ebi_rules.layouts.layout import Layout
from ebi_rules.rule_model.rule_logic import criteria_of
from tests.engines.case import Case, Flags
from tests.engines.engine import Evaluator


def streaming(case: Case) -> Flags:
    rules = [rule.logic for rule in case.rules]
    criteria = criteria_of(rules)
    decided = decide_rows(fields_to_read(case.extract, criteria)[0], criteria)
    names = [f"flag {place}" for place in range(len(case.rules))]
    columns = [flag_columns(decided, [rule])[0].alias(name) for rule, name in zip(rules, names, strict=True)]
    with reading(decided.reader):
        frame = lazy_frames.collect(decided.frame.select(pl.col(case.binding.key), *columns))
    checked_rows(decided.reader, criteria)
    assert frame[case.binding.key].to_list() == case.activity[case.binding.key].to_list(), "rows lost their order"
    return case.flags([frame[name].to_list() for name in names])


def in_memory(case: Case) -> Flags:
    before = lazy_frames.ENGINE
    lazy_frames.ENGINE = "in-memory"
    try:
        return streaming(case)
    finally:
        lazy_frames.ENGINE = before


def expression(case: Case) -> Flags:
    asked = [rule.expr(case.layout, available=case.activity.columns, any_dataset=True) for rule in case.rules]
    columns = [case.activity.select(each).to_series() for each in asked]
    assert not any(column.has_nulls() for column in columns), "an expression gave a null"
    return case.flags([column.to_list() for column in columns])


def _is_one_table(layout: Layout) -> bool:
    """Return whether an expression reaches all that criteria ask: no second table, and no age to work out."""
    return not layout.is_child and "birth_date" not in layout.fields


def _version() -> str:
    return pl.__version__


EVALUATORS = (
    Evaluator("Polars streaming", "Polars", streaming, _version, built_in=True),
    Evaluator("Polars in-memory", "Polars", in_memory, _version, built_in=True),
    Evaluator("Polars expression", "Polars", expression, _version, built_in=True, takes=_is_one_table),
)
