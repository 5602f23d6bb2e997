"""Flags and SQL agree with the reference on extracts dense around the low back imaging rule's boundaries."""

from functools import cache

import pytest

from ebi_rules.catalogue import rule
from ebi_rules.layouts import find_layout
from tests.engines.agreement import LAYOUTS, dense_case
from tests.engines.case import Case, Flags
from tests.engines.dense import random_extract
from tests.engines.evaluators import EVALUATORS, REFERENCE, disagreements, require


@cache
def _dense(layout: str) -> tuple[Case, Flags]:
    if layout == "sus-cds-op":  # It keeps no order of codes, which `sequenced` asks for.
        chosen = find_layout(layout)
        readings = [reading for name, reading in rule("2S").readings().items() if name != "sequenced"]
        case = Case(chosen, readings, *random_extract(chosen, 2_000, seed=12))
    else:
        case = dense_case(layout, 2_000, seed=11)
    return case, REFERENCE(case)


@pytest.mark.parametrize("layout", [*LAYOUTS, "sus-cds-op"])
@pytest.mark.parametrize("name", EVALUATORS)
def test_every_evaluator_agrees_under_every_variant(name: str, layout: str) -> None:
    case, expected = _dense(layout)
    flagged = [sum(flags[place] for flags in expected.values()) for place in range(len(case.rules))]
    assert all(count > 5 for count in flagged), "the extract is not dense enough to show anything"
    evaluator = require(name)
    if not evaluator.takes(case):
        pytest.skip("one expression cannot reach a child table")
    assert disagreements(evaluator, case, expected) == []
