"""Each construct of the criterion language as a clause a person would say."""

import pytest

from ebi_rules.criteria.parser import parse
from ebi_rules.translate.english import say
from opcs_icd import CodeList
from tests.engines.making import NamedCodes

LISTS = {
    "scan": NamedCodes("scan", CodeList.opcs(["U05[45]"])),
    "site": NamedCodes("site", CodeList.opcs(["Z665"])),
    "cancer": NamedCodes("cancer", CodeList.icd(["C00-C99"])),
}
WORDS = {"scan": "a spinal scan", "site": "the lumbar spine"}


@pytest.mark.parametrize(
    ("criterion", "clause"),
    [
        ("procedure(scan)", "a procedure code for a spinal scan is recorded"),
        ("primary_procedure(scan)", "the primary procedure is a spinal scan"),
        ("diagnosis(cancer)", "a diagnosis code for cancer (C00 to C99) is recorded"),
        ("NOT diagnosis(cancer)", "no diagnosis code for cancer (C00 to C99) is recorded"),
        ("NOT secondary_procedure(scan)", "no secondary procedure code for a spinal scan is recorded"),
        (
            "procedure(scan) AND procedure(site)",
            "procedure codes are recorded both for a spinal scan and for the lumbar spine",
        ),
        (
            "procedure_followed_by(scan, site)",
            "a procedure code for a spinal scan is followed by one for the lumbar spine",
        ),
        (
            "NOT procedure_followed_by(scan, site)",
            "no procedure code for a spinal scan is followed by one for the lumbar spine",
        ),
        ("procedure_recorded", "at least one procedure is recorded"),
        ("NOT diagnosis_recorded", "no diagnosis is recorded"),
        ("age BETWEEN 19 AND 120", "the patient is 19 to 120 years old"),
        ("NOT age BETWEEN 19 AND 120", "the patient is not 19 to 120 years old, or no age is recorded"),
        ("age >= 19", "the patient is at least 19 years old"),
        ("age < 19", "the patient is under 19 years old"),
        ("age IN (1, 2)", "the age is 1 or 2"),
        ("imd_decile BETWEEN 1 AND 2", "the deprivation decile is 1 to 2"),
        ("administrative_category = '02'", "the administrative category is 02 (private patient)"),
        (
            "administrative_category <> '02'",
            "the administrative category is not 02 (private patient), or is not recorded",
        ),
        (
            "administrative_category IS NOT NULL AND administrative_category <> '02'",
            "an administrative category is recorded and the administrative category is not 02 (private patient)",
        ),
        ("sex IS NULL", "no sex is recorded"),
        (
            "attendance_status IN ('5', '6')",
            "the attendance status is 5 (attended on time) or 6 (arrived late but was seen)",
        ),
        ("starts_with(admission_method, '2')", "the admission method begins with 2 (emergency)"),
        (
            "NOT starts_with(admission_method, '2')",
            "the admission method does not begin with 2 (emergency), or is not recorded",
        ),
        ("NOT NOT procedure_recorded", "at least one procedure is recorded"),
        ("NOT (procedure_recorded OR diagnosis_recorded)", "no procedure is recorded and no diagnosis is recorded"),
    ],
)
def test_a_clause(criterion: str, clause: str) -> None:
    said = say(parse(criterion, LISTS), WORDS)
    assert said.replace(", and", " and") == clause
