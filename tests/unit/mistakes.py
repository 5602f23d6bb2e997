"""Mistakes that analysts make in rule files, each planted in a good file, with the checks that may find it.

`python -m tests.unit.mistakes` prints what finds each.
"""

from dataclasses import dataclass

from ebi_rules.lint.finding import NOTE
from ebi_rules.lint.linter import check_rule_text
from ebi_rules.rule_model.catalogue import codes_by_rule, shared_definitions

IMAGING = """\
key = "our_imaging"
title = "Imaging of the spine"
dataset = "outpatient"
status = "local"
source = "Made up for a test, 2026"
edition = "2026-01"
about = "A made-up rule."
eligible = ["adult", "no_cancer", "not_private"]

[codes.opcs]
spine_scan = ["U05[45]"]
scan = ["U13[26]", "U21[16]"]
spine_site = ["Z66[35]", "O162"]

[codes.icd]
back_pain = ["M54[59]"]

[criteria]
imaging = "procedure(spine_scan) OR (procedure(scan) AND procedure(spine_site))"
back_pain = "diagnosis(back_pain)"
seen = "attendance_status IN ('5', '6')"
adult = "age BETWEEN 19 AND 120"
no_cancer = "NOT diagnosis(cancer)"
not_private = "administrative_category <> '02'"

[[examples]]
about = "MRI of the spine"
activity = { procedures = ["U055"], diagnoses = ["M545"], age = 19, attendance_status = "5" }
flagged = true

[[examples]]
about = "ultrasound of bone, lumbar"
activity = { procedures = ["U132", "Z665"], diagnoses = ["M545"], age = 45, attendance_status = "6" }
flagged = true

[[examples]]
about = "the site first"
activity = { procedures = ["Z665", "U132"], diagnoses = ["I10X", "M545"], age = 45, attendance_status = "6" }
flagged = true

[[examples]]
about = "MRI of the spine after another procedure"
activity = { procedures = ["X629", "U055"], diagnoses = ["M545"], age = 45, attendance_status = "6" }
flagged = true

[[examples]]
about = "cancer first"
activity = { procedures = ["U055"], diagnoses = ["C509", "M545"], age = 45, attendance_status = "5" }
flagged = false
stopped_by = "no_cancer"

[[examples]]
about = "ultrasound of bone without a site"
activity = { procedures = ["U132"], diagnoses = ["M545"], age = 45, attendance_status = "6" }
flagged = false
stopped_by = "imaging"

[[examples]]
about = "a site without a scan"
activity = { procedures = ["Z665"], diagnoses = ["M545"], age = 45, attendance_status = "6" }
flagged = false
stopped_by = "imaging"

[[examples]]
about = "no scan"
activity = { diagnoses = ["M545"], age = 45, attendance_status = "6" }
flagged = false
stopped_by = "imaging"

[[examples]]
about = "no back pain"
activity = { procedures = ["U055"], age = 45, attendance_status = "6" }
flagged = false
stopped_by = "back_pain"

[[examples]]
about = "did not attend"
activity = { procedures = ["U055"], diagnoses = ["M545"], age = 45, attendance_status = "3" }
flagged = false
stopped_by = "seen"

[[examples]]
about = "a child"
activity = { procedures = ["U055"], diagnoses = ["M545"], age = 18, attendance_status = "5" }
flagged = false
stopped_by = "adult"

[[examples]]
about = "cancer"
activity = { procedures = ["U055"], diagnoses = ["M545", "C509"], age = 45, attendance_status = "5" }
flagged = false
stopped_by = "no_cancer"

[[examples]]
about = "a private patient"
activity.procedures = ["U055"]
activity.diagnoses = ["M545"]
activity.age = 45
activity.attendance_status = "5"
activity.administrative_category = "02"
flagged = false
stopped_by = "not_private"
"""

