"""Decisions about criteria: possible, implied, equivalent. A few cases to read; tests/generative has generated ones."""

import pytest

from ebi_rules.criteria.logic import equivalent, implies, possible, witness
from ebi_rules.criteria.nodes import And, Criterion, NamedCodes, Not
from ebi_rules.criteria.parser import parse
from ebi_rules.rule_model.catalogue import shared_definitions
from opcs_icd import CodeList

LISTS = {
    "spine": NamedCodes("spine", CodeList.opcs(["U05[45]"])),
    "imaging": NamedCodes("imaging", CodeList.opcs(["U05", "U13"])),
    "site": NamedCodes("site", CodeList.opcs(["Z665"])),
    **shared_definitions().lists,
}


def criterion(text: str) -> Criterion:
    return parse(text, LISTS, shared_definitions().criteria)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("procedure(spine) AND NOT procedure(imaging)", False),
        ("procedure(imaging) AND NOT procedure(spine)", True),
        ("primary_procedure(spine) AND primary_procedure(site)", False),
        ("procedure_followed_by(spine, site) AND primary_procedure(site)", True),
        ("procedure_followed_by(spine, site) AND NOT secondary_procedure(site)", False),
        ("NOT procedure_recorded AND procedure(site)", False),
        ("dominant_procedure(spine) AND NOT procedure_recorded", True),
        ("adult AND age < 19", False),
        ("age IS NOT NULL", True),
        ("age > 18 AND age < 20", True),
        ("starts_with(admission_method, '2') AND admission_method = '2A'", True),
        ("starts_with(admission_method, '2') AND admission_method IN ('11', '12')", False),
    ],
)
def test_possible(text: str, answer: bool) -> None:
    assert possible(criterion(text)) is answer


def test_implied_and_equivalent() -> None:
    spine, imaging = criterion("procedure(spine)"), criterion("procedure(imaging)")
    assert implies(spine, imaging)
    assert not implies(imaging, spine)
    assert equivalent(And((spine, imaging)), spine)


@pytest.mark.parametrize("text", ["secondary_procedure(site)", "procedure_followed_by(spine, imaging)"])
def test_one_code_is_neither_secondary_nor_follows_itself(text: str) -> None:
    activity = witness(criterion(text))
    assert activity is not None
    assert len(activity.codes["procedures"]) == 2


def test_a_witness_is_plain() -> None:
    activity = witness(And((criterion("procedure_followed_by(spine, site)"), Not(criterion("adult")))))
    assert activity is not None
    assert activity.codes["procedures"] == ("U054", "Z665")
    assert activity.fields["age"] is None
