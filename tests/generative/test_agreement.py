"""Every evaluator gives the reference's rows, on rules, layouts and extracts that Hypothesis makes up."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ebi_rules.criteria import nodes
from ebi_rules.criteria.nodes import CODE_FIELDS, SPELL_FIELD, Criterion, Position
from ebi_rules.layouts.layout import ChildTable
from tests.engines.case import Case
from tests.engines.evaluators import EVALUATORS, REFERENCE, disagreements, started
from tests.generative.strategies import CELLS, ENDS, SEPARATORS, cases

_FEWEST = 8
"""How many cases even the slowest evaluator is given."""

_BUILT_IN = [name for name, evaluator in EVALUATORS.items() if evaluator.built_in]
_GROUPS = [
    pytest.param(_BUILT_IN, id="built in"),
    *(
        pytest.param(
            [name for name, evaluator in EVALUATORS.items() if evaluator.engine == engine],
            id=engine,
            marks=pytest.mark.needs(engine),
        )
        for engine in dict.fromkeys(each.engine for each in EVALUATORS.values() if not each.built_in)
    ),
]


@pytest.mark.parametrize("names", _GROUPS)
def test_every_evaluator_gives_the_references_rows(names: list[str]) -> None:
    evaluators = [started(name) for name in names]

    @settings(max_examples=max(_FEWEST, int(settings.default.max_examples * evaluators[0].examples)))
    @given(cases())
    def agree(case: Case) -> None:
        expected = REFERENCE(case)
        for evaluator in evaluators:
            if evaluator.takes(case.layout):
                assert disagreements(evaluator, case, expected) == [], evaluator.name

    agree()


class _AllFoundError(Exception):
    """Every form was found: there is no need to go on."""


@pytest.mark.long
def test_no_form_is_left_out() -> None:
    """Whatever kind of node, position, shape of layout, separator or empty cell there is, some case contains it."""
    missing = dict(_forms())
    flagged: set[bool] = set()

    @settings(
        max_examples=5_000,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def collect(case: Case) -> None:
        for form in [form for form, found in missing.items() if found(case)]:
            del missing[form]
        flagged.update(flag for flags in REFERENCE(case).values() for flag in flags)
        if not missing and len(flagged) == 2:
            raise _AllFoundError

    with suppress(_AllFoundError):
        collect()
    assert list(missing) == []
    assert flagged == {True, False}


def _forms() -> Iterator[tuple[str, Callable[[Case], bool]]]:
    """Return every form that cases must come to hold, with how to tell."""
    for kind in get_args(nodes.Criterion):
        yield f"node {kind.__name__}", lambda case, kind=kind: any(isinstance(node, kind) for node in _nodes(case))
    for place in Position:
        yield (
            f"position {place}",
            lambda case, place=place: any(
                isinstance(node, nodes.HasCode) and node.position is place for node in _nodes(case)
            ),
        )
    for name in CODE_FIELDS:
        every = ["one text", "numbered", "child in order", "child without order"]
        for shape in every[:1] if name in SPELL_FIELD.values() else every:
            yield f"{name} as {shape}", lambda case, name=name, shape=shape: _shape(case, name) == shape
        for separator in SEPARATORS:
            yield (
                f"{separator!r} between {name}",
                lambda case, name=name, separator=separator: any(
                    separator in (text or "").strip("|,; ") for text in _texts(case, name)
                ),
            )
        for end in filter(None, ENDS):
            yield (
                f"{end!r} before {name}",
                lambda case, name=name, end=end: any(
                    text and text.startswith(end) and text.strip("|,; ") for text in _texts(case, name)
                ),
            )
            yield (
                f"{end!r} behind {name}",
                lambda case, name=name, end=end: any(
                    text and text.endswith(end) and text.strip("|,; ") for text in _texts(case, name)
                ),
            )
        for cell in CELLS:
            yield (
                f"cell {cell!r} for {name}",
                lambda case, name=name, cell=cell: cell in _texts(case, name),
            )
    yield "no rows", lambda case: case.activity.is_empty()
    yield "a field of two columns", lambda case: any(len(columns) > 1 for columns in case.layout.fields.values())
    yield "several rules", lambda case: len(case.rules) > 1


def _shape(case: Case, name: str) -> str:
    shape = case.layout.codes[name]
    if isinstance(shape, ChildTable):
        return "child in order" if shape.position else "child without order"
    return "one text" if shape.positions == 1 else "numbered"


def _texts(case: Case, name: str) -> list[str | None]:
    """Return the cells of one text a row, where a layout keeps codes so."""
    if _shape(case, name) != "one text":
        return []
    (column,) = case.binding.code_columns(name)
    return case.activity[column].to_list()


def _nodes(case: Case) -> Iterator[Criterion]:
    def walk(criterion: Criterion) -> Iterator[Criterion]:
        yield criterion
        match criterion:
            case nodes.And(operands) | nodes.Or(operands):
                for operand in operands:
                    yield from walk(operand)
            case nodes.Not(operand):
                yield from walk(operand)

    for rule in case.rules:
        for criterion in rule.criteria.values():
            yield from walk(criterion)
