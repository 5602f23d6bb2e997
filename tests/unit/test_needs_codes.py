"""Which criteria can only hold with a code in one of their lists; all others must be counted over every row."""

import pytest

from ebi_rules.criteria.code_need import needs_codes
from ebi_rules.criteria.nodes import NamedCodes
from ebi_rules.criteria.parser import parse
from opcs_icd import CodeList

LISTS = {"scan": NamedCodes("scan", CodeList.opcs(["U05"])), "cancer": NamedCodes("cancer", CodeList.icd(["C00-C99"]))}


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("procedure(scan)", True),
        ("primary_procedure(scan)", True),
        ("procedure_followed_by(scan, scan)", True),
        ("procedure(scan) AND age BETWEEN 19 AND 120", True),
        ("procedure(scan) OR (diagnosis(cancer) AND procedure_recorded)", True),
        ("NOT procedure(scan)", False),
        ("NOT (NOT procedure(scan))", True),
        ("procedure(scan) OR age BETWEEN 19 AND 120", False),
        ("procedure_recorded", False),
        ("diagnosis_recorded AND NOT diagnosis(cancer)", False),
        ("administrative_category <> '02'", False),
    ],
)
def test_needs_codes(text: str, needed: bool) -> None:
    assert needs_codes(parse(text, LISTS)) is needed
