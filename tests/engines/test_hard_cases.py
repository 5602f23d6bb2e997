"""What no published rule has, and every engine must take: lists of thousands, and column names that need quoting."""

from dataclasses import replace

import pytest

from ebi_rules.layouts.layout import Layout, Numbered, find_layout
from tests.engines.case import Case
from tests.engines.evaluators import EVERY_EVALUATOR, REFERENCE, disagreements, pairs, started
from tests.engines.making import LAYOUTS, make_case, make_rule


def _agrees(name: str, case: Case) -> None:
    assert disagreements(started(name), case, REFERENCE(case)) == []


@pytest.mark.parametrize(("name", "layout"), pairs(LAYOUTS[:1]))
def test_a_list_of_two_thousand_prefixes_runs(name: str, layout: str) -> None:
    """A flat OR of so many terms breaks SQLite and DataFusion; grouped, it breaks none."""
    many = [f"{letter}{number:03d}" for letter in "ABCDEFGHJK" for number in range(0, 1000, 5)]
    assert len(many) == 2_000
    rule = make_rule({"many": "procedure(many)", "not_first": "NOT primary_procedure(many)"}, {"many": many})
    rows = [{"procedures": codes} for codes in (["A000", "K995"], ["X001", "K995"], ["A001"], ["X001", "E0051"], [])]
    # As a bare predicate it has the raw text once for every few codes, which some parsers take half a minute to read.
    case = replace(make_case(layout, [rule], rows), with_predicates=False)
    assert [flag for (flag,) in REFERENCE(case).values()] == [False, True, False, True, False]
    _agrees(name, case)


HARD_NAMES = ["the code", "select", "Order", "per cent %", "a-b", "GROUP", "1st", "date", 'q"uote', "é", "user", "a;b"]
"""Names of columns that exist: with blanks and signs, reserved words, digits first, a quotation mark, an accent."""


@pytest.mark.parametrize("hard", HARD_NAMES)
@pytest.mark.parametrize("name", EVERY_EVALUATOR)
def test_a_column_may_have_any_name(name: str, hard: str) -> None:
    rule = make_rule(
        {
            "scan": "procedure(scan) AND NOT diagnosis(cancer)",
            "adult": "age >= 19",
            "nhs": "administrative_category <> '02'",
        },
        {"scan": ["U05"]},
        {"cancer": ["C50"]},
    )
    _agrees(
        name,
        make_case(
            _named(hard),
            [rule],
            [
                {"procedures": ["U054"], "diagnoses": ["M545"], "age": 30, "administrative_category": "01"},
                {"procedures": ["U054"], "diagnoses": ["C509"], "age": 30, "administrative_category": "01"},
                {"procedures": ["U054"], "diagnoses": None, "age": None, "administrative_category": None},
                {"procedures": ["U054"], "diagnoses": None, "age": 19, "administrative_category": " 2"},
            ],
        ),
    )


def _named(hard: str) -> Layout:
    """Return a layout every column of which has a hard name."""
    fields = {
        name: (f"{hard} {place}" if place else hard,)
        for place, name in enumerate(["administrative_category", "age", "id"])
    }
    codes = {
        "procedures": Numbered((f"{hard} procedures",)),
        "diagnoses": Numbered((f"{hard} diagnoses NN",), positions=3),
    }
    return replace(find_layout("ncdr-opa"), fields=fields, codes=codes)