OPERATION = """\
key = "our_operation"
title = "Arthroscopy of the knee"
dataset = "admitted"
status = "local"
source = "Made up for a test, 2026"
edition = "2026-01"
about = "A made-up rule."
eligible = ["adult", "no_cancer", "planned"]

[codes.opcs]
arthroscopy = ["W85[12]"]
knee = ["Z84[56]"]

[codes.icd]
arthritis = ["M15", "M17"]

[criteria]
operation = "primary_procedure(arthroscopy)"
knee = "secondary_procedure(knee)"
arthritis = "primary_diagnosis(arthritis)"
adult = "age BETWEEN 19 AND 120"
no_cancer = "NOT diagnosis(cancer)"
planned = "NOT starts_with(admission_method, '2')"

[[examples]]
about = "an arthroscopy of the knee"
activity = { procedures = ["W851", "Z846"], diagnoses = ["M170"], age = 19, admission_method = "11" }
flagged = true

[[examples]]
about = "the site first"
activity = { procedures = ["Z846", "W851"], diagnoses = ["M170"], age = 45, admission_method = "11" }
flagged = false
stopped_by = "operation"

[[examples]]
about = "after another operation"
activity = { procedures = ["X629", "W851", "Z846"], diagnoses = ["M170"], age = 45, admission_method = "11" }
flagged = false
stopped_by = "operation"

[[examples]]
about = "two operations"
activity = { procedures = ["W851", "X629", "Z846"], diagnoses = ["M170", "I10X"], age = 45, admission_method = "11" }
flagged = true

[[examples]]
about = "arthritis as a later diagnosis"
activity = { procedures = ["W851", "Z846"], diagnoses = ["I10X", "M170"], age = 45, admission_method = "11" }
flagged = false
stopped_by = "arthritis"

[[examples]]
about = "no operation"
activity = { procedures = ["X629", "Z846"], diagnoses = ["M170"], age = 45, admission_method = "11" }
flagged = false
stopped_by = "operation"

[[examples]]
about = "no site"
activity = { procedures = ["W851"], diagnoses = ["M170"], age = 45, admission_method = "11" }
flagged = false
stopped_by = "knee"

[[examples]]
about = "no arthritis"
activity = { procedures = ["W851", "Z846"], age = 45, admission_method = "11" }
flagged = false
stopped_by = "arthritis"

[[examples]]
about = "a child"
activity = { procedures = ["W851", "Z846"], diagnoses = ["M170"], age = 18, admission_method = "11" }
flagged = false
stopped_by = "adult"

[[examples]]
about = "cancer"
activity = { procedures = ["W851", "Z846"], diagnoses = ["M170", "C509"], age = 45, admission_method = "11" }
flagged = false
stopped_by = "no_cancer"

[[examples]]
about = "an emergency"
activity = { procedures = ["W851", "Z846"], diagnoses = ["M170"], age = 45, admission_method = "21" }
flagged = false
stopped_by = "planned"
"""


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Attributes:
        about: What somebody did.
        good: The file in which it is planted.
        old: The text that is replaced, once.
        new: What replaces it.
        checks: The checks, of which at least one must find it.
    """

    about: str
    good: str
    old: str
    new: str
    checks: tuple[str, ...]


READING = ("reading",)
_CANCER = '[codes.icd]\nback_pain = ["M54[59]"]\n'
_OWN_CANCER = '"NOT diagnosis(cancer)"'

MISTAKES = (
    Mistake("a site code among the diagnoses", IMAGING, '"M54[59]"]', '"M54[59]", "Z665"]', ("other-classification",)),
    Mistake("O16.2 among the diagnoses", IMAGING, '"M54[59]"]', '"M54[59]", "O162"]', ("other-classification",)),
    Mistake(
        "a diagnosis among the procedures", IMAGING, '["U05[45]"]', '["U05[45]", "M545"]', ("other-classification",)
    ),
    Mistake("a range reversed", OPERATION, '"M15", "M17"', '"M17-M15"', READING),
    Mistake(
        "D37 to D49, without carcinoma in situ",
        IMAGING,
        _CANCER,
        _CANCER + 'tumour = ["C00-C99", "D00-D09", "D37-D49"]\n',
        ("near-shared-list", "reading"),
    ),
    Mistake(
        "C44 left out of cancer",
        IMAGING,
        _CANCER,
        _CANCER + 'tumour = ["C00-C43", "C45-C99", "D00-D09", "D37-D48"]\n',
        ("near-shared-list", "reading"),
    ),
    Mistake(
        "a scan of no stated part",
        IMAGING,
        "(procedure(scan) AND procedure(spine_site))",
        "procedure(scan)",
        ("scan-without-site",),
    ),
    Mistake("age 18 for 19", IMAGING, "BETWEEN 19 AND", "BETWEEN 18 AND", ("age-band",)),
    Mistake("age above 18, without an upper limit", IMAGING, "age BETWEEN 19 AND 120", "age > 18", ("age-band",)),
    Mistake("ages reversed", IMAGING, "BETWEEN 19 AND 120", "BETWEEN 120 AND 19", ("never-holds", "reading")),
    Mistake(
        "AND and OR without parentheses",
        IMAGING,
        "(procedure(scan) AND procedure(spine_site))",
        "procedure(scan) AND procedure(spine_site)",
        ("mixed-and-or",),
    ),
    Mistake(
        "OR for AND",
        IMAGING,
        "procedure(scan) AND procedure(spine_site)",
        "procedure(scan) OR procedure(spine_site)",
        ("no-operation", "reading"),
    ),
    Mistake(
        "a site as the first procedure",
        OPERATION,
        "secondary_procedure(knee)",
        "primary_procedure(knee)",
        ("site-first",),
    ),
    Mistake(
        "the two lists of procedures swapped",
        OPERATION,
        '"primary_procedure(arthroscopy)"\nknee = "secondary_procedure(knee)"',
        '"primary_procedure(knee)"\nknee = "secondary_procedure(arthroscopy)"',
        ("site-first",),
    ),
    Mistake(
        "a list of diagnoses asked of procedures",
        OPERATION,
        "primary_diagnosis(arthritis)",
        "primary_procedure(arthritis)",
        READING,
    ),
    Mistake("'2' for '02'", IMAGING, "<> '02'", "<> '2'", READING),
    Mistake("'05' for '5'", IMAGING, "IN ('5', '6')", "IN ('05', '06')", READING),
    Mistake(
        "sex in letters",
        IMAGING,
        "age BETWEEN 19 AND 120",
        "age BETWEEN 19 AND 120 AND NOT sex = 'M'",
        ("unknown-value",),
    ),
    Mistake(
        "emergency admissions without 2A to 2D",
        OPERATION,
        "NOT starts_with(admission_method, '2')",
        "NOT admission_method IN ('21', '22', '23', '24', '25', '28')",
        ("part-of-group",),
    ),
    Mistake(
        "an admission method that does not exist",
        OPERATION,
        "starts_with(admission_method, '2')",
        "starts_with(admission_method, '4')",
        ("unknown-value",),
    ),
    Mistake(
        "cancer excluded as the first diagnosis only",
        IMAGING,
        _OWN_CANCER,
        '"NOT primary_diagnosis(cancer)"',
        ("excluded-first-only",),
    ),
    Mistake("a code twice", IMAGING, '["U13[26]", "U21[16]"]', '["U13[26]", "U21[16]", "U132"]', ("pattern-twice",)),
    Mistake("parentheses for a class", OPERATION, "W85[12]", "W85(12)", READING),
    Mistake("the letter O for the digit 0", IMAGING, "U05[45]", "UO5[45]", READING),
    Mistake("a wildcard from the script", IMAGING, "U05[45]", "%U05[45]%", READING),
    Mistake("NOT lost before cancer", IMAGING, _OWN_CANCER, '"diagnosis(cancer)"', READING),
    Mistake("= for <>", IMAGING, "<> '02'", "= '02'", READING),
    Mistake(
        "the exclusion of what is required",
        IMAGING,
        _OWN_CANCER,
        '"NOT diagnosis(back_pain)"',
        ("excludes-everything", "contradiction", "reading"),
    ),
    Mistake("a field misspelt", IMAGING, "attendance_status IN", "attendence_status IN", READING),
    Mistake("a list that nothing uses", OPERATION, '"secondary_procedure(knee)"', '"procedure_recorded"', READING),
    Mistake(
        "the first operation asked in a later place",
        OPERATION,
        "primary_procedure(arthroscopy)",
        "secondary_procedure(arthroscopy)",
        READING,
    ),
    Mistake("the wrong chapter letter", OPERATION, '["W85[12]"]', '["E34[1-9]"]', ("chapter-letter", "reading")),
    Mistake(
        "codes of the knee that no longer ask for the knee",
        OPERATION,
        '["Z84[56]"]',
        '["Z84[56]", "W85[1-3]"]',
        ("mixed-list",),
    ),
)


def planted(mistake: Mistake) -> str:
    """Return the good file with the mistake in it; where a list is new, cancer is excluded by it."""
    assert mistake.good.count(mistake.old) == 1, mistake.about
    text = mistake.good.replace(mistake.old, mistake.new)
    return text.replace(_OWN_CANCER, '"NOT diagnosis(tumour)"') if "tumour = " in text else text


def checks_that_find(text: str) -> set[str]:
    """Return the checks that find an error or a warning in a rule file."""
    findings = check_rule_text(text, "rule.toml", shared_definitions(), None, codes_by_rule())
    return {finding.check for finding in findings if finding.severity != NOTE}


def main() -> None:
    """Print what finds each mistake."""
    caught = 0
    for mistake in MISTAKES:
        checks = checks_that_find(planted(mistake))
        caught += bool(checks)
        print(f"| {mistake.about} | {', '.join(sorted(checks)) or 'nothing'} |")
    print(f"{caught} of {len(MISTAKES)}")


if __name__ == "__main__":
    main()
