"""Lint: each check finds its own defect, at the right line, and finds nothing in a good file."""

from pathlib import Path

import pytest

from ebi_rules.lint.finding import ERROR, NOTE, WARNING, Finding
from ebi_rules.lint.linter import check_rule_text
from ebi_rules.rule_model.catalogue import builtin_files, codes_by_rule, shared_definitions
from opcs_icd.reference import Reference

REFERENCE = Path(__file__).parents[2] / "fixtures" / "reference"

GOOD = """\
key = "made_up"
title = "Made up"
dataset = "admitted"
status = "local"
source = "none"
edition = "2024-01"

[codes.opcs]
look = ["W85[12]"]
excision = ["H01[12]"]

[codes.icd]
inflammation = ["K35[238]", "K36"]

[criteria]
operation = "primary_procedure(look) OR procedure(excision)"
no_inflammation = "NOT diagnosis(inflammation)"
adult = "adult"

[variants.elective]
about = "Elective alone."
criteria.elective = "elective"

[[examples]]
about = "a look"
activity = { procedures = ["W851"], age = 30 }
flagged = true

[[examples]]
about = "an excision"
activity = { procedures = ["H011"], age = 30 }
flagged = true

[[examples]]
about = "an excision after another operation"
activity = { procedures = ["X629", "H011"], age = 30 }
flagged = true

[[examples]]
about = "a look after another operation"
activity = { procedures = ["X629", "W851"], age = 30 }
flagged = false
stopped_by = "operation"

[[examples]]
about = "inflamed, after another diagnosis"
activity = { procedures = ["W851"], diagnoses = ["I10", "K36"], age = 30 }
flagged = false
stopped_by = "no_inflammation"

[[examples]]
about = "neither"
activity = { age = 30 }
flagged = false
stopped_by = "operation"

[[examples]]
about = "inflamed"
activity = { procedures = ["W851"], diagnoses = ["K36"], age = 30 }
flagged = false
stopped_by = "no_inflammation"

[[examples]]
about = "a child"
activity = { procedures = ["W851"], age = 3 }
flagged = false
stopped_by = "adult"

[[examples]]
about = "not elective"
variant = "elective"
activity = { procedures = ["W851"], age = 30, admission_method = "21" }
flagged = false
stopped_by = "elective"
"""

Place = tuple[str, str, int]
"""Severity, check and line of a finding."""


def findings(content: str, with_reference: bool = False) -> list[Finding]:
    reference = Reference.read(REFERENCE) if with_reference else None
    return check_rule_text(content, "made_up.toml", shared_definitions(), reference, codes_by_rule())


def places(content: str, with_reference: bool = False) -> set[Place]:
    return {(finding.severity, finding.check, finding.line) for finding in findings(content, with_reference)}


def test_a_good_file_has_no_findings() -> None:
    assert findings(GOOD) == []
    assert findings(GOOD, with_reference=True) == []


