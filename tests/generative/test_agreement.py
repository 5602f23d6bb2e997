"""Every evaluator gives the reference's rows, on rules and extracts that Hypothesis makes up."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebi_rules import criteria as nodes
from ebi_rules.criteria import Criterion
from tests.engines.evaluators import EVALUATORS, REFERENCE, takes
from tests.engines.making import LAYOUTS, Row, make_case, make_rule
from tests.generative import strategies


@pytest.mark.parametrize("layout", LAYOUTS)
@given(data=st.data())
def test_every_evaluator_gives_the_references_rows(layout: str, data: st.DataObject) -> None:
    criteria: list[Criterion] = data.draw(st.lists(strategies.criteria, min_size=1, max_size=2), label="criteria")
    rows: list[Row] = data.draw(strategies.rows(delimited=layout == "ncdr-opa"), label="rows")
    rule = make_rule({f"criterion_{place}": criterion for place, criterion in enumerate(criteria)})
    case = make_case(layout, [rule], rows)
    expected = REFERENCE(case)
    for name, evaluate in EVALUATORS.items():
        if takes(name, case):
            assert evaluate(case) == expected, name


def test_no_kind_of_node_is_left_out() -> None:
    """Whatever kind of node there is, the strategies build it."""
    built: set[type] = set()

    @settings(max_examples=400, derandomize=True, database=None)
    @given(strategies.criteria)
    def collect(criterion: Criterion) -> None:
        built.update(map(type, _nodes(criterion)))

    collect()
    assert built == set(get_args(nodes.Criterion))


def _nodes(criterion: Criterion) -> list[Criterion]:
    match criterion:
        case nodes.And(operands) | nodes.Or(operands):
            return [criterion, *(node for operand in operands for node in _nodes(operand))]
        case nodes.Not(operand):
            return [criterion, *_nodes(operand)]
    return [criterion]
