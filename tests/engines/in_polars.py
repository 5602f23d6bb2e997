"""Polars: streaming, in-memory, and the bare expression where one expression can reach the codes."""

import polars as pl

from ebi_rules.engines import lazy_frames as collecting
from ebi_rules.engines.polars_flags import flag_columns, prepare
from ebi_rules.rule_model.rule import criteria_of
from tests.engines.case import Case, Flags
from tests.engines.engine import Evaluator


def streaming(case: Case) -> Flags:
    prepared = prepare(case.extract, case.binding, criteria_of(case.rules))
    names = [f"flag {place}" for place in range(len(case.rules))]
    columns = [flag_columns(prepared, [rule])[0].alias(name) for rule, name in zip(case.rules, names, strict=True)]
    frame = collecting.collect(prepared.frame.select(pl.col(case.binding.key), *columns))
    assert frame[case.binding.key].to_list() == case.activity[case.binding.key].to_list(), "rows lost their order"
    return case.flags([frame[name].to_list() for name in names])


def in_memory(case: Case) -> Flags:
    before = collecting.ENGINE
    collecting.ENGINE = "in-memory"
    try:
        return streaming(case)
    finally:
        collecting.ENGINE = before


def expression(case: Case) -> Flags:
    asked = [rule.expr(case.layout, case.activity.columns, any_dataset=True) for rule in case.rules]
    columns = [case.activity.select(each).to_series() for each in asked]
    assert not any(column.has_nulls() for column in columns), "an expression gave a null"
    return case.flags([column.to_list() for column in columns])


def _version() -> str:
    return pl.__version__


EVALUATORS = (
    Evaluator("Polars streaming", "Polars", streaming, _version),
    Evaluator("Polars in-memory", "Polars", in_memory, _version),
    Evaluator("Polars expression", "Polars", expression, _version, takes=lambda layout: not layout.is_child),
)
