"""Each construct of the criterion language in English, as a person would say it."""

import pytest

from ebi_rules.criteria.nodes import NamedCodes
from ebi_rules.criteria.parser import parse
from ebi_rules.translate.english import say
from opcs_icd import CodeList

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
        ("age BETWEEN 19 AND 120", "the patient is aged 19 to 120"),
        ("NOT age BETWEEN 19 AND 120", "the patient is not aged 19 to 120, or their age is not recorded"),
        ("age >= 19", "the patient is aged 19 or over"),
        ("age < 19", "the patient is aged under 19"),
        ("age <= 18", "the patient is aged 18 or under"),
        ("age IN (1, 2)", "the patient is aged 1 or 2"),
        ("age IS NULL", "the patient's age is not recorded"),
        ("imd_decile BETWEEN 1 AND 2", "the deprivation decile is between 1 and 2"),
        ("NOT imd_decile >= 3", "the deprivation decile is not 3 or more, or is not recorded"),
        ("administrative_category = '02'", "the administrative category is 02 (private patient)"),
        (
            "administrative_category <> '02'",
            "the administrative category is not 02 (private patient), or is not recorded",
        ),
        (
            "administrative_category IS NOT NULL AND administrative_category <> '02'",
            "the administrative category is recorded and is not 02 (private patient)",
        ),
        ("sex IS NULL", "the sex is not recorded"),
        (
            "attendance_status IN ('5', '6')",
            "the attendance status is 5 (attended on time) or 6 (arrived late but was seen)",
        ),
        ("starts_with(admission_method, '2')", "the admission method code begins with 2 (emergency)"),
        (
            "NOT starts_with(admission_method, '2')",
            "the admission method code does not begin with 2 (emergency), or is not recorded",
        ),
        (
            "admission_method IS NOT NULL AND NOT starts_with(admission_method, '2')",
            "the admission method is recorded and its code does not begin with 2 (emergency)",
        ),
        ("NOT NOT procedure_recorded", "at least one procedure is recorded"),
        ("NOT (procedure_recorded OR diagnosis_recorded)", "no procedure is recorded and no diagnosis is recorded"),
        (
            "NOT (procedure_recorded AND diagnosis_recorded)",
            "it is not the case that both at least one procedure is recorded and at least one diagnosis is recorded",
        ),
        (
            "NOT (secondary_procedure(scan) AND secondary_procedure(site))",
            "it is not the case that secondary procedure codes are recorded both for a spinal scan and for the lumbar "
            "spine",
        ),
        (
            "NOT (age < 19 AND sex = '1' AND procedure_recorded)",
            "it is not the case that all of these are true: the patient is aged under 19; the sex is 1 (male); and at "
            "least one procedure is recorded",
        ),
        ("age < 19 OR sex = '1'", "either the patient is aged under 19 or the sex is 1 (male)"),
        (
            "(age < 19 AND sex = '1') OR procedure_recorded",
            "either the patient is aged under 19 and the sex is 1 (male), or at least one procedure is recorded",
        ),
        (
            "(age < 19 AND sex = '1') OR procedure_recorded OR diagnosis_recorded",
            "at least one of these is true: the patient is aged under 19 and the sex is 1 (male); at least one "
            "procedure is recorded; or at least one diagnosis is recorded",
        ),
        (
            "(age < 19 OR sex = '1') AND procedure_recorded",
            "both of these are true: either the patient is aged under 19 or the sex is 1 (male); and at least one "
            "procedure is recorded",
        ),
        (
            "((age < 19 OR sex = '1') AND procedure_recorded) OR diagnosis_recorded",
            "at least one of these is true: (both of these are true: either the patient is aged under 19 or the sex is "
            "1 (male); and at least one procedure is recorded); or at least one diagnosis is recorded",
        ),
    ],
)
def test_a_clause(criterion: str, clause: str) -> None:
    english = say(parse(criterion, LISTS), WORDS)
    assert english.replace(", and", " and") == clause