ADULT = 'adult = "adult"'
OPERATION = "primary_procedure(look) OR procedure(excision)"
LOOK = 'look = ["W85[12]"]'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (LOOK, 'look = ["W85(12)"]', (ERROR, "reading", 9)),
        (LOOK, 'look = ["W85[12]"]\nmore = ["W90"]', (ERROR, "reading", 10)),
        ('"K35[238]", "K36"]', '"I50", "K36"]\nheart = []', (ERROR, "reading", 14)),
        ("NOT diagnosis(inflammation)", "NOT diagnosis(look)", (ERROR, "reading", 17)),
        ('source = "none"\n', "", (ERROR, "reading", 1)),
        ('edition = "2024-01"\n', "", (ERROR, "reading", 1)),
        (LOOK, 'look = ["W85[12]", "W851"]', (WARNING, "pattern-twice", 9)),
        (LOOK, 'look = ["W8512"]', (WARNING, "no-code-matches", 9)),
        ('"K36"]', '"K36", "M2325"]', (NOTE, "fifth-character", 13)),
        ('excision = ["H01[12]"]', 'excision = ["W85[12]"]', (WARNING, "same-list", 10)),
        ('excision = ["H01[12]"]', 'excision = ["W85"]', (NOTE, "list-in-list", 9)),
        (
            'inflammation = ["K35[238]", "K36"]',
            'inflammation = ["Z67[567]", "Z993"]',
            (WARNING, "other-classification", 13),
        ),
        (LOOK, 'look = ["E34[1-9]", "E361"]', (WARNING, "chapter-letter", 9)),
        (
            ADULT,
            "adult = \"adult\"\nbones = \"treatment_function IN ('108', '110')\"",
            (NOTE, "code-of-the-time", 19),
        ),
        (ADULT, 'adult = "age BETWEEN 19 AND 120 AND age > 130"', (ERROR, "never-holds", 18)),
        (ADULT, 'adult = "age < 19 OR NOT age < 19"', (WARNING, "always-holds", 18)),
        (ADULT, 'adult = "adult"\nolder = "age BETWEEN 0 AND 18"', (ERROR, "contradiction", 19)),
        (
            "NOT diagnosis(inflammation)",
            "NOT (procedure(look) OR procedure(excision))",
            (ERROR, "excludes-everything", 17),
        ),
        (ADULT, 'adult = "adult"\nsurgery = "procedure_recorded"', (WARNING, "changes-nothing", 19)),
        (OPERATION, "procedure(look) OR primary_procedure(look) OR procedure(excision)", (WARNING, "redundant", 16)),
        (OPERATION, "procedure(look) OR procedure(look) AND procedure(excision)", (WARNING, "redundant", 16)),
        (OPERATION, "primary_procedure(look) OR procedure(excision) AND elective", (WARNING, "mixed-and-or", 16)),
        (LOOK, 'look = ["W85[12]", "Y767"]', (WARNING, "no-operation", 15)),
        (ADULT, 'adult = "age BETWEEN 18 AND 120"', (WARNING, "age-band", 18)),
        (ADULT, 'adult = "age >= 19"', (WARNING, "age-band", 18)),
        (ADULT, 'adult = "age BETWEEN 0 AND 18 OR age BETWEEN 15 AND 120"', (WARNING, "age-band", 18)),
        (
            'criteria.elective = "elective"',
            'criteria.adult = "age BETWEEN 19 AND 120"',
            (WARNING, "variant-changes-nothing", 20),
        ),
        (
            'activity = { procedures = ["H011"], age = 30 }',
            'activity = { procedures = ["W852"], age = 30 }',
            (WARNING, "no-example", 16),
        ),
    ],
)
def test_each_check_finds_its_defect(old: str, new: str, expected: Place) -> None:
    assert old in GOOD
    assert expected in places(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"K36"]', '"K367"]', (ERROR, "no-such-code", 13)),
        ('excision = ["H01[12]"]', 'excision = ["H01[123]"]', (WARNING, "code-ended", 10)),
    ],
)
def test_codes_are_checked_against_the_classification(old: str, new: str, expected: Place) -> None:
    assert expected in places(GOOD.replace(old, new, 1), with_reference=True)


@pytest.mark.parametrize(
    ("new", "expected"),
    [('look = ["W853"]', (WARNING, "code-not-begun", 9)), ('look = ["W85"]', (WARNING, "unexpected-siblings", 9))],
)
def test_an_older_edition_is_checked_against_the_release_of_its_time(new: str, expected: Place) -> None:
    older = GOOD.replace('edition = "2024-01"', 'edition = "2021-01"')
    assert expected in places(older.replace(LOOK, new), with_reference=True)


def test_a_code_turned_round_between_editions_is_reported() -> None:
    older = GOOD.replace(
        "[variants.elective]",
        '[editions."2020-01".criteria]\noperation = "diagnosis(inflammation)"\n\n[variants.elective]',
    )
    assert (NOTE, "turned-round", 15) in places(older)


def test_every_problem_of_a_file_is_reported_at_once() -> None:
    broken = GOOD.replace(LOOK, 'look = ["W85(12)", "I50"]').replace('"adult"', '"adlut"', 1)
    assert [(each.line, each.check) for each in findings(broken)] == [(9, "reading"), (9, "reading"), (18, "reading")]


AS_PORTED = {
    # The port of the earlier coding asks for ages 0 to 17, and the edition keeps what it asks.
    ("1G_grommets.toml", "age-band"),
}
"""The only warnings about rule files of the package, by file and check."""


def test_the_catalogue_has_no_errors_and_only_the_warnings_that_we_know() -> None:
    reported = [
        (file.name.rpartition("/")[2], finding)
        for file in builtin_files()
        for finding in check_rule_text(file.content, file.name, file.shared, None, codes_by_rule())
    ]
    assert [(name, str(finding)) for name, finding in reported if finding.severity == ERROR] == []
    warnings = [(name, finding.check) for name, finding in reported if finding.severity == WARNING]
    assert sorted(warnings) == sorted(AS_PORTED)
