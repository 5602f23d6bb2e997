"""Flags and SQL agree with the reference on extracts dense around the low back imaging rule's boundaries."""

from functools import cache

import pytest

from ebi_rules.layouts.layout import find_layout
from ebi_rules.rule_model.catalogue import rule
from tests.engines.agreement import LAYOUTS, dense_case
from tests.engines.case import Case, Flags
from tests.engines.dense import random_extract
from tests.engines.evaluators import REFERENCE, disagreements, pairs, started

_ROWS = 1_000
_ROWS_FOR_SLOW = 100


@cache
def _dense(layout: str, rows: int) -> tuple[Case, Flags]:
    """Return an extract in which every variant flags something, and the reference's flags."""
    for seed in range(11, 200):
        case = _case(layout, rows, seed)
        flags = REFERENCE(case)
        if all(any(row[place] for row in flags.values()) for place in range(len(case.rules))):
            return case, flags
    raise AssertionError("no extract is dense enough to show anything")


def _case(layout: str, rows: int, seed: int) -> Case:
    if layout != "sus-cds-op":
        return dense_case(layout, rows, seed=seed)
    # This layout keeps no order of codes, which `sequenced` asks for.
    chosen = find_layout(layout)
    variants = [variant for name, variant in rule("2S").interpretations.items() if name != "sequenced"]
    return Case(chosen, variants, *random_extract(chosen, rows, seed=seed))


@pytest.mark.parametrize(("name", "layout"), pairs([*LAYOUTS, "sus-cds-op"]))
def test_every_evaluator_agrees_under_every_variant(name: str, layout: str) -> None:
    evaluator = started(name)
    case, expected = _dense(layout, _ROWS if evaluator.examples == 1 else _ROWS_FOR_SLOW)
    assert disagreements(evaluator, case, expected) == []
