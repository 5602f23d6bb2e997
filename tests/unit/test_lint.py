"""Lint: each check finds what it is for, at its line, and is silent over a good file."""

from pathlib import Path

import pytest

from ebi_rules.lint.finding import ERROR, NOTE, WARNING, Finding
from ebi_rules.lint.linter import lint
from ebi_rules.rule_model.catalogue import codes_by_rule, contents, shared
from opcs_icd.reference import Reference

REFERENCE = Path(__file__).parents[2] / "fixtures" / "reference"

GOOD = """\
key = "made_up"
title = "Made up"
dataset = "admitted"
status = "local"
source = "why_unanswerable"
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

Found = tuple[str, str, int]


def look(content: str, reference: bool = False) -> list[Finding]:
    return lint(content, "made_up.toml", shared(), Reference.read(REFERENCE) if reference else None, codes_by_rule())


def found(content: str, reference: bool = False) -> set[Found]:
    return {(each.severity, each.check, each.line) for each in look(content, reference)}


def test_a_good_file_has_no_findings() -> None:
    assert look(GOOD) == []
    assert look(GOOD, reference=True) == []


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
        ('source = "why_unanswerable"\n', "", (ERROR, "reading", 1)),
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
def test_each_check_finds_what_it_is_for(old: str, new: str, expected: Found) -> None:
    assert old in GOOD
    assert expected in found(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"K36"]', '"K367"]', (ERROR, "no-such-code", 13)),
        ('excision = ["H01[12]"]', 'excision = ["H01[123]"]', (WARNING, "code-ended", 10)),
    ],
)
def test_codes_are_held_against_the_classification(old: str, new: str, expected: Found) -> None:
    assert expected in found(GOOD.replace(old, new, 1), reference=True)


@pytest.mark.parametrize(
    ("new", "expected"),
    [('look = ["W853"]', (WARNING, "code-not-begun", 9)), ('look = ["W85"]', (WARNING, "unexpected-siblings", 9))],
)
def test_an_older_edition_is_held_against_the_release_of_its_time(new: str, expected: Found) -> None:
    older = GOOD.replace('edition = "2024-01"', 'edition = "2021-01"')
    assert expected in found(older.replace(LOOK, new), reference=True)


def test_a_code_turned_round_between_editions_is_told() -> None:
    older = GOOD.replace(
        "[variants.elective]",
        '[editions."2020-01".criteria]\noperation = "diagnosis(inflammation)"\n\n[variants.elective]',
    )
    assert (NOTE, "turned-round", 15) in found(older)


def test_every_problem_of_a_file_is_told_at_once() -> None:
    broken = GOOD.replace(LOOK, 'look = ["W85(12)", "I50"]').replace('"adult"', '"adlut"', 1)
    assert [(each.line, each.check) for each in look(broken)] == [(9, "reading"), (9, "reading"), (18, "reading")]


def test_the_catalogue_has_no_errors_and_the_warnings_that_we_know() -> None:
    every = [
        (name, each)
        for name, content in contents().items()
        for each in lint(content, name, shared(), None, codes_by_rule())
    ]
    assert [(name, str(each)) for name, each in every if each.severity == ERROR] == []
    # The port of the earlier grommets coding asks for ages 0 to 17, and the edition keeps what it asks.
    warned = [(name, each.check) for name, each in every if each.severity == WARNING]
    assert warned == [("1G_grommets.toml", "age-band")]
