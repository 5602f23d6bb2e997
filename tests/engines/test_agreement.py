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
    if layout == "sus-cds-op":  # It keeps no order of codes, which `sequenced` asks for.
        chosen = find_layout(layout)
        variants = [variant for name, variant in rule("2S").interpretations.items() if name != "sequenced"]
        case = Case(chosen, variants, *random_extract(chosen, rows, seed=12))
    else:
        case = dense_case(layout, rows, seed=11)
    return case, REFERENCE(case)


@pytest.mark.parametrize(("name", "layout"), pairs([*LAYOUTS, "sus-cds-op"]))
def test_every_evaluator_agrees_under_every_variant(name: str, layout: str) -> None:
    evaluator = started(name)
    case, expected = _dense(layout, _ROWS if evaluator.examples == 1 else _ROWS_FOR_SLOW)
    flagged = [sum(flags[place] for flags in expected.values()) for place in range(len(case.rules))]
    assert all(count > 0 for count in flagged), "the extract is not dense enough to show anything"
    assert disagreements(evaluator, case, expected) == []
