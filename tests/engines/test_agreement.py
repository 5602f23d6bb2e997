"""Flags and SQL agree with the reference on extracts dense around the low back imaging rule's boundaries."""

import pytest

from ebi_rules.catalogue import rule
from ebi_rules.layouts import find_layout
from tests.engines.agreement import LAYOUTS, dense_case
from tests.engines.case import Case
from tests.engines.dense import random_extract
from tests.engines.evaluators import EVALUATORS, REFERENCE, takes


@pytest.fixture(scope="module", params=LAYOUTS)
def dense(request: pytest.FixtureRequest) -> Case:
    return dense_case(request.param, 2_000, seed=11)


def test_every_evaluator_agrees_under_every_variant(dense: Case) -> None:
    expected = REFERENCE(dense)
    flagged = [sum(flags[place] for flags in expected.values()) for place in range(len(dense.rules))]
    assert all(count > 5 for count in flagged), "the extract is not dense enough to show anything"
    for name, evaluate in EVALUATORS.items():
        if takes(name, dense):
            assert evaluate(dense) == expected, name


def test_a_layout_without_order_agrees_too() -> None:
    layout = find_layout("sus-cds-op")
    readings = [reading for name, reading in rule("2S").readings().items() if name != "sequenced"]
    case = Case(layout, readings, *random_extract(layout, 2_000, seed=12))
    expected = REFERENCE(case)
    for name, evaluate in EVALUATORS.items():
        if takes(name, case):
            assert evaluate(case) == expected, name
